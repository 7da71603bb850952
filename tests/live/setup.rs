//! Servers that are set up: statements that run once before the first run, and settings
//! that vary.

use std::process::Command;

use crate::Outcome;
use crate::sandbox::{Sandbox, check};

const SCHEMA: &str = "\
CREATE DATABASE shop;
USE shop;
CREATE TABLE item (id INT PRIMARY KEY);
DELIMITER //
CREATE PROCEDURE add_item(n INT) BEGIN INSERT INTO item VALUES (n); END//
DELIMITER ;
-- onlyif mysql
INSERT INTO item VALUES (100);
CALL add_item(1);
";

/// A flavour has what its setup made, each run anew; a statement that is refused is named.
pub(crate) fn once(sandbox: &Sandbox) -> Outcome {
    sandbox.file("schema.sql", SCHEMA);
    for (number, program) in [(2, "gzip"), (3, "xz")] {
        let file = sandbox.file(
            &format!("more-{number}.sql"),
            &format!("CALL shop.add_item({number});\n"),
        );
        let packed = Command::new(program).args(["-f"]).arg(&file).status()?;
        check(packed.success(), format!("{program} fails"))?;
    }
    sandbox.file(
        "items.slt",
        "query I\nSELECT SUM(id) FROM shop.item\n----\n6\n\nstatement ok\nCALL shop.add_item(9)\n",
    );
    let run = |setup: &str| {
        let text = format!(
            "[defaults]\nsetup = {setup}\n[[flavour]]\nserver = \"mariadb:10.11\"\n\
             [[suite]]\nname = \"items\"\nfiles = [\"items.slt\"]\n"
        );
        let matrix = sandbox.matrix("setup.toml", &text);
        sandbox.run(&["run", matrix.to_str().expect("a plain path")])
    };
    let all = "[\"schema.sql\", \"more-*\"]";
    run(all).expect(0)?.says("running its setup")?;
    let again = run(all).expect(0)?;
    check(
        !again.stderr.contains("running its setup"),
        "the setup is run once more",
    )?;
    sandbox.file("bad.sql", "USE shop;\nINSERT INTO\n  item VALUES (1);\n");
    run("[\"schema.sql\", \"bad.sql\"]")
        .expect(3)?
        .says("bad.sql`, line 2: ERROR 1062")?
        .says("of: INSERT INTO item VALUES (1)")?;
    let twice = run("[\"schema.sql\", \"more-*\", \"more-2.sql.gz\"]").expect(3)?;
    check(
        !twice.stderr.contains("installing"),
        "the server is installed once more",
    )
}

/// A flavour that varies is one for each value, and its server is installed once.
pub(crate) fn varied(sandbox: &Sandbox) -> Outcome {
    sandbox.file(
        "charset.slt",
        "onlyif mariadb-10.11-latin1\nquery TT\n\
         SELECT @@character_set_server, @@collation_server\n----\nlatin1 latin1_swedish_ci\n\n\
         onlyif mariadb-10.11-utf8mb4\nquery T\nSELECT @@character_set_server\n----\nutf8mb4\n",
    );
    let run = |values: &str| {
        let text = format!(
            "[[flavour]]\nserver = \"mariadb:10.11\"\n\
             vary = {{ character-set-server = [{values}] }}\n\
             [[suite]]\nname = \"charset\"\nfiles = [\"charset.slt\"]\n"
        );
        let matrix = sandbox.matrix("varied.toml", &text);
        sandbox.run(&["run", matrix.to_str().expect("a plain path")])
    };
    let two = run("\"utf8mb4\", \"latin1\"").expect(0)?;
    let installed = two.stderr.matches(": installing").count();
    // None where an earlier run of this case has left its golden child.
    check(
        installed <= 1,
        format!("the server is installed {installed} times"),
    )?;
    let other = run("\"latin1\", \"utf8mb3\"").expect(0)?;
    check(
        !other.stderr.contains(": installing"),
        "the server is installed once more for another value",
    )
}

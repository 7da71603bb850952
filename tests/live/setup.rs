//! Statements that are run once, before the first run.

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

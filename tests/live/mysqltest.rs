//! The servers' own tests by their own program.

use std::fs;

use super::Outcome;
use super::compare::PAIR;
use super::sandbox::{Sandbox, check, text};

/// MariaDB's tests on MariaDB and on MySQL: what passes, what is skipped, what
/// fails there and is known; and no copy of a server is left.
pub(crate) fn own_tests(sandbox: &Sandbox) -> Outcome {
    let suite = |tests: &str| {
        let suite =
            format!("[[suite]]\nname = \"own\"\nmysqltest = \"mariadb\"\ntests = {tests}\n");
        sandbox.matrix("servers-own.toml", &format!("{PAIR}\n{suite}"))
    };
    let matrix = suite("[\"bool\", \"func_equal\", \"debug_sync\"]");
    let ran = sandbox
        .run(&["run", text(&matrix)])
        .expect(1)?
        .says("3 passed, 1 failed, 2 skipped")?
        .says("FAIL main/bool.test")?;
    check(
        ran.stdout
            .contains("+Warning\t1287\tSetting user variables"),
        ran.stdout.clone(),
    )?;
    let known = "[[divergence]]\nstatement = \"main/bool\"\nflavours = [\"mysql\"]\nkinds = [\"rows\"]\nreason = \"MySQL warns of variables in expressions\"\n";
    let path = sandbox.folder.join("own.divergences.toml");
    fs::write(&path, known)?;
    sandbox
        .run(&["run", text(&matrix)])
        .expect(0)?
        .says("1 known failure")?;
    fs::write(&path, known.replace("\"mysql\"", "\"mariadb\""))?;
    sandbox
        .run(&["run", text(&matrix), "--flavour", "mariadb-10.11"])
        .expect(1)?
        .says("STALE")?;
    fs::remove_file(&path)?;
    let listed = sandbox.run(&["list"]).expect(0)?;
    check(
        listed.stdout.contains("mysqltest-mariadb"),
        "the tool is kept",
    )?;
    check(!listed.stdout.contains("copy of"), listed.stdout)?;
    sandbox.run(&["exec", "--all", "--", "true"]).expect(0)?;
    let none = suite("[\"no_such_test\"]");
    sandbox
        .run(&["run", text(&none)])
        .expect(1)?
        .says("choose no test")?;
    Ok(())
}

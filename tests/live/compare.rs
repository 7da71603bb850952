//! Where flavours differ: found, known, stale, new; and what a gate makes of it.

use std::fs;

use super::Outcome;
use super::sandbox::{Sandbox, check, text};

pub(crate) const PAIR: &str =
    "[[flavour]]\nserver = \"mysql:9.7\"\n\n[[flavour]]\nserver = \"mariadb:10.11\"\n";

/// The matrix that shows the feature off: all differences are known.
pub(crate) fn known(sandbox: &Sandbox) -> Outcome {
    let ran = sandbox
        .run(&["run", "matrices/differences.toml"])
        .expect(0)?
        .says("differ as is known")?;
    check(!ran.stdout.contains("DIFF"), ran.stdout)?;
    let ran = sandbox
        .run(&[
            "run",
            "matrices/differences.toml",
            "--baseline",
            "mysql-9.7",
            "--all-differences",
        ])
        .expect(0)?
        .says("known: MySQL has no RETURNING")?;
    check(
        ran.stdout.contains("mysql-9.7 answers:"),
        "the baseline's outcome leads",
    )?;
    sandbox
        .run(&["run", "matrices/differences.toml", "--baseline", "mysql-1"])
        .expect(2)?
        .says("`mysql-9.7`")?;
    Ok(())
}

/// A new difference fails, a proposal wants a reason, a reason makes it known,
/// and one that happens no more is stale.
pub(crate) fn gate(sandbox: &Sandbox) -> Outcome {
    let sql = "CREATE TABLE t (a INT);\nINSERT INTO t VALUES (1), (2) RETURNING a;\nSELECT JSON_TYPE(1);\nSELECT COUNT(*) >= 0 AS n FROM t;\n";
    sandbox.file("gate.sql", sql);
    let suite = "[[suite]]\nname = \"s\"\nfiles = [\"gate.sql\"]\nexpect = \"agreement\"\n";
    let matrix = sandbox.matrix("gate.toml", &format!("{PAIR}\n{suite}"));
    let run = || sandbox.run(&["run", text(&matrix), "--ci"]);
    let ran = run().expect(1)?.says("DIFF")?.says("2 new differences")?;
    check(
        ran.stdout.contains("mysql-9.7 answers:") || ran.stdout.contains("mysql-9.7 differs"),
        ran.stdout,
    )?;
    sandbox
        .run(&["run", text(&matrix), "--update"])
        .says("gate.sql.divergences.toml")?;
    run().expect(2)?.says("expected a reason")?;
    let path = sandbox.folder.join("gate.sql.divergences.toml");
    let proposed = fs::read_to_string(&path)?;
    let reviewed = proposed.replace("reason = \"\"", "reason = \"families differ\"");
    fs::write(&path, &reviewed)?;
    run().expect(0)?.says("2 steps differ as is known")?;
    let gone = "\n[[divergence]]\nstatement = \"SELECT COUNT(*) >= 0 AS n FROM t\"\nflavours = [\"mariadb\"]\nkinds = [\"rows\"]\nreason = \"it did\"\n";
    fs::write(&path, format!("{reviewed}{gone}"))?;
    run()
        .expect(1)?
        .says("STALE")?
        .says("it differs no more on mariadb-10.11")?;
    let expired = reviewed.replace("kinds =", "expires = 2020-01-01\nkinds =");
    fs::write(&path, expired)?;
    run().expect(1)?.says("expired on 2020-01-01")?;
    fs::write(&path, "[[divergence]]\nstatment = \"x\"\n")?;
    run().expect(2)?.says("did you mean `statement`?")?;
    Ok(())
}

/// A failing expectation that is known does not fail; one elsewhere does.
pub(crate) fn known_failure(sandbox: &Sandbox) -> Outcome {
    sandbox.file(
        "family.slt",
        "statement ok\nCREATE SEQUENCE numbers\n\nstatement ok\nSELECT 1\n",
    );
    let suite = "[[suite]]\nname = \"s\"\nfiles = [\"family.slt\"]\n";
    let matrix = sandbox.matrix("family.toml", &format!("{PAIR}\n{suite}"));
    sandbox
        .run(&["run", text(&matrix)])
        .expect(1)?
        .says("refused on mysql-9.7")?;
    sandbox.file(
        "family.slt.divergences.toml",
        "[[divergence]]\nstatement = \"CREATE SEQUENCE numbers\"\nflavours = [\"mysql\"]\nkinds = [\"success\"]\nreason = \"MySQL has none\"\n",
    );
    sandbox
        .run(&["run", text(&matrix)])
        .expect(0)?
        .says("1 known failure")?;
    Ok(())
}

pub(crate) fn diff(sandbox: &Sandbox) -> Outcome {
    let matrix = sandbox.matrix("pair.toml", PAIR);
    let diff = |sql: &str| sandbox.run(&["diff", text(&matrix), "-e", sql]);
    diff("SELECT 1 + 1").expect(0)?;
    diff("CREATE SEQUENCE s")
        .expect(1)?
        .says("DIFF -e:1: succeeds here, fails there")?;
    diff("SELECT nothing").expect(0)?.says("error text only")?;
    diff("SELECT n FROM (SELECT 1 AS n UNION SELECT 2) AS t ORDER BY n; SELECT @@version")
        .expect(1)?
        .says("DIFF -e:1: rows")?;
    let file = sandbox.file("order.sql", "SELECT 1;\n\nSELECT NEXTVAL(s);\n");
    sandbox
        .run(&[
            "diff",
            text(&matrix),
            text(&file),
            "--baseline",
            "mysql-9.7",
        ])
        .expect(1)?
        .says("order.sql:3")?;
    Ok(())
}

/// Volatile values, tolerances and kinds are the suite's own choice.
pub(crate) fn rules(sandbox: &Sandbox) -> Outcome {
    sandbox.file(
        "rules.sql",
        "SELECT @@version;\nSELECT 0.5 + IF(@@version LIKE '%Maria%', 1e-9, 0);\nSELECT CAST(1 AS SIGNED) + 1;\n",
    );
    let suite = |more: &str| {
        let suite = format!(
            "[[suite]]\nname = \"s\"\nfiles = [\"rules.sql\"]\nexpect = \"agreement\"\n{more}"
        );
        let matrix = sandbox.matrix("rules.toml", &format!("{PAIR}\n{suite}"));
        sandbox.run(&["run", text(&matrix)])
    };
    suite("").expect(1)?.says("2 new differences")?;
    let replace = "replace = [{ pattern = '^\\d+\\.\\d+\\.\\d+.*', with = \"<version>\" }]\n";
    suite(replace).expect(1)?.says("0.500000001")?;
    suite(&format!("{replace}tolerance = 1e-6\n")).expect(0)?;
    suite("kinds = [\"success\"]\n").expect(0)?;
    suite("kinds = [\"row\"]\n").expect(2)?.says("`rows`")?;
    suite("tolerance = 2\n").expect(2)?;
    Ok(())
}

/// A hanging statement is killed on the server, and the rest goes on.
pub(crate) fn limits(sandbox: &Sandbox) -> Outcome {
    sandbox.file(
        "hang.slt",
        "query I\nSELECT SLEEP(300)\n----\n0\n\nquery I\nSELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT SLEEP%'\n----\n0\n",
    );
    let suite = |limits: &str| {
        let suite = format!("[[suite]]\nname = \"s\"\nfiles = [\"hang.slt\"]\n{limits}");
        let matrix = sandbox.matrix("hang.toml", &format!("{PAIR}\n{suite}"));
        sandbox.run(&["run", text(&matrix)])
    };
    suite("step-timeout = \"500ms\"\n")
        .expect(1)?
        .says("2 passed, 2 failed")?
        .says("an answer within 500ms")?;
    suite("limit = \"1s\"\n")
        .expect(1)?
        .says("the suite's time limit of 1s is over")?;
    suite("limit = \"soon\"\n").expect(2)?.says("2min")?;
    Ok(())
}

/// Retries are counted and shown; `--fail-fast` says what it left out.
pub(crate) fn flaky(sandbox: &Sandbox) -> Outcome {
    let marks = sandbox.folder.join("marks");
    fs::create_dir_all(&marks)?;
    let script = format!(
        "mark='{}'/$DBMATRIX_FLAVOUR; [ -e \"$mark\" ] || {{ touch \"$mark\"; echo not yet; exit 7; }}",
        marks.display()
    );
    let suite = format!(
        "[[suite]]\nname = \"s\"\ncommand = [\"sh\", \"-c\", '''{script}''']\nretries = 1\n"
    );
    let matrix = sandbox.matrix("flaky.toml", &format!("{PAIR}\n{suite}"));
    sandbox
        .run(&["run", text(&matrix)])
        .expect(0)?
        .says("2 flaky")?;
    sandbox.file("a.slt", "query I\nSELECT 1\n----\n2\n");
    sandbox.file("b.slt", "query I\nSELECT 1\n----\n1\n");
    let suite = "[[suite]]\nname = \"s\"\nfiles = [\"a.slt\", \"b.slt\"]\n";
    let matrix = sandbox.matrix("fast.toml", &format!("{PAIR}\n{suite}"));
    sandbox
        .run(&["run", text(&matrix), "--fail-fast"])
        .expect(1)?
        .says("were not run to the end")?;
    Ok(())
}

/// A program of one's own, as a suite and by `exec`.
pub(crate) fn command(sandbox: &Sandbox) -> Outcome {
    let script = "echo \"$DBMATRIX_FLAVOUR $DBMATRIX_VERSION ${DATABASE_URL%%:*}\"; test -n \"$MYSQL_PWD$MYSQL_DATABASE\" && test $DBMATRIX_FAMILY = mariadb";
    let suite = format!("[[suite]]\nname = \"own\"\ncommand = [\"sh\", \"-c\", '''{script}''']\n");
    let matrix = sandbox.matrix("command.toml", &format!("{PAIR}\n{suite}"));
    let ran = sandbox
        .run(&["run", text(&matrix)])
        .expect(1)?
        .says("the command failed on mysql-9.7")?;
    check(ran.stdout.contains("mysql-9.7 9.7."), ran.stdout)?;
    let log = ".dbmatrix/logs/own/mariadb-10.11.log";
    let kept = fs::read_to_string(log)?;
    check(kept.starts_with("mariadb-10.11 10.11."), kept)?;
    let folder = text(&matrix).to_owned();
    check(!folder.is_empty(), "a matrix")?;
    sandbox
        .run(&["exec", "--flavour", "mysql-9.7", "--", "sh", "-c", "exit 7"])
        .expect(7)?;
    let ran = sandbox
        .run(&[
            "exec",
            "--all",
            "--",
            "sh",
            "-c",
            "echo $DBMATRIX_VERSION; test -s \"$MYSQL_SSL_CA\" || test $DBMATRIX_FAMILY = mariadb",
        ])
        .expect(0)?;
    check(
        ran.stdout.contains("mysql-9.7     | 9.7."),
        ran.stdout.clone(),
    )?;
    sandbox
        .run(&["exec", "--flavour", "mysql-9.7", "--", "no-such-program"])
        .expect(2)?
        .says("no-such-program")?;
    Ok(())
}

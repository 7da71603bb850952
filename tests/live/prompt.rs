//! Statements at hand: on one flavour, on several at once, at a terminal.

use super::Outcome;
use super::sandbox::{Sandbox, check};
use super::terminal::Terminal;

const CTRL_C: &str = "\x03";
const CTRL_D: &str = "\x04";

pub(crate) fn forms(sandbox: &Sandbox) -> Outcome {
    let run = |form: &str, sql: &str| {
        let words = ["connect", "mysql-9.7", "--format", form, "-e", sql];
        sandbox.run(&words).expect(0)
    };
    let sql = "SELECT 1 AS n, NULL AS nothing, 'a,b' AS t, X'00FF' AS bytes";
    run("csv", sql)?.says("n,nothing,t,bytes\n1,,\"a,b\",0x00FF\n")?;
    run("tsv", sql)?.says("1\t\\N\ta,b\t0x00FF\n")?;
    run("json", sql)?.says("[{\"n\":1,\"nothing\":null,\"t\":\"a,b\",\"bytes\":\"0x00FF\"}]\n")?;
    run("table", sql)?.says("(NULL)")?;
    run("tsv", "SELECT 1\\G")?.says("1\n1\n")?;
    sandbox
        .run(&[
            "connect",
            "mysql-9.7",
            "-D",
            "mysql",
            "-e",
            "SELECT DATABASE()",
        ])
        .expect(0)?
        .says("\nmysql\n")?;
    // The first statement that is refused ends it, unless it is forced.
    let refused = "SELECT 1; SELEC; SELECT 'later'";
    let ran = sandbox
        .run(&["connect", "mysql-9.7", "-e", refused])
        .expect(1)?;
    check(!ran.stdout.contains("later"), "it went on after an error")?;
    sandbox
        .run(&["connect", "mysql-9.7", "--force", "-e", refused])
        .expect(1)?
        .says("later")?;
    Ok(())
}

pub(crate) fn side_by_side(sandbox: &Sandbox) -> Outcome {
    let pair = ["connect", "mysql-9.7", "mariadb-10.5"];
    let run = |more: &[&str]| sandbox.run(&[&pair, more].concat());
    let ran = run(&["--format", "table", "-e", "SELECT 6 * 7 AS n"]).expect(0)?;
    check(
        ran.stdout.matches("42").count() == 1,
        format!("what is equal is shown once:\n{}", ran.stdout),
    )?;
    run(&[
        "--format",
        "json",
        "-e",
        "CREATE TEMPORARY SEQUENCE mysql.s",
    ])
    .expect(1)?
    .says("\"flavours\":[\"mysql-9.7\"]")?
    .says("\"code\":1064")?;
    run(&["--format", "csv", "-e", "SELECT 'a' = 'a ' AS same"])
        .expect(0)?
        .says("mysql-9.7,0")?
        .says("mariadb-10.5,1")?;
    sandbox
        .run(&["connect", "--all", "--client", "mysql", "-e", "SELECT 1"])
        .expect(2)?
        .says("speaks with one server")?;
    Ok(())
}

/// Ctrl-C ends the statement on the server, and not the prompt.
pub(crate) fn terminal(sandbox: &Sandbox) -> Outcome {
    let mut terminal = Terminal::open("connect mysql-9.7", &sandbox.folder)?;
    terminal.shows("mysql-9.7> ")?;
    terminal.types("SELECT 6\r", "-> ")?;
    terminal.types("* 7 AS n;\r", "42")?;
    terminal.shows("1 row (")?;
    terminal.types("SET @kept = 'k' 'ept';\r", "ok, 0 rows affected")?;
    terminal.types("SELECT COUNT(*) FROM information_schema.columns a, information_schema.columns b, information_schema.columns c WHERE SLEEP(0.01) = 2;\r", "b, ")?;
    // The statement is at the server by then.
    std::thread::sleep(std::time::Duration::from_secs(1));
    terminal.types(CTRL_C, "1317")?;
    terminal.types("SELECT @kept AS it;\r", "kept")?;
    terminal.types("SELECT 'half a statement\r", "-> ")?;
    terminal.types(CTRL_C, "mysql-9.7> ")?;
    terminal.types("use mysql\r", "mysql-9.7 [mysql]> ")?;
    terminal.types("sel\t", "select")?;
    terminal.types(" COUNT(*) fro\t", "from")?;
    // The server tells its names in the background.
    terminal.types(" time_zone_na", "time_zone_na")?;
    terminal.types_until("\t", "time_zone_name")?;
    terminal.types(" WHERE Name = '';\r", "1 row (")?;
    terminal.types("\\s\r", "cipher in use is TLS")?;
    terminal.types("\\x\r", "there is no command")?;
    let status = terminal.leaves(CTRL_D)?;
    check(status == Some(0), format!("left with {status:?}"))?;
    let history = sandbox.folder.join(".local/state/dbmatrix/history");
    let history = std::fs::read_to_string(history)?;
    check(
        history.contains("* 7 AS n;"),
        format!("what was typed is kept:\n{history}"),
    )
}

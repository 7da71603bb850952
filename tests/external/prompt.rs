//! Commands other than `run` and `diff`.

use crate::Outcome;
use crate::sandbox::{Project, Sandbox, check};

const MATRIX: &str = "\
[[flavour]]
name = 'replica'
url = 'env:REPLICA_URL'

[[flavour]]
name = 'staging'
url = 'env:STAGING_URL'
permissions = 'own-databases'
";

fn project(sandbox: &Sandbox) -> Result<Project, libtest_mimic::Failed> {
    let server = sandbox.mariadb()?;
    let project = sandbox.project(&[("m.toml", MATRIX)]);
    let project = project.with("REPLICA_URL", &server.url("app", "shop"));
    Ok(project.with("STAGING_URL", &server.url("app", "")))
}

pub(crate) fn connect(sandbox: &Sandbox) -> Outcome {
    let project = project(sandbox)?;
    let connect = |arguments: &[&str]| {
        let mut all = vec!["connect", "--matrix", "m.toml"];
        all.extend(arguments);
        project.run(&all)
    };
    connect(&["replica", "-e", "SELECT COUNT(*) FROM orders"])?
        .expect(0)?
        .says("3\n")?;
    connect(&["replica", "-e", "DELETE FROM orders"])?
        .expect(1)?
        .says(
            "the statement writes (DELETE), so it was not sent; `permissions = \"own-databases\"`",
        )?;
    // The session goes on after it.
    connect(&[
        "replica",
        "--force",
        "-e",
        "SET @a = 5; DELETE FROM orders; SELECT @a",
    ])?
    .says("5\n")?;
    connect(&["--all", "-e", "SELECT 7"])?
        .expect(0)?
        .says("7")?;
    let dead = "[[flavour]]\nname = 'dead'\nurl = 'mysql://app@127.0.0.1:1/'\n";
    let mixed = |required: bool| format!("{MATRIX}{dead}required = {required}\n");
    let url = sandbox.mariadb()?.url("app", "shop");
    let mixed = sandbox
        .project(&[("o.toml", &mixed(false)), ("r.toml", &mixed(true))])
        .with("REPLICA_URL", &url)
        .with("STAGING_URL", &url);
    mixed
        .run(&["connect", "--matrix", "o.toml", "--all", "-e", "SELECT 7"])?
        .expect(0)?
        .says("warning: not required, and left out: dead: ")?
        .says("7")?;
    mixed
        .run(&["connect", "--matrix", "r.toml", "--all", "-e", "SELECT 7"])?
        .expect(3)?
        .says("dead: ")?;
    connect(&["staging", "-D", "shop", "-e", "SELECT COUNT(*) FROM orders"])?
        .expect(0)?
        .says("3\n")?;
    connect(&["replicas", "-e", "SELECT 1"])?
        .expect(2)?
        .says("did you mean `replica`?")?;
    connect(&["staging", "--client", "mariadb"])?
        .expect(2)?
        .says("is not run on external servers")?;
    let left = sandbox.mariadb()?.sql("SELECT COUNT(*) FROM shop.orders")?;
    check(left.trim() == "3", left)
}

pub(crate) fn exec(sandbox: &Sandbox) -> Outcome {
    let project = project(sandbox)?;
    let shell = [
        "--",
        "/bin/sh",
        "-c",
        "echo $DBMATRIX_FAMILY $MYSQL_DATABASE",
    ];
    let exec = |arguments: &[&str]| {
        let mut all = vec!["exec", "--matrix", "m.toml"];
        all.extend(arguments);
        all.extend(shell);
        project.run(&all)
    };
    exec(&["--flavour", "staging"])?
        .expect(0)?
        .says("mariadb dbmatrix_")?;
    for refused in [&["--all"][..], &["--flavour", "replica"]] {
        exec(refused)?
            .expect(2)?
            .says("`replica` is read-only, and a command may write")?;
    }
    let databases = sandbox.mariadb()?.sql("SHOW DATABASES LIKE 'dbmatrix%'")?;
    check(databases.is_empty(), databases)
}

pub(crate) fn other_commands(sandbox: &Sandbox) -> Outcome {
    let project = project(sandbox)?;
    project
        .run(&["up", "m.toml"])?
        .expect(0)?
        .says("ready: 2 flavours")?;
    project
        .run(&["down", "m.toml"])?
        .expect(0)?
        .says("external servers stay as they are")?;
    project
        .run(&["lock", "m.toml"])?
        .expect(2)?
        .says("`replica` is an external server, which has no packages to lock")?;
    Ok(())
}

/// What dbmatrix makes is made as ever, and without an engine it is not.
pub(crate) fn mixed(sandbox: &Sandbox) -> Outcome {
    let project = project(sandbox)?;
    let mixed = format!("flavours = ['mariadb:11.8']\n{MATRIX}");
    std::fs::write(project.path("m.toml"), mixed)?;
    let ran = project.run(&["up", "m.toml"])?;
    check(ran.status == 3 || ran.status == 2, ran.text)?;
    // What is chosen decides.
    project
        .run(&["up", "m.toml", "--flavour", "replica"])?
        .expect(0)?
        .says("ready: 1 flavour")?;
    Ok(())
}

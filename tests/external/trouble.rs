//! Servers that are not there, or not any more.

use std::net::TcpListener;
use std::time::Duration;

use crate::Outcome;
use crate::relay::Relay;
use crate::sandbox::{ESCAPED, Project, Sandbox, check};
use crate::server::free_port;

/// A flavour that is well, and one in trouble.
const MATRIX: &str = "\
[[flavour]]
name = 'good'
url = 'env:GOOD_URL'

[[flavour]]
name = 'bad'
url = 'env:BAD_URL'

[[suite]]
name = 's'
files = ['*.sql']
expect = 'agreement'
";

fn project(sandbox: &Sandbox, bad: &str) -> Result<Project, libtest_mimic::Failed> {
    let good = sandbox.mariadb()?.url("app", "shop");
    let files = [
        ("m.toml", MATRIX),
        ("a.sql", "SELECT 1;\nSELECT 'now';\nSELECT 3;\n"),
        ("b.sql", "SELECT 1;\n"),
    ];
    let project = sandbox.project(&files);
    Ok(project.with("GOOD_URL", &good).with("BAD_URL", bad))
}

fn url(port: u16) -> String {
    format!("mysql://app:{ESCAPED}@127.0.0.1:{port}/shop")
}

pub(crate) fn wrong_password(sandbox: &Sandbox) -> Outcome {
    let port = sandbox.mariadb()?.port;
    let bad = format!("mysql://app:s3cret-too@127.0.0.1:{port}/");
    project(sandbox, &bad)?
        .run(&["run", "m.toml", "-vv"])?
        .expect(3)?
        .says("bad: unavailable (required)")?
        .says("refused the login: ERROR 1045")?
        .says("4 passed, 0 failed")?
        .within(Duration::from_secs(10))?;
    Ok(())
}

pub(crate) fn refused(sandbox: &Sandbox) -> Outcome {
    project(sandbox, &url(free_port()))?
        .run(&["run", "m.toml"])?
        .expect(3)?
        .says("Connection refused")?
        .says("4 passed, 0 failed")?
        .within(Duration::from_secs(15))?;
    Ok(())
}

/// It takes connections and never greets, as an unreachable host behind a firewall.
pub(crate) fn silent(sandbox: &Sandbox) -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    let ran = project(sandbox, &url(port))?.run(&["run", "m.toml"])?;
    drop(listener);
    ran.expect(3)?
        .says("bad: unavailable (required)")?
        .says("timed out")?
        .within(Duration::from_secs(40))?;
    Ok(())
}

pub(crate) fn optional(sandbox: &Sandbox) -> Outcome {
    let project = project(sandbox, "mysql://app@nobody.invalid/")?;
    let optional = MATRIX.replace("name = 'bad'", "name = 'bad'\nrequired = false");
    std::fs::write(project.path("m.toml"), optional)?;
    project
        .run(&["run", "m.toml"])?
        .expect(0)?
        .says("bad: unavailable (not required)")?;
    project.run(&["run", "m.toml", "--strict"])?.expect(3)?;
    Ok(())
}

/// The relay is cut while a case is at work.
pub(crate) fn goes_away(sandbox: &Sandbox) -> Outcome {
    let relay = Relay::to(sandbox.mariadb()?.port, Some("SELECT 'now'"));
    let project = project(sandbox, &url(relay.port))?;
    let ran = project.run(&["run", "m.toml", "--jobs", "1"])?;
    ran.expect(1)?
        .says("good")?
        .says("aborted")?
        .says("no new session could be opened")?
        .within(Duration::from_secs(60))?;
    Ok(())
}

pub(crate) fn relayed(sandbox: &Sandbox) -> Outcome {
    let relay = Relay::to(sandbox.mariadb()?.port, None);
    let project = project(sandbox, &url(relay.port))?;
    let ran = project.run(&["run", "m.toml"])?.expect(0)?;
    check(ran.text.contains("8 passed, 0 failed"), ran.text)
}

//! Flavours that leave their nest in a file and come to another one.

use std::fs;
use std::path::Path;

use dbmatrix_containers::host::{EngineChoice, EngineProbe, detect_engine};
use dbmatrix_containers::nest::list_all;
use dbmatrix_engine::{Engine, Exec, FileMode};
use libtest_mimic::Failed;
use rustix::process::Signal;

use super::Outcome;
use super::chain::block_on;
use super::hand::{KEPT, ask, up};
use super::sandbox::{NEST, PROJECT, Sandbox, check, text};
use super::second::Second;

const FILLED: &str = "CREATE DATABASE shop; \
    CREATE TABLE shop.t (a INT); INSERT INTO shop.t VALUES (41), (42); \
    CREATE VIEW shop.v AS SELECT MAX(a) AS top FROM shop.t; \
    CREATE FUNCTION shop.f() RETURNS INT DETERMINISTIC RETURN (SELECT top FROM shop.v)";
/// A function and a view are whoever's who made them.
const ASKED: &str = "SELECT CONCAT('top ', shop.f()) AS top";

/// The host's engine.
fn host() -> Result<Engine, Failed> {
    match block_on(async { detect_engine(&EngineChoice::Any).await }) {
        EngineProbe::Running(engine) => Ok(engine.in_project(PROJECT)),
        found => Err(found.to_string().into()),
    }
}

/// Containers of a nest; none where there is no nest.
fn containers(nest: &str) -> Result<Vec<String>, Failed> {
    let host = host()?;
    let rows = block_on(async { list_all(&host, PROJECT).await })?;
    let rows = rows.into_iter().filter(|row| row.nest == nest);
    Ok(rows.map(|row| row.container).collect())
}

/// Fails unless the folder holds these files and no others.
fn holds(folder: &Path, expected: &[&str]) -> Outcome {
    let mut names = Vec::new();
    for file in fs::read_dir(folder)? {
        names.push(file?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    check(names == expected, format!("found {names:?}"))
}

pub(crate) fn export_and_import(sandbox: &Sandbox) -> Outcome {
    let ended = moved(sandbox);
    // Later trials know but one flavour of that name.
    sandbox.run(&["down", "--nest", "imported"]).expect(0)?;
    sandbox.run(&["reset", KEPT]).expect(0)?;
    ended
}

fn moved(sandbox: &Sandbox) -> Outcome {
    up(sandbox)?;
    ask(sandbox, FILLED).expect(0)?;
    let folder = sandbox.folder.join("exported");
    let file = folder.join("kept.tar.zst");
    let before = containers(NEST)?;
    let export = ["export", KEPT, &format!("{}/", text(&folder))];
    sandbox.run(&export).expect(0)?.says("dbmatrix import")?;
    sandbox.run(&export).expect(1)?.says("--force")?;
    interrupted_export(sandbox, &file)?;
    holds(&folder, &["kept.tar.zst"])?;
    check(containers(NEST)? == before, "something is left in the nest")?;
    ask(sandbox, ASKED).expect(0)?.says("top 42")?;
    // The nest is made for it.
    let import = ["import", text(&file), "--yes"];
    let ran = sandbox.run(&import).expect(0)?;
    ran.says("imported into nest `imported`, 10.11.")?;
    let over_there = ["--nest", "imported"];
    let there = |words: &[&str]| sandbox.run(&[words, &over_there].concat());
    there(&["connect", KEPT, "-e", ASKED])
        .expect(0)?
        .says("top 42")?;
    there(&["snapshot", KEPT]).expect(0)?;
    there(&["connect", KEPT, "-e", "DROP DATABASE shop"]).expect(0)?;
    there(&["restore", KEPT]).expect(0)?;
    there(&["connect", KEPT, "-e", ASKED])
        .expect(0)?
        .says("top 42")?;
    there(&["reset", KEPT, "--drop-snapshots"])
        .expect(1)?
        .says("golden child is gone")?;
    sandbox.run(&import).expect(1)?.says("--name")?;
    not_imported(sandbox, &file)?;
    left_alone(sandbox)?;
    copied(sandbox)?;
    second_engine(sandbox, &file)
}

/// Who asks for the end while it is packed has nothing of it, and a server that
/// runs.
fn interrupted_export(sandbox: &Sandbox, file: &Path) -> Outcome {
    let arguments = ["export", KEPT, text(file), "--force", "-vv"];
    let exporting = sandbox.start_until(&arguments, "/backups")?;
    let status = exporting.end_by(Signal::INT)?;
    check(status == Some(130), format!("ended with {status:?}"))
}

/// What cannot be imported leaves nothing.
fn not_imported(sandbox: &Sandbox, file: &Path) -> Outcome {
    let before = containers("imported")?;
    let whole = fs::read(file)?;
    let cut = sandbox.folder.join("cut.tar.zst");
    fs::write(&cut, &whole[..whole.len() / 2])?;
    sandbox
        .run(&["import", text(&cut), "--name", "cut"])
        .expect(1)?
        .says("truncated")?;
    let other = sandbox.file("other.sql", "SELECT 1;\n");
    sandbox
        .run(&["import", text(&other)])
        .expect(1)?
        .says("nothing that `dbmatrix export` wrote")?;
    let arguments = ["import", text(file), "--name", "late", "-vv"];
    for step in ["bring in container", "/operations/"] {
        let importing = sandbox.start_until(&arguments, step)?;
        let status = importing.end_by(Signal::INT)?;
        check(status == Some(130), format!("ended with {status:?}"))?;
        check(
            containers("imported")? == before,
            format!("something is left after `{step}`"),
        )?;
    }
    fs::remove_file(cut)?;
    Ok(())
}

/// A matrix that has a flavour of the same name in that nest.
fn left_alone(sandbox: &Sandbox) -> Outcome {
    let matrix = sandbox.file(
        "same.toml",
        "[nest]\nname = \"imported\"\n[[flavour]]\nname = \"kept\"\nserver = \"mariadb:10.11\"\n",
    );
    sandbox
        .run(&["up", text(&matrix)])
        .expect(3)?
        .says("was imported")?;
    let asked = ["connect", KEPT, "--nest", "imported", "-e", ASKED];
    sandbox.run(&asked).expect(0)?.says("top 42")?;
    Ok(())
}

/// An engine that has nothing yet, in a folder of its own: all is made there, and
/// all of it goes, and nothing here does.
fn second_engine(sandbox: &Sandbox, file: &Path) -> Outcome {
    let second = Second::start(sandbox.folder.join("second"))?;
    let socket = second.socket();
    let project = format!("{PROJECT}-2");
    let there = |words: &[&str]| {
        let place = ["--engine", text(&socket), "--project", &project];
        sandbox.run(&[&place, words].concat())
    };
    let here = containers(NEST)?;
    let imported = there(&["import", text(file), "--yes"]).expect(0);
    let asked = imported.and_then(|_| {
        let asked = there(&["connect", KEPT, "-e", ASKED]).expect(0)?;
        asked.says("top 42")
    });
    there(&["down", "--all"])
        .expect(0)?
        .says("its daemon stays as it is")?;
    asked?;
    check(containers(NEST)? == here, "something has gone here")?;
    let still = ["connect", KEPT, "--nest", NEST, "-e", "SELECT 1"];
    sandbox.run(&still).expect(0)?;
    Ok(())
}

/// Runs a script in the other nest.
fn over_there(script: &str) -> Result<String, Failed> {
    let host = host()?;
    let ran = block_on(async { host.exec("imported", &Exec::script(script)).await })?;
    check(ran.success(), ran.tail(10))?;
    Ok(ran.stdout)
}

/// The engine of the other nest is one that is reached over the network.
fn copied(sandbox: &Sandbox) -> Outcome {
    let folder = sandbox.folder.join("settings/dbmatrix");
    fs::create_dir_all(&folder)?;
    let own = |name: &str| folder.join(name);
    let (key, certificate) = (own("me.key"), own("me.crt"));
    let made = rcgen::generate_simple_self_signed(["me".to_owned()])?;
    fs::write(&key, made.signing_key.serialize_pem())?;
    fs::write(&certificate, made.cert.pem())?;
    let theirs =
        over_there("incus config set core.https_address :8443; cat /var/lib/incus/server.crt")?;
    fs::write(own("lab.crt"), theirs)?;
    let address = over_there("ip -4 -o address show eth0 | awk '{print $4}'")?;
    let address = address.trim().split('/').next().unwrap_or_default();
    let entry = |name: &str, pinned: &str| {
        format!(
            "[{name}]\naddress = \"https://{address}:8443\"\ncertificate = \"{pinned}\"\nclient-certificate = \"me.crt\"\nclient-key = \"me.key\"\n"
        )
    };
    fs::write(
        own("remotes.toml"),
        entry("lab", "lab.crt") + &entry("fake", "me.crt"),
    )?;
    let settings = sandbox.folder.join("settings");
    let settings = [("XDG_CONFIG_HOME", text(&settings))];
    let copy = |to: &str| {
        let words = ["copy", KEPT, "--nest", NEST, "--to", to, "--name", "shop"];
        sandbox.run_with(&words, &settings)
    };
    copy("lob").expect(2)?.says("no remote `lob`")?;
    copy("fake").expect(3)?.says("another certificate")?;
    copy("lab").expect(3)?.says("does not trust")?;
    let host = host()?;
    let mine = fs::read_to_string(&certificate)?;
    let file = FileMode::Public;
    block_on(async { host.push("imported", "/root/me.crt", file, &mine).await })?;
    over_there("incus config trust add-certificate /root/me.crt")?;
    copy("lab")
        .expect(0)?
        .says("container `shop`, which is stopped")?;
    copy("lab").expect(1)?.says("has a container `shop`")?;
    check(
        !containers(NEST)?
            .iter()
            .any(|name| name.ends_with("-packed")),
        "something is left in the nest",
    )?;
    // It is one like others there: it starts, has an address and its data.
    let found = over_there(
        "incus start shop
        for _ in $(seq 100); do
            incus list --format csv --columns 4 shop | grep -q eth0 && break; sleep 0.2
        done
        for _ in $(seq 100); do
            incus exec shop -- mariadb -e 'SELECT shop.f()' 2> /dev/null && break; sleep 0.2
        done
        incus list --format csv --columns 4 shop
        incus config get shop user.dbmatrix.owner",
    )?;
    check(found.contains("42") && found.contains("(eth0)"), found)
}

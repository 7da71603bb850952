//! Flavours that leave their nest in a file and come to another one.

use std::fs;
use std::path::Path;

use dbmatrix::nest::list_all;
use libtest_mimic::Failed;
use rustix::process::Signal;

use super::Outcome;
use super::chain::block_on;
use super::hand::{KEPT, ask, up};
use super::sandbox::{NEST, PROJECT, Sandbox, check, text};

const FILLED: &str = "CREATE DATABASE shop; \
    CREATE TABLE shop.t (a INT); INSERT INTO shop.t VALUES (41), (42); \
    CREATE VIEW shop.v AS SELECT MAX(a) AS top FROM shop.t; \
    CREATE FUNCTION shop.f() RETURNS INT DETERMINISTIC RETURN (SELECT top FROM shop.v)";
/// A function and a view are whoever's who made them.
const ASKED: &str = "SELECT CONCAT('top ', shop.f()) AS top";

/// Containers of a nest; none where there is no nest.
fn containers(nest: &str) -> Result<Vec<String>, Failed> {
    let host = dbmatrix::host::survey(&dbmatrix::host::EngineChoice::Any);
    let rows = block_on(async {
        match host.await {
            dbmatrix::host::Survey::Running(engine) => list_all(&engine, PROJECT).await,
            found => panic!("{found}"),
        }
    })?;
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
    sandbox.run(&["down", "--nest", "imported"]).expect(0)?;
    sandbox.run(&["reset", KEPT]).expect(0)?;
    Ok(())
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

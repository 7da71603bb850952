//! A nest that leaves an engine's project in a file, and comes to an empty one.

use std::fs;
use std::path::Path;

use libtest_mimic::Failed;
use rustix::process::Signal;

use super::Outcome;
use super::sandbox::{PROJECT, Ran, Sandbox, check, text};

/// Two servers of one installation: one is kept as what differs from the other.
const MATRIX: &str = "\
[[flavour]]
name = \"kept\"
server = \"mariadb:10.11\"
vary = { sql-mode = [\"ANSI\", \"\"] }

[[suite]]
name = \"s\"
files = [\"cached.slt\"]
";
const SUITE: &str = "\
statement ok
CREATE TABLE t (a INT)

statement ok
INSERT INTO t VALUES (41), (42)

query I
SELECT MAX(a) FROM t
----
42
";

pub(crate) fn save_and_restore(sandbox: &Sandbox) -> Outcome {
    let project = format!("{PROJECT}-cache");
    let there = |words: &[&str]| sandbox.run(&[&["--project", &project], words].concat());
    there(&["down", "--all"]).expect(0)?;
    let ended = saved_and_restored(sandbox, &project, &there);
    there(&["down", "--all"]).expect(0)?;
    ended
}

fn saved_and_restored(sandbox: &Sandbox, project: &str, there: &dyn Fn(&[&str]) -> Ran) -> Outcome {
    sandbox.file("cached.slt", SUITE);
    let matrix = sandbox.file("cached.toml", MATRIX);
    let (matrix, file) = (text(&matrix), sandbox.folder.join("kept.cache"));
    let (save, restore) = (
        ["cache", "save", matrix, text(&file)],
        ["cache", "restore", matrix, text(&file), "--yes"],
    );
    there(&save).expect(1)?.says("dbmatrix up")?;
    there(&["run", matrix, "--yes", "--ci"]).expect(0)?;
    there(&save).expect(0)?.says("saved, ")?;
    there(&save).expect(1)?.says("--force")?;
    there(&restore).expect(0)?.says("nothing to do")?;
    interrupted_save(sandbox, project, matrix)?;
    refused(sandbox, there, matrix, &file)?;
    there(&["down", "--all"]).expect(0)?;
    for (step, signal) in [
        ("unpacking", Signal::INT),
        ("inner engine", Signal::KILL),
        ("restoring", Signal::INT),
        ("restoring", Signal::KILL),
    ] {
        let words = [&["--project", project], &restore[..]].concat();
        let restoring = sandbox.start_until(&words, step)?;
        let status = restoring.end_by(signal)?;
        let expected = (signal == Signal::INT).then_some(130);
        check(
            status == expected,
            format!("`{step}` ended with {status:?}"),
        )?;
    }
    there(&restore).expect(0)?.says("with 2 servers")?;
    let ran = there(&["run", matrix, "--ci"]).expect(0)?;
    check(
        !ran.stderr.contains("installing") && !ran.stderr.contains("building"),
        format!("something was made anew:\n{}", ran.stderr),
    )?;
    Ok(())
}

/// Who asks for the end has no file, and a nest that works.
fn interrupted_save(sandbox: &Sandbox, project: &str, matrix: &str) -> Outcome {
    let folder = sandbox.folder.join("half");
    fs::create_dir_all(&folder)?;
    let file = folder.join("half.cache");
    let words = ["--project", project, "cache", "save", matrix, text(&file)];
    let saving = sandbox.start_until(&words, "saving the nest itself")?;
    let status = saving.end_by(Signal::INT)?;
    check(status == Some(130), format!("ended with {status:?}"))?;
    let left = fs::read_dir(&folder)?.count();
    check(left == 0, format!("{left} files are left"))
}

/// What cannot serve is refused before anything is made.
fn refused(
    sandbox: &Sandbox,
    there: &dyn Fn(&[&str]) -> Ran,
    matrix: &str,
    file: &Path,
) -> Result<(), Failed> {
    let whole = fs::read(file)?;
    let bad = sandbox.folder.join("bad.cache");
    let mut changed = whole.clone();
    changed[whole.len() / 2] ^= 1;
    for bytes in [&whole[..whole.len() / 2], &changed] {
        fs::write(&bad, bytes)?;
        there(&["cache", "restore", matrix, text(&bad)])
            .expect(1)?
            .says("truncated or changed")?;
    }
    fs::remove_file(&bad)?;
    let other = sandbox.file("other.toml", &MATRIX.replace("ANSI", "TRADITIONAL"));
    there(&["cache", "restore", text(&other), text(file)])
        .expect(1)?
        .says("an earlier state")?;
    Ok(())
}

//! What a run leaves for others: reports, parts that are joined, locks.

use std::fs;
use std::path::Path;

use super::Outcome;
use super::compare::PAIR;
use super::sandbox::{Sandbox, check, text};

/// A failure, a new difference and a test that passes, in each kind of report.
pub(crate) fn reports(sandbox: &Sandbox) -> Outcome {
    sandbox.file("bad.slt", "query I\nSELECT 2\n----\n3\n");
    sandbox.file("new.sql", "SELECT '<b>', 1;\n");
    let suites = "[[suite]]\nname = \"fails\"\nfiles = [\"bad.slt\"]\n\n\
        [[suite]]\nname = \"differs\"\nfiles = [\"new.sql\"]\nexpect = \"agreement\"\nkinds = [\"column-type\", \"rows\", \"success\"]\n";
    let matrix = sandbox.matrix("reports.toml", &format!("{PAIR}\n{suites}"));
    let path = |name: &str| sandbox.folder.join("out").join(name);
    let wanted = |kind: &str, name: &str| format!("{kind}={}", path(name).display());
    let kinds = [
        wanted("junit", "junit.xml"),
        wanted("json", "run.jsonl"),
        wanted("markdown", "summary.md"),
        wanted("html", "run.html"),
    ];
    let mut arguments = vec!["run", text(&matrix), "--report", "github=-"];
    for kind in &kinds {
        arguments.extend(["--report", kind]);
    }
    sandbox
        .run(&arguments)
        .expect(1)?
        .says("::error file=")?
        .says("bad.slt,line=1,title=")?;
    validate(sandbox, &path("junit.xml"))?;
    let junit = fs::read_to_string(path("junit.xml"))?;
    check(junit.contains("failures=\"3\""), junit.clone())?;
    for fact in ["mysql-server", "ONLY_FULL_GROUP_BY", "LXD ", "debian:"] {
        check(junit.contains(fact), format!("no `{fact}` in:\n{junit}"))?;
    }
    let page = fs::read_to_string(path("run.html"))?;
    check(page.contains("&lt;b&gt;"), "the statement, escaped")?;
    let summary = fs::read_to_string(path("summary.md"))?;
    check(summary.contains("## dbmatrix: failed"), summary)?;
    sandbox
        .run(&["report", "merge", text(&path("run.jsonl"))])
        .expect(1)?
        .says("1 new difference")?;
    wrong_targets(sandbox, text(&matrix))?;
    on_github(sandbox, text(&matrix))
}

/// A report that cannot be written is told before the run, or fails it.
fn wrong_targets(sandbox: &Sandbox, matrix: &str) -> Outcome {
    let run = |report: &str| sandbox.run(&["run", matrix, "--report", report]);
    run("junit=/dev/null/junit.xml")
        .expect(2)?
        .says("could not write the report `junit=/dev/null/junit.xml`")?;
    run("html=/dev/full")
        .expect(3)?
        .says("a report could not be written")?;
    run("json=/dev/full").expect(3)?;
    run("xml=file").expect(2)?.says("`junit`")?;
    Ok(())
}

/// `--ci` speaks GitHub's language where GitHub runs it.
fn on_github(sandbox: &Sandbox, matrix: &str) -> Outcome {
    let summary = sandbox.file("step-summary.md", "of an earlier step\n");
    let variables = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_STEP_SUMMARY", text(&summary)),
    ];
    sandbox
        .run_with(&["run", matrix, "--ci"], &variables)
        .expect(1)?
        .says("::error file=")?;
    let written = fs::read_to_string(&summary)?;
    check(
        written.starts_with("of an earlier step\n## dbmatrix: failed"),
        written,
    )
}

/// The schema is one of what CI viewers read.
fn validate(sandbox: &Sandbox, junit: &Path) -> Outcome {
    sandbox.need("xmllint", "libxml2-utils")?;
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/junit.xsd");
    sandbox
        .system("xmllint", &["--noout", "--schema", schema, text(junit)])
        .map(drop)
}

/// Parts of a run make the whole, each file once; a part that is missing or
/// twice there is told.
pub(crate) fn shards(sandbox: &Sandbox) -> Outcome {
    for name in ["one", "two", "three", "four"] {
        sandbox.file(&format!("part-{name}.slt"), "query I\nSELECT 1\n----\n1\n");
    }
    let suite = "[[suite]]\nname = \"s\"\nfiles = [\"part-*.slt\"]\n";
    let matrix = sandbox.matrix("parts.toml", &format!("{PAIR}\n{suite}"));
    let json = |name: &str| {
        sandbox
            .folder
            .join(format!("{name}.jsonl"))
            .display()
            .to_string()
    };
    let part = |index: &str, name: &str, more: &[&str]| {
        let report = format!("json={}", json(name));
        // The names of files decide, and all may be in one part.
        let may_be_empty = "--no-tests=pass";
        let arguments = ["run", text(&matrix), "--shard", index, "--report", &report];
        sandbox
            .run(&[&arguments, more, &[may_be_empty]].concat())
            .expect(0)
    };
    part("1/2", "first", &[])?;
    part("2/2", "second", &[])?;
    let (first, second) = (json("first"), json("second"));
    sandbox
        .run(&["report", "merge", &second, &first])
        .expect(0)?
        .says("8 passed, 0 failed")?;
    sandbox
        .run(&["report", "merge", &first])
        .expect(3)?
        .says("part 2/2 is not there")?;
    sandbox
        .run(&["report", "merge", &first, &first])
        .expect(2)?
        .says("is part 1/2, which is there already")?;
    // With their times, two parts of four like files have two each.
    let times = ["--times", &first, "--times", &second];
    part("1/2", "third", &times)?.says("4 passed")?;
    sandbox
        .run(&["report", "merge", text(&matrix)])
        .expect(2)?
        .says("expected an event")?;
    Ok(())
}

/// A lock holds, and one that the mirrors cannot fulfil is told.
pub(crate) fn lock(sandbox: &Sandbox) -> Outcome {
    let suite = "[[suite]]\nname = \"s\"\nfiles = [\"lock.slt\"]\n";
    sandbox.file("lock.slt", "query I\nSELECT 1\n----\n1\n");
    let flavour = "flavours = [\"mariadb:10.11\"]";
    let path = sandbox.folder.join("locked.toml");
    let whole = format!(
        "{flavour}\n[nest]\nname = \"{}\"\n{suite}",
        super::sandbox::NEST
    );
    fs::write(&path, &whole)?;
    let locked = || sandbox.run(&["run", text(&path), "--locked"]);
    locked().expect(2)?.says("`dbmatrix lock")?;
    sandbox
        .run(&["lock", text(&path)])
        .expect(0)?
        .says("wrote")?;
    locked().expect(0)?;
    let lock = path.with_extension("lock");
    let written = fs::read_to_string(&lock)?;
    check(
        written.contains("\"mariadb-server=1:10.11."),
        written.clone(),
    )?;
    fs::write(&lock, written.replace("=1:10.11.", "=1:10.11.99."))?;
    locked()
        .expect(3)?
        .says("not as it is locked")?
        .says("was not found")?;
    fs::write(&lock, written)?;
    locked().expect(0)?;
    let more = "[[flavour]]\nserver = \"percona:8.4\"\nrequired = false\n";
    fs::write(&path, format!("{whole}\n{more}"))?;
    locked().expect(0)?.says("`percona-8.4` is not locked")?;
    sandbox
        .run(&["run", text(&path), "--locked", "--strict"])
        .expect(2)?;
    Ok(())
}

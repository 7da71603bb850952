//! Upgrades of a small schema between two servers of MariaDB.

use serde_json::Value;

use crate::Outcome;
use crate::sandbox::{Sandbox, check, text};

pub(crate) const SCHEMA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/upgrade/schema.sql");

/// All ways lead the data to the newer server; what differs is reported, known differences are
/// well, and no copy is left.
pub(crate) fn paths(sandbox: &Sandbox) -> Outcome {
    let upgrade = |keys: &str| {
        let text = format!(
            "[[upgrade]]\nfrom = [\"mariadb:10.5\"]\nto = [\"mariadb:11.8\"]\ndata = [\"{SCHEMA}\"]\n{keys}"
        );
        sandbox.matrix("upgrade.toml", &text)
    };
    let matrix = upgrade("");
    let report = sandbox.folder.join("upgrade.xml");
    let junit = format!("junit={}", report.display());
    let words = [
        "upgrade",
        text(&matrix),
        "--format",
        "json",
        "--report",
        &junit,
    ];
    let ran = sandbox.run(&words).expect(1)?;
    let walks: Value = serde_json::from_str(&ran.stdout)?;
    let walks = walks["walks"].as_array().ok_or("walks")?.clone();
    check(walks.len() == 3, ran.stdout.clone())?;
    for (walk, by) in walks.iter().zip(["in-place", "dump", "replica"]) {
        check(
            walk["by"] == by && walk["failure"].is_null(),
            ran.stdout.clone(),
        )?;
        check(walk["rows"] == 12, ran.stdout.clone())?;
        for difference in walk["differences"].as_array().ok_or("differences")? {
            // Objects, rows and accounts arrive; defaults of the server change.
            let is_setting = difference["kind"] == "setting";
            check(is_setting, difference.to_string())?;
        }
    }
    let junit = std::fs::read_to_string(&report)?;
    check(junit.contains("upgrade on mariadb-10"), junit.clone())?;
    let suite = suite(sandbox);
    let keys = format!(
        "by = [\"dump\"]\nknown = \"upgrade.divergences.toml\"\nsuites = [\"after\"]\n\n{suite}"
    );
    known(sandbox, text(&upgrade(&keys)))?;
    let listed = sandbox.run(&["list"]).expect(0)?;
    check(!listed.stdout.contains("-to-"), listed.stdout.clone())
}

/// A suite that knows the newer server by its flavour's name, and has a setup.
fn suite(sandbox: &Sandbox) -> &'static str {
    sandbox.file(
        "after.sql",
        "CREATE DATABASE made;\nCREATE TABLE made.t AS SELECT COUNT(*) AS n FROM bookshop.book;\n",
    );
    sandbox.file(
        "after.slt",
        "onlyif mariadb-11.8\nquery I\nSELECT n FROM made.t\n----\n4\n\n\
         skipif mariadb-11.8\nstatement ok\nSELECT nothing\n",
    );
    "[[suite]]\nname = \"after\"\nfiles = [\"after.slt\"]\nsetup = [\"after.sql\"]\n"
}

/// Other defaults of the newer server are well.
const SETTINGS: &str = "[[divergence]]\nobject = \"setting *\"\nkinds = [\"setting\"]\n\
                        flavours = [\"mariadb>=11\"]\nreason = \"as planned\"\n";

/// Writes a file of known divergences that explains other settings.
pub(crate) fn known_settings(sandbox: &Sandbox) {
    sandbox.file("upgrade.divergences.toml", SETTINGS);
}

fn known(sandbox: &Sandbox, matrix: &str) -> Outcome {
    let entry = SETTINGS;
    known_settings(sandbox);
    let path = ["--path", "mariadb-10.5-to-*"];
    let words = [&["upgrade", matrix], path.as_slice()].concat();
    sandbox.run(&words).expect(0)?.says("known")?;
    let stale = entry.replace("setting *", "table none.*");
    sandbox.file("upgrade.divergences.toml", &format!("{entry}{stale}"));
    sandbox
        .run(&words)
        .expect(1)?
        .says("it explains no difference")?;
    Ok(())
}

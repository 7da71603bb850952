//! Upgrades that are interrupted or fail, and what is left of them.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::Outcome;
use crate::sandbox::{Sandbox, check, text, unique};
use crate::upgrade::{SCHEMA, known_settings};

/// A path whose golden children other cases have made; only settings differ at its end.
fn matrix(sandbox: &Sandbox, by: &str) -> std::path::PathBuf {
    known_settings(sandbox);
    let text = format!(
        "[[upgrade]]\nfrom = [\"mariadb:10.5\"]\nto = [\"mariadb:11.8\"]\ndata = [\"{SCHEMA}\"]\n\
         known = \"upgrade.divergences.toml\"\n{by}"
    );
    sandbox.matrix("cut.toml", &text)
}

fn nothing_is_left(sandbox: &Sandbox) -> Outcome {
    let listed = sandbox.run(&["list"]).expect(0)?;
    check(!listed.stdout.contains("-to-"), listed.stdout.clone())
}

/// Ctrl-C leaves nothing. After `kill -9` the next upgrade is whole and leaves nothing.
pub(crate) fn cut(sandbox: &Sandbox) -> Outcome {
    let both = matrix(sandbox, "");
    let upgrade = ["upgrade", text(&both)];
    for step in ["moving the data", "upgrading the tables"] {
        let running = sandbox.start_until(&upgrade, step)?;
        let status = running.end_by(Signal::INT)?;
        check(
            status == Some(130),
            format!("{step}: expected 130, found {status:?}"),
        )?;
        nothing_is_left(sandbox)?;
    }
    sandbox
        .start_until(&upgrade, "moving the data")?
        .end_by(Signal::KILL)?;
    sandbox.run(&upgrade).expect(0)?;
    nothing_is_left(sandbox)
}

/// Thirty kills at any moment of both ways.
pub(crate) fn cut_at_random(sandbox: &Sandbox) -> Outcome {
    let both = matrix(sandbox, "");
    let upgrade = ["upgrade", text(&both)];
    sandbox.run(&upgrade).expect(0)?;
    let mut random = u64::from(unique()) | 1;
    for _ in 0..30 {
        // Knuth's linear congruential generator; its upper bits are the good ones.
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let moment = Duration::from_millis((random >> 33) % 14_000);
        let running = sandbox.start_until(&upgrade, "")?;
        std::thread::sleep(moment);
        running.end_by(Signal::KILL)?;
    }
    sandbox.run(&upgrade).expect(0)?;
    nothing_is_left(sandbox)
}

/// The server that failed is kept: the older one that cannot write its dump, and the newer
/// one that cannot use the data. The reason is the server's own words.
pub(crate) fn kept(sandbox: &Sandbox) -> Outcome {
    let view = "CREATE DATABASE d; CREATE TABLE d.t (a INT); CREATE VIEW d.v AS SELECT a FROM d.t; \
                DROP TABLE d.t;\n";
    let data = sandbox.file("broken_view.sql", view);
    let words = |keys: &str| {
        let matrix = sandbox.matrix("kept.toml", &format!("[[upgrade]]\n{keys}\n"));
        ["upgrade", text(&matrix), "--format", "json"].map(str::to_owned)
    };
    let walk = |keys: &str| {
        let [upgrade, matrix, format, json] = words(keys);
        let ran = sandbox.run(&[&upgrade, &matrix, &format, &json, "--keep-failed"]);
        let report: Value = serde_json::from_str(&ran.expect(1)?.stdout)?;
        Ok::<_, libtest_mimic::Failed>(report["walks"][0].clone())
    };
    let dump = format!(
        "from = [\"mariadb:10.5\"]\nto = [\"mariadb:11.8\"]\nby = [\"dump\"]\ndata = [\"{}\"]",
        text(&data)
    );
    let back = "from = [\"mariadb:11.8\"]\nto = [\"mariadb:10.5\"]\nby = [\"in-place\"]";
    let older = walk(&dump)?;
    let said = older["failure"].to_string();
    check(said.contains("references invalid table"), said.clone())?;
    let kept = older["kept"].as_str().ok_or("kept")?;
    check(kept.ends_with("-dump-0"), kept)?;
    sandbox
        .run(&["connect", kept, "-e", "SELECT @@version"])
        .expect(0)?
        .says("10.5")?;
    let newer = walk(back)?;
    let said = newer["failure"].to_string();
    check(said.contains("Unsupported redo log format"), said.clone())?;
    let kept = newer["kept"].as_str().ok_or("kept")?;
    check(kept.ends_with("-in-place"), kept)?;
    let folder = ["shell", kept, "--", "ls", "/var/lib/mysql"];
    sandbox.run(&folder).expect(0)?.says("ibdata1")?;
    // The next upgrade of a path removes what the last one kept.
    for keys in [&dump, back] {
        let again = words(keys);
        sandbox
            .run(&again.each_ref().map(String::as_str))
            .expect(1)?;
    }
    nothing_is_left(sandbox)
}

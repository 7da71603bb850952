//! Looking at what there is, for people and for programs.

use std::path::PathBuf;

use serde_json::Value;

use super::Outcome;
use super::chain::find;
use super::sandbox::{Sandbox, check, text};

/// A subnet of nobody's, with a route as dbmatrix marks its own.
const STALE: &str = "10.255.253.0/24";

fn matrix(sandbox: &Sandbox) -> PathBuf {
    sandbox.matrix("looked.toml", "[[flavour]]\nserver = \"mariadb:10.11\"\n")
}

pub(crate) fn list(sandbox: &Sandbox) -> Outcome {
    sandbox
        .run(&["up", text(&matrix(sandbox)), "--yes"])
        .expect(0)?;
    let ran = sandbox.run(&["list", "--format", "json"]).expect(0)?;
    let rows: Vec<Value> = serde_json::from_str(&ran.stdout)?;
    let row = |kind: &str, name: &str| {
        let row = rows
            .iter()
            .find(|row| row["type"] == kind && row["name"] == name);
        row.ok_or_else(|| format!("no {kind} `{name}`: {}", ran.stdout))
    };
    let flavour = row("flavour", "mariadb-10.11")?;
    check(flavour["state"] == "running", flavour.to_string())?;
    check(flavour["server"] == "mariadb:10.11", flavour.to_string())?;
    for number in ["uptime", "snapshots", "memory", "disk"] {
        check(flavour[number].is_u64(), format!("{number}: {flavour}"))?;
    }
    let memory = flavour["memory"].as_u64().unwrap_or_default();
    check(
        (20 << 20..1 << 30).contains(&memory),
        format!("{memory} bytes of a MariaDB"),
    )?;
    let uptime = flavour["uptime"].as_u64().unwrap_or(u64::MAX);
    check(uptime < 86_400, format!("up for {uptime} s"))?;
    let golden = rows.iter().find(|row| row["type"] == "golden");
    let golden = golden.ok_or("no golden child")?;
    check(golden["uptime"].is_null(), golden.to_string())?;
    check(golden["memory"].is_null(), golden.to_string())?;
    let nest = rows.iter().find(|row| row["type"] == "nest");
    let nest = nest.ok_or("no nest")?;
    let whole = nest["memory"].as_u64().unwrap_or_default();
    check(whole > memory, format!("{whole} bytes of the nest"))?;
    let ran = sandbox.run(&["list"]).expect(0)?;
    ran.says("UPTIME")?.says(" mariadb-10.11 ")?;
    Ok(())
}

pub(crate) fn doctor(sandbox: &Sandbox) -> Outcome {
    sandbox
        .run(&["up", text(&matrix(sandbox)), "--yes"])
        .expect(0)?;
    let ran = sandbox.run(&["doctor"]).expect(0)?;
    eprintln!("{}", ran.stdout);
    let nest = find("mariadb-10.11")?.nest;
    let (subnet, via) = (nest.subnet.to_string(), nest.address.to_string());
    ran.says("its engine answers")?
        .says(&format!("{subnet} via {via}"))?
        .says("suites reached")?;
    // A route without a nest, and a nest without its route.
    let stale = ["unreachable", STALE, "metric", "4000000000", "proto", "219"];
    sandbox.system("ip", &[&["route", "add"], &stale[..]].concat())?;
    sandbox.system("ip", &["route", "del", &subnet, "via", &via])?;
    sandbox
        .run(&["doctor", "--offline"])
        .expect(0)?
        .says(&format!("routes that lead to no nest: {STALE}"))?
        .says("not as it should be")?;
    sandbox
        .run(&["doctor", "--offline", "--fix"])
        .expect(0)?
        .says(&format!("fixed: removed the routes to {STALE}"))?
        .says(&format!("fixed: set the route to {subnet} via {via}"))?;
    let ran = sandbox.run(&["doctor", "--offline"]).expect(0)?;
    check(!ran.stdout.contains(STALE), ran.stdout.clone())?;
    ran.says(&format!("{subnet} via {via}"))?;
    sandbox
        .run(&["connect", "mariadb-10.11", "-e", "SELECT 1"])
        .expect(0)?;
    Ok(())
}

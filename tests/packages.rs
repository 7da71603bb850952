//! The packages that the README's first command compiles: how many, and which of
//! them in two versions.
//!
//! Each package is time before the first verdict (`docs/build.md`). Knows Cargo's
//! tree only, nothing of the program.

#![cfg(target_os = "linux")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Packages of the tree for Linux on x86-64, dbmatrix itself among them, without those
/// of tests alone and without the other crates of the workspace. Captures of traffic take
/// six: `pcap-parser` with `circular`, `nom` and `rusticata-macros`, and `etherparse` with
/// `arrayvec`.
const MOST: usize = 254;

/// Packages that come in several versions, and why.
const SEVERAL: &[(&str, &str)] = &[
    ("block-buffer", "of `digest`"),
    ("cpufeatures", "of `digest`"),
    ("crypto-common", "of `digest`"),
    (
        "digest",
        "`mysql_common` and `sqllogictest` take 0.10, `tungstenite` and dbmatrix 0.11",
    ),
    (
        "getrandom",
        "`ring` takes 0.2, `mysql_common` 0.3, `tempfile` and `rand` 0.4",
    ),
    ("md-5", "of `digest`: `sqllogictest` takes 0.10"),
    ("rand", "`sqllogictest` takes 0.8, the others 0.10"),
    ("rand_core", "of `rand`"),
    ("sha1", "of `digest`: `mysql_common` takes 0.10"),
    ("sha2", "of `digest`: `mysql_common` takes 0.10"),
    (
        "syn",
        "`maud_macros`, `educe`, `tracing-attributes` and `zerocopy-derive` take 2, the others 3",
    ),
    ("unicode-width", "`subst` takes 0.1, the others 0.2"),
];

/// Each package with its versions, the crates of the workspace aside.
fn packages() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--locked",
            "--package",
            "dbmatrix",
            "--edges",
            "normal,build",
        ])
        .args(["--target", "x86_64-unknown-linux-gnu"])
        .args(["--prefix", "none", "--format", "{p}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("Cargo runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "`cargo tree` fails: {said}");
    let mut packages = BTreeMap::<String, BTreeSet<String>>::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let mut words = line.split_whitespace();
        let (Some(name), Some(version)) = (words.next(), words.next()) else {
            panic!("expected a name and a version; found `{line}`");
        };
        if name.starts_with("dbmatrix-") {
            continue;
        }
        let versions = packages.entry(name.to_owned()).or_default();
        versions.insert(version.to_owned());
    }
    packages
}

#[test]
fn the_tree_holds_no_more_packages_than_agreed() {
    let packages = packages();
    let count: usize = packages.values().map(BTreeSet::len).sum();
    assert!(
        count <= MOST,
        "{count} packages, {MOST} were agreed. What is new: `git diff Cargo.lock`; who wants \
         it: `cargo tree --edges normal,build --invert PACKAGE`. Do without it, or switch off \
         features of whoever wants it; where it is worth its seconds, measure them as \
         docs/build.md says, and raise `MOST` in the same commit"
    );
}

#[test]
fn no_package_comes_in_several_versions_without_a_reason() {
    let packages = packages();
    let several = packages.iter().filter(|(_, versions)| versions.len() > 1);
    let several: BTreeSet<&str> = several.map(|(name, _)| name.as_str()).collect();
    let agreed: BTreeSet<&str> = SEVERAL.iter().map(|(name, _)| *name).collect();
    let new: Vec<_> = several.difference(&agreed).collect();
    assert!(
        new.is_empty(),
        "{new:?} come in several versions: see `cargo tree --duplicates --edges normal,build`. \
         Take the version that the others take, or name the package in `SEVERAL` with the reason"
    );
    let gone: Vec<_> = agreed.difference(&several).collect();
    assert!(
        gone.is_empty(),
        "{gone:?} come in one version now: take them out of `SEVERAL`"
    );
}

/// `cargo run` refuses to choose where several members of the workspace have a program.
#[test]
fn the_readmes_command_finds_its_program() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--no-deps", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("Cargo runs");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let chosen: Vec<&str> = packages
        .iter()
        .filter_map(|package| package["default_run"].as_str())
        .collect();
    assert_eq!(chosen, ["dbmatrix"], "`default-run` in Cargo.toml");
}

#[test]
fn what_is_shipped_optimises_what_release_does_not() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let text = std::fs::read_to_string(file).expect("the manifest");
    let manifest: toml::Table = text.parse().expect("TOML");
    let level = |profile: &str, package: &str| {
        let packages = manifest["profile"][profile].get("package")?;
        packages.get(package)?.get("opt-level")?.as_integer()
    };
    assert_eq!(
        manifest["profile"]["dist"]["inherits"].as_str(),
        Some("bench")
    );
    let packages = manifest["profile"]["release"]["package"].as_table();
    for package in packages.expect("levels of packages").keys() {
        // The one C library gains nothing from 3.
        if level("release", package) == Some(3) || package == "zstd-sys" {
            continue;
        }
        assert_eq!(
            level("bench", package),
            Some(3),
            "`bench` and `dist` inherit the level of `{package}` from `release`: give it \
             `opt-level = 3` in `[profile.bench.package]`"
        );
    }
}

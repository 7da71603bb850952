//! What a run may leave behind on the machine and in the engines.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::bench::Bench;
use crate::{PROJECT, Result};

/// Programs that live as long as the engine does.
const OF_THE_ENGINE: [&str; 3] = ["dnsmasq", "incusd", "lxd"];

/// Each thing with how often it is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Inventory(BTreeMap<String, usize>);

impl Inventory {
    /// Looks at containers, sockets, routes, mounts, loop devices, temporary
    /// files and processes of the engine project.
    pub(crate) async fn take(bench: &Bench) -> Result<Self> {
        let mut found = Inventory::default();
        found.add_containers(bench).await?;
        found.add_routes()?;
        found.add_mounts()?;
        found.add_loop_devices()?;
        found.add_files("run file", Path::new("/run/dbmatrix"), |name| {
            name.starts_with(PROJECT)
        });
        found.add_files("temporary file", &bench.scratch, |_| true);
        found.add_processes()?;
        Ok(found)
    }

    fn add(&mut self, kind: &str, thing: impl std::fmt::Display) {
        *self.0.entry(format!("{kind} {thing}")).or_default() += 1;
    }

    /// All containers, as `list` shows them: what is incomplete has that state.
    async fn add_containers(&mut self, bench: &Bench) -> Result<()> {
        let mut list = bench.place.program(&["list", "--format", "json"]);
        let output = list.output().await?;
        let rows: Vec<Value> = serde_json::from_slice(&output.stdout).map_err(|error| {
            let said = String::from_utf8_lossy(&output.stderr);
            format!("`dbmatrix list` wrote no list ({error}): {said}")
        })?;
        for row in rows {
            let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
            // The names of copies for the next run change in turns, and those
            // of golden children with their settings.
            let name = match text("type").as_str() {
                "nest" | "flavour" => text("name"),
                _ => text("server"),
            };
            self.add(
                "container",
                format!("{} {name}: {}", text("type"), text("state")),
            );
        }
        Ok(())
    }

    /// Routes of the project's bridge. Their subnets may change.
    fn add_routes(&mut self) -> Result<()> {
        let output = Command::new("ip").args(["-oneline", "route"]).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let bridge = dbmatrix_containers::host::Names::of(PROJECT).bridge;
        let device = format!("dev {bridge} ");
        for line in text.lines().filter(|line| line.contains(&device)) {
            let kind = match line.contains(" via ") {
                true => "to the nest's children",
                false => "to the nest",
            };
            self.add("route", kind);
        }
        Ok(())
    }

    /// Mounts of this namespace that name the project or its files.
    fn add_mounts(&mut self) -> Result<()> {
        for line in fs::read_to_string("/proc/self/mounts")?.lines() {
            let point = line.split(' ').nth(1).unwrap_or_default();
            if line.contains(PROJECT) || line.starts_with("dbmatrix-image ") {
                self.add("mount", point);
            }
        }
        Ok(())
    }

    fn add_loop_devices(&mut self) -> Result<()> {
        for device in fs::read_dir("/sys/block")?.flatten() {
            let file = device.path().join("loop/backing_file");
            let backing = fs::read_to_string(file).unwrap_or_default();
            if backing.contains(PROJECT) {
                self.add("loop device", backing.trim());
            }
        }
        Ok(())
    }

    fn add_files(&mut self, kind: &str, folder: &Path, is_ours: impl Fn(&str) -> bool) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if is_ours(&name) {
                self.add(kind, name);
            }
        }
    }

    /// Processes with the project in their environment, which they have from
    /// dbmatrix, and those that pass a nest's socket on.
    fn add_processes(&mut self) -> Result<()> {
        let own = std::process::id().to_string();
        let mark = format!("DBMATRIX_PROJECT={PROJECT}");
        for process in fs::read_dir("/proc")?.flatten() {
            let name = process.file_name();
            let is_process = name
                .to_string_lossy()
                .bytes()
                .all(|byte| byte.is_ascii_digit());
            if !is_process || name == OsStr::new(&own) {
                continue;
            }
            let read = |file: &str| fs::read(process.path().join(file)).unwrap_or_default();
            let environment = read("environ");
            let mut variables = environment.split(|byte| *byte == 0);
            let is_ours = variables.any(|variable| variable == mark.as_bytes());
            let words = read("cmdline");
            let words = String::from_utf8_lossy(&words).replace('\0', " ");
            if words.contains("forkproxy") && words.contains(&format!("/{PROJECT}-")) {
                self.add("process", "forkproxy of the nest's socket");
            } else if is_ours
                && !words.starts_with("[lxc monitor]")
                && !is_of_the_engine(&name.to_string_lossy())
                && !is_ancestor(&name.to_string_lossy())
            {
                self.add("process", words.trim());
            }
        }
        Ok(())
    }

    /// What is here and not in `before`, and what was and is gone.
    pub(crate) fn changes_since(&self, before: &Inventory) -> Vec<String> {
        let names = self.0.keys().chain(before.0.keys());
        let names: std::collections::BTreeSet<&String> = names.collect();
        let count = |of: &Inventory, name: &String| of.0.get(name).copied().unwrap_or(0);
        let changed = names.into_iter().filter_map(|name| {
            let (then, now) = (count(before, name), count(self, name));
            (then != now).then(|| format!("{name}: {then} before, {now} after"))
        });
        changed.collect()
    }
}

/// Whether this benchmark was started by that process, directly or not.
fn is_ancestor(process: &str) -> bool {
    let own = std::process::id().to_string();
    with_ancestors(own).any(|id| id == process)
}

/// Whether it is the engine, or what the engine has started: it may have the
/// environment of whoever started the engine.
fn is_of_the_engine(process: &str) -> bool {
    with_ancestors(process.to_owned()).any(|id| {
        let program = fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default();
        OF_THE_ENGINE.contains(&program.trim())
    })
}

/// A process, who started it, and so on.
fn with_ancestors(process: String) -> impl Iterator<Item = String> {
    let parent = |id: &String| {
        let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
        Some(line.trim().to_owned())
    };
    std::iter::successors(Some(process), parent)
}

//! Checks the host's engine: it must exist, be new enough and usable by this user, and
//! have the programs that it calls.

use std::path::Path;

use dbmatrix_containers::host::{
    Cgroups, DaemonRecord, EngineKind, EngineProbe, cgroups, daemon_record, has_program,
    has_systemd,
};
use dbmatrix_engine::{EngineError, ServerInfo};
use dbmatrix_platform::file;

use super::Finding;
use super::snapshot::HostSnapshot;

/// The oldest versions that dbmatrix was tested with.
const TRIED: [(&str, u32, &str); 2] = [("lxd", 5, "LXD 5.0"), ("incus", 6, "Incus 6.0")];

pub(super) fn check_engine(host: &HostSnapshot) -> Vec<Finding> {
    let mut findings = vec![engine(host)];
    if let Some(Ok(info)) = &host.info {
        findings.extend(needs_of_incus_7(info, &Machine::look()));
    }
    findings.extend(socket(host));
    findings.extend(daemon(host));
    findings.push(packages(host));
    findings
}

fn engine(host: &HostSnapshot) -> Finding {
    if host.denied.is_some() {
        return Finding::note(
            "engine",
            "one is there; this user may not ask it (see socket)",
        );
    }
    match &host.probe {
        EngineProbe::Installed(kind) => {
            Finding::note("engine", format!("{kind} is installed and does not run"))
                .remedy("nothing: the next `dbmatrix run` or `up` starts it")
        }
        EngineProbe::Absent(kind) => absent(*kind),
        EngineProbe::Running(engine) => match &host.info {
            Some(Ok(info)) => answering(info, engine.socket()),
            Some(Err(EngineError::Silent {
                at,
                seconds,
                remedy,
                ..
            })) => Finding::problem(
                "engine",
                format!(
                    "`{at}` is there and does not answer, not even what it is, for {seconds} s"
                ),
            )
            .remedy(remedy),
            Some(Err(error)) => Finding::problem("engine", error.to_string())
                .remedy("start its daemon, or choose another engine with `--engine`"),
            None => Finding::problem("engine", "it was not asked"),
        },
    }
}

fn answering(info: &ServerInfo, socket: &Path) -> Finding {
    let found = format!("{} answers on `{}`", info.title(), socket.display());
    if info.auth != "trusted" {
        return Finding::problem("engine", format!("{found} and does not trust this user"))
            .remedy("run dbmatrix as root, or join the engine's group");
    }
    match too_old(info) {
        None => Finding::ok("engine", found),
        Some(tried) => Finding::note(
            "engine",
            format!("{found}; dbmatrix was never tried with one older than {tried}"),
        )
        .remedy("if nests fail, install a newer one"),
    }
}

/// The oldest tested version, if this one is older.
fn too_old(info: &ServerInfo) -> Option<&'static str> {
    let environment = &info.environment;
    let (_, least, title) = TRIED
        .iter()
        .find(|(server, _, _)| *server == environment.server)?;
    let major = numbers(&environment.server_version).next()?;
    (major < *least).then_some(*title)
}

/// What an engine needs of its machine.
struct Machine {
    has_nft: bool,
    has_old_cgroups: bool,
    /// The first line of `dnsmasq --version`.
    dnsmasq: String,
}

impl Machine {
    fn look() -> Self {
        let dnsmasq = std::process::Command::new("dnsmasq")
            .arg("--version")
            .output();
        let dnsmasq = dnsmasq.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        Machine {
            has_nft: has_program("nft"),
            // A daemon that dbmatrix started has a view of its own.
            has_old_cgroups: cgroups() != Cgroups::Unified
                && !matches!(daemon_record(), DaemonRecord::Alive { .. }),
            dnsmasq: dnsmasq.unwrap_or_default(),
        }
    }
}

/// What Incus 7 demands beyond Incus 6, by its release notes: Linux 6.12, nftables, dnsmasq
/// 2.90, and no control groups of version 1.
fn needs_of_incus_7(info: &ServerInfo, machine: &Machine) -> Option<Finding> {
    let environment = &info.environment;
    let major = numbers(&environment.server_version).next()?;
    if environment.server != "incus" || major < 7 {
        return None;
    }
    let is_below = |version: &str, least: [u32; 2]| {
        let found: Vec<u32> = numbers(version).take(2).collect();
        !found.is_empty() && found < least.to_vec()
    };
    let dnsmasq = machine.dnsmasq.split("version ").nth(1).unwrap_or_default();
    let missing: Vec<&str> = [
        (is_below(&environment.kernel_version, [6, 12]), "Linux 6.12"),
        (!machine.has_nft, "nftables"),
        (is_below(dnsmasq, [2, 90]), "dnsmasq 2.90"),
        (machine.has_old_cgroups, "plain cgroup2"),
    ]
    .into_iter()
    .filter_map(|(is_missing, what)| is_missing.then_some(what))
    .collect();
    if missing.is_empty() {
        return None;
    }
    let found = format!(
        "{} needs at least {}, which this machine has not",
        info.title(),
        missing.join(", ")
    );
    Some(Finding::problem("engine's needs", found).remedy("install it, or take Incus 6.0"))
}

/// The numbers at the start of a version.
fn numbers(version: &str) -> impl Iterator<Item = u32> {
    let parts = version.split(|c: char| !c.is_ascii_digit());
    parts.map_while(|part| part.parse().ok())
}

fn absent(kind: EngineKind) -> Finding {
    let package = kind.package();
    if has_program("apt-get") {
        return Finding::note("engine", "none is installed").remedy(format!(
            "`dbmatrix run MATRIX --yes` installs {kind}; by hand: sudo apt-get install {package}"
        ));
    }
    Finding::problem(
        "engine",
        "none is installed, and this machine has no `apt-get`",
    )
    .remedy("install Incus 6.0 or later by hand, or choose a socket with `--engine`")
}

/// Checks who may use the engine's socket.
fn socket(host: &HostSnapshot) -> Option<Finding> {
    if let Some(path) = &host.denied {
        let found = format!("this user may not use {}", described(path));
        if has_program("sudo") {
            return Some(Finding::note("socket", found).remedy(
                "nothing: dbmatrix asks sudo; a member of its group is root in effect, and needs none",
            ));
        }
        return Some(
            Finding::problem("socket", format!("{found}, and there is no sudo"))
                .remedy("run dbmatrix as root, or join the socket's group"),
        );
    }
    let EngineProbe::Running(engine) = &host.probe else {
        return None;
    };
    let may = format!("this user may use {}", described(engine.socket()));
    host.answers().then(|| Finding::ok("socket", may))
}

/// The path of a socket, with its owner's and its group's ids and its mode.
fn described(path: &Path) -> String {
    let rights = std::fs::metadata(path).ok().and_then(|found| {
        let (owner, group) = (file::owner(&found)?, file::group(&found)?);
        Some((owner, group, file::mode(&found) & 0o7777))
    });
    let path = path.display();
    match rights {
        Some((owner, group, mode)) => {
            format!("`{path}` (owner {owner}, group {group}, mode {mode:o})")
        }
        None => format!("`{path}`"),
    }
}

/// Checks what started the daemon, and what would restart it.
fn daemon(host: &HostSnapshot) -> Option<Finding> {
    const AT: &str = "daemon";
    if host.denied.is_some() {
        return None;
    }
    let title = match (&host.probe, &host.info) {
        (EngineProbe::Installed(kind), _) => kind.title().to_owned(),
        (EngineProbe::Running(_), Some(Ok(info))) => info.title(),
        _ => return None,
    };
    let own = match daemon_record() {
        DaemonRecord::Alive { engine, pid } => title.starts_with(&engine).then_some(pid),
        DaemonRecord::Absent | DaemonRecord::Dead => None,
    };
    let finding = match own {
        Some(pid) if host.answers() => Finding::ok(
            AT,
            format!("process {pid}, which dbmatrix started; `dbmatrix down --all` ends it"),
        ),
        Some(pid) => Finding::problem(
            AT,
            format!("process {pid}, which dbmatrix started, runs and does not answer"),
        )
        .remedy("see /run/dbmatrix/daemon.log"),
        None if has_systemd() => Finding::ok(AT, "systemd's: it is started as a unit"),
        None if host.answers() => Finding::ok(AT, "it was started by somebody else"),
        None => Finding::ok(
            AT,
            "there is no systemd: dbmatrix starts it by itself, and ends it again",
        ),
    };
    Some(finding)
}

/// Checks the programs that the engine and the image builder call.
fn packages(host: &HostSnapshot) -> Finding {
    let missing = host.probe.missing_packages(true, true).join(" ");
    if missing.is_empty() {
        return Finding::ok("packages", "all that are needed are installed");
    }
    let found = format!("not installed: {missing}");
    if has_program("apt-get") {
        return Finding::note("packages", found).remedy(format!(
            "`dbmatrix run MATRIX --yes` installs them; by hand: sudo apt-get install {missing}"
        ));
    }
    Finding::problem(
        "packages",
        format!("{found}, and this machine has no `apt-get`"),
    )
    .remedy("install what belongs to them by hand")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(server: &str, version: &str) -> ServerInfo {
        let json = serde_json::json!({
            "auth": "trusted",
            "environment": { "server": server, "server_version": version },
        });
        serde_json::from_value(json).expect("as documented")
    }

    #[test]
    fn incus_7_needs_more_than_incus_6() {
        let machine = Machine {
            has_nft: true,
            has_old_cgroups: true,
            dnsmasq: "Dnsmasq version 2.89  Copyright (c) 2000-2022".to_owned(),
        };
        let mut incus = info("incus", "7.0.2");
        incus.environment.kernel_version = "6.1.0-30-amd64".to_owned();
        let found = needs_of_incus_7(&incus, &machine).expect("a finding").found;
        assert!(
            found.contains("Linux 6.12, dnsmasq 2.90, plain cgroup2"),
            "{found}"
        );
        let machine = Machine {
            has_nft: true,
            has_old_cgroups: false,
            dnsmasq: "Dnsmasq version 2.91".to_owned(),
        };
        incus.environment.kernel_version = "6.12.5".to_owned();
        assert!(needs_of_incus_7(&incus, &machine).is_none());
        let machine = Machine {
            has_old_cgroups: true,
            ..machine
        };
        assert!(needs_of_incus_7(&info("incus", "6.0.4"), &machine).is_none());
    }

    #[test]
    fn an_engine_older_than_those_that_were_tried_is_told() {
        assert_eq!(too_old(&info("lxd", "5.0.2")), None);
        assert_eq!(too_old(&info("lxd", "4.0.9")), Some("LXD 5.0"));
        assert_eq!(too_old(&info("incus", "7.1")), None);
        assert_eq!(too_old(&info("incus", "0.4")), Some("Incus 6.0"));
        assert_eq!(too_old(&info("other", "1")), None);
    }
}

//! Finds leftovers of removed nests and interrupted runs, if they clearly belong to
//! dbmatrix.

use std::fs;
use std::path::{Path, PathBuf};

use dbmatrix_containers::host::{DaemonRecord, daemon_record, loop_devices};
use dbmatrix_containers::image::{Builder, cache_folder};
use dbmatrix_containers::name::nest_lock;
use dbmatrix_containers::nest::{Inner, NestStatus};
use dbmatrix_run::Lock;
use ipnet::Ipv4Net;

use super::fix::is_stale;
use super::snapshot::{HostSnapshot, Nests};
use super::{Finding, Fix};

/// Folders of engines, where a pool's file is `disks/POOL.img`.
const DISKS: [&str; 3] = [
    "/var/lib/incus/disks",
    "/var/lib/lxd/disks",
    "/var/snap/lxd/common/lxd/disks",
];

pub(super) async fn check_leftovers(host: &HostSnapshot) -> Vec<Finding> {
    let mut findings: Vec<Finding> = host.own_nests().map(|nest| nest_of(nest, host)).collect();
    if let Nests::Unsure(_, why) = &host.nests {
        findings.push(Finding::note(
            "nests",
            format!("not all could be looked at: {why}"),
        ));
    }
    let left = [
        routes(host),
        sockets(host),
        daemon(),
        idle_daemon(host).await,
        work_folders(),
        disks(host).await,
        links(host),
    ];
    let before = findings.len();
    findings.extend(left.into_iter().flatten());
    if findings.len() == before {
        findings.push(Finding::ok("left over", "nothing was found"));
    }
    findings
}

/// Checks a nest and its children: complete, incomplete, or being created.
fn nest_of(nest: &NestStatus, host: &HostSnapshot) -> Finding {
    const AT: &str = "nest";
    let name = &nest.info.nest;
    let is_busy = Lock::is_held(&nest_lock(&nest.names.project, name));
    let remedy = "`dbmatrix doctor --fix` removes it; the next run does so too";
    let incomplete = |found: String| {
        if is_busy {
            return Finding::ok(AT, format!("{found}; another dbmatrix is at work there"));
        }
        Finding::note(AT, found).remedy(remedy).fix(Fix::HalfMade {
            host: nest.host.clone(),
            names: nest.names.clone(),
            nest: name.clone(),
        })
    };
    if !nest.info.is_complete {
        return incomplete(format!("`{name}` is incomplete"));
    }
    match &nest.inner {
        Inner::Asleep => Finding::ok(
            AT,
            format!("`{name}` is {}", nest.info.shown_state().to_lowercase()),
        ),
        Inner::Silent { why, .. } if !host.is_root => Finding::note(
            AT,
            format!("`{name}` runs; only root can ask its engine ({why})"),
        )
        .remedy("sudo dbmatrix doctor"),
        Inner::Silent { why, .. } if is_busy => Finding::note(
            AT,
            format!(
                "the engine in `{name}` does not answer yet ({why}); another dbmatrix is at work there"
            ),
        ),
        Inner::Silent { why, remedy } => {
            const ANEW: &str = "`dbmatrix up MATRIX` reaches it anew; `dbmatrix down MATRIX` and another run make it anew";
            Finding::problem(AT, format!("the engine in `{name}` does not answer: {why}"))
                .remedy(remedy.as_deref().unwrap_or(ANEW))
        }
        Inner::Answers {
            incomplete: none,
            children,
        } if none.is_empty() => Finding::ok(
            AT,
            format!("`{name}` runs, and its engine answers for {children} containers"),
        ),
        Inner::Answers {
            incomplete: some, ..
        } => incomplete(format!("incomplete in `{name}`: {}", some.join(", "))),
    }
}

/// Finds dbmatrix's routes that lead to no nest of any project.
fn routes(host: &HostSnapshot) -> Option<Finding> {
    const AT: &str = "left over";
    let wanted: Vec<Ipv4Net> = host
        .nests
        .known()
        .iter()
        .filter_map(|nest| nest.subnet)
        .collect();
    let stale: Vec<Ipv4Net> = host
        .routes
        .iter()
        .copied()
        .filter(|subnet| !wanted.contains(subnet))
        .collect();
    if stale.is_empty() || host.denied.is_some() {
        return None;
    }
    let names: Vec<String> = stale.iter().map(Ipv4Net::to_string).collect();
    let found = format!("routes that lead to no nest: {}", names.join(", "));
    let commands: Vec<String> = stale
        .iter()
        .map(|subnet| format!("sudo ip route flush exact {subnet} proto 219"))
        .collect();
    let by_hand = commands.join(" && ");
    Some(match host.nests {
        Nests::Known(_) => Finding::note(AT, found)
            .remedy(format!(
                "`dbmatrix doctor --fix` removes them; by hand: {by_hand}"
            ))
            .fix(Fix::StaleRoutes(stale)),
        Nests::Unsure(..) => Finding::note(AT, format!("{found}, as far as could be looked at"))
            .remedy(format!("if no nest is there any more: {by_hand}")),
    })
}

/// Finds sockets of nests that no longer exist.
fn sockets(host: &HostSnapshot) -> Option<Finding> {
    let is_wanted = |socket: &&PathBuf| {
        let mut nests = host.nests.known().iter();
        nests.any(|nest| {
            nest.socket.as_ref() == Some(socket) || nest.server_sockets.contains(socket)
        })
    };
    let stale: Vec<PathBuf> = host
        .nest_sockets
        .iter()
        .filter(|socket| !is_wanted(socket) && is_stale(socket))
        .cloned()
        .collect();
    if stale.is_empty() || matches!(host.nests, Nests::Unsure(..)) {
        return None;
    }
    let names: Vec<String> = stale
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let names = names.join(" ");
    Some(
        Finding::note(
            "left over",
            format!("sockets of nests that are gone: {names}"),
        )
        .remedy(format!(
            "`dbmatrix doctor --fix` removes them; by hand: sudo rm {names}"
        ))
        .fix(Fix::StaleSockets(stale)),
    )
}

fn daemon() -> Option<Finding> {
    (daemon_record() == DaemonRecord::Dead).then(|| {
        let found = "the record of a daemon that dbmatrix started and that has ended";
        Finding::note("left over", found)
            .remedy("`dbmatrix doctor --fix` removes it; the next start writes another")
            .fix(Fix::DeadDaemon)
    })
}

/// Finds a daemon started by dbmatrix that holds nothing.
async fn idle_daemon(host: &HostSnapshot) -> Option<Finding> {
    let DaemonRecord::Alive { pid, .. } = daemon_record() else {
        return None;
    };
    let is_used = host.engine()?.has_projects_or_instances().await.ok()?;
    let found = format!("the daemon that dbmatrix started (process {pid}) holds nothing");
    (!is_used).then(|| Finding::note("left over", found).remedy("`dbmatrix down --all` ends it"))
}

fn work_folders() -> Option<Finding> {
    let folders = Builder::new(cache_folder()).abandoned();
    if folders.is_empty() {
        return None;
    }
    let names: Vec<String> = folders
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let names = names.join(" ");
    Some(
        Finding::note("left over", format!("images that were half built: {names}"))
            .remedy(format!(
                "`dbmatrix doctor --fix` removes them; by hand: sudo rm -r {names}"
            ))
            .fix(Fix::WorkFolders(folders)),
    )
}

/// Finds files of pools that no engine knows, and loop devices on them.
async fn disks(host: &HostSnapshot) -> Option<Finding> {
    let mut left = Vec::new();
    let mut commands = Vec::new();
    for device in loop_devices() {
        let (path, is_deleted) = match device.file.strip_suffix(" (deleted)") {
            Some(path) => (path, true),
            None => (device.file.as_str(), false),
        };
        if is_pool_of_ours(Path::new(path), host)
            && (is_deleted || is_unknown(Path::new(path), host).await)
        {
            left.push(format!("{} on `{path}`", device.path));
            commands.push(format!("sudo losetup --detach {}", device.path));
        }
    }
    let files = DISKS.iter().flat_map(fs::read_dir).flatten().flatten();
    for path in files.map(|file| file.path()) {
        if is_pool_of_ours(&path, host) && is_unknown(&path, host).await {
            left.push(format!("`{}`", path.display()));
            commands.push(format!("sudo rm {}", path.display()));
        }
    }
    if left.is_empty() {
        return None;
    }
    let found = format!(
        "disks of pools that the engine does not know: {}",
        left.join(", ")
    );
    Some(Finding::note("left over", found).remedy(commands.join(" && ")))
}

/// Whether a file belongs to a pool and has the name of a dbmatrix project.
fn is_pool_of_ours(path: &Path, host: &HostSnapshot) -> bool {
    let is_there = path
        .parent()
        .is_some_and(|parent| DISKS.iter().any(|disks| parent == Path::new(disks)));
    let pool = pool_of(path);
    is_there && (pool == host.names.project || pool.starts_with("dbmatrix"))
}

fn pool_of(path: &Path) -> String {
    let name = path.file_stem().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Whether the answering engine has no such pool. Another engine's file is not judged.
async fn is_unknown(path: &Path, host: &HostSnapshot) -> bool {
    let Some(engine) = host.engine() else {
        return false;
    };
    let is_its_own = engine
        .socket()
        .parent()
        .zip(path.parent())
        .is_some_and(|(home, disks)| disks.parent() == Some(home));
    is_its_own && matches!(engine.pool(&pool_of(path)).await, Ok(None))
}

/// Finds interfaces on dbmatrix's bridge while no nest runs.
fn links(host: &HostSnapshot) -> Option<Finding> {
    let Nests::Known(nests) = &host.nests else {
        return None;
    };
    let bridge = &host.names.bridge;
    let of_bridge = |nest: &NestStatus| nest.names.bridge == *bridge;
    if host.engine().is_none() || nests.iter().any(of_bridge) {
        return None;
    }
    let ports = fs::read_dir(format!("/sys/class/net/{bridge}/brif"));
    let ports = ports.into_iter().flatten().flatten();
    let mut names: Vec<String> = ports
        .filter_map(|port| port.file_name().into_string().ok())
        .collect();
    names.sort();
    if names.is_empty() {
        return None;
    }
    let commands: Vec<String> = names
        .iter()
        .map(|name| format!("sudo ip link delete {name}"))
        .collect();
    let found = format!(
        "interfaces on `{bridge}` without a nest: {}",
        names.join(", ")
    );
    Some(Finding::note("left over", found).remedy(commands.join(" && ")))
}

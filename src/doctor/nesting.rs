//! Checks what nested containers need of the kernel: namespaces, control groups, ids, a
//! file system for cheap copies.

use std::fs;

use dbmatrix_containers::host::{
    Cgroups, DaemonRecord, EngineProbe, Limits, cgroups, daemon_record, has_systemd,
    unenforced_limits,
};

use super::snapshot::HostSnapshot;
use super::subordinate::{NEEDED, is_mapped, of_root};
use super::{Finding, inotify};

pub(super) fn check_nesting(host: &HostSnapshot) -> Vec<Finding> {
    vec![
        namespaces(),
        control_groups(host),
        limits(),
        subordinate_ids(host),
        inotify::check_inotify(),
        copies(),
    ]
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn namespaces() -> Finding {
    const AT: &str = "nesting";
    if !fs::exists("/proc/self/ns/user").unwrap_or_default() {
        return Finding::problem(AT, "this kernel has no user namespaces")
            .remedy("take a kernel with CONFIG_USER_NS");
    }
    let most = read("/proc/sys/user/max_user_namespaces");
    match most.trim().parse::<u64>() {
        Ok(0) => Finding::problem(AT, "user namespaces are turned off")
            .remedy("sudo sysctl --write user.max_user_namespaces=65536"),
        _ => Finding::ok(AT, "the kernel has user namespaces"),
    }
}

fn control_groups(host: &HostSnapshot) -> Finding {
    const AT: &str = "control groups";
    let runs = host.answers();
    let is_own = matches!(daemon_record(), DaemonRecord::Alive { .. });
    let has_second = read("/proc/filesystems")
        .lines()
        .any(|line| line.ends_with("cgroup2"));
    match cgroups() {
        Cgroups::Unified => Finding::ok(AT, "one plain cgroup2 tree"),
        Cgroups::Hybrid | Cgroups::Legacy if !has_second => {
            Finding::problem(AT, "this kernel has no cgroup2")
                .remedy("take a newer kernel; nests know nothing else")
        }
        Cgroups::Hybrid | Cgroups::Legacy if is_own => Finding::ok(
            AT,
            "version 1; the daemon that dbmatrix started has a plain cgroup2 tree of its own",
        ),
        Cgroups::Hybrid | Cgroups::Legacy if host.denied.is_some() => Finding::ok(
            AT,
            "version 1; an engine that dbmatrix starts gets a plain cgroup2 tree of its own",
        ),
        Cgroups::Hybrid | Cgroups::Legacy if !runs && !has_systemd() => Finding::ok(
            AT,
            "version 1; dbmatrix will start the engine with a plain cgroup2 tree of its own",
        ),
        Cgroups::Hybrid | Cgroups::Legacy => Finding::note(
            AT,
            "version 1, and the engine was not started by dbmatrix: children in nests may not start",
        )
        .remedy("start Linux with `systemd.unified_cgroup_hierarchy=1`, or let dbmatrix start the engine"),
    }
}

fn limits() -> Finding {
    const AT: &str = "controllers";
    let all = Limits {
        cpus: true,
        memory: true,
    };
    let missing = unenforced_limits(all);
    if missing.is_empty() {
        return Finding::ok(AT, "cpuset and memory: limits of nests are enforced");
    }
    Finding::note(
        AT,
        format!(
            "the cgroup2 tree has no {} controller: `[nest]` limits on that are not enforced",
            missing.join(" and no ")
        ),
    )
}

/// The engine gives a nest's users ids of root's range; the nest passes some of those to
/// its children.
fn subordinate_ids(host: &HostSnapshot) -> Finding {
    const AT: &str = "user ids";
    let files = [
        ("/etc/subuid", "/proc/self/uid_map", "--add-subuids"),
        ("/etc/subgid", "/proc/self/gid_map", "--add-subgids"),
    ];
    let mut ranges = Vec::new();
    for (file, map, option) in files {
        let remedy =
            format!("sudo usermod {option} 1000000-1000999999 root, and restart the engine");
        let Some(range) = of_root(&read(file)) else {
            let found = format!("`{file}` has no range for root");
            return match &host.probe {
                EngineProbe::Absent(_) => {
                    Finding::note(AT, found).remedy("nothing: the engine's package writes one")
                }
                _ => Finding::problem(AT, found).remedy(remedy),
            };
        };
        if range.count < NEEDED {
            let found = format!(
                "`{file}` has {} ids for root; a nest with its children needs {NEEDED}",
                range.count
            );
            return Finding::problem(AT, found).remedy(remedy);
        }
        if !is_mapped(&read(map), range) {
            let found = format!(
                "`{file}` gives root the ids from {} on, and this machine, a container itself, does not have all of them",
                range.first
            );
            return Finding::problem(AT, found)
                .remedy(format!("write a range that lies in `{map}`"));
        }
        ranges.push(format!("{} from {} on", range.count, range.first));
    }
    Finding::ok(AT, format!("root may give away {}", ranges[0]))
}

/// Whether the kernel has btrfs, built in or as a module.
fn copies() -> Finding {
    const AT: &str = "btrfs";
    let is_there = read("/proc/filesystems")
        .lines()
        .any(|line| line.ends_with("btrfs"));
    let release = read("/proc/sys/kernel/osrelease");
    let has_module = ["modules.dep", "modules.builtin"]
        .iter()
        .any(|file| read(&format!("/lib/modules/{}/{file}", release.trim())).contains("/btrfs.ko"));
    if is_there || has_module {
        return Finding::ok(AT, "the kernel has it: copies of servers are cheap");
    }
    Finding::problem(AT, "this kernel has none, and pools are btrfs by default")
        .remedy("set `[nest] storage = \"dir\"`, where copies are slow, or take another kernel")
}

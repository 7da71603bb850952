//! What the machine offers an engine: control groups, and space on the disk.

use std::fs;

use dbmatrix_platform::machine::{free_space, is_cgroup2};

/// The requested limits.
#[derive(Debug, Clone, Copy, Default)]
pub struct Limits {
    /// Number of processors.
    pub cpus: bool,
    /// Bytes of memory.
    pub memory: bool,
}

/// Free bytes in the file system where engines keep their pools.
pub fn free_disk() -> Option<u64> {
    free_space("/var/lib")
}

/// How the machine's control groups are mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cgroups {
    /// A single cgroup2 tree.
    Unified,
    /// Version 1 with a cgroup2 tree beside it.
    Hybrid,
    /// Version 1 alone.
    Legacy,
}

/// How the machine's control groups are mounted.
pub fn cgroups() -> Cgroups {
    match () {
        () if is_unified() => Cgroups::Unified,
        () if is_cgroup2("/sys/fs/cgroup/unified") => Cgroups::Hybrid,
        () => Cgroups::Legacy,
    }
}

/// Whether `/sys/fs/cgroup` is a single cgroup2 tree. Otherwise (version 1, or both side
/// by side), systemd in a nest mounts controllers together that the host keeps apart, and
/// the children do not start.
pub(super) fn is_unified() -> bool {
    is_cgroup2("/sys/fs/cgroup")
}

/// The requested limits that the machine's cgroup2 tree cannot enforce, by the name of
/// the missing controller.
pub fn unenforced_limits(wanted: Limits) -> Vec<&'static str> {
    let folder = if is_unified() {
        "/sys/fs/cgroup"
    } else {
        "/sys/fs/cgroup/unified"
    };
    let controllers =
        fs::read_to_string(format!("{folder}/cgroup.controllers")).unwrap_or_default();
    // An engine limits the number of processors by `cpuset`; `cpu` is for shares of time.
    [(wanted.cpus, "cpuset"), (wanted.memory, "memory")]
        .into_iter()
        .filter(|(asked, name)| *asked && !controllers.split_whitespace().any(|has| has == *name))
        .map(|(_, name)| name)
        .collect()
}

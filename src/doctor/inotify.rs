//! Inotify instances, of which the kernel gives each user so many. To the host,
//! init of every container of a nest is the same user's, and takes some; a
//! container that gets none does not boot.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::Finding;

const LIMIT: &str = "/proc/sys/fs/inotify/max_user_instances";
/// What systemd takes in a child, as it was seen with versions 247 to 257.
const PER_SERVER: usize = 4;
/// Servers that should always find room: those of a matrix, and their copies.
const ROOM: usize = 8;

pub(super) fn look() -> Finding {
    const AT: &str = "inotify";
    let limit = fs::read_to_string(LIMIT).unwrap_or_default();
    let Ok(limit) = limit.trim().parse::<usize>() else {
        return Finding::ok(AT, "this kernel names no limit");
    };
    finding(AT, limit, busiest(Path::new("/proc")))
}

fn finding(at: &str, limit: usize, taken: usize) -> Finding {
    let room = limit.saturating_sub(taken) / PER_SERVER;
    let found = format!("{taken} of {limit} instances of one user are taken");
    match room >= ROOM {
        true => Finding::ok(at, format!("{found}: room for some {room} servers at a time")),
        false => Finding::problem(
            at,
            format!("{found}: with room for {room} more servers at a time, others do not boot"),
        )
        .remedy("sudo sysctl --write fs.inotify.max_user_instances=1024, and into a file of /etc/sysctl.d for good"),
    }
}

/// How many the busiest user has, as far as we may see.
fn busiest(processes: &Path) -> usize {
    let mut taken: BTreeMap<u32, usize> = BTreeMap::new();
    for process in fs::read_dir(processes).into_iter().flatten().flatten() {
        let Ok(owner) = process.metadata() else {
            continue;
        };
        let files = fs::read_dir(process.path().join("fd"));
        let files = files.into_iter().flatten().flatten();
        let watchers = files.filter(|file| {
            let target = fs::read_link(file.path());
            target.is_ok_and(|target| target == Path::new("anon_inode:inotify"))
        });
        *taken.entry(owner.uid()).or_default() += watchers.count();
    }
    taken.into_values().max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;

    #[test]
    fn few_instances_are_a_problem() {
        assert_eq!(finding("x", 128, 20).state, State::Ok);
        assert_eq!(finding("x", 128, 100).state, State::Problem);
        assert_eq!(finding("x", 128, 200).state, State::Problem);
    }

    #[test]
    fn instances_are_counted_by_user() {
        let processes = tempfile::tempdir().expect("a folder");
        for (process, target) in [("1", "anon_inode:inotify"), ("2", "/dev/null")] {
            let files = processes.path().join(process).join("fd");
            fs::create_dir_all(&files).expect("a folder");
            for file in ["3", "4"] {
                std::os::unix::fs::symlink(target, files.join(file)).expect("a link");
            }
        }
        assert_eq!(busiest(processes.path()), 2);
    }
}

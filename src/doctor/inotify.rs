//! Checks inotify instances, which the kernel limits per user. Those in all containers
//! count for root too, who made their user namespaces; a container without any does not
//! boot.

use std::fs;
use std::path::Path;

use dbmatrix_platform::{file, user};

use super::Finding;

const LIMIT: &str = "/proc/sys/fs/inotify/max_user_instances";
/// Instances that systemd uses in a child, measured with versions 247 to 257.
const PER_SERVER: usize = 4;
/// Servers for which there should always be enough: those of a matrix, and their copies.
const ROOM: usize = 8;

pub(super) fn check_inotify() -> Finding {
    const AT: &str = "inotify";
    let limit = fs::read_to_string(LIMIT).unwrap_or_default();
    let Ok(limit) = limit.trim().parse::<usize>() else {
        return Finding::ok(AT, "this kernel names no limit");
    };
    if !user::is_root() {
        return Finding::note(AT, "not looked at: only root can").remedy("sudo dbmatrix doctor");
    }
    finding(AT, limit, taken(Path::new("/proc")))
}

fn finding(at: &str, limit: usize, taken: usize) -> Finding {
    let room = limit.saturating_sub(taken) / PER_SERVER;
    let found = format!("root and its containers have {taken} of {limit} instances");
    match room >= ROOM {
        true => Finding::ok(at, format!("{found}: room for some {room} more servers at a time")),
        false => Finding::problem(
            at,
            format!("{found}: with room for {room} more servers at a time, others do not boot"),
        )
        .remedy("sudo sysctl --write fs.inotify.max_user_instances=1024, and into a file of /etc/sysctl.d for good"),
    }
}

/// Root's instances, including those in other user namespaces.
fn taken(processes: &Path) -> usize {
    let namespace = |process: &Path| fs::read_link(process.join("ns/user")).ok();
    let own = namespace(&processes.join("self"));
    let mut taken = 0;
    for process in fs::read_dir(processes).into_iter().flatten().flatten() {
        let process = process.path();
        let is_roots = fs::metadata(&process).is_ok_and(|found| file::owner(&found) == Some(0));
        let is_a_number = process
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().iter().all(u8::is_ascii_digit));
        if !is_a_number || !(is_roots || namespace(&process) != own) {
            continue;
        }
        let files = fs::read_dir(process.join("fd"));
        let files = files.into_iter().flatten().flatten();
        let watchers = files.filter(|file| {
            let target = fs::read_link(file.path());
            target.is_ok_and(|target| target == Path::new("anon_inode:inotify"))
        });
        taken += watchers.count();
    }
    taken
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
    fn instances_of_other_namespaces_count() {
        use std::os::unix::fs::symlink;
        let processes = tempfile::tempdir().expect("a folder");
        for (process, target) in [("1", "anon_inode:inotify"), ("2", "/dev/null")] {
            let process = processes.path().join(process);
            for folder in ["fd", "ns"] {
                fs::create_dir_all(process.join(folder)).expect("a folder");
            }
            symlink("user:[2]", process.join("ns/user")).expect("a link");
            for file in ["3", "4"] {
                symlink(target, process.join("fd").join(file)).expect("a link");
            }
        }
        assert_eq!(taken(processes.path()), 2);
    }
}

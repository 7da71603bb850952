//! Checks limits of the kernel that many servers share, and its rules about namespaces.

use std::fs;
use std::path::Path;

use dbmatrix_platform::user;

use super::Finding;
use super::snapshot::HostSnapshot;

/// Requests that InnoDB reserves at its start: `/proc/sys/fs/aio-nr` had 2,305 more for
/// MySQL 9.7, 2,048 for MariaDB 10.5, and none for 10.11 and 11.8 (io_uring).
const REQUESTS: u64 = 2305;
/// Servers for which there should always be enough: those of a matrix, and their copies.
const ROOM: u64 = 8;
/// Of a user's keys, in percent: above it the next container may not boot.
const FEW_KEYS_LEFT: u64 = 80;

pub(super) fn check_kernel(host: &HostSnapshot) -> Vec<Finding> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let number = |path: &str| read(path).trim().parse::<u64>().ok();
    let requests = (
        number("/proc/sys/fs/aio-nr"),
        number("/proc/sys/fs/aio-max-nr"),
    );
    let mut findings = vec![
        keys(&read("/proc/key-users")),
        asynchronous_requests(requests),
    ];
    findings.extend(restricted_namespaces(
        &read("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
        user::is_root(),
    ));
    findings.extend(profile_of_a_server(&read(
        "/sys/kernel/security/apparmor/profiles",
    )));
    findings.extend(loop_devices(host, Path::new("/dev")));
    findings
}

/// Each service of a container has a keyring, which counts for the user who is root there.
/// All unprivileged containers of an engine share that user: a nest has some 23 keys of it,
/// a child 4 of another one, of 200 by default.
fn keys(users: &str) -> Finding {
    const AT: &str = "keys";
    let shares = users.lines().filter_map(share_of_keys);
    let most = shares.max_by_key(|(_, percent)| *percent);
    let Some((user, percent)) = most else {
        return Finding::ok(AT, "no user's keys are limited");
    };
    let found = format!("user {user} has the most, {percent} % of its limit");
    match percent < FEW_KEYS_LEFT {
        true => Finding::ok(AT, found),
        false => Finding::problem(AT, format!("{found}: services of more containers do not start"))
            .remedy("sudo sysctl --write kernel.keys.maxkeys=2000 kernel.keys.maxbytes=2000000, and into a file of /etc/sysctl.d for good"),
    }
}

/// A user and the share of its keys that is taken, from a line such as
/// `100000: 62 62/62 62/200 1080/20000` (proc_key_users(5)). Root has a limit of its own,
/// which is large.
fn share_of_keys(line: &str) -> Option<(u64, u64)> {
    let mut words = line.split_whitespace();
    let user = words.next()?.strip_suffix(':')?.parse().ok()?;
    let percents = words.skip(2).filter_map(|pair| {
        let (taken, limit) = pair.split_once('/')?;
        let limit: u64 = limit.parse().ok().filter(|limit| *limit > 0)?;
        Some(taken.parse::<u64>().ok()? * 100 / limit)
    });
    (user != 0).then_some((user, percents.max()?))
}

fn asynchronous_requests(found: (Option<u64>, Option<u64>)) -> Finding {
    const AT: &str = "asynchronous I/O";
    let (Some(taken), Some(limit)) = found else {
        return Finding::ok(AT, "this kernel names no limit");
    };
    let room = limit.saturating_sub(taken) / REQUESTS;
    let found = format!("{taken} of {limit} requests are reserved");
    match room >= ROOM {
        true => Finding::ok(
            AT,
            format!("{found}: room for some {room} more servers at a time"),
        ),
        false => Finding::problem(
            AT,
            format!(
                "{found}: with room for {room} more servers at a time, others fail in `io_setup`"
            ),
        )
        .remedy(
            "sudo sysctl --write fs.aio-max-nr=1048576, and into a file of /etc/sysctl.d for good",
        ),
    }
}

/// Ubuntu since 23.10. The engine is root, but whoever is not builds images in a namespace
/// of their own.
fn restricted_namespaces(rule: &str, is_root: bool) -> Option<Finding> {
    const AT: &str = "namespaces";
    if rule.trim() != "1" {
        return None;
    }
    let found = "AppArmor lets only some programs make user namespaces";
    Some(match is_root {
        true => Finding::ok(AT, format!("{found}; root may")),
        false => Finding::note(
            AT,
            format!("{found}: without root, images may not be built"),
        )
        .remedy("sudo dbmatrix …, or sudo sysctl --write kernel.apparmor_restrict_unprivileged_userns=0"),
    })
}

/// A profile of the machine's own server goes by the program's path, which servers in
/// containers have too where AppArmor has no namespaces of its own for them.
fn profile_of_a_server(profiles: &str) -> Option<Finding> {
    let is_servers = |line: &&str| {
        let name = line.split(" (").next().unwrap_or_default();
        ["/mysqld", "/mariadbd"]
            .iter()
            .any(|program| name.ends_with(program))
    };
    let is_enforced = |line: &&str| line.ends_with("(enforce)");
    let profile = profiles.lines().filter(is_enforced).find(is_servers)?;
    let name = profile.trim_end_matches(" (enforce)");
    Some(
        Finding::note(
            "server profile",
            format!(
                "the machine's AppArmor profile `{name}` may confine servers in containers as well"
            ),
        )
        .remedy(format!(
            "where a server does not start with `Permission denied`: sudo aa-complain {name}"
        )),
    )
}

/// Only the first nest needs one, for the pool's file.
fn loop_devices(host: &HostSnapshot, devices: &Path) -> Option<Finding> {
    const AT: &str = "loop devices";
    let has_pool = host.own_nests().next().is_some();
    let is_there = |name: &str| devices.join(name).exists();
    if has_pool || is_there("loop-control") || is_there("loop0") {
        return None;
    }
    Some(
        Finding::problem(AT, "this machine has none, and the pool is a file on one")
            .remedy("set `[nest] storage = \"dir\"`, where copies are slow; or give this container /dev/loop-control and /dev/loop0"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;

    #[test]
    fn the_user_with_the_most_keys_counts() {
        let users = "    0:    15 14/14 9/1000000 148/25000000\n\
                     100000:    62 62/62 62/200 1080/20000\n\
                     1100000:    34 34/34 34/200 19000/20000\n";
        let found = keys(users);
        assert_eq!(found.state, State::Problem);
        assert!(found.found.contains("user 1100000 has the most, 95 %"));
        assert_eq!(keys("100000: 62 62/62 62/200 1080/20000").state, State::Ok);
        assert_eq!(
            keys("0: 1 1/1 999999/1000000 1/1").state,
            State::Ok,
            "root's"
        );
        assert_eq!(keys("").state, State::Ok);
    }

    #[test]
    fn room_is_counted_in_servers() {
        let found = asynchronous_requests((Some(8456), Some(65536)));
        assert!(found.found.contains("room for some 24 more"), "{found:?}");
        let found = asynchronous_requests((Some(60000), Some(65536)));
        assert_eq!(found.state, State::Problem);
        assert_eq!(asynchronous_requests((None, None)).state, State::Ok);
    }

    #[test]
    fn rules_of_apparmor_are_told() {
        assert!(restricted_namespaces("0\n", false).is_none());
        assert!(restricted_namespaces("", false).is_none());
        let found = restricted_namespaces("1\n", false).expect("a finding");
        assert_eq!(found.state, State::Note);
        let profiles = "/usr/bin/man (enforce)\n/usr/sbin/mysqld (enforce)\n";
        let found = profile_of_a_server(profiles).expect("a finding");
        assert!(found.found.contains("`/usr/sbin/mysqld`"), "{found:?}");
        assert!(profile_of_a_server("/usr/sbin/mysqld (complain)\n").is_none());
    }
}

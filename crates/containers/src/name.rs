//! Names of everything that dbmatrix makes: containers, bridges, sockets and locks.
//!
//! Different objects never have the same name. A made name contains a user's name in a
//! form that shows where it ends: `--` separates a flavour's container from the purpose
//! of a copy or the name of a member, and a dot separates a project from a nest; users'
//! names contain neither. If a name cannot be used unchanged, it is replaced by a hash of
//! the whole.

use std::net::Ipv4Addr;

use sha2::{Digest, Sha256};

/// Letters of a flavour's name that are kept beside a hash.
const SHORT: usize = 20;
/// Maximum length of a network interface's name on Linux.
const INTERFACE: usize = 15;

/// The purpose of a copy of a flavour's child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copy {
    /// The flavour's second container, which alternates with the first.
    Second,
    /// The separate server of a suite, by the suite's number.
    Suite(usize),
    /// A server for the servers' own tests, by the worker's number.
    Tests(usize),
    /// For packing into a file.
    Packed,
}

/// The name of a flavour's replica, by its number from 1.
pub fn replica(flavour: &str, number: usize) -> String {
    format!("{flavour}/{REPLICA}{number}")
}

/// The flavour of a replica, if the name is that of one. A flavour in a nest may be written
/// likewise, where the flavour's own name is such as `replica-1`.
pub fn flavour_of_replica(name: &str) -> Option<&str> {
    let (flavour, member) = name.rsplit_once('/')?;
    let number = member.strip_prefix(REPLICA)?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(flavour)
}

/// What the name of a replica begins with, before its number.
pub const REPLICA: &str = "replica-";

/// The container of a flavour: its name as a host name. A hyphen between digits reads as
/// a dot; if that is not reversible, a hash distinguishes the names. A replica's container
/// has the name of its flavour's, with its own behind it.
pub fn container(flavour: &str) -> String {
    if let Some((flavour, member)) = flavour.split_once('/') {
        return format!("{}--{member}", container(flavour));
    }
    let slug = flavour.replace('.', "-");
    if !slug.contains("--") && read_back(&slug) == flavour {
        return slug;
    }
    let mut short: String = slug.chars().take(SHORT).collect();
    while short.contains("--") {
        short = short.replace("--", "-");
    }
    format!("{}--{}", short.trim_end_matches('-'), hash(flavour, 16))
}

fn read_back(slug: &str) -> String {
    let letters: Vec<char> = slug.chars().collect();
    let is_digit = |at: Option<usize>| {
        at.and_then(|at| letters.get(at))
            .is_some_and(char::is_ascii_digit)
    };
    let read = letters.iter().enumerate().map(|(at, letter)| {
        let is_between = is_digit(at.checked_sub(1)) && is_digit(Some(at + 1));
        match letter {
            '-' if is_between => '.',
            other => *other,
        }
    });
    read.collect()
}

/// A copy of the child in `container`.
pub fn copy(container: &str, copy: Copy) -> String {
    match copy {
        Copy::Second => format!("{container}--twin"),
        Copy::Suite(number) => format!("{container}--suite-{number}"),
        Copy::Tests(number) => format!("{container}--mysqltest-{number}"),
        Copy::Packed => format!("{container}--packed"),
    }
}

/// The first container of a flavour, from the name of either.
pub fn first_of(container: &str) -> &str {
    container.strip_suffix("--twin").unwrap_or(container)
}

/// The golden child of a key.
pub fn golden(key: &str) -> String {
    format!("golden--{key}")
}

/// The container of a program that tests use.
pub fn tool(program: &str) -> String {
    format!("tool--{program}")
}

/// The container of an imported flavour.
pub fn imported(flavour: &str) -> String {
    format!("imported--{}", container(flavour))
}

/// The bridge of an engine project. A name with a hash ends in another digit.
pub fn bridge(project: &str) -> String {
    if project.len() < INTERFACE {
        return format!("{project}0");
    }
    let begins: String = project.chars().take(4).collect();
    format!("{begins}-{}1", hash(project, 9))
}

/// The bridge's name in an earlier version, if that differs: projects with a common
/// prefix shared one.
pub fn former_bridge(project: &str) -> Option<String> {
    let begins: String = project.chars().take(INTERFACE - 1).collect();
    (project.len() >= INTERFACE).then(|| format!("{begins}0"))
}

/// The file of a nest's socket. A path has 107 bytes at most (unix(7)).
pub fn socket(project: &str, nest: &str) -> String {
    format!("{}.socket", both(project, nest))
}

/// The file of the socket that leads to the server of the child at this address.
pub fn server_socket(project: &str, nest: &str, child: Ipv4Addr) -> String {
    let child = child.to_string().replace('.', "-");
    format!("{}.socket", short(format!("{project}.{nest}.{child}")))
}

fn both(project: &str, nest: &str) -> String {
    short(format!("{project}.{nest}"))
}

fn short(whole: String) -> String {
    match whole.len() {
        0..=60 => whole,
        _ => hash(&whole, 16),
    }
}

/// The lock for using a nest.
pub fn nest_lock(project: &str, nest: &str) -> String {
    format!("nest.{}", both(project, nest))
}

/// Whether a lock may belong to a project's nest, according to its name: a long name is a
/// hash.
pub fn may_be_nest_lock_of(project: &str, lock: &str) -> bool {
    let of_nest = lock.strip_prefix("nest.");
    of_nest.is_some_and(|name| name.starts_with(&format!("{project}.")) || !name.contains('.'))
}

/// The same, from the name of the nest's socket without its extension.
pub fn lock_of_socket(stem: &str) -> String {
    format!("nest.{stem}")
}

/// The lock for changing what the nests of a project share.
pub fn project_lock(project: &str) -> String {
    format!("project.{project}")
}

/// The lock for starting an engine.
pub const ENGINE_LOCK: &str = "engine";

fn hash(text: &str, letters: usize) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let hex = digest.iter().map(|byte| format!("{byte:02x}"));
    hex.collect::<String>()[..letters].to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn usual_flavours_keep_their_names() {
        let names = [
            "mysql-9.7",
            "mariadb-10.11",
            "percona-8.4",
            "m",
            "m-packed",
            "m-twin",
        ];
        let made = names.map(container);
        let expected = [
            "mysql-9-7",
            "mariadb-10-11",
            "percona-8-4",
            "m",
            "m-packed",
            "m-twin",
        ];
        assert_eq!(made, expected);
    }

    #[test]
    fn no_two_things_have_one_name() {
        let flavours = [
            "m",
            "m-packed",
            "m--packed",
            "m-twin",
            "m--twin",
            "m-suite-1",
            "m--suite-1",
            "golden-k",
            "golden--k",
            "mysql-9.7",
            "mysql-9-7",
            "mysql-9.7.1",
            "mysql-9-7.1",
            "mysql-9.7-1",
            "a.b",
            "a-b",
            "imported-m",
            "imported--m",
            "tool--mysql",
            "m-replica-1",
            "m--replica-1",
            "m/replica-1",
            "m/replica-2",
            "m-twin/replica-1",
            "mysql-9.7/replica-1",
        ];
        let mut names = Vec::new();
        for first in flavours.map(container) {
            for role in [Copy::Second, Copy::Suite(1), Copy::Tests(1), Copy::Packed] {
                names.push(copy(&first, role));
            }
            names.push(first);
        }
        names.extend(flavours.map(imported));
        names.extend([golden("k"), tool("mysql")]);
        let distinct: HashSet<&String> = names.iter().collect();
        assert_eq!(distinct.len(), names.len(), "{names:#?}");
        assert!(names.iter().all(|name| name.len() <= 63));
    }

    #[test]
    fn replicas_have_the_name_of_their_flavour_and_a_number() {
        assert_eq!(replica("mysql-9.7", 2), "mysql-9.7/replica-2");
        assert_eq!(container("mysql-9.7/replica-2"), "mysql-9-7--replica-2");
        let longest = replica(&"x".repeat(45), 9);
        assert!(copy(&container(&longest), Copy::Second).len() <= 63);
        assert_eq!(flavour_of_replica("a/m/replica-2"), Some("a/m"));
        assert_eq!(flavour_of_replica("m/replica-2"), Some("m"));
        for other in [
            "m",
            "a/m",
            "a/replica",
            "a/replica-",
            "replica-1",
            "a/replica-x",
        ] {
            assert_eq!(flavour_of_replica(other), None, "{other}");
        }
    }

    #[test]
    fn projects_and_nests_meet_nowhere() {
        let of = |project: &str, nest: &str| [socket(project, nest), nest_lock(project, nest)];
        assert_ne!(of("dbmatrix", "team-a"), of("dbmatrix-team", "a"));
        assert_eq!(lock_of_socket("dbmatrix.a"), nest_lock("dbmatrix", "a"));
        let long = "x".repeat(40);
        assert!(socket(&long, &"y".repeat(45)).len() < 68);
        let child = Ipv4Addr::new(10, 199, 101, 254);
        assert_eq!(server_socket("p", "a", child), "p.a.10-199-101-254.socket");
        assert!(server_socket(&long, "a", child).len() < 68);
        assert_ne!(
            server_socket(&long, "a", child),
            server_socket(&long, "b", child)
        );
        assert_eq!(bridge("dbmatrix"), "dbmatrix0");
        assert_eq!(former_bridge("dbmatrix"), None);
        assert_eq!(
            former_bridge("a-very-long-project").as_deref(),
            Some("a-very-long-pr0")
        );
        let (one, other) = (
            bridge("a-very-long-project-one"),
            bridge("a-very-long-project-two"),
        );
        assert_ne!(one, other);
        assert_eq!((one.len(), other.len()), (INTERFACE, INTERFACE));
    }
}

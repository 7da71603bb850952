//! The key of all that a matrix's flavours start from, for caches of whole nests.

use dbmatrix_containers::digest::Digest;

use super::template::template_key;
use crate::matrix::{Locked, Managed, Matrix, MatrixLock};

/// Increased whenever a cache of an earlier version cannot serve.
const VERSION: u32 = 1;

/// The keys of a flavour's own golden children, without and with locked versions.
pub fn own_template_keys(managed: &Managed, locked: Option<&Locked>) -> Vec<String> {
    let mut keys = vec![template_key(managed)];
    if let Some(locked) = locked {
        let mut managed = managed.clone();
        managed.locked = Some(locked.clone());
        keys.push(template_key(&managed));
    }
    keys
}

/// The key of a matrix's nest and of the golden children of its flavours, on machines of
/// this architecture. Suites, limits and how servers are reached do not matter.
pub fn cache_key(matrix: &Matrix, lock: &MatrixLock) -> String {
    let mut keys = Vec::new();
    for flavour in &matrix.flavours {
        if let Some(managed) = flavour.managed() {
            keys.extend(own_template_keys(managed, lock.get(&flavour.name)));
        }
    }
    keys.sort_unstable();
    keys.dedup();
    let mut digest = Digest::new("cache", VERSION);
    digest
        .text("architecture", std::env::consts::ARCH)
        .text("nest", &matrix.nest.image.title())
        .flag("privileged", matrix.nest.privileged)
        .texts("templates", keys);
    digest.key()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::path::Path;

    use super::*;

    fn key(text: &str) -> String {
        let matrix = Matrix::parse(Path::new("m.toml"), text).expect("a matrix");
        cache_key(&matrix, &MatrixLock::default())
    }

    #[test]
    fn what_servers_are_made_of_makes_another_key() {
        let texts = [
            "flavours = ['mariadb:10.11']",
            "flavours = ['mariadb:11.8']",
            "flavours = ['mariadb:10.11', 'mariadb:11.8']",
            "[nest]\nprivileged = true\n[[flavour]]\nserver = 'mariadb:10.11'",
            "[nest]\nimage = 'debian:sid'\n[[flavour]]\nserver = 'mariadb:10.11'",
            "[[flavour]]\nserver = 'mariadb:10.11'\nsettings = { max-connections = 20 }",
        ];
        let keys: HashSet<String> = texts.iter().map(|text| key(text)).collect();
        assert_eq!(keys.len(), texts.len());
    }

    #[test]
    fn names_limits_and_suites_do_not_matter() {
        let plain = key("flavours = ['mariadb:10.11', 'mariadb:11.8']");
        for same in [
            "flavours = ['mariadb:11.8', 'mariadb:10.11']",
            "[nest]\nname = 'other'\nmemory = '4GiB'\naccess = 'proxy'\n[[flavour]]\nname = 'a'\n\
             server = 'mariadb:10.11'\n[[flavour]]\nname = 'b'\nserver = 'mariadb:11.8'",
        ] {
            assert_eq!(key(same), plain, "{same}");
        }
    }

    #[test]
    fn a_lock_makes_another_key() {
        let text = "[[flavour]]\nname = 'a'\nserver = 'mariadb:10.11'";
        let matrix = Matrix::parse(Path::new("m.toml"), text).expect("a matrix");
        let mut lock = MatrixLock::default();
        let package = "mariadb-server=1:10.11.6-1".parse().expect("a package");
        lock.set("a", "10.11.6".to_owned(), vec![package]);
        assert_ne!(cache_key(&matrix, &lock), key(text));
    }
}

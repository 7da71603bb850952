//! The key of all that a matrix's flavours start from, for caches of whole nests.

use dbmatrix_containers::digest::Digest;

use super::template::template_key;
use crate::matrix::{Flavour, Locked, Managed, Matrix, MatrixLock};

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

/// The keys of the golden children that suites with a setup start from, on a flavour.
pub fn suite_template_keys(matrix: &Matrix, flavour: &Flavour) -> Vec<String> {
    let Some(managed) = flavour.managed() else {
        return Vec::new();
    };
    let suites = matrix.suites.iter();
    let suites = suites.filter(|suite| suite.flavours.contains(&flavour.name));
    let setups = suites.map(|suite| suite.setup.as_slice());
    let setups = setups.filter(|setup| !setup.is_empty());
    setups
        .map(|setup| template_key(&managed.for_suite(setup)))
        .collect()
}

/// The keys of the golden children that the servers of upgrades start from.
pub fn upgrade_template_keys(matrix: &Matrix) -> Vec<String> {
    let paths = matrix.upgrades.iter().flat_map(|upgrade| &upgrade.paths);
    let servers = paths.flat_map(|path| {
        let methods = path.methods.iter();
        methods.flat_map(|method| path.servers(*method))
    });
    servers.map(|(_, managed)| template_key(&managed)).collect()
}

/// The key of a matrix's nest and of the golden children of its flavours, suites and
/// upgrades, on machines of this architecture. Limits and how servers are reached do not matter.
pub fn cache_key(matrix: &Matrix, lock: &MatrixLock) -> String {
    let mut keys = upgrade_template_keys(matrix);
    for flavour in matrix.flavours.iter().flat_map(Flavour::servers) {
        if let Some(managed) = flavour.managed() {
            keys.extend(own_template_keys(managed, lock.get(&flavour.name)));
            keys.extend(suite_template_keys(matrix, flavour));
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
            "flavours = ['mariadb:10.11']\n[[upgrade]]\nfrom = ['mariadb:10.5']\nto = ['mariadb:11.8']",
            "[[upgrade]]\nfrom = ['mariadb:10.5']\nto = ['mariadb:11.8']",
            "[[upgrade]]\nfrom = ['mariadb:10.5']\nto = ['mariadb:10.11']",
            "[[upgrade]]\nfrom = ['mariadb:10.5']\nto = ['mariadb:10.11']\nby = ['replica']",
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
    fn a_suite_counts_where_it_has_a_setup() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("a.sql"), "SELECT 1;\n").expect("a file");
        let key = |setup: &str| {
            let text = format!(
                "flavours = ['mariadb:10.11']\n[[suite]]\nname = 's'\ncommand = ['true']\n{setup}"
            );
            let matrix = Matrix::parse(&folder.path().join("m.toml"), &text);
            cache_key(&matrix.expect("a matrix"), &MatrixLock::default())
        };
        assert_ne!(key("setup = ['a.sql']"), key(""));
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

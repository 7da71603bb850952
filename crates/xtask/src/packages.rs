//! Package indexes of apt repositories (deb822, Debian policy, 5.1).

/// The upstream versions of a package, each once, such as `8.0.36-28` of
/// `8.0.36-28-1.bookworm`.
pub(crate) fn versions(index: &str, package: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for stanza in index.split("\n\n") {
        let field = |name: &str| {
            let mut lines = stanza.lines();
            lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        };
        if field("Package") != Some(package) {
            continue;
        }
        let Some(version) = field("Version") else {
            continue;
        };
        // An epoch comes before a colon, the package's own revision after the last hyphen.
        let version = version.split_once(':').map_or(version, |(_, rest)| rest);
        let upstream = version
            .rsplit_once('-')
            .map_or(version, |(upstream, _)| upstream);
        if !found.iter().any(|known| known == upstream) {
            found.push(upstream.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_upstream_version_of_the_package_is_found_once() {
        let index = "\
Package: percona-server-server
Version: 8.0.36-28-1.bookworm
Depends: x

Package: percona-server-server
Version: 8.0.36-28-2.bookworm

Package: percona-server-client
Version: 8.0.37-29-1.bookworm

Package: percona-server-server
Architecture: amd64
Version: 1:8.0.37-29-1.bookworm
";
        assert_eq!(
            versions(index, "percona-server-server"),
            ["8.0.36-28", "8.0.37-29"]
        );
        let mysql = "Package: mysql-community-server\nVersion: 8.4.11-1debian12\n";
        assert_eq!(versions(mysql, "mysql-community-server"), ["8.4.11"]);
        assert!(versions("", "x").is_empty());
    }
}

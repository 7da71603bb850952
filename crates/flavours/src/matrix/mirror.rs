//! `[[mirror]]`: copies of vendors' servers, for those who do not reach the vendors
//! themselves or keep what they publish.

use std::path::Path;

use dbmatrix_config::TableReader;

use crate::server::{Installation, KeySource, Proof, TarballSource};

/// A copy of a vendor's server.
#[derive(Debug, Clone)]
pub(super) struct Mirror {
    /// The beginning of the vendor's addresses.
    of: String,
    /// The beginning of its own.
    url: String,
    /// What signs it, if it is not the vendor.
    key: Option<Key>,
}

/// A signing key, and the fingerprints that it may have; none for any key of a file.
type Key = (KeySource, Vec<String>);

pub(super) fn read_all(top: &TableReader<'_>, folder: &Path) -> Vec<Mirror> {
    let tables = top.tables("mirror");
    tables
        .iter()
        .filter_map(|table| read(table, folder))
        .collect()
}

fn read(table: &TableReader<'_>, folder: &Path) -> Option<Mirror> {
    let (of, url) = (table.text("of"), table.text("url"));
    let key = key_of(table, folder);
    table.finish();
    let (Some(of), Some(url)) = (of, url) else {
        if !table.has("of") || !table.has("url") {
            let expected = "expected `of`, a vendor's address such as `https://archive.mariadb.org`, and the `url` of its copy";
            table.problem(table.span(), expected);
        }
        return None;
    };
    for address in [&of, &url] {
        if !is_address(&address.value) {
            let expected = format!(
                "expected an address such as `https://mirror.example/mariadb`; found `{}`",
                address.value
            );
            table.problem(address.span.clone(), expected);
            return None;
        }
    }
    let plain = |text: String| text.trim_end_matches('/').to_owned();
    Some(Mirror {
        of: plain(of.value),
        url: plain(url.value),
        key: key?,
    })
}

/// The `key` of a table with its `fingerprints`; `None` with a problem. A file is what the user
/// has chosen, while at an address anybody may answer: only that needs fingerprints.
pub(super) fn key_of(table: &TableReader<'_>, folder: &Path) -> Option<Option<Key>> {
    let (key, fingerprints) = (table.text("key"), table.texts("fingerprints"));
    match (key, fingerprints) {
        (None, None) => Some(None),
        (Some(key), None) if !is_address(&key.value) => {
            Some(Some((key_source(&key.value, folder), Vec::new())))
        }
        (Some(key), Some(fingerprints)) if !fingerprints.value.is_empty() => {
            let all = fingerprints.value.into_iter().map(|print| print.value);
            Some(Some((key_source(&key.value, folder), all.collect())))
        }
        (key, fingerprints) => {
            let span = key.map(|key| key.span);
            let span = span.or(fingerprints.map(|list| list.span));
            let expected = "expected a `key` together with its `fingerprints`; a file needs none";
            table.problem(span.unwrap_or_else(|| table.span()), expected);
            None
        }
    }
}

/// A key's address, or its file beside the matrix.
pub(super) fn key_source(text: &str, folder: &Path) -> KeySource {
    match is_address(text) {
        true => KeySource::Url(text.to_owned()),
        false => KeySource::File(folder.join(text)),
    }
}

fn is_address(text: &str) -> bool {
    text.contains("://")
}

/// Takes what an installation fetches from vendors from their mirrors.
pub(super) fn apply(mirrors: &[Mirror], installation: &mut Installation) {
    match installation {
        Installation::Packages(packages) => {
            let Some(repository) = &mut packages.repository else {
                return;
            };
            let key = replace_all(mirrors, &mut repository.urls);
            replace_key(mirrors, &mut repository.key);
            if let Some((key, fingerprints)) = key {
                (repository.key, repository.fingerprints) = (key, fingerprints);
            }
        }
        Installation::Tarball(tarball) => {
            let TarballSource::Url { urls, proof } = &mut tarball.source else {
                return;
            };
            let own = replace_all(mirrors, urls);
            if let Proof::Signature { key, fingerprints } = proof {
                replace_key(mirrors, key);
                if let Some(own) = own {
                    (*key, *fingerprints) = own;
                }
            }
        }
    }
}

/// Replaces addresses; returns the key of the first mirror that has one of its own.
fn replace_all(mirrors: &[Mirror], urls: &mut [String]) -> Option<Key> {
    let mut key = None;
    for url in urls {
        if let Some((mirror, moved)) = find(mirrors, url) {
            *url = moved;
            key = key.or_else(|| mirror.key.clone());
        }
    }
    key
}

fn replace_key(mirrors: &[Mirror], key: &mut KeySource) {
    if let KeySource::Url(url) = key
        && let Some((_, moved)) = find(mirrors, url)
    {
        *url = moved;
    }
}

/// The mirror of an address, and the address there.
fn find<'m>(mirrors: &'m [Mirror], url: &str) -> Option<(&'m Mirror, String)> {
    mirrors.iter().find_map(|mirror| {
        let rest = url.strip_prefix(&mirror.of)?;
        (rest.is_empty() || rest.starts_with('/'))
            .then(|| (mirror, format!("{}{rest}", mirror.url)))
    })
}

#[cfg(test)]
mod tests {
    use crate::matrix::Matrix;

    use super::*;

    /// Parses a matrix with one server and one mirror of its vendor.
    fn parse(server: &str, of: &str, more: &str) -> Result<Installation, Vec<String>> {
        let text = format!(
            "flavours = ['{server}']\n[[mirror]]\nof = '{of}'\nurl = 'http://mirror.test'\n{more}\n"
        );
        let matrix = Matrix::parse(Path::new("folder/m.toml"), &text);
        let matrix = matrix.map_err(|error| error.lines())?;
        let managed = matrix.flavours[0].managed().expect("a server that is made");
        Ok(managed.spec.installation.clone())
    }

    #[test]
    fn a_key_in_a_file_replaces_the_vendors_and_needs_no_fingerprints() {
        let of = "https://archive.mariadb.org";
        let packages = parse("mariadb:10.6.18", of, "key = 'own.asc'").expect("a matrix");
        let Installation::Packages(packages) = packages else {
            panic!("packages");
        };
        let repository = packages.repository.expect("a repository");
        assert!(
            matches!(&repository.key, KeySource::File(path) if path == Path::new("folder/own.asc"))
        );
        assert!(repository.fingerprints.is_empty(), "{repository:?}");
        let of = "https://cdn.mysql.com";
        let tarball = parse("mysql:8.0.30", of, "key = 'own.asc'").expect("a matrix");
        let origin = tarball.origin().unwrap_or_default();
        assert!(
            origin.ends_with("signed by the key folder/own.asc"),
            "{origin}"
        );
    }

    #[test]
    fn a_key_at_an_address_needs_its_fingerprints() {
        let of = "https://archive.mariadb.org";
        for wrong in [
            "key = 'https://mirror.test/key'",
            "fingerprints = ['AA']",
            "key = 'own.asc'\nfingerprints = []",
        ] {
            let told = parse("mariadb:10.6.18", of, wrong).expect_err("a problem");
            assert!(
                told[0].contains("together with its `fingerprints`"),
                "{told:?}"
            );
        }
        let right = "key = 'https://mirror.test/key'\nfingerprints = ['AA']";
        assert!(parse("mariadb:10.6.18", of, right).is_ok());
    }
}

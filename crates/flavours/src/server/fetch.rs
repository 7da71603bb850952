//! Brings a tarball into the child, and verifies it.

use std::path::Path;

use dbmatrix_containers::nest::Child;
use dbmatrix_engine::{Exec, FileMode};

use super::checksum::{self, Checksum};
use super::install::LIMIT;
use super::spec::{KeySource, Proof, TarballSource};
use super::transcript::{ERROR_TAIL_LINES, logged_script};
use super::{ServerError, key, succeed};

const FETCH: &str = r#"
/usr/lib/apt/apt-helper -o Acquire::Retries=1 -o Acquire::http::Timeout=60 \
    -o Acquire::https::Timeout=60 download-file "$URL" "$FILE"
"#;

const SUM: &str = r#"
"${ALGORITHM}sum" "$FILE"
"#;

/// Brings a tarball to a path in the child.
///
/// # Errors
/// [`ServerError::NowhereFound`] if no address has it, [`ServerError::Checksum`] and
/// [`ServerError::TarballSignature`] if it is another file than it should be.
pub(super) async fn fetch(
    child: &Child,
    source: &TarballSource,
    to: &str,
) -> Result<(), ServerError> {
    match source {
        TarballSource::File { path, checksum } => {
            if let Some(expected) = checksum {
                check_here(path, expected).await?;
            }
            let engine = &child.engine;
            engine
                .push_file(&child.name, to, FileMode::Public, path)
                .await?;
        }
        TarballSource::Url { urls, proof } => {
            let url = download_any(child, urls, to).await?;
            match proof {
                Proof::Checksum(expected) => check_there(child, to, url, expected).await?,
                Proof::Signature { key, fingerprints } => {
                    check_signature(child, to, url, key, fingerprints).await?;
                }
            }
        }
    }
    Ok(())
}

/// Downloads from the first address that has the file; returns that address.
async fn download_any<'u>(
    child: &Child,
    urls: &'u [String],
    to: &str,
) -> Result<&'u str, ServerError> {
    let mut reasons = Vec::new();
    for url in urls {
        match download(child, url, to).await? {
            Ok(()) => return Ok(url),
            Err(reason) => reasons.push(format!("{url}: {reason}")),
        }
    }
    Err(ServerError::NowhereFound {
        reasons: reasons.join("\n"),
    })
}

/// Downloads a file; the inner error is apt's.
async fn download(child: &Child, url: &str, to: &str) -> Result<Result<(), String>, ServerError> {
    let fetch = logged_script(&format!("download {url}"), FETCH, ERROR_TAIL_LINES)
        .env("URL", url)
        .env("FILE", to)
        .limit(LIMIT);
    let output = child.engine.exec(&child.name, &fetch).await?;
    if output.success() {
        return Ok(Ok(()));
    }
    Ok(Err(dbmatrix_containers::image::fetch_failure(
        &output.stdout,
        url,
    )))
}

async fn check_signature(
    child: &Child,
    file: &str,
    url: &str,
    key: &KeySource,
    fingerprints: &[String],
) -> Result<(), ServerError> {
    let signature = format!("{url}.asc");
    if let Err(reason) = download(child, &signature, &format!("{file}.asc")).await? {
        return Err(ServerError::TarballSignature {
            url: url.to_owned(),
            reason: format!("its signature `{signature}` is not reached from here: {reason}"),
        });
    }
    let key = key::fetch(child, key).await?;
    key::install_gpg(child).await?;
    key::check_signature(child, file, url, &key, fingerprints).await
}

/// Checks a file in the child.
async fn check_there(
    child: &Child,
    file: &str,
    url: &str,
    expected: &Checksum,
) -> Result<(), ServerError> {
    let sum = Exec::script(SUM)
        .env("ALGORITHM", expected.algorithm.as_str())
        .env("FILE", file)
        .limit(LIMIT);
    let output = succeed(child, "compute the tarball's checksum", sum).await?;
    let found = output.stdout.split_whitespace().next().unwrap_or_default();
    compare(url, expected, found)
}

/// Checks a file of this machine.
async fn check_here(path: &Path, expected: &Checksum) -> Result<(), ServerError> {
    let (file, algorithm) = (path.to_owned(), expected.algorithm);
    let sum = tokio::task::spawn_blocking(move || checksum::of_file(algorithm, &file)).await;
    let found = sum
        .unwrap_or_else(|error| Err(std::io::Error::other(error)))
        .map_err(|source| ServerError::File {
            path: path.to_owned(),
            source,
        })?;
    compare(&path.display().to_string(), expected, &found)
}

fn compare(name: &str, expected: &Checksum, found: &str) -> Result<(), ServerError> {
    if found == expected.hex {
        return Ok(());
    }
    Err(ServerError::Checksum {
        name: name.to_owned(),
        algorithm: expected.algorithm.as_str(),
        expected: expected.hex.clone(),
        found: found.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::checksum::Algorithm;

    #[tokio::test]
    async fn another_file_than_the_matrix_names_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("x.tar");
        std::fs::write(&path, "abc").expect("a file");
        let of = |hex: &str| Checksum::new(Algorithm::Md5, hex).expect("a checksum");
        let right = "900150983cd24fb0d6963f7d28e17f72";
        assert!(check_here(&path, &of(right)).await.is_ok());
        let refused = check_here(&path, &of(&right.replace('9', "8"))).await;
        assert!(matches!(refused, Err(ServerError::Checksum { .. })));
    }
}

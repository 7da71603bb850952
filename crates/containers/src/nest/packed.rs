//! Reads a packed child: a tar as Incus and LXD make it, with an index of the container
//! at its start, compressed by zstd (RFC 8878) or not at all.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::net::Ipv4Addr;

use async_compression::Level;
use async_compression::tokio::bufread::ZstdDecoder;
use async_compression::tokio::write::ZstdEncoder;
use async_compression::zstd::CParameter;
use dbmatrix_sql::version::{Identity, VersionError};
use serde::Deserialize;
use thiserror::Error;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncWrite};
use tokio_util::io::SyncIoBridge;

use super::key;

/// The first bytes of a zstd frame.
const ZSTD: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];
/// The index is the tar's first file, with a few thousand bytes.
const INDEX: &str = "backup/index.yaml";
const LONGEST: u64 = 4 << 20;

/// The uncompressed content.
pub type Unpacked = Box<dyn AsyncRead + Send + Sync + Unpin>;

/// The description of a packed child.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// The flavour's name.
    pub flavour: String,
    /// Its server, such as `mysql:9.7`.
    pub server: String,
    /// The server's identity.
    pub identity: Identity,
    /// The address from which its server accepted logins.
    pub client: Option<Ipv4Addr>,
    /// Its architecture, such as `x86_64`.
    pub architecture: String,
}

/// Why a file is rejected.
#[derive(Debug, Error)]
pub enum ManifestError {
    /// It is truncated or damaged.
    #[error("it is truncated or damaged ({0}); copy it once more")]
    Broken(io::Error),
    /// It is not a container, or not one of dbmatrix.
    #[error("it is nothing that `dbmatrix export` wrote: {0}")]
    Foreign(String),
    /// The description of its server is invalid.
    #[error("it is nothing that `dbmatrix export` wrote: its server is unknown: {0}")]
    Version(#[from] VersionError),
}

#[derive(Deserialize)]
struct Index {
    #[serde(default)]
    config: Contents,
}

#[derive(Deserialize, Default)]
struct Contents {
    /// Newer LXD calls it an instance.
    #[serde(default, alias = "instance")]
    container: Option<PackedContainer>,
}

#[derive(Deserialize)]
struct PackedContainer {
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    config: BTreeMap<String, String>,
}

impl Manifest {
    /// Reads the index at the start of an uncompressed file.
    ///
    /// # Errors
    /// [`ManifestError`].
    pub async fn read(unpacked: Unpacked) -> Result<Self, ManifestError> {
        let bridge = SyncIoBridge::new(unpacked);
        let read = tokio::task::spawn_blocking(move || index(bridge)).await;
        let text = read.map_err(|error| ManifestError::Broken(io::Error::other(error)))??;
        Self::parse(&text)
    }

    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let foreign = |why: &str| ManifestError::Foreign(why.to_owned());
        let index: Index = serde_saphyr::from_str(text)
            .map_err(|_| foreign("its index is not one of a container"))?;
        let packed = index.config.container;
        let packed = packed.ok_or_else(|| foreign("it holds no container"))?;
        let own = |key: &str| {
            let value = packed.config.get(key).filter(|value| !value.is_empty());
            value.cloned()
        };
        let flavour = own(key::FLAVOUR);
        let flavour = flavour.ok_or_else(|| foreign("its container is no flavour's"))?;
        Ok(Manifest {
            flavour,
            server: own(key::SERVER).unwrap_or_default(),
            identity: Identity::read(&own(key::VERSION).unwrap_or_default(), "")?,
            client: own(key::CLIENT).and_then(|address| address.parse().ok()),
            architecture: packed.architecture,
        })
    }
}

/// The text of the index.
pub fn index(packed: impl Read) -> Result<String, ManifestError> {
    let foreign = || ManifestError::Foreign("it is no packed container".to_owned());
    let mut tar = tar::Archive::new(packed);
    let mut files = tar.entries().map_err(ManifestError::Broken)?;
    let first = files.next().ok_or_else(foreign)?.map_err(|error| {
        // Not a tar, or a truncated one.
        match error.kind() {
            io::ErrorKind::UnexpectedEof => ManifestError::Broken(error),
            _ => foreign(),
        }
    })?;
    let is_index = first.path().is_ok_and(|path| path.as_os_str() == INDEX);
    if !is_index {
        return Err(foreign());
    }
    let mut text = String::new();
    let read = first.take(LONGEST).read_to_string(&mut text);
    read.map_err(ManifestError::Broken)?;
    Ok(text)
}

/// The content of a file, which may be compressed.
///
/// # Errors
/// As of the file.
pub async fn unpacked(
    mut file: impl AsyncBufRead + Send + Sync + Unpin + 'static,
) -> io::Result<Unpacked> {
    let head = file.fill_buf().await?;
    Ok(match head.starts_with(&ZSTD) {
        true => Box::new(ZstdDecoder::new(file)),
        false => Box::new(file),
    })
}

/// Compresses a packed child, with a checksum that reveals damage. The writer shuts it
/// down at the end.
pub fn compressed<W: AsyncWrite>(file: W) -> ZstdEncoder<W> {
    let sum = CParameter::checksum_flag(true);
    ZstdEncoder::with_quality_and_params(file, Level::Default, &[sum])
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};

    use super::*;

    const TEXT: &str = "name: x\nbackend: btrfs\nconfig:\n  container:\n    architecture: x86_64\n    config:\n      user.dbmatrix.flavour: mariadb-10.5\n      user.dbmatrix.server: mariadb:10.5\n      user.dbmatrix.version: 10.5.29-MariaDB-0+deb11u1\n      user.dbmatrix.client: 10.40.146.1\n      user.dbmatrix.packages: |-\n        a=1\n        b=2\n      volatile.idmap.base: \"0\"\n";

    fn tar(name: &str, text: &str) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        let added = builder.append_data(&mut header, name, text.as_bytes());
        added.expect("a file");
        builder.into_inner().expect("a tar")
    }

    async fn zstd(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = compressed(Vec::new());
        encoder.write_all(bytes).await.expect("memory");
        encoder.shutdown().await.expect("memory");
        encoder.into_inner()
    }

    async fn read(bytes: Vec<u8>) -> Result<Manifest, ManifestError> {
        let file = BufReader::new(Cursor::new(bytes));
        Manifest::read(unpacked(file).await.expect("memory")).await
    }

    #[tokio::test]
    async fn a_packed_child_says_what_it_is() {
        let plain = tar(INDEX, TEXT);
        for bytes in [zstd(&plain).await, plain] {
            let manifest = read(bytes).await.expect("a flavour");
            assert_eq!(manifest.flavour, "mariadb-10.5");
            assert_eq!(manifest.identity.version.to_string(), "10.5.29");
            assert_eq!(manifest.client, Some(Ipv4Addr::new(10, 40, 146, 1)));
            assert_eq!(manifest.architecture, "x86_64");
        }
    }

    #[tokio::test]
    async fn what_is_no_flavour_is_refused() {
        let said = async |bytes: Vec<u8>| read(bytes).await.expect_err("a refusal").to_string();
        let nobodys = TEXT.replace("user.dbmatrix.flavour", "user.other");
        let told = [
            said(Vec::new()).await,
            said(b"CREATE TABLE t (a INT);\n".repeat(100)).await,
            said(tar("etc/passwd", "root")).await,
            said(tar(INDEX, "[")).await,
            said(tar(INDEX, "type: custom\n")).await,
            said(tar(INDEX, &nobodys)).await,
        ];
        for told in told {
            assert!(
                told.starts_with("it is nothing that `dbmatrix export` wrote"),
                "{told}"
            );
        }
    }

    #[tokio::test]
    async fn a_file_that_breaks_off_is_noticed() {
        let whole = zstd(&tar(INDEX, TEXT)).await;
        let cut = whole[..whole.len() - 20].to_vec();
        let mut reader = unpacked(BufReader::new(Cursor::new(cut)))
            .await
            .expect("memory");
        let read = reader.read_to_end(&mut Vec::new()).await;
        assert_eq!(
            read.expect_err("its end is gone").kind(),
            io::ErrorKind::UnexpectedEof
        );
        let mut damaged = whole;
        let at = damaged.len() - 3;
        damaged[at] ^= 1;
        let mut reader = unpacked(BufReader::new(Cursor::new(damaged)))
            .await
            .expect("memory");
        reader
            .read_to_end(&mut Vec::new())
            .await
            .expect_err("another sum");
    }
}

//! Files of statements, plain or compressed, recognised by their first bytes.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use async_compression::tokio::bufread::{GzipDecoder, ZstdDecoder};
use tempfile::NamedTempFile;
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;

/// The first bytes of a gzip member (RFC 1952), a zstd frame (RFC 8878) and an xz stream.
const GZIP: &[u8] = &[0x1F, 0x8B];
const ZSTD: &[u8] = &[0x28, 0xB5, 0x2F, 0xFD];
const XZ: &[u8] = &[0xFD, b'7', b'z', b'X', b'Z', 0];

/// How mysqldump and mariadb-dump begin and end.
const BEGINS: [&[u8]; 2] = [b"-- MySQL dump ", b"-- MariaDB dump "];
const ENDS: &[u8] = b"-- Dump completed";
/// Bytes that are searched for these.
const HEAD: usize = 256;
const TAIL: u64 = 4096;

/// A file whose statements can be read.
#[derive(Debug)]
pub(super) enum Dump {
    /// An uncompressed file.
    Plain(PathBuf),
    /// The decompressed content.
    Unpacked(NamedTempFile),
}

impl Dump {
    /// Opens a file. A compressed one is unpacked into a temporary file.
    ///
    /// # Errors
    /// Human-readable: the file cannot be read, is damaged, or its content does
    /// not fit on the disk.
    pub(super) async fn open(path: &Path) -> Result<Self, String> {
        let opened = unpack(path).await;
        opened.map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => "it is truncated".to_owned(),
            io::ErrorKind::StorageFull => format!(
                "no room in `{}` for what is in it; `TMPDIR` names another folder",
                std::env::temp_dir().display()
            ),
            _ => error.to_string(),
        })
    }

    /// Whether it begins as mysqldump and mariadb-dump do, and does not end so: they close
    /// with `-- Dump completed`. One that was written without comments has neither.
    ///
    /// # Errors
    /// As of the system.
    pub(super) fn may_be_cut(&self) -> io::Result<bool> {
        let mut file = std::fs::File::open(self.path())?;
        let mut head = [0; HEAD];
        let read = file.read(&mut head)?;
        let is_dump = BEGINS.iter().any(|begins| contains(&head[..read], begins));
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        let mut tail = Vec::new();
        file.read_to_end(&mut tail)?;
        Ok(is_dump && !contains(&tail, ENDS))
    }

    /// Where the statements are.
    pub(super) fn path(&self) -> &Path {
        match self {
            Dump::Plain(path) => path,
            Dump::Unpacked(file) => file.path(),
        }
    }
}

fn contains(bytes: &[u8], words: &[u8]) -> bool {
    bytes.windows(words.len()).any(|window| window == words)
}

async fn unpack(path: &Path) -> io::Result<Dump> {
    let mut head = Vec::new();
    let file = File::open(path).await?;
    file.take(XZ.len() as u64).read_to_end(&mut head).await?;
    let file = BufReader::new(File::open(path).await?);
    if head.starts_with(GZIP) {
        let mut decoder = GzipDecoder::new(file);
        decoder.multiple_members(true);
        store(decoder).await
    } else if head.starts_with(ZSTD) {
        let mut decoder = ZstdDecoder::new(file);
        decoder.multiple_members(true);
        store(decoder).await
    } else if head.starts_with(XZ) {
        unpack_xz(path).await
    } else {
        Ok(Dump::Plain(path.to_owned()))
    }
}

async fn store(mut content: impl AsyncRead + Unpin) -> io::Result<Dump> {
    let (target, kept) = NamedTempFile::with_prefix("dbmatrix-")?.into_parts();
    let mut target = File::from_std(target);
    tokio::io::copy(&mut content, &mut target).await?;
    target.flush().await?;
    Ok(Dump::Unpacked(NamedTempFile::from_parts(
        target.into_std().await,
        kept,
    )))
}

/// Uses the `xz` program, which every Debian has: its library is C code that each build
/// of dbmatrix would compile.
async fn unpack_xz(path: &Path) -> io::Result<Dump> {
    let mut unpacker = Command::new("xz");
    unpacker.args(["--decompress", "--stdout", "--"]).arg(path);
    let spawned = unpacker
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let mut child = spawned.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => io::Error::other("it needs the program `xz`: install xz-utils"),
        _ => error,
    })?;
    let content = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let dump = store(content).await?;
    let ended = child.wait_with_output().await?;
    match ended.status.success() {
        true => Ok(dump),
        false => {
            let words = String::from_utf8_lossy(&ended.stderr).trim().to_owned();
            Err(io::Error::other(words))
        }
    }
}

#[cfg(test)]
mod tests {
    use async_compression::tokio::write::{GzipEncoder, ZstdEncoder};

    use super::*;

    const TEXT: &[u8] = b"CREATE TABLE t (a INT);\n";

    async fn gzip() -> Vec<u8> {
        let mut encoder = GzipEncoder::new(Vec::new());
        encoder.write_all(TEXT).await.expect("bytes in memory");
        encoder.shutdown().await.expect("bytes in memory");
        encoder.into_inner()
    }

    async fn zstd() -> Vec<u8> {
        let mut encoder = ZstdEncoder::new(Vec::new());
        encoder.write_all(TEXT).await.expect("bytes in memory");
        encoder.shutdown().await.expect("bytes in memory");
        encoder.into_inner()
    }

    async fn opened(bytes: &[u8]) -> Result<Vec<u8>, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("dump");
        std::fs::write(&path, bytes).expect("a file");
        let dump = Dump::open(&path).await?;
        Ok(std::fs::read(dump.path()).expect("what was unpacked"))
    }

    #[tokio::test]
    async fn compression_is_recognised_by_content() {
        for bytes in [TEXT.to_vec(), gzip().await, zstd().await] {
            assert_eq!(opened(&bytes).await.expect("statements"), TEXT);
        }
        assert_eq!(opened(b"").await.expect("none"), b"");
    }

    #[tokio::test]
    async fn several_members_are_one_file() {
        let twice = [gzip().await, gzip().await].concat();
        assert_eq!(opened(&twice).await.expect("statements"), TEXT.repeat(2));
    }

    #[tokio::test]
    async fn a_dump_ends_as_it_begins() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("dump.sql");
        let may_be_cut = async |text: &str| {
            std::fs::write(&path, text).expect("a file");
            let dump = Dump::open(&path).await.expect("a dump");
            dump.may_be_cut().expect("a file")
        };
        let begin = "/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19\n--\n";
        assert!(may_be_cut(&format!("{begin}SELECT 1;\n")).await);
        let end = "-- Dump completed on 2026-11-27 14:00:00\n";
        assert!(!may_be_cut(&format!("{begin}SELECT 1;\n{end}")).await);
        assert!(!may_be_cut("SELECT 1;\n").await);
        assert!(!may_be_cut("").await);
    }

    #[tokio::test]
    async fn a_truncated_file_is_an_error() {
        for bytes in [gzip().await, zstd().await] {
            let cut = &bytes[..bytes.len() - 5];
            opened(cut).await.expect_err("it breaks off");
        }
    }
}

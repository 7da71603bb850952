//! The layout of a cache file: a line with its version, sections that are compressed each
//! for itself, an index of them, the place of the index, and a checksum of all that.
//!
//! The index comes last because the size of a section is known when it is written. A reader
//! opens several sections at once. Knows bytes; knows no container.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_compression::Level;
use async_compression::tokio::bufread::ZstdDecoder;
use async_compression::tokio::write::ZstdEncoder;
use async_compression::zstd::CParameter;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncSeekExt, AsyncWrite, AsyncWriteExt, BufReader, BufWriter, Take,
};

use super::deb::as_package;
use super::error::CacheError;
use crate::nest::Unpacked;

/// Version of the layout.
pub(super) const SCHEMA: u32 = 1;
const KIND: &[u8] = b"dbmatrix cache ";
const LONGEST_VERSION: usize = 10;
/// Bytes of the place of the index, and of the checksum behind it.
const PLACE: usize = 8;
const SUM: usize = 32;
/// Bytes read or written at once.
const CHUNK: usize = 256 * 1024;
/// Slower to write than the usual level and as fast to read.
const LEVEL: i32 = 9;

/// What a cache file holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Index {
    /// The program that wrote it.
    pub program: String,
    /// The architecture of its programs.
    pub architecture: String,
    /// The key of the matrix.
    pub key: String,
    /// The user ids that its servers need in a nest.
    pub ids: u64,
    /// The nest's root file system.
    pub(super) nest: Section,
    /// Golden children; each comes after the one that it is based on.
    pub(super) children: Vec<PackedChild>,
}

/// A golden child.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct PackedChild {
    /// Its container.
    pub(super) name: String,
    /// Its settings.
    pub(super) config: BTreeMap<String, String>,
    /// The container from whose tree its own differs.
    pub(super) base: Option<String>,
    /// Paths of the base that it does not have, each followed by a NUL byte.
    pub(super) removed: Option<Section>,
    /// A tar of its tree, or of what the base does not have.
    pub(super) tree: Section,
}

/// Compressed bytes in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Section {
    from: u64,
    length: u64,
}

/// A file whose bytes are counted and summed.
struct Summed {
    file: BufWriter<tokio::fs::File>,
    sum: Sha256,
    written: u64,
}

impl AsyncWrite for Summed {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let count = ready!(Pin::new(&mut this.file).poll_write(context, bytes))?;
        this.sum.update(&bytes[..count]);
        this.written += count as u64;
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().file).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(context)
    }
}

/// Writes a cache file.
pub(super) struct Writer(Summed);

impl Writer {
    pub(super) async fn begin(file: File) -> io::Result<Self> {
        let mut summed = Summed {
            file: BufWriter::with_capacity(CHUNK, tokio::fs::File::from_std(file)),
            sum: Sha256::new(),
            written: 0,
        };
        summed.write_all(KIND).await?;
        summed.write_all(format!("{SCHEMA}\n").as_bytes()).await?;
        Ok(Writer(summed))
    }

    /// Begins a section, which its writer must finish.
    pub(super) fn begin_section(&mut self) -> SectionWriter<'_> {
        let parameters = [
            CParameter::checksum_flag(true),
            CParameter::enable_long_distance_matching(true),
        ];
        let from = self.0.written;
        let level = Level::Precise(LEVEL);
        SectionWriter {
            encoder: ZstdEncoder::with_quality_and_params(&mut self.0, level, &parameters),
            from,
        }
    }

    /// Writes the index and what follows; returns the length of the file.
    pub(super) async fn finish(self, index: &Index) -> io::Result<u64> {
        let Writer(mut summed) = self;
        let place = summed.written;
        let text = serde_json::to_vec(index).map_err(io::Error::other)?;
        summed.write_all(&text).await?;
        summed.write_all(&place.to_le_bytes()).await?;
        let sum = summed.sum.clone().finalize();
        summed.write_all(&sum).await?;
        summed.flush().await?;
        summed.file.get_ref().sync_all().await?;
        Ok(summed.written)
    }
}

/// Writes a section. Nothing is gained by flushing it: that would end a block.
pub(super) struct SectionWriter<'a> {
    encoder: ZstdEncoder<&'a mut Summed>,
    from: u64,
}

impl SectionWriter<'_> {
    pub(super) async fn finish(mut self) -> io::Result<Section> {
        self.encoder.shutdown().await?;
        Ok(Section {
            from: self.from,
            length: self.encoder.get_ref().written - self.from,
        })
    }
}

impl AsyncWrite for SectionWriter<'_> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().encoder).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A cache file that is complete and unchanged.
#[derive(Debug, Clone)]
pub struct CacheFile {
    path: PathBuf,
    /// What it holds.
    pub index: Index,
    /// Its checksum, which tells it from any other one.
    pub(super) sum: String,
}

impl CacheFile {
    /// Reads all of a file once, and its index.
    ///
    /// # Errors
    /// [`CacheError`], as of the file.
    pub fn open(path: &Path) -> Result<Self, CacheError> {
        let could_not = CacheError::file("read");
        let mut file = File::open(path).map_err(&could_not)?;
        check_head(&mut file)?;
        let length = file.metadata().map_err(&could_not)?.len();
        let summed = length.checked_sub(SUM as u64).ok_or(CacheError::Broken)?;
        file.rewind().map_err(&could_not)?;
        let (sum, place) = sum_up(&mut file, summed).map_err(&could_not)?;
        let mut noted = [0; SUM];
        file.read_exact(&mut noted).map_err(&could_not)?;
        if sum.as_slice() != noted {
            return Err(CacheError::Broken);
        }
        let end = summed.saturating_sub(PLACE as u64);
        let index = end.checked_sub(place).ok_or(CacheError::Broken)?;
        file.seek(SeekFrom::Start(place)).map_err(&could_not)?;
        let index = serde_json::from_reader(file.take(index)).map_err(|_| CacheError::Broken)?;
        let sum = sum.iter().map(|byte| format!("{byte:02x}")).collect();
        let path = path.to_owned();
        Ok(CacheFile { path, index, sum })
    }

    /// Checks that it is for this machine and for the matrix of that key.
    ///
    /// # Errors
    /// [`CacheError::Architecture`], [`CacheError::Stale`].
    pub fn check(&self, key: &str) -> Result<(), CacheError> {
        let machine = std::env::consts::ARCH;
        if self.index.architecture != machine {
            return Err(CacheError::Architecture {
                found: self.index.architecture.clone(),
                machine,
            });
        }
        if self.index.key != key {
            return Err(CacheError::Stale {
                found: self.index.key.clone(),
                wanted: key.to_owned(),
            });
        }
        Ok(())
    }

    /// Opens a section and uncompresses it.
    pub(super) async fn section(&self, section: Section) -> Result<Unpacked, CacheError> {
        let packed = BufReader::with_capacity(CHUNK, self.packed_section(section).await?);
        Ok(Box::new(ZstdDecoder::new(packed)))
    }

    /// Opens a section with a tar, as a package for `dpkg-deb`.
    pub(super) async fn package(
        &self,
        section: Section,
    ) -> Result<impl AsyncRead + Unpin + Send, CacheError> {
        Ok(as_package(
            self.packed_section(section).await?,
            section.length,
        ))
    }

    async fn packed_section(&self, section: Section) -> Result<Take<tokio::fs::File>, CacheError> {
        let could_not = CacheError::file("read");
        let file = tokio::fs::File::open(&self.path).await;
        let mut file = file.map_err(&could_not)?;
        file.set_max_buf_size(CHUNK);
        let from = SeekFrom::Start(section.from);
        file.seek(from).await.map_err(&could_not)?;
        Ok(file.take(section.length))
    }
}

/// Reads the line with the version.
fn check_head(file: &mut File) -> Result<(), CacheError> {
    let mut head = Vec::new();
    let longest = KIND.len() + LONGEST_VERSION + 1;
    let read = file.take(longest as u64).read_to_end(&mut head);
    read.map_err(CacheError::file("read"))?;
    let Some(rest) = head.strip_prefix(KIND) else {
        // It may be one that was cut within its first bytes.
        return Err(match !head.is_empty() && KIND.starts_with(&head) {
            true => CacheError::Broken,
            false => CacheError::Foreign,
        });
    };
    let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
        return Err(CacheError::Broken);
    };
    let found = String::from_utf8_lossy(&rest[..end]).into_owned();
    match found == SCHEMA.to_string() {
        true => Ok(()),
        false => Err(CacheError::Schema { found }),
    }
}

/// The checksum of the first bytes, and the number in the last eight of them.
fn sum_up(file: &mut File, length: u64) -> io::Result<([u8; SUM], u64)> {
    let mut sum = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    let mut last = Vec::new();
    let mut left = length;
    while left > 0 {
        let wanted = left.min(CHUNK as u64) as usize;
        let count = file.read(&mut chunk[..wanted])?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        sum.update(&chunk[..count]);
        last.extend_from_slice(&chunk[count.saturating_sub(PLACE)..count]);
        last.drain(..last.len().saturating_sub(PLACE));
        left -= count as u64;
    }
    let place = last.try_into().map(u64::from_le_bytes).unwrap_or_default();
    Ok((sum.finalize().into(), place))
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    const KEY: &str = "0123456789abcdef";

    /// Two sections and an index, in a file that is removed with the folder.
    async fn written(folder: &Path, architecture: &str) -> (PathBuf, Vec<u8>) {
        let path = folder.join("a.cache");
        let file = File::create(&path).expect("a file");
        let mut writer = Writer::begin(file).await.expect("a beginning");
        let mut sections = Vec::new();
        for text in ["first ".repeat(5000), "second ".repeat(7000)] {
            let mut section = writer.begin_section();
            section.write_all(text.as_bytes()).await.expect("written");
            section.flush().await.expect("no flush");
            sections.push(section.finish().await.expect("a section"));
        }
        let index = Index {
            program: "dbmatrix 0".to_owned(),
            architecture: architecture.to_owned(),
            key: KEY.to_owned(),
            ids: 7,
            nest: sections[0],
            children: vec![PackedChild {
                name: "golden--1".to_owned(),
                config: BTreeMap::new(),
                base: None,
                removed: None,
                tree: sections[1],
            }],
        };
        let length = writer.finish(&index).await.expect("an end");
        let bytes = std::fs::read(&path).expect("the file");
        assert_eq!(bytes.len() as u64, length);
        (path, bytes)
    }

    fn error_of(path: &Path, bytes: &[u8]) -> CacheError {
        std::fs::write(path, bytes).expect("a file");
        CacheFile::open(path).expect_err("refused")
    }

    #[tokio::test]
    async fn sections_are_read_as_they_were_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, bytes) = written(folder.path(), std::env::consts::ARCH).await;
        assert!(bytes.len() < 2000, "compressed: {}", bytes.len());
        let file = CacheFile::open(&path).expect("it is complete");
        file.check(KEY).expect("it fits");
        for (section, text) in [
            (file.index.nest, "first ".repeat(5000)),
            (file.index.children[0].tree, "second ".repeat(7000)),
        ] {
            let mut read = String::new();
            let mut opened = file.section(section).await.expect("a section");
            opened.read_to_string(&mut read).await.expect("text");
            assert_eq!(read, text);
        }
    }

    #[tokio::test]
    async fn a_cut_or_changed_file_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, bytes) = written(folder.path(), std::env::consts::ARCH).await;
        for length in [1, 10, 17, 18, 40, bytes.len() / 2, bytes.len() - 1] {
            let error = error_of(&path, &bytes[..length]);
            assert!(matches!(error, CacheError::Broken), "{length}: {error}");
        }
        for at in [20, bytes.len() / 2, bytes.len() - 60, bytes.len() - 1] {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let error = error_of(&path, &changed);
            assert!(matches!(error, CacheError::Broken), "{at}: {error}");
        }
        let longer = [&bytes[..], b"\n"].concat();
        assert!(matches!(error_of(&path, &longer), CacheError::Broken));
    }

    #[tokio::test]
    async fn another_kind_of_file_or_another_version_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x");
        for foreign in [
            &b""[..],
            b"SELECT 1;\n",
            b"\x28\xb5\x2f\xfd",
            b"dbmatrix export",
        ] {
            let error = error_of(&path, foreign);
            assert!(matches!(error, CacheError::Foreign), "{error}");
        }
        let error = error_of(&path, b"dbmatrix cache 2\nsomething else");
        assert!(error.to_string().contains("version 2"), "{error}");
    }

    #[tokio::test]
    async fn another_machine_or_matrix_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, _) = written(folder.path(), "s390x").await;
        let file = CacheFile::open(&path).expect("it is complete");
        let error = file.check(KEY).expect_err("another architecture");
        assert!(matches!(error, CacheError::Architecture { .. }), "{error}");
        let (path, _) = written(folder.path(), std::env::consts::ARCH).await;
        let file = CacheFile::open(&path).expect("it is complete");
        let error = file.check("other").expect_err("another matrix");
        assert!(matches!(error, CacheError::Stale { .. }), "{error}");
    }
}

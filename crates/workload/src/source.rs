//! Where a log's bytes come from: a file, compressed or not.

use std::io::{self, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the bytes that are read from a file, before they are decompressed.
struct Counted<R> {
    reader: R,
    count: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(target)?;
        self.count.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// Reads a file in gzip or zstd as what is in it, and any other as it is. `count` is
/// the number of bytes read from it.
pub(crate) fn open(
    reader: impl Read + Send + 'static,
    count: Arc<AtomicU64>,
) -> io::Result<Box<dyn Read + Send>> {
    let mut reader = Counted { reader, count };
    let mut magic = Vec::with_capacity(4);
    reader.by_ref().take(4).read_to_end(&mut magic)?;
    let kind = match magic.as_slice() {
        [0x1f, 0x8b, ..] => Kind::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd] => Kind::Zstd,
        _ => Kind::Plain,
    };
    let reader = Cursor::new(magic).chain(reader);
    Ok(match kind {
        Kind::Plain => Box::new(reader),
        Kind::Gzip => Box::new(flate2::read::MultiGzDecoder::new(reader)),
        Kind::Zstd => Box::new(zstd::stream::read::Decoder::new(reader)?),
    })
}

enum Kind {
    Plain,
    Gzip,
    Zstd,
}

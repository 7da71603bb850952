//! Buffers answers, in order, for steps that other flavours have not reached yet.
//!
//! A flavour never waits for a slower one, or for one that is still being installed, so
//! it may be far ahead. To bound memory, all queues of a run share [`ROOM`]. When it is
//! full, answers go to an unnamed file in blocks and are read back in their turn. Nothing
//! is shortened: reports must not depend on how far ahead a flavour was.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes that all queues of a run may keep in memory.
const ROOM: usize = 32 << 20;
/// Bytes written to the file at once.
const BLOCK: usize = 64 << 10;
/// A folder whose files survive a restart, so it is on a disk and not in memory.
const FOLDER: &str = "/var/tmp";

/// The buffer that the queues of a run share. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct SpillBuffer(Arc<Mutex<SpillPool>>);

#[derive(Debug)]
struct SpillPool {
    left: usize,
    file: Option<File>,
    /// Where the next block goes.
    end: u64,
    /// Blocks that were not read back yet.
    blocks: usize,
}

/// A value with an approximate size in memory.
pub(super) trait MemorySize {
    fn size(&self) -> usize;
}

/// Items in order, in memory or in the buffer's file.
#[derive(Debug)]
pub(super) struct SpillQueue<T> {
    spill: SpillBuffer,
    /// The first items, each with its size.
    items: VecDeque<(T, usize)>,
    /// Positions of the following items in the file.
    blocks: VecDeque<(u64, usize)>,
    /// The last items, a line each, not yet written.
    tail: Vec<u8>,
}

impl Default for SpillBuffer {
    fn default() -> Self {
        SpillBuffer::with_room(ROOM)
    }
}

impl SpillBuffer {
    pub(super) fn with_room(left: usize) -> Self {
        SpillBuffer(Arc::new(Mutex::new(SpillPool {
            left,
            file: None,
            end: 0,
            blocks: 0,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, SpillPool> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SpillPool {
    fn take(&mut self, size: usize) -> bool {
        let fits = size <= self.left;
        if fits {
            self.left -= size;
        }
        fits
    }

    fn write(&mut self, block: &[u8]) -> io::Result<(u64, usize)> {
        let file = match self.file.take() {
            Some(file) => file,
            None if Path::new(FOLDER).is_dir() => tempfile::tempfile_in(FOLDER)?,
            None => tempfile::tempfile()?,
        };
        let file = self.file.insert(file);
        file.seek(SeekFrom::Start(self.end))?;
        file.write_all(block)?;
        let place = (self.end, block.len());
        self.end += block.len() as u64;
        self.blocks += 1;
        Ok(place)
    }

    fn read(&mut self, (at, length): (u64, usize)) -> io::Result<Vec<u8>> {
        let file = self.file.as_mut().ok_or(io::ErrorKind::NotFound)?;
        let mut block = vec![0; length];
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut block)?;
        self.blocks -= 1;
        if self.blocks == 0 {
            self.end = 0;
            file.set_len(0)?;
        }
        Ok(block)
    }
}

impl<T: MemorySize + Serialize + DeserializeOwned> SpillQueue<T> {
    pub(super) fn new(spill: &SpillBuffer) -> Self {
        SpillQueue {
            spill: spill.clone(),
            items: VecDeque::new(),
            blocks: VecDeque::new(),
            tail: Vec::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty() && self.blocks.is_empty() && self.tail.is_empty()
    }

    /// Appends an item.
    ///
    /// # Errors
    /// If it fits neither in memory nor in the file.
    pub(super) fn push(&mut self, item: T) -> io::Result<()> {
        let size = item.size();
        let all_in_memory = self.blocks.is_empty() && self.tail.is_empty();
        if all_in_memory && self.spill.lock().take(size) {
            self.items.push_back((item, size));
            return Ok(());
        }
        serde_json::to_writer(&mut self.tail, &item)?;
        self.tail.push(b'\n');
        match self.tail.len() {
            BLOCK.. => self.flush(),
            _ => Ok(()),
        }
    }

    /// Writes the pending items, because no more will follow soon.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if self.tail.is_empty() {
            return Ok(());
        }
        let place = self.spill.lock().write(&self.tail)?;
        self.blocks.push_back(place);
        self.tail = Vec::new();
        Ok(())
    }

    /// Takes the first item.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(super) fn pop(&mut self) -> io::Result<Option<T>> {
        if self.items.is_empty() {
            let block = match self.blocks.pop_front() {
                Some(place) => self.spill.lock().read(place)?,
                None => std::mem::take(&mut self.tail),
            };
            for item in serde_json::Deserializer::from_slice(&block).into_iter() {
                self.items.push_back((item?, 0));
            }
        }
        let Some((item, size)) = self.items.pop_front() else {
            return Ok(None);
        };
        if size > 0 {
            self.spill.lock().left += size;
        }
        Ok(Some(item))
    }
}

impl<T> Drop for SpillQueue<T> {
    fn drop(&mut self) {
        let mut room = self.spill.lock();
        room.left += self.items.iter().map(|(_, size)| size).sum::<usize>();
        room.blocks -= self.blocks.len();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    impl MemorySize for String {
        fn size(&self) -> usize {
            self.len()
        }
    }

    #[test]
    fn what_memory_does_not_hold_comes_back_in_order() {
        let spill = SpillBuffer::with_room(1000);
        let mut backlogs = [SpillQueue::new(&spill), SpillQueue::new(&spill)];
        let item = |at: usize| format!("{at} {}\n", "é".repeat(at % 100));
        for at in 0..5_000 {
            for backlog in &mut backlogs {
                backlog.push(item(at)).expect("room");
            }
        }
        assert!(spill.lock().left < 1000 && spill.lock().blocks > 2);
        for at in 0..5_000 {
            for backlog in &mut backlogs {
                assert_eq!(backlog.pop().expect("it is read"), Some(item(at)));
            }
        }
        assert!(backlogs.iter().all(SpillQueue::is_empty));
        let room = spill.lock();
        assert_eq!((room.left, room.blocks, room.end), (1000, 0, 0));
    }

    #[test]
    fn a_backlog_that_is_dropped_gives_its_room_back() {
        let spill = SpillBuffer::with_room(10);
        let mut backlog = SpillQueue::new(&spill);
        for _ in 0..3 {
            backlog.push("12345678".to_owned()).expect("room");
        }
        backlog.flush().expect("room");
        drop(backlog);
        let room = spill.lock();
        assert_eq!((room.left, room.blocks), (10, 0));
    }

    proptest! {
        #[test]
        fn it_is_a_queue(room in 0..40usize, steps in proptest::collection::vec(any::<(bool, bool)>(), 0..60)) {
            let spill = SpillBuffer::with_room(room);
            let mut backlog = SpillQueue::new(&spill);
            let mut queue = VecDeque::new();
            for (at, (push, flush)) in steps.into_iter().enumerate() {
                if push {
                    backlog.push(at.to_string()).expect("room");
                    queue.push_back(at.to_string());
                } else {
                    prop_assert_eq!(backlog.pop().expect("it is read"), queue.pop_front());
                }
                if flush {
                    backlog.flush().expect("room");
                }
                prop_assert_eq!(backlog.is_empty(), queue.is_empty());
            }
        }
    }
}

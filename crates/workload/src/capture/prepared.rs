//! Prepared statements of a connection.

use std::collections::HashMap;

use super::bytes::Bytes;
use super::execute::Prepared;
use crate::LONGEST_STATEMENT;

/// Prepared statements at a time, as in servers (`max_prepared_stmt_count`).
const MOST: usize = 16_382;

/// The number by which an execution names the statement prepared last (MariaDB).
const LAST: u32 = u32::MAX;

/// A flag of an execution: its number of parameters is there, as only clients with
/// attributes send it.
const HAS_COUNT: u8 = 8;

#[derive(Debug, Default)]
pub(super) struct PreparedStatements {
    all: HashMap<u32, Prepared>,
    last: Option<u32>,
    memory: usize,
}

impl PreparedStatements {
    pub(super) fn memory(&self) -> usize {
        self.memory
    }

    pub(super) fn clear(&mut self) {
        *self = PreparedStatements::default();
    }

    /// Adds a statement that the server has given a number.
    pub(super) fn add(&mut self, id: u32, text: Vec<u8>) {
        if self.all.len() >= MOST {
            return;
        }
        self.memory += text.len();
        let former = self.all.insert(id, Prepared::new(text));
        self.memory -= former.map_or(0, |former| former.memory());
        self.last = Some(id);
    }

    /// Changes the statement whose number comes first in a packet.
    fn change<T>(
        &mut self,
        argument: &[u8],
        change: impl FnOnce(&mut Prepared, Bytes<'_>) -> Option<T>,
    ) -> Option<T> {
        let mut bytes = Bytes(argument);
        let id = match bytes.number(4)? as u32 {
            LAST => self.last?,
            id => id,
        };
        let statement = self.all.get_mut(&id)?;
        let before = statement.memory();
        let changed = change(statement, bytes);
        self.memory = self.memory + statement.memory() - before;
        changed
    }

    /// The statement of an execution; `None` where its text is unknown or the packet broken.
    /// Without the beginning of the connection it is not known whether there may be
    /// attributes.
    pub(super) fn execute(
        &mut self,
        argument: &[u8],
        has_attributes: Option<bool>,
    ) -> Option<Vec<u8>> {
        self.change(argument, |statement, bytes| {
            let flags = bytes.0.first().copied().unwrap_or(0);
            let has_attributes = has_attributes.unwrap_or(flags & HAS_COUNT != 0);
            statement.execute(bytes.0, has_attributes)
        })
    }

    /// Keeps a part of a value that is sent before the execution.
    pub(super) fn add_long_data(&mut self, argument: &[u8]) {
        self.change(argument, |statement, mut bytes| {
            let parameter = bytes.number(2)?;
            let has_room = statement.memory() + bytes.0.len() <= LONGEST_STATEMENT;
            has_room.then(|| statement.add_long(parameter as u16, bytes.0))
        });
    }

    pub(super) fn reset(&mut self, argument: &[u8]) {
        self.change(argument, |statement, _| {
            statement.reset();
            Some(())
        });
    }

    pub(super) fn close(&mut self, argument: &[u8]) {
        let id = Bytes(argument).number(4);
        let closed = id.and_then(|id| self.all.remove(&(id as u32)));
        self.memory -= closed.map_or(0, |closed| closed.memory());
    }
}

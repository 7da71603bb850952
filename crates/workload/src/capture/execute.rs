//! Executions of prepared statements, written as statements with their parameters.

use std::collections::BTreeMap;

use super::bytes::Bytes;
use super::literal::{Kind, write_text, write_value};
use crate::quotes::find_outside;

/// A flag of an execution: its number of parameters is there.
const HAS_COUNT: u8 = 8;

/// Parameters at most, as in servers.
const MOST_PARAMETERS: u64 = 65_535;

/// A prepared statement.
#[derive(Debug, Clone, Default)]
pub(super) struct Prepared {
    pub(super) text: Vec<u8>,
    /// Types of the last execution that named them.
    kinds: Vec<Kind>,
    /// Values that were sent before the execution, by parameter.
    long: BTreeMap<u16, Vec<u8>>,
}

impl Prepared {
    pub(super) fn new(text: Vec<u8>) -> Self {
        Prepared {
            text,
            ..Prepared::default()
        }
    }

    pub(super) fn memory(&self) -> usize {
        self.text.len() + self.long.values().map(Vec::len).sum::<usize>()
    }

    pub(super) fn add_long(&mut self, parameter: u16, data: &[u8]) {
        self.long
            .entry(parameter)
            .or_default()
            .extend_from_slice(data);
    }

    pub(super) fn reset(&mut self) {
        self.long.clear();
    }

    /// The statement of an execution, whose packet is given after the statement's number.
    pub(super) fn execute(&mut self, packet: &[u8], has_attributes: bool) -> Option<Vec<u8>> {
        let places = placeholders(&self.text);
        let mut bytes = Bytes(packet);
        let flags = bytes.byte()?;
        bytes.take(4)?;
        let mut count = places.len() as u64;
        let has_count = has_attributes && flags & HAS_COUNT != 0;
        if has_count {
            count = bytes.sized_number()?;
        }
        if count > MOST_PARAMETERS || (count as usize) < places.len() {
            return None;
        }
        let values = self.read_values(bytes, count as usize, has_attributes)?;
        self.long.clear();
        let mut statement = Vec::with_capacity(self.text.len() + values.len() * 8);
        let mut from = 0;
        for (place, value) in places.into_iter().zip(values) {
            statement.extend_from_slice(&self.text[from..place]);
            statement.extend_from_slice(&value);
            from = place + 1;
        }
        statement.extend_from_slice(&self.text[from..]);
        Some(statement)
    }

    fn read_values(
        &mut self,
        mut bytes: Bytes<'_>,
        count: usize,
        has_names: bool,
    ) -> Option<Vec<Vec<u8>>> {
        if count == 0 {
            return Some(Vec::new());
        }
        let nulls = bytes.take(count.div_ceil(8))?;
        if bytes.byte()? == 1 {
            self.kinds = read_kinds(&mut bytes, count, has_names)?;
        }
        if self.kinds.len() < count {
            return None;
        }
        let mut values = Vec::with_capacity(count);
        for (at, kind) in self.kinds.iter().take(count).enumerate() {
            let mut value = Vec::new();
            let is_null = nulls[at / 8] & 1 << (at % 8) != 0;
            if let Some(long) = self.long.get(&(at as u16)) {
                write_text(long, &mut value);
            } else if is_null {
                value.extend_from_slice(b"NULL");
            } else {
                write_value(&mut bytes, *kind, &mut value)?;
            }
            values.push(value);
        }
        Some(values)
    }
}

fn read_kinds(bytes: &mut Bytes<'_>, count: usize, has_names: bool) -> Option<Vec<Kind>> {
    let mut kinds = Vec::with_capacity(count);
    for _ in 0..count {
        let kind = bytes.byte()?;
        let is_unsigned = bytes.byte()? & 0x80 != 0;
        if has_names {
            bytes.sized_text()?;
        }
        kinds.push(Kind { kind, is_unsigned });
    }
    Some(kinds)
}

/// Places of the `?` that stand for parameters.
fn placeholders(text: &[u8]) -> Vec<usize> {
    let mut places = Vec::new();
    let mut from = 0;
    while let Ok(Some(place)) = find_outside(text, from, Some(b'?')) {
        places.push(place);
        from = place + 1;
    }
    places
}

/// The statement of a `COM_QUERY` with attributes, which precede it; `None` where the
/// packet is none.
pub(super) fn skip_attributes(packet: &[u8]) -> Option<&[u8]> {
    let mut bytes = Bytes(packet);
    let count = bytes.sized_number()?;
    if bytes.sized_number()? != 1 || count > MOST_PARAMETERS {
        return None;
    }
    let count = count as usize;
    if count > 0 {
        let nulls = bytes.take(count.div_ceil(8))?;
        if bytes.byte()? != 1 {
            return None;
        }
        let kinds = read_kinds(&mut bytes, count, true)?;
        for (at, kind) in kinds.iter().enumerate() {
            if nulls[at / 8] & 1 << (at % 8) == 0 {
                write_value(&mut bytes, *kind, &mut Vec::new())?;
            }
        }
    }
    Some(bytes.0)
}

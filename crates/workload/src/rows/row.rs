//! A row, as what its columns mean.

use std::time::Duration;

use memchr::{memchr, memmem};

use super::columns::Role;
use crate::entry::{LeftOut, Moment, Record, Summary, Text, set};
use crate::timestamp::Timestamp;

/// Values of a row, as texts; empty where there is none.
#[derive(Debug, Default)]
pub(super) struct Row {
    values: [Vec<u8>; ROLES],
    is_set: bool,
}

/// The number of roles, whose last one is `Duration`.
const ROLES: usize = Role::Duration as usize + 1;

impl Row {
    pub(super) fn clear(&mut self) {
        self.values.iter_mut().for_each(Vec::clear);
        self.is_set = false;
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.is_set
    }

    /// Sets a value. Of two columns with the same meaning the first one counts.
    pub(super) fn set(&mut self, role: Role, text: &[u8]) {
        self.is_set = true;
        let value = &mut self.values[role as usize];
        if value.is_empty() {
            value.extend_from_slice(text);
        }
    }

    fn get(&self, role: Role) -> &[u8] {
        &self.values[role as usize]
    }

    pub(super) fn command(&self) -> &[u8] {
        self.get(Role::Command)
    }

    pub(super) fn take_statement(&mut self) -> Vec<u8> {
        let role = match self.get(Role::Argument) {
            b"" => Role::Statement,
            _ => Role::Argument,
        };
        std::mem::take(&mut self.values[role as usize])
    }

    /// Writes everything but the statement into a record.
    pub(super) fn describe(&self, record: &mut Record) {
        let time = |role| Timestamp::read(self.get(role).trim_ascii());
        record.time = time(Role::Time).or_else(|| time(Role::LastSeen));
        record.moment = record.time.map(Moment::Began);
        record.connection = number(self.get(Role::Connection));
        if let Some((user, host)) = split_user_host(self.get(Role::UserHost)) {
            set(&mut record.user, user);
            set(&mut record.host, host);
        } else {
            set(&mut record.user, self.get(Role::User));
            set(&mut record.host, self.get(Role::Host));
        }
        set(&mut record.database, self.get(Role::Database));
    }

    /// Writes a row of the slow log or of digests into a record; false where it has no text.
    pub(super) fn write_to(&mut self, record: &mut Record, left_out: &mut LeftOut) -> bool {
        self.describe(record);
        record.duration = duration(self.get(Role::Duration));
        let count = number(self.get(Role::Count));
        record.count = count.unwrap_or(1).max(1);
        let total = duration(self.get(Role::Total));
        if let (Some(count), Some(total)) = (count, total) {
            let mean = total / u32::try_from(count.max(1)).unwrap_or(u32::MAX);
            record.summary = Some(Summary {
                total,
                longest: duration(self.get(Role::Longest)).unwrap_or(mean),
                shortest: duration(self.get(Role::Shortest)).unwrap_or(mean),
            });
            record.duration = record.duration.or(Some(mean));
        }
        let mut statement = self.take_statement();
        // The servers cut texts at `performance_schema_max_sql_text_length`, and say so.
        let is_cut = statement.ends_with(b"...");
        if statement.trim_ascii().is_empty() || is_cut {
            statement = std::mem::take(&mut self.values[Role::Form as usize]);
            if statement.trim_ascii().is_empty() {
                left_out.cut += u64::from(is_cut);
                return false;
            }
            record.is_form = true;
            left_out.without_example += 1;
        }
        let text = statement.trim_ascii_end();
        let length = text
            .strip_suffix(b";")
            .unwrap_or(text)
            .trim_ascii_end()
            .len();
        statement.truncate(length);
        record.statement = Text::Own(statement);
        length > 0
    }
}

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text.trim_ascii()).ok()?.parse().ok()
}

/// Splits `granted[user] @ host [address]`.
fn split_user_host(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let middle = memmem::rfind(text, b"] @ ")?;
    let open = memchr(b'[', text)?;
    let user = text.get(open + 1..middle)?;
    let user = if user.is_empty() { &text[..open] } else { user };
    let rest = &text[middle + 4..];
    let bracket = memchr(b'[', rest).unwrap_or(rest.len());
    let name = rest[..bracket].trim_ascii();
    let address = rest.get(bracket + 1..).unwrap_or_default();
    let address = address.strip_suffix(b"]").unwrap_or(address);
    Some((user, if name.is_empty() { address } else { name }))
}

/// Reads picoseconds, `1.23 ms` as `sys` writes it, or `00:00:01.5` of the slow log.
fn duration(text: &[u8]) -> Option<Duration> {
    const UNITS: &[(&str, f64)] = &[
        ("", 1e-12),
        ("ps", 1e-12),
        ("ns", 1e-9),
        ("us", 1e-6),
        ("ms", 1e-3),
        ("s", 1.0),
        ("min", 60.0),
        ("m", 60.0),
        ("h", 3600.0),
        ("d", 86_400.0),
        ("w", 604_800.0),
    ];
    let text = std::str::from_utf8(text).ok()?.trim();
    if text.contains(':') {
        let mut seconds = 0.0;
        for part in text.split(':') {
            seconds = seconds * 60.0 + part.parse::<f64>().ok()?;
        }
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.');
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit.trim())?;
    Duration::try_from_secs_f64(number.parse::<f64>().ok()? * factor).ok()
}

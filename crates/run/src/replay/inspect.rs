//! Looks at logs before anything is started: what they have, in which order they follow one
//! another, and whether there is anything to send.

use std::path::{Path, PathBuf};

use dbmatrix_flavours::matrix::Writes;
use dbmatrix_workload::{Format, Log, LogError, Moment, SampleOptions, Timestamp};

use super::feed::TimedLog;
use super::select::{Fate, LeftOut, fate_of};

/// Entries that show what a log has.
const SHOWING: u64 = 1000;

/// What logs have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// The logs, the oldest first, and when each begins, where it says so.
    pub(super) logs: Vec<TimedLog>,
    /// Their statements have times.
    pub has_times: bool,
    /// Their statements have connections.
    pub has_connections: bool,
}

/// Looks at the beginning of each log, and further to the first statement that would be sent.
///
/// # Errors
/// A human-readable reason why there is nothing to send, or why the logs are not replayed
/// together.
pub fn inspect_logs(
    logs: &[PathBuf],
    selection: &SampleOptions,
    writes: Writes,
) -> Result<Inspected, String> {
    let (mut is_sent, mut has_connections, mut why) = (false, true, String::new());
    let mut found: Vec<TimedLog> = Vec::new();
    for log in logs {
        let seen = Seen::of(log, selection, writes)?;
        if let Some((other, begins)) = found.first()
            && begins.is_some() != seen.begins.is_some()
        {
            let (with, without) = match begins {
                Some(_) => (other, log),
                None => (log, other),
            };
            return Err(format!(
                "`{}` has times of its statements, and `{}` has none; replay them one at a time",
                with.display(),
                without.display()
            ));
        }
        found.push((log.clone(), seen.begins));
        is_sent |= seen.is_sent;
        has_connections &= seen.has_connections;
        for (number, reason) in seen.described(writes) {
            why.push_str(&format!("\n    {number} left out: {reason}"));
        }
    }
    if !is_sent {
        let names = logs.iter().map(|log| format!("`{}`", log.display()));
        let names = names.collect::<Vec<_>>().join(", ");
        return Err(format!("no statement of {names} would be sent{why}"));
    }
    // Those without times stay as they are.
    found.sort_by_key(|(_, begins)| *begins);
    Ok(Inspected {
        has_times: found.iter().all(|(_, begins)| begins.is_some()),
        logs: found,
        has_connections,
    })
}

/// What was seen of a log.
#[derive(Default)]
struct Seen {
    begins: Option<Timestamp>,
    has_connections: bool,
    is_sent: bool,
    left_out: LeftOut,
    others: Vec<(u64, &'static str)>,
}

impl Seen {
    fn of(path: &Path, selection: &SampleOptions, writes: Writes) -> Result<Self, String> {
        let text = |error: LogError| error.to_string();
        let mut log = Log::open(path).map_err(text)?;
        if log.format() == Format::Digests {
            return Err(format!(
                "`{}` is a table of digests, which says neither when nor in which order statements \
                 were sent; a slow log, a general log or a capture does",
                path.display()
            ));
        }
        let mut seen = Seen::default();
        let mut entries = 0;
        while entries < SHOWING || !seen.is_sent {
            let Some(entry) = log.next_entry().map_err(text)? else {
                break;
            };
            entries += 1;
            seen.begins = seen.begins.or(entry.moment.map(Moment::time));
            seen.has_connections |= entry.connection.is_some();
            match fate_of(&entry, selection, writes) {
                Fate::Sent | Fate::RolledBack => seen.is_sent = true,
                Fate::LeftOut(reason) => seen.left_out.count(reason),
            }
        }
        seen.others = log.left_out().described();
        Ok(seen)
    }

    fn described(&self, writes: Writes) -> impl Iterator<Item = (u64, String)> {
        let others = self.others.iter();
        let others = others.map(|(number, why)| (*number, (*why).to_owned()));
        self.left_out.described(writes).into_iter().chain(others)
    }
}

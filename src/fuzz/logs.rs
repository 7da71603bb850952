//! Logs of a user's statements.

use std::io::Cursor;
use std::path::Path;

use dbmatrix_workload::{Log, Place, SampleOptions, Sampler};

use super::{Promise, check, count_lines};

/// A log of any format: each entry is at a line of the file, or at a packet, and there is a
/// statement in it. A sample of it holds no more statements than were read.
pub fn logs(input: &[u8]) -> Promise {
    let open = || Log::from_reader(Cursor::new(input.to_vec()), Path::new("x.log"));
    let Ok(mut log) = open() else {
        return Ok(());
    };
    while let Ok(Some(entry)) = log.next_entry() {
        let most = match entry.place {
            Place::Line(_) => count_lines(input),
            Place::Packet(_) => input.len(),
        };
        let (Place::Line(at) | Place::Packet(at)) = entry.place;
        check((1..=most as u64).contains(&at), || {
            format!("place {at} of {most}: {entry:?}")
        })?;
        check(!entry.statement.is_empty(), || {
            format!("nothing: {entry:?}")
        })?;
    }
    let mut log = open().map_err(|error| error.to_string())?;
    let mut sampler = Sampler::new(SampleOptions::default());
    // What is broken may end it.
    let _ = sampler.add(&mut log, |_, _| {});
    let sample = sampler.finish();
    check(sample.statements.len() as u64 <= sample.entries, || {
        format!("{} of {}", sample.statements.len(), sample.entries)
    })
}

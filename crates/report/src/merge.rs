//! Merges the shards of a run into one, and reads files of events.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;

use super::record::RunRecord;
use crate::event::{Event, SCHEMA, Verdict};
use crate::shard::Shard;

/// Why shards cannot be merged.
#[derive(Debug, Error)]
pub enum MergeError {
    /// The file could not be read.
    #[error("`{}`: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// A line is not an event.
    #[error("`{}:{line}`: expected an event of a `json` report: {reason}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// The problem.
        reason: String,
    },
    /// A later dbmatrix wrote the file.
    #[error("`{}` has schema {found}; this dbmatrix reads up to {SCHEMA}", path.display())]
    Schema {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: u32,
    },
    /// It does not begin with the start of a run.
    #[error("`{}` does not begin with `run-started`; expected a `json` report of `dbmatrix run`", path.display())]
    NoStart {
        /// The file.
        path: PathBuf,
    },
    /// Shards of different runs.
    #[error("`{}` is of {found}; `{}` is of {expected}", path.display(), first.display())]
    Another {
        /// The file.
        path: PathBuf,
        /// The first file.
        first: PathBuf,
        /// The run of this file.
        found: String,
        /// The run of the first file.
        expected: String,
    },
    /// A duplicate shard.
    #[error("`{}` is part {shard}, which is there already", path.display())]
    Double {
        /// The file.
        path: PathBuf,
        /// The shard, such as `2/3`.
        shard: String,
    },
}

/// The fields that identify a shard.
#[derive(Debug, Clone)]
struct Start {
    matrix: PathBuf,
    shard: Option<Shard>,
}

/// Reads the events of a `json` report.
///
/// # Errors
/// [`MergeError`] at the first line that is not an event. The last line of an
/// interrupted run may be truncated and is skipped. An event that only a later dbmatrix
/// knows is [`Event::Unknown`].
pub fn read_events(path: &Path) -> Result<Vec<Event>, MergeError> {
    #[derive(Deserialize)]
    struct Head {
        schema: Option<u32>,
    }
    let read = |source| MergeError::Read {
        path: path.to_owned(),
        source,
    };
    let mut reader = BufReader::new(File::open(path).map_err(read)?);
    let mut events = Vec::new();
    let mut bytes = Vec::new();
    for line in 1.. {
        bytes.clear();
        if reader.read_until(b'\n', &mut bytes).map_err(read)? == 0 {
            break;
        }
        let is_whole = bytes.ends_with(b"\n");
        if line == 1
            && let Ok(Head {
                schema: Some(found),
            }) = serde_json::from_slice(&bytes)
            && found > SCHEMA
        {
            let path = path.to_owned();
            return Err(MergeError::Schema { path, found });
        }
        match serde_json::from_slice(&bytes) {
            Ok(event) => events.push(event),
            Err(_) if !is_whole && line > 1 => break,
            Err(error) => {
                return Err(MergeError::Line {
                    path: path.to_owned(),
                    line,
                    reason: error.to_string(),
                });
            }
        }
    }
    match events.first() {
        Some(Event::RunStarted { .. }) => Ok(events),
        _ => Err(MergeError::NoStart {
            path: path.to_owned(),
        }),
    }
}

/// Merges the shards of a run, each given by its file's name and its events. If a shard
/// is missing or was interrupted, the whole run counts as not provided.
///
/// # Errors
/// If they are not shards of one run.
pub fn merge(parts: Vec<(PathBuf, Vec<Event>)>) -> Result<Vec<Event>, MergeError> {
    let mut first: Option<(PathBuf, Start)> = None;
    let mut there = BTreeSet::new();
    let mut joined: Vec<Event> = Vec::new();
    let mut missing = Vec::new();
    let mut took = Duration::ZERO;
    let mut unknown = 0;
    let mut worst = Verdict::Passed;
    for (path, events) in parts {
        let Some(start) = start_of(&events) else {
            return Err(MergeError::NoStart { path });
        };
        match &first {
            Some((first, expected)) => check(&path, &start, first, expected)?,
            None => first = Some((path.clone(), start.clone())),
        }
        let index = start.shard.map_or(1, Shard::index);
        if !there.insert(index) {
            let shard = start
                .shard
                .map_or_else(String::new, |shard| shard.to_string());
            return Err(MergeError::Double { path, shard });
        }
        let mut is_whole = false;
        for event in events {
            match event {
                Event::RunStarted { .. } => join_start(&mut joined, event),
                Event::RunFinished {
                    took: of_part,
                    verdict,
                } => {
                    is_whole = true;
                    took = took.max(of_part);
                    worst = worst.max(verdict);
                }
                Event::Unknown => unknown += 1,
                event => joined.push(event),
            }
        }
        if !is_whole {
            missing.push(format!("`{}` ends before its run did", path.display()));
        }
    }
    let count = first
        .and_then(|(_, start)| start.shard)
        .map_or(1, Shard::count);
    let absent = (1..=count).filter(|index| !there.contains(index));
    missing.extend(absent.map(|index| format!("part {index}/{count} is not there")));
    if !missing.is_empty() {
        joined.push(Event::Aborted {
            verdict: Verdict::NotProvided,
            reason: missing.join("\n"),
        });
    }
    if unknown > 0 {
        joined.push(Event::Warning {
            text: skipped(unknown),
        });
    }
    if worst > verdict_of(&joined) {
        joined.push(Event::Aborted {
            verdict: worst,
            reason: format!(
                "a part ended with exit status {}, for a reason that its events do not tell",
                worst.code()
            ),
        });
    }
    joined.push(Event::RunFinished {
        verdict: verdict_of(&joined),
        took,
    });
    Ok(joined)
}

/// Warns of events that the reader skips.
pub fn skipped(events: usize) -> String {
    let noun = if events == 1 { "event" } else { "events" };
    format!("skipped {events} {noun} that this dbmatrix does not know; a later one wrote them")
}

fn verdict_of(events: &[Event]) -> Verdict {
    let mut record = RunRecord::default();
    for event in events {
        record.on_event(event.clone());
    }
    record.verdict()
}

fn start_of(events: &[Event]) -> Option<Start> {
    match events.first()? {
        Event::RunStarted { matrix, shard, .. } => Some(Start {
            matrix: matrix.clone(),
            shard: shard.as_ref().and_then(|shard| shard.parse().ok()),
        }),
        _ => None,
    }
}

fn check(path: &Path, start: &Start, first: &Path, expected: &Start) -> Result<(), MergeError> {
    let another = |found: String, expected: String| MergeError::Another {
        path: path.to_owned(),
        first: first.to_owned(),
        found,
        expected,
    };
    let of_matrix = |start: &Start| format!("matrix `{}`", start.matrix.display());
    if start.matrix != expected.matrix {
        return Err(another(of_matrix(start), of_matrix(expected)));
    }
    let parts = |start: &Start| match start.shard {
        None => "a whole run".to_owned(),
        Some(shard) => format!("{} parts", shard.count()),
    };
    if start.shard.map(Shard::count) != expected.shard.map(Shard::count) {
        return Err(another(parts(start), parts(expected)));
    }
    Ok(())
}

/// Merges the starts: the earliest time, with the flavours of all.
fn join_start(joined: &mut Vec<Event>, event: Event) {
    let Event::RunStarted {
        schema,
        program,
        began,
        matrix,
        flavours,
        shard: _,
        strict,
    } = event
    else {
        return;
    };
    if let Some(Event::RunStarted {
        began: first,
        flavours: all,
        strict: is_strict,
        ..
    }) = joined.first_mut()
    {
        if began < *first {
            *first = began;
        }
        for flavour in flavours {
            if !all.contains(&flavour) {
                all.push(flavour);
            }
        }
        *is_strict |= strict;
        return;
    }
    joined.insert(
        0,
        Event::RunStarted {
            schema,
            program,
            began,
            matrix,
            flavours,
            shard: None,
            strict,
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::CaseResult;

    fn part(shard: Option<&str>, flavour: &str, file: &str) -> Vec<Event> {
        vec![
            Event::RunStarted {
                schema: SCHEMA,
                program: "dbmatrix 0.1.0".to_owned(),
                began: "2026-11-23T17:45:39Z".to_owned(),
                matrix: PathBuf::from("m.toml"),
                flavours: vec![flavour.to_owned()],
                shard: shard.map(str::to_owned),
                strict: false,
            },
            Event::CaseFinished {
                flavour: flavour.to_owned(),
                suite: "types".to_owned(),
                file: PathBuf::from(file),
                result: CaseResult::default(),
            },
            Event::RunFinished {
                verdict: Verdict::Passed,
                took: Duration::from_secs(2),
            },
        ]
    }

    fn joined(parts: &[Vec<Event>]) -> Result<Vec<Event>, MergeError> {
        let named = parts.iter().enumerate();
        merge(
            named
                .map(|(at, events)| (PathBuf::from(format!("{at}.jsonl")), events.clone()))
                .collect(),
        )
    }

    #[test]
    fn parts_make_one_run_of_all_flavours() {
        let events = joined(&[part(Some("2/2"), "a", "x"), part(Some("1/2"), "b", "y")]);
        let events = events.expect("one run");
        let Event::RunStarted {
            flavours, shard, ..
        } = &events[0]
        else {
            panic!("{events:?}");
        };
        assert_eq!((flavours.join(" "), shard), ("a b".to_owned(), &None));
        assert_eq!(events.len(), 4);
    }

    #[test]
    fn a_part_that_is_missing_or_cut_is_told() {
        let mut cut = part(Some("1/3"), "a", "x");
        cut.pop();
        let events = joined(&[cut, part(Some("3/3"), "a", "y")]).expect("one run");
        let reason = events.iter().find_map(|event| match event {
            Event::Aborted { verdict, reason } => Some((verdict.code(), reason.as_str())),
            _ => None,
        });
        let told = "`0.jsonl` ends before its run did\npart 2/3 is not there";
        assert_eq!(reason, Some((3, told)));
    }

    #[test]
    fn what_is_not_of_one_run_is_refused() {
        let one = || part(Some("1/2"), "a", "x");
        let double = joined(&[one(), one()]).expect_err("twice");
        assert_eq!(
            double.to_string(),
            "`1.jsonl` is part 1/2, which is there already"
        );
        let others = joined(&[one(), part(Some("2/3"), "a", "x")]).expect_err("another count");
        assert!(others.to_string().contains("3 parts"), "{others}");
        assert!(joined(&[one(), part(None, "a", "x")]).is_err());
    }

    #[test]
    fn what_a_later_dbmatrix_tells_is_skipped_and_counted() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("run.jsonl");
        let mut lines: Vec<String> = part(None, "a", "x")
            .iter()
            .map(|event| serde_json::to_string(event).expect("plain data"))
            .collect();
        lines[0] = lines[0].replace("\"strict\"", "\"colour\":[1],\"strict\"");
        lines.insert(
            1,
            "{\"event\":\"moon-rose\",\"phase\":{\"full\":true}}".to_owned(),
        );
        std::fs::write(&path, lines.join("\n") + "\n").expect("written");
        let events = read_events(&path).expect("read");
        let events = merge(vec![(path, events)]).expect("one run");
        let warnings: Vec<&Event> = (events.iter())
            .filter(|event| matches!(event, Event::Warning { .. }))
            .collect();
        let warning = Event::Warning { text: skipped(1) };
        assert_eq!(warnings, [&warning]);
        assert!(!events.contains(&Event::Unknown));
        assert_eq!(verdict_of(&events), Verdict::Passed);
    }

    #[test]
    fn a_whole_is_no_better_than_its_worst_part() {
        let mut failed = part(Some("2/2"), "a", "y");
        let Some(Event::RunFinished { verdict, .. }) = failed.last_mut() else {
            panic!("{failed:?}");
        };
        *verdict = Verdict::Failed;
        let events = joined(&[part(Some("1/2"), "a", "x"), failed]).expect("one run");
        assert_eq!(verdict_of(&events), Verdict::Failed);
    }

    #[test]
    fn a_half_last_line_is_left_out_and_a_wrong_one_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("run.jsonl");
        let lines: Vec<String> = part(None, "a", "x")
            .iter()
            .map(|event| serde_json::to_string(event).expect("plain data"))
            .collect();
        let write = |text: String| std::fs::write(&path, text).expect("written");
        write(format!("{}\n{}", lines[0], &lines[1][..20]));
        assert_eq!(read_events(&path).expect("read").len(), 1);
        write(format!("{}\nno event\n", lines[0]));
        let error = read_events(&path).expect_err("no event").to_string();
        assert!(error.contains("run.jsonl:2"), "{error}");
        write(lines[0].replace("\"schema\":2", "\"schema\":1"));
        assert_eq!(read_events(&path).expect("an earlier schema").len(), 1);
        write(lines[0].replace("\"schema\":2", "\"schema\":99"));
        let error = read_events(&path).expect_err("a later schema").to_string();
        assert!(error.contains("schema 99"), "{error}");
    }
}

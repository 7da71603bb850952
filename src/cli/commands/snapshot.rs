//! `dbmatrix snapshot` and `dbmatrix restore`.

use std::time::{Duration, SystemTime};

use dbmatrix_containers::nest::{ContainerState, Located, SnapshotConsistency};
use dbmatrix_engine::Snapshot;
use dbmatrix_report::event::Verdict;
use serde::Serialize;

use crate::app::for_each_flavour::{Runs, for_each_flavour, pick_flavours, ready};
use crate::app::{Failure, Globals, eprintln, privilege, say};
use crate::cli::args::{Chosen, Format, RestoreArgs, SnapshotArgs, json};
use crate::cli::commands::choice;
use crate::cli::commands::power::after;

/// Takes, lists or removes snapshots.
pub(crate) async fn snapshot(global: &Globals, args: &SnapshotArgs) -> Result<Verdict, Failure> {
    if args.list && args.format == Format::Json {
        return list_json(global, &args.chosen).await;
    }
    if args.list {
        return for_each_flavour(global, choice(&args.chosen)?, Runs::LetBe, list).await;
    }
    if let Some(name) = &args.delete {
        let delete = async |one: &Located| {
            one.delete_snapshot(name).await?;
            Ok(format!("snapshot `{name}` removed"))
        };
        return for_each_flavour(global, choice(&args.chosen)?, Runs::Awaited, delete).await;
    }
    let name = args
        .name
        .clone()
        .unwrap_or_else(|| named_by(SystemTime::now()));
    let consistency = match args.live {
        true => SnapshotConsistency::Crash,
        false => SnapshotConsistency::Clean,
    };
    let take = async |one: &Located| {
        one.take_snapshot(&name, consistency).await?;
        if consistency == SnapshotConsistency::Clean {
            restore_state(one).await?;
        }
        Ok(format!("snapshot `{name}` taken"))
    };
    for_each_flavour(global, choice(&args.chosen)?, Runs::Awaited, take).await
}

/// Returns the flavour to its state from before its server was shut down for the
/// snapshot.
pub(crate) async fn restore_state(one: &Located) -> Result<(), Failure> {
    if one.state() != ContainerState::Stopped {
        ready(one).await?;
    }
    if one.state() == ContainerState::Paused {
        one.pause().await?;
    }
    Ok(())
}

async fn list(one: &Located) -> Result<String, Failure> {
    let all = one.snapshots().await.map_err(Failure::not_provided)?;
    let all: Vec<String> = all.iter().map(describe_snapshot).collect();
    Ok(match all.is_empty() {
        true => "no snapshots".to_owned(),
        false => all.join(", "),
    })
}

/// A snapshot in JSON; its names are stable.
#[derive(Debug, Serialize)]
struct Row<'a> {
    schema: u32,
    nest: &'a str,
    flavour: &'a str,
    snapshot: &'a str,
    /// When it was taken, in RFC 3339.
    taken: &'a str,
}

/// Lists the snapshots of all chosen flavours in one array.
async fn list_json(global: &Globals, chosen: &Chosen) -> Result<Verdict, Failure> {
    let choice = choice(chosen)?;
    privilege::ensure_engine_access(global).await?;
    let (flavours, unknown) = pick_flavours(global, &choice).await?;
    let mut found = Vec::new();
    for one in &flavours {
        let all = one.snapshots().await.map_err(Failure::not_provided)?;
        found.extend(all.into_iter().map(|snapshot| (one, snapshot)));
    }
    let rows: Vec<Row<'_>> = found
        .iter()
        .map(|(one, snapshot)| Row {
            schema: 1,
            nest: &one.nest.name,
            flavour: &one.flavour,
            snapshot: &snapshot.name,
            taken: &snapshot.created_at,
        })
        .collect();
    say(json(&rows));
    for error in &unknown {
        eprintln!("error: {error}");
    }
    Ok(match unknown.is_empty() {
        true => Verdict::Passed,
        false => Verdict::NotProvided,
    })
}

/// Restores flavours to a snapshot.
pub(crate) async fn restore(global: &Globals, args: &RestoreArgs) -> Result<Verdict, Failure> {
    let restore = async |one: &Located| {
        let snapshot = one.restore(args.name.as_deref()).await?;
        let after = after(one).await?;
        Ok(format!("back at {}, {after}", describe_snapshot(&snapshot)))
    };
    for_each_flavour(global, choice(&args.chosen)?, Runs::Awaited, restore).await
}

/// Its name and its age.
fn describe_snapshot(snapshot: &Snapshot) -> String {
    let name = &snapshot.name;
    match snapshot.taken().map(|taken| taken.elapsed()) {
        Some(Ok(age)) => format!("`{name}` of {} ago", rounded_to_seconds(age)),
        Some(Err(_)) | None => format!("`{name}`"),
    }
}

/// A time in its largest units: seconds do not matter after an hour.
fn rounded_to_seconds(age: Duration) -> humantime::FormattedDuration {
    let seconds = match age.as_secs() {
        seconds @ 0..3600 => seconds,
        seconds => seconds / 60 * 60,
    };
    humantime::format_duration(Duration::from_secs(seconds))
}

/// A name derived from the time, in UTC.
fn named_by(time: SystemTime) -> String {
    let text = humantime::format_rfc3339_seconds(time).to_string();
    text.replace(':', "-").trim_end_matches('Z').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_named_by_its_time() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        assert_eq!(named_by(time), "2023-11-14T22-13-20");
    }

    #[test]
    fn an_age_is_told_roughly() {
        assert_eq!(
            rounded_to_seconds(Duration::from_millis(61_500)).to_string(),
            "1m 1s"
        );
        assert_eq!(
            rounded_to_seconds(Duration::from_secs(3_725)).to_string(),
            "1h 2m"
        );
    }
}

//! Values of options that are words or names.

use std::time::Duration;

use dbmatrix_containers::host::EngineChoice;
use dbmatrix_containers::nest::Access;
use dbmatrix_flavours::matrix::{After, Writes};
use dbmatrix_flavours::name_rule::{CONTAINER, DATABASE, FLAVOUR, NameRule, PROJECT, SNAPSHOT};
use dbmatrix_workload::Timestamp;

use crate::app::{deprecated, remotes};

/// An engine of this machine, or one on another machine by its name.
pub(super) fn engine(text: &str) -> Result<EngineChoice, String> {
    match text.parse() {
        Ok(choice) => Ok(choice),
        Err(_) => remotes::choose(text)
            .map(EngineChoice::Remote)
            .map_err(|why| {
                format!(
                    "expected `incus`, `lxd`, the absolute path of a socket, or a remote: {why}"
                )
            }),
    }
}

/// How servers are reached, by its word.
pub(crate) fn access(text: &str) -> Result<Access, String> {
    let mut words = Access::WORDS.into_iter();
    let named = words.find(|(word, _)| *word == text);
    named
        .map(|(_, access)| access)
        .ok_or_else(|| "expected `route`, `proxy` or `forward`".to_owned())
}

/// What becomes of servers, by its word.
pub(super) fn after(text: &str) -> Result<After, String> {
    let old = After::RENAMED.iter().find(|(old, _)| *old == text);
    let text = match old {
        Some((old, new)) => {
            deprecated::note(&format!("`--after {old}`"), &format!("`--after {new}`"));
            new
        }
        None => text,
    };
    let mut words = After::WORDS.iter();
    let named = words.find(|(word, _)| *word == text);
    named
        .map(|(_, after)| *after)
        .ok_or_else(|| "expected `stop`, `pause`, `keep` or `delete`".to_owned())
}

/// What becomes of statements that write, by its word.
pub(super) fn writes(text: &str) -> Result<Writes, String> {
    Writes::find(text).ok_or_else(|| "expected `skip`, `rollback` or `apply`".to_owned())
}

/// A point in time, as logs write it.
pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text)
        .ok_or_else(|| "expected a time in UTC, such as `2026-11-27 20:15`".to_owned())
}

/// A span of time above 0, such as `60s`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err("expected a time above 0, such as `60s` or `10min`".to_owned()),
    }
}

pub(super) fn project_name(text: &str) -> Result<String, String> {
    checked(PROJECT, text)
}

pub(super) fn container_name(text: &str) -> Result<String, String> {
    checked(CONTAINER, text)
}

/// The name of a flavour, or of a nest for one.
pub(super) fn flavour_name(text: &str) -> Result<String, String> {
    checked(FLAVOUR, text)
}

pub(super) fn snapshot_name(text: &str) -> Result<String, String> {
    checked(SNAPSHOT, text)
}

pub(super) fn database_name(text: &str) -> Result<String, String> {
    checked(DATABASE, text)
}

fn checked(rule: NameRule, text: &str) -> Result<String, String> {
    rule.check(text).map(|()| text.to_owned())
}

//! The output of `dbmatrix list`, as a table or as JSON.

use std::time::{Duration, SystemTime};

use bytesize::ByteSize;
use comfy_table::{CellAlignment, Table, presets};
use dbmatrix_containers::name::flavour_of_replica;
use dbmatrix_containers::nest::{ContainerInfo, ContainerKind};
use dbmatrix_flavours::server::ReplicaProgress;
use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use super::Measured;
use crate::cli::args::json as json_of;

/// The version of a row in JSON. Version 2 renamed the type `ahead` of version 1 to
/// `standby`, and the states `frozen` and `half-made` to `paused` and `incomplete`.
const SCHEMA: u32 = 2;

/// One container in JSON. Its names are stable: new ones may be added, none is removed.
#[derive(Debug, Serialize)]
struct Row<'a> {
    /// [`SCHEMA`].
    schema: u32,
    nest: &'a str,
    /// The name of the flavour to which it belongs; otherwise the container's name.
    name: &'a str,
    container: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    /// Its part in a flavour of several servers: `source` or `replica`, or `detached` for one
    /// that does not follow since a promotion.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    /// How far a replica is; other containers have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    replication: Option<Option<&'static str>>,
    /// Seconds that a replica is behind its source; other containers have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    lag: Option<Option<u64>>,
    state: String,
    /// Whether it is cut off from its nest's network.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    disconnected: bool,
    #[serde(skip)]
    shown_state: &'a str,
    ipv4: Option<&'a str>,
    snapshots: usize,
    server: Option<&'a str>,
    version: Option<&'a str>,
    /// Seconds.
    uptime: Option<u64>,
    /// Bytes.
    memory: Option<u64>,
    /// Bytes.
    disk: Option<u64>,
}

impl<'a> Row<'a> {
    fn of(
        listed: &'a ContainerInfo,
        all: &[ContainerInfo],
        measured: &Measured<'_>,
        now: SystemTime,
    ) -> Self {
        let told = |text: &'a str| Some(text).filter(|text| !text.is_empty());
        let since = |started: SystemTime| now.duration_since(started).unwrap_or_default();
        let key = (listed.nest.clone(), listed.container.clone());
        let size = measured.sizes.get(&key);
        let progress = measured.progress.get(&key).copied();
        let role = role(listed, all);
        let is_replica = role == Some("replica");
        Row {
            schema: SCHEMA,
            nest: &listed.nest,
            name: listed.name(),
            container: &listed.container,
            kind: word(&listed.kind),
            role,
            replication: is_replica.then_some(progress.map(replication)),
            lag: is_replica.then_some(progress.and_then(lag)),
            state: match listed.is_disconnected {
                true => "running".to_owned(),
                false => listed.shown_state().to_lowercase(),
            },
            disconnected: listed.is_disconnected,
            shown_state: listed.shown_state(),
            ipv4: told(&listed.address),
            snapshots: listed.snapshots,
            server: told(&listed.server),
            version: told(&listed.version),
            uptime: listed.started.map(|started| since(started).as_secs()),
            memory: listed.memory,
            disk: size.copied().filter(|_| listed.kind != ContainerKind::Nest),
        }
    }
}

fn word(kind: &ContainerKind) -> &'static str {
    match kind {
        ContainerKind::Nest => "nest",
        ContainerKind::Flavour(_) => "flavour",
        ContainerKind::Golden => "golden",
        ContainerKind::Standby => "standby",
        ContainerKind::Other => "other",
    }
}

/// The part of a container in a flavour of several servers.
fn role(listed: &ContainerInfo, all: &[ContainerInfo]) -> Option<&'static str> {
    let ContainerKind::Flavour(name) = &listed.kind else {
        return None;
    };
    if let Some(role) = listed.role {
        return Some(role.as_str());
    }
    if flavour_of_replica(name).is_some() {
        return Some("replica");
    }
    let follows = |other: &ContainerInfo| match &other.kind {
        ContainerKind::Flavour(other_name) => {
            other.nest == listed.nest && flavour_of_replica(other_name) == Some(name)
        }
        _ => false,
    };
    all.iter().any(follows).then_some("source")
}

/// How far a replica is, in a word.
fn replication(progress: ReplicaProgress) -> &'static str {
    match progress {
        ReplicaProgress::CaughtUp => "caught-up",
        ReplicaProgress::Behind(_) => "behind",
        ReplicaProgress::Connecting => "connecting",
        ReplicaProgress::Stopped => "stopped",
    }
}

/// How many seconds a replica is behind, if it knows.
fn lag(progress: ReplicaProgress) -> Option<u64> {
    match progress {
        ReplicaProgress::CaughtUp => Some(0),
        ReplicaProgress::Behind(time) => Some(time.as_secs()),
        ReplicaProgress::Connecting | ReplicaProgress::Stopped => None,
    }
}

/// The same for people, such as `7s behind`.
fn shown_replication(row: &Row<'_>) -> String {
    match (row.replication.flatten(), row.lag.flatten()) {
        (Some("behind"), Some(seconds)) => format!("{} behind", uptime(seconds)),
        (Some(word), _) => word.replace('-', " "),
        (None, _) => String::new(),
    }
}

/// A column of the table.
struct Column {
    title: &'static str,
    alignment: CellAlignment,
    cell: fn(&Row<'_>) -> String,
}

const fn left(title: &'static str, cell: fn(&Row<'_>) -> String) -> Column {
    Column {
        title,
        alignment: CellAlignment::Left,
        cell,
    }
}

const fn right(title: &'static str, cell: fn(&Row<'_>) -> String) -> Column {
    Column {
        alignment: CellAlignment::Right,
        ..left(title, cell)
    }
}

/// The column that is there where there are replicas.
const REPLICATION: &str = "REPLICATION";

/// Columns known to users of Incus and LXD come first.
const COLUMNS: [Column; 12] = [
    left("NEST", |row| row.nest.to_owned()),
    left("NAME", |row| row.name.to_owned()),
    left("STATE", |row| row.shown_state.to_owned()),
    left("IPV4", |row| row.ipv4.unwrap_or_default().to_owned()),
    left("TYPE", |row| row.role.unwrap_or(row.kind).to_owned()),
    left(REPLICATION, shown_replication),
    right("SNAPSHOTS", |row| row.snapshots.to_string()),
    left("SERVER", |row| row.server.unwrap_or_default().to_owned()),
    left("VERSION", |row| {
        // Without the vendor.
        let version = row.version.unwrap_or_default();
        version.split(' ').next().unwrap_or_default().to_owned()
    }),
    right("UPTIME", |row| row.uptime.map(uptime).unwrap_or_default()),
    right("MEMORY", |row| row.memory.map(size).unwrap_or_default()),
    right("DISK", |row| row.disk.map(size).unwrap_or_default()),
];

/// Columns that a narrow terminal omits, in this order. The type is the last one: it tells
/// a flavour from its standby copy.
const DISPENSABLE: [&str; 6] = ["NEST", "SNAPSHOTS", "SERVER", "DISK", REPLICATION, "TYPE"];

/// One row per container, with as many columns as fit into `width`.
pub(super) fn table(listed: &[ContainerInfo], measured: &Measured<'_>, width: usize) -> String {
    let now = SystemTime::now();
    let rows = rows(listed, measured, now);
    fitted(&rows, width)
}

fn rows<'a>(listed: &'a [ContainerInfo], measured: &Measured<'_>, now: SystemTime) -> Vec<Row<'a>> {
    let row = |one| Row::of(one, listed, measured, now);
    listed.iter().map(row).collect()
}

fn fitted(rows: &[Row<'_>], width: usize) -> String {
    let mut columns: Vec<&Column> = COLUMNS.iter().collect();
    let has_replicas = rows.iter().any(|row| row.replication.is_some());
    columns.retain(|column| column.title != REPLICATION || has_replicas);
    let mut table = drawn(rows, &columns);
    let has_several = rows.windows(2).any(|pair| pair[0].nest != pair[1].nest);
    for title in DISPENSABLE {
        if title == "NEST" && has_several {
            continue;
        }
        let widest = table.lines().map(UnicodeWidthStr::width).max();
        if widest.unwrap_or_default() <= width {
            break;
        }
        columns.retain(|column| column.title != title);
        table = drawn(rows, &columns);
    }
    table
}

fn drawn(rows: &[Row<'_>], columns: &[&Column]) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(columns.iter().map(|column| column.title));
    for row in rows {
        table.add_row(columns.iter().map(|column| (column.cell)(row)));
    }
    for (drawn, column) in table.column_iter_mut().zip(columns) {
        drawn.set_cell_alignment(column.alignment);
    }
    table.to_string()
}

/// An array of objects, on one line.
pub(super) fn json(listed: &[ContainerInfo], measured: &Measured<'_>) -> String {
    let now = SystemTime::now();
    let rows = rows(listed, measured, now);
    json_of(&rows)
}

fn size(bytes: u64) -> String {
    ByteSize(bytes).display().iec().to_string()
}

/// The two largest units of a time, such as `2h 5m`.
fn uptime(seconds: u64) -> String {
    let whole = humantime::format_duration(Duration::from_secs(seconds)).to_string();
    let words: Vec<&str> = whole.split(' ').take(2).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row<'a>() -> Row<'a> {
        Row {
            schema: SCHEMA,
            nest: "mysql",
            name: "mariadb-10.11",
            container: "mariadb-10-11",
            kind: "flavour",
            role: None,
            replication: None,
            lag: None,
            disconnected: false,
            state: "running".to_owned(),
            shown_state: "Running",
            ipv4: Some("10.1.2.10"),
            snapshots: 0,
            server: Some("mariadb:10.11"),
            version: Some("10.11.19-MariaDB-0+deb12u1 from Debian"),
            uptime: Some(75),
            memory: Some(64 << 20),
            disk: None,
        }
    }

    #[test]
    fn the_names_of_the_json_stay_as_they_are() {
        let json = serde_json::to_string(&row()).expect("JSON");
        insta::assert_snapshot!(json, @r#"{"schema":2,"nest":"mysql","name":"mariadb-10.11","container":"mariadb-10-11","type":"flavour","state":"running","ipv4":"10.1.2.10","snapshots":0,"server":"mariadb:10.11","version":"10.11.19-MariaDB-0+deb12u1 from Debian","uptime":75,"memory":67108864,"disk":null}"#);
    }

    #[test]
    fn a_replica_says_how_far_it_is() {
        let replica = |progress: Option<ReplicaProgress>| Row {
            name: "move/replica-1",
            role: Some("replica"),
            replication: Some(progress.map(replication)),
            lag: Some(progress.and_then(lag)),
            ..row()
        };
        let shown = |progress| shown_replication(&replica(progress));
        let behind = ReplicaProgress::Behind(Duration::from_secs(75));
        assert_eq!(shown(Some(behind)), "1m 15s behind");
        assert_eq!(shown(Some(ReplicaProgress::CaughtUp)), "caught up");
        assert_eq!(shown(None), "");
        let json = |progress| serde_json::to_string(&replica(progress)).expect("JSON");
        let told = json(Some(behind));
        assert!(
            told.contains(r#""replication":"behind","lag":75,"#),
            "{told}"
        );
        let told = json(None);
        assert!(told.contains(r#""replication":null,"lag":null,"#), "{told}");
        let wide = fitted(&[replica(Some(ReplicaProgress::Stopped))], usize::MAX);
        assert!(
            wide.contains("REPLICATION") && wide.contains("stopped"),
            "{wide}"
        );
        assert!(!fitted(&[row()], usize::MAX).contains("REPLICATION"));
        let cut = Row {
            disconnected: true,
            ..row()
        };
        let told = serde_json::to_string(&cut).expect("JSON");
        assert!(
            told.contains(r#""state":"running","disconnected":true"#),
            "{told}"
        );
    }

    #[test]
    fn a_narrow_terminal_does_without_some_columns() {
        let wide = fitted(&[row()], usize::MAX);
        assert!(wide.contains("NEST") && wide.contains("DISK"), "{wide}");
        let middle = fitted(&[row()], 120);
        assert!(!middle.contains("NEST"), "{middle}");
        assert!(middle.lines().all(|line| line.width() <= 120), "{middle}");
        assert!(middle.contains("10.11.19-MariaDB-0+deb12u1 "), "{middle}");
        let other = Row {
            nest: "other",
            ..row()
        };
        assert!(fitted(&[row(), other], 120).contains("NEST"));
        let copy = Row {
            kind: "standby",
            ..row()
        };
        // The type is the last to go: both have the same name.
        let both = fitted(&[row(), copy], 100);
        assert!(!both.contains("DISK") && both.contains("standby"), "{both}");
        let narrow = fitted(&[row()], 20);
        assert!(
            narrow.contains("mariadb-10.11") && narrow.contains("64.0 MiB"),
            "{narrow}"
        );
    }

    #[test]
    fn a_time_has_its_two_greatest_units() {
        assert_eq!(uptime(0), "0s");
        assert_eq!(uptime(59), "59s");
        assert_eq!(uptime(7_500), "2h 5m");
        assert_eq!(uptime(3 * 86_400 + 3_661), "3days 1h");
    }
}

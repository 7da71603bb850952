//! How the owners of a container's files are on the nest's disk: an unprivileged container's
//! user 0 is another one there. An engine notes the map, and gives a container whose note is
//! another one than its own new owners at its next start.

use dbmatrix_engine::{Config, config};
use serde::Deserialize;

/// The map with which the files are on the disk.
pub(super) const OWNERS: &str = "volatile.last_state.idmap";
/// The map with which the engine would start it.
const NEXT: &str = "volatile.idmap.next";
/// The users that a system has.
const USERS: u64 = 65_536;

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "PascalCase")]
struct Range {
    #[serde(default)]
    isuid: bool,
    hostid: u64,
    nsid: u64,
    maprange: u64,
}

fn ranges(noted: Option<&String>) -> Vec<Range> {
    let noted = noted.map_or("", String::as_str);
    serde_json::from_str(noted).unwrap_or_default()
}

/// The user ids that the files of a container need in a nest.
pub(super) fn ids_of(container: &Config) -> u64 {
    let ranges = ranges(container.get(OWNERS)).into_iter();
    let ends = ranges.map(|range| range.hostid.saturating_add(range.maprange.min(USERS)));
    ends.max().unwrap_or(USERS)
}

/// The note for a container whose files came with their owners from another nest. Where both
/// engines map users alike, only the length of their maps differs.
pub(super) fn noted_owners(packed: &Config, made: &Config) -> Config {
    let Some(was) = packed.get(OWNERS) else {
        return Config::new();
    };
    let starts = |noted: &String| {
        let ranges = ranges(Some(noted)).into_iter();
        ranges
            .map(|range| (range.isuid, range.nsid, range.hostid))
            .collect::<Vec<_>>()
    };
    let next = made.get(NEXT).filter(|next| starts(next) == starts(was));
    config([(OWNERS, next.unwrap_or(was))])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(from: u64, count: u64) -> String {
        format!(
            r#"[{{"Isuid":true,"Isgid":false,"Hostid":{from},"Nsid":0,"Maprange":{count}}},
                {{"Isuid":false,"Isgid":true,"Hostid":{from},"Nsid":0,"Maprange":{count}}}]"#
        )
    }

    #[test]
    fn a_system_s_users_are_needed_and_no_more() {
        let of = |map: &str| ids_of(&config([(OWNERS, map)]));
        assert_eq!(of(&map(1_000_000, 9_000_000)), 1_065_536);
        assert_eq!(of(&map(65_536, 1_000)), 66_536);
        assert_eq!(of("[]"), 65_536);
        assert_eq!(ids_of(&Config::new()), 65_536);
    }

    #[test]
    fn files_get_new_owners_only_where_engines_map_otherwise() {
        let packed = config([(OWNERS, &map(1_000_000, 5))]);
        let noted = |next: &str| {
            let noted = noted_owners(&packed, &config([(NEXT, next)]));
            noted.get(OWNERS).cloned().expect("a note")
        };
        let longer = map(1_000_000, 9);
        assert_eq!(noted(&longer), longer);
        assert_eq!(noted(&map(65_536, 5)), map(1_000_000, 5));
        assert!(noted_owners(&Config::new(), &packed).is_empty());
    }
}

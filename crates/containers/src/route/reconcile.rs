//! Plans the changes that route a subnet as required. Pure.

use ipnet::Ipv4Net;

use super::entry::{Entry, FALLBACK_METRIC, Hop};

/// One change of the machine's routes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// Adds a missing route.
    Add(Entry),
    /// Removes a route of dbmatrix that leads elsewhere.
    Remove(Entry),
}

impl Change {
    /// The command by which a privileged user would make the change.
    pub(super) fn to_command(&self, interface: &str) -> String {
        match self {
            Change::Add(entry) => format!("ip route add {}", entry.to_words(Some(interface))),
            Change::Remove(entry) => format!("ip route del {}", entry.to_words(None)),
        }
    }
}

/// The changes, in order, after which packets use `real` and, if it vanishes, go nowhere.
/// Empty if that is already so, whoever set it up.
///
/// # Errors
/// The route of another program that would have to be removed.
pub(super) fn plan_changes(there: &[Entry], real: &Entry) -> Result<Vec<Change>, Entry> {
    let there: Vec<&Entry> = there
        .iter()
        .filter(|entry| entry.is_in_main_table() && entry.subnet == real.subnet)
        .collect();
    let taken = there.iter().min_by_key(|entry| entry.metric);
    let right = taken.filter(|entry| entry.hop == real.hop && entry.metric < FALLBACK_METRIC);
    let metric = right.map_or(real.metric, |entry| entry.metric);
    let is_fallback = |entry: &Entry| entry.hop == Hop::Refused && entry.metric > metric;

    let mut changes = Vec::new();
    if !there.iter().any(|entry| is_fallback(entry)) {
        changes.push(Change::Add(Entry::fallback(real.subnet)));
    }
    if right.is_some() {
        return Ok(changes);
    }
    for entry in there.into_iter().filter(|entry| !is_fallback(entry)) {
        if !entry.is_ours() {
            return Err(entry.clone());
        }
        changes.push(Change::Remove(entry.clone()));
    }
    changes.push(Change::Add(real.clone()));
    Ok(changes)
}

/// The routes of dbmatrix to `subnet`: the real one first, so that the fallback protects
/// it until the end.
pub(super) fn removals(there: &[Entry], subnet: Ipv4Net) -> Vec<Change> {
    let mut ours: Vec<&Entry> = there
        .iter()
        .filter(|entry| entry.is_ours() && entry.subnet == subnet)
        .collect();
    ours.sort_by_key(|entry| entry.metric);
    ours.into_iter().cloned().map(Change::Remove).collect()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    const VIA: Ipv4Addr = Ipv4Addr::new(10, 9, 9, 2);

    fn subnet() -> Ipv4Net {
        "10.1.2.0/24".parse().expect("a network")
    }

    fn real() -> Entry {
        Entry::real(subnet(), VIA, 7)
    }

    /// A route of dbmatrix through a nest that no longer exists.
    fn stale() -> Entry {
        Entry::real(subnet(), Ipv4Addr::new(10, 9, 9, 77), 7)
    }

    fn foreign(entry: Entry) -> Entry {
        Entry {
            protocol: 3,
            ..entry
        }
    }

    #[test]
    fn the_fallback_goes_in_first() {
        assert_eq!(
            plan_changes(&[], &real()),
            Ok(vec![
                Change::Add(Entry::fallback(subnet())),
                Change::Add(real())
            ])
        );
    }

    #[test]
    fn a_missing_fallback_is_added_beside_the_right_route() {
        assert_eq!(
            plan_changes(&[real()], &real()),
            Ok(vec![Change::Add(Entry::fallback(subnet()))])
        );
    }

    #[test]
    fn routes_set_by_hand_are_as_good_as_ours() {
        let by_hand = Entry {
            metric: 50,
            ..foreign(real())
        };
        let there = [by_hand, foreign(Entry::fallback(subnet()))];
        assert_eq!(plan_changes(&there, &real()), Ok(vec![]));
    }

    #[test]
    fn a_stale_route_of_ours_is_replaced_under_the_fallback() {
        let there = [stale(), Entry::fallback(subnet())];
        assert_eq!(
            plan_changes(&there, &real()),
            Ok(vec![Change::Remove(stale()), Change::Add(real())])
        );
    }

    #[test]
    fn somebody_elses_route_is_left_alone() {
        let other = foreign(stale());
        assert_eq!(
            plan_changes(std::slice::from_ref(&other), &real()),
            Err(other)
        );
        let refused = Entry {
            metric: 0,
            ..foreign(Entry::fallback(subnet()))
        };
        assert_eq!(
            plan_changes(std::slice::from_ref(&refused), &real()),
            Err(refused)
        );
    }

    #[test]
    fn routes_to_other_subnets_and_in_other_tables_do_not_matter() {
        let elsewhere = Entry {
            subnet: "10.1.0.0/16".parse().expect("a network"),
            ..foreign(stale())
        };
        let other_table = Entry {
            table: 100,
            ..foreign(stale())
        };
        let there = [elsewhere, other_table, real(), Entry::fallback(subnet())];
        assert_eq!(plan_changes(&there, &real()), Ok(vec![]));
    }

    #[test]
    fn the_commands_are_those_that_a_person_would_type() {
        let there = [stale()];
        let changes = plan_changes(&there, &real()).expect("nothing foreign");
        let commands: Vec<String> = changes
            .iter()
            .map(|change| change.to_command("br0"))
            .collect();
        assert_eq!(
            commands,
            [
                "ip route add unreachable 10.1.2.0/24 metric 4000000000 proto 219",
                "ip route del 10.1.2.0/24 via 10.9.9.77 proto 219",
                "ip route add 10.1.2.0/24 via 10.9.9.2 dev br0 proto 219",
            ]
        );
    }

    #[test]
    fn removal_leaves_what_is_not_ours_and_takes_the_fallback_last() {
        let there = [
            Entry::fallback(subnet()),
            foreign(stale()),
            real(),
            Entry::real("10.7.0.0/24".parse().expect("a network"), VIA, 7),
        ];
        assert_eq!(
            removals(&there, subnet()),
            [
                Change::Remove(real()),
                Change::Remove(Entry::fallback(subnet()))
            ]
        );
    }

    /// Any routes to the subnet that a machine may have; the kernel treats two of one
    /// metric as the same.
    fn any_routes() -> impl Strategy<Value = Vec<Entry>> {
        let hop = prop_oneof![
            Just(real().hop),
            Just(stale().hop),
            Just(Hop::Refused),
            Just(Hop::Other)
        ];
        let metric = prop_oneof![Just(0), 1u32..200, Just(FALLBACK_METRIC)];
        let protocol = prop_oneof![Just(219u8), Just(3u8)];
        let routes = proptest::collection::btree_map(metric, (hop, protocol), 0..5);
        routes.prop_map(|routes| {
            let entry = |(metric, (hop, protocol))| Entry {
                hop,
                metric,
                protocol,
                ..real()
            };
            routes.into_iter().map(entry).collect()
        })
    }

    fn carried_out(mut there: Vec<Entry>, changes: &[Change]) -> Vec<Entry> {
        for change in changes {
            match change {
                Change::Add(entry) => there.push(entry.clone()),
                Change::Remove(entry) => there.retain(|other| other != entry),
            }
        }
        there
    }

    proptest! {
        #[test]
        fn nothing_is_left_to_change_afterwards(there in any_routes()) {
            if let Ok(changes) = super::plan_changes(&there, &real()) {
                let after = carried_out(there, &changes);
                prop_assert_eq!(super::plan_changes(&after, &real()), Ok(vec![]));
            }
        }

        #[test]
        fn only_routes_of_ours_are_removed(there in any_routes()) {
            for change in super::plan_changes(&there, &real()).unwrap_or_default() {
                if let Change::Remove(entry) = change {
                    prop_assert!(entry.is_ours());
                }
            }
        }
    }
}

//! Flavours that were not available, each reason once: flavours that share a setup or a
//! repository fail together.

use super::masked::Masks;
use super::record::RunRecord;

/// Flavours that were unavailable for the same reason.
#[derive(Debug)]
pub(super) struct UnavailableGroup<'a> {
    pub(super) flavours: Vec<&'a str>,
    pub(super) required: bool,
    /// The reason of the first flavour.
    pub(super) reason: &'a str,
    /// Whether the reasons differ in the flavours' own names.
    is_masked: bool,
}

impl UnavailableGroup<'_> {
    /// The names of the flavours.
    pub(super) fn names(&self) -> String {
        self.flavours.join(", ")
    }

    /// Whether they were required, for the user.
    pub(super) fn note(&self) -> String {
        let required = match self.required {
            true => "required",
            false => "not required",
        };
        match self.is_masked {
            true => format!("{required}, each with its own name"),
            false => required.to_owned(),
        }
    }
}

/// The unavailable flavours of a run, by reason.
pub(super) fn unavailable_groups(run: &RunRecord) -> Vec<UnavailableGroup<'_>> {
    let mut groups: Vec<(String, UnavailableGroup<'_>)> = Vec::new();
    for (flavour, found) in &run.unavailable {
        let masked = Masks::mask_reason(run, flavour, &found.reason);
        let same = groups
            .iter_mut()
            .find(|(reason, group)| *reason == masked && group.required == found.required);
        if let Some((_, group)) = same {
            group.flavours.push(flavour);
            group.is_masked |= group.reason != found.reason;
            continue;
        }
        let group = UnavailableGroup {
            flavours: vec![flavour],
            required: found.required,
            reason: &found.reason,
            is_masked: false,
        };
        groups.push((masked, group));
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;

    fn told(reasons: &[(&str, bool, &str)]) -> Vec<String> {
        let mut record = RunRecord::default();
        for (flavour, required, reason) in reasons {
            record.on_event(Event::FlavourUnavailable {
                flavour: (*flavour).to_owned(),
                required: *required,
                reason: (*reason).to_owned(),
            });
        }
        let groups = unavailable_groups(&record);
        let told = groups.iter();
        told.map(|group| format!("{}: {} ({})", group.names(), group.reason, group.note()))
            .collect()
    }

    #[test]
    fn flavours_with_the_same_reason_are_one_entry() {
        let syntax = |server: &str| {
            format!(
                "setup `s.sql`, line 2: ERROR 1064 (42000): see the manual of your {server} server"
            )
        };
        let (mariadb, mysql) = (syntax("MariaDB"), syntax("MySQL"));
        let all = [
            ("mariadb-10.11", true, mariadb.as_str()),
            ("mariadb-11.8", true, &mariadb),
            ("mysql-9.7", true, &mysql),
        ];
        assert_eq!(
            told(&all[..2]),
            [format!("mariadb-10.11, mariadb-11.8: {mariadb} (required)")]
        );
        assert_eq!(
            told(&all),
            [format!(
                "mariadb-10.11, mariadb-11.8, mysql-9.7: {mariadb} (required, each with its own name)"
            )]
        );
    }

    #[test]
    fn another_reason_or_need_is_another_entry() {
        let all = [
            ("a", true, "`a` is not reached"),
            ("b", true, "`b` is not reached"),
            ("c", false, "`c` is not reached"),
            ("d", true, "no room"),
        ];
        assert_eq!(
            told(&all),
            [
                "a, b: `a` is not reached (required, each with its own name)",
                "c: `c` is not reached (not required)",
                "d: no room (required)",
            ]
        );
    }
}

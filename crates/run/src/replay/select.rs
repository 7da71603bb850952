//! Which of a log's statements are sent.

use std::collections::BTreeMap;

use dbmatrix_flavours::matrix::Writes;
use dbmatrix_sql::effect::Effect;
use dbmatrix_sql::suite::statement_form;
use dbmatrix_workload::{Entry, SampleOptions};

use crate::workload::why_not_run;

/// Words that are remembered of statements that are not sent.
const MOST_WORDS: usize = 100;

/// What becomes of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is sent as it is.
    Sent,
    /// It is sent in a transaction that is rolled back.
    RolledBack,
    /// It is not sent.
    LeftOut(Reason),
}

/// Why a statement is not sent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reason {
    /// The options leave it out.
    Filtered,
    /// The log has its form only.
    Form,
    /// It may write; with its first word.
    Writes(String),
    /// It begins or ends a transaction.
    Transaction,
}

/// What becomes of an entry.
pub(super) fn fate_of(entry: &Entry<'_>, selection: &SampleOptions, writes: Writes) -> Fate {
    if !selection.takes(entry) || !takes_form(entry, selection) {
        return Fate::LeftOut(Reason::Filtered);
    }
    if entry.is_form {
        return Fate::LeftOut(Reason::Form);
    }
    match (Effect::of(&entry.statement), writes) {
        (Effect::Reads, _) => Fate::Sent,
        (Effect::Undoable(_), Writes::Rollback) => Fate::RolledBack,
        (Effect::Undoable(_) | Effect::Permanent(_) | Effect::Transaction, Writes::Apply) => {
            Fate::Sent
        }
        (Effect::Transaction, _) => Fate::LeftOut(Reason::Transaction),
        (Effect::Undoable(word) | Effect::Permanent(word) | Effect::Ends(word), _) => {
            Fate::LeftOut(Reason::Writes(word))
        }
    }
}

fn takes_form(entry: &Entry<'_>, selection: &SampleOptions) -> bool {
    if selection.only.is_empty() && selection.skip.is_empty() {
        return true;
    }
    let form = statement_form(&String::from_utf8_lossy(&entry.statement));
    selection.takes_form(&form)
}

/// The statements that were not sent, by the reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LeftOut(BTreeMap<Reason, u64>);

impl LeftOut {
    pub(super) fn count(&mut self, reason: Reason) {
        let is_known = self.0.len() < MOST_WORDS || self.0.contains_key(&reason);
        let reason = match reason {
            Reason::Writes(_) if !is_known => Reason::Writes("…".to_owned()),
            reason => reason,
        };
        *self.0.entry(reason).or_default() += 1;
    }

    /// The reasons for a reader, with the number of statements.
    pub(super) fn described(&self, writes: Writes) -> Vec<(u64, String)> {
        let mut reasons = Vec::new();
        let words = self.0.iter().filter_map(|(reason, number)| match reason {
            Reason::Writes(word) => Some((word.as_str(), *number)),
            _ => None,
        });
        let number: u64 = words.clone().map(|(_, number)| number).sum();
        if number > 0 {
            reasons.push((number, why_not_run(words.map(|(word, _)| word), writes)));
        }
        let others = [
            (
                Reason::Transaction,
                "statements that begin or end transactions; `--writes=apply` sends them",
            ),
            (
                Reason::Form,
                "statements of which the log has only the form",
            ),
            (Reason::Filtered, "statements outside the selection"),
        ];
        for (reason, why) in others {
            if let Some(number) = self.0.get(&reason) {
                reasons.push((*number, why.to_owned()));
            }
        }
        reasons
    }
}

#[cfg(test)]
mod tests {
    use dbmatrix_workload::{Pattern, Place};

    use super::*;

    fn fate(statement: &str, selection: &SampleOptions, writes: Writes) -> Fate {
        let entry = Entry {
            place: Place::Line(1),
            time: None,
            moment: None,
            user: Some("shop".into()),
            host: None,
            database: None,
            connection: None,
            duration: None,
            count: 1,
            summary: None,
            is_form: false,
            statement: statement.as_bytes().into(),
        };
        fate_of(&entry, selection, writes)
    }

    #[test]
    fn only_what_reads_is_sent_unless_more_is_asked_for() {
        let all = SampleOptions::default();
        let fates = |statement| {
            [Writes::Skip, Writes::Rollback, Writes::Apply]
                .map(|writes| fate(statement, &all, writes))
        };
        let writes = |word: &str| Fate::LeftOut(Reason::Writes(word.to_owned()));
        let transaction = || Fate::LeftOut(Reason::Transaction);
        assert_eq!(fates("SELECT 1"), [Fate::Sent, Fate::Sent, Fate::Sent]);
        assert_eq!(
            fates("DELETE FROM t"),
            [writes("DELETE"), Fate::RolledBack, Fate::Sent]
        );
        assert_eq!(
            fates("DROP TABLE t"),
            [writes("DROP"), writes("DROP"), Fate::Sent]
        );
        assert_eq!(fates("COMMIT"), [transaction(), transaction(), Fate::Sent]);
        assert_eq!(fates("SHUTDOWN"), [(); 3].map(|()| writes("SHUTDOWN")));
    }

    #[test]
    fn the_selection_is_that_of_samples() {
        let mut selection = SampleOptions {
            user: Some("crm".to_owned()),
            ..SampleOptions::default()
        };
        let filtered = Fate::LeftOut(Reason::Filtered);
        assert_eq!(fate("SELECT 1", &selection, Writes::Skip), filtered);
        selection.user = None;
        selection.skip = vec![Pattern::new("SELECT ?")];
        assert_eq!(fate("SELECT 1", &selection, Writes::Skip), filtered);
        assert_eq!(fate("SELECT a", &selection, Writes::Skip), Fate::Sent);
    }

    #[test]
    fn reasons_have_their_numbers() {
        let mut left_out = LeftOut::default();
        for word in ["UPDATE", "DELETE", "UPDATE"] {
            left_out.count(Reason::Writes(word.to_owned()));
        }
        left_out.count(Reason::Transaction);
        let described = left_out.described(Writes::Apply);
        let numbers: Vec<u64> = described.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, [3, 1]);
        assert!(
            described[0].1.contains("(DELETE, UPDATE)"),
            "{}",
            described[0].1
        );
    }
}

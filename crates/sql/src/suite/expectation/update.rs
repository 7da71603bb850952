//! Updates a file of expectations for `--update`.
//!
//! Entries are matched with the statements of the file by their order: a repeated
//! statement keeps all its records, and an inserted or removed one does not move the
//! others. Pure.

use std::collections::{HashMap, VecDeque};

use similar::{Algorithm, DiffOp, capture_diff_slices};
use thiserror::Error;

use super::{Block, Entry, Expectation, Recorded};
use crate::compare::{Tolerance, same_record};
use crate::suite::condition::{Condition, Facts};
use crate::suite::known::one_line;

/// Records are compared exactly when they are written.
const EXACT: Tolerance = Tolerance::EXACT;

/// The flavours of a file's suites that recorded nothing. Their stored expectations stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// All have recorded their answers.
    None,
    /// A flavour was unavailable, or did not reach the end of the file.
    SomeUnfinished,
    /// A flavour was not selected, so its expectations must not change.
    SomeNotChosen,
}

/// Flavours that ran different statements.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "`{flavour}` was asked `{found}` where `{first}` was asked `{expected}`; expected the same statements on all flavours (does `sql_mode` differ?), so nothing is written"
)]
pub struct UnlikeStatements {
    first: String,
    expected: String,
    flavour: String,
    found: String,
}

type Answer<'a> = (&'a Facts, &'a Vec<String>);

impl Expectation {
    /// The expectations after a run that recorded each flavour's answers. An entry that
    /// matches all of them stays unchanged, with conditions that users wrote; blocks that
    /// apply to none of these flavours stay too. If flavours are absent, everything that
    /// applies to them stays.
    ///
    /// # Errors
    /// [`UnlikeStatements`] if flavours ran different statements.
    pub fn updated(
        &self,
        recorded: &[(Facts, Recorded)],
        absent: Absent,
    ) -> Result<Self, UnlikeStatements> {
        let statements = statements_of(recorded)?;
        let old = self.matched(&statements);
        let entries = statements.into_iter().zip(old).enumerate();
        let entries = entries.map(|(ordinal, (statement, old))| {
            let answers: Vec<Answer<'_>> = recorded
                .iter()
                .filter_map(|(facts, answers)| Some((facts, answers[ordinal].1.as_ref()?)))
                .collect();
            update_entry(statement, old, &answers, absent)
        });
        Ok(Expectation {
            entries: entries.collect(),
            comments: self.comments.clone(),
        })
    }

    /// For each statement, the entry that was written for it.
    fn matched(&self, statements: &[String]) -> Vec<Option<&Entry>> {
        let mut numbers = HashMap::new();
        let mut number = |text: &str| {
            let next = numbers.len();
            *numbers.entry(text.to_owned()).or_insert(next)
        };
        let old: Vec<usize> = (self.entries.iter())
            .map(|entry| number(&entry.statement))
            .collect();
        let new: Vec<usize> = statements.iter().map(|text| number(text)).collect();
        let mut found = vec![None; new.len()];
        let mut left: Vec<bool> = vec![true; old.len()];
        for op in capture_diff_slices(Algorithm::Patience, &old, &new) {
            if let DiffOp::Equal {
                old_index,
                new_index,
                len,
            } = op
            {
                for at in 0..len {
                    found[new_index + at] = Some(&self.entries[old_index + at]);
                    left[old_index + at] = false;
                }
            }
        }
        // Statements that have changed places.
        let mut moved: HashMap<usize, VecDeque<&Entry>> = HashMap::new();
        for at in (0..old.len()).filter(|at| left[*at]) {
            moved
                .entry(old[at])
                .or_default()
                .push_back(&self.entries[at]);
        }
        for (found, number) in found.iter_mut().zip(&new) {
            if found.is_none() {
                *found = moved.get_mut(number).and_then(VecDeque::pop_front);
            }
        }
        found
    }
}

/// The statements that all flavours ran.
fn statements_of(recorded: &[(Facts, Recorded)]) -> Result<Vec<String>, UnlikeStatements> {
    let Some((first, answers)) = recorded.first() else {
        return Ok(Vec::new());
    };
    for (facts, others) in &recorded[1..] {
        let text = |of: &Recorded, at: usize| match of.get(at) {
            Some((statement, _)) => one_line(statement),
            None => "nothing".to_owned(),
        };
        let count = answers.len().max(others.len());
        if let Some(at) = (0..count).find(|at| text(answers, *at) != text(others, *at)) {
            return Err(UnlikeStatements {
                first: first.flavour.clone(),
                expected: text(answers, at),
                flavour: facts.flavour.clone(),
                found: text(others, at),
            });
        }
    }
    Ok(answers.iter().map(|(sql, _)| one_line(sql)).collect())
}

fn update_entry(
    statement: String,
    old: Option<&Entry>,
    answers: &[Answer<'_>],
    absent: Absent,
) -> Entry {
    match old {
        Some(old) if answers.iter().all(|answer| expects(old, answer)) => old.clone(),
        Some(old) if absent != Absent::None => amend(old, answers),
        _ => regroup(statement, old, answers, absent),
    }
}

/// Whether an entry expects a flavour's answer.
fn expects(entry: &Entry, (facts, lines): &Answer<'_>) -> bool {
    let block = entry.block(facts);
    block.is_some_and(|block| same_record(&block.lines, lines, EXACT))
}

/// Changes an entry's expectations of the flavours that have answered, and of no others.
fn amend(old: &Entry, answers: &[Answer<'_>]) -> Entry {
    let mut entry = old.clone();
    let changed = answers.iter().filter(|answer| !expects(old, answer));
    let changed: Vec<&Answer<'_>> = changed.collect();
    let is_changed = |condition: &Condition| {
        (changed.iter()).any(|(facts, _)| facts.flavour == condition.as_str())
    };
    entry.blocks.retain_mut(|block| {
        block.conditions.retain(|condition| !is_changed(condition));
        !block.conditions.is_empty()
    });
    for answer in changed {
        if !expects(&entry, answer) {
            insert_answer(&mut entry, answer);
        }
    }
    entry
}

/// Adds a flavour's answer to an entry: to a block with the same answer that names
/// flavours, or to a new first block.
fn insert_answer(entry: &mut Entry, answer: &Answer<'_>) {
    let (facts, lines) = answer;
    let Ok(name) = facts.flavour.parse::<Condition>() else {
        return;
    };
    for at in 0..entry.blocks.len() {
        let block = &mut entry.blocks[at];
        if block.is_default() || !same_record(&block.lines, lines, EXACT) {
            continue;
        }
        block.conditions.push(name.clone());
        if expects(entry, answer) {
            return;
        }
        entry.blocks[at].conditions.pop();
    }
    let block = Block {
        comments: Vec::new(),
        conditions: vec![name],
        lines: (*lines).clone(),
    };
    entry.blocks.insert(0, block);
}

/// Rewrites an entry: a block for each answer, with the most frequent one for all
/// flavours that no other block names.
fn regroup(
    statement: String,
    old: Option<&Entry>,
    answers: &[Answer<'_>],
    absent: Absent,
) -> Entry {
    let mut groups: Vec<(Vec<String>, &Vec<String>)> = Vec::new();
    for (facts, lines) in answers {
        let known = groups.iter_mut();
        let mut known = known.filter(|(_, known)| same_record(known, lines, EXACT));
        match known.next() {
            Some((names, _)) => names.push(facts.flavour.clone()),
            None => groups.push((vec![facts.flavour.clone()], lines)),
        }
    }
    let size = |(names, _): &(Vec<String>, &Vec<String>)| names.len();
    let largest = groups.iter().map(size).max();
    let default = groups
        .iter()
        .position(|group| Some(size(group)) == largest)
        .filter(|_| absent != Absent::SomeNotChosen);
    if let Some(at) = default {
        let mut group = groups.remove(at);
        group.0 = vec!["*".to_owned()];
        groups.push(group);
    }
    let kept = old.into_iter().flat_map(|entry| &entry.blocks);
    let kept = kept.filter(|block| {
        !block.is_default() && !answers.iter().any(|(facts, _)| block.holds(facts))
    });
    let written = groups.into_iter().map(|(names, lines)| Block {
        comments: Vec::new(),
        conditions: names.iter().filter_map(|name| name.parse().ok()).collect(),
        lines: lines.clone(),
    });
    Entry {
        comments: old.map_or_else(Vec::new, |entry| entry.comments.clone()),
        statement,
        blocks: kept.cloned().chain(written).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn facts(name: &str) -> Facts {
        let (family, version) = name.split_once('-').expect("family and version");
        Facts {
            flavour: name.to_owned(),
            family: family.parse().expect("a family"),
            version: version.parse().expect("a version"),
            labels: Vec::new(),
        }
    }

    /// Statements with their one-line answers; `None` if skipped.
    fn answered(name: &str, answers: &[(&str, Option<&str>)]) -> (Facts, Recorded) {
        let answers = answers.iter().map(|(sql, answer)| {
            let lines = answer.map(|answer| vec![answer.to_owned()]);
            ((*sql).to_owned(), lines)
        });
        (facts(name), answers.collect())
    }

    fn one(name: &str, answer: &str) -> (Facts, Recorded) {
        answered(name, &[("SELECT\n 1", Some(answer))])
    }

    fn parse(text: &str) -> Expectation {
        Expectation::parse(Path::new("x.sql.expected"), text).expect("it parses")
    }

    /// Without the first line.
    fn update(old: &str, recorded: &[(Facts, Recorded)], absent: Absent) -> String {
        let new = parse(old).updated(recorded, absent).expect("an update");
        let text = new.to_text(Path::new("x.sql"));
        text.split_once("\n\n").expect("a head").1.to_owned()
    }

    #[test]
    fn equal_answers_are_grouped_and_read_back() {
        let answers = [
            one("mysql-9.7", "a"),
            one("mariadb-10.5", "ERROR 1064 (42000): x"),
            one("mariadb-11.8", "a"),
        ];
        let text = update("", &answers, Absent::None);
        insta::assert_snapshot!(text, @r"
        == SELECT 1
        -- mariadb-10.5
          ERROR 1064 (42000): x
        -- *
          a
        ");
        let read = parse(&text);
        let lines = |name: &str| {
            read.lines(0, "SELECT 1", &facts(name))
                .expect("a block")
                .to_vec()
        };
        assert_eq!(lines("mysql-9.7"), ["a"]);
        assert_eq!(lines("mariadb-10.5"), ["ERROR 1064 (42000): x"]);
    }

    #[test]
    fn what_people_wrote_stays_while_it_fits() {
        let old = "# mine\n== SELECT 1\n-- mariadb<10.6\n  ERROR 1064 (42000): old words\n# why\n-- *\n  a\n";
        let answers = [one("mariadb-10.5", "ERROR 1064 (42000): new words")];
        assert_eq!(update(&format!("\n{old}"), &answers, Absent::None), old);
    }

    #[test]
    fn blocks_of_flavours_of_other_matrices_stay() {
        let old = "== SELECT 1\n-- mariadb<10.6\n  old\n-- *\n  a\n";
        let new = update(old, &[one("mysql-9.7", "b")], Absent::None);
        assert_eq!(new, "== SELECT 1\n-- mariadb<10.6\n  old\n-- *\n  b\n");
    }

    #[test]
    fn what_absent_flavours_answer_stays_letter_for_letter() {
        let old = "== SELECT 1\n-- mysql-9.7 mariadb<10.6\n  old\n-- *\n  a\n";
        for absent in [Absent::SomeNotChosen, Absent::SomeUnfinished] {
            assert_eq!(
                update(old, &[one("mysql-9.7", "b")], absent),
                "== SELECT 1\n-- mysql-9.7\n  b\n-- mariadb<10.6\n  old\n-- *\n  a\n"
            );
            // Its block is removed when it answers like the rest.
            assert_eq!(
                update(old, &[one("mysql-9.7", "a")], absent),
                "== SELECT 1\n-- mariadb<10.6\n  old\n-- *\n  a\n"
            );
            // A range that applies to other flavours too must not change.
            assert_eq!(
                update(old, &[one("mariadb-10.5", "b")], absent),
                "== SELECT 1\n-- mariadb-10.5\n  b\n-- mysql-9.7 mariadb<10.6\n  old\n-- *\n  a\n"
            );
            assert_eq!(
                update(old, &[one("mariadb-11.8", "old")], absent),
                "== SELECT 1\n-- mysql-9.7 mariadb<10.6 mariadb-11.8\n  old\n-- *\n  a\n"
            );
        }
    }

    #[test]
    fn nothing_is_said_for_flavours_that_were_not_chosen() {
        let first = update("", &[one("mysql-9.7", "a")], Absent::SomeNotChosen);
        assert_eq!(first, "== SELECT 1\n-- mysql-9.7\n  a\n");
        let second = update(&first, &[one("mariadb-10.5", "b")], Absent::SomeNotChosen);
        assert_eq!(
            second,
            "== SELECT 1\n-- mariadb-10.5\n  b\n-- mysql-9.7\n  a\n"
        );
    }

    #[test]
    fn equal_statements_keep_their_records_in_their_order() {
        let text = |answers: &[(&str, &str)]| {
            let entries = answers
                .iter()
                .map(|(sql, answer)| format!("== {sql}\n-- mysql\n  {answer}\n"));
            entries.collect::<Vec<_>>().join("\n")
        };
        let old = text(&[("F", "1"), ("G", "g"), ("F", "2"), ("F", "3")]);
        let keeps = |now: &[(&str, &str)], new: &[&str]| {
            // Skipped statements keep their stored expectation.
            let steps: Vec<(&str, Option<&str>)> = now
                .iter()
                .map(|(sql, answer)| (*sql, new.contains(answer).then_some(*answer)))
                .collect();
            let recorded = [answered("mysql-9.7", &steps)];
            let updated = update(&old, &recorded, Absent::None);
            assert_eq!(updated.replace("-- *", "-- mysql"), text(now));
        };
        keeps(&[("F", "1"), ("G", "g"), ("F", "2"), ("F", "3")], &[]);
        keeps(
            &[("F", "1"), ("H", "h"), ("G", "g"), ("F", "2"), ("F", "3")],
            &["h"],
        );
        keeps(&[("G", "g"), ("F", "2"), ("F", "3")], &[]);
        keeps(&[("F", "1"), ("F", "2"), ("F", "3"), ("G", "g")], &[]);
    }

    #[test]
    fn flavours_that_were_asked_other_statements_change_nothing() {
        let recorded = [
            answered("mysql-9.7", &[("A", Some("1")), ("B", Some("2"))]),
            answered("mariadb-10.5", &[("A", Some("1"))]),
        ];
        let error = Expectation::default()
            .updated(&recorded, Absent::None)
            .expect_err("they differ");
        assert!(
            error
                .to_string()
                .contains("`mariadb-10.5` was asked `nothing`")
        );
    }
}

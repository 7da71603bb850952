//! Answers of several flavours to the same step, grouped by agreement.

use super::kind::{Kind, Kinds};
use super::normalized::NormalizedResult;
use super::rules::Tolerance;
use super::times::{TimeFactor, TimeRatio};

/// How to compare the answers to one step.
#[derive(Debug, Clone, Copy)]
pub struct CompareOptions {
    /// Kinds that are significant here.
    pub counted: Kinds,
    /// For numbers.
    pub tolerance: Tolerance,
    /// For times.
    pub time_factor: TimeFactor,
    /// Whether the statement asks for an order.
    pub ordered: bool,
    /// The answer to which the others are compared, by its index; otherwise that of the
    /// largest group.
    pub baseline: Option<usize>,
}

/// Answers that are not all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grouping {
    /// Whether a significant kind is among the differences. If so, answers that differ
    /// only insignificantly are in one group.
    pub counted: bool,
    /// The groups; the first is the one to which the others are compared.
    pub groups: Vec<Agreement>,
}

/// Answers that agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// Their indexes, in order.
    pub members: Vec<usize>,
    /// How they differ from the first group's.
    pub kinds: Kinds,
}

/// Groups answers; `None` if all are the same.
pub fn split(answers: &[&NormalizedResult], options: CompareOptions) -> Option<Grouping> {
    let first = answers.first()?;
    if answers.iter().all(|answer| answer == first) {
        return None;
    }
    let counted = group(answers, options, options.counted);
    if counted.len() > 1 {
        let found = finished(answers, options, counted, true);
        let reference = answers[found.groups[0].members[0]];
        let mut others = found.groups[1..].iter();
        let counts = |other: &Agreement| {
            let answer = answers[other.members[0]];
            !significant(reference, answer, options).is_empty()
        };
        if others.any(counts) {
            return Some(found);
        }
    }
    let all = group(answers, options, Kinds::ALL);
    (all.len() > 1).then(|| finished(answers, options, all, false))
}

/// The kinds of difference between two answers.
pub fn difference(a: &NormalizedResult, b: &NormalizedResult, options: CompareOptions) -> Kinds {
    let kinds = a.kinds(b, options.tolerance, options.ordered);
    kinds.or(a.time_kinds(b, options.time_factor))
}

/// The significant kinds of difference of an answer from the one that it is compared with.
/// To be faster is none.
pub fn significant(
    reference: &NormalizedResult,
    answer: &NormalizedResult,
    options: CompareOptions,
) -> Kinds {
    let kinds = difference(reference, answer, options).and(options.counted);
    let is_faster = |ratio: TimeRatio| ratio.high < 1.0;
    match kinds.contains(Kind::Time) && answer.time_ratio(reference).is_some_and(is_faster) {
        true => kinds.without(Kind::Time.into()),
        false => kinds,
    }
}

/// An answer joins the first group whose first member it agrees with.
fn group(
    answers: &[&NormalizedResult],
    options: CompareOptions,
    that_count: Kinds,
) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (at, answer) in answers.iter().enumerate() {
        let agrees = |group: &&mut Vec<usize>| {
            let kinds = difference(answers[group[0]], answer, options);
            kinds.and(that_count).is_empty()
        };
        match groups.iter_mut().find(agrees) {
            Some(group) => group.push(at),
            None => groups.push(vec![at]),
        }
    }
    groups
}

fn finished(
    answers: &[&NormalizedResult],
    options: CompareOptions,
    groups: Vec<Vec<usize>>,
    counted: bool,
) -> Grouping {
    let mut groups = groups;
    // The sort is stable: the earlier of two equally large groups leads.
    groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
    if let Some(baseline) = options.baseline {
        groups.sort_by_key(|group| !group.contains(&baseline));
    }
    let first = answers[groups[0][0]];
    let agreement = |members: Vec<usize>| Agreement {
        kinds: difference(first, answers[members[0]], options),
        members,
    };
    let mut groups: Vec<Agreement> = groups.into_iter().map(agreement).collect();
    groups[0].kinds = Kinds::NONE;
    Grouping { counted, groups }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::compare::{Rules, Times};
    use crate::outcome::{Outcome, SqlError};

    fn done(affected: u64) -> NormalizedResult {
        NormalizedResult::of(
            &Outcome::Completed {
                affected,
                warnings: 0,
            },
            &[],
        )
    }

    fn refused(code: u16, message: &str) -> NormalizedResult {
        let refusal = SqlError {
            code,
            state: "HY000".to_owned(),
            message: message.to_owned(),
        };
        NormalizedResult::of(&Outcome::Refused(refusal), &[])
    }

    fn options(baseline: Option<usize>) -> CompareOptions {
        CompareOptions {
            counted: Rules::default().counted,
            tolerance: Tolerance::EXACT,
            time_factor: TimeFactor::default(),
            ordered: false,
            baseline,
        }
    }

    fn groups(answers: &[NormalizedResult], baseline: Option<usize>) -> Vec<Vec<usize>> {
        let answers: Vec<&NormalizedResult> = answers.iter().collect();
        split(&answers, options(baseline))
            .into_iter()
            .flat_map(|split| split.groups)
            .map(|group| group.members)
            .collect()
    }

    #[test]
    fn the_largest_group_leads_unless_a_baseline_is_named() {
        let answers = [done(1), done(2), done(2), done(3)];
        assert_eq!(groups(&answers, None), [vec![1, 2], vec![0], vec![3]]);
        assert_eq!(groups(&answers, Some(3)), [vec![3], vec![1, 2], vec![0]]);
        assert!(groups(&[done(1), done(1)], None).is_empty());
    }

    #[test]
    fn words_do_not_split_a_group_that_differs_in_what_counts() {
        let answers = [
            done(0),
            refused(1064, "near 'a'"),
            refused(1064, "near 'b'"),
        ];
        assert_eq!(groups(&answers, None), [vec![1, 2], vec![0]]);
        let only_words = [refused(1, "a"), refused(1, "b")];
        let only_words: Vec<&NormalizedResult> = only_words.iter().collect();
        let found = split(&only_words, options(None)).expect("two texts");
        assert!(!found.counted);
        assert_eq!(found.groups.len(), 2);
    }

    /// An answer that takes so many milliseconds.
    fn timed(affected: u64, milliseconds: u64) -> NormalizedResult {
        let rounds = vec![Duration::from_millis(milliseconds); Times::FEWEST];
        done(affected).with_times(Times::new(rounds))
    }

    #[test]
    fn to_be_slower_counts_and_to_be_faster_is_only_shown() {
        let counting = CompareOptions {
            counted: Kinds::ALL,
            ..options(Some(0))
        };
        let found = |answers: [&NormalizedResult; 2], options| {
            let found = split(&answers, options).expect("two times");
            (found.counted, found.groups[1].kinds)
        };
        let (usual, slow) = (timed(1, 10), timed(1, 30));
        let time = Kinds::from(Kind::Time);
        assert_eq!(found([&usual, &slow], counting), (true, time));
        assert_eq!(found([&slow, &usual], counting), (false, time));
        assert_eq!(found([&usual, &slow], options(Some(0))), (false, time));
        // What else differs counts beside a faster time.
        let kinds = [Kind::Affected, Kind::Time].into_iter().collect();
        assert_eq!(found([&slow, &timed(2, 10)], counting), (true, kinds));
        assert!(split(&[&usual, &timed(1, 19)], counting).is_none());
        let shown = slow.shown_beside(&usual, time);
        assert_eq!(
            shown,
            "-> 6 runs, median 30.0 ms: 3.00 times as slow, 3.00 to 3.00 with 95 % confidence\nok, affected 1"
        );
    }

    proptest! {
        #[test]
        fn every_answer_is_in_one_group_and_equal_ones_together(values in proptest::collection::vec(0u64..4, 1..8)) {
            let answers: Vec<NormalizedResult> = values.iter().map(|value| done(*value)).collect();
            let found = groups(&answers, None);
            let mut members: Vec<usize> = found.iter().flatten().copied().collect();
            members.sort_unstable();
            if found.is_empty() {
                prop_assert!(values.iter().all(|value| *value == values[0]));
            } else {
                prop_assert_eq!(members, (0..values.len()).collect::<Vec<_>>());
                for group in &found {
                    prop_assert!(group.iter().all(|at| values[*at] == values[group[0]]));
                }
            }
        }
    }
}

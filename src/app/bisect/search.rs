//! Which of an ordered list to ask next, so that the first one whose outcome differs is
//! found with few questions. Pure: knows no release and no server.
//!
//! The first of the list that is available is the *reference*; outcomes are the same as its
//! outcome or differ from it.

/// What is known about one of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The same as that of the reference, or the reference itself.
    Same,
    /// Another one.
    Differs,
    /// There is none.
    Unavailable,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Find out whether this one is available, and thereby the reference.
    Reference(usize),
    /// Find out its outcome.
    Ask(usize),
    /// Nothing: this is the answer.
    Done(Answer),
}

/// The result of a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The outcome changes between these two. All between them are unavailable.
    Change {
        /// The last one with the outcome of the reference.
        before: usize,
        /// The first one with another outcome.
        after: usize,
    },
    /// The first and the last that are available have the same outcome.
    NoChange {
        /// The reference.
        first: usize,
        /// The last one.
        last: usize,
    },
    /// Only this one is available.
    Single(usize),
    /// None is available.
    Nothing,
}

/// A search in an ordered list.
#[derive(Debug, Clone)]
pub(crate) struct Search {
    outcomes: Vec<Option<Outcome>>,
}

impl Search {
    /// A search in a list of this length, of which nothing is known.
    pub(crate) fn new(length: usize) -> Self {
        Search {
            outcomes: vec![None; length],
        }
    }

    /// What is known about one of the list.
    pub(crate) fn outcome(&self, at: usize) -> Option<Outcome> {
        self.outcomes[at]
    }

    /// Notes what was found out.
    pub(crate) fn note(&mut self, at: usize, outcome: Outcome) {
        self.outcomes[at] = Some(outcome);
    }

    /// The last one that may be available.
    pub(crate) fn last(&self) -> Option<usize> {
        self.outcomes.iter().rposition(is_possible)
    }

    /// What to do next: first the two ends, then the middle of what is open. Those that are
    /// unavailable leave the list, so one of their neighbours is asked in their place.
    pub(crate) fn next(&self) -> Next {
        let first = self.outcomes.iter().position(is_possible);
        let (Some(first), Some(last)) = (first, self.last()) else {
            return Next::Done(Answer::Nothing);
        };
        if self.outcomes[first].is_none() {
            return Next::Reference(first);
        }
        if first == last {
            return Next::Done(Answer::Single(first));
        }
        match self.outcomes[last] {
            None => Next::Ask(last),
            Some(Outcome::Differs) => self.next_between(first, last),
            Some(_) => Next::Done(Answer::NoChange { first, last }),
        }
    }

    /// What to do next if the ends differ.
    fn next_between(&self, first: usize, last: usize) -> Next {
        let is = |wanted: Outcome| move |outcome: &Option<Outcome>| *outcome == Some(wanted);
        let mut all = self.outcomes.iter();
        let before = all.rposition(is(Outcome::Same)).unwrap_or(first);
        let mut all = self.outcomes.iter();
        let after = all.position(is(Outcome::Differs)).unwrap_or(last);
        let open = (before + 1..after).filter(|at| self.outcomes[*at].is_none());
        let open: Vec<usize> = open.collect();
        match open.get(open.len() / 2) {
            Some(middle) => Next::Ask(*middle),
            None => Next::Done(Answer::Change { before, after }),
        }
    }
}

fn is_possible(outcome: &Option<Outcome>) -> bool {
    *outcome != Some(Outcome::Unavailable)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches a list in which a letter stands for an outcome and `-` for none; returns
    /// the answer, and how many available and unavailable ones were asked.
    fn search(list: &str) -> (Answer, usize, usize) {
        let list: Vec<char> = list.chars().collect();
        let reference = list.iter().find(|letter| **letter != '-');
        let mut search = Search::new(list.len());
        let (mut asked, mut vain) = (0, 0);
        loop {
            let at = match search.next() {
                Next::Done(answer) => return (answer, asked, vain),
                Next::Reference(at) | Next::Ask(at) => at,
            };
            assert_eq!(search.outcome(at), None, "{list:?}: {at} is asked twice");
            let outcome = match list[at] {
                '-' => Outcome::Unavailable,
                letter if Some(&letter) == reference => Outcome::Same,
                _ => Outcome::Differs,
            };
            match outcome {
                Outcome::Unavailable => vain += 1,
                _ => asked += 1,
            }
            search.note(at, outcome);
        }
    }

    fn answer(list: &str) -> Answer {
        search(list).0
    }

    #[test]
    fn finds_the_first_that_differs() {
        assert_eq!(
            answer("aaabb"),
            Answer::Change {
                before: 2,
                after: 3
            }
        );
        assert_eq!(
            answer("ab"),
            Answer::Change {
                before: 0,
                after: 1
            }
        );
    }

    #[test]
    fn an_outcome_that_is_neither_is_one_that_differs() {
        assert_eq!(
            answer("aaxyzb"),
            Answer::Change {
                before: 1,
                after: 2
            }
        );
    }

    #[test]
    fn ends_with_the_same_outcome_are_told_after_two_questions() {
        let no_change = Answer::NoChange { first: 0, last: 5 };
        assert_eq!(search("aaaaaa"), (no_change, 2, 0));
        // What is between them is not asked for.
        assert_eq!(search("aabbaa"), (no_change, 2, 0));
    }

    #[test]
    fn an_end_that_is_unavailable_is_replaced_by_the_nearest() {
        assert_eq!(
            answer("--aabb-"),
            Answer::Change {
                before: 3,
                after: 4
            }
        );
        assert_eq!(answer("--aa-"), Answer::NoChange { first: 2, last: 3 });
        assert_eq!(answer("--a-"), Answer::Single(2));
        assert_eq!(answer("a"), Answer::Single(0));
        assert_eq!(answer("---"), Answer::Nothing);
        assert_eq!(answer(""), Answer::Nothing);
    }

    #[test]
    fn the_answer_is_a_range_if_those_between_are_unavailable() {
        assert_eq!(
            answer("aa---bb"),
            Answer::Change {
                before: 1,
                after: 5
            }
        );
    }

    #[test]
    fn a_neighbour_is_asked_in_place_of_one_that_is_unavailable() {
        let mut search = Search::new(9);
        search.note(0, Outcome::Same);
        search.note(8, Outcome::Differs);
        assert_eq!(search.next(), Next::Ask(4));
        search.note(4, Outcome::Unavailable);
        assert_eq!(search.next(), Next::Ask(5));
        search.note(5, Outcome::Unavailable);
        assert_eq!(search.next(), Next::Ask(3));
    }

    #[test]
    fn what_is_known_before_is_not_asked() {
        let mut search = Search::new(5);
        search.note(0, Outcome::Unavailable);
        search.note(4, Outcome::Unavailable);
        assert_eq!(search.next(), Next::Reference(1));
        search.note(1, Outcome::Same);
        assert_eq!(search.next(), Next::Ask(3));
    }

    /// The largest number of questions for this many available ones: both ends, and the
    /// binary logarithm of what is between them.
    fn most(available: usize) -> usize {
        let between = available.saturating_sub(2);
        2 + (between + 1).next_power_of_two().ilog2() as usize
    }

    #[test]
    fn every_list_of_a_change_is_searched_with_few_questions() {
        for length in 2..=11 {
            for change in 1..=length {
                for unavailable in 0..1_u32 << length {
                    let letter = |at: usize| match (unavailable >> at & 1, at < change) {
                        (1, _) => '-',
                        (_, true) => 'a',
                        (_, false) => 'b',
                    };
                    let list: String = (0..length).map(letter).collect();
                    let (answer, asked, vain) = search(&list);
                    let available = list.matches(|letter| letter != '-').count();
                    let expected = match (list.rfind('a'), list.find('b')) {
                        (Some(before), Some(after)) => Answer::Change { before, after },
                        (None, None) => Answer::Nothing,
                        _ if available == 1 => {
                            Answer::Single(list.find(|letter| letter != '-').unwrap_or_default())
                        }
                        _ => Answer::NoChange {
                            first: list.find(|letter| letter != '-').unwrap_or_default(),
                            last: list.rfind(|letter| letter != '-').unwrap_or_default(),
                        },
                    };
                    assert_eq!(answer, expected, "{list}");
                    assert!(asked <= most(available), "{list}: {asked} were asked");
                    assert!(asked + vain <= length, "{list}");
                }
            }
        }
    }

    #[test]
    fn dozens_take_eight_questions() {
        for change in 1..64 {
            let list: String = (0..64)
                .map(|at| if at < change { 'a' } else { 'b' })
                .collect();
            let (_, asked, _) = search(&list);
            assert!(asked <= 8, "{asked} for a change at {change}");
        }
    }

    #[test]
    fn of_several_changes_one_is_found() {
        for bits in 0..1_u32 << 10 {
            let letter = |at: usize| match bits >> at & 1 {
                0 => 'a',
                _ => 'b',
            };
            let list: String = (0..10).map(letter).collect();
            let letters: Vec<char> = list.chars().collect();
            match answer(&list) {
                Answer::Change { before, after } => {
                    assert_eq!(after, before + 1, "{list}");
                    assert_eq!(letters[before], letters[0], "{list}");
                    assert_ne!(letters[after], letters[0], "{list}");
                }
                Answer::NoChange { .. } => assert_eq!(letters[0], letters[9], "{list}"),
                other => panic!("{list}: {other:?}"),
            }
        }
    }
}

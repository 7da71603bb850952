//! Which of an ordered list to ask next, so that the first one whose outcome differs is
//! found with few questions. Pure: knows no release and no server.
//!
//! The first of the list that is available is the *reference*; outcomes are the same as its
//! outcome or differ from it. Asking for what is unavailable costs as much as any question.

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
    /// The places of those that may be available; the others are not asked for.
    places: Vec<usize>,
    /// What is known of them.
    outcomes: Vec<Option<Outcome>>,
}

impl Search {
    /// A search in a list whose members may be available or are known not to be.
    pub(crate) fn new(may_be_available: impl IntoIterator<Item = bool>) -> Self {
        let all = may_be_available.into_iter().enumerate();
        let places: Vec<usize> = all
            .filter_map(|(at, may_be)| may_be.then_some(at))
            .collect();
        Search {
            outcomes: vec![None; places.len()],
            places,
        }
    }

    /// What is known about one of the list.
    pub(crate) fn outcome(&self, at: usize) -> Option<Outcome> {
        match self.places.binary_search(&at) {
            Ok(index) => self.outcomes[index],
            Err(_) => Some(Outcome::Unavailable),
        }
    }

    /// Notes what was found out. As long as [`Next::Reference`] is asked, what is available
    /// is noted as [`Outcome::Same`].
    pub(crate) fn note(&mut self, at: usize, outcome: Outcome) {
        let Ok(index) = self.places.binary_search(&at) else {
            return;
        };
        if outcome == Outcome::Same && self.first_available().is_some_and(|first| index < first) {
            // The others were compared with a later one.
            let later = self.outcomes[index..].iter_mut();
            for known in later.filter(|known| is_available(known)) {
                *known = None;
            }
        }
        self.outcomes[index] = Some(outcome);
    }

    /// The last of the list, if nothing is known yet: it will be asked in any case.
    pub(crate) fn other_end(&self) -> Option<usize> {
        let is_new = self.places.len() > 1 && self.outcomes.iter().all(Option::is_none);
        self.places.last().copied().filter(|_| is_new)
    }

    /// What to do next: first the two ends, then the middle of what is open.
    pub(crate) fn next(&self) -> Next {
        let first = match self.reference() {
            Ok(first) => first,
            Err(Some(open)) => return Next::Reference(self.places[open]),
            Err(None) => return Next::Done(Answer::Nothing),
        };
        let after = self
            .outcomes
            .iter()
            .position(|one| *one == Some(Outcome::Differs));
        let next = match after {
            Some(after) => self.middle(first, after).ok_or(Answer::Change {
                before: self.places[self.last_same(first, after)],
                after: self.places[after],
            }),
            None => self.last(first),
        };
        match next {
            Ok(index) => Next::Ask(self.places[index]),
            Err(answer) => Next::Done(answer),
        }
    }

    fn first_available(&self) -> Option<usize> {
        self.outcomes.iter().position(is_available)
    }

    /// The first one that is available, or what to ask to find it. What is unavailable is
    /// mostly so together with its neighbours, so that the steps grow until one is available,
    /// and shrink from there.
    fn reference(&self) -> Result<usize, Option<usize>> {
        match self.first_available() {
            Some(available) => {
                let below = &self.outcomes[..available];
                let begin = below
                    .iter()
                    .rposition(Option::is_some)
                    .map_or(0, |at| at + 1);
                match begin == available {
                    true => Ok(available),
                    false => Err(Some(begin + (available - begin) / 2)),
                }
            }
            None => {
                let mut steps = growing_steps(self.outcomes.len());
                let step = steps.find(|at| self.is_open(*at));
                Err(step.or_else(|| self.middle_of_longest_stretch()))
            }
        }
    }

    /// What to ask to find the last one that is available after the reference, as long as
    /// none is known that differs from it; otherwise the answer.
    fn last(&self, first: usize) -> Result<usize, Answer> {
        let end = self.outcomes.len();
        let last = self
            .outcomes
            .iter()
            .rposition(is_available)
            .unwrap_or(first);
        if last == first {
            let mut steps = growing_steps(end - first - 1).map(|step| end - 1 - step);
            let step = steps.find(|at| self.is_open(*at));
            let rest = step.or_else(|| self.middle_of_longest_stretch());
            return rest.ok_or(Answer::Single(self.places[first]));
        }
        let above = &self.outcomes[last + 1..];
        let open = above.iter().take_while(|one| one.is_none()).count();
        match open {
            0 => Err(Answer::NoChange {
                first: self.places[first],
                last: self.places[last],
            }),
            open => Ok(last + open.div_ceil(2)),
        }
    }

    /// The last one before another with the outcome of the reference.
    fn last_same(&self, first: usize, after: usize) -> usize {
        let same = |one: &Option<Outcome>| *one == Some(Outcome::Same);
        self.outcomes[..after]
            .iter()
            .rposition(same)
            .unwrap_or(first)
    }

    /// The middle of what is open before one that differs. The neighbour takes the place of
    /// one that is unavailable; if that is unavailable too, one that is farther away.
    fn middle(&self, first: usize, after: usize) -> Option<usize> {
        let before = self.last_same(first, after);
        let between = before + 1..after;
        let open: Vec<usize> = between.clone().filter(|at| self.is_open(*at)).collect();
        let unavailable = between.len() - open.len();
        let place = match unavailable {
            0 | 1 => open.len() / 2,
            more => open.len() * [1, 3, 2][more % 3] / 4,
        };
        open.get(place).copied()
    }

    /// The middle of the longest stretch of which nothing is known. Stretches before the
    /// reference were passed over on the way to it.
    fn middle_of_longest_stretch(&self) -> Option<usize> {
        let begin = self.first_available().unwrap_or_default();
        let mut longest = begin..begin;
        let mut current = begin;
        for at in begin..self.outcomes.len() {
            if !self.is_open(at) {
                current = at + 1;
            } else if at + 1 - current > longest.len() {
                longest = current..at + 1;
            }
        }
        (!longest.is_empty()).then(|| longest.start + longest.len() / 2)
    }

    fn is_open(&self, at: usize) -> bool {
        self.outcomes[at].is_none()
    }
}

fn is_available(outcome: &Option<Outcome>) -> bool {
    matches!(outcome, Some(Outcome::Same | Outcome::Differs))
}

/// 0, 1, 3, 7 and so on, below `end`.
fn growing_steps(end: usize) -> impl Iterator<Item = usize> {
    let steps = std::iter::successors(Some(0_usize), |step| Some(step * 2 + 1));
    steps.take_while(move |step| *step < end)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a search has found, and how many available and unavailable ones it asked.
    struct Searched {
        answer: Answer,
        asked: usize,
        vain: usize,
    }

    /// Searches a list in which a letter stands for an outcome and `-` for none.
    fn search(list: &str) -> Searched {
        let list: Vec<char> = list.chars().collect();
        let mut search = Search::new(list.iter().map(|_| true));
        let mut reference = None;
        let mut all = vec![0; list.len()];
        let answer = loop {
            let next = search.next();
            let at = match next {
                Next::Done(answer) => break answer,
                Next::Reference(at) | Next::Ask(at) => at,
            };
            all[at] += 1;
            if let (Next::Reference(_), '-') = (next, list[at]) {
            } else if let Next::Reference(_) = next {
                reference = Some(list[at]);
            }
            let outcome = match list[at] {
                '-' => Outcome::Unavailable,
                letter if Some(letter) == reference => Outcome::Same,
                _ => Outcome::Differs,
            };
            search.note(at, outcome);
        };
        let count = |is_wanted: fn(char) -> bool| {
            let each = all.iter().zip(&list);
            each.filter(|(_, letter)| is_wanted(**letter))
                .map(|(times, _)| times)
                .sum()
        };
        let vain_twice = all
            .iter()
            .zip(&list)
            .any(|(times, one)| *one == '-' && *times > 1);
        assert!(!vain_twice, "{list:?}: {all:?}");
        Searched {
            answer,
            asked: count(|letter| letter != '-'),
            vain: count(|letter| letter == '-'),
        }
    }

    fn answer(list: &str) -> Answer {
        search(list).answer
    }

    fn change(before: usize, after: usize) -> Answer {
        Answer::Change { before, after }
    }

    #[test]
    fn finds_the_first_that_differs() {
        assert_eq!(answer("aaabb"), change(2, 3));
        assert_eq!(answer("ab"), change(0, 1));
    }

    #[test]
    fn an_outcome_that_is_neither_is_one_that_differs() {
        assert_eq!(answer("aaxyzb"), change(1, 2));
    }

    #[test]
    fn ends_with_the_same_outcome_take_two_questions() {
        let no_change = Answer::NoChange { first: 0, last: 5 };
        // What is between them is not asked for.
        for list in ["aaaaaa", "aabbaa"] {
            let searched = search(list);
            assert_eq!((searched.answer, searched.asked), (no_change, 2));
        }
    }

    #[test]
    fn an_end_that_is_unavailable_is_replaced_by_the_nearest() {
        assert_eq!(answer("--aabb-"), change(3, 4));
        assert_eq!(answer("--aa-"), Answer::NoChange { first: 2, last: 3 });
        assert_eq!(answer("--a-"), Answer::Single(2));
        assert_eq!(answer("a"), Answer::Single(0));
        assert_eq!(answer("---"), Answer::Nothing);
        assert_eq!(answer(""), Answer::Nothing);
    }

    #[test]
    fn long_stretches_that_are_unavailable_take_few_questions() {
        for (before, after) in [(0, 20), (20, 0), (13, 30), (31, 31), (40, 1)] {
            let stretch = |length: usize| "-".repeat(length);
            let list = |middle: &str| stretch(before) + middle + &stretch(after);
            let searched = search(&list("aaaaaa"));
            let (first, last) = (before, before + 5);
            assert_eq!(searched.answer, Answer::NoChange { first, last });
            assert!(searched.vain <= 18, "{before} {after}: {}", searched.vain);
            let searched = search(&list("aabbbb"));
            assert_eq!(searched.answer, change(before + 1, before + 2));
            assert!(searched.vain <= 18, "{before} {after}: {}", searched.vain);
        }
    }

    #[test]
    fn the_answer_is_a_range_if_those_between_are_unavailable() {
        assert_eq!(answer("aa---bb"), change(1, 5));
        let aside = search("aaaaaaaaaaaaaaabb------------bbbb");
        assert_eq!(aside.answer, change(14, 15));
        assert!(aside.vain < 6, "{}", aside.vain);
    }

    #[test]
    fn a_neighbour_is_asked_in_place_of_one_that_is_unavailable() {
        let mut search = Search::new([true; 9]);
        search.note(0, Outcome::Same);
        search.note(8, Outcome::Differs);
        assert_eq!(search.next(), Next::Ask(4));
        search.note(4, Outcome::Unavailable);
        assert_eq!(search.next(), Next::Ask(5));
        search.note(5, Outcome::Unavailable);
        assert_eq!(search.next(), Next::Ask(3));
    }

    #[test]
    fn what_is_known_to_be_unavailable_is_not_asked() {
        let mut search = Search::new([false, true, false, true, true, false]);
        assert_eq!(search.other_end(), Some(4));
        assert_eq!(search.next(), Next::Reference(1));
        search.note(1, Outcome::Same);
        assert_eq!(search.other_end(), None);
        assert_eq!(search.next(), Next::Ask(4));
        search.note(4, Outcome::Differs);
        assert_eq!(search.outcome(2), Some(Outcome::Unavailable));
        assert_eq!(search.next(), Next::Ask(3));
        search.note(3, Outcome::Differs);
        assert_eq!(search.next(), Next::Done(change(1, 3)));
    }

    /// The largest number of questions for this many available ones: both ends, and the
    /// binary logarithm of what is between them.
    fn most(available: usize) -> usize {
        let between = available.saturating_sub(2);
        2 + (between + 1).next_power_of_two().ilog2() as usize
    }

    #[test]
    fn a_change_among_available_ones_takes_a_logarithm() {
        for length in 2..80 {
            for change_at in 1..length {
                let letter = |at: usize| if at < change_at { 'a' } else { 'b' };
                let list: String = (0..length).map(letter).collect();
                let searched = search(&list);
                assert_eq!(searched.answer, change(change_at - 1, change_at), "{list}");
                assert!(searched.asked <= most(length), "{list}: {}", searched.asked);
            }
        }
    }

    /// Whatever is unavailable and however often the outcome changes, the answer holds.
    #[test]
    fn every_answer_holds() {
        let letters = ['a', 'b', '-'];
        let length = 8;
        for number in 0..3_usize.pow(length) {
            let letter = |at: u32| letters[number / 3_usize.pow(at) % 3];
            let list: String = (0..length).map(letter).collect();
            let all: Vec<char> = list.chars().collect();
            let is_gone =
                |at: Option<usize>| at.is_none_or(|at| all.get(at).is_none_or(|one| *one == '-'));
            match answer(&list) {
                Answer::Change { before, after } => {
                    assert!(all[before] != '-' && all[after] != '-', "{list}");
                    assert_ne!(all[before], all[after], "{list}");
                    assert!(
                        all[before + 1..after].iter().all(|one| *one == '-'),
                        "{list}"
                    );
                }
                Answer::NoChange { first, last } => {
                    assert!(first < last && all[first] != '-', "{list}");
                    assert_eq!(all[first], all[last], "{list}");
                    assert!(
                        is_gone(first.checked_sub(1)) && is_gone(Some(last + 1)),
                        "{list}"
                    );
                }
                Answer::Single(only) => {
                    let rest = all.iter().enumerate().filter(|(at, _)| *at != only);
                    assert_ne!(all[only], '-', "{list}");
                    // One that was passed over on the way to it may be there.
                    assert!(is_gone(only.checked_sub(1)), "{list}");
                    assert!(
                        rest.filter(|(at, _)| *at > only)
                            .all(|(_, one)| *one == '-'),
                        "{list}"
                    );
                }
                Answer::Nothing => assert!(all.iter().all(|one| *one == '-'), "{list}"),
            }
        }
    }
}

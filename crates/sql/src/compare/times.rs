//! Times of repeated executions of a statement, and what they prove about two servers.
//!
//! Servers take turns, so round `n` of one happened beside round `n` of the other, and what
//! slows the machine for a while slows both. Two servers are compared by the ratios of their
//! rounds. The 95 % confidence interval of the ratios' median lies between two of the sorted
//! ratios, whatever their distribution is: with six to eight rounds between the least and the
//! greatest one.

use std::fmt::Write;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How likely the interval misses the median on one side, at most.
const TAIL: f64 = 0.025;
/// The least difference that is one: what is shorter is within the reach of a scheduler.
const FLOOR: Duration = Duration::from_millis(1);

/// How long a statement took on one server, round by round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times(Box<[Duration]>);

/// How many times as long one server takes as another, to count as a difference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimeFactor(f64);

/// How many times as long a server takes as the one that it is compared with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimeRatio {
    /// The median of the rounds.
    pub median: f64,
    /// The lower end of the 95 % confidence interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl TimeFactor {
    /// The greatest factor.
    const MOST: f64 = 1000.0;

    /// A factor above 1 and up to 1,000; `None` for any other number.
    pub fn new(factor: f64) -> Option<Self> {
        (factor > 1.0 && factor <= TimeFactor::MOST).then_some(TimeFactor(factor))
    }
}

impl Default for TimeFactor {
    fn default() -> Self {
        TimeFactor(2.0)
    }
}

impl Times {
    /// The fewest rounds that support a confidence of 95 %.
    pub const FEWEST: usize = 6;
    /// The most rounds of one measuring; it is done twice.
    pub const MOST: usize = 500;

    /// The times of all rounds, in order; `None` if they are too few or too many to say
    /// anything.
    pub fn new(rounds: Vec<Duration>) -> Option<Self> {
        let is_enough = (Times::FEWEST..=2 * Times::MOST).contains(&rounds.len());
        is_enough.then(|| Times(rounds.into()))
    }

    /// These rounds and those of a second measuring; `None` if they are too many.
    pub fn and(self, second: &Times) -> Option<Self> {
        Times::new([self.0, second.0.clone()].concat())
    }

    /// How many rounds there are.
    pub fn rounds(&self) -> usize {
        self.0.len()
    }

    /// The median of all rounds.
    pub fn median(&self) -> Duration {
        let mut sorted = self.0.to_vec();
        sorted.sort_unstable();
        let middle = sorted.len() / 2;
        match sorted.len() % 2 {
            1 => sorted[middle],
            _ => (sorted[middle - 1] + sorted[middle]) / 2,
        }
    }

    /// How many times as long this server takes as the other; `None` if their rounds do not
    /// belong together.
    pub fn ratio_to(&self, other: &Times) -> Option<TimeRatio> {
        let ratio = |(here, there): (&Duration, &Duration)| seconds(*here) / seconds(*there);
        let sorted = self.sorted_with(other, ratio)?;
        let (rank, last) = (rank(sorted.len()), sorted.len() - 1);
        // The geometric mean of the two in the middle: it inverts as the ratios do.
        let median = (sorted[last / 2] * sorted[last.div_ceil(2)]).sqrt();
        Some(TimeRatio {
            median,
            low: sorted[rank - 1],
            high: sorted[last + 1 - rank],
        })
    }

    /// Whether one of the servers is slower by more than the factor and by more than what
    /// a scheduler may do. The whole interval must lie beyond both.
    pub fn differ(&self, other: &Times, factor: TimeFactor) -> bool {
        self.is_slower(other, factor) || other.is_slower(self, factor)
    }

    /// Whether the whole interval lies within the factor.
    pub fn are_alike(&self, other: &Times, factor: TimeFactor) -> bool {
        self.ratio_to(other)
            .is_some_and(|ratio| ratio.low > factor.0.recip() && ratio.high < factor.0)
    }

    /// Such as `7 runs, median 12.3 ms`.
    pub fn shown(&self) -> String {
        let median = self.median().as_secs_f64();
        let (number, unit) = match median < 1.0 {
            true => (median * 1e3, "ms"),
            false => (median, "s"),
        };
        format!(
            "{} runs, median {} {unit}",
            self.rounds(),
            three_digits(number)
        )
    }

    fn is_slower(&self, other: &Times, factor: TimeFactor) -> bool {
        let difference = |(here, there): (&Duration, &Duration)| seconds(*here) - seconds(*there);
        let (Some(ratio), Some(sorted)) =
            (self.ratio_to(other), self.sorted_with(other, difference))
        else {
            return false;
        };
        ratio.low >= factor.0 && sorted[rank(sorted.len()) - 1] >= FLOOR.as_secs_f64()
    }

    /// A figure of each round, sorted.
    fn sorted_with(
        &self,
        other: &Times,
        figure: impl Fn((&Duration, &Duration)) -> f64,
    ) -> Option<Vec<f64>> {
        if self.rounds() != other.rounds() {
            return None;
        }
        let mut figures: Vec<f64> = self.0.iter().zip(&other.0).map(figure).collect();
        figures.sort_unstable_by(f64::total_cmp);
        Some(figures)
    }

    /// Its approximate size in bytes.
    pub(super) fn size(&self) -> usize {
        self.0.len() * size_of::<Duration>()
    }
}

impl TimeRatio {
    /// Such as `2.3 times as slow, 2.1 to 2.6 with 95 % confidence`.
    pub fn shown(&self) -> String {
        let mut text = times_as_slow(self.median);
        let (low, high) = match self.median < 1.0 {
            true => (self.high.recip(), self.low.recip()),
            false => (self.low, self.high),
        };
        let (low, high) = (three_digits(low), three_digits(high));
        let _ = write!(text, ", {low} to {high} with 95 % confidence");
        text
    }
}

/// Such as `2.30 times as slow`, or as `fast` for a ratio below 1.
pub fn times_as_slow(ratio: f64) -> String {
    match ratio < 1.0 {
        true => format!("{} times as fast", three_digits(ratio.recip())),
        false => format!("{} times as slow", three_digits(ratio)),
    }
}

/// In seconds, and never 0.
fn seconds(time: Duration) -> f64 {
    time.max(Duration::from_nanos(1)).as_secs_f64()
}

/// The number of three digits, or more before the point.
fn three_digits(number: f64) -> String {
    let decimals = match number {
        ..9.995 => 2,
        ..99.95 => 1,
        _ => 0,
    };
    format!("{number:.decimals$}")
}

/// The rank, from 1, of the sorted figure at which the interval of the median begins; it
/// ends as far from the other end. Of `n` figures, so many lie below their median as heads
/// fall in `n` throws of a coin.
fn rank(n: usize) -> usize {
    let mut exactly = 0.5_f64.powi(i32::try_from(n).unwrap_or(i32::MAX));
    let (mut fewer, mut rank) = (exactly, 0);
    while fewer <= TAIL {
        rank += 1;
        exactly *= (n + 1 - rank) as f64 / rank as f64;
        fewer += exactly;
    }
    rank.max(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn times(milliseconds: &[f64]) -> Times {
        let rounds = milliseconds.iter();
        let rounds = rounds.map(|time| Duration::from_secs_f64(time / 1e3));
        Times::new(rounds.collect()).expect("enough rounds")
    }

    #[test]
    fn the_interval_has_the_ranks_of_the_tables() {
        // Conover, Practical Nonparametric Statistics: the binomial distribution with p = 0.5.
        for (n, expected) in [
            (6, 1),
            (7, 1),
            (8, 1),
            (9, 2),
            (11, 2),
            (12, 3),
            (20, 6),
            (100, 40),
        ] {
            assert_eq!(rank(n), expected, "{n}");
        }
        assert!(rank(2 * Times::MOST) > 400);
    }

    #[test]
    fn fewer_than_six_rounds_say_nothing() {
        assert_eq!(Times::new(vec![Duration::from_secs(1); 5]), None);
        assert!(Times::new(vec![Duration::from_secs(1); 6]).is_some());
    }

    #[test]
    fn a_difference_needs_every_round_of_a_few() {
        let usual = times(&[10.0, 11.0, 10.0, 12.0, 10.0, 10.0, 11.0]);
        let slow = times(&[25.0, 26.0, 24.0, 30.0, 25.0, 21.0, 90.0]);
        let once_fast = times(&[25.0, 26.0, 24.0, 30.0, 19.0, 25.0, 90.0]);
        let factor = TimeFactor::default();
        assert!(slow.differ(&usual, factor) && usual.differ(&slow, factor));
        assert!(!once_fast.differ(&usual, factor));
        assert!(!once_fast.are_alike(&usual, factor));
        assert!(usual.are_alike(&usual, factor));
        let higher = TimeFactor::new(2.2).expect("a factor");
        assert!(!slow.differ(&usual, higher));
    }

    #[test]
    fn a_difference_that_does_not_show_a_second_time_is_none() {
        let usual = times(&[10.0; 7]);
        let (slow, alike) = (times(&[27.0; 7]), times(&[11.0; 7]));
        let factor = TimeFactor::default();
        let both = |second: &Times| slow.clone().and(second).expect("enough rounds");
        let usual_twice = usual.clone().and(&usual).expect("enough rounds");
        assert!(slow.differ(&usual, factor));
        assert!(!both(&alike).differ(&usual_twice, factor));
        assert!(both(&slow).differ(&usual_twice, factor));
    }

    #[test]
    fn a_statement_of_microseconds_is_never_slower() {
        let fast = times(&[0.1; 7]);
        let slow = times(&[0.9; 7]);
        assert!(!slow.differ(&fast, TimeFactor::default()));
        let slower = times(&[1.2; 7]);
        assert!(slower.differ(&fast, TimeFactor::default()));
    }

    #[test]
    fn what_slows_both_for_a_while_is_no_difference() {
        let a = times(&[10.0, 10.0, 80.0, 90.0, 80.0, 10.0, 10.0]);
        let b = times(&[11.0, 10.0, 84.0, 85.0, 82.0, 11.0, 10.0]);
        assert!(a.are_alike(&b, TimeFactor::new(1.2).expect("a factor")));
    }

    #[test]
    fn rounds_of_other_numbers_are_not_compared() {
        let (few, many) = (times(&[1.0; 6]), times(&[9.0; 7]));
        assert_eq!(few.ratio_to(&many), None);
        assert!(!few.differ(&many, TimeFactor::default()));
    }

    #[test]
    fn times_and_ratios_are_shown_with_three_digits() {
        let usual = times(&[10.0, 11.0, 10.0, 12.0, 10.0, 10.0, 11.0]);
        let slow = times(&[25.0, 26.0, 24.0, 30.0, 25.0, 21.0, 1900.0]);
        let ratio = |a: &Times, b: &Times| a.ratio_to(b).expect("a ratio").shown();
        let shown = [
            usual.shown(),
            times(&[1234.5; 6]).shown(),
            ratio(&slow, &usual),
            ratio(&usual, &slow),
        ];
        insta::assert_snapshot!(shown.join("\n"), @r"
        7 runs, median 10.0 ms
        6 runs, median 1.23 s
        2.50 times as slow, 2.10 to 173 with 95 % confidence
        2.50 times as fast, 2.10 to 173 with 95 % confidence
        ");
    }

    #[test]
    fn a_factor_is_above_one() {
        for wrong in [1.0, 0.5, f64::NAN, f64::INFINITY, 1001.0] {
            assert_eq!(TimeFactor::new(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn ratios_invert_and_enclose_their_median(
            pairs in proptest::collection::vec((1u64..10_000_000, 1u64..10_000_000), 6..40)
        ) {
            let side = |of: fn(&(u64, u64)) -> u64| {
                Times::new(pairs.iter().map(|pair| Duration::from_micros(of(pair))).collect())
                    .expect("enough rounds")
            };
            let (a, b) = (side(|pair| pair.0), side(|pair| pair.1));
            let (there, back) = (a.ratio_to(&b), b.ratio_to(&a));
            let (there, back) = (there.expect("a ratio"), back.expect("a ratio"));
            prop_assert!(there.low <= there.median * 1.000_001);
            prop_assert!(there.median <= there.high * 1.000_001);
            for (one, other) in [
                (there.median, back.median),
                (there.low, back.high),
                (there.high, back.low),
            ] {
                prop_assert!((one * other - 1.0).abs() < 1e-9);
            }
            let factor = TimeFactor::default();
            prop_assert_eq!(a.differ(&b, factor), b.differ(&a, factor));
            prop_assert!(!(a.differ(&b, factor) && a.are_alike(&b, factor)));
        }
    }
}

//! Ratios of figures that were measured several times.

use serde::Serialize;

/// A ratio that is nearer to 1 is no difference, whatever its spread: two servers of the
/// same version differ as much from one run to the next.
const LEAST: f64 = 1.1;
/// Fewer rounds show no difference: with 2 each, one of 3 pairs of equal servers would seem
/// to differ.
pub(super) const LEAST_ROUNDS: usize = 3;

/// How a figure of one flavour compares with that of the baseline.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Ratio {
    /// The rounds of the side with fewer.
    pub rounds: usize,
    /// The ratio of both medians; above 1 the baseline has less.
    pub median: f64,
    /// The smallest figure against the baseline's largest; `None` after one round.
    pub lowest: Option<f64>,
    /// The largest figure against the baseline's smallest; `None` after one round.
    pub highest: Option<f64>,
}

impl Ratio {
    /// The ratio of figures that are above 0, each of a round; `None` where one side has
    /// none.
    pub fn of(figures: &[f64], baseline: &[f64]) -> Option<Self> {
        let (own, base) = (sorted(figures), sorted(baseline));
        let ends = |sorted: &[f64]| Some((*sorted.first()?, *sorted.last()?));
        let ((least, most), (base_least, base_most)) = (ends(&own)?, ends(&base)?);
        if base_least <= 0.0 {
            return None;
        }
        let rounds = own.len().min(base.len());
        let has_spread = rounds > 1;
        Some(Ratio {
            rounds,
            median: median(&own)? / median(&base)?,
            lowest: has_spread.then_some(least / base_most),
            highest: has_spread.then_some(most / base_least),
        })
    }

    /// Whether the rounds of both sides do not overlap and lie apart by a tenth, and there
    /// are enough of them.
    pub fn differs(&self) -> bool {
        match (self.lowest, self.highest) {
            _ if self.rounds < LEAST_ROUNDS => false,
            (Some(lowest), _) if lowest > 1.0 => self.median >= LEAST,
            (_, Some(highest)) if highest < 1.0 => self.median <= 1.0 / LEAST,
            _ => false,
        }
    }
}

/// The median; of an even number the mean of both in the middle.
pub(super) fn median(figures: &[f64]) -> Option<f64> {
    let sorted = sorted(figures);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        even if even % 2 == 0 => Some((sorted[middle - 1] + sorted[middle]) / 2.0),
        _ => Some(sorted[middle]),
    }
}

fn sorted(figures: &[f64]) -> Vec<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// Of how many pairs of servers without a difference, measured so many times each, the
/// rounds of one do not overlap by chance: 10 for 3 rounds, 126 for 5.
pub(super) fn one_in(rounds: usize) -> Option<u64> {
    // Half of (2r)! / r!², as each side may be the lower one.
    let rounds = u64::try_from(rounds).ok()?;
    let mut orders: u64 = 1;
    for number in 1..=rounds {
        orders = orders.checked_mul(rounds + number)? / number;
    }
    Some(orders / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_has_the_spread_of_the_rounds() {
        let ratio = Ratio::of(&[2.0, 2.2, 1.8], &[1.0, 0.9, 1.2]).expect("figures");
        assert_eq!(ratio.median, 2.0);
        assert_eq!(
            (ratio.lowest, ratio.highest),
            (Some(1.8 / 1.2), Some(2.2 / 0.9))
        );
        assert!(ratio.differs());
        let inverse = Ratio::of(&[1.0, 0.9, 1.2], &[2.0, 2.2, 1.8]).expect("figures");
        assert!(inverse.differs() && inverse.median == 0.5);
    }

    #[test]
    fn rounds_that_overlap_are_no_difference() {
        let ratio = Ratio::of(&[3.0, 3.0, 1.0], &[1.0, 1.0, 1.1]).expect("figures");
        assert_eq!((ratio.median, ratio.differs()), (3.0, false));
    }

    #[test]
    fn neither_few_rounds_nor_a_few_percent_are_a_difference() {
        let once = Ratio::of(&[9.0], &[1.0]).expect("figures");
        assert_eq!(
            (once.median, once.lowest, once.differs()),
            (9.0, None, false)
        );
        let twice = Ratio::of(&[9.0, 9.0], &[1.0, 1.0]).expect("figures");
        assert_eq!((twice.lowest, twice.differs()), (Some(9.0), false));
        let near = Ratio::of(&[1.06, 1.07, 1.07], &[1.0, 1.01, 1.01]).expect("figures");
        assert!(near.lowest > Some(1.0) && !near.differs());
    }

    #[test]
    fn nothing_is_compared_with_nothing() {
        assert_eq!(Ratio::of(&[], &[1.0]), None);
        assert_eq!(Ratio::of(&[1.0], &[]), None);
        assert_eq!(Ratio::of(&[1.0], &[0.0]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0, 10.0]), Some(2.5));
    }

    #[test]
    fn chance_is_counted_by_the_orders_of_rounds() {
        let known = [(1, 1), (2, 3), (3, 10), (5, 126)];
        assert_eq!(
            known.map(|(rounds, _)| one_in(rounds)),
            known.map(|(_, one)| Some(one))
        );
    }
}

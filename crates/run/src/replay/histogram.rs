//! Times by their frequency.
//!
//! One for each form of statement is held at a time, so only the counts that are not 0 are
//! kept: a dense histogram of ten thousand forms would take hundreds of megabytes.

use std::collections::BTreeMap;
use std::time::Duration;

/// Bits of a time that are kept: it is right to 1 part in 128.
const BITS: u32 = 7;

/// Times by their frequency, rounded to less than 1 %.
#[derive(Debug, Clone, Default)]
pub(super) struct Histogram {
    counts: BTreeMap<u32, u64>,
    number: u64,
}

impl Histogram {
    /// Adds a time, of which whole microseconds count.
    pub(super) fn add(&mut self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        *self.counts.entry(bucket(micros)).or_default() += 1;
        self.number += 1;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.number == 0
    }

    /// The time within which so many of a thousand are; zero if there is none.
    pub(super) fn quantile(&self, of_thousand: u64) -> Duration {
        let rank = (self.number * of_thousand).div_ceil(1000).max(1);
        let mut seen = 0;
        for (bucket, count) in &self.counts {
            seen += count;
            if seen >= rank {
                return Duration::from_micros(middle(*bucket));
            }
        }
        Duration::ZERO
    }
}

/// Small times have a bucket each; of larger ones the first bits choose it.
fn bucket(micros: u64) -> u32 {
    let shift = (64 - micros.leading_zeros()).saturating_sub(BITS + 1);
    (shift << BITS) + (micros >> shift) as u32
}

/// The time in the middle of a bucket.
fn middle(bucket: u32) -> u64 {
    let shift = (bucket >> BITS).saturating_sub(1);
    let first = u64::from(bucket - (shift << BITS)) << shift;
    first + (1 << shift) / 2
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(micros: impl IntoIterator<Item = u64>) -> Histogram {
        let mut histogram = Histogram::default();
        let times = micros.into_iter().map(Duration::from_micros);
        times.for_each(|time| histogram.add(time));
        histogram
    }

    #[test]
    fn quantiles_are_the_nearest_ranks() {
        let histogram = of(1..=100);
        let quantile = |of| histogram.quantile(of).as_micros();
        assert_eq!([500, 950, 990, 1000].map(quantile), [50, 95, 99, 100]);
        assert_eq!(of([7]).quantile(990).as_micros(), 7);
        assert_eq!(Histogram::default().quantile(500), Duration::ZERO);
    }

    #[test]
    fn a_few_slow_ones_show_only_above_their_share() {
        let histogram = of((0..95).map(|_| 100).chain((0..5).map(|_| 50_000)));
        assert_eq!(histogram.quantile(950).as_micros(), 100);
        assert!(histogram.quantile(990).as_micros().abs_diff(50_000) < 500);
    }

    proptest! {
        #[test]
        fn times_are_right_to_a_percent(micros in 0u64..1 << 40) {
            let found = of([micros]).quantile(500).as_micros() as u64;
            prop_assert!(found.abs_diff(micros) * 100 <= micros, "{found} for {micros}");
        }

        #[test]
        fn longer_times_are_in_later_buckets(one in 0u64..1 << 40, other in 0u64..1 << 40) {
            prop_assert_eq!(bucket(one.min(other)) <= bucket(one.max(other)), true);
        }
    }
}

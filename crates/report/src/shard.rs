//! Divides a run into shards for several machines. Pure.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use sha2::{Digest, Sha256};

/// A shard of a run, such as `2/3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// From 1.
    index: usize,
    count: usize,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('/');
        let numbers =
            parts.and_then(|(index, count)| Some((index.parse().ok()?, count.parse().ok()?)));
        match numbers {
            Some((index, count)) if (1..=count).contains(&index) => Ok(Shard { index, count }),
            _ => Err(format!(
                "expected a part and how many there are, such as `2/3`; found `{text}`"
            )),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl Shard {
    /// Its number, from 1.
    pub fn index(self) -> usize {
        self.index
    }

    /// The number of shards.
    pub fn count(self) -> usize {
        self.count
    }

    /// The names in this shard, in order.
    ///
    /// Without times, the name alone decides its shard, so that a new name moves no
    /// other. With the `times` of an earlier run, the shards take about equally long:
    /// each name, the longest first, goes to the shard with the least total so far. A
    /// name without a time counts as average.
    pub fn choose<'n>(self, names: &[&'n str], times: &HashMap<String, Duration>) -> Vec<&'n str> {
        if times.is_empty() {
            let here = names.iter().filter(|name| self.holds(name));
            return here.copied().collect();
        }
        let usual = median(times);
        let time = |name: &str| times.get(name).copied().unwrap_or(usual);
        let mut order: Vec<&str> = names.to_vec();
        order.sort_by(|a, b| time(b).cmp(&time(a)).then(a.cmp(b)));
        let mut sums = vec![Duration::ZERO; self.count];
        let mut here = Vec::new();
        for name in order {
            let lightest = (0..self.count).min_by_key(|at| sums[*at]).unwrap_or(0);
            sums[lightest] += time(name);
            if lightest + 1 == self.index {
                here.push(name);
            }
        }
        let is_here = |name: &&&str| here.contains(*name);
        names.iter().filter(is_here).copied().collect()
    }

    fn holds(self, name: &str) -> bool {
        let digest = Sha256::digest(name.as_bytes());
        let number = digest[..8]
            .iter()
            .fold(0u64, |number, byte| number << 8 | u64::from(*byte));
        number % self.count as u64 == self.index as u64 - 1
    }
}

fn median(times: &HashMap<String, Duration>) -> Duration {
    let mut all: Vec<Duration> = times.values().copied().collect();
    all.sort_unstable();
    all.get(all.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shard(text: &str) -> Shard {
        text.parse().expect("a shard")
    }

    #[test]
    fn refuses_what_is_no_part() {
        for text in ["", "1", "0/3", "4/3", "1/0", "a/b", "-1/3"] {
            assert!(text.parse::<Shard>().is_err(), "{text:?}");
        }
        assert_eq!(shard("2/3").to_string(), "2/3");
    }

    #[test]
    fn recorded_times_balance_the_parts() {
        let times = [("a", 10), ("b", 6), ("c", 5), ("d", 1)];
        let times = times.map(|(name, s)| (name.to_owned(), Duration::from_secs(s)));
        let times = HashMap::from(times);
        let names = ["a", "b", "c", "d"];
        assert_eq!(shard("1/2").choose(&names, &times), ["a", "d"]);
        assert_eq!(shard("2/2").choose(&names, &times), ["b", "c"]);
    }

    #[test]
    fn a_new_file_moves_no_other() {
        let before = shard("1/3").choose(&["a", "b", "c"], &HashMap::new());
        let after = shard("1/3").choose(&["a", "b", "c", "d"], &HashMap::new());
        assert!(before.iter().all(|name| after.contains(name)));
    }

    proptest! {
        #[test]
        fn each_name_is_in_one_part(count in 1usize..6, names in proptest::collection::hash_set("[a-z]{1,4}", 0..20), timed in any::<bool>()) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let mut times = HashMap::new();
            if timed {
                times.extend(names.iter().take(3).map(|name| ((*name).to_owned(), Duration::from_secs(name.len() as u64))));
            }
            let mut all: Vec<&str> = (1..=count)
                .flat_map(|index| Shard { index, count }.choose(&names, &times))
                .collect();
            all.sort_unstable();
            let mut expected = names.clone();
            expected.sort_unstable();
            prop_assert_eq!(all, expected);
        }
    }
}

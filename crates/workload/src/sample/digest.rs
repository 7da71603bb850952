//! One digest of a sample: its figures, and the statements that are kept of it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::{DigestStats, SampleOptions, SampledStatement};
use crate::entry::Entry;
use crate::error::Place;
use crate::timestamp::Timestamp;

/// Bytes of statements that a sample holds. Random ones take half of them at most.
const MOST_BYTES: usize = 256 << 20;

/// Names of databases that are shared; further ones are held each for itself.
const MOST_DATABASES: usize = 10_000;

/// Bytes of statements that are held.
#[derive(Debug, Default)]
pub(super) struct Budget {
    held: usize,
}

/// A statement that is kept.
#[derive(Debug)]
pub(super) struct Kept {
    file: usize,
    place: Place,
    pub(super) ordinal: u64,
    time: Option<Timestamp>,
    database: Option<Arc<str>>,
    statement: Box<[u8]>,
    duration: Option<Duration>,
}

/// A statement that may be kept.
pub(super) struct Candidate<'a> {
    pub(super) file: usize,
    /// Its number among all that were read.
    pub(super) ordinal: u64,
    pub(super) entry: &'a Entry<'a>,
    pub(super) databases: &'a mut HashMap<String, Arc<str>>,
}

#[derive(Debug)]
pub(super) struct Digest {
    form: String,
    /// The options take its form.
    pub(super) is_wanted: bool,
    pub(super) count: u64,
    pub(super) total: Duration,
    longest: Duration,
    shortest: Option<Duration>,
    /// Statements that were offered.
    offered: u64,
    first: Option<Arc<Kept>>,
    slowest: Option<Arc<Kept>>,
    /// A random choice of all (Algorithm R), of equal ones one.
    random: Vec<Arc<Kept>>,
}

impl Digest {
    pub(super) fn new(form: String, is_wanted: bool) -> Self {
        Digest {
            form,
            is_wanted,
            count: 0,
            total: Duration::ZERO,
            longest: Duration::ZERO,
            shortest: None,
            offered: 0,
            first: None,
            slowest: None,
            random: Vec::new(),
        }
    }

    /// Counts an entry.
    pub(super) fn count(&mut self, entry: &Entry<'_>) {
        self.count = self.count.saturating_add(entry.count);
        let (total, longest, shortest) = match (entry.summary, entry.duration) {
            (Some(all), _) => (all.total, all.longest, all.shortest),
            (None, Some(one)) => (times(one, entry.count), one, one),
            (None, None) => return,
        };
        self.total = self.total.saturating_add(total);
        self.longest = self.longest.max(longest);
        self.shortest = Some(
            self.shortest
                .map_or(shortest, |before| before.min(shortest)),
        );
    }

    /// Keeps a statement if it is one of those to keep. True if there is no memory for it.
    pub(super) fn offer(
        &mut self,
        fingerprint: u64,
        candidate: Candidate<'_>,
        options: &SampleOptions,
        budget: &mut Budget,
    ) -> bool {
        self.offered += 1;
        let entry = candidate.entry;
        let is_first = self.offered == 1;
        let is_slowest = self
            .slowest
            .as_ref()
            .is_none_or(|slowest| entry.duration > slowest.duration);
        let place = self.random_place(fingerprint, entry, options);
        let size = entry.statement.len();
        let has_room = budget.held + size <= MOST_BYTES;
        let place = place.filter(|_| budget.held + size <= MOST_BYTES / 2);
        let is_wanted = options.per_digest > 0 && (is_first || is_slowest);
        if !(is_wanted && has_room) && place.is_none() {
            return is_wanted && !has_room;
        }
        let kept = Arc::new(candidate.keep());
        budget.held += size;
        let mut former = Vec::new();
        if is_first {
            former.extend(self.first.replace(Arc::clone(&kept)));
        }
        if is_slowest && has_room {
            former.extend(self.slowest.replace(Arc::clone(&kept)));
        }
        match place {
            Some(at) if at < self.random.len() => {
                former.push(std::mem::replace(&mut self.random[at], Arc::clone(&kept)));
            }
            Some(_) => self.random.push(Arc::clone(&kept)),
            None => {}
        }
        former.push(kept);
        budget.release(former);
        false
    }

    /// The place that a statement takes among the random ones.
    fn random_place(
        &self,
        fingerprint: u64,
        entry: &Entry<'_>,
        options: &SampleOptions,
    ) -> Option<usize> {
        let most = options.per_digest;
        let place = if self.random.len() < most {
            self.random.len()
        } else {
            let number = random(options.seed, fingerprint, self.offered) % self.offered;
            usize::try_from(number).ok().filter(|at| *at < most)?
        };
        let is_known = self.random.iter().any(|kept| kept.is_alike(entry));
        (!is_known).then_some(place)
    }

    /// The statements to show: the slowest, the first, and random ones, no two of them
    /// alike.
    pub(super) fn chosen(self, most: usize) -> Vec<Arc<Kept>> {
        let mut chosen: Vec<Arc<Kept>> = Vec::new();
        let all = self
            .slowest
            .into_iter()
            .chain(self.first)
            .chain(self.random);
        for kept in all {
            let is_new = !chosen
                .iter()
                .any(|other| other.statement == kept.statement && other.database == kept.database);
            if is_new && chosen.len() < most {
                chosen.push(kept);
            }
        }
        chosen
    }

    pub(super) fn stats(&self, fingerprint: u64) -> DigestStats {
        DigestStats {
            form: self.form.clone(),
            fingerprint,
            count: self.count,
            total: self.total,
            longest: self.longest,
            shortest: self.shortest.unwrap_or_default(),
        }
    }

    /// Lets go of all statements.
    pub(super) fn release(self, budget: &mut Budget) {
        let all = self
            .first
            .into_iter()
            .chain(self.slowest)
            .chain(self.random);
        budget.release(all.collect());
    }
}

/// The time of so many alike.
fn times(one: Duration, count: u64) -> Duration {
    one.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX))
}

impl Budget {
    /// Takes back the memory of statements that nothing else holds.
    fn release(&mut self, kept: Vec<Arc<Kept>>) {
        for kept in kept {
            if let Some(kept) = Arc::into_inner(kept) {
                self.held -= kept.statement.len();
            }
        }
    }
}

impl Candidate<'_> {
    fn keep(self) -> Kept {
        let entry = self.entry;
        let database = entry.database.as_deref().map(|name| {
            if let Some(known) = self.databases.get(name) {
                return Arc::clone(known);
            }
            let shared: Arc<str> = Arc::from(name);
            if self.databases.len() < MOST_DATABASES {
                self.databases.insert(name.to_owned(), Arc::clone(&shared));
            }
            shared
        });
        Kept {
            file: self.file,
            place: entry.place,
            ordinal: self.ordinal,
            time: entry.time,
            database,
            statement: entry.statement.as_ref().into(),
            duration: entry.duration,
        }
    }
}

impl Kept {
    fn is_alike(&self, entry: &Entry<'_>) -> bool {
        self.statement[..] == entry.statement[..]
            && self.database.as_deref() == entry.database.as_deref()
    }

    pub(super) fn sampled(&self, digest: usize) -> SampledStatement {
        SampledStatement {
            file: self.file,
            place: self.place,
            time: self.time,
            database: self.database.clone(),
            digest,
            statement: self.statement.to_vec(),
            duration: self.duration,
        }
    }
}

/// A number that looks random, and is the same for the same three (`splitmix64`).
fn random(seed: u64, fingerprint: u64, number: u64) -> u64 {
    let mut state = seed ^ fingerprint.rotate_left(32);
    state = state.wrapping_add(number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    for factor in [0xBF58_476D_1CE4_E5B9, 0x94D0_49BB_1331_11EB_u64] {
        state = (state ^ state >> 30).wrapping_mul(factor);
    }
    state ^ state >> 31
}

//! Samples of logs: of each digest some statements, and figures about all of them.

mod digest;
mod options;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dbmatrix_sql::suite::FormReader;

use crate::entry::{Entry, LeftOut, Warning};
use crate::error::{LogError, Place};
use crate::input::Input;
use crate::log::Log;
use crate::timestamp::Timestamp;
use digest::{Budget, Candidate, Digest};

pub use options::{Pattern, SampleOptions};

/// Digests that are held at a time. Of more, the rarest are counted together.
const MOST_DIGESTS: usize = 50_000;

/// Bytes between two calls of `progress`.
const STEP: u64 = 1 << 20;

/// How far a sample is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of all files that were read.
    pub bytes: u64,
    /// Bytes of all files.
    pub total: u64,
    /// Digests so far.
    pub digests: usize,
}

/// A statement of a sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampledStatement {
    /// The file, by its place in [`Sample::files`].
    pub file: usize,
    /// The place in the file.
    pub place: Place,
    /// When it ran.
    pub time: Option<Timestamp>,
    /// The default database.
    pub database: Option<Arc<str>>,
    /// The digest, by its place in [`Sample::digests`].
    pub digest: usize,
    /// The statement, in the encoding of its connection.
    pub statement: Vec<u8>,
    /// How long it took.
    pub duration: Option<Duration>,
}

/// Figures about all statements of a digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestStats {
    /// The normalised statement.
    pub form: String,
    /// A number that stands for the form, the same in each process.
    pub fingerprint: u64,
    /// Executions.
    pub count: u64,
    /// Time of all of them, as far as the log has it.
    pub total: Duration,
    /// The longest time; zero where the log has none.
    pub longest: Duration,
    /// The shortest time; zero where the log has none.
    pub shortest: Duration,
}

/// Digests that were too rare to be held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rare {
    /// Their number; one that came back is counted again.
    pub digests: u64,
    /// Their executions.
    pub count: u64,
    /// Their time.
    pub total: Duration,
}

/// Statements of logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The files, in the order in which they were given.
    pub files: Vec<PathBuf>,
    /// Statements in the order of the logs.
    pub statements: Vec<SampledStatement>,
    /// All digests, by the time they took, then by their number.
    pub digests: Vec<DigestStats>,
    /// Digests of which no statement is in the sample and that `digests` lacks.
    pub rare: Rare,
    /// Statements that were read, also those that the options left out.
    pub entries: u64,
    /// What is not in the sample, by the reason.
    pub left_out: LeftOut,
    /// What was noticed, with the file.
    pub warnings: Vec<(usize, Warning)>,
}

/// Takes a sample of logs.
///
/// # Errors
///
/// One cannot be read, or is no log.
pub fn sample(
    inputs: impl IntoIterator<Item = impl Into<Input>>,
    options: &SampleOptions,
    mut progress: impl FnMut(Progress),
) -> Result<Sample, LogError> {
    let inputs: Vec<Input> = inputs.into_iter().map(Into::into).collect();
    let lengths = inputs.iter().map(Input::length);
    let total: u64 = lengths.sum::<Result<_, LogError>>()?;
    let mut sampler = Sampler::new(options.clone());
    let mut before = 0;
    for input in inputs {
        let mut log = input.open()?;
        sampler.add(&mut log, |bytes, digests| {
            progress(Progress {
                bytes: before + bytes,
                total: total.max(before + bytes),
                digests,
            });
        })?;
        before += log.bytes_read();
    }
    Ok(sampler.finish())
}

/// Takes a sample of logs, one after the other.
#[derive(Debug)]
pub struct Sampler {
    options: SampleOptions,
    forms: FormReader,
    digests: HashMap<u64, Digest>,
    most_digests: usize,
    budget: Budget,
    rare: Rare,
    files: Vec<PathBuf>,
    /// Names of databases, each once.
    databases: HashMap<String, Arc<str>>,
    entries: u64,
    left_out: LeftOut,
    warnings: Vec<(usize, Warning)>,
}

impl Sampler {
    /// An empty sample.
    pub fn new(options: SampleOptions) -> Self {
        Sampler {
            options,
            forms: FormReader::default(),
            digests: HashMap::new(),
            most_digests: MOST_DIGESTS,
            budget: Budget::default(),
            rare: Rare::default(),
            files: Vec::new(),
            databases: HashMap::new(),
            entries: 0,
            left_out: LeftOut::default(),
            warnings: Vec::new(),
        }
    }

    /// Reads a log to its end. Calls `progress` with the bytes that were read of it and
    /// the number of digests so far.
    ///
    /// # Errors
    ///
    /// The log cannot be read further.
    pub fn add(
        &mut self,
        log: &mut Log,
        mut progress: impl FnMut(u64, usize),
    ) -> Result<(), LogError> {
        let file = self.files.len();
        self.files.push(log.path().to_owned());
        let mut seen = 0;
        while let Some(entry) = log.next_entry()? {
            self.take(file, &entry);
            let bytes = log.bytes_read();
            if bytes >= seen + STEP {
                seen = bytes;
                progress(bytes, self.digests.len());
            }
        }
        progress(log.bytes_read(), self.digests.len());
        self.left_out.add(log.left_out());
        let warnings = log.warnings().iter().cloned();
        self.warnings
            .extend(warnings.map(|warning| (file, warning)));
        Ok(())
    }

    fn take(&mut self, file: usize, entry: &Entry<'_>) {
        self.entries += 1;
        if !self.options.takes(entry) {
            self.left_out.filtered += entry.count;
            return;
        }
        let fingerprint = self.forms.fingerprint(&entry.statement);
        if !self.digests.contains_key(&fingerprint) {
            self.add_digest(fingerprint, &entry.statement);
        }
        let Some(digest) = self.digests.get_mut(&fingerprint) else {
            return;
        };
        if !digest.is_wanted {
            self.left_out.filtered += entry.count;
            return;
        }
        digest.count(entry);
        if entry.is_form {
            return;
        }
        let candidate = Candidate {
            file,
            ordinal: self.entries,
            entry,
            databases: &mut self.databases,
        };
        let is_refused = digest.offer(fingerprint, candidate, &self.options, &mut self.budget);
        self.left_out.over_budget += u64::from(is_refused);
    }

    fn add_digest(&mut self, fingerprint: u64, statement: &[u8]) {
        if self.digests.len() >= self.most_digests {
            self.drop_rarest();
        }
        let form = String::from_utf8_lossy(self.forms.form(statement)).into_owned();
        let is_wanted = self.options.takes_form(&form);
        self.digests
            .insert(fingerprint, Digest::new(form, is_wanted));
    }

    /// Counts the rarest quarter of all digests together.
    fn drop_rarest(&mut self) {
        let weights = self.digests.iter();
        let mut weights: Vec<_> = weights
            .map(|(fingerprint, digest)| (digest.total, digest.count, *fingerprint))
            .collect();
        weights.sort_unstable();
        for (total, count, fingerprint) in &weights[..weights.len().div_ceil(4)] {
            let Some(digest) = self.digests.remove(fingerprint) else {
                continue;
            };
            if digest.is_wanted {
                self.rare.digests += 1;
                self.rare.count += count;
                self.rare.total += *total;
            }
            digest.release(&mut self.budget);
        }
    }

    /// The sample of all that was added.
    pub fn finish(self) -> Sample {
        let mut all: Vec<_> = self.digests.into_iter().collect();
        all.retain(|(_, digest)| digest.is_wanted);
        all.sort_unstable_by(|(a, one), (b, other)| {
            let weight = |digest: &Digest| (digest.total, digest.count);
            weight(other).cmp(&weight(one)).then(a.cmp(b))
        });
        let mut statements = Vec::new();
        let mut digests = Vec::with_capacity(all.len());
        for (number, (fingerprint, digest)) in all.into_iter().enumerate() {
            digests.push(digest.stats(fingerprint));
            for kept in digest.chosen(self.options.per_digest) {
                statements.push((kept.ordinal, kept.sampled(number)));
            }
        }
        statements.sort_unstable_by_key(|(ordinal, own)| (own.file, own.place, *ordinal));
        Sample {
            files: self.files,
            statements: statements.into_iter().map(|(_, own)| own).collect(),
            digests,
            rare: self.rare,
            entries: self.entries,
            left_out: self.left_out,
            warnings: self.warnings,
        }
    }
}

#[cfg(test)]
mod tests;

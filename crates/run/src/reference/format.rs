//! The lines of a reference.

use std::fmt;
use std::marker::PhantomData;

use dbmatrix_flavours::matrix::{LogSpec, Writes};
use dbmatrix_report::event::{CaseResult, SampledDigest, SampledLogs, ServerFacts};
use dbmatrix_sql::version::{Family, Version};
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::input::Identity;
use crate::comparison::StepOutcome;

/// The version of the format. Increased when a file would be read differently; additions do
/// not increase it.
pub(super) const FORMAT: u64 = 2;

/// The version of one that has a single input, as the first program wrote it.
pub(super) const FORMAT_OF_ONE: u64 = 1;

/// Logs of a reference.
pub(super) const MOST_LOGS: usize = 10_000;

/// Bytes of the longest line. A statement that is longer than most servers take by default
/// (`max_allowed_packet` of 64 MiB) is not recorded.
pub(super) const LONGEST_LINE: usize = 64 << 20;

/// Flavours of a reference.
pub(super) const MOST_FLAVOURS: usize = 1000;

/// Bytes of a file's text in one line.
pub(super) const PIECE: usize = 64 << 10;

/// The first bytes of a zstd frame (RFC 8878).
pub(super) const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// A line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Line {
    Reference(Box<Header>),
    Digest(SampledDigest),
    Statement(Statement),
    /// In the text form of [`dbmatrix_sql::sql_text`].
    Text(String),
    Answer(Answer),
    End(End),
}

/// The first line as any version writes it.
#[derive(Debug, Deserialize)]
pub(super) struct AnyHeader {
    pub(super) reference: AnyFormat,
}

/// Its number alone.
#[derive(Debug, Deserialize)]
pub(super) struct AnyFormat {
    pub(super) format: u64,
}

/// What a reference is about.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Header {
    /// [`FORMAT`], or [`FORMAT_OF_ONE`].
    pub(super) format: u64,
    /// The program that recorded it, such as `dbmatrix 0.1.0`.
    pub(super) program: String,
    /// When it began, in UTC, such as `2026-11-28T09:30:00Z`.
    pub(super) recorded: String,
    /// The input's name for the user.
    pub(super) title: String,
    /// What tells the input from others, of several logs all one after the other; a pipe has
    /// nothing that does.
    pub(super) identity: Option<Identity>,
    pub(super) content: Content,
}

impl Header {
    /// The number of recorded files.
    pub(super) fn inputs(&self) -> usize {
        match &self.content {
            Content::Log(log) => log.facts.files.len(),
            Content::Sql | Content::Slt => 1,
        }
    }
}

/// What was recorded.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Content {
    /// Examples from a log.
    Log(Box<RecordedLog>),
    /// A file of statements.
    Sql,
    /// A file of records.
    Slt,
}

/// A log: its figures, whose digests are lines of their own, and how it was sampled.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RecordedLog {
    pub(super) facts: SampledLogs,
    pub(super) sampling: Sampling,
}

/// The options by which examples were taken of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Sampling {
    per_digest: usize,
    since: Option<String>,
    until: Option<String>,
    database: Option<String>,
    user: Option<String>,
    only: Vec<String>,
    skip: Vec<String>,
    seed: u64,
    /// A word of [`Writes::WORDS`].
    writes: String,
}

impl Sampling {
    pub(super) fn of(log: &LogSpec) -> Self {
        let LogSpec { sample, writes } = log;
        let texts = |patterns: &[dbmatrix_workload::Pattern]| {
            let texts = patterns.iter().map(ToString::to_string);
            texts.collect::<Vec<_>>()
        };
        Sampling {
            per_digest: sample.per_digest,
            since: sample.since.map(|time| time.to_string()),
            until: sample.until.map(|time| time.to_string()),
            database: sample.database.clone(),
            user: sample.user.clone(),
            only: texts(&sample.only),
            skip: texts(&sample.skip),
            seed: sample.seed,
            writes: writes.as_str().to_owned(),
        }
    }

    /// What becomes of statements that write; `None` for an unknown word.
    pub(super) fn writes(&self) -> Option<Writes> {
        Writes::find(&self.writes)
    }
}

/// An example of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Statement {
    /// The log, by its place among the recorded ones.
    #[serde(default, skip_serializing_if = "is_first")]
    pub(crate) log: usize,
    /// Its line in the log, or the number of its packet.
    pub(crate) line: usize,
    /// Its database; `None` is that of the case.
    pub(crate) database: Option<String>,
    /// In the text form of [`dbmatrix_sql::sql_text`].
    pub(crate) sql: String,
}

/// The answers to a step.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Answer {
    /// The log of the step, by its place among the recorded ones.
    #[serde(default, skip_serializing_if = "is_first")]
    pub(super) log: usize,
    /// Its line in the input.
    pub(super) line: usize,
    /// The statement, perhaps shortened.
    pub(super) statement: String,
    /// By flavour, in the order of [`End::flavours`]; `None` where it was skipped.
    #[serde(deserialize_with = "read_some")]
    pub(super) came: Vec<Option<StepOutcome>>,
}

/// The last line.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct End {
    /// Lines of answers.
    pub(super) answers: usize,
    /// `None` for a flavour that was not available.
    #[serde(deserialize_with = "read_some")]
    pub(super) flavours: Vec<Option<Flavour>>,
}

/// A recorded flavour.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Flavour {
    pub(super) name: String,
    pub(super) family: Family,
    pub(super) version: Version,
    /// What the server says of itself; nothing of where it is.
    pub(super) server: ServerFacts,
    pub(super) result: CaseResult,
    /// How the cases of further logs ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) further: Vec<CaseResult>,
}

fn is_first(place: &usize) -> bool {
    *place == 0
}

/// Reads a list with an item for each flavour. A longer one is refused before it takes more
/// memory than its text.
fn read_some<'de, D, T>(from: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct Items<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Items<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "at most {MOST_FLAVOURS} flavours")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
            let mut read = Vec::new();
            while let Some(item) = items.next_element()? {
                if read.len() == MOST_FLAVOURS {
                    return Err(A::Error::invalid_length(read.len() + 1, &self));
                }
                read.push(item);
            }
            Ok(read)
        }
    }

    from.deserialize_seq(Items(PhantomData))
}

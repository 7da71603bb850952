//! The sample of a suite's logs, as the steps of its cases.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dbmatrix_flavours::matrix::Writes;
use dbmatrix_report::event::{SampledDigest, SampledLogs};
use dbmatrix_sql::effect::Effect;
use dbmatrix_sql::suite::{Action, Conditions, Step};
use dbmatrix_workload::{DigestStats, Place, Sample, SampledStatement};

/// Digests that reports know; the rarest of more are missing there.
const MOST_DIGESTS: usize = 10_000;
/// First words of statements that a message names.
const MOST_WORDS: usize = 12;

/// What runs of a suite's logs.
#[derive(Debug)]
pub struct Workload {
    /// By file.
    steps: HashMap<PathBuf, Arc<[Step]>>,
    facts: SampledLogs,
    warnings: Vec<String>,
}

impl Workload {
    /// The steps of a sample.
    pub fn new(suite: &str, sample: Sample, writes: Writes) -> Self {
        let mut left_out = LeftOut::default();
        let mut examples = vec![0; sample.digests.len()];
        let mut steps: Vec<Vec<Step>> = vec![Vec::new(); sample.files.len()];
        let mut databases: Vec<Option<Arc<str>>> = vec![None; sample.files.len()];
        for statement in &sample.statements {
            let Some(action) = action_of(statement, writes, &mut left_out) else {
                continue;
            };
            let (steps, current) = (
                &mut steps[statement.file],
                &mut databases[statement.file],
            );
            if *current != statement.database {
                current.clone_from(&statement.database);
                let database = statement.database.as_deref().map(str::to_owned);
                steps.push(step(statement, Action::Use { database }));
            }
            steps.push(step(statement, action));
            examples[statement.digest] += 1;
        }
        let files = sample.files.iter().cloned();
        Workload {
            steps: files.zip(steps.into_iter().map(Arc::from)).collect(),
            warnings: warnings_of(&sample),
            facts: facts_of(suite, &sample, &examples, &left_out, writes),
        }
    }

    /// What reports say about the logs.
    pub fn facts(&self) -> &SampledLogs {
        &self.facts
    }

    /// What was noticed while the logs were read.
    pub(super) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The steps of one of the logs.
    pub(super) fn steps(&self, file: &Path) -> Arc<[Step]> {
        self.steps.get(file).cloned().unwrap_or_default()
    }
}

/// Digests none of whose examples run, by the reason.
#[derive(Default)]
struct LeftOut {
    /// First words of statements that write, with their digests.
    writing: BTreeMap<String, BTreeSet<usize>>,
    transactions: BTreeSet<usize>,
}

fn action_of(
    statement: &SampledStatement,
    writes: Writes,
    left_out: &mut LeftOut,
) -> Option<Action> {
    let sql = statement.statement.clone().into();
    let word = match (Effect::of(&statement.statement), writes) {
        (Effect::Reads, _) => return Some(Action::Record { sql }),
        (Effect::Undoable, Writes::Rollback) => return Some(Action::RollBack { sql }),
        (Effect::Undoable | Effect::Permanent(_), Writes::Apply) => {
            return Some(Action::Record { sql });
        }
        (Effect::Transaction, _) => {
            left_out.transactions.insert(statement.digest);
            return None;
        }
        (Effect::Undoable, Writes::Skip) => first_word(&statement.statement),
        (Effect::Permanent(word) | Effect::Ends(word), _) => word,
    };
    let digests = left_out.writing.entry(word).or_default();
    digests.insert(statement.digest);
    None
}

fn first_word(statement: &[u8]) -> String {
    let form = dbmatrix_sql::suite::statement_form(&String::from_utf8_lossy(statement));
    let mut words = form.split([' ', '(']).filter(|word| !word.is_empty());
    words.next().unwrap_or_default().to_ascii_uppercase()
}

fn step(statement: &SampledStatement, action: Action) -> Step {
    let (Place::Line(number) | Place::Packet(number)) = statement.place;
    Step {
        line: usize::try_from(number).unwrap_or(usize::MAX),
        within: None,
        conditions: Conditions::default(),
        connection: None,
        action,
        substitutes: false,
        retry: None,
    }
}

fn warnings_of(sample: &Sample) -> Vec<String> {
    let all = sample.warnings.iter();
    let place = |(file, warning): &(usize, dbmatrix_workload::Warning)| {
        let file = sample.files[*file].display();
        format!("{file}:{}: {}", warning.place, warning.message)
    };
    all.map(place).collect()
}

fn facts_of(
    suite: &str,
    sample: &Sample,
    examples: &[usize],
    left_out: &LeftOut,
    writes: Writes,
) -> SampledLogs {
    let all = sample.digests.iter();
    let digests = all.clone().zip(examples).take(MOST_DIGESTS);
    let count = |digest: &DigestStats| digest.count;
    let time = |digest: &DigestStats| digest.total;
    SampledLogs {
        suite: suite.to_owned(),
        files: sample.files.iter().map(|path| path.display().to_string()).collect(),
        statements: all.clone().map(count).sum::<u64>() + sample.rare.count,
        time: all.map(time).sum::<std::time::Duration>() + sample.rare.total,
        examples: examples.iter().sum(),
        left_out: reasons(sample, examples, left_out, writes),
        digests: digests
            .map(|(digest, &examples)| SampledDigest {
                form: digest.form.clone(),
                statements: digest.count,
                time: digest.total,
                examples,
            })
            .collect(),
    }
}

/// Why statements of the logs do not run, with their number.
fn reasons(
    sample: &Sample,
    examples: &[usize],
    left_out: &LeftOut,
    writes: Writes,
) -> Vec<(u64, String)> {
    let count = |digests: &BTreeSet<usize>| -> u64 {
        let none_runs = digests.iter().filter(|digest| examples[**digest] == 0);
        none_runs.map(|digest| sample.digests[*digest].count).sum()
    };
    let mut reasons = Vec::new();
    let writing: u64 = left_out.writing.values().map(count).sum();
    if writing > 0 {
        let mut words: Vec<&str> = left_out.writing.keys().map(String::as_str).collect();
        if words.len() > MOST_WORDS {
            words.truncate(MOST_WORDS);
            words.push("…");
        }
        let words = words.join(", ");
        reasons.push((
            writing,
            match writes {
                Writes::Skip => format!(
                    "statements that are not known to read ({words}); `writes = \"rollback\"` runs what a transaction undoes, `writes = \"apply\"` all"
                ),
                Writes::Rollback => format!(
                    "statements that commit by themselves or that no transaction undoes ({words})"
                ),
                Writes::Apply => format!("statements that end sessions or the server ({words})"),
            },
        ));
    }
    let transactions = count(&left_out.transactions);
    if transactions > 0 {
        let why = "statements that begin or end transactions: each example runs by itself";
        reasons.push((transactions, why.to_owned()));
    }
    if sample.rare.count > 0 {
        let why = format!("statements of {} rare digests", sample.rare.digests);
        reasons.push((sample.rare.count, why));
    }
    let described = sample.left_out.described().into_iter();
    reasons.extend(described.map(|(number, why)| (number, why.to_owned())));
    reasons
}

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
            let (steps, current) = (&mut steps[statement.file], &mut databases[statement.file]);
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

    /// Why none of the logs' statements runs; `None` if one does.
    pub(super) fn vacancy(&self) -> Option<String> {
        if self.facts.examples > 0 {
            return None;
        }
        let mut why = format!("no statement of {} runs", self.facts.files.join(", "));
        for (number, reason) in &self.facts.left_out {
            why.push_str(&format!("\n    {number} left out: {reason}"));
        }
        Some(why)
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
        (Effect::Undoable(_), Writes::Rollback) => return Some(Action::RollBack { sql }),
        (Effect::Undoable(_) | Effect::Permanent(_), Writes::Apply) => {
            return Some(Action::Record { sql });
        }
        (Effect::Transaction, _) => {
            left_out.transactions.insert(statement.digest);
            return None;
        }
        (Effect::Undoable(word) | Effect::Permanent(word) | Effect::Ends(word), _) => word,
    };
    let digests = left_out.writing.entry(word).or_default();
    digests.insert(statement.digest);
    None
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
        files: sample
            .files
            .iter()
            .map(|path| path.display().to_string())
            .collect(),
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
        let words = left_out.writing.keys().map(String::as_str);
        reasons.push((writing, why_not_run(words, writes)));
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

/// Why statements with these first words do not run.
pub(super) fn why_not_run<'a>(words: impl Iterator<Item = &'a str>, writes: Writes) -> String {
    let mut words: Vec<&str> = words.collect();
    if words.len() > MOST_WORDS {
        words.truncate(MOST_WORDS);
        words.push("…");
    }
    let words = words.join(", ");
    match writes {
        Writes::Skip => format!(
            "statements that are not known to read ({words}); `writes = \"rollback\"` runs what a transaction undoes, `writes = \"apply\"` all"
        ),
        Writes::Rollback => {
            format!("statements that commit by themselves or that no transaction undoes ({words})")
        }
        Writes::Apply => format!("statements that end sessions or the server ({words})"),
    }
}

#[cfg(test)]
mod tests {
    use dbmatrix_workload::{SampleOptions, sample};

    use super::*;

    const LOG: &str = "\
# Time: 2026-11-27T20:00:00.000000Z
# User@Host: shop[shop] @ web-1 [192.0.2.7]  Id: 40
# Query_time: 0.500000  Lock_time: 0.000001 Rows_sent: 1  Rows_examined: 1
use shop;
SET timestamp=1795809600;
SELECT a FROM t WHERE b = 1;
# User@Host: shop[shop] @ web-1 [192.0.2.7]  Id: 40
# Query_time: 0.250000  Lock_time: 0.000001 Rows_sent: 0  Rows_examined: 1
SET timestamp=1795809601;
UPDATE t SET a = 2;
# User@Host: shop[shop] @ web-1 [192.0.2.7]  Id: 41
# Query_time: 0.250000  Lock_time: 0.000001 Rows_sent: 0  Rows_examined: 1
use crm;
SET timestamp=1795809602;
CREATE TABLE c (d INT);
# User@Host: shop[shop] @ web-1 [192.0.2.7]  Id: 41
# Query_time: 0.000001  Lock_time: 0.000001 Rows_sent: 0  Rows_examined: 1
SET timestamp=1795809603;
COMMIT;
# User@Host: shop[shop] @ web-1 [192.0.2.7]  Id: 41
# Query_time: 0.000001  Lock_time: 0.000001 Rows_sent: 0  Rows_examined: 1
SET timestamp=1795809603;
SHUTDOWN;
";

    fn workload(writes: Writes) -> (Vec<String>, SampledLogs) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("slow.log");
        std::fs::write(&path, LOG).expect("a file");
        let options = SampleOptions::default();
        let sample = sample(std::slice::from_ref(&path), &options, |_| {}).expect("a log");
        let workload = Workload::new("s", sample, writes);
        let steps = workload.steps(&path);
        let shown = steps.iter().map(|step| match &step.action {
            Action::Use { database } => format!("use {}", database.as_deref().unwrap_or("-")),
            Action::RollBack { sql } => format!("roll back {}", sql.text()),
            action => action.shown().into_owned(),
        });
        (shown.collect(), workload.facts().clone())
    }

    #[test]
    fn only_statements_that_read_run_unless_more_is_asked_for() {
        let (steps, facts) = workload(Writes::Skip);
        assert_eq!(steps, ["use shop", "SELECT a FROM t WHERE b = 1"]);
        let left_out: Vec<String> = facts
            .left_out
            .iter()
            .map(|(number, why)| format!("{number} {why}"))
            .collect();
        insta::assert_snapshot!(left_out.join("\n"), @r#"
        3 statements that are not known to read (CREATE, SHUTDOWN, UPDATE); `writes = "rollback"` runs what a transaction undoes, `writes = "apply"` all
        1 statements that begin or end transactions: each example runs by itself
        "#);
        let (steps, _) = workload(Writes::Rollback);
        assert_eq!(steps[2..], ["roll back UPDATE t SET a = 2"]);
        let (steps, facts) = workload(Writes::Apply);
        assert_eq!(
            steps[2..],
            ["UPDATE t SET a = 2", "use crm", "CREATE TABLE c (d INT)"]
        );
        assert_eq!((facts.statements, facts.examples), (5, 3));
    }

    #[test]
    fn a_digest_has_its_share_of_the_log() {
        let (_, facts) = workload(Writes::Skip);
        let first = &facts.digests[0];
        assert_eq!(first.form, "SELECT a FROM t WHERE b = ?");
        assert_eq!((first.statements, first.examples), (1, 1));
        assert_eq!(first.time.as_millis(), 500);
    }
}

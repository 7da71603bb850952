//! The sample of a suite's logs, as the steps of its cases.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dbmatrix_flavours::matrix::Writes;
use dbmatrix_report::event::{SampledDigest, SampledLogs};
use dbmatrix_sql::effect::Effect;
use dbmatrix_sql::sql_text::{Sql, unescape_bytes};
use dbmatrix_sql::suite::{Action, Step};
use dbmatrix_workload::{DigestStats, Place, Sample, SampledStatement};

use super::reference::Reference;

/// Digests that reports know; the rarest of more are missing there.
pub(super) const MOST_DIGESTS: usize = 10_000;
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
        let mut steps: Vec<Steps> = vec![Steps::default(); sample.files.len()];
        for statement in &sample.statements {
            match action_of(&statement.statement, writes) {
                Ok(action) => {
                    let database = statement.database.as_deref();
                    steps[statement.file].push(line_of(statement), database, action);
                    examples[statement.digest] += 1;
                }
                Err(effect) => left_out.add(effect, statement.digest),
            }
        }
        let files = sample.files.iter().cloned();
        Workload {
            steps: files.zip(steps.into_iter().map(Steps::finish)).collect(),
            warnings: warnings_of(&sample),
            facts: facts_of(suite, &sample, &examples, &left_out, writes),
        }
    }

    /// What ran of recorded logs, as if they were sampled from `files`; `None` if a file of
    /// statements was recorded. An error is the line of a statement that the reference's
    /// own rules for logs do not let run.
    pub(super) fn recorded(
        suite: &str,
        files: &[PathBuf],
        reference: &Reference,
    ) -> Result<Option<Self>, usize> {
        let (Some((facts, statements)), Some(writes)) = (reference.log(), reference.writes())
        else {
            return Ok(None);
        };
        let mut steps = vec![Steps::default(); files.len()];
        for statement in statements {
            let sql = unescape_bytes(&statement.sql);
            let action = action_of(&sql, writes).map_err(|_| statement.line)?;
            let steps = steps.get_mut(statement.log).ok_or(statement.line)?;
            steps.push(statement.line, statement.database.as_deref(), action);
        }
        let files = files.iter().cloned();
        Ok(Some(Workload {
            steps: files.zip(steps.into_iter().map(Steps::finish)).collect(),
            warnings: Vec::new(),
            facts: SampledLogs {
                suite: suite.to_owned(),
                examples: statements.len(),
                ..facts.clone()
            },
        }))
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

    /// The examples of one of the logs, each with its line and database.
    pub(super) fn statements(
        &self,
        file: &Path,
    ) -> impl Iterator<Item = (usize, Option<&str>, &Sql)> {
        let steps = self.steps.get(file).map_or(&[][..], |steps| &**steps);
        let mut current = None;
        steps.iter().filter_map(move |step| {
            if let Action::Use { database } = &step.action {
                current = database.as_deref();
            }
            let sql = step.action.sql()?;
            Some((step.line, current, sql))
        })
    }
}

/// The steps of one log so far.
#[derive(Debug, Clone, Default)]
struct Steps {
    steps: Vec<Step>,
    /// The database of the last one.
    database: Option<String>,
}

impl Steps {
    fn push(&mut self, line: usize, database: Option<&str>, action: Action) {
        if self.database.as_deref() != database {
            self.database = database.map(str::to_owned);
            let database = self.database.clone();
            self.steps.push(Step::new(line, Action::Use { database }));
        }
        self.steps.push(Step::new(line, action));
    }

    fn finish(self) -> Arc<[Step]> {
        Arc::from(self.steps)
    }
}

/// Digests none of whose examples run, by the reason.
#[derive(Default)]
struct LeftOut {
    /// First words of statements that write, with their digests.
    writing: BTreeMap<String, BTreeSet<usize>>,
    transactions: BTreeSet<usize>,
}

impl LeftOut {
    fn add(&mut self, effect: Effect, digest: usize) {
        let digests = match effect {
            Effect::Reads | Effect::Transaction => &mut self.transactions,
            Effect::Undoable(word) | Effect::Permanent(word) | Effect::Ends(word) => {
                self.writing.entry(word).or_default()
            }
        };
        digests.insert(digest);
    }
}

/// How a statement runs; its effect if it does not.
fn action_of(statement: &[u8], writes: Writes) -> Result<Action, Effect> {
    let sql = || Sql::from(statement.to_vec());
    match (Effect::of(statement), writes) {
        (Effect::Reads, _) => Ok(Action::Record { sql: sql() }),
        (Effect::Undoable(_), Writes::Rollback) => Ok(Action::RollBack { sql: sql() }),
        (Effect::Undoable(_) | Effect::Permanent(_), Writes::Apply) => {
            Ok(Action::Record { sql: sql() })
        }
        (effect, _) => Err(effect),
    }
}

/// The line of a statement, or the number of its packet.
fn line_of(statement: &SampledStatement) -> usize {
    let (Place::Line(number) | Place::Packet(number)) = statement.place;
    usize::try_from(number).unwrap_or(usize::MAX)
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
        let why = format!(
            "statements of {} rare digests, whose examples are not kept: of more than 50,000 digests \
             those that took the least time count together",
            sample.rare.digests
        );
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
        let sample = sample([&path], &options, |_| {}).expect("a log");
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

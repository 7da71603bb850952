//! Differences between the answers to a log's statements, by class: statements of one
//! digest that differ in the same kinds.

use std::collections::{BTreeSet, HashMap};

use dbmatrix_sql::compare::{Kind, Kinds, times_as_slow};
use dbmatrix_sql::suite::statement_form;

use super::divergence::{body, titles};
use super::measured;
use super::record::RunRecord;
use super::text::{Colour, count, one_line, thousands, visible};
use crate::event::{DifferenceStatus, Divergence, MissingObject, SampledDigest, SampledLogs};

/// Columns of a digest.
const WIDEST: usize = 200;
/// Classes that are shown; the others are counted.
const MOST: usize = 100;
/// Logs beside the first that are named.
const FEW_LOGS: usize = 2;

/// Statements of one digest that differ in the same kinds.
pub(super) struct Class<'a> {
    pub(super) form: String,
    pub(super) kinds: Kinds,
    /// Whether each has a known reason.
    pub(super) is_known: bool,
    /// Whether each is expected or insignificant.
    pub(super) is_shown: bool,
    /// How many differ.
    pub(super) differing: usize,
    /// The shortest of them.
    pub(super) example: &'a Divergence,
    /// The databases in which they ran.
    pub(super) databases: BTreeSet<&'a str>,
    /// How many times as slow the one is whose time differs most, if times do.
    pub(super) slowdown: Option<f64>,
    logs: &'a SampledLogs,
    /// `None` for a digest that was too rare to be counted by itself.
    digest: Option<&'a SampledDigest>,
}

/// The classes of a run's logs that are significant or known: by kinds, the severest first,
/// and by the time that their statements take in the log.
pub(super) fn classes(run: &RunRecord) -> Vec<Class<'_>> {
    let mut classes = all_classes(run);
    classes.retain(|class| !class.is_shown);
    classes
}

/// The same with expected and insignificant ones, which are last.
pub(super) fn all_classes(run: &RunRecord) -> Vec<Class<'_>> {
    let mut found: HashMap<(&str, Kinds, String, bool, bool), Class<'_>> = HashMap::new();
    for difference in &run.divergences {
        let Some(logs) = run.sampled.get(&difference.suite) else {
            continue;
        };
        let is_shown = difference.standing == DifferenceStatus::Shown;
        let is_known = matches!(difference.standing, DifferenceStatus::Known(_));
        let kinds: Kinds = difference.kinds.iter().copied().collect();
        let form = statement_form(&difference.statement);
        let suite = logs.suite.as_str();
        let key = (suite, kinds, form.clone(), is_known, is_shown);
        let class = found.entry(key).or_insert_with(|| Class {
            digest: logs.digests.iter().find(|digest| digest.form == form),
            form,
            kinds,
            is_known,
            is_shown,
            differing: 0,
            example: difference,
            databases: BTreeSet::new(),
            slowdown: None,
            logs,
        });
        class.differing += 1;
        class.databases.extend(difference.database.as_deref());
        class.note_slowdown(difference);
        if difference.statement.len() < class.example.statement.len() {
            class.example = difference;
        }
    }
    let mut classes: Vec<Class<'_>> = found.into_values().collect();
    classes.sort_by(|a, b| {
        let first = |class: &Class<'_>| class.kinds.iter().next();
        (a.is_shown, a.is_known, first(a))
            .cmp(&(b.is_shown, b.is_known, first(b)))
            .then_with(|| b.weight().total_cmp(&a.weight()))
            .then_with(|| b.statements().cmp(&a.statements()))
            .then_with(|| a.form.cmp(&b.form))
    });
    classes
}

impl<'a> Class<'a> {
    /// Such as `rows: 3 of 5 examples; 1,203 of 9,500 statements, 12.4 % of the log's time`.
    pub(super) fn title(&self) -> String {
        let kinds: Vec<_> = self.kinds.iter().collect();
        let mut title = titles(&kinds);
        let Some(digest) = self.digest else {
            return format!("{title}: {}", count(self.differing, "example"));
        };
        title.push_str(&format!(
            ": {} of {}; {} of {} statements",
            thousands(self.differing),
            count(digest.examples, "example"),
            thousands(digest.statements as usize),
            thousands(self.logs.statements as usize),
        ));
        if let Some(share) = self.share_of_time() {
            title.push_str(&format!(", {:.1} % of the log's time", 100.0 * share));
        }
        if let Some(slowdown) = self.slowdown {
            title.push_str(&format!("; {}", times_as_slow(slowdown)));
        }
        title
    }

    /// How many statements of the log have this digest, if they are counted.
    pub(super) fn statements(&self) -> Option<u64> {
        self.digest.map(|digest| digest.statements)
    }

    /// Flavours whose answers are not those of the first group.
    pub(super) fn differing_flavours(&self) -> impl Iterator<Item = &'a str> {
        let groups = self.example.groups.get(1..).unwrap_or_default();
        let names = groups.iter().flat_map(|group| &group.flavours);
        names.map(String::as_str)
    }

    /// The seconds that matter: those of the log, or if only times differ those that are
    /// gained or lost.
    fn weight(&self) -> f64 {
        let seconds = self.digest.map_or(0.0, |digest| digest.time.as_secs_f64());
        match (self.kinds.iter().next(), self.slowdown) {
            (Some(Kind::Time), Some(slowdown)) => seconds * (slowdown - 1.0).abs(),
            _ => seconds,
        }
    }

    fn note_slowdown(&mut self, difference: &Divergence) {
        let times = difference.groups.iter().filter_map(|group| {
            let differs = group.kinds.contains(&Kind::Time);
            group.times.as_ref().filter(|_| differs)?.ratio
        });
        let all = times.map(|ratio| ratio.median).chain(self.slowdown);
        let far = |ratio: &f64| ratio.ln().abs();
        self.slowdown = all.max_by(|a, b| far(a).total_cmp(&far(b)));
    }

    /// The share of the log's time that statements of this digest take, from 0 to 1.
    pub(super) fn share_of_time(&self) -> Option<f64> {
        let (digest, all) = (self.digest?, self.logs.time.as_secs_f64());
        (all > 0.0).then(|| digest.time.as_secs_f64() / all)
    }
}

/// The classes for a terminal.
pub(super) fn show(
    run: &RunRecord,
    with_known: bool,
    name_of: impl Fn(&Divergence) -> String,
    colour: Colour,
) -> String {
    let classes = classes(run);
    let mut text = String::new();
    let shown = classes.iter().filter(|class| with_known || !class.is_known);
    for class in shown.clone().take(MOST) {
        let word = match class.is_known {
            true => colour.odd("KNOWN"),
            false => colour.bad("DIFF"),
        };
        text.push_str(&format!(
            "\n{word} {}\n    {}\n    {}:{}:\n{}",
            class.title(),
            one_line(&class.form, WIDEST),
            name_of(class.example),
            class.example.line,
            body(class.example, run)
        ));
    }
    if let more @ 1.. = shown.count().saturating_sub(MOST) {
        text.push_str(&format!(
            "\n… {more} more of such groups; `--report` writes each\n"
        ));
    }
    text
}

/// What the logs of a run have, what runs of it, and what does not.
pub(super) fn describe(run: &RunRecord) -> String {
    let mut text = String::new();
    for logs in run.sampled.values() {
        text.push_str(&format!(
            "\n{}: {} {} of {}; {} run\n",
            name_of_logs(logs),
            thousands(logs.statements as usize),
            noun(logs.statements as usize, "statement"),
            count(logs.digests.len(), "digest"),
            count(logs.examples, "example"),
        ));
        for (number, reason) in &logs.left_out {
            text.push_str(&format!(
                "  {} left out: {reason}\n",
                thousands(*number as usize)
            ));
        }
    }
    text.push_str(&describe_missing(run));
    text.push_str(&measured::describe(run));
    text
}

fn noun(number: usize, noun: &str) -> String {
    match number {
        1 => noun.to_owned(),
        _ => format!("{noun}s"),
    }
}

fn name_of_logs(logs: &SampledLogs) -> String {
    match logs.files.as_slice() {
        [first, more @ ..] if more.len() > FEW_LOGS => {
            format!("{first} and {}", count(more.len(), "more log"))
        }
        few => few.join(", "),
    }
}

/// The tables and databases that a log's statements need and servers do not have.
fn describe_missing(run: &RunRecord) -> String {
    let cases = run.cases.iter();
    let of_cases = cases.flat_map(|case| {
        let missing = case.result.missing.iter();
        missing.map(|missing| (case.flavour.as_str(), missing))
    });
    describe_missing_on(of_cases, run.servers.len())
}

/// Tables and databases that some of so many flavours do not have, each by the flavour.
pub(super) fn describe_missing_on<'a>(
    all: impl Iterator<Item = (&'a str, &'a MissingObject)>,
    number_of_flavours: usize,
) -> String {
    let mut by_name: HashMap<&str, (usize, Vec<&str>)> = HashMap::new();
    for (flavour, missing) in all {
        let (statements, flavours) = by_name.entry(&missing.name).or_default();
        *statements = missing.statements.max(*statements);
        if !flavours.contains(&flavour) {
            flavours.push(flavour);
        }
    }
    let mut all: Vec<_> = by_name.into_iter().collect();
    all.sort_by(|(a, (more, _)), (b, (fewer, _))| fewer.cmp(more).then(a.cmp(b)));
    if all.is_empty() {
        return String::new();
    }
    let mut text = String::new();
    for (name, (statements, flavours)) in &all {
        let on = match flavours.len() == number_of_flavours {
            true => "all flavours".to_owned(),
            false => flavours.join(", "),
        };
        text.push_str(&format!(
            "  missing on {on}: {} ({})\n",
            visible(name),
            count(*statements, "statement")
        ));
    }
    text.push_str("  a flavour's `setup` loads schema and data\n");
    text
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use dbmatrix_sql::compare::Kind;

    use super::*;
    use crate::event::{CaseResult, Event, Group, GroupTimes, ServerFacts, TimeRatio};

    fn differs(line: usize, statement: &str, kind: Kind) -> Event {
        let group = |flavour: &str, outcome: &str| Group {
            flavours: vec![flavour.to_owned()],
            outcome: outcome.to_owned(),
            kinds: Vec::new(),
            times: None,
        };
        Event::Diverged(Divergence {
            suite: "production".to_owned(),
            file: PathBuf::from("slow.log"),
            line,
            statement: statement.to_owned(),
            database: Some("shop".to_owned()),
            kinds: vec![kind],
            standing: DifferenceStatus::New,
            groups: vec![group("a", "1"), group("b", "2")],
        })
    }

    fn digest(form: &str, statements: u64, seconds: u64, examples: usize) -> SampledDigest {
        SampledDigest {
            form: form.to_owned(),
            statements,
            time: Duration::from_secs(seconds),
            examples,
        }
    }

    fn record(missing: Vec<MissingObject>) -> RunRecord {
        let mut record = RunRecord::default();
        let logs = SampledLogs {
            suite: "production".to_owned(),
            files: vec!["slow.log".to_owned()],
            statements: 12_000,
            time: Duration::from_secs(100),
            examples: 7,
            left_out: vec![(3, "administrator commands".to_owned())],
            digests: vec![
                digest("SELECT a FROM t WHERE b = ?", 9_000, 80, 5),
                digest("SELECT c FROM t", 1_500, 15, 1),
                digest("SELECT d FROM t", 1_500, 5, 1),
            ],
        };
        record.on_event(Event::Sampled(logs));
        for flavour in ["a", "b"] {
            record.on_event(Event::FlavourReady {
                flavour: flavour.to_owned(),
                server: ServerFacts::default(),
                address: String::new(),
                took: Duration::ZERO,
            });
        }
        record.on_event(Event::CaseFinished {
            flavour: "a".to_owned(),
            suite: "production".to_owned(),
            file: PathBuf::from("slow.log"),
            result: CaseResult {
                missing,
                ..CaseResult::default()
            },
        });
        record
    }

    #[test]
    fn the_severest_kinds_come_first_and_then_what_takes_most_time() {
        let mut record = record(Vec::new());
        for event in [
            differs(3, "SELECT d FROM t", Kind::Success),
            differs(5, "SELECT a FROM t WHERE b = 12", Kind::Rows),
            differs(9, "SELECT a FROM t WHERE b = 7", Kind::Rows),
            differs(12, "SELECT c FROM t", Kind::Rows),
            differs(20, "SELECT e FROM t", Kind::Rows),
        ] {
            record.on_event(event);
        }
        let found = classes(&record);
        let titles: Vec<String> = found
            .iter()
            .map(|class| format!("{} | {}:{}", class.form, class.example.line, class.title()))
            .collect();
        insta::assert_snapshot!(titles.join("\n"), @r"
        SELECT d FROM t | 3:succeeds here, fails there: 1 of 1 example; 1,500 of 12,000 statements, 5.0 % of the log's time
        SELECT a FROM t WHERE b = ? | 9:rows: 2 of 5 examples; 9,000 of 12,000 statements, 80.0 % of the log's time
        SELECT c FROM t | 12:rows: 1 of 1 example; 1,500 of 12,000 statements, 15.0 % of the log's time
        SELECT e FROM t | 20:rows: 1 example
        ");
    }

    /// A difference of times; `b` takes so many times as long.
    fn slower(line: usize, statement: &str, ratio: f64) -> Event {
        let times = |ratio| GroupTimes {
            runs: 7,
            median: Duration::from_millis(10),
            ratio,
        };
        let Event::Diverged(mut found) = differs(line, statement, Kind::Time) else {
            panic!("a difference");
        };
        found.groups[0].times = Some(times(None));
        found.groups[1].kinds = vec![Kind::Time];
        found.groups[1].times = Some(times(Some(TimeRatio {
            median: ratio,
            low: ratio,
            high: ratio,
        })));
        Event::Diverged(found)
    }

    #[test]
    fn times_are_sorted_by_what_is_gained_or_lost() {
        let mut record = record(Vec::new());
        for event in [
            slower(3, "SELECT a FROM t WHERE b = 1", 0.4),
            slower(4, "SELECT c FROM t", 4.25),
            slower(5, "SELECT a FROM t WHERE b = 2", 0.45),
            slower(6, "SELECT d FROM t", 2.5),
        ] {
            record.on_event(event);
        }
        let found = classes(&record);
        let titles: Vec<String> = found
            .iter()
            .map(|class| format!("{}: {}", class.form, class.title()))
            .collect();
        insta::assert_snapshot!(titles.join("\n"), @r"
        SELECT c FROM t: time: 1 of 1 example; 1,500 of 12,000 statements, 15.0 % of the log's time; 4.25 times as slow
        SELECT a FROM t WHERE b = ?: time: 2 of 5 examples; 9,000 of 12,000 statements, 80.0 % of the log's time; 2.50 times as fast
        SELECT d FROM t: time: 1 of 1 example; 1,500 of 12,000 statements, 5.0 % of the log's time; 2.50 times as slow
        ");
        assert_eq!(found[0].databases, BTreeSet::from(["shop"]));
    }

    #[test]
    fn what_is_missing_is_named_with_its_flavours() {
        let missing = |name: &str, statements| MissingObject {
            name: name.to_owned(),
            statements,
        };
        let mut record = record(vec![missing("shop.a", 2), missing("sh\u{1b}op", 5)]);
        record.on_event(Event::CaseFinished {
            flavour: "b".to_owned(),
            suite: "production".to_owned(),
            file: PathBuf::from("slow.log"),
            result: CaseResult {
                missing: vec![missing("shop.a", 2)],
                ..CaseResult::default()
            },
        });
        insta::assert_snapshot!(describe(&record).trim_start(), @r"
        slow.log: 12,000 statements of 3 digests; 7 examples run
          3 left out: administrator commands
          missing on a: sh\u{1b}op (5 statements)
          missing on all flavours: shop.a (2 statements)
          a flavour's `setup` loads schema and data
        ");
    }
}

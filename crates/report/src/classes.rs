//! Differences between the answers to a log's statements, by class: statements of one
//! digest that differ in the same kinds.

use std::collections::HashMap;

use dbmatrix_sql::compare::Kinds;
use dbmatrix_sql::suite::statement_form;

use super::divergence::{body, cited, titles};
use super::record::RunRecord;
use super::text::{Colour, count, one_line, thousands};
use crate::event::{DifferenceStatus, Divergence, SampledDigest, SampledLogs};

/// Columns of a digest.
const WIDEST: usize = 200;
/// Classes that are shown; the others are counted.
const MOST: usize = 100;

/// Statements of one digest that differ in the same kinds.
pub(super) struct Class<'a> {
    pub(super) form: String,
    kinds: Kinds,
    /// Whether each has a known reason.
    pub(super) is_known: bool,
    /// How many differ.
    pub(super) differing: usize,
    /// The shortest of them.
    pub(super) example: &'a Divergence,
    logs: &'a SampledLogs,
    /// `None` for a digest that was too rare to be counted by itself.
    digest: Option<&'a SampledDigest>,
}

/// The classes of a run's logs: by kinds, the severest first, and by the time that their
/// statements take in the log.
pub(super) fn classes(run: &RunRecord) -> Vec<Class<'_>> {
    let mut found: HashMap<(&str, Kinds, String, bool), Class<'_>> = HashMap::new();
    for difference in &run.divergences {
        let Some(logs) = run.sampled.get(&difference.suite) else {
            continue;
        };
        if difference.standing == DifferenceStatus::Shown {
            continue;
        }
        let is_known = difference.standing != DifferenceStatus::New;
        let kinds: Kinds = difference.kinds.iter().copied().collect();
        let form = statement_form(&difference.statement);
        let key = (logs.suite.as_str(), kinds, form.clone(), is_known);
        let class = found.entry(key).or_insert_with(|| Class {
            digest: logs.digests.iter().find(|digest| digest.form == form),
            form,
            kinds,
            is_known,
            differing: 0,
            example: difference,
            logs,
        });
        class.differing += 1;
        if difference.statement.len() < class.example.statement.len() {
            class.example = difference;
        }
    }
    let mut classes: Vec<Class<'_>> = found.into_values().collect();
    classes.sort_by(|a, b| {
        let weight = |class: &Class<'_>| {
            let digest = class.digest;
            digest.map_or((0, 0), |digest| (digest.time.as_nanos(), digest.statements))
        };
        let first = |class: &Class<'_>| class.kinds.iter().next();
        (a.is_known, first(a))
            .cmp(&(b.is_known, first(b)))
            .then_with(|| weight(b).cmp(&weight(a)))
            .then_with(|| a.form.cmp(&b.form))
    });
    classes
}

impl Class<'_> {
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
        title
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
        text.push_str(&format!("\n… {more} more of such groups; `--report` writes each\n"));
    }
    text
}

/// What the logs of a run have, what runs of it, and what does not.
pub(super) fn describe(run: &RunRecord) -> String {
    let mut text = String::new();
    for logs in run.sampled.values() {
        let digests = match logs.digests.len() {
            0 => String::new(),
            digests => format!(" of {}", count(digests, "digest")),
        };
        text.push_str(&format!(
            "\n{}: {}; {}{digests} run\n",
            name_of_logs(logs),
            count(logs.statements as usize, "statement"),
            count(logs.examples, "example"),
        ));
        for (number, reason) in &logs.left_out {
            text.push_str(&format!("  left out: {} {reason}\n", thousands(*number as usize)));
        }
    }
    text.push_str(&describe_missing(run));
    text
}

fn name_of_logs(logs: &SampledLogs) -> String {
    match logs.files.as_slice() {
        [only] => only.clone(),
        _ => format!("suite `{}`", logs.suite),
    }
}

/// The tables and databases that a log's statements need and servers do not have.
fn describe_missing(run: &RunRecord) -> String {
    let mut by_name: HashMap<&str, (usize, Vec<&str>)> = HashMap::new();
    for case in &run.cases {
        for missing in &case.result.missing {
            let (statements, flavours) = by_name.entry(&missing.name).or_default();
            *statements = missing.statements.max(*statements);
            if !flavours.contains(&case.flavour.as_str()) {
                flavours.push(&case.flavour);
            }
        }
    }
    let mut all: Vec<_> = by_name.into_iter().collect();
    all.sort_by(|(a, (more, _)), (b, (fewer, _))| fewer.cmp(more).then(a.cmp(b)));
    if all.is_empty() {
        return String::new();
    }
    let mut text = String::new();
    for (name, (statements, flavours)) in &all {
        let on = match flavours.len() == run.servers.len() {
            true => "all flavours".to_owned(),
            false => flavours.join(", "),
        };
        text.push_str(&format!(
            "  missing on {on}: {name} ({})\n",
            count(*statements, "statement")
        ));
    }
    text.push_str("  a flavour's `setup` loads schema and data\n");
    text
}

//! A run summed up: one table, then what was not as expected.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use similar::TextDiff;

use super::text::{first_line, indented};
use crate::event::{CaseResult, Event, Failure, Verdict};

/// All that a run said, by flavour.
#[derive(Debug, Default)]
pub struct Summary {
    /// In the order in which flavours are shown.
    order: Vec<String>,
    versions: BTreeMap<String, String>,
    unavailable: BTreeMap<String, Unavailable>,
    cases: Vec<CaseOn>,
}

#[derive(Debug)]
struct Unavailable {
    required: bool,
    reason: String,
}

#[derive(Debug)]
struct CaseOn {
    flavour: String,
    suite: String,
    file: PathBuf,
    result: CaseResult,
}

/// Sums over the cases of a suite on a flavour.
#[derive(Debug, Default, Clone, Copy)]
struct Sums {
    passed: usize,
    failed: usize,
    aborted: usize,
    cases: usize,
}

impl Summary {
    /// Sets the order in which flavours are shown.
    pub fn set_order(&mut self, flavours: &[String]) {
        self.order = flavours.to_vec();
    }

    pub(super) fn hear(&mut self, event: Event) {
        match event {
            Event::FlavourReady {
                flavour, version, ..
            } => {
                self.versions.insert(flavour, version);
            }
            Event::FlavourUnavailable {
                flavour,
                required,
                reason,
            } => {
                self.unavailable
                    .insert(flavour, Unavailable { required, reason });
            }
            Event::CaseFinished {
                flavour,
                suite,
                file,
                result,
            } => self.cases.push(CaseOn {
                flavour,
                suite,
                file,
                result,
            }),
            _ => {}
        }
    }

    /// How the run ended. With `strict`, every flavour is required.
    pub fn verdict(&self, strict: bool) -> Verdict {
        let missing = self
            .unavailable
            .values()
            .any(|found| found.required || strict);
        let bad = self.cases.iter().any(|case| !case.result.is_good());
        match (missing, bad) {
            (true, _) => Verdict::NotProvided,
            (false, true) => Verdict::Failed,
            (false, false) => Verdict::Passed,
        }
    }

    /// The whole summary, for a terminal of `width` columns.
    pub fn render(&self, width: u16, took: Duration, strict: bool) -> String {
        let mut text = self.table(width);
        self.write_failures(&mut text);
        for (flavour, found) in &self.unavailable {
            let kind = if found.required || strict {
                "required"
            } else {
                "not required"
            };
            let _ = writeln!(
                text,
                "\n{flavour}: unavailable ({kind})\n{}",
                indented(&found.reason, "  ")
            );
        }
        let _ = writeln!(text, "\n{}", self.last_line(took, strict));
        text
    }

    fn sums(&self, suite: &str, flavour: &str) -> Option<Sums> {
        let mut sums = Sums::default();
        for case in &self.cases {
            if case.suite == suite && case.flavour == flavour {
                sums.passed += case.result.passed;
                sums.failed += case.result.failed;
                sums.aborted += usize::from(case.result.aborted.is_some());
                sums.cases += 1;
            }
        }
        (sums.cases > 0).then_some(sums)
    }

    fn cell(&self, suite: &str, flavour: &str) -> String {
        if self.unavailable.contains_key(flavour) {
            return "unavailable".to_owned();
        }
        match self.sums(suite, flavour) {
            None => "-".to_owned(),
            Some(sums) if sums.failed == 0 && sums.aborted == 0 => format!("ok {}", sums.passed),
            Some(sums) if sums.failed == 0 => format!("ABORTED {}", sums.aborted),
            Some(sums) => format!("FAIL {}/{}", sums.failed, sums.failed + sums.passed),
        }
    }

    /// Suites by flavours; flavours by suites where that is too wide.
    fn table(&self, width: u16) -> String {
        let mut suites: Vec<&str> = Vec::new();
        for case in &self.cases {
            if !suites.contains(&case.suite.as_str()) {
                suites.push(&case.suite);
            }
        }
        let heading = |flavour: &String| {
            let version = self
                .versions
                .get(flavour)
                .map(String::as_str)
                .unwrap_or("-");
            format!("{flavour}\n{}", short_version(version))
        };
        let mut table = Table::new();
        table
            .load_style(presets::UTF8_FULL_CONDENSED)
            .set_content_arrangement(ContentArrangement::Disabled);
        let mut head = vec!["suite".to_owned()];
        head.extend(self.order.iter().map(heading));
        table.set_header(head);
        for suite in &suites {
            let mut row = vec![(*suite).to_owned()];
            row.extend(self.order.iter().map(|flavour| self.cell(suite, flavour)));
            table.add_row(row);
        }
        if suites.is_empty()
            || table
                .lines()
                .any(|line| line.chars().count() > usize::from(width))
        {
            return self.tall_table(&suites);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        format!("{table}\n")
    }

    fn tall_table(&self, suites: &[&str]) -> String {
        let mut table = Table::new();
        table
            .load_style(presets::UTF8_FULL_CONDENSED)
            .set_content_arrangement(ContentArrangement::Disabled);
        let mut head = vec!["flavour".to_owned(), "server".to_owned()];
        head.extend(suites.iter().map(|&suite| suite.to_owned()));
        table.set_header(head);
        for flavour in &self.order {
            let version = self
                .versions
                .get(flavour)
                .map(String::as_str)
                .unwrap_or("-");
            let mut row = vec![flavour.clone(), short_version(version)];
            if suites.is_empty() && self.unavailable.contains_key(flavour) {
                row[1] = "unavailable".to_owned();
            }
            row.extend(suites.iter().map(|suite| self.cell(suite, flavour)));
            table.add_row(row);
        }
        format!("{table}\n")
    }

    /// Each failure once, with the flavours that have it in the same way.
    fn write_failures(&self, text: &mut String) {
        let mut groups: Vec<(&PathBuf, &Failure, Vec<&str>)> = Vec::new();
        for case in &self.cases {
            for failure in &case.result.failures {
                let same = groups
                    .iter_mut()
                    .find(|(file, other, _)| **file == case.file && *other == failure);
                match same {
                    Some((_, _, flavours)) => flavours.push(&case.flavour),
                    None => groups.push((&case.file, failure, vec![&case.flavour])),
                }
            }
        }
        groups.sort_by_key(|(file, failure, _)| (*file, failure.line));
        for (file, failure, flavours) in groups {
            let place = format!("{}:{}", file.display(), failure.line);
            let _ = writeln!(
                text,
                "\nFAIL {place}: {} on {}",
                failure.why,
                flavours.join(", ")
            );
            text.push_str(&shown(failure));
        }
        for case in &self.cases {
            let kept = case.result.failures.len();
            if case.result.failed > kept {
                let more = case.result.failed - kept;
                let _ = writeln!(
                    text,
                    "\n{more} more failures in {} on {}",
                    case.file.display(),
                    case.flavour
                );
            }
            if let Some(reason) = &case.result.aborted {
                let _ = writeln!(
                    text,
                    "\nABORTED {} on {}: {reason}",
                    case.file.display(),
                    case.flavour
                );
            }
        }
    }

    fn last_line(&self, took: Duration, strict: bool) -> String {
        let sum = |count: fn(&CaseResult) -> usize| {
            self.cases
                .iter()
                .map(|case| count(&case.result))
                .sum::<usize>()
        };
        let (passed, failed, skipped) = (sum(|r| r.passed), sum(|r| r.failed), sum(|r| r.skipped));
        let verdict = match self.verdict(strict) {
            Verdict::Passed => "passed",
            Verdict::Failed => "failed",
            Verdict::NotProvided => "a required flavour could not be provided",
            Verdict::Misused | Verdict::Interrupted => "ended early",
        };
        let flavours = self.versions.len();
        let unavailable = self.unavailable.len();
        let on = format!(
            "{flavours} flavours ({unavailable} unavailable) in {:.1} s",
            took.as_secs_f64()
        );
        if self.cases.is_empty() {
            return format!("{verdict}: {on}");
        }
        format!("{verdict}: {passed} passed, {failed} failed, {skipped} skipped steps on {on}")
    }
}

/// What a version says up to the distribution's own suffix.
fn short_version(full: &str) -> String {
    let end = full
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(full.len());
    match &full[..end] {
        "" => full.to_owned(),
        number => number.trim_end_matches('.').to_owned(),
    }
}

/// Statement, expected and found; as a difference where both have many lines.
fn shown(failure: &Failure) -> String {
    let mut text = indented(&failure.statement, "    | ");
    text.push('\n');
    let is_long = failure.expected.lines().count() > 3 && failure.found.lines().count() > 3;
    if is_long {
        let diff = TextDiff::from_lines(&failure.expected, &failure.found);
        let unified = diff
            .unified_diff()
            .context_radius(2)
            .header("expected", "found")
            .to_string();
        text.push_str(&indented(&unified, "    "));
        text.push('\n');
        return text;
    }
    for (name, side) in [("expected", &failure.expected), ("found", &failure.found)] {
        if side.lines().count() <= 1 {
            let _ = writeln!(text, "    {name}: {}", first_line(side, 1000));
        } else {
            let _ = writeln!(text, "    {name}:\n{}", indented(side, "      "));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(summary: &mut Summary, flavour: &str, version: &str) {
        summary.hear(Event::FlavourReady {
            flavour: flavour.to_owned(),
            version: version.to_owned(),
            address: String::new(),
            took: Duration::ZERO,
        });
    }

    fn ended(summary: &mut Summary, flavour: &str, passed: usize, failures: Vec<Failure>) {
        summary.hear(Event::CaseFinished {
            flavour: flavour.to_owned(),
            suite: "types".to_owned(),
            file: PathBuf::from("sql/types.slt"),
            result: CaseResult {
                passed,
                failed: failures.len(),
                failures,
                ..CaseResult::default()
            },
        });
    }

    fn failure() -> Failure {
        Failure {
            line: 12,
            statement: "SELECT 1/3".to_owned(),
            expected: "0.3333".to_owned(),
            found: "0.333333".to_owned(),
            why: "other rows".to_owned(),
        }
    }

    fn sample() -> Summary {
        let mut summary = Summary::default();
        summary.set_order(&["mysql-9.7", "mariadb-10.5", "percona-8.4"].map(str::to_owned));
        ready(&mut summary, "mysql-9.7", "9.7.4-2");
        ready(&mut summary, "mariadb-10.5", "10.5.29-MariaDB-0+deb11u1");
        summary.hear(Event::FlavourUnavailable {
            flavour: "percona-8.4".to_owned(),
            required: false,
            reason: "repository is not reached".to_owned(),
        });
        ended(&mut summary, "mysql-9.7", 10, vec![failure()]);
        ended(&mut summary, "mariadb-10.5", 10, vec![failure()]);
        summary
    }

    #[test]
    fn a_failure_is_told_once_with_its_flavours() {
        insta::assert_snapshot!(sample().render(100, Duration::from_millis(1250), false), @r"
        ┌───────┬───────────┬──────────────┬─────────────┐
        │ suite ┆ mysql-9.7 ┆ mariadb-10.5 ┆ percona-8.4 │
        │       ┆     9.7.4 ┆      10.5.29 ┆           - │
        ╞═══════╪═══════════╪══════════════╪═════════════╡
        │ types ┆ FAIL 1/11 ┆    FAIL 1/11 ┆ unavailable │
        └───────┴───────────┴──────────────┴─────────────┘

        FAIL sql/types.slt:12: other rows on mysql-9.7, mariadb-10.5
            | SELECT 1/3
            expected: 0.3333
            found: 0.333333

        percona-8.4: unavailable (not required)
          repository is not reached

        failed: 20 passed, 2 failed, 0 skipped steps on 2 flavours (1 unavailable) in 1.2 s
        ");
    }

    #[test]
    fn a_table_that_is_too_wide_is_turned() {
        let text = sample().render(40, Duration::ZERO, false);
        assert!(text.contains("│ flavour"), "{text}");
    }

    #[test]
    fn what_is_missing_outweighs_what_failed() {
        let mut summary = sample();
        assert_eq!(summary.verdict(false), Verdict::Failed);
        assert_eq!(summary.verdict(true), Verdict::NotProvided);
        summary.cases.clear();
        assert_eq!(summary.verdict(false), Verdict::Passed);
    }
}

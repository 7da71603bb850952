//! JUnit XML: a test is a case on a flavour.
//!
//! Suites in the document are suites on flavours, with the server's facts as their
//! properties. A flavour that was not available is a separate test, and so is an entry of
//! known divergences that does not hold.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestRerun, TestSuite};

use super::record::{CaseOn, RunRecord, facts_of_run, facts_of_server};
use super::text::{Colour, count, one_line};
use super::{divergence, failure};
use crate::event::{CellVerdict, Divergence, Stale};

/// Columns of a message; the element contains the complete text.
const WIDEST: usize = 300;

pub(super) fn render(run: &RunRecord) -> io::Result<String> {
    let mut report = Report::new("dbmatrix");
    report.set_time(run.took);
    for flavour in run.flavours() {
        if run.unavailable.contains_key(&flavour) {
            report.add_test_suite(unavailable(run, &flavour));
        }
        for suite in run.suites() {
            let cases: Vec<&CaseOn> = run
                .cases
                .iter()
                .filter(|case| case.flavour == flavour && case.suite == suite)
                .collect();
            if !cases.is_empty() {
                report.add_test_suite(of_cases(run, suite, &flavour, &cases));
            }
        }
    }
    if !run.stale.is_empty() {
        report.add_test_suite(stale_suite(&run.stale));
    }
    if let Some((_, reason)) = &run.aborted {
        report.add_test_suite(aborted("run", reason));
    }
    if run.lacks_reports() {
        report.add_test_suite(aborted("reports", &run.warnings().join("\n")));
    }
    for tests in &mut report.test_suites {
        tests.timestamp = run.began.parse().ok();
    }
    let text = report.to_string().map_err(io::Error::other)?;
    // Jenkins' schema allows it for suites only; the root's comes first here.
    Ok(text.replacen(&format!(" skipped=\"{}\"", report.skipped), "", 1))
}

fn of_cases(run: &RunRecord, suite: &str, flavour: &str, cases: &[&CaseOn]) -> TestSuite {
    let mut tests = TestSuite::new(format!("{suite} on {flavour}"));
    let server = run.servers.get(flavour);
    let facts = facts_of_run(run).into_iter();
    for (name, value) in facts.chain(server.map(facts_of_server).unwrap_or_default()) {
        tests.add_property((name, value.as_str()));
    }
    let mut took = Duration::ZERO;
    for case in cases {
        took += case.result.took;
        tests.add_test_case(of_case(run, case));
    }
    tests.set_time(took);
    tests
}

fn of_case(run: &RunRecord, case: &CaseOn) -> TestCase {
    let file = case.file.display().to_string();
    let new: Vec<&Divergence> = run
        .new_on(&case.suite, Some(&case.file), &case.flavour)
        .collect();
    let name = format!("{file}[{}]", case.flavour);
    let mut test = TestCase::new(name, status(run, case, &new));
    test.set_classname(class(&case.suite, &case.flavour));
    test.set_time(case.result.took);
    test.extra.insert("file".into(), file.into());
    let first = case.result.reported_failures().map(|failure| failure.line);
    let first = first.chain(new.iter().map(|found| found.line)).min();
    if let Some(line @ 1..) = first {
        test.extra.insert("line".into(), line.to_string().into());
    }
    let log = case.result.log.iter();
    let log = log.map(|log| format!("the whole output is in {}", log.display()));
    let left = case.result.left.iter();
    let left = left.map(|text| format!("left on the server: {text}"));
    let notes: Vec<String> = log.chain(left).collect();
    if !notes.is_empty() {
        test.set_system_out(notes.join("\n"));
    }
    test
}

/// Dots in versions would be read as package separators.
fn class(suite: &str, flavour: &str) -> String {
    format!("{suite} on {flavour}").replace('.', "_")
}

fn status(run: &RunRecord, case: &CaseOn, new: &[&Divergence]) -> TestCaseStatus {
    let result = &case.result;
    if result.verdict() == CellVerdict::Skipped && new.is_empty() {
        let mut skipped = TestCaseStatus::skipped();
        let usual = "no condition of its steps holds on this flavour";
        skipped.set_message(result.note.as_deref().unwrap_or(usual));
        return skipped;
    }
    if result.is_good() && new.is_empty() {
        let mut passed = TestCaseStatus::success();
        for failure in &result.flaky {
            let mut rerun = TestRerun::new(NonSuccessKind::Failure);
            rerun.set_message(one_line(&failure.why, WIDEST));
            rerun.set_type("flaky");
            rerun.set_description(failure::failure_text(failure, Colour::Never));
            passed.add_rerun(rerun);
        }
        return passed;
    }
    let mut messages = Vec::new();
    let mut text = String::new();
    let mut types: BTreeMap<&str, usize> = BTreeMap::new();
    if let Some(reason) = &result.aborted {
        messages.push(format!("aborted: {}", one_line(reason, WIDEST)));
        text.push_str(&format!("aborted: {reason}\n\n"));
    }
    if result.failed > 0 {
        messages.push(format!("{} failed", count(result.failed, "step")));
    }
    for failure in result.reported_failures() {
        *types
            .entry(failure.kind.map_or("failure", |kind| kind.as_str()))
            .or_default() += 1;
        text.push_str(&format!(
            "{}:{}: {}\n{}\n",
            case.file.display(),
            failure.line,
            failure.why,
            failure::failure_text(failure, Colour::Never)
        ));
    }
    if !new.is_empty() {
        messages.push(count(new.len(), "new difference"));
    }
    for found in new {
        *types.entry("difference").or_default() += 1;
        let name = found.file.display().to_string();
        text.push_str(divergence::one(found, run, &name, Colour::Never).trim_start());
        text.push('\n');
    }
    let (kind, usual) = match result.aborted {
        Some(_) => (NonSuccessKind::Error, "aborted"),
        None => (NonSuccessKind::Failure, "failure"),
    };
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(messages.join("; "));
    status.set_type(types.into_keys().next().unwrap_or(usual));
    status.set_description(text);
    status
}

fn unavailable(run: &RunRecord, flavour: &str) -> TestSuite {
    let found = &run.unavailable[flavour];
    let mut status = match found.required {
        true => TestCaseStatus::non_success(NonSuccessKind::Error),
        false => TestCaseStatus::skipped(),
    };
    status.set_message(format!("unavailable: {}", one_line(&found.reason, WIDEST)));
    status.set_type("unavailable");
    status.set_description(found.reason.as_str());
    let mut test = TestCase::new(format!("server[{flavour}]"), status);
    test.set_classname(class("server", flavour));
    let mut tests = TestSuite::new(format!("server on {flavour}"));
    tests.add_test_case(test);
    tests
}

fn stale_suite(entries: &[Stale]) -> TestSuite {
    let mut tests = TestSuite::new("known divergences");
    for entry in entries {
        let on = match entry.flavours.as_slice() {
            [] => String::new(),
            names => format!(" on {}", names.join(", ")),
        };
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_message(format!("stale: {}{on}", entry.why));
        status.set_type("stale");
        status.set_description(entry.statement.as_str());
        let file = entry.file.display().to_string();
        let mut test = TestCase::new(format!("{file}:{}", entry.line), status);
        test.set_classname("known divergences");
        test.extra.insert("file".into(), file.into());
        test.extra
            .insert("line".into(), entry.line.to_string().into());
        tests.add_test_case(test);
    }
    tests
}

fn aborted(what: &str, reason: &str) -> TestSuite {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_message(one_line(reason, WIDEST));
    status.set_type("aborted");
    status.set_description(reason);
    let mut test = TestCase::new(what, status);
    test.set_classname("dbmatrix");
    let mut tests = TestSuite::new("dbmatrix");
    tests.add_test_case(test);
    tests
}

#[cfg(test)]
mod tests;

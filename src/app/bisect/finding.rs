//! What a run says about one release, and whether that differs from the reference.

use dbmatrix_report::RunRecord;
use dbmatrix_report::event::{CaseResult, DifferenceStatus, Divergence};

use crate::app::Failure;

/// The exit status by which a command says that a release cannot be judged, as in `git
/// bisect run`.
const SKIP: i32 = 125;
/// The exit statuses of a shell that could not run a command.
const NOT_RUN: [i32; 2] = [126, 127];

/// What a run says about one release.
#[derive(Debug, Clone, Default)]
pub(crate) struct Finding {
    /// The server's version, as it reports it.
    pub(crate) version: Option<String>,
    /// Why it is not available.
    pub(crate) reason: Option<String>,
    /// How the statements or the command ended on it.
    pub(crate) result: Option<CaseResult>,
    /// How its answers differ from those of the reference.
    pub(crate) divergences: Vec<Divergence>,
}

impl Finding {
    /// What is known of a release that is not asked.
    pub(super) fn unavailable(reason: &str) -> Self {
        Finding {
            reason: Some(reason.to_owned()),
            ..Finding::default()
        }
    }

    /// What a run found about a flavour: in its answers, or in the exit status of a command.
    ///
    /// # Errors
    /// A command that could not be run.
    pub(super) fn of_run(record: &RunRecord, flavour: &str) -> Result<Self, Failure> {
        if let Some(reason) = record.why_unavailable(flavour) {
            return Ok(Finding::unavailable(reason));
        }
        let version = record.servers().get(flavour);
        let mut finding = Finding {
            version: version.map(|server| server.version.clone()),
            result: record.first_result(flavour).cloned(),
            ..Finding::default()
        };
        match finding.exit_status() {
            Some(SKIP) => {
                finding.reason = Some(format!("the command ended with {SKIP}, which skips it"));
            }
            Some(status) if NOT_RUN.contains(&status) => {
                let result = finding.result.unwrap_or_default();
                let failure = result.failures.into_iter().next().unwrap_or_default();
                return Err(Failure::misused(format!(
                    "the command could not be run: {}",
                    failure.found
                )));
            }
            _ => {}
        }
        Ok(finding)
    }

    /// A command's exit status.
    pub(crate) fn exit_status(&self) -> Option<i32> {
        self.result.as_ref()?.exit_status
    }

    /// Whether a command's exit status, or what expectations in a file say, is another one.
    pub(super) fn ends_otherwise(&self, reference: &Finding) -> bool {
        self.exit_status() != reference.exit_status() || self.failed() != reference.failed()
    }

    /// The lines whose expectations were not met, whether there are more, and whether the
    /// file was aborted. What a command prints does not count.
    fn failed(&self) -> (Vec<usize>, usize, bool) {
        let Some(result) = &self.result else {
            return Default::default();
        };
        let lines = result.failures.iter().map(|failure| failure.line);
        let lines = match result.exit_status {
            Some(_) => Vec::new(),
            None => lines.collect(),
        };
        let failed = match result.exit_status {
            Some(_) => 0,
            None => result.failed,
        };
        (lines, failed, result.aborted.is_some())
    }
}

/// The differences of a run that count.
pub(super) fn significant(record: &RunRecord, all_differences: bool) -> Vec<Divergence> {
    let is_wanted =
        |found: &&Divergence| all_differences || found.standing == DifferenceStatus::New;
    record
        .divergences()
        .iter()
        .filter(is_wanted)
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use dbmatrix_report::event::Failure as StepFailure;

    use super::*;

    fn finding(result: CaseResult) -> Finding {
        Finding {
            result: Some(result),
            ..Finding::default()
        }
    }

    fn command(exit_status: i32, found: &str) -> Finding {
        let failure = StepFailure {
            found: found.to_owned(),
            ..StepFailure::default()
        };
        finding(CaseResult {
            failed: 1,
            failures: vec![failure],
            exit_status: Some(exit_status),
            ..CaseResult::default()
        })
    }

    fn file(failed_lines: &[usize]) -> Finding {
        let failure = |line: &usize| StepFailure {
            line: *line,
            ..StepFailure::default()
        };
        finding(CaseResult {
            failed: failed_lines.len(),
            failures: failed_lines.iter().map(failure).collect(),
            ..CaseResult::default()
        })
    }

    #[test]
    fn of_a_command_the_exit_status_counts_and_nothing_else() {
        assert!(command(1, "a").ends_otherwise(&command(2, "a")));
        assert!(!command(1, "a").ends_otherwise(&command(1, "b")));
    }

    #[test]
    fn of_a_file_the_lines_that_fail_count() {
        assert!(file(&[3]).ends_otherwise(&file(&[4])));
        assert!(file(&[3]).ends_otherwise(&file(&[])));
        assert!(!file(&[3, 4]).ends_otherwise(&file(&[3, 4])));
    }

    #[test]
    fn an_end_before_the_last_step_is_another_outcome() {
        let aborted = finding(CaseResult::aborted("connection lost"));
        let other = finding(CaseResult::aborted("another reason"));
        assert!(aborted.ends_otherwise(&file(&[])));
        assert!(!aborted.ends_otherwise(&other));
    }
}

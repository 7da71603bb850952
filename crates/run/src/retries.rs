//! Counts the tries of a case, and adds the failed ones to its result.

use dbmatrix_report::event::{CaseResult, Failure};

/// The tries of one case.
#[derive(Debug)]
pub(super) struct Retries {
    allowed: u32,
    used: u32,
    flaky: Vec<Failure>,
    left: Vec<String>,
}

impl Retries {
    /// Allows this many tries after the first.
    pub(super) fn new(allowed: u32) -> Self {
        Retries {
            allowed,
            used: 0,
            flaky: Vec::new(),
            left: Vec::new(),
        }
    }

    /// Whether no other try follows this one, whatever its result.
    pub(super) fn is_last(&self) -> bool {
        self.used == self.allowed
    }

    /// Returns whether a try's result is final, and if so adds the earlier tries to it.
    /// Otherwise another try follows.
    pub(super) fn accept(&mut self, result: &mut CaseResult) -> bool {
        self.left.append(&mut result.left);
        if result.is_good() || self.is_last() {
            result.retries = self.used;
            result.flaky = std::mem::take(&mut self.flaky);
            result.left = std::mem::take(&mut self.left);
            return true;
        }
        self.flaky = std::mem::take(&mut result.failures);
        self.flaky.retain(|failure| failure.known.is_none());
        self.used += 1;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(statement: &str) -> CaseResult {
        CaseResult {
            failed: 1,
            failures: vec![Failure {
                statement: statement.to_owned(),
                ..Failure::default()
            }],
            left: vec![format!("a session of {statement}")],
            ..CaseResult::default()
        }
    }

    #[test]
    fn a_try_that_passes_names_the_failures_before_it() {
        let mut retries = Retries::new(2);
        assert!(!retries.accept(&mut failed("SELECT 1")));
        assert!(!retries.is_last());
        assert!(!retries.accept(&mut failed("SELECT 2")));
        assert!(retries.is_last());
        let mut passed = CaseResult::default();
        assert!(retries.accept(&mut passed));
        assert_eq!(passed.retries, 2);
        let flaky: Vec<&str> = passed.flaky.iter().map(|f| f.statement.as_str()).collect();
        assert_eq!(flaky, ["SELECT 2"], "the last failure stands for them all");
        assert_eq!(passed.left.len(), 2, "what each try left is reported");
    }

    #[test]
    fn the_last_try_counts_even_if_it_fails() {
        let mut retries = Retries::new(0);
        let mut result = failed("SELECT 1");
        assert!(retries.accept(&mut result));
        assert_eq!((result.failed, result.failures.len()), (1, 1));
    }
}

//! What is compared and how exactly, as a suite chooses.

use regex::Regex;

use super::kind::{Kind, Kinds};
use super::times::TimeFactor;
use crate::outcome::{Outcome, Rows};

/// The rules of a comparison.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Kinds that are significant; others are only shown.
    pub counted: Kinds,
    /// How far apart two numbers with a point or an exponent may be.
    pub tolerance: Tolerance,
    /// From which factor on another time is a difference.
    pub time_factor: TimeFactor,
    /// Replacements in values, warnings and error texts before they are compared.
    pub replacements: Vec<Replacement>,
}

impl Rules {
    /// Kinds that are significant unless a suite says otherwise.
    pub const COUNTED: [Kind; 4] = [Kind::Success, Kind::Rows, Kind::Affected, Kind::ErrorCode];

    /// Replaces volatile text.
    pub fn mask_volatile(&self, outcome: &mut Outcome) {
        if self.replacements.is_empty() {
            return;
        }
        match outcome {
            Outcome::Rows(set) => {
                let mut settled = Rows::new(set.columns.len());
                for value in set.rows.values() {
                    let text = value.and_then(|value| std::str::from_utf8(value).ok());
                    match text.and_then(|text| self.settled(text)) {
                        Some(text) => settled.push(Some(text.as_bytes())),
                        None => settled.push(value),
                    }
                }
                set.rows = settled;
            }
            Outcome::Refused(refusal) => {
                if let Some(settled) = self.settled(&refusal.message) {
                    refusal.message = settled;
                }
            }
            Outcome::MultiResult(parts) => {
                parts.iter_mut().for_each(|part| self.mask_volatile(part))
            }
            Outcome::Completed { .. } => {}
        }
    }

    /// A text with volatile parts replaced; `None` if there are none.
    pub fn settled(&self, text: &str) -> Option<String> {
        let mut settled: Option<String> = None;
        for Replacement { pattern, with } in &self.replacements {
            let now = settled.as_deref().unwrap_or(text);
            if pattern.is_match(now) {
                settled = Some(pattern.replace_all(now, with.as_str()).into_owned());
            }
        }
        settled
    }
}

impl Default for Rules {
    fn default() -> Self {
        Rules {
            counted: Rules::COUNTED.into_iter().collect(),
            tolerance: Tolerance::EXACT,
            time_factor: TimeFactor::default(),
            replacements: Vec::new(),
        }
    }
}

/// A pattern, and the replacement for its matches.
#[derive(Debug, Clone)]
pub struct Replacement {
    /// Matches volatile text, such as a time.
    pub pattern: Regex,
    /// In the syntax of the `regex` crate: `$1` is the first group.
    pub with: String,
}

/// How far apart two equal numbers may be, relative to the greater of them and 1. Zero,
/// the default, compares exactly.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Tolerance(f64);

impl Tolerance {
    /// Compares exactly.
    pub const EXACT: Tolerance = Tolerance(0.0);

    /// A tolerance from 0 to 1; `None` for any other number.
    pub fn new(relative: f64) -> Option<Self> {
        (0.0..1.0)
            .contains(&relative)
            .then_some(Tolerance(relative))
    }

    /// Whether it compares exactly.
    pub(super) fn is_exact(self) -> bool {
        self.0 == 0.0
    }

    /// Whether two values are the same. Whole numbers are compared exactly, since they
    /// have no rounding.
    pub fn same(self, a: &str, b: &str) -> bool {
        if a == b {
            return true;
        }
        if self.is_exact() || !(is_float(a) || is_float(b)) {
            return false;
        }
        match (a.parse::<f64>(), b.parse::<f64>()) {
            (Ok(a), Ok(b)) if a.is_finite() && b.is_finite() => {
                (a - b).abs() <= self.0 * a.abs().max(b.abs()).max(1.0)
            }
            _ => false,
        }
    }
}

fn is_float(text: &str) -> bool {
    text.contains(['.', 'e', 'E'])
        && text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::SqlError;

    #[test]
    fn floats_are_the_same_within_the_tolerance_and_integers_to_the_letter() {
        let near = Tolerance::new(1e-6).expect("a tolerance");
        assert!(near.same("0.1", "0.10000001"));
        assert!(near.same("1e300", "1.0000000001e300"));
        assert!(near.same("2.0", "2"));
        assert!(!near.same("1000000000", "1000000001"));
        assert!(!near.same("0.1", "0.2"));
        assert!(!near.same("e", "E"));
        assert!(!Tolerance::EXACT.same("0.1", "0.10"));
        assert_eq!(Tolerance::new(f64::NAN), None);
        assert_eq!(Tolerance::new(1.5), None);
    }

    #[test]
    fn what_is_volatile_is_replaced_wherever_it_stands() {
        let rules = Rules {
            replacements: vec![Replacement {
                pattern: Regex::new(r"\d{4}-\d\d-\d\d").expect("a pattern"),
                with: "<date>".to_owned(),
            }],
            ..Rules::default()
        };
        let mut outcome = Outcome::MultiResult(vec![Outcome::Refused(SqlError {
            code: 1,
            state: "HY000".to_owned(),
            message: "on 2026-01-02 or 2026-01-03".to_owned(),
        })]);
        rules.mask_volatile(&mut outcome);
        let refusal = outcome.refusal().expect("a refusal");
        assert_eq!(refusal.message, "on <date> or <date>");
        assert_eq!(rules.settled("nothing"), None);
    }
}

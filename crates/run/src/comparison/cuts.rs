//! Checks that all flavours ran the same statement at the same place of a file.
//!
//! The modes of a session decide where the statements of a `.sql` file end. Where
//! `NO_BACKSLASH_ESCAPES` or strings in dollars apply on some flavours only, the same
//! text can yield different statements, and their answers cannot be compared.

use dbmatrix_report::event::{DifferenceStatus, Divergence, Group};
use dbmatrix_sql::compare::Kind;

use super::{About, StepFacts};

/// Whether flavours reached different statements.
pub(super) fn cuts_differ(steps: &[(usize, StepFacts)]) -> bool {
    steps
        .windows(2)
        .any(|pair| !is_same(&pair[0].1, &pair[1].1))
}

fn is_same(a: &StepFacts, b: &StepFacts) -> bool {
    a.line == b.line && a.statement == b.statement
}

/// The failure of the file that results.
pub(super) fn cuts_divergence(about: &About, steps: Vec<(String, StepFacts)>) -> Divergence {
    let mut groups: Vec<(StepFacts, Vec<String>)> = Vec::new();
    for (flavour, step) in steps {
        match groups.iter_mut().find(|(other, _)| is_same(other, &step)) {
            Some((_, flavours)) => flavours.push(flavour),
            None => groups.push((step, vec![flavour])),
        }
    }
    let first = groups.first().map(|(step, _)| step.clone());
    let (line, statement) = first.map_or_else(Default::default, |step| (step.line, step.statement));
    let groups = groups.into_iter().enumerate().map(|(at, (step, flavours))| Group {
        flavours,
        outcome: format!(
            "was asked, at line {}: {}\n(the file is cut into other statements here, as by NO_BACKSLASH_ESCAPES; nothing from here on is compared)",
            step.line, step.statement
        ),
        kinds: match at {
            0 => Vec::new(),
            _ => vec![Kind::Success],
        },
        times: None,
    });
    Divergence {
        suite: about.suite.clone(),
        file: about.file.clone(),
        line,
        statement,
        database: None,
        kinds: vec![Kind::Success],
        standing: DifferenceStatus::New,
        groups: groups.collect(),
    }
}

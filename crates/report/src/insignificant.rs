//! Differences that the file expects and insignificant ones, summed up by kinds and by the
//! form of their statements.

use std::collections::HashMap;

use dbmatrix_sql::compare::{Kind, Kinds};
use dbmatrix_sql::suite::statement_form;

use super::divergence::{self, titles};
use super::record::RunRecord;
use super::text::{count, one_line, thousands};
use crate::event::{DifferenceStatus, Divergence};

/// Columns of a form.
const WIDEST: usize = 200;
/// Forms of a sum that are shown; the others are counted.
const MOST: usize = 20;

/// Steps that differ in the same kinds.
pub(super) struct KindSum<'a> {
    pub(super) kinds: Kinds,
    pub(super) steps: usize,
    /// Forms by number of steps, largest first.
    pub(super) forms: Vec<FormSum<'a>>,
    /// Steps of forms beyond the limit.
    other_steps: usize,
}

/// Steps that differ in the same kinds, with statements of the same form.
pub(super) struct FormSum<'a> {
    pub(super) form: String,
    pub(super) steps: usize,
    /// The first of these steps.
    pub(super) example: Option<&'a Divergence>,
}

/// How many examples to show for each set of kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Examples {
    /// One, of the most frequent form.
    OneOfEachKind,
    /// One of each form.
    OneOfEachForm,
}

/// The sums of a run, the largest first.
pub(super) fn sum_up(run: &RunRecord) -> Vec<KindSum<'_>> {
    let mut steps: HashMap<(Kinds, String), (usize, Option<&Divergence>)> = HashMap::new();
    let shown = run.divergences.iter();
    for found in shown.filter(|found| found.standing == DifferenceStatus::Shown) {
        let kinds: Kinds = found.kinds.iter().copied().collect();
        let form = statement_form(&found.statement);
        let sum = steps.entry((kinds, form)).or_insert((0, Some(found)));
        sum.0 += 1;
    }
    for ((kinds, form), more) in &run.omitted.forms {
        steps.entry((*kinds, form.clone())).or_insert((0, None)).0 += more;
    }
    let mut sums: HashMap<Kinds, KindSum<'_>> = HashMap::new();
    for ((kinds, form), (steps, example)) in steps {
        let sum = sums.entry(kinds).or_insert(KindSum {
            kinds,
            steps: 0,
            forms: Vec::new(),
            other_steps: 0,
        });
        sum.steps += steps;
        match form.is_empty() {
            true => sum.other_steps += steps,
            false => sum.forms.push(FormSum {
                form,
                steps,
                example,
            }),
        }
    }
    let mut sums: Vec<KindSum<'_>> = sums.into_values().collect();
    for sum in &mut sums {
        sum.forms
            .sort_by(|a, b| (b.steps, &a.form).cmp(&(a.steps, &b.form)));
    }
    sums.sort_by(|a, b| (b.steps, a.kinds).cmp(&(a.steps, b.kinds)));
    sums
}

impl KindSum<'_> {
    /// Such as `column type: 2,260 steps in 14 forms`.
    pub(super) fn title(&self) -> String {
        let kinds: Vec<Kind> = self.kinds.iter().collect();
        let forms = self.forms.len();
        let forms = match (forms, self.other_steps) {
            (0, _) => String::new(),
            (1, 0) => " in 1 form".to_owned(),
            (_, 0) => format!(" in {} forms", thousands(forms)),
            _ => format!(" in more than {} forms", thousands(forms)),
        };
        let noun = if self.steps == 1 { "step" } else { "steps" };
        format!(
            "{}: {} {noun}{forms}",
            titles(&kinds),
            thousands(self.steps)
        )
    }
}

/// All sums, for a terminal.
pub(super) fn show_sums(
    run: &RunRecord,
    examples: Examples,
    name_of: impl Fn(&Divergence) -> String,
) -> String {
    let sums = sum_up(run);
    let rest = run.omitted.without_forms();
    if sums.is_empty() && rest.is_empty() {
        return String::new();
    }
    let mut text =
        "\nexpected and insignificant differences; `--all-differences` shows each:\n".to_owned();
    for sum in &sums {
        text.push_str(&format!("\n  {}\n", sum.title()));
        let most = match examples {
            Examples::OneOfEachKind => 1,
            Examples::OneOfEachForm => MOST,
        };
        for form in sum.forms.iter().take(most) {
            text.push_str(&format!(
                "    {} × {}\n",
                thousands(form.steps),
                one_line(&form.form, WIDEST)
            ));
            if let Some(example) = form.example {
                text.push_str(&format!("      {}:{}:\n", name_of(example), example.line));
                let body = divergence::body(example, run);
                text.extend(body.lines().map(|line| format!("    {line}\n")));
            }
        }
        let left = sum.forms.len().saturating_sub(most);
        if left > 0 {
            text.push_str(&format!("    … {}\n", count(left, "more form")));
        }
        if sum.other_steps > 0 {
            let more = count(sum.other_steps, "step");
            text.push_str(&format!("    … {more} of forms that were not told apart\n"));
        }
    }
    for (kind, steps) in rest {
        // Reports of an earlier version contain no forms.
        text.push_str(&format!(
            "\n  {}: {}\n",
            kind.title(),
            count(steps, "more step")
        ));
    }
    text
}

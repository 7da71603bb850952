//! The findings of a run for the page.

use super::{Finding, LogClass, Side, State};
use crate::classes::{Class, all_classes};
use crate::event::{DifferenceStatus, Divergence};
use crate::insignificant::{FormSum, sum_up};
use crate::record::RunRecord;
use crate::text::count;
use crate::unavailable::unavailable_groups;
use crate::{divergence, failure};

pub(super) fn findings(run: &RunRecord) -> Vec<Finding> {
    let mut all = Vec::new();
    for group in unavailable_groups(run) {
        all.push(Finding {
            state: State::Unavailable,
            suite: String::new(),
            file: group.names(),
            line: 0,
            kinds: Vec::new(),
            flavours: group.flavours.iter().map(|&name| name.to_owned()).collect(),
            head: group.note(),
            statement: String::new(),
            sides: vec![said("reason", group.reason)],
            reasons: Vec::new(),
            class: None,
        });
    }
    for ended in failure::ended_early(run) {
        all.push(Finding {
            state: State::Ended,
            suite: ended.suite.to_owned(),
            file: ended.file.display().to_string(),
            line: 0,
            kinds: Vec::new(),
            flavours: ended.flavours.iter().map(|&name| name.to_owned()).collect(),
            head: format!("on {}", ended.flavours.join(", ")),
            statement: String::new(),
            sides: vec![said("reason", ended.reason)],
            reasons: Vec::new(),
            class: None,
        });
    }
    for case in &run.cases {
        for failure in &case.result.flaky {
            let on = [case.flavour.as_str()];
            let group = failure::Group {
                suite: &case.suite,
                file: &case.file,
                failure,
                flavours: on.to_vec(),
                is_masked: false,
            };
            all.push(of_failure(State::Flaky, &group));
        }
    }
    for group in failure::groups(run) {
        let state = match group.failure.known {
            Some(_) => State::Known,
            None => State::Failed,
        };
        all.push(of_failure(state, &group));
    }
    let classes = all_classes(run);
    for (rank, class) in classes.iter().enumerate() {
        if !class.is_shown {
            all.push(Finding {
                head: class.title(),
                class: Some(LogClass::of(rank, class)),
                ..of_divergence(run, class.example)
            });
        }
    }
    let is_significant = |found: &&Divergence| {
        found.standing != DifferenceStatus::Shown && !run.sampled.contains_key(&found.suite)
    };
    let significant = run.divergences.iter().filter(is_significant);
    all.extend(significant.map(|found| of_divergence(run, found)));
    for sum in sum_up(run) {
        for form in &sum.forms {
            let is_same = |class: &Class<'_>| {
                let is_of_suite = |found: &Divergence| found.suite == class.example.suite;
                class.is_shown
                    && class.kinds == sum.kinds
                    && class.form == form.form
                    && form.example.is_some_and(is_of_suite)
            };
            let rank = classes.iter().position(is_same);
            let class = rank.map(|rank| LogClass::of(rank, &classes[rank]));
            all.extend(of_form(run, form).map(|finding| Finding { class, ..finding }));
        }
    }
    all.extend(run.stale.iter().map(|entry| Finding {
        state: State::Stale,
        suite: entry.suite.clone(),
        file: entry.file.display().to_string(),
        line: entry.line,
        kinds: Vec::new(),
        flavours: entry.flavours.clone(),
        head: match entry.flavours.as_slice() {
            [] => entry.why.clone(),
            names => format!("{} on {}", entry.why, names.join(", ")),
        },
        statement: entry.statement.clone(),
        sides: Vec::new(),
        reasons: Vec::new(),
        class: None,
    }));
    all
}

fn of_failure(state: State, group: &failure::Group<'_>) -> Finding {
    let failure = group.failure;
    let flavours: Vec<String> = group.flavours.iter().map(|&name| name.to_owned()).collect();
    Finding {
        state,
        suite: group.suite.to_owned(),
        file: group.file.display().to_string(),
        line: failure.line,
        kinds: failure.kind.into_iter().collect(),
        head: group.title(),
        statement: failure.statement.clone(),
        sides: vec![
            said("expected", &failure.expected),
            said(&format!("found on {}", flavours.join(", ")), &failure.found),
        ],
        flavours,
        reasons: failure.known.iter().cloned().collect(),
        class: None,
    }
}

/// Expected and insignificant differences are shown by the form of their statements.
fn of_form(run: &RunRecord, form: &FormSum<'_>) -> Option<Finding> {
    let finding = of_divergence(run, form.example?);
    let more = form.steps - 1;
    Some(Finding {
        head: match more {
            0 => finding.head,
            _ => format!("{} and {} like it", finding.head, count(more, "more step")),
        },
        ..finding
    })
}

fn of_divergence(run: &RunRecord, found: &Divergence) -> Finding {
    let (state, reasons) = match &found.standing {
        DifferenceStatus::New => (State::New, Vec::new()),
        DifferenceStatus::Known(reasons) => (State::Known, reasons.clone()),
        DifferenceStatus::Shown => (State::Shown, Vec::new()),
    };
    let groups = run.masks.join_groups(found);
    let sides = groups.iter().map(|group| Side {
        title: match group.is_masked {
            true => format!(
                "{}, each with its own name and version",
                group.flavours.join(", ")
            ),
            false => group.flavours.join(", "),
        },
        note: divergence::titles(&group.kinds),
        text: group.outcome.to_owned(),
    });
    Finding {
        state,
        suite: found.suite.clone(),
        file: found.file.display().to_string(),
        line: found.line,
        kinds: found.kinds.clone(),
        flavours: found
            .groups
            .iter()
            .flat_map(|group| group.flavours.clone())
            .collect(),
        head: divergence::titles(&found.kinds),
        statement: found.statement.clone(),
        sides: sides.collect(),
        reasons,
        class: None,
    }
}

fn said(title: &str, text: &str) -> Side {
    Side {
        title: title.to_owned(),
        note: String::new(),
        text: match text {
            "" => "(nothing)".to_owned(),
            text => text.to_owned(),
        },
    }
}

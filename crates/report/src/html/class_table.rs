//! The table of classes: differences between the answers to a log's statements, a row for
//! those of one digest that differ in the same kinds. Each row leads to its finding.

use dbmatrix_sql::compare::times_as_slow;
use maud::{Markup, html};

use super::{Finding, WIDEST};
use crate::classes::Class;
use crate::divergence::titles;
use crate::text::{one_line, thousands};

/// What a finding stands for in the logs.
pub(super) struct LogClass {
    /// Its place among the classes: what matters most is first.
    rank: usize,
    form: String,
    pub(super) databases: Vec<String>,
    /// Flavours that differ from the others.
    differing: Vec<String>,
    statements: Option<u64>,
    /// Of the log's time, from 0 to 1.
    share: Option<f64>,
    slowdown: Option<f64>,
}

impl LogClass {
    pub(super) fn of(rank: usize, class: &Class<'_>) -> Self {
        LogClass {
            rank,
            form: class.form.clone(),
            databases: class
                .databases
                .iter()
                .map(|&name| name.to_owned())
                .collect(),
            differing: class.differing_flavours().map(str::to_owned).collect(),
            statements: class.statements(),
            share: class.share_of_time(),
            slowdown: class.slowdown,
        }
    }
}

/// How a column is sorted at the first click.
enum Sorted {
    /// As text.
    Text,
    /// By numbers, such as ranks, the least first.
    Up,
    /// By numbers, the greatest first.
    Down,
}

const COLUMNS: [(&str, Sorted); 8] = [
    ("statements like", Sorted::Text),
    ("state", Sorted::Up),
    ("kind", Sorted::Up),
    ("flavours", Sorted::Text),
    ("database", Sorted::Text),
    ("in the log", Sorted::Down),
    ("of its time", Sorted::Down),
    ("times", Sorted::Down),
];

/// The table; nothing if no finding is of a log.
pub(super) fn class_table(findings: &[Finding]) -> Markup {
    let mut classes: Vec<(usize, &Finding, &LogClass)> = findings
        .iter()
        .enumerate()
        .filter_map(|(at, finding)| Some((at, finding, finding.class.as_ref()?)))
        .collect();
    classes.sort_by_key(|(_, _, class)| class.rank);
    html! {
        @if !classes.is_empty() {
            div.scroll { table #classes {
                caption { "Statements of the logs that differ, by digest" }
                thead { tr {
                    @for (title, sorted) in &COLUMNS {
                        th scope="col" data-number[!matches!(sorted, Sorted::Text)]
                            data-down[matches!(sorted, Sorted::Down)] {
                            button type="button" disabled { (title) }
                        }
                    }
                } }
                tbody {
                    @for (at, finding, class) in &classes { (row(*at, finding, class)) }
                }
            } }
        }
    }
}

fn row(at: usize, finding: &Finding, class: &LogClass) -> Markup {
    let kind = finding.kinds.iter().min().map(|kind| *kind as usize);
    let text = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    html! {
        tr data-finding={ "f" (at) } {
            th scope="row" {
                a href={ "#f" (at) } { code { (one_line(&class.form, WIDEST)) } }
            }
            td data-value=(finding.state as usize) { (finding.state.title()) }
            td data-value=[kind] { (titles(&finding.kinds)) }
            td { (class.differing.join(", ")) }
            td { (text((!class.databases.is_empty()).then(|| class.databases.join(", ")))) }
            td.number data-value=[class.statements] {
                (text(class.statements.map(|number| thousands(number as usize))))
            }
            td.number data-value=[class.share] {
                (text(class.share.map(|share| format!("{:.1} %", 100.0 * share))))
            }
            td.number data-value=[class.slowdown] { (text(class.slowdown.map(times_as_slow))) }
        }
    }
}

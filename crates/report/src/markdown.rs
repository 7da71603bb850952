//! Markdown, as the summary of a CI job shows it.

use super::insignificant::sum_up;
use super::record::{RunRecord, facts_of_run, facts_of_server, release};
use super::summary::Summary;
use super::text::{Colour, block, count, one_line};
use super::unavailable::unavailable_groups;
use super::{classes, divergence, failure};
use crate::event::{DifferenceStatus, Divergence};

/// Findings of one kind that are reported; GitHub accepts a mebibyte, and readers less.
const MOST: usize = 30;
/// Lines and columns of one finding's text.
const LINES: usize = 30;
const COLUMNS: usize = 200;

pub(super) fn render(run: &RunRecord) -> String {
    let mut text = format!("## dbmatrix: {}\n\n", run.verdict_label());
    let shard = run.shard.as_ref();
    let shard = shard.map_or_else(String::new, |shard| format!(" (part {shard})"));
    text.push_str(&format!(
        "{}{shard}: {}\n\n",
        code(&run.matrix.display().to_string()),
        plain(&Summary::of(run).last_line())
    ));
    if let Some((_, reason)) = &run.aborted {
        text.push_str(&fenced(reason));
    }
    text.push_str(&table(run));
    let logs = classes::describe(run);
    if !logs.is_empty() {
        text.push_str(&fenced(logs.trim()));
    }
    text.push_str(&unavailable(run));
    text.push_str(&failures(run));
    text.push_str(&differences(run));
    text.push_str(&stale(run));
    text.push_str(&known(run));
    text.push_str(&expected_and_insignificant(run));
    for warning in run.warnings() {
        text.push_str(&format!(
            "> warning: {}\n\n",
            plain(&one_line(&warning, 500))
        ));
    }
    text.push_str(&provenance(run));
    text
}

/// Suites by flavours, with the files that have problems.
fn table(run: &RunRecord) -> String {
    let flavours = run.flavours();
    if run.cases.is_empty() {
        return String::new();
    }
    let mut text = "| suite |".to_owned();
    for flavour in &flavours {
        let version = run.servers.get(flavour).map_or("-", release);
        text.push_str(&format!(" {}<br>{} |", plain(flavour), plain(version)));
    }
    text.push_str("\n|---|");
    text.push_str(&"--:|".repeat(flavours.len()));
    text.push('\n');
    for suite in run.suites() {
        text.push_str(&format!("| **{}** |", plain(suite)));
        for flavour in &flavours {
            text.push_str(&format!(" {} |", run.cell(suite, None, flavour).label()));
        }
        text.push('\n');
        let bad = run.files_of(suite).into_iter().filter(|(_, good)| !good);
        for (file, _) in bad.take(MOST) {
            text.push_str(&format!("| {} |", plain(&file.display().to_string())));
            for flavour in &flavours {
                let cell = run.cell(suite, Some(file), flavour);
                text.push_str(&format!(" {} |", cell.label()));
            }
            text.push('\n');
        }
    }
    text.push('\n');
    text
}

fn unavailable(run: &RunRecord) -> String {
    let groups = unavailable_groups(run);
    let all = groups.iter().map(|group| {
        let (names, note) = (plain(&group.names()), group.note());
        format!(
            "### {names}: unavailable ({note})\n\n{}",
            fenced(group.reason)
        )
    });
    all.collect()
}

fn failures(run: &RunRecord) -> String {
    let mut groups = failure::groups(run);
    groups.retain(|group| group.failure.known.is_none());
    let mut parts: Vec<String> = groups
        .iter()
        .take(MOST)
        .map(|group| {
            let place = format!("{}:{}", group.file.display(), group.failure.line);
            folded(
                &format!("{place}: {}", group.title()),
                &failure::failure_text(group.failure, Colour::Never),
            )
        })
        .collect();
    if groups.len() > MOST {
        parts.push(more(groups.len() - MOST));
    }
    for ended in failure::ended_early(run) {
        let flavours = ended.flavours.join(", ");
        let head = format!("{} aborted on {flavours}", ended.file.display());
        parts.push(folded(&head, ended.reason));
    }
    titled("Failures", parts)
}

fn differences(run: &RunRecord) -> String {
    let is_single = |found: &&Divergence| !run.sampled.contains_key(&found.suite);
    let all: Vec<_> = run.new_divergences().filter(is_single).collect();
    let classes = classes::classes(run);
    let mut parts: Vec<String> = classes
        .iter()
        .filter(|class| !class.is_known)
        .take(MOST)
        .map(|class| {
            let example = class.example;
            folded(
                &class.title(),
                &format!(
                    "{}\n{}:{}:\n{}",
                    one_line(&class.form, COLUMNS),
                    example.file.display(),
                    example.line,
                    divergence::body(example, run)
                ),
            )
        })
        .collect();
    parts.extend(all.iter().take(MOST).map(|found| {
        let place = format!("{}:{}", found.file.display(), found.line);
        let whole = divergence::one(found, run, &place, Colour::Never);
        let rest = whole.trim_start().split_once('\n');
        folded(
            &format!("{place}: {}", divergence::titles(&found.kinds)),
            rest.map_or("", |(_, rest)| rest),
        )
    }));
    if all.len() > MOST {
        parts.push(more(all.len() - MOST));
    }
    titled("New differences", parts)
}

fn stale(run: &RunRecord) -> String {
    let parts = run.stale.iter().map(|entry| {
        let head = format!("{}:{}: {}", entry.file.display(), entry.line, entry.why);
        folded(&head, &entry.statement)
    });
    titled("Stale entries", parts.collect())
}

fn known(run: &RunRecord) -> String {
    let is_known = |standing: &DifferenceStatus| matches!(standing, DifferenceStatus::Known(_));
    let all = run.divergences.iter();
    match all.filter(|found| is_known(&found.standing)).count() {
        0 => String::new(),
        known => format!("{}\n\n", count(known, "known difference")),
    }
}

fn expected_and_insignificant(run: &RunRecord) -> String {
    let sums = sum_up(run);
    if sums.is_empty() {
        return String::new();
    }
    let mut text = "Expected and insignificant differences:\n\n".to_owned();
    for sum in sums {
        text.push_str(&format!("- {}\n", plain(&sum.title())));
    }
    text.push('\n');
    text
}

fn provenance(run: &RunRecord) -> String {
    let mut text = "<details><summary>What it ran on</summary>\n\n| | |\n|---|---|\n".to_owned();
    let mut row = |name: &str, value: &str| {
        text.push_str(&format!("| {} | {} |\n", plain(name), plain(value)));
    };
    for (name, value) in facts_of_run(run) {
        row(name, &value);
    }
    for (flavour, server) in &run.servers {
        for (name, value) in facts_of_server(server) {
            row(&format!("{flavour} {name}"), &value);
        }
    }
    text.push_str("\n</details>\n");
    text
}

fn titled(title: &str, parts: Vec<String>) -> String {
    if parts.is_empty() {
        return String::new();
    }
    format!("### {title}\n\n{}", parts.concat())
}

fn more(left: usize) -> String {
    format!("… {}\n\n", count(left, "more finding"))
}

fn folded(head: &str, text: &str) -> String {
    format!(
        "<details><summary>{}</summary>\n\n{}</details>\n\n",
        plain(&one_line(head, COLUMNS)),
        fenced(text)
    )
}

/// A code block whose fence is longer than any in the text.
fn fenced(text: &str) -> String {
    let text = block(text, "", LINES, COLUMNS);
    let longest = text
        .split(|c| c != '`')
        .map(str::len)
        .max()
        .unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{text}{fence}\n\n")
}

fn code(text: &str) -> String {
    format!("<code>{}</code>", plain(text))
}

/// Escapes a text for a line or a table's cell.
fn plain(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '~' | '#' => {
                safe.push_str(&format!("&#{};", u32::from(letter)));
            }
            '\n' => safe.push(' '),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_sees_what_is_not_well_and_what_it_ran_on() {
        insta::assert_snapshot!(render(&crate::test_fixtures::record()), @r"
        ## dbmatrix: failed

        <code>matrices/mysql.toml</code>: failed: 100 passed, 1 failed, 3 skipped steps, 1 known failure, 1 new difference, 1 stale entry, 1 flaky, 1 file aborted on 2 flavours (1 unavailable) in 1.5 s

        | suite | mysql-9.7<br>9.7.4 | mariadb-10.5<br>10.5.29 | percona-8.4<br>- |
        |---|--:|--:|--:|
        | **types** | ERROR | flaky 40 | unavailable |
        | sql/a.sql | DIFF 1/20 | ok 20 | unavailable |
        | sql/b.slt | FAIL 1/21 | flaky 20 | unavailable |
        | sql/c.slt | ERROR | skip | unavailable |

        ### percona-8.4: unavailable (not required)

        ```text
        the repository is not reached:
        no route to host
        ```

        ### Failures

        <details><summary>sql/b.slt:12: other rows on mysql-9.7</summary>

        ```text
            | SELECT '<b>' | 1
            expected: 0
            found: \u{1b}[31m1 & 2
        ```

        </details>

        <details><summary>sql/c.slt aborted on mysql-9.7</summary>

        ```text
        connection lost
        ```

        </details>

        ### New differences

        <details><summary>sql/a.sql:7: succeeds here, fails there</summary>

        ```text
            | INSERT INTO t
            | VALUES (1) RETURNING a
            mariadb-10.5 answers:
              a
              1
            mysql-9.7 differs (succeeds here, fails there):
              ERROR 1064 (42000): near 'RETURNING'
        ```

        </details>

        ### Stale entries

        <details><summary>sql/a.sql.divergences.toml:3: it differs no more</summary>

        ```text
        SELECT 1
        ```

        </details>

        1 known difference

        Expected and insignificant differences:

        - succeeds here, fails there: 1 step in 1 form

        <details><summary>What it ran on</summary>

        | | |
        |---|---|
        | program | dbmatrix 0.1.0 |
        | began | 2026-11-23T17:45:39Z |
        | engine | LXD 5.0.2 |
        | mariadb-10.5 version | 10.5.29-MariaDB-0+deb11u1 |
        | mariadb-10.5 packages | server 10.5.29-MariaDB-0+deb11u1 |
        | mysql-9.7 version | 9.7.4-2 |
        | mysql-9.7 packages | server 9.7.4-2 |

        </details>
        ");
    }

    #[test]
    fn text_of_a_server_is_no_markup() {
        assert_eq!(plain("a|b<c>`d`"), "a&#124;b&lt;c&gt;&#96;d&#96;");
        assert_eq!(fenced("a ```` b"), "`````text\na ```` b\n`````\n\n");
    }
}

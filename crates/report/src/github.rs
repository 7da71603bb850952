//! GitHub's workflow commands: an annotation for each line with a problem.

use std::path::Path;

use super::record::RunRecord;
use super::text::{Colour, count, visible};
use super::unavailable::unavailable_groups;
use super::{divergence, failure};

/// GitHub shows ten annotations of each severity in a step; more lines only fill the log.
const MOST: usize = 50;

pub(super) fn render(run: &RunRecord) -> String {
    let mut all = Vec::new();
    if let Some((_, reason)) = &run.aborted {
        all.push(command("error", None, "dbmatrix", reason));
    }
    for group in unavailable_groups(run) {
        let severity = match group.required {
            true => "error",
            false => "warning",
        };
        let title = format!("{}: unavailable", group.names());
        all.push(command(severity, None, &title, group.reason));
    }
    for ended in failure::ended_early(run) {
        let title = format!("aborted on {}", ended.flavours.join(", "));
        let place = Some((ended.file, 1));
        all.push(command("error", place, &title, ended.reason));
    }
    for group in failure::groups(run) {
        let found = group.failure;
        if found.known.is_some() {
            continue;
        }
        let title = group.title();
        let text = failure::failure_text(found, Colour::Never);
        all.push(command(
            "error",
            Some((group.file, found.line)),
            &title,
            &text,
        ));
    }
    for found in run.new_divergences() {
        let name = found.file.display().to_string();
        let text = divergence::one(found, run, &name, Colour::Never);
        let title = format!("flavours differ: {}", divergence::titles(&found.kinds));
        let text = text
            .trim_start()
            .split_once('\n')
            .map_or("", |(_, rest)| rest);
        all.push(command(
            "error",
            Some((&found.file, found.line)),
            &title,
            text,
        ));
    }
    for entry in &run.stale {
        let title = format!("stale: {} on {}", entry.why, entry.flavours.join(", "));
        let title = title.trim_end_matches(" on ");
        all.push(command(
            "error",
            Some((&entry.file, entry.line)),
            title,
            &entry.statement,
        ));
    }
    for case in &run.cases {
        for failure in &case.result.flaky {
            let title = format!("flaky on {}: {}", case.flavour, failure.why);
            let text = failure::failure_text(failure, Colour::Never);
            let place = Some((case.file.as_path(), failure.line));
            all.push(command("warning", place, &title, &text));
        }
    }
    let more = all.len().saturating_sub(MOST);
    all.truncate(MOST);
    if more > 0 {
        let text = format!(
            "{} in the job's summary and log",
            count(more, "more finding")
        );
        all.push(command("notice", None, "dbmatrix", &text));
    }
    all.concat()
}

/// One command on one line
/// (<https://docs.github.com/actions/reference/workflow-commands-for-github-actions>).
fn command(severity: &str, place: Option<(&Path, usize)>, title: &str, text: &str) -> String {
    let place = match place {
        None => String::new(),
        Some((file, line)) => format!(
            "file={},line={},",
            property(&file.display().to_string()),
            line.max(1)
        ),
    };
    let title = property(&visible(title));
    let text = data(visible(text.trim_end()).as_str());
    format!("::{severity} {place}title={title}::{text}\n")
}

fn data(text: &str) -> String {
    let text = text.replace('%', "%25");
    text.replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_that_is_not_well_is_annotated() {
        insta::assert_snapshot!(render(&crate::test_fixtures::record()), @r"
        ::warning title=percona-8.4%3A unavailable::the repository is not reached:%0Ano route to host
        ::error file=sql/c.slt,line=1,title=aborted on mysql-9.7::connection lost
        ::error file=sql/b.slt,line=12,title=other rows on mysql-9.7::    | SELECT '<b>' | 1%0A    expected: 0%0A    found: \u{1b}[31m1 & 2
        ::error file=sql/a.sql,line=7,title=flavours differ%3A succeeds here%2C fails there::    | INSERT INTO t%0A    | VALUES (1) RETURNING a%0A    mariadb-10.5 answers:%0A      a%0A      1%0A    mysql-9.7 differs (succeeds here, fails there):%0A      ERROR 1064 (42000): near 'RETURNING'
        ::error file=sql/a.sql.divergences.toml,line=3,title=stale%3A it differs no more on mysql-9.7::SELECT 1
        ::warning file=sql/b.slt,line=12,title=flaky on mariadb-10.5%3A at first::    | SELECT '<b>' | 1%0A    expected: 0%0A    found: \u{1b}[31m1 & 2
        ");
    }

    #[test]
    fn what_a_server_says_cannot_be_a_command_of_its_own() {
        let place = Some((Path::new("sql/a,b:c.sql"), 0));
        let line = command("error", place, "100%: one, two", "a\n::error::b\r\n");
        assert_eq!(
            line,
            "::error file=sql/a%2Cb%3Ac.sql,line=1,title=100%25%3A one%2C two::a%0A::error::b\n"
        );
    }
}

//! Merges the answers of several servers to one statement by agreement. Pure.

use std::fmt::Write;
use std::time::Duration;

use dbmatrix_sql::compare::{Agreement, CompareOptions, Kinds, NormalizedResult, Rules, split};
use dbmatrix_sql::outcome::{Column, Outcome, RowSet, Rows};
use dbmatrix_sql::sql_text::Sql;
use dbmatrix_sql::suite::asks_for_order;

use super::format::{Format, Header, View, json_rows, quoted, summary};
use super::session::Reply;

/// The answers to one statement, with the names of their servers.
pub(super) struct MergedReplies<'a> {
    names: Vec<&'a str>,
    replies: Vec<&'a Reply>,
    /// Servers that agree, the largest group first.
    groups: Vec<Agreement>,
    /// Servers that differ from the others insignificantly.
    aside: Vec<Agreement>,
}

impl<'a> MergedReplies<'a> {
    /// Groups answers to `sql`; with `all_differences`, by insignificant differences as
    /// well.
    pub(super) fn of(sql: &Sql, given: Vec<(&'a str, &'a Reply)>, all_differences: bool) -> Self {
        let (names, replies): (Vec<_>, Vec<_>) = given.into_iter().unzip();
        let answers: Vec<NormalizedResult> = (replies.iter())
            .map(|reply| NormalizedResult::of(&reply.outcome, &reply.notices))
            .collect();
        let rules = Rules::default();
        let options = CompareOptions {
            counted: rules.counted,
            tolerance: rules.tolerance,
            time_factor: rules.time_factor,
            ordered: asks_for_order(sql),
            baseline: None,
        };
        let all = || Agreement {
            members: (0..replies.len()).collect(),
            kinds: Kinds::NONE,
        };
        let (groups, aside) = match split(&answers.iter().collect::<Vec<_>>(), options) {
            None => (vec![all()], Vec::new()),
            Some(found) if found.counted || all_differences => (found.groups, Vec::new()),
            Some(found) => (vec![all()], found.groups.into_iter().skip(1).collect()),
        };
        MergedReplies {
            names,
            replies,
            groups,
            aside,
        }
    }

    /// Whether every server rejected the statement.
    pub(super) fn all_refused(&self) -> bool {
        (self.replies.iter()).all(|reply| reply.outcome.refusal().is_some())
    }

    /// Writes equal results once, and different ones by groups.
    pub(super) fn write(&self, view: &View, sql: &Sql, vertical: bool) -> String {
        match view.format {
            Format::Json => self.json(sql),
            Format::Csv | Format::Tsv => self.lines(view),
            Format::Table | Format::Vertical => self.for_people(view, vertical),
        }
    }

    fn for_people(&self, view: &View, vertical: bool) -> String {
        let mut text = String::new();
        for group in &self.groups {
            let outcome = &self.first(group).outcome;
            if self.groups.len() > 1 {
                let _ = writeln!(text, "── {}", self.title(group));
            }
            text.push_str(&view.write(outcome, vertical));
            let _ = writeln!(text, "{}", summary(outcome, self.longest(group)));
        }
        for group in &self.aside {
            let _ = writeln!(text, "── {}: the same but for that", self.title(group));
        }
        text
    }

    /// One line per statement.
    fn json(&self, sql: &Sql) -> String {
        let groups: Vec<String> = (self.groups.iter())
            .map(|group| {
                let names: Vec<String> = self.members(group).map(quoted).collect();
                let kinds: Vec<String> = group
                    .kinds
                    .iter()
                    .map(|kind| quoted(kind.as_str()))
                    .collect();
                format!(
                    "{{\"flavours\":[{}],\"differs\":[{}],\"result\":{}}}",
                    names.join(","),
                    kinds.join(","),
                    json(&self.first(group).outcome)
                )
            })
            .collect();
        format!(
            "{{\"statement\":{},\"groups\":[{}]}}\n",
            quoted(&sql.text()),
            groups.join(",")
        )
    }

    /// Rows preceded by the names of their servers; a header where the columns change.
    fn lines(&self, view: &View) -> String {
        let mut text = String::new();
        let mut columns: Option<Vec<&str>> = None;
        for group in &self.groups {
            let names: Vec<&str> = self.members(group).collect();
            let Some(rows) = self.first(group).outcome.rows() else {
                continue;
            };
            let of_group = rows.columns.iter().map(|column| column.name.as_str());
            let of_group = Some(of_group.collect());
            let header = match columns == of_group {
                true => Header::Omitted,
                false => Header::Shown,
            };
            columns = of_group;
            text.push_str(&view.write_lines(&with_names(rows, &names.join(" ")), header));
        }
        text
    }

    fn title(&self, group: &Agreement) -> String {
        let names: Vec<&str> = self.members(group).collect();
        let kinds: Vec<&str> = group.kinds.iter().map(|kind| kind.title()).collect();
        match kinds.is_empty() {
            true => names.join(", "),
            false => format!("{} ({})", names.join(", "), kinds.join("; ")),
        }
    }

    fn members(&self, group: &Agreement) -> impl Iterator<Item = &'a str> {
        group.members.iter().map(|at| self.names[*at])
    }

    fn first(&self, group: &Agreement) -> &'a Reply {
        self.replies[group.members[0]]
    }

    fn longest(&self, group: &Agreement) -> Duration {
        let took = group.members.iter().map(|at| self.replies[*at].took);
        took.max().unwrap_or_default()
    }
}

fn json(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Rows(rows) => json_rows(rows),
        Outcome::Completed { affected, warnings } => {
            format!("{{\"affected\":{affected},\"warnings\":{warnings}}}")
        }
        Outcome::Refused(refusal) => format!(
            "{{\"error\":{{\"code\":{},\"state\":{},\"message\":{}}}}}",
            refusal.code,
            quoted(&refusal.state),
            quoted(&refusal.message)
        ),
        Outcome::MultiResult(parts) => {
            let parts: Vec<String> = parts.iter().map(json).collect();
            format!("{{\"results\":[{}]}}", parts.join(","))
        }
    }
}

fn with_names(rows: &RowSet, names: &str) -> RowSet {
    let first = Column {
        name: "flavours".to_owned(),
        kind: "VAR_STRING".to_owned(),
    };
    let columns: Vec<Column> = std::iter::once(first)
        .chain(rows.columns.iter().cloned())
        .collect();
    let mut named = Rows::new(columns.len());
    for row in rows.rows.iter() {
        named.push(Some(names.as_bytes()));
        row.iter().for_each(|value| named.push(value));
    }
    RowSet {
        columns,
        rows: named,
        warnings: rows.warnings,
    }
}

#[cfg(test)]
mod tests {
    use dbmatrix_sql::outcome::SqlError;

    use super::*;

    fn reply(outcome: Outcome) -> Reply {
        Reply {
            outcome,
            notices: Vec::new(),
            took: Duration::from_millis(1),
            is_new_session: false,
        }
    }

    fn one(kind: &str, value: &str) -> Reply {
        reply(Outcome::Rows(RowSet {
            columns: vec![Column {
                name: "a".to_owned(),
                kind: kind.to_owned(),
            }],
            rows: Rows::from_iter([[Some(value.as_bytes().to_vec())]]),
            warnings: 0,
        }))
    }

    fn refused() -> Reply {
        reply(Outcome::Refused(SqlError {
            code: 1064,
            state: "42000".to_owned(),
            message: "no".to_owned(),
        }))
    }

    fn written(replies: &[(&str, Reply)], format: Format) -> String {
        let given = replies.iter().map(|(name, reply)| (*name, reply)).collect();
        let view = View {
            format,
            width: None,
            colour: false,
            all_differences: false,
        };
        MergedReplies::of(&"SELECT a".into(), given, false).write(&view, &"SELECT a".into(), false)
    }

    #[test]
    fn what_is_equal_is_written_once() {
        let all = [("x", one("LONG", "1")), ("y", one("LONG", "1"))];
        let text = written(&all, Format::Table);
        assert_eq!(text.matches('┌').count(), 1, "{text}");
        assert!(!text.contains("──  x"), "{text}");
    }

    #[test]
    fn what_differs_is_written_by_groups() {
        let all = [
            ("x", refused()),
            ("y", one("LONG", "1")),
            ("z", one("LONG", "1")),
        ];
        insta::assert_snapshot!(written(&all, Format::Vertical), @r"
        ── y, z
        ************************** row 1 ***************************
        a: 1
        1 row (0.001 s)
        ── x (succeeds here, fails there)
        ERROR 1064 (42000): no
        ");
        assert_eq!(written(&all, Format::Csv), "flavours,a\ny z,1\n");
        insta::assert_snapshot!(written(&all, Format::Json), @r#"{"statement":"SELECT a","groups":[{"flavours":["y","z"],"differs":[],"result":[{"a":1}]},{"flavours":["x"],"differs":["success"],"result":{"error":{"code":1064,"state":"42000","message":"no"}}}]}"#);
    }

    fn named(column: &str, value: &str) -> Reply {
        let mut reply = one("LONG", value);
        if let Outcome::Rows(rows) = &mut reply.outcome {
            rows.columns[0].name = column.to_owned();
        }
        reply
    }

    #[test]
    fn groups_of_the_same_columns_have_one_header() {
        let all = [
            ("x", named("a", "1")),
            ("y", named("a", "2")),
            ("z", refused()),
        ];
        assert_eq!(written(&all, Format::Tsv), "flavours\ta\nx\t1\ny\t2\n");
        assert_eq!(written(&all, Format::Csv), "flavours,a\nx,1\ny,2\n");
        let all = [
            ("x", named("a", "1")),
            ("y", named("b", "2")),
            ("z", named("b", "3")),
        ];
        assert_eq!(
            written(&all, Format::Tsv),
            "flavours\ta\nx\t1\nflavours\tb\ny\t2\nz\t3\n"
        );
    }

    #[test]
    fn a_type_alone_makes_no_group() {
        let all = [
            ("x", one("LONG", "1")),
            ("y", one("LONGLONG", "1")),
            ("z", one("LONG", "1")),
        ];
        let text = written(&all, Format::Vertical);
        assert_eq!(text.matches("a: 1").count(), 1, "{text}");
        assert!(text.contains("── y (column type): the same"), "{text}");
    }
}

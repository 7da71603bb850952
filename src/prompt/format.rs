//! Formats results.

use std::borrow::Cow;
use std::fmt::Write;
use std::str::FromStr;
use std::time::Duration;

use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, Row, Table, presets};
use unicode_width::UnicodeWidthStr;

use dbmatrix_sql::outcome::{Column, Outcome, RowSet, Value};

/// With fewer letters per column, a table is unreadable.
const NARROW: u16 = 8;

/// A format of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A table, cut to the terminal's width.
    Table,
    /// A line per column, as after `\G`.
    Vertical,
    /// RFC 4180 with a header; NULL is empty, an empty text `""`.
    Csv,
    /// A line per result: an array of objects, or a summary of the change.
    Json,
    /// Tabs with a header, as in the classic client's batch mode; NULL is `\N`.
    Tsv,
}

impl Format {
    /// The words on the command line.
    pub const WORDS: [(&'static str, Format); 5] = [
        ("table", Format::Table),
        ("vertical", Format::Vertical),
        ("csv", Format::Csv),
        ("json", Format::Json),
        ("tsv", Format::Tsv),
    ];

    /// Whether it is meant for reading.
    pub(super) fn is_for_people(self) -> bool {
        matches!(self, Format::Table | Format::Vertical)
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut words = Format::WORDS.iter();
        let named = words.find(|(word, _)| *word == text);
        let format = named.map(|(_, format)| *format);
        format.ok_or_else(|| "expected `table`, `vertical`, `csv`, `json` or `tsv`".to_owned())
    }
}

/// How and where results are shown.
#[derive(Debug, Clone, Copy)]
pub struct View {
    /// Their format.
    pub format: Format,
    /// Columns of the terminal; `None` if it is not a terminal.
    pub width: Option<u16>,
    /// Whether NULL and the like are dimmed.
    pub colour: bool,
    /// Whether insignificant differences are shown like significant ones.
    pub all_differences: bool,
}

impl View {
    /// Writes the outcome of a statement, except for errors.
    pub(super) fn write(&self, outcome: &Outcome, vertical: bool) -> String {
        let mut text = String::new();
        match (outcome, self.format) {
            (Outcome::MultiResult(parts), _) => {
                parts
                    .iter()
                    .for_each(|part| text.push_str(&self.write(part, vertical)));
            }
            (Outcome::Refused(_), _) => {}
            (Outcome::Rows(rows), Format::Json) => {
                text = json_rows(rows);
                text.push('\n');
            }
            (Outcome::Rows(rows), Format::Csv | Format::Tsv) => {
                text = self.write_lines(rows, Header::Shown);
            }
            (Outcome::Rows(rows), Format::Table | Format::Vertical) => {
                self.write_rows(&mut text, rows, vertical);
            }
            (Outcome::Completed { affected, warnings }, Format::Json) => {
                let _ = writeln!(text, "{{\"affected\":{affected},\"warnings\":{warnings}}}");
            }
            (Outcome::Completed { .. }, _) => {}
        }
        text
    }

    /// Writes a line per row, for CSV and TSV.
    pub(super) fn write_lines(&self, rows: &RowSet, header: Header) -> String {
        let mut text = String::new();
        match self.format {
            Format::Csv => lines(&mut text, rows, header, ",", csv),
            _ => lines(&mut text, rows, header, "\t", tsv),
        }
        text
    }

    fn write_rows(&self, text: &mut String, rows: &RowSet, vertical: bool) {
        if rows.rows.is_empty() {
            return;
        }
        let columns = u16::try_from(rows.columns.len()).unwrap_or(u16::MAX);
        let is_narrow = |width: u16| columns > 1 && width / columns < NARROW;
        let too_wide = self.width.is_some_and(is_narrow) && self.is_too_wide(rows);
        if vertical || self.format == Format::Vertical || too_wide {
            write_vertical(text, rows);
        } else {
            let _ = writeln!(text, "{}", self.table(rows));
        }
    }

    /// Whether a table of these rows is wider than the terminal.
    fn is_too_wide(&self, rows: &RowSet) -> bool {
        let mut table = self.table(rows);
        table.set_content_arrangement(ContentArrangement::Disabled);
        let width = table.lines().next().map_or(0, |line| line.width());
        self.width.is_some_and(|most| width > most.into())
    }

    fn table(&self, rows: &RowSet) -> Table {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        table.set_truncation_indicator("…");
        if self.colour {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        if let Some(width) = self.width {
            table.set_content_arrangement(ContentArrangement::Dynamic);
            table.set_width(width);
        }
        let mut head = Row::from(rows.columns.iter().map(|column| visible(&column.name)));
        head.max_height(1);
        table.set_header(head);
        for row in rows.rows.iter() {
            let shown: Vec<Shown<'_>> = (row.iter().zip(&rows.columns))
                .map(|(value, column)| Shown::of(value, column))
                .collect();
            let cells = shown.iter().zip(&rows.columns).map(|(shown, column)| {
                let cell = Cell::new(shown.for_people());
                match shown {
                    Shown::Null => cell.add_attribute(Attribute::Dim),
                    _ if is_number(column) => cell.set_alignment(CellAlignment::Right),
                    _ => cell,
                }
            });
            // Line breaks in a text stay; a line that is too long is cut.
            let height = shown.iter().map(Shown::lines).max().unwrap_or(1);
            let mut row = Row::from(cells.collect::<Vec<_>>());
            row.max_height(height);
            table.add_row(row);
        }
        table
    }
}

/// The line after a result.
pub(super) fn summary(outcome: &Outcome, took: Duration) -> String {
    let warned = match outcome.warnings() {
        0 => String::new(),
        1 => ", 1 warning".to_owned(),
        count => format!(", {count} warnings"),
    };
    let told = match outcome {
        Outcome::Rows(rows) => match rows.rows.len() {
            0 => "no rows".to_owned(),
            count => counted(count as u64, "row"),
        },
        Outcome::MultiResult(parts) => counted(parts.len() as u64, "result"),
        Outcome::Completed { affected, .. } => {
            format!("ok, {} affected", counted(*affected, "row"))
        }
        Outcome::Refused(refusal) => return refusal.to_string(),
    };
    format!("{told}{warned} ({:.3} s)", took.as_secs_f64())
}

fn counted(count: u64, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}

/// A value in displayable form.
enum Shown<'a> {
    Null,
    Text(Cow<'a, str>),
    /// Binary data, as `0x…`.
    Hex(String),
}

impl<'a> Shown<'a> {
    fn of(value: Value<'a>, column: &Column) -> Self {
        let Some(bytes) = value else {
            return Shown::Null;
        };
        match std::str::from_utf8(bytes) {
            Ok(text) if !is_binary(column) => Shown::Text(text.into()),
            _ => Shown::Hex(hex(bytes)),
        }
    }

    /// Brackets distinguish NULL from a text of that name.
    fn for_people(&self) -> Cow<'_, str> {
        match self {
            Shown::Null => "(NULL)".into(),
            Shown::Text(text) => visible(text),
            Shown::Hex(hex) => hex.into(),
        }
    }

    fn lines(&self) -> usize {
        match self {
            Shown::Text(text) => text.split('\n').count(),
            Shown::Null | Shown::Hex(_) => 1,
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 + 2 * bytes.len());
    text.push_str("0x");
    for byte in bytes {
        let _ = write!(text, "{byte:02X}");
    }
    text
}

fn is_binary(column: &Column) -> bool {
    column.kind.ends_with(" BINARY")
        || column.kind.starts_with("BIT")
        || column.kind.starts_with("GEOMETRY")
}

fn is_number(column: &Column) -> bool {
    const NUMBERS: [&str; 10] = [
        "TINY",
        "SHORT",
        "LONG",
        "LONGLONG",
        "INT24",
        "FLOAT",
        "DOUBLE",
        "DECIMAL",
        "NEWDECIMAL",
        "YEAR",
    ];
    let kind = column.kind.trim_end_matches(" UNSIGNED");
    NUMBERS.contains(&kind)
}

/// A text in which only line ends can move a terminal's cursor.
fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(|letter: char| letter.is_control() && letter != '\n') {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        match letter {
            '\n' => shown.push('\n'),
            '\t' => shown.push_str("    "),
            control if control.is_control() => shown.extend(control.escape_default()),
            other => shown.push(other),
        }
    }
    shown.into()
}

fn write_vertical(text: &mut String, rows: &RowSet) {
    let names: Vec<Cow<'_, str>> = rows
        .columns
        .iter()
        .map(|column| visible(&column.name))
        .collect();
    let widest = names.iter().map(|name| name.width()).max().unwrap_or(0);
    for (at, row) in rows.rows.iter().enumerate() {
        let _ = writeln!(text, "{:*^60}", format!(" row {} ", at + 1));
        for ((value, column), name) in row.iter().zip(&rows.columns).zip(&names) {
            let blank = " ".repeat(widest - name.width());
            let shown = Shown::of(value, column);
            let _ = writeln!(text, "{blank}{name}: {}", shown.for_people());
        }
    }
}

/// Whether the names of the columns precede the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Header {
    Shown,
    Omitted,
}

/// A header, if it is shown, and a line per row.
fn lines(
    text: &mut String,
    rows: &RowSet,
    header: Header,
    between: &str,
    field: fn(&mut String, Option<Cow<'_, str>>),
) {
    if header == Header::Shown {
        for (at, column) in rows.columns.iter().enumerate() {
            text.push_str(if at == 0 { "" } else { between });
            field(text, Some(column.name.as_str().into()));
        }
        text.push('\n');
    }
    for row in rows.rows.iter() {
        for (at, (value, column)) in row.iter().zip(&rows.columns).enumerate() {
            text.push_str(if at == 0 { "" } else { between });
            field(
                text,
                match Shown::of(value, column) {
                    Shown::Null => None,
                    Shown::Text(text) => Some(text),
                    Shown::Hex(hex) => Some(hex.into()),
                },
            );
        }
        text.push('\n');
    }
}

fn csv(to: &mut String, field: Option<Cow<'_, str>>) {
    let Some(field) = field else {
        return;
    };
    if !field.is_empty() && !field.contains([',', '"', '\n', '\r']) {
        return to.push_str(&field);
    }
    to.push('"');
    to.push_str(&field.replace('"', "\"\""));
    to.push('"');
}

fn tsv(to: &mut String, field: Option<Cow<'_, str>>) {
    let Some(field) = field else {
        return to.push_str("\\N");
    };
    for letter in field.chars() {
        match letter {
            '\t' => to.push_str("\\t"),
            '\n' => to.push_str("\\n"),
            '\0' => to.push_str("\\0"),
            '\\' => to.push_str("\\\\"),
            other => to.push(other),
        }
    }
}

/// An array of objects. Numbers are written as the server sent them.
pub(super) fn json_rows(rows: &RowSet) -> String {
    let names: Vec<String> = rows
        .columns
        .iter()
        .map(|column| quoted(&column.name))
        .collect();
    let mut text = String::from("[");
    for (at, row) in rows.rows.iter().enumerate() {
        text.push_str(if at == 0 { "{" } else { ",{" });
        for (at, (value, column)) in row.iter().zip(&rows.columns).enumerate() {
            let between = if at == 0 { "" } else { "," };
            let _ = write!(text, "{between}{}:", names[at]);
            match Shown::of(value, column) {
                Shown::Null => text.push_str("null"),
                Shown::Hex(hex) => text.push_str(&quoted(&hex)),
                // `ZEROFILL` produces digits that are not a JSON number.
                Shown::Text(number)
                    if is_number(column)
                        && serde_json::from_str::<serde_json::Number>(&number).is_ok() =>
                {
                    text.push_str(&number);
                }
                Shown::Text(plain) => text.push_str(&quoted(&plain)),
            }
        }
        text.push('}');
    }
    text.push(']');
    text
}

/// A text as a JSON string.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use dbmatrix_sql::outcome::Rows;

    use super::*;

    fn rows(columns: &[(&str, &str)], values: &[Value<'_>]) -> Outcome {
        let mut rows = Rows::new(columns.len());
        values.iter().for_each(|value| rows.push(*value));
        let columns = columns.iter().map(|(name, kind)| Column {
            name: (*name).to_owned(),
            kind: (*kind).to_owned(),
        });
        Outcome::Rows(RowSet {
            columns: columns.collect(),
            rows,
            warnings: 0,
        })
    }

    fn view(format: Format, width: Option<u16>) -> View {
        View {
            format,
            width,
            colour: false,
            all_differences: false,
        }
    }

    fn some() -> Outcome {
        rows(
            &[("n", "LONGLONG"), ("t", "VAR_STRING"), ("b", "BLOB BINARY")],
            &[
                Some(b"1"),
                Some(b"NULL"),
                Some(b"\x00\xff"),
                Some(b"22"),
                None,
                None,
                Some(b"3"),
                Some(b"a\tb\x1b"),
                Some(b""),
            ],
        )
    }

    #[test]
    fn a_table_tells_null_from_its_name_and_bytes_from_text() {
        insta::assert_snapshot!(view(Format::Table, None).write(&some(), false), @r"
        ┌────┬──────────────┬────────┐
        │ n  ┆ t            ┆ b      │
        ╞════╪══════════════╪════════╡
        │  1 ┆ NULL         ┆ 0x00FF │
        │ 22 ┆ (NULL)       ┆ (NULL) │
        │  3 ┆ a    b\u{1b} ┆ 0x     │
        └────┴──────────────┴────────┘
        ");
    }

    #[test]
    fn a_value_that_is_too_long_is_cut_and_lines_stay() {
        let long = "x".repeat(80);
        let found = rows(
            &[("long", "BLOB"), ("lines", "BLOB")],
            &[Some(long.as_bytes()), Some(b"a\nb")],
        );
        let text = view(Format::Table, Some(40)).write(&found, false);
        assert!(text.lines().all(|line| line.width() <= 40), "{text}");
        assert!(text.contains('…'), "{text}");
        assert!(text.contains('a') && text.contains('b'), "{text}");
    }

    #[test]
    fn many_columns_are_shown_a_line_each() {
        let names: Vec<String> = (0..20).map(|at| format!("column{at}")).collect();
        let columns: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "LONG")).collect();
        let values = vec![Some(b"1".as_slice()); 20];
        let found = rows(&columns, &values);
        let text = view(Format::Table, Some(80)).write(&found, false);
        assert!(text.contains("\n column0: 1\n"), "{text}");
        let wide = view(Format::Table, None).write(&found, false);
        assert!(wide.starts_with('┌'), "{wide}");
    }

    #[test]
    fn forms_for_programs_keep_null_and_the_empty_text_apart() {
        let found = rows(
            &[("a", "VAR_STRING"), ("b,c", "NEWDECIMAL")],
            &[None, Some(b"1.10"), Some(b""), Some(b"007")],
        );
        assert_eq!(
            view(Format::Csv, None).write(&found, false),
            "a,\"b,c\"\n,1.10\n\"\",007\n"
        );
        assert_eq!(
            view(Format::Tsv, None).write(&found, false),
            "a\tb,c\n\\N\t1.10\n\t007\n"
        );
        assert_eq!(
            view(Format::Json, None).write(&found, false),
            "[{\"a\":null,\"b,c\":1.10},{\"a\":\"\",\"b,c\":\"007\"}]\n"
        );
    }

    #[test]
    fn what_was_done_is_said_in_few_words() {
        let done = Outcome::Completed {
            affected: 1,
            warnings: 2,
        };
        assert_eq!(
            summary(&done, Duration::from_millis(12)),
            "ok, 1 row affected, 2 warnings (0.012 s)"
        );
        assert_eq!(
            view(Format::Json, None).write(&done, false),
            "{\"affected\":1,\"warnings\":2}\n"
        );
    }
}

//! The table of suites by flavours, in the layout that fits.

use std::path::Path;

use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, Table, presets};
use unicode_width::UnicodeWidthStr;

use super::record::{RunRecord, release};
use super::text::{Colour, visible};
use crate::event::CellVerdict;

/// Which files have a separate row under their suite's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Detail {
    /// Files that fail on some flavour.
    #[default]
    Failing,
    /// All.
    Files,
}

/// The content of a table.
pub(super) struct SummaryTable<'a> {
    pub(super) record: &'a RunRecord,
    /// In display order.
    pub(super) flavours: &'a [String],
    pub(super) detail: Detail,
    pub(super) colour: Colour,
}

/// A suite, or one of its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Row<'a> {
    suite: &'a str,
    file: Option<&'a Path>,
}

impl SummaryTable<'_> {
    /// Suites by flavours. If that is wider than `width` columns, flavours by suites; if
    /// that is too wide as well, suites by some flavours at a time.
    pub(super) fn render(&self, width: usize) -> String {
        let suites = self.record.suites();
        let flavours: Vec<&String> = self.flavours.iter().collect();
        let turned = || self.flavours_by_suites(&suites);
        if suites.is_empty() {
            return self.finished(turned());
        }
        let rows = self.rows(&suites);
        let whole = self.suites_by_flavours(&rows, &flavours);
        if fits(&whole, width) {
            return self.finished(whole);
        }
        let turned = turned();
        if fits(&turned, width) {
            return self.finished(turned);
        }
        self.in_parts(&rows, &flavours, width)
    }

    /// As many flavours at a time as fit, at least one.
    fn in_parts(&self, rows: &[Row<'_>], flavours: &[&String], width: usize) -> String {
        let mut text = String::new();
        let mut rest = flavours;
        while !rest.is_empty() {
            let part = (1..=rest.len())
                .map(|many| self.suites_by_flavours(rows, &rest[..many]))
                .take_while(|table| fits(table, width))
                .enumerate()
                .last();
            let (taken, table) = match part {
                Some((at, table)) => (at + 1, table),
                None => (
                    1,
                    squeezed(self.suites_by_flavours(rows, &rest[..1]), width),
                ),
            };
            text.push_str(&self.finished(table));
            rest = &rest[taken..];
        }
        text
    }

    fn suites_by_flavours(&self, rows: &[Row<'_>], flavours: &[&String]) -> Table {
        let mut table = new_table();
        let heads = flavours
            .iter()
            .map(|flavour| format!("{flavour}\n{}", self.version(flavour)));
        let corner = "suite".to_owned();
        table.set_header(std::iter::once(corner).chain(heads));
        for row in rows {
            let cells = flavours.iter().map(|flavour| self.cell(row, flavour));
            table.add_row(std::iter::once(Cell::new(row.title())).chain(cells));
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }

    /// This layout has no space for files; failures below name them.
    fn flavours_by_suites(&self, suites: &[&str]) -> Table {
        let mut table = new_table();
        let heads = suites.iter().map(|suite| visible(suite));
        table.set_header(
            ["flavour".to_owned(), "server".to_owned()]
                .into_iter()
                .chain(heads),
        );
        for flavour in self.flavours {
            let server = match self.is_missing(flavour) {
                true if suites.is_empty() => unavailable(),
                _ => Cell::new(self.version(flavour)),
            };
            let cells = suites
                .iter()
                .map(|&suite| self.cell(&Row { suite, file: None }, flavour));
            table.add_row([Cell::new(flavour), server].into_iter().chain(cells));
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }

    fn rows<'b>(&'b self, suites: &[&'b str]) -> Vec<Row<'b>> {
        let mut rows = Vec::new();
        for &suite in suites {
            rows.push(Row { suite, file: None });
            let files = self.record.files_of(suite);
            if files.len() == 1 && self.detail == Detail::Failing {
                continue;
            }
            let shown = files
                .into_iter()
                .filter(|(_, is_good)| self.detail == Detail::Files || !is_good);
            rows.extend(shown.map(|(file, _)| Row {
                suite,
                file: Some(file),
            }));
        }
        rows
    }

    fn cell(&self, row: &Row<'_>, flavour: &str) -> Cell {
        let found = self.record.cell(row.suite, row.file, flavour);
        let cell = Cell::new(found.label());
        match found.verdict {
            None | Some(CellVerdict::Skipped) => cell,
            Some(CellVerdict::Passed) => cell.fg(Color::DarkGreen),
            Some(CellVerdict::Flaky | CellVerdict::Unavailable) => cell.fg(Color::DarkYellow),
            Some(CellVerdict::Differs | CellVerdict::Failed | CellVerdict::Errored) => {
                cell.fg(Color::Red).add_attribute(Attribute::Bold)
            }
        }
    }

    fn is_missing(&self, flavour: &str) -> bool {
        self.record.unavailable.contains_key(flavour)
    }

    fn version(&self, flavour: &str) -> String {
        let server = self.record.servers.get(flavour);
        server.map_or_else(|| "-".to_owned(), |server| visible(release(server)))
    }

    fn finished(&self, mut table: Table) -> String {
        if self.colour == Colour::Always {
            table.enforce_styling();
        }
        format!("{table}\n")
    }
}

impl Row<'_> {
    fn title(&self) -> String {
        match self.file {
            None => visible(self.suite),
            Some(file) => {
                let name = file.file_name().unwrap_or(file.as_os_str());
                format!("  {}", visible(&name.to_string_lossy()))
            }
        }
    }
}

fn unavailable() -> Cell {
    Cell::new("unavailable").fg(Color::DarkYellow)
}

/// Without colours until it is complete, so that its width can be measured.
pub(super) fn new_table() -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Disabled)
        .force_no_tty();
    table
}

fn fits(table: &Table, width: usize) -> bool {
    table.lines().all(|line| line.width() <= width)
}

/// Wraps the content if not even one column fits.
fn squeezed(mut table: Table, width: usize) -> Table {
    let width = u16::try_from(width).unwrap_or(u16::MAX);
    table
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width);
    table
}

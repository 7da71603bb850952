//! In which form a command shows a list.

use serde::Serialize;

/// How a list is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Format {
    /// A table.
    #[default]
    Table,
    /// An array of objects, on one line.
    Json,
}

/// Options of commands that show a list.
#[derive(Debug, clap::Args)]
pub(crate) struct FormatArgs {
    /// How it is shown
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: Format,
}

/// An array of objects, on one line.
pub(crate) fn json<T: Serialize>(rows: &[T]) -> String {
    serde_json::to_string(rows).expect("rows are text and numbers, which JSON has")
}

//! Reads TOML files that users write, key by key, and reports every problem at once and
//! at its place. Knows no particular file.

mod problem;
mod reader;

pub use problem::{ConfigError, Deprecations, Problem, renamed};
pub(crate) use problem::{Problems, read};
#[cfg(test)]
pub(crate) use reader::take_asked_keys;
pub(crate) use reader::{Placed, TableReader, hint, nearest};

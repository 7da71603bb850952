//! TOML files that people write: read key by key, with every problem told at
//! once and at its place. Knows no file in particular.

mod problem;
mod reader;

pub use problem::{ConfigError, Deprecations, Problem, renamed};
pub(crate) use problem::{Problems, read};
#[cfg(test)]
pub(crate) use reader::take_asked_keys;
pub(crate) use reader::{Placed, TableReader, hint, nearest};

//! Reads TOML files that users write, key by key, and reports every problem at once and
//! at its place. Knows no particular file.

mod problem;
mod reader;

pub use problem::{ConfigError, Deprecations, Problem, renamed};
pub use problem::{Problems, read};
#[cfg(feature = "asked-keys")]
pub use reader::{AskedKeys, take_asked_keys};
pub use reader::{Placed, SettingValues, TableReader, TextOrTable, hint, nearest};

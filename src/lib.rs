//! dbmatrix: does it hold on every version?
//!
//! The modules, top to bottom; each may use those below it, never those above
//! (`tests/architecture.rs` checks it, `docs/architecture.md` shows it): `cli`, `app`,
//! `prompt`, `report`, `doctor`, `root`, `run`, `event`, `plan`, `matrix`, `mysqltest`,
//! `suite`, `compare`, `server`, `nest`, `host`, `route`, `image`, `catalogue`, `engine`,
//! `privilege`, `session`, `read_only`, `outcome`, `sql_text`, `config`, `shard`, `file`,
//! `digest`, `name_rule`, `version`, `platform`.

mod app;
pub mod catalogue;
pub mod cli;
pub mod compare;
pub mod config;
pub mod digest;
pub mod doctor;
pub mod engine;
pub mod event;
pub mod file;
#[doc(hidden)]
pub mod fuzz;
pub mod host;
pub mod image;
pub mod matrix;
pub mod mysqltest;
pub mod name;
pub mod name_rule;
pub mod nest;
pub mod outcome;
pub mod plan;
mod platform;
pub mod privilege;
pub mod prompt;
pub mod provision;
pub mod read_only;
pub mod report;
pub mod root;
pub mod route;
pub mod run;
pub mod server;
pub mod session;
pub mod shard;
pub mod sql_text;
pub mod suite;
pub mod version;

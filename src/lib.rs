//! dbmatrix: does it hold on every version?
//!
//! The command line and what is near it: `cli`, `app`, `doctor`, `prompt`, `root`. The
//! crates below do the work; from top to bottom:
//!
//! - `dbmatrix-run`: a run, flavours side by side
//! - `dbmatrix-flavours`: the matrix, and how its servers come about
//! - `dbmatrix-report`: events and their readers
//! - `dbmatrix-containers`: the machine's engine, images, routes, nests
//! - `dbmatrix-sql`: suites, sessions, comparison
//! - `dbmatrix-engine`: a REST client for Incus and LXD
//! - `dbmatrix-config`, `dbmatrix-platform`: TOML; differences between operating systems
//!
//! A module may use those below it, never those above (`tests/architecture.rs` checks it,
//! `docs/architecture.md` shows it).

mod app;
pub mod cli;
pub mod doctor;
#[doc(hidden)]
pub mod fuzz;
pub mod prompt;
pub mod root;

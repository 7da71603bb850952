//! Windows. dbmatrix makes no servers there.

pub mod file;
pub mod machine;
pub mod process;
pub mod signal;
pub mod socket;
pub mod terminal;
pub mod user;

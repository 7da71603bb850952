//! Windows. dbmatrix makes no servers there.

pub(crate) mod file;
pub(crate) mod machine;
pub(crate) mod process;
pub(crate) mod signal;
pub(crate) mod socket;
pub(crate) mod terminal;
pub(crate) mod user;

//! Who runs this process.

use rustix::process::geteuid;

/// The user's number.
pub fn id() -> u32 {
    geteuid().as_raw()
}

/// Whether this process may do everything.
pub fn is_root() -> bool {
    geteuid().is_root()
}

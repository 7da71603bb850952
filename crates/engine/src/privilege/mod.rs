//! Determines the user who runs dbmatrix, and provides root access for the few operations
//! that need it.
//!
//! dbmatrix works with the rights of the user who runs it; if that user called it with
//! sudo, it assumes their rights before it opens anything. One process, the root helper,
//! runs as root and executes a fixed set of [`Request`]s; it ends with the process that
//! it serves. Only the module `root` knows what the requests do.

mod ask;
mod request;
mod start;
mod wire;

pub use ask::{PrivilegeError, ask_helper, ask_helper_now, connect, connect_async, has_helper};
pub use request::{Answer, Greeting, Request};
pub use start::{StartError, accept_helper, start_helper};
pub use start::{WAIT, abstract_name};
pub use wire::{receive, send};

/// Whether this process is root.
pub fn is_root() -> bool {
    dbmatrix_platform::user::is_root()
}

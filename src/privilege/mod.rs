//! Who runs dbmatrix, and the way to root for the few things that are root's.
//!
//! dbmatrix works with the rights of the user who runs it; where that user called it
//! by sudo, it takes theirs on before it opens anything. One process of root, the
//! root helper, carries out a fixed set of [`Request`]s; it ends when the process
//! that it serves ends. What the requests do is known to the module `root` alone.

mod ask;
mod request;
mod start;
mod wire;

pub use ask::{PrivilegeError, ask, ask_now, connect, connect_async, has_helper};
pub use request::{Answer, Greeting, Request};
pub use start::{StartError, accept_helper, start_helper};
pub(crate) use start::{WAIT, abstract_name};
pub use wire::{receive, send};

/// Whether this process may do everything.
pub fn is_root() -> bool {
    crate::platform::user::is_root()
}

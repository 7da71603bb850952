//! Root's part: the process that serves a user's dbmatrix, and what it does for it.
//!
//! The boundary is the one of sudo. Whoever may run dbmatrix by sudo is given the
//! engine, and with the engine the machine: both engines' manuals say that access to
//! their socket is root's. So the helper keeps nothing from its own user that the
//! engine would not give them. What it sees to is that nobody else gets anything by
//! it, and that root does nothing by itself that was not meant:
//!
//! - It serves one process, told by the kernel by its id, of the user who called sudo,
//!   and ends with that process. Engine and project are fixed when it starts.
//! - It takes the requests of the module `privilege` and nothing else, has no variable
//!   of the user's environment, and opens no path of the user's: what requests name is
//!   a nest, a lock, a package of a fixed list, or a socket that the engine and its
//!   packages name.
//! - It connects to sockets of an engine alone, of all those that are root's.
//! - What becomes of networks, routes and files it decides by what the engine and the
//!   kernel say, not by what a request says.

mod check;
mod detach;
mod serve;
mod verb;

pub use detach::{AttachError, attach, become_sudo_user, leave_behind};
pub use serve::serve;

use crate::host::EngineChoice;

/// What a helper works on; fixed when it starts.
#[derive(Debug, Clone)]
pub struct Scope {
    /// Which engine.
    pub engine: EngineChoice,
    /// The engine project that holds everything.
    pub project: String,
}

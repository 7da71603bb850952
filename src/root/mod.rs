//! The root helper: the process that serves a user's dbmatrix, and its operations.
//!
//! The security boundary is that of sudo. A user who may run dbmatrix with sudo gets the
//! engine, and with it full control of the machine: both engines' manuals say that access
//! to their socket is equivalent to root. The helper therefore withholds nothing from its
//! own user that the engine would not. It ensures that no other user gains anything, and
//! that root does nothing unintended:
//!
//! - It serves one process of the user who called sudo, which the kernel identifies by
//!   its id, and ends with that process. Engine and project are fixed when it starts.
//! - It accepts only the requests of the module `privilege`, uses no variable of the
//!   user's environment, and opens no path of the user's. Requests name a nest, a lock, a
//!   package of a fixed list, or a socket that the engine and its packages name.
//! - Of all of root's sockets, it connects only to those of an engine.
//! - For networks, routes and files it relies on what the engine and the kernel report,
//!   not on the content of a request.

mod check;
mod detach;
mod serve;
mod verb;

pub use detach::{AttachError, attach, become_sudo_user, leave_behind};
pub use serve::serve;

use dbmatrix_containers::host::EngineChoice;

/// The scope of a helper, fixed when it starts.
#[derive(Debug, Clone)]
pub struct Scope {
    /// The engine.
    pub engine: EngineChoice,
    /// The engine project that holds everything.
    pub project: String,
}

//! What differs from one operating system to another.
//!
//! The one seam between dbmatrix and the system: a folder a family of systems, in which
//! modules, types and functions have the same names and signatures. Engines, nests and
//! the root helper need Linux; elsewhere what they call is there and says so. A matrix of
//! external servers needs none of that. The kernel's routes have a file of their own for
//! the same reason, in `route`.

pub mod whole_file;

mod passed_signal;
#[cfg(unix)]
mod unix;
#[cfg(not(target_os = "linux"))]
mod unsupported;
#[cfg(windows)]
mod windows;

pub use passed_signal::Signal;
#[cfg(unix)]
pub use unix::{file, machine, process, signal, socket, terminal, user};
#[cfg(windows)]
pub use windows::{file, machine, process, signal, socket, terminal, user};

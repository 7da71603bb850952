//! What of the operating system only Linux has.
//!
//! The one seam between dbmatrix and Linux: elsewhere each of these is there and
//! says that it is not. Engines, nests and routes need them; a matrix of external
//! servers needs none. The kernel's routes have a file of their own for the same
//! reason, in `route`.

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod linux;

#[cfg(not(target_os = "linux"))]
pub(crate) use elsewhere::*;
#[cfg(target_os = "linux")]
pub(crate) use linux::*;

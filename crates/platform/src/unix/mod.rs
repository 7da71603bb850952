//! Linux, macOS and their like.

pub mod file;
pub mod machine;
pub mod process;
pub mod signal;
pub mod socket;
pub mod terminal;
pub mod user;

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod linux;

#[cfg(not(target_os = "linux"))]
use elsewhere as system;
#[cfg(target_os = "linux")]
use linux as system;

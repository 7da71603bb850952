//! What the machine has.

pub use super::system::{ensure_linux, is_cgroup2, uptime};

/// Bytes that are free on the disk of that folder.
pub fn free_space(folder: &str) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    Some(found.f_bavail * found.f_frsize)
}

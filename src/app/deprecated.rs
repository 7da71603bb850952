//! Words of an earlier release that this one still understands, and says so.

use crate::config::renamed;

/// Tells on standard error that something has another name now.
pub(crate) fn note(old: &str, new: &str) {
    eprintln!("note: {}", renamed(old, new));
}

/// Tells of the old names in a file.
pub(crate) fn note_all(deprecations: &[String]) {
    for one in deprecations {
        eprintln!("note: {one}");
    }
}

//! Deprecated names, which this release still accepts with a warning.

use dbmatrix_config::renamed;

/// Reports on standard error that something has a new name.
pub(crate) fn note(old: &str, new: &str) {
    eprintln!("note: {}", renamed(old, new));
}

/// Reports the deprecated names in a file.
pub(crate) fn note_all(deprecations: &[String]) {
    for one in deprecations {
        eprintln!("note: {one}");
    }
}

//! Base images: built from a Debian mirror, cached by a key of their inputs.
//!
//! Knows mmdebstrap, the files of a split image, and how an engine obtains one. Knows
//! nothing of nests and servers.

mod bootstrap;
mod build;
mod digest;
mod error;
mod mirror;
mod reach;
mod scratch;
mod store;

pub use build::{BaseImage, Builder, Building};
pub use error::ImageError;
pub use mirror::{Archive, archives, machine_checks_dates};
pub use mirror::{Entry as SourceEntry, read_deb822, read_lines as read_sources};
pub use reach::{Answer, ask_all, ask_for_files, fetch_failure, is_answer};
pub(crate) use store::KeyedLocks;
pub use store::{ImageOrigin, ImageStore, StoreError, has_image, image_metadata};

use std::path::PathBuf;

/// The folder of built images: the system's cache for root, else the user's.
pub fn cache_folder() -> PathBuf {
    if dbmatrix_platform::user::is_root() {
        return PathBuf::from("/var/cache/dbmatrix");
    }
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or(home)
        .unwrap_or_else(std::env::temp_dir)
        .join("dbmatrix")
}

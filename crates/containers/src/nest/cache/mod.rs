//! A nest with its golden children as one file, for a machine that has neither.
//!
//! The file holds the nest's own root file system and the trees of golden children, as tars.
//! A tree whose image another tree shares is kept as what differs from that one, and a copy
//! of that one is what it is made of again: on a copy-on-write pool both share their blocks
//! as before. No engine's database is in it, so any engine and any pool accepts it.
//!
//! Knows containers and trees; which golden children a matrix needs, callers say.

mod deb;
mod error;
mod file;
mod owners;
mod pipe;
mod restore;
mod save;
mod tree;

pub use error::CacheError;
pub use file::CacheFile;
pub use restore::{Restored, is_restored, note_restored, restore, restore_nest_image};
pub use save::{SaveRequest, complete_keys, save};

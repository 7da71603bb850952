//! `[defaults]`: the settings of every server, unless its flavour overrides them.

use std::path::{Path, PathBuf};

use dbmatrix_config::TableReader;

use super::pattern::{expand_any, find};
use crate::server::{Durability, MemoryProfile};

/// The settings of a server.
#[derive(Debug, Clone, Default)]
pub(super) struct Defaults {
    pub(super) settings: Vec<(String, String)>,
    pub(super) memory_profile: MemoryProfile,
    pub(super) durability: Durability,
    pub(super) setup: Vec<PathBuf>,
    pub(super) setup_files: SetupFiles,
}

/// Whether the files of `setup` must exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum SetupFiles {
    /// A run needs them.
    #[default]
    Required,
    /// The run is over, and they may have been removed since.
    Optional,
}

pub(super) fn read(top: &TableReader<'_>, folder: &Path, setup_files: SetupFiles) -> Defaults {
    let usual = Defaults {
        setup_files,
        ..Defaults::default()
    };
    let Some(table) = top.table("defaults") else {
        return usual;
    };
    let defaults = usual.but_for(&table, folder);
    table.finish();
    defaults
}

impl Defaults {
    /// These, with the overrides in a table.
    pub(super) fn but_for(&self, table: &TableReader<'_>, folder: &Path) -> Self {
        let profiles = [
            ("small", MemoryProfile::Small),
            ("default", MemoryProfile::Default),
        ];
        let durabilities = [
            ("strict", Durability::Strict),
            ("relaxed", Durability::Relaxed),
        ];
        let own = table.settings("settings");
        let plain = |name: &str| name.replace('_', "-");
        let is_own = |name: &str| own.iter().any(|(other, _)| plain(other) == plain(name));
        let mut settings = self.settings.clone();
        settings.retain(|(name, _)| !is_own(name));
        settings.extend(own.iter().cloned());
        Defaults {
            memory_profile: table
                .choice_with_renamed(
                    table.renamed("footprint", "memory-profile"),
                    &profiles,
                    &[("stock", "default")],
                )
                .unwrap_or(self.memory_profile),
            durability: table
                .choice("durability", &durabilities)
                .unwrap_or(self.durability),
            settings,
            setup: match table.texts("setup") {
                Some(patterns) => {
                    let patterns = patterns.value.iter();
                    let files = patterns.flat_map(|pattern| match self.setup_files {
                        SetupFiles::Required => expand_any(table, folder, pattern),
                        SetupFiles::Optional => find(folder, pattern).unwrap_or_default(),
                    });
                    files.collect()
                }
                None => self.setup.clone(),
            },
            setup_files: self.setup_files,
        }
    }
}

//! `[defaults]`: how every server is set unless its flavour says otherwise.

use crate::config::TableReader;
use crate::server::{Durability, MemoryProfile};

/// How a server is set.
#[derive(Debug, Clone, Default)]
pub(super) struct Defaults {
    pub(super) settings: Vec<(String, String)>,
    pub(super) memory_profile: MemoryProfile,
    pub(super) durability: Durability,
}

pub(super) fn read(top: &TableReader<'_>) -> Defaults {
    let Some(table) = top.table("defaults") else {
        return Defaults::default();
    };
    let defaults = Defaults::default().but_for(&table);
    table.finish();
    defaults
}

impl Defaults {
    /// These, but for what a table says of the same.
    pub(super) fn but_for(&self, table: &TableReader<'_>) -> Self {
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
        }
    }
}

//! `[defaults]`: how every server is set up, unless its flavour says otherwise.

use std::path::Path;

use dbmatrix_config::TableReader;

use super::{SetupFile, files, login, setup, tls};
use crate::server::{Certificates, Durability, LoginSpec, MemoryProfile, PlacedFile};

/// How a server is set up.
#[derive(Debug, Clone)]
pub(super) struct Defaults {
    pub(super) settings: Vec<(String, String)>,
    pub(super) memory_profile: MemoryProfile,
    pub(super) durability: Durability,
    pub(super) files: Vec<PlacedFile>,
    pub(super) certificates: Option<Certificates>,
    pub(super) login: LoginSpec,
    pub(super) time_zones: bool,
    pub(super) setup: Vec<SetupFile>,
    local_files: LocalFiles,
}

/// Whether the files that a matrix names must exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LocalFiles {
    /// A run needs them.
    Required,
    /// The run is over, and they may have been removed since.
    Optional,
}

pub(super) fn read(top: &TableReader<'_>, folder: &Path, local_files: LocalFiles) -> Defaults {
    let usual = Defaults {
        settings: Vec::new(),
        memory_profile: MemoryProfile::default(),
        durability: Durability::default(),
        files: Vec::new(),
        certificates: None,
        login: LoginSpec::default(),
        time_zones: true,
        setup: Vec::new(),
        local_files,
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
        let mut placed = self.files.clone();
        for file in files::read(table, folder, self.local_files) {
            placed.retain(|other| other.to != file.to);
            placed.push(file);
        }
        let certificates = tls::read(table, folder, self.local_files);
        let certificates = certificates.or_else(|| self.certificates.clone());
        if certificates.is_some() {
            refuse_second_certificates(table, &settings);
        }
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
            files: placed,
            certificates,
            login: login::read(table, folder, self.local_files, &self.login),
            time_zones: table
                .flag("time-zones")
                .map_or(self.time_zones, |flag| flag.value),
            setup: setup::read(table, folder, self.local_files)
                .unwrap_or_else(|| self.setup.clone()),
            local_files: self.local_files,
        }
    }
}

/// Two sets of certificates would be a riddle for whoever reads the file.
fn refuse_second_certificates(table: &TableReader<'_>, settings: &[(String, String)]) {
    let is_one = |name: &str| ["ssl-ca", "ssl-cert", "ssl-key"].contains(&&*name.replace('_', "-"));
    if let Some((name, _)) = settings.iter().find(|(name, _)| is_one(name)) {
        let at = table.span_of("tls").or_else(|| table.span_of("settings"));
        table.problem(
            at.unwrap_or_else(|| table.span()),
            format!("`tls` and the setting `{name}` name certificates; remove one of them"),
        );
    }
}

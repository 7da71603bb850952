//! The matrix file: its flavours, nest and suites.
//!
//! Reports every problem in a file at once, at its place. Knows the catalogue and what a
//! server's installation needs; starts nothing.

mod defaults;
mod external;
mod files;
mod flavour;
mod image;
mod installation;
mod locked;
mod log;
mod login;
mod measure;
mod mirror;
mod nest;
mod pattern;
pub mod reference;
mod replication;
mod rules;
mod run;
mod servers;
mod setup;
mod suite;
mod tls;
mod upgrade;
mod vary;

pub use external::{External, ExternalError, Permissions, UrlSource};
pub use flavour::{Flavour, Managed, Source};
pub use locked::{Locked, MatrixLock};
pub use log::{LogSpec, Writes};
pub use measure::{EXPECTED_FACTOR, MeasureSpec};
pub use nest::NestSpec;
pub use replication::Replication;
pub use run::{After, RunSpec};
pub use servers::NamedServer;
pub use setup::SetupFile;
pub use suite::{CommandSpec, Expect, FilesSpec, Isolation, MysqltestSpec, SuiteKind, SuiteSpec};
pub use upgrade::{UpgradeMethod, UpgradePath, UpgradeSpec};

use std::path::{Path, PathBuf};

use dbmatrix_config::{ConfigError, Deprecations, Problems, TableReader, read};
use dbmatrix_containers::image::BaseImage;
use toml::Spanned;
use toml::de::DeTable;

use defaults::{Defaults, LocalFiles};
use flavour::Common;
use mirror::Mirror;

/// The file's kind in messages.
const WHAT: &str = "matrix file";

/// A checked matrix file.
#[derive(Debug, Clone)]
pub struct Matrix {
    /// The file.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
    /// The nest.
    pub nest: NestSpec,
    /// The settings of a run.
    pub run: RunSpec,
    /// The flavours, in the order of the file.
    pub flavours: Vec<Flavour>,
    /// The suites, in the order of the file.
    pub suites: Vec<SuiteSpec>,
    /// The upgrades, in the order of the file.
    pub upgrades: Vec<UpgradeSpec>,
    /// Deprecated names in the file.
    pub deprecations: Deprecations,
}

impl Matrix {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// [`ConfigError`] with all problems of the file.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Self::parse(path, &Self::read_text(path)?)
    }

    /// The text of a file.
    ///
    /// # Errors
    /// [`ConfigError`] if it cannot be read.
    pub fn read_text(path: &Path) -> Result<String, ConfigError> {
        read(WHAT, path)
    }

    /// Reads and checks a text as if it came from a file at `path`.
    ///
    /// # Errors
    /// As [`Matrix::load`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let problems = Problems::default();
        let table = parse_table(text, &problems);
        let top = TableReader::new(table.get_ref(), 0..text.len().min(1), &problems);
        let folder = folder_of(path);
        let Frame {
            images,
            mirrors,
            nest,
            defaults,
            run,
        } = Frame::read(&top, path);
        let flavours = flavour::read_all(&top, folder, &images, &mirrors, &defaults);
        let suites = suite::read_all(&top, folder, &flavours, &images);
        let common = Common {
            folder,
            images: &images,
            mirrors: &mirrors,
            defaults: &defaults,
        };
        let upgrades = upgrade::read_all(&top, &flavours, &suites, common);
        top.finish();
        if flavours.is_empty() && upgrades.is_empty() && problems.is_empty() {
            problems.add(
                0..0,
                "expected at least one flavour: `flavours = [\"mysql:9.7\"]` or `[[flavour]]`"
                    .to_owned(),
            );
        }
        let deprecations = problems.into_result(WHAT, path, &external::masked(text))?;
        Ok(Matrix {
            path: path.to_owned(),
            text: text.to_owned(),
            nest,
            run,
            flavours,
            suites,
            upgrades,
            deprecations,
        })
    }

    /// Reads only the flavours of a text that was checked before.
    ///
    /// # Errors
    /// As of [`Matrix::load`], for the flavours.
    pub fn parse_flavours(path: &Path, text: &str) -> Result<Vec<Flavour>, ConfigError> {
        let problems = Problems::default();
        let (table, _) = DeTable::parse_recoverable(text);
        let top = TableReader::new(table.get_ref(), 0..text.len().min(1), &problems);
        let images = image::read_all(&top);
        let folder = folder_of(path);
        let mirrors = mirror::read_all(&top, folder);
        let defaults = defaults::read(&top, folder, LocalFiles::Optional);
        let flavours = flavour::read_all(&top, folder, &images, &mirrors, &defaults);
        problems.into_result(WHAT, path, &external::masked(text))?;
        Ok(flavours)
    }
}

/// What a file says apart from its flavours and suites.
struct Frame {
    images: Vec<BaseImage>,
    mirrors: Vec<Mirror>,
    nest: NestSpec,
    defaults: Defaults,
    run: RunSpec,
}

impl Frame {
    fn read(top: &TableReader<'_>, path: &Path) -> Self {
        let folder = folder_of(path);
        let images = image::read_all(top);
        Frame {
            mirrors: mirror::read_all(top, folder),
            nest: nest::read(top, path, &images),
            defaults: defaults::read(top, folder, LocalFiles::Required),
            run: run::read(top),
            images,
        }
    }
}

/// The tables of a text, as far as they can be read; problems are added.
fn parse_table<'t>(text: &'t str, problems: &Problems) -> Spanned<DeTable<'t>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        problems.add(error.span().unwrap_or(0..0), error.message().to_owned());
    }
    table
}

/// The folder that the paths of a matrix file are relative to.
fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

#[cfg(test)]
mod tests;

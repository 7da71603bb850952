//! How to install one server from one source.

use serde::Deserialize;

/// Kinds of sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceKind {
    /// A Debian suite.
    Debian,
    /// The vendor's own apt repository.
    Vendor,
    /// A binary tarball that the matrix names.
    Tarball,
}

impl SourceKind {
    /// All kinds.
    pub const ALL: [SourceKind; 3] = [SourceKind::Debian, SourceKind::Vendor, SourceKind::Tarball];

    /// The word used in matrix files.
    pub fn as_str(self) -> &'static str {
        match self {
            SourceKind::Debian => "debian",
            SourceKind::Vendor => "vendor",
            SourceKind::Tarball => "tarball",
        }
    }
}

/// What is needed to install a server from Debian packages.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Recipe {
    /// The kind of source.
    pub source: SourceKind,
    /// The child's image, such as `debian:sid`.
    pub image: String,
    /// Packages to install.
    pub packages: Vec<String>,
    /// The systemd unit.
    pub service: String,
    /// The folder whose files are read after the package's own settings.
    pub settings_folder: String,
    /// The repository, for a vendor's packages.
    #[serde(default)]
    pub repository: Option<RepositoryRecipe>,
    /// Preset answers for debconf.
    #[serde(default)]
    pub debconf: Vec<String>,
}

/// An apt repository.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RepositoryRecipe {
    /// Its addresses: some vendors' packages need a second archive.
    pub urls: Vec<String>,
    /// Its suite.
    pub suite: String,
    /// Its components.
    pub components: Vec<String>,
    /// Address of its signing key.
    pub key: String,
    /// Full fingerprints of the keys that the key file may contain.
    #[serde(default)]
    pub fingerprints: Vec<String>,
}

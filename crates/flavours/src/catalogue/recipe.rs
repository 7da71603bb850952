//! How to install one server from one source.

use std::fmt;

use serde::Deserialize;

/// Kinds of sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceKind {
    /// A Debian suite.
    Debian,
    /// The vendor's own apt repository.
    Vendor,
    /// A binary tarball of the vendor.
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

/// A processor architecture, by Debian's word for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Architecture {
    /// x86, 64 bits.
    Amd64,
    /// ARM, 64 bits.
    Arm64,
}

impl Architecture {
    /// All of them.
    pub(super) fn all() -> Vec<Architecture> {
        vec![Architecture::Amd64, Architecture::Arm64]
    }

    /// That of this machine, if vendors build for it.
    pub fn of_this_machine() -> Option<Self> {
        match std::env::consts::ARCH {
            "x86_64" => Some(Architecture::Amd64),
            "aarch64" => Some(Architecture::Arm64),
            _ => None,
        }
    }

    /// Debian's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Architecture::Amd64 => "amd64",
            Architecture::Arm64 => "arm64",
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is needed to install a server.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The kind of source.
    pub source: SourceKind,
    /// The architectures for which it is published.
    pub architectures: Vec<Architecture>,
    /// The child's image, such as `debian:sid`.
    pub image: String,
    /// Packages to install: the server, or what a tarball needs.
    pub packages: Vec<String>,
    /// The systemd unit of packages.
    pub service: String,
    /// The folder whose files are read after the package's own settings.
    pub settings_folder: String,
    /// Preset answers for debconf.
    pub debconf: Vec<String>,
    /// The repository, for a vendor's packages.
    pub repository: Option<RepositoryRecipe>,
    /// Whether the repository is used only if the image's own mirror lacks the release.
    pub only_if_missing: bool,
    /// The tarball, if it is one.
    pub tarball: Option<TarballRecipe>,
}

impl Recipe {
    /// Its main address, if it is not the image's own mirror.
    pub fn url(&self) -> Option<&str> {
        let repository = self
            .repository
            .iter()
            .flat_map(|repository| &repository.urls);
        let tarball = self.tarball.iter().flat_map(|tarball| &tarball.urls);
        repository.chain(tarball).next().map(String::as_str)
    }
}

/// An apt repository.
#[derive(Debug, Clone)]
pub struct RepositoryRecipe {
    /// Its addresses: some vendors' packages need a second archive.
    pub urls: Vec<String>,
    /// Its suite.
    pub suite: String,
    /// Its components.
    pub components: Vec<String>,
    /// The key that signs it.
    pub key: KeyRecipe,
}

/// A binary tarball.
#[derive(Debug, Clone)]
pub struct TarballRecipe {
    /// Where it may be, the likeliest address first.
    pub urls: Vec<String>,
    /// How it is known to be the vendor's.
    pub proof: TarballProof,
}

/// How a tarball is known to be the vendor's.
#[derive(Debug, Clone)]
pub enum TarballProof {
    /// Its checksum, such as `sha256:…`.
    Checksum(String),
    /// The detached signature beside it.
    Signature(KeyRecipe),
}

/// A signing key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct KeyRecipe {
    /// Address of the key file.
    pub url: String,
    /// Full fingerprints of the keys that may sign.
    pub fingerprints: Vec<String>,
}

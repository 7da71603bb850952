//! What is to be installed and how it is to be set.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use crate::session::Secret;
use crate::version::{Family, Version};

/// A server as a flavour wants it.
#[derive(Debug, Clone)]
pub struct ServerSpec {
    /// Checked after the start.
    pub family: Family,
    /// Checked after the start, as a prefix.
    pub version: Version,
    /// Where it comes from.
    pub installation: Installation,
    /// Names and values of the `[mysqld]` section.
    pub settings: Vec<(String, String)>,
    /// How much memory it takes.
    pub memory_profile: MemoryProfile,
    /// Whether its writes are waited for.
    pub durability: Durability,
}

impl ServerSpec {
    /// Whether the settings name this one; `-` and `_` are the same.
    pub(super) fn sets(&self, name: &str) -> bool {
        let plain = |name: &str| name.replace('_', "-");
        self.settings
            .iter()
            .any(|(set, _)| plain(set) == plain(name))
    }
}

/// How much memory a server takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MemoryProfile {
    /// Buffers and instrumentation of a size for tests.
    #[default]
    Small,
    /// As its package has it.
    Default,
}

/// Whether a server's writes are waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// As its settings have it.
    #[default]
    Strict,
    /// Never: what the machine loses with its power is lost.
    Relaxed,
}

/// Where a server comes from.
#[derive(Debug, Clone)]
pub enum Installation {
    /// Debian packages.
    Packages(Packages),
    /// A vendor's binary tarball.
    Tarball(Tarball),
}

/// A server as Debian packages.
#[derive(Debug, Clone)]
pub struct Packages {
    /// Their names.
    pub names: Vec<String>,
    /// Another repository than the image's own.
    pub repository: Option<Repository>,
    /// The systemd unit.
    pub service: String,
    /// The folder whose files are read after the package's own.
    pub settings_folder: String,
    /// Debconf answers, a line each (debconf-set-selections(1)).
    pub debconf: Vec<String>,
}

/// An apt repository with its key.
#[derive(Debug, Clone)]
pub struct Repository {
    /// Its addresses, of which the first is named in messages.
    pub urls: Vec<String>,
    /// Its suite; one that ends in `/` is a flat repository.
    pub suite: String,
    /// Its components.
    pub components: Vec<String>,
    /// Its signing key.
    pub key: KeySource,
    /// Full fingerprints of the keys that the key file may hold; none: any.
    pub fingerprints: Vec<String>,
}

impl Repository {
    /// The address that messages name.
    pub fn url(&self) -> &str {
        self.urls.first().map_or("", String::as_str)
    }
}

/// Where a signing key is.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// Fetched in the child.
    Url(String),
    /// A file of this machine.
    File(PathBuf),
}

/// A server as a tarball.
#[derive(Debug, Clone)]
pub struct Tarball {
    /// Where it is.
    pub source: TarballSource,
    /// Debian packages that it needs beside.
    pub packages: Vec<String>,
}

/// Where a tarball is.
#[derive(Debug, Clone)]
pub enum TarballSource {
    /// Fetched in the child.
    Url {
        /// Its address.
        url: String,
        /// Of the whole file, in hexadecimal.
        sha256: String,
    },
    /// A file of this machine.
    File {
        /// Where it is.
        path: PathBuf,
        /// Of the whole file, in hexadecimal, if it is to be checked.
        sha256: Option<String>,
    },
}

impl Installation {
    /// Where it comes from, where that is not the image's own mirror.
    pub fn origin(&self) -> Option<String> {
        match self {
            Installation::Packages(packages) => {
                let repository = packages.repository.as_ref()?;
                Some(format!("{} {}", repository.url(), repository.suite))
            }
            Installation::Tarball(tarball) => Some(match &tarball.source {
                TarballSource::Url { url, sha256 } => format!("{url} sha256:{sha256}"),
                TarballSource::File { path, sha256 } => match sha256 {
                    Some(sha256) => format!("{} sha256:{sha256}", path.display()),
                    None => path.display().to_string(),
                },
            }),
        }
    }

    /// The systemd unit of the server.
    pub fn service(&self) -> &str {
        match self {
            Installation::Packages(packages) => &packages.service,
            Installation::Tarball(_) => super::tarball::SERVICE,
        }
    }
}

/// The user who is reached from the host.
#[derive(Debug, Clone)]
pub struct RoutedUser {
    /// The address that the kernel uses as source towards the children.
    pub address: Ipv4Addr,
    /// Its password.
    pub password: Secret,
}

impl RoutedUser {
    /// Its name.
    pub const NAME: &'static str = "root";

    /// Statements that make it, one a line as `init-file` wants them. Each
    /// start of the server runs them, so they hold when they are repeated.
    ///
    /// MySQL knows `CREATE USER IF NOT EXISTS` since 5.7.8 and no `GRANT …
    /// IDENTIFIED BY` since 8.0.11; MariaDB knows the former since 10.1.3.
    pub(super) fn statements(&self, family: Family, version: Version) -> String {
        let user = format!("'{}'@'{}'", Self::NAME, self.address);
        let password = self.password.reveal();
        let old = match family {
            Family::Mariadb => version < Version::release(10, 2),
            _ => version < Version::release(5, 7),
        };
        if old {
            return format!(
                "GRANT ALL PRIVILEGES ON *.* TO {user} IDENTIFIED BY '{password}' WITH GRANT OPTION;\n"
            );
        }
        format!(
            "CREATE USER IF NOT EXISTS {user} IDENTIFIED BY '{password}';\n\
             ALTER USER {user} IDENTIFIED BY '{password}';\n\
             GRANT ALL PRIVILEGES ON *.* TO {user} WITH GRANT OPTION;\n"
        )
    }
}

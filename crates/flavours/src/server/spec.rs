//! The specification of a server: what to install and how to configure it.

use std::fmt;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use dbmatrix_containers::nest::{ClientCertificates, UserLogin};
use dbmatrix_sql::session::Secret;
use dbmatrix_sql::version::{Family, Version};

use super::checksum::Checksum;
use super::replication::Member;

/// A server as a flavour specifies it.
#[derive(Debug, Clone)]
pub struct ServerSpec {
    /// Checked after the start.
    pub family: Family,
    /// Checked after the start, as a prefix.
    pub version: Version,
    /// Its source.
    pub installation: Installation,
    /// Names and values of the `[mysqld]` section.
    pub settings: Vec<(String, String)>,
    /// How much memory it takes.
    pub memory_profile: MemoryProfile,
    /// Whether it waits for its writes.
    pub durability: Durability,
    /// The user's own files in its container.
    pub files: Vec<PlacedFile>,
    /// The user's own certificates.
    pub certificates: Option<Certificates>,
    /// A login in place of dbmatrix's own.
    pub login: LoginSpec,
    /// Whether its tables of time zones are filled.
    pub time_zones: bool,
    /// Its part in a flavour of several servers.
    pub member: Option<Member>,
}

impl ServerSpec {
    /// Whether the settings contain this name; `-` and `_` are the same.
    pub(super) fn sets(&self, name: &str) -> bool {
        let plain = |name: &str| name.replace('_', "-");
        self.settings
            .iter()
            .any(|(set, _)| plain(set) == plain(name))
    }

    /// Adds settings, in place of those of the same names.
    pub(crate) fn set(&mut self, settings: &[(String, String)]) {
        let plain = |name: &str| name.replace('_', "-");
        let is_new = |name: &str| settings.iter().any(|(new, _)| plain(new) == plain(name));
        self.settings.retain(|(name, _)| !is_new(name));
        self.settings.extend(settings.iter().cloned());
    }

    /// The same server as a flavour of its own.
    pub(crate) fn alone(&self) -> ServerSpec {
        ServerSpec {
            member: None,
            ..self.clone()
        }
    }
}

/// A file of this machine that a server's container receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedFile {
    /// Its path here.
    pub from: PathBuf,
    /// Its path in the container.
    pub to: String,
}

/// Certificates and keys in PEM form, files of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificates {
    /// The certificate authority, for both sides.
    pub ca: PathBuf,
    /// The server's certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// Certificate and key of clients, unless they use the server's.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// The parts of a login that are fixed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoginSpec {
    /// The user's name.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<Secret>,
    /// A database that is there at each start.
    pub database: Option<String>,
}

/// How much memory a server takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MemoryProfile {
    /// Buffers and instrumentation sized for tests.
    #[default]
    Small,
    /// The package's own sizes.
    Default,
}

/// Whether a server waits for its writes to reach the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// As its settings say.
    #[default]
    Strict,
    /// Never: a power failure of the machine loses data.
    Relaxed,
}

/// The source of a server.
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
    /// The beginning of the only version to install, such as `8.0.36-28`, where it is more
    /// than the server's version says.
    pub pin: Option<String>,
    /// A repository other than the image's own.
    pub repository: Option<Repository>,
    /// Whether that repository is used only if the image's own mirror lacks the release.
    pub only_if_missing: bool,
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
    /// Its addresses; messages name the first.
    pub urls: Vec<String>,
    /// Its suite; one that ends in `/` is a flat repository.
    pub suite: String,
    /// Its components.
    pub components: Vec<String>,
    /// Its signing key.
    pub key: KeySource,
    /// Full fingerprints of the keys that the key file may contain; empty allows any.
    pub fingerprints: Vec<String>,
}

impl Repository {
    /// The address that messages name.
    pub fn url(&self) -> &str {
        self.urls.first().map_or("", String::as_str)
    }
}

/// The location of a signing key.
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
    /// Debian packages that it needs in addition.
    pub packages: Vec<String>,
}

/// The location of a tarball.
#[derive(Debug, Clone)]
pub enum TarballSource {
    /// Fetched in the child.
    Url {
        /// Where it may be, the likeliest address first.
        urls: Vec<String>,
        /// How dbmatrix knows that it is the vendor's.
        proof: Proof,
    },
    /// A file of this machine.
    File {
        /// Its path.
        path: PathBuf,
        /// Of the whole file, if it is checked.
        checksum: Option<Checksum>,
    },
}

impl TarballSource {
    /// The name that messages use.
    pub fn name(&self) -> String {
        match self {
            TarballSource::Url { urls, .. } => urls.first().cloned().unwrap_or_default(),
            TarballSource::File { path, .. } => path.display().to_string(),
        }
    }
}

/// How dbmatrix verifies a file that it fetches.
#[derive(Debug, Clone)]
pub enum Proof {
    /// By its checksum.
    Checksum(Checksum),
    /// By the detached signature beside it, whose name ends in `.asc`.
    Signature {
        /// The key that the signature is checked with.
        key: KeySource,
        /// Full fingerprints of the primary keys that may sign; empty allows any of a key
        /// file.
        fingerprints: Vec<String>,
    },
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Proof::Checksum(checksum) => checksum.fmt(f),
            Proof::Signature {
                key: KeySource::File(path),
                fingerprints,
            } if fingerprints.is_empty() => write!(f, "signed by the key {}", path.display()),
            Proof::Signature { fingerprints, .. } => {
                write!(f, "signed by {}", fingerprints.join(" or "))
            }
        }
    }
}

impl Installation {
    /// The source, if it is not the image's own mirror.
    pub fn origin(&self) -> Option<String> {
        match self {
            Installation::Packages(packages) => {
                let repository = packages.repository.as_ref()?;
                let before = if packages.only_if_missing {
                    "Debian or "
                } else {
                    ""
                };
                Some(format!("{before}{} {}", repository.url(), repository.suite))
            }
            Installation::Tarball(tarball) => {
                let name = tarball.source.name();
                let proof = match &tarball.source {
                    TarballSource::Url { proof, .. } => Some(proof.to_string()),
                    TarballSource::File { checksum, .. } => {
                        checksum.as_ref().map(Checksum::to_string)
                    }
                };
                Some(proof.map_or(name.clone(), |proof| format!("{name} {proof}")))
            }
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

impl Certificates {
    /// Those that clients need, as whole paths.
    pub fn for_clients(&self) -> ClientCertificates {
        let Certificates {
            ca,
            certificate,
            key,
            client,
        } = self;
        let (certificate, key) = match client {
            Some((certificate, key)) => (certificate, key),
            None => (certificate, key),
        };
        let whole = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        ClientCertificates {
            ca: Some(whole(ca)),
            certificate: Some(whole(certificate)),
            key: Some(whole(key)),
        }
    }
}

impl ServerSpec {
    /// The user's own files for clients of this server.
    pub(super) fn client_certificates(&self) -> ClientCertificates {
        let given = self.certificates.as_ref();
        given.map(Certificates::for_clients).unwrap_or_default()
    }
}

/// The user who connects from the host.
#[derive(Debug, Clone)]
pub struct RoutedUser {
    /// The source address that the kernel uses towards the children.
    pub address: Ipv4Addr,
    /// Its login; the matrix reader has refused what would need quotes.
    pub login: UserLogin,
}

impl RoutedUser {
    /// A user with the fixed parts of a login, and else with the usual name and this
    /// password.
    pub fn new(address: Ipv4Addr, fixed: &LoginSpec, password: Secret) -> Self {
        let login = UserLogin {
            user: fixed
                .user
                .clone()
                .unwrap_or_else(|| UserLogin::USER.to_owned()),
            password: fixed.password.clone().unwrap_or(password),
            database: fixed.database.clone(),
        };
        RoutedUser { address, login }
    }

    /// Statements that create it and its database, one a line as `init-file` requires.
    /// Each start of the server runs them, so they can be repeated.
    ///
    /// MySQL supports `CREATE USER IF NOT EXISTS` since 5.7.8 and no `GRANT … IDENTIFIED
    /// BY` since 8.0.11; MariaDB supports the former since 10.1.3.
    pub fn statements(&self, family: Family, version: Version) -> String {
        let database = self.login.database.as_ref();
        let database = database.map(|name| format!("CREATE DATABASE IF NOT EXISTS `{name}`;\n"));
        self.user_statements(family, version) + &database.unwrap_or_default()
    }

    fn user_statements(&self, family: Family, version: Version) -> String {
        let user = format!("'{}'@'{}'", self.login.user, self.address);
        let grant = ("ALL PRIVILEGES", " WITH GRANT OPTION");
        user_statements(&user, &self.login.password, grant, family, version)
    }
}

/// Statements that create a user, one a line: what it may do, and what follows its name.
pub(super) fn user_statements(
    user: &str,
    password: &Secret,
    (privileges, option): (&str, &str),
    family: Family,
    version: Version,
) -> String {
    let password = password.reveal();
    let old = match family {
        Family::Mariadb => version < Version::release(10, 2),
        _ => version < Version::release(5, 7),
    };
    if old {
        return format!(
            "GRANT {privileges} ON *.* TO {user} IDENTIFIED BY '{password}'{option};\n"
        );
    }
    format!(
        "CREATE USER IF NOT EXISTS {user} IDENTIFIED BY '{password}';\n\
         ALTER USER {user} IDENTIFIED BY '{password}';\n\
         GRANT {privileges} ON *.* TO {user}{option};\n"
    )
}

//! Finds an engine: running, installed, or installable.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::str::FromStr;

use dbmatrix_engine::{Engine, EngineError};
use dbmatrix_platform::user;
use futures_util::{StreamExt, stream};

use super::package::{has_candidate, os_release};
use super::{has_program, program};

/// Which of the two engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineKind {
    /// Linux Containers' Incus.
    Incus,
    /// Canonical's LXD.
    Lxd,
}

impl EngineKind {
    /// The engine's official name.
    pub fn title(self) -> &'static str {
        match self {
            EngineKind::Incus => "Incus",
            EngineKind::Lxd => "LXD",
        }
    }

    /// The sockets of its packages.
    pub(super) fn sockets(self) -> &'static [&'static str] {
        match self {
            EngineKind::Incus => &["/var/lib/incus/unix.socket", "/run/incus/unix.socket"],
            EngineKind::Lxd => &[
                "/var/lib/lxd/unix.socket",
                "/var/snap/lxd/common/lxd/unix.socket",
            ],
        }
    }

    /// Its daemon, if it is installed.
    pub(super) fn daemon(self) -> Option<PathBuf> {
        match self {
            EngineKind::Incus => program("incusd"),
            EngineKind::Lxd => program("lxd"),
        }
    }

    /// The Unix group that may use its socket.
    pub(super) fn group(self) -> &'static str {
        match self {
            EngineKind::Incus => "incus-admin",
            EngineKind::Lxd => "lxd",
        }
    }

    /// The systemd units of its socket and its service. LXD's snap has names of its own.
    pub(super) fn units(self, root: &Path) -> [&'static str; 2] {
        let has_snap = root.join("snap/lxd/current").exists();
        match self {
            EngineKind::Incus => ["incus.socket", "incus.service"],
            EngineKind::Lxd if has_snap => {
                ["snap.lxd.daemon.unix.socket", "snap.lxd.daemon.service"]
            }
            EngineKind::Lxd => ["lxd.socket", "lxd.service"],
        }
    }

    /// The Debian package of an engine that runs only containers.
    pub fn package(self) -> &'static str {
        match self {
            EngineKind::Incus => "incus-base",
            EngineKind::Lxd => "lxd",
        }
    }
}

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title())
    }
}

/// The engine that the user chose.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum EngineChoice {
    /// A running one if possible, else an installed one; Incus before LXD.
    #[default]
    Any,
    /// Only this kind.
    Kind(EngineKind),
    /// The one that listens on this socket.
    Socket(PathBuf),
    /// One on another machine.
    Remote(RemoteChoice),
}

/// An engine on another machine, by the name that the user gave it.
#[derive(Debug, Clone)]
pub struct RemoteChoice {
    /// The name.
    pub name: String,
    /// Its client.
    pub engine: Engine,
    /// The file of the certificate that the engine must trust.
    pub client_certificate: PathBuf,
}

/// A name means one engine.
impl PartialEq for RemoteChoice {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for RemoteChoice {}

impl EngineChoice {
    /// The word on the command line; `None` for any engine.
    pub fn to_word(&self) -> Option<OsString> {
        match self {
            EngineChoice::Any => None,
            EngineChoice::Kind(EngineKind::Incus) => Some("incus".into()),
            EngineChoice::Kind(EngineKind::Lxd) => Some("lxd".into()),
            EngineChoice::Socket(path) => Some(path.into()),
            EngineChoice::Remote(remote) => Some((&remote.name).into()),
        }
    }

    /// The engine on another machine, if that was chosen.
    pub fn remote(&self) -> Option<&RemoteChoice> {
        match self {
            EngineChoice::Remote(remote) => Some(remote),
            _ => None,
        }
    }
}

impl FromStr for EngineChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "incus" => Ok(EngineChoice::Kind(EngineKind::Incus)),
            "lxd" => Ok(EngineChoice::Kind(EngineKind::Lxd)),
            path if path.starts_with('/') => Ok(EngineChoice::Socket(path.into())),
            other => Err(format!(
                "expected `incus`, `lxd` or the absolute path of a socket; found `{other}`"
            )),
        }
    }
}

/// The engines found on this machine.
#[derive(Debug, Clone)]
pub enum EngineProbe {
    /// An engine answers.
    Running(Engine),
    /// An engine is installed, but its daemon does not run.
    Installed(EngineKind),
    /// No engine is installed; this one can be.
    Absent(EngineKind),
}

impl fmt::Display for EngineProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = |kind: &EngineKind| kind.title();
        match self {
            EngineProbe::Running(engine) => {
                write!(f, "an engine answers on `{}`", engine.address())
            }
            EngineProbe::Installed(kind) => {
                write!(f, "{} is installed and does not run", named(kind))
            }
            EngineProbe::Absent(kind) => {
                write!(f, "no engine is installed; {} can be", named(kind))
            }
        }
    }
}

/// The existing sockets of the chosen engine, which may have a listener.
pub fn sockets(choice: &EngineChoice) -> Vec<PathBuf> {
    let all: Vec<&str> = match choice {
        EngineChoice::Socket(socket) => return vec![socket.clone()],
        EngineChoice::Remote(_) => return Vec::new(),
        EngineChoice::Kind(kind) => kind.sockets().to_vec(),
        EngineChoice::Any => [EngineKind::Incus.sockets(), EngineKind::Lxd.sockets()].concat(),
    };
    let paths = all.into_iter().map(PathBuf::from);
    paths.filter(|path| path.exists()).collect()
}

/// Whether an engine listens on its packages' usual socket: a daemon started by dbmatrix
/// does, and another one may exist on the same machine.
pub fn is_usual(engine: &Engine) -> bool {
    let usual = [EngineKind::Incus.sockets(), EngineKind::Lxd.sockets()].concat();
    usual
        .iter()
        .any(|socket| Path::new(socket) == engine.socket())
}

/// Finds an engine without changing anything.
pub async fn detect_engine(choice: &EngineChoice) -> EngineProbe {
    let kinds: &[EngineKind] = match choice {
        EngineChoice::Socket(socket) => return EngineProbe::Running(Engine::new(socket)),
        EngineChoice::Remote(remote) => return EngineProbe::Running(remote.engine.clone()),
        EngineChoice::Kind(EngineKind::Incus) => &[EngineKind::Incus],
        EngineChoice::Kind(EngineKind::Lxd) => &[EngineKind::Lxd],
        EngineChoice::Any => &[EngineKind::Incus, EngineKind::Lxd],
    };
    let sockets = kinds.iter().flat_map(|kind| kind.sockets());
    let there = sockets.filter(|socket| Path::new(socket).exists());
    if let Some(engine) = first_running(there.map(|socket| Engine::new(*socket)).collect()).await {
        return EngineProbe::Running(engine);
    }
    match kinds.iter().find(|kind| kind.daemon().is_some()) {
        Some(kind) => EngineProbe::Installed(*kind),
        None => EngineProbe::Absent(to_install(kinds)),
    }
}

/// Asks all engines concurrently. Returns the first that answers, or else the first that
/// is silent: its daemon exists, a second one would corrupt its data, and the next
/// request to it reports what to do.
async fn first_running(engines: Vec<Engine>) -> Option<Engine> {
    let count = engines.len().max(1);
    let asked = engines.into_iter().map(async |engine| {
        let info = engine.server_info().await;
        (engine, info)
    });
    let mut answers = pin!(stream::iter(asked).buffered(count));
    let mut silent = None;
    while let Some((engine, info)) = answers.next().await {
        match info {
            Ok(_) => return Some(engine),
            Err(EngineError::Silent { .. }) => silent = silent.or(Some(engine)),
            Err(_) => {}
        }
    }
    silent
}

/// The first of `kinds` in the machine's package lists. Without lists, the release
/// decides: Debian has had Incus since 13.
fn to_install(kinds: &[EngineKind]) -> EngineKind {
    if let Some(kind) = kinds.iter().find(|kind| has_candidate(kind.package())) {
        return *kind;
    }
    let release: u32 = os_release("VERSION_ID")
        .and_then(|version| version.split('.').next()?.parse().ok())
        .unwrap_or_default();
    match kinds {
        [only] => *only,
        _ if release >= 13 => EngineKind::Incus,
        _ => EngineKind::Lxd,
    }
}

/// The package that builds images.
const BUILDER: &str = "mmdebstrap";
const KEYRING: &str = "debian-archive-keyring";
/// Lets a user other than root build them: `newuidmap`.
const IDS: &str = "uidmap";

/// Every package that may be missing.
const INSTALLABLE: [&str; 8] = [
    "incus-base",
    "lxd",
    "dnsmasq-base",
    "btrfs-progs",
    "nftables",
    BUILDER,
    KEYRING,
    IDS,
];

/// Whether dbmatrix may need a package; root installs no others for a user.
pub fn is_installable(package: &str) -> bool {
    INSTALLABLE.contains(&package)
}

/// Whether a package is needed to build images, by a user other than root too.
pub fn builds(package: &str) -> bool {
    [BUILDER, KEYRING, IDS].contains(&package)
}

/// Packages that a working engine lacks: the engine itself, and the programs that it
/// calls for bridges and pools.
pub(super) fn missing_packages(
    probe: &EngineProbe,
    btrfs: bool,
    builds_images: bool,
) -> Vec<String> {
    let mut missing = Vec::new();
    if let EngineProbe::Absent(kind) = probe {
        missing.push(kind.package());
    }
    // A running engine already has what it needs for bridges.
    let runs = matches!(probe, EngineProbe::Running(_));
    let programs = [
        (!runs, "dnsmasq", "dnsmasq-base"),
        (btrfs, "mkfs.btrfs", "btrfs-progs"),
        (builds_images, "mmdebstrap", BUILDER),
        (builds_images && !user::is_root(), "newuidmap", IDS),
    ];
    let wanted = programs
        .into_iter()
        .filter(|(wanted, program, _)| *wanted && !has_program(program));
    missing.extend(wanted.map(|(_, _, package)| package));
    if !runs && !has_program("nft") && !has_program("iptables") {
        missing.push("nftables");
    }
    if builds_images && !Path::new("/usr/share/keyrings/debian-archive-keyring.gpg").exists() {
        missing.push(KEYRING);
    }
    missing.into_iter().map(str::to_owned).collect()
}

impl EngineProbe {
    /// The packages to install before this machine can make a nest.
    pub fn missing_packages(&self, btrfs: bool, builds_images: bool) -> Vec<String> {
        missing_packages(self, btrfs, builds_images)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use dbmatrix_engine::Limits;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixListener;

    use super::*;

    #[test]
    fn all_that_builds_images_is_installed_before_the_engine() {
        for package in ["mmdebstrap", "debian-archive-keyring", "uidmap"] {
            assert!(builds(package), "{package}");
        }
        assert!(!builds("incus-base"));
    }

    #[test]
    fn the_debian_package_recommends_all_that_may_be_missing() {
        let manifest = include_str!("../../../../Cargo.toml");
        let recommends = manifest
            .lines()
            .find_map(|line| line.strip_prefix("recommends = "));
        let names: Vec<&str> = recommends
            .expect("the table of the package")
            .split([',', '|', '"', ' '])
            .collect();
        for package in INSTALLABLE {
            assert!(names.contains(&package), "{package}");
        }
    }

    #[test]
    fn a_snap_has_units_of_its_own() {
        let root = tempfile::tempdir().expect("a folder");
        assert_eq!(EngineKind::Lxd.units(root.path())[1], "lxd.service");
        std::fs::create_dir_all(root.path().join("snap/lxd/current")).expect("a snap");
        assert_eq!(
            EngineKind::Lxd.units(root.path())[1],
            "snap.lxd.daemon.service"
        );
        assert_eq!(EngineKind::Incus.units(root.path())[1], "incus.service");
    }

    /// An engine that reports its identity after a while, or never.
    fn engine(folder: &Path, name: &str, after: Option<Duration>) -> Engine {
        let path = folder.join(name);
        let listener = UnixListener::bind(&path).expect("a socket");
        tokio::spawn(async move {
            let mut kept = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let Some(after) = after else {
                    kept.push(stream);
                    continue;
                };
                tokio::spawn(async move {
                    let mut request = [0; 1024];
                    let _ = stream.read(&mut request).await;
                    tokio::time::sleep(after).await;
                    let body = r#"{"type":"sync","metadata":{}}"#;
                    let length = body.len();
                    let reply =
                        format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}");
                    let _ = stream.write_all(reply.as_bytes()).await;
                });
            }
        });
        Engine::new(path).with_limits(Limits {
            patience: Duration::from_millis(50),
            alive: Duration::from_millis(1500),
            starting: Duration::from_millis(1500),
            progress: Duration::from_secs(60),
        })
    }

    async fn found(engines: &[&Engine]) -> Option<PathBuf> {
        let engines = engines.iter().map(|engine| (*engine).clone()).collect();
        let first = first_running(engines).await;
        first.map(|engine| engine.socket().to_owned())
    }

    #[tokio::test]
    async fn a_slow_engine_is_found_beside_silent_ones_which_are_waited_for_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let of = |name: &str, after: Option<Duration>| engine(folder.path(), name, after);
        let slow = of("slow", Some(Duration::from_millis(1000)));
        let silent = [of("a", None), of("b", None), of("c", None)];
        let [a, b, c] = &silent;
        let begun = Instant::now();
        let first = found(&[a, b, &slow, c]).await;
        assert_eq!(first.as_deref(), Some(slow.socket()));
        // Sequentially, it would take 3.1 s until the slow one is asked.
        assert!(
            begun.elapsed() < Duration::from_millis(2600),
            "{:?}",
            begun.elapsed()
        );
        assert_eq!(found(&[a, b]).await.as_deref(), Some(a.socket()));
    }

    #[tokio::test]
    async fn nobody_waits_for_an_engine_behind_the_one_that_answers() {
        let folder = tempfile::tempdir().expect("a folder");
        let quick = engine(folder.path(), "quick", Some(Duration::ZERO));
        let silent = engine(folder.path(), "silent", None);
        let begun = Instant::now();
        let first = found(&[&quick, &silent]).await;
        assert_eq!(first.as_deref(), Some(quick.socket()));
        assert!(
            begun.elapsed() < Duration::from_millis(1400),
            "{:?}",
            begun.elapsed()
        );
    }

    #[test]
    fn an_engine_is_chosen_by_name_or_by_socket() {
        assert_eq!("lxd".parse(), Ok(EngineChoice::Kind(EngineKind::Lxd)));
        assert_eq!("/run/x".parse(), Ok(EngineChoice::Socket("/run/x".into())));
        assert!("docker".parse::<EngineChoice>().is_err());
    }
}

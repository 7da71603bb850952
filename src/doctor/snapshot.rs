//! The input of all checks: the engines that answer, and the nests in them.

use std::path::PathBuf;

use futures_util::future::join_all;
use ipnet::Ipv4Net;

use dbmatrix_containers::host::{
    EngineChoice, EngineKind, EngineProbe, Names, detect_engine, run_folder, sockets,
};
use dbmatrix_containers::nest::{NestStatus, inspect};
use dbmatrix_containers::route::Routes;
use dbmatrix_engine::{Engine, EngineError, ServerInfo};
use dbmatrix_platform::{file, user};

/// The state of this machine at one moment.
pub(super) struct HostSnapshot {
    pub(super) names: Names,
    /// The detected state of the chosen engine.
    pub(super) probe: EngineProbe,
    /// That engine's description of itself.
    pub(super) info: Option<Result<ServerInfo, EngineError>>,
    /// An existing socket that this user may not use.
    pub(super) denied: Option<PathBuf>,
    /// Destinations of dbmatrix's routes. Read before the nests: a nest is created before
    /// its route, and removed after it.
    pub(super) routes: Vec<Ipv4Net>,
    /// Sockets of nests and of their servers in the run folder, also read before the nests.
    pub(super) nest_sockets: Vec<PathBuf>,
    pub(super) nests: Nests,
    pub(super) is_root: bool,
}

/// The nests of all engines of this machine, in all projects.
pub(super) enum Nests {
    /// The complete list.
    Known(Vec<NestStatus>),
    /// The known ones, and why there may be others.
    Unsure(Vec<NestStatus>, String),
}

impl Nests {
    /// The known ones.
    pub(super) fn known(&self) -> &[NestStatus] {
        match self {
            Nests::Known(nests) | Nests::Unsure(nests, _) => nests,
        }
    }
}

impl HostSnapshot {
    pub(super) async fn collect(choice: &EngineChoice, names: &Names) -> Self {
        let (routes, nest_sockets) = (routes().await, nest_sockets());
        let ((probe, info), mut nests) = tokio::join!(chosen(choice), nests(choice));
        let is_usable = |path: &PathBuf| file::may_read_and_write(path);
        let denied = match &info {
            Some(Ok(_)) => None,
            _ => sockets(choice)
                .into_iter()
                .find(|path| path.exists() && !is_usable(path)),
        };
        if let (Some(socket), Nests::Unsure(_, why)) = (&denied, &mut nests) {
            *why = format!("this user may not use `{}`", socket.display());
        }
        HostSnapshot {
            names: names.clone(),
            routes,
            nest_sockets,
            nests,
            probe,
            info,
            denied,
            is_root: user::is_root(),
        }
    }

    /// Whether the chosen engine answers.
    pub(super) fn answers(&self) -> bool {
        matches!(self.info, Some(Ok(_)))
    }

    /// The chosen engine, if it answers and works.
    pub(super) fn engine(&self) -> Option<&Engine> {
        match (&self.probe, &self.info) {
            (EngineProbe::Running(engine), Some(Ok(info))) if info.auth == "trusted" => {
                Some(engine)
            }
            _ => None,
        }
    }

    /// Nests of the chosen project.
    pub(super) fn own_nests(&self) -> impl Iterator<Item = &NestStatus> {
        let of_project = |nest: &&NestStatus| nest.names == self.names;
        self.nests.known().iter().filter(of_project)
    }
}

/// Empty if the kernel does not answer; the check of routes reports that.
async fn routes() -> Vec<Ipv4Net> {
    match Routes::open() {
        Ok(routes) => routes.own_subnets().await.unwrap_or_default(),
        Err(_) => Vec::new(),
    }
}

fn nest_sockets() -> Vec<PathBuf> {
    let files = std::fs::read_dir(run_folder()).into_iter().flatten();
    let paths = files.flatten().map(|file| file.path());
    let mut sockets: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|ending| ending == "socket"))
        .collect();
    sockets.sort();
    sockets
}

/// The chosen engine, and its description of itself.
async fn chosen(choice: &EngineChoice) -> (EngineProbe, Option<Result<ServerInfo, EngineError>>) {
    let probe = detect_engine(choice).await;
    let info = match &probe {
        EngineProbe::Running(engine) => Some(engine.server_info().await),
        EngineProbe::Installed(_) | EngineProbe::Absent(_) => None,
    };
    (probe, info)
}

/// A nest of an engine that does not answer may still run: containers outlive their
/// daemon.
async fn nests(choice: &EngineChoice) -> Nests {
    let mut choices = vec![
        EngineChoice::Kind(EngineKind::Incus),
        EngineChoice::Kind(EngineKind::Lxd),
    ];
    if let EngineChoice::Socket(_) = choice {
        choices.push(choice.clone());
    }
    let mut known: Vec<NestStatus> = Vec::new();
    let mut unsure = None;
    for of_one in join_all(choices.iter().map(nests_of)).await {
        match of_one {
            Ok(nests) => known.extend(nests),
            Err(why) => unsure = Some(why),
        }
    }
    // A chosen socket may be one of the usual ones.
    known.sort_by(|a, b| (&a.names.project, &a.info.nest).cmp(&(&b.names.project, &b.info.nest)));
    known.dedup_by(|a, b| a.names == b.names && a.info.nest == b.info.nest && a.socket == b.socket);
    match unsure {
        None => Nests::Known(known),
        Some(why) => Nests::Unsure(known, why),
    }
}

/// The nests of one engine, or why they are unknown.
async fn nests_of(choice: &EngineChoice) -> Result<Vec<NestStatus>, String> {
    match detect_engine(choice).await {
        EngineProbe::Running(engine) => inspect(&engine).await.map_err(|error| error.to_string()),
        EngineProbe::Installed(kind) => Err(format!("{kind} is installed and does not run")),
        EngineProbe::Absent(_) => Ok(Vec::new()),
    }
}

//! Brings the servers of a flavour up, and makes its replicas follow, or all of them members
//! of a group or of a cluster.
//!
//! Each server comes about as that of a flavour of its own, all at the same time. What a
//! source's golden child contains of data is in its binary log from the beginning, and a
//! replica's contains none, so a replica becomes equal by replication alone.

mod galera;
mod group;

use std::net::Ipv4Addr;
use std::sync::atomic::AtomicBool;

use dbmatrix_containers::name::REPLICA;
use dbmatrix_flavours::matrix::{Flavour, Managed, Replication};
use dbmatrix_flavours::provision::{Provisioner, StartFrom};
use dbmatrix_flavours::server::{
    Follower, Following, ReplicaError, Server, Topology, await_semi_sync,
};
use dbmatrix_report::event::{Phase, ServerFacts};
use futures_util::future::{join, join_all};

use super::managed::NestProvider;
use super::promotion::{self, MemberSite, Parts};
use super::replicas::{LIMIT, Replicas};
use super::sessions::Until;

/// Brings the source and its replicas up. An error names the replica that it is about.
pub(super) async fn bring_up(
    provider: &NestProvider,
    flavour: &Flavour,
    source: &Managed,
    replication: &Replication,
) -> Result<(ServerFacts, Replicas), String> {
    let start_from = start_from(provider, flavour, source).await?;
    let each = replication.replicas.iter().map(async |replica| {
        let managed = replica.managed().ok_or("it has no server")?;
        let brought_up = provider.bring_up(replica, managed, start_from).await;
        brought_up.map_err(|reason| format!("{}: {reason}", title(replica)))
    });
    // All of them end by themselves, so that none is left incomplete.
    let (server, replicas) = join(
        provider.bring_up(flavour, source, start_from),
        join_all(each),
    )
    .await;
    let (server, mut facts) = server?;
    let mut all = Vec::new();
    for replica in replicas {
        let (replica, about) = replica?;
        all.push(replica);
        facts.replicas.push(about);
    }
    let children = &provider.environment.context.children;
    provider.events.phase(&flavour.name, Phase::Following);
    let parts = match start_from {
        StartFrom::Template => Parts::default(),
        StartFrom::Existing => {
            let there = sites(provider, flavour).await?;
            promotion::noted_parts(children, &there).await?
        }
    };
    let all = match replication.topology {
        // Since a promotion they follow another source.
        _ if parts.is_changed() => all,
        Topology::Async | Topology::SemiSync => {
            follow_all(provider, flavour, replication, &server, all).await?
        }
        Topology::Group | Topology::Galera => all,
    };
    let containers = replication.replicas.iter();
    let containers = containers.map(|replica| children.current(&replica.container()));
    let replicas = Replicas {
        topology: replication.topology,
        source: server,
        all,
        containers: containers.collect(),
        children: children.clone(),
        password: provider
            .environment
            .context
            .replication_password(&flavour.name),
        parts,
        // A replica that was made anew has another container.
        sites: sites(provider, flavour).await?,
        is_harmed: AtomicBool::new(false),
    };
    if replicas.parts.is_changed() {
        let until = Until::after(LIMIT, "start");
        return match replicas.await_all(until).await.into_iter().next() {
            None => Ok((facts, replicas)),
            Some(failure) => Err(format!(
                "a replica was promoted, and {} does not follow it: {}; `dbmatrix run` begins anew",
                failure.statement, failure.found
            )),
        };
    }
    let gathering = Gathering {
        provider,
        flavour,
        replication,
        replicas: &replicas,
    };
    let failed = match replication.topology {
        Topology::Async => Vec::new(),
        Topology::SemiSync => gathering.await_semi_sync().await,
        Topology::Group => gathering.form_group().await,
        Topology::Galera => gathering.form_cluster().await,
    };
    match failed.is_empty() {
        true => Ok((facts, replicas)),
        false => Err(failed.join("; ")),
    }
}

/// Makes all replicas follow the source, and returns those that do, which may be others.
async fn follow_all(
    provider: &NestProvider,
    flavour: &Flavour,
    replication: &Replication,
    source: &Server,
    all: Vec<Server>,
) -> Result<Vec<Server>, String> {
    let following = all.into_iter().zip(&replication.replicas);
    let following = following.map(async |(replica, wanted)| {
        let followed = follow_or_renew(provider, flavour, source, replica, wanted).await;
        followed.map_err(|reason| {
            let source = flavour.managed().map(|managed| managed.server.as_str());
            let source = source.unwrap_or_default();
            format!("{} does not follow {source}: {reason}", title(wanted))
        })
    });
    let followed = join_all(following).await;
    let (followed, failed): (Vec<_>, Vec<_>) = followed.into_iter().partition(Result::is_ok);
    if !failed.is_empty() {
        let reasons: Vec<String> = failed.into_iter().filter_map(Result::err).collect();
        return Err(reasons.join("; "));
    }
    Ok(followed.into_iter().flatten().collect())
}

/// A flavour whose servers are all up, and come together now.
struct Gathering<'a> {
    provider: &'a NestProvider,
    flavour: &'a Flavour,
    replication: &'a Replication,
    replicas: &'a Replicas,
}

impl Gathering<'_> {
    /// Waits until the source waits for all its replicas; returns why it does not.
    async fn await_semi_sync(&self) -> Vec<String> {
        let replicas = self.replication.replicas.len();
        let waits = await_semi_sync(&self.replicas.source, replicas, LIMIT).await;
        waits
            .err()
            .map(|error| error.to_string())
            .into_iter()
            .collect()
    }

    /// All servers, the source first, with their flavours.
    fn servers(&self) -> impl Iterator<Item = (&Flavour, &Server)> {
        let source = (self.flavour, &self.replicas.source);
        let replicas = self.replication.replicas.iter().zip(&self.replicas.all);
        std::iter::once(source).chain(replicas)
    }

    /// Says that a replica has begun a group again, if it was one.
    fn note_beginner(&self, begun: Option<usize>) {
        if let Some(number @ 1..) = begun {
            let name = &self.flavour.name;
            self.provider.events.warn(format!(
                "{name}: {REPLICA}{number} had more than the source, which receives it from there"
            ));
        }
    }

    /// Waits until all replicas have what the source has; returns why some have not.
    async fn await_all(&self) -> Vec<String> {
        let until = Until::after(LIMIT, "start");
        let failures = self.replicas.await_all(until).await.into_iter();
        failures
            .map(|failure| format!("{}: {}", failure.statement, failure.found))
            .collect()
    }
}

/// Makes a replica follow. One that has followed another source, as a run that was killed
/// leaves it, is made anew; one that has what its source has lost is left to the user.
async fn follow_or_renew(
    provider: &NestProvider,
    flavour: &Flavour,
    source: &Server,
    server: Server,
    replica: &Flavour,
) -> Result<Server, String> {
    let server = match follow(provider, flavour, source, &server, replica).await {
        Ok(()) => return Ok(server),
        Err(Unfollowed::OtherSource) => {
            provider.events.warn(format!(
                "{}: it has followed another source than the one that is there, and is made anew",
                replica.name
            ));
            let managed = replica.managed().ok_or("it has no server")?;
            let renewed = provider.bring_up(replica, managed, StartFrom::Template);
            renewed.await?.0
        }
        Err(Unfollowed::Because(reason)) => return Err(reason),
    };
    match follow(provider, flavour, source, &server, replica).await {
        Ok(()) => Ok(server),
        Err(Unfollowed::OtherSource) => Err("a new one follows another source".to_owned()),
        Err(Unfollowed::Because(reason)) => Err(reason),
    }
}

/// Why a replica does not follow.
enum Unfollowed {
    /// It has the data of another source.
    OtherSource,
    Because(String),
}

/// A replica that is there cannot follow a new source, which lacks what it has.
async fn start_from(
    provider: &NestProvider,
    flavour: &Flavour,
    source: &Managed,
) -> Result<StartFrom, String> {
    if provider.start_from == StartFrom::Template {
        return Ok(StartFrom::Template);
    }
    let context = &provider.environment.context;
    let provisioner = Provisioner::new(context, flavour, source, &provider.events);
    match provisioner.is_there().await {
        Ok(true) => Ok(StartFrom::Existing),
        Ok(false) => Ok(StartFrom::Template),
        Err(error) => Err(error.to_string()),
    }
}

/// The containers of all members: the flavour's own, and its replicas'.
async fn sites(provider: &NestProvider, flavour: &Flavour) -> Result<Vec<MemberSite>, String> {
    let children = &provider.environment.context.children;
    let mut sites = Vec::new();
    for member in flavour.servers() {
        sites.push(MemberSite {
            container: children.current(&member.container()),
            address: address(provider, member).await?,
        });
    }
    Ok(sites)
}

/// Makes a replica follow, and waits until it has what the source has.
async fn follow(
    provider: &NestProvider,
    flavour: &Flavour,
    source: &Server,
    server: &Server,
    replica: &Flavour,
) -> Result<(), Unfollowed> {
    let context = &provider.environment.context;
    let password = context.replication_password(&flavour.name);
    let who = Follower {
        source: address(provider, flavour)
            .await
            .map_err(Unfollowed::Because)?,
        replica: address(provider, replica)
            .await
            .map_err(Unfollowed::Because)?,
        password: &password,
    };
    let following = Following {
        topology: Topology::Async,
        source,
        replica: server,
    };
    let followed = async {
        let begun = tokio::time::timeout(LIMIT, following.begin(who)).await;
        // A lock of somebody's session may be in the way.
        begun.unwrap_or(Err(ReplicaError::Silent { limit: LIMIT }))?;
        following.catch_up(LIMIT).await
    };
    followed.await.map_err(|error| match error {
        ReplicaError::OtherSource { .. } => Unfollowed::OtherSource,
        ReplicaError::Ahead { .. } => Unfollowed::Because(format!(
            "{error}; `dbmatrix reset {}` makes it as new, and it loses that",
            replica.name
        )),
        error => Unfollowed::Because(error.to_string()),
    })
}

/// The address of a flavour's server inside the nest.
async fn address(provider: &NestProvider, flavour: &Flavour) -> Result<Ipv4Addr, String> {
    let children = &provider.environment.context.children;
    let address = children.address_of_current(&flavour.container()).await;
    address.ok_or_else(|| "the address of its container is not known".to_owned())
}

/// A replica for messages, such as `replica-1 (mariadb:11.8)`.
fn title(replica: &Flavour) -> String {
    let name = replica.name.rsplit('/').next().unwrap_or_default();
    let server = replica.managed().map(|managed| managed.server.as_str());
    format!("{name} ({})", server.unwrap_or_default())
}

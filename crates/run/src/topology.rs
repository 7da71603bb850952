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
use dbmatrix_flavours::server::{Follower, Following, ReplicaError, Server, Topology};
use dbmatrix_report::event::{Phase, ServerFacts};
use futures_util::future::{join, join_all};

use super::managed::NestProvider;
use super::replicas::{LIMIT, Replicas};

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
    let containers = replication.replicas.iter();
    let containers = containers.map(|replica| children.current(&replica.container()));
    let replicas = Replicas {
        topology: replication.topology,
        source: server,
        all,
        containers: containers.collect(),
        children: children.clone(),
        is_harmed: AtomicBool::new(false),
    };
    provider.events.phase(&flavour.name, Phase::Configuring);
    let gathering = Gathering {
        provider,
        flavour,
        replication,
        replicas: &replicas,
    };
    let failed = match replication.topology {
        Topology::Async | Topology::SemiSync => gathering.follow_all(&source.server).await,
        Topology::Group => gathering.form_group().await,
        Topology::Galera => gathering.form_cluster().await,
    };
    match failed.is_empty() {
        true => Ok((facts, replicas)),
        false => Err(failed.join("; ")),
    }
}

/// A flavour whose servers are all up, and come together now.
struct Gathering<'a> {
    provider: &'a NestProvider,
    flavour: &'a Flavour,
    replication: &'a Replication,
    replicas: &'a Replicas,
}

impl Gathering<'_> {
    /// Makes all replicas follow the source; returns why some do not.
    async fn follow_all(&self, source: &str) -> Vec<String> {
        let following = self.replicas.all.iter().zip(&self.replication.replicas);
        let following = following.map(async |(server, replica)| {
            let own = &self.replicas.source;
            let followed = follow(self.provider, self.flavour, own, server, replica).await;
            followed
                .map_err(|reason| format!("{} does not follow {source}: {reason}", title(replica)))
        });
        let failed = join_all(following).await.into_iter();
        failed.filter_map(Result::err).collect()
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
        let failures = self.replicas.await_all(LIMIT).await.into_iter();
        failures
            .map(|failure| format!("{}: {}", failure.statement, failure.found))
            .collect()
    }
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

/// Makes a replica follow, and waits until it has what the source has.
async fn follow(
    provider: &NestProvider,
    flavour: &Flavour,
    source: &Server,
    server: &Server,
    replica: &Flavour,
) -> Result<(), String> {
    let context = &provider.environment.context;
    let password = context.replication_password(&flavour.name);
    let who = Follower {
        source: address(provider, flavour).await?,
        replica: address(provider, replica).await?,
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
    followed.await.map_err(|error| error.to_string())
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

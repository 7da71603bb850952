//! Brings the servers of a flavour up, and makes its replicas follow.
//!
//! Each server comes about as that of a flavour of its own, all at the same time. What a
//! source's golden child contains of data is in its binary log from the beginning, and a
//! replica's contains none, so a replica becomes equal by replication alone.

use std::sync::atomic::AtomicBool;

use dbmatrix_flavours::matrix::{Flavour, Managed, Replication};
use dbmatrix_flavours::provision::{Provisioner, StartFrom};
use dbmatrix_flavours::server::{
    Follower, Following, ReplicaError, ReplicationMode, Server, await_semi_sync,
};
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
    provider.events.phase(&flavour.name, Phase::Following);
    let following = all.into_iter().zip(&replication.replicas);
    let following = following.map(async |(replica, wanted)| {
        let followed = follow_or_renew(provider, flavour, &server, replica, wanted).await;
        followed.map_err(|reason| {
            let source = &source.server;
            format!("{} does not follow {source}: {reason}", title(wanted))
        })
    });
    let followed = join_all(following).await;
    let (followed, failed): (Vec<_>, Vec<_>) = followed.into_iter().partition(Result::is_ok);
    if !failed.is_empty() {
        let reasons: Vec<String> = failed.into_iter().filter_map(Result::err).collect();
        return Err(reasons.join("; "));
    }
    if replication.mode == ReplicationMode::SemiSync {
        let waits = await_semi_sync(&server, replication.replicas.len(), LIMIT).await;
        waits.map_err(|error| error.to_string())?;
    }
    let containers = replication.replicas.iter();
    let containers = containers.map(|replica| children.current(&replica.container()));
    let replicas = Replicas {
        source: server,
        all: followed.into_iter().flatten().collect(),
        containers: containers.collect(),
        children: children.clone(),
        is_harmed: AtomicBool::new(false),
    };
    Ok((facts, replicas))
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

/// Makes a replica follow, and waits until it has what the source has.
async fn follow(
    provider: &NestProvider,
    flavour: &Flavour,
    source: &Server,
    server: &Server,
    replica: &Flavour,
) -> Result<(), Unfollowed> {
    let context = &provider.environment.context;
    let address = async |flavour: &Flavour| {
        let children = &context.children;
        let address = children.address_of_current(&flavour.container()).await;
        let unknown = || "the address of its container is not known".to_owned();
        address.ok_or_else(|| Unfollowed::Because(unknown()))
    };
    let password = context.replication_password(&flavour.name);
    let who = Follower {
        source: address(flavour).await?,
        replica: address(replica).await?,
        password: &password,
    };
    let following = Following {
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

/// A replica for messages, such as `replica-1 (mariadb:11.8)`.
fn title(replica: &Flavour) -> String {
    let name = replica.name.rsplit('/').next().unwrap_or_default();
    let server = replica.managed().map(|managed| managed.server.as_str());
    format!("{name} ({})", server.unwrap_or_default())
}

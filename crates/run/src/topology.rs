//! Brings the servers of a flavour up, and makes its replicas follow.
//!
//! Each server comes about as that of a flavour of its own, all at the same time. What a
//! source's golden child contains of data is in its binary log from the beginning, and a
//! replica's contains none, so a replica becomes equal by replication alone.

use std::sync::atomic::AtomicBool;

use dbmatrix_flavours::matrix::{Flavour, Managed, Replication};
use dbmatrix_flavours::provision::{Provisioner, StartFrom};
use dbmatrix_flavours::server::{Follower, Following, ReplicaError, Server};
use dbmatrix_report::event::{Phase, ServerFacts};
use futures_util::future::{join, join_all};

use super::managed::NestProvider;
use super::promotion::{self, MemberSite, Parts};
use super::replicas::{LIMIT, Replicas};

const UNKNOWN_ADDRESS: &str = "the address of its container is not known";

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
    let sites = sites(provider, flavour).await?;
    let replicas = Replicas {
        source: server,
        all,
        containers: containers.collect(),
        children: children.clone(),
        password: provider
            .environment
            .context
            .replication_password(&flavour.name),
        parts: match start_from {
            StartFrom::Template => Parts::default(),
            StartFrom::Existing => promotion::noted_parts(children, &sites).await?,
        },
        sites,
        is_harmed: AtomicBool::new(false),
    };
    provider.events.phase(&flavour.name, Phase::Configuring);
    if replicas.parts.is_changed() {
        return match replicas.await_all(LIMIT).await.into_iter().next() {
            None => Ok((facts, replicas)),
            Some(failure) => Err(format!(
                "a replica was promoted, and {} does not follow it: {}; `dbmatrix run` begins anew",
                failure.statement, failure.found
            )),
        };
    }
    let following = replicas.all.iter().zip(&replication.replicas);
    let following = following.map(async |(server, replica)| {
        let followed = follow(provider, flavour, &replicas.source, server, replica).await;
        followed.map_err(|reason| {
            let source = &source.server;
            format!("{} does not follow {source}: {reason}", title(replica))
        })
    });
    let failed: Vec<String> = join_all(following)
        .await
        .into_iter()
        .filter_map(Result::err)
        .collect();
    match failed.is_empty() {
        true => Ok((facts, replicas)),
        false => Err(failed.join("; ")),
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

/// The containers of all members: the flavour's own, and its replicas'.
async fn sites(provider: &NestProvider, flavour: &Flavour) -> Result<Vec<MemberSite>, String> {
    let children = &provider.environment.context.children;
    let mut sites = Vec::new();
    for member in flavour.servers() {
        let first = member.container();
        let address = children.address_of_current(&first).await;
        sites.push(MemberSite {
            container: children.current(&first),
            address: address.ok_or(UNKNOWN_ADDRESS)?,
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
) -> Result<(), String> {
    let context = &provider.environment.context;
    let address = async |flavour: &Flavour| {
        let children = &context.children;
        let address = children.address_of_current(&flavour.container()).await;
        address.ok_or_else(|| UNKNOWN_ADDRESS.to_owned())
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
    followed.await.map_err(|error| error.to_string())
}

/// A replica for messages, such as `replica-1 (mariadb:11.8)`.
fn title(replica: &Flavour) -> String {
    let name = replica.name.rsplit('/').next().unwrap_or_default();
    let server = replica.managed().map(|managed| managed.server.as_str());
    format!("{name} ({})", server.unwrap_or_default())
}

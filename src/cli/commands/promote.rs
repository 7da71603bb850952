//! `dbmatrix promote`.

use std::time::Duration;

use dbmatrix_containers::name::flavour_of_replica;
use dbmatrix_containers::nest::{ContainerState, Located, MemberRole, note_role};
use dbmatrix_flavours::provision::replication_password;
use dbmatrix_flavours::server::{Former, Peer, Promoted, Promotion, Server};
use dbmatrix_report::event::Verdict;

use crate::app::connect_flavour::log_in_to;
use crate::app::for_each_flavour::{Runs, for_each_flavour};
use crate::app::{Failure, Globals};
use crate::cli::args::PromoteArgs;
use crate::cli::commands::choose_within;

/// How long each server may take for its part.
const LIMIT: Duration = Duration::from_secs(60);

/// Makes a replica the source of its flavour.
pub(crate) async fn promote(global: &Globals, args: &PromoteArgs) -> Result<Verdict, Failure> {
    let chosen = choose_within(&args.within, std::slice::from_ref(&args.replica), false)?;
    for_each_flavour(global, chosen, Runs::Awaited, promote_one).await
}

/// A member of the flavour beside the one that is promoted.
struct Member {
    located: Located,
    /// `None` if it does not answer, with the reason.
    server: Result<Server, String>,
}

async fn promote_one(one: &Located) -> Result<String, Failure> {
    let Some(flavour) = flavour_of_replica(&one.flavour) else {
        return Err(Failure::misused(
            "it is no replica; expected a name such as `move/replica-1`",
        ));
    };
    let all = one.members().await.map_err(Failure::not_provided)?;
    let former = source_of(&all, flavour);
    if former.is_some_and(|former| former.is(one)) {
        return Err(Failure::impossible("it is the source already"));
    }
    if one.role() == Some(MemberRole::Detached) {
        return Err(Failure::impossible(
            "it follows nobody since a promotion; the next `dbmatrix run` begins anew",
        ));
    }
    one.start().await.map_err(Failure::not_provided)?;
    let chosen = log_in_to(one).await?;
    let former = match former {
        Some(former) => Some(reach(former).await),
        None => None,
    };
    let mut others = Vec::new();
    for other in &all {
        let is_former = former
            .as_ref()
            .is_some_and(|former| former.located.is(other));
        if !other.is(one) && !is_former && other.role() != Some(MemberRole::Detached) {
            others.push(reach(other).await);
        }
    }
    let peers: Vec<Peer<'_>> = others.iter().filter_map(Member::peer).collect();
    let password = replication_password(&one.nest, flavour);
    let promotion = Promotion {
        chosen: peer(one, &chosen),
        former: match former.as_ref().and_then(Member::peer) {
            Some(peer) => Former::Follows(peer),
            None => Former::Gone,
        },
        others: &peers,
        password: &password,
        limit: LIMIT,
        engine: Some(&one.child.engine),
    };
    let promoted = promotion.run().await.map_err(Failure::impossible)?;
    let members: Vec<&Member> = former.iter().chain(&others).collect();
    detach_silent(&members).await?;
    result(&chosen, &members, promoted)
}

/// The member that is the source now.
fn source_of<'a>(all: &'a [Located], flavour: &str) -> Option<&'a Located> {
    let promoted = all
        .iter()
        .find(|one| one.role() == Some(MemberRole::Source));
    promoted.or_else(|| all.iter().find(|one| one.flavour == flavour))
}

impl Member {
    fn peer(&self) -> Option<Peer<'_>> {
        Some(peer(&self.located, self.server.as_ref().ok()?))
    }
}

fn peer<'a>(located: &'a Located, server: &'a Server) -> Peer<'a> {
    Peer {
        name: &located.flavour,
        server,
        address: located.child.address,
        container: &located.child.name,
    }
}

/// Logs in to a member that runs. One that a user has stopped or paused stays so.
async fn reach(located: &Located) -> Member {
    let server = match located.state() {
        ContainerState::Running => log_in_to(located).await.map_err(|failure| failure.message),
        ContainerState::Paused => Err("it is paused".to_owned()),
        ContainerState::Stopped => Err("it is stopped".to_owned()),
    };
    Member {
        located: located.clone(),
        server,
    }
}

/// Notes that members that do not answer have no part any more.
async fn detach_silent(members: &[&Member]) -> Result<(), Failure> {
    let silent = members.iter().filter(|member| member.server.is_err());
    for Member { located, .. } in silent {
        let noted = note_role(
            &located.child.engine,
            &located.child.name,
            MemberRole::Detached,
        );
        noted.await.map_err(Failure::not_provided)?;
    }
    Ok(())
}

/// What became of all members, in one line. It is a failure if one that should follow does
/// not.
fn result(chosen: &Server, members: &[&Member], promoted: Promoted) -> Result<String, Failure> {
    let mut told = vec![format!("is the source, {}", chosen.identity.full)];
    told.extend(
        promoted
            .followers
            .iter()
            .map(|name| format!("{name} follows it")),
    );
    let silent = members.iter().filter_map(|member| {
        let why = member.server.as_ref().err()?;
        Some((member.located.flavour.clone(), why.clone()))
    });
    told.extend(silent.map(|(name, why)| format!("{name} is left out: {why}")));
    let mut is_whole = true;
    for left in promoted.left_out {
        is_whole &= !left.is_supported;
        told.push(format!("{} is left out: {}", left.name, left.why));
    }
    if promoted.events_off > 0 {
        told.push(format!(
            "{} events stay disabled, `ALTER EVENT … ENABLE` lets them run",
            promoted.events_off
        ));
    }
    let told = told.join("; ");
    match is_whole {
        true => Ok(told),
        false => Err(Failure::impossible(told)),
    }
}

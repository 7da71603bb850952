//! Makes a replica the source of the others.
//!
//! The former source, if it answers, refuses writes first, and the replica gets all that it
//! has. Then the others follow the new source, as far as they can. Knows no flavour and no
//! suite.

mod follower;
mod former;

use std::net::Ipv4Addr;
use std::time::Duration;

use dbmatrix_containers::nest::{MemberRole, note_role};
use dbmatrix_engine::Engine;
use dbmatrix_sql::session::{Connect, Secret, Session};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use tokio::time::timeout;

use super::Role;
use super::event;
use super::follow::{joined, run};
use super::note::keep_part;
use super::semi_sync;
use super::statements::{ACCEPT_WRITES, forget_source, let_in, stop};
use super::status::ReplicaError;
use crate::server::{Server, ServerError};

/// How soon a replica is asked again whether it has applied all.
const AGAIN: Duration = Duration::from_millis(50);
/// How long answers may take beyond the limit.
const GRACE: Duration = Duration::from_secs(5);

const SOURCE: &str = "the source";
const REPLICA: &str = "the replica";

/// A server that takes part in a promotion.
#[derive(Debug, Clone, Copy)]
pub struct Peer<'a> {
    /// Its name for messages, such as `replica-1`.
    pub name: &'a str,
    /// The server, which answers.
    pub server: &'a Server,
    /// Its address inside the nest.
    pub address: Ipv4Addr,
    /// Its container.
    pub container: &'a str,
}

/// What becomes of the former source.
#[derive(Debug, Clone, Copy)]
pub enum Former<'a> {
    /// It follows the new one.
    Follows(Peer<'a>),
    /// It goes, with all that it has handed over.
    Leaves(Peer<'a>),
    /// It does not answer.
    Gone,
}

impl<'a> Former<'a> {
    fn answering(self) -> Option<Peer<'a>> {
        match self {
            Former::Follows(peer) | Former::Leaves(peer) => Some(peer),
            Former::Gone => None,
        }
    }
}

/// A replica that becomes the source.
#[derive(Debug, Clone, Copy)]
pub struct Promotion<'a> {
    /// The replica.
    pub chosen: Peer<'a>,
    /// The source until now.
    pub former: Former<'a>,
    /// Other replicas of that.
    pub others: &'a [Peer<'a>],
    /// The password of the replicas' user.
    pub password: &'a Secret,
    /// How long each server may take for its part.
    pub limit: Duration,
    /// The engine of the containers, if they shall remember their parts.
    pub engine: Option<&'a Engine>,
}

/// How a promotion ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Promoted {
    /// The names of servers that follow the new source.
    pub followers: Vec<String>,
    /// Those that do not follow it.
    pub left_out: Vec<LeftOut>,
    /// Events that may have run on a source that does not say which; they are disabled.
    pub events_off: usize,
    /// Whether the source waits for its replicas.
    pub is_semi_sync: bool,
}

/// A server that does not follow the new source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Its name.
    pub name: String,
    /// Why, in words for people.
    pub why: String,
    /// Whether it should: its vendor supports it as a replica of the new source.
    pub is_supported: bool,
}

/// What a source has handed over.
#[derive(Default)]
struct Handed {
    events: Vec<event::Event>,
    /// A session that keeps everybody from writing there.
    lock: Option<Session>,
}

/// A server that is to follow, and whether it was the source.
#[derive(Clone, Copy)]
struct Follower<'a> {
    peer: Peer<'a>,
    was_source: bool,
}

impl<'a> Promotion<'a> {
    /// Promotes the replica. Where the former source does not hand over, an error leaves all
    /// as it was.
    ///
    /// # Errors
    /// [`ReplicaError`]; it contains no password.
    pub fn run(&'a self) -> BoxFuture<'a, Result<Promoted, ReplicaError>> {
        async move {
            let limit = self.limit;
            in_time(limit, self.check_topology()).await?;
            let handed = match self.former.answering() {
                Some(former) => self.take_over_from(former).await?,
                None => {
                    in_time(limit, self.apply_received()).await?;
                    Handed::default()
                }
            };
            // If this is the last thing that happens, nobody takes it for a replica.
            self.note(self.chosen, MemberRole::Source).await?;
            let mut promoted = Promoted {
                is_semi_sync: in_time(limit, self.become_source()).await?,
                ..Promoted::default()
            };
            if let Some(lock) = handed.lock {
                lock.close().await;
            }
            self.let_all_follow(&mut promoted).await;
            let restored = in_time(limit, event::restore(self.chosen.server, &handed.events));
            promoted.events_off = restored.await?;
            self.keep_parts(&promoted).await?;
            Ok(promoted)
        }
        .boxed()
    }

    /// A group or a cluster chooses its source itself.
    async fn check_topology(&self) -> Result<(), ReplicaError> {
        let mut session = self.chosen.server.connect(None).await?;
        let joined = joined(&mut session).await?;
        session.close().await;
        match joined {
            Some(topology) => Err(ReplicaError::NoPromotion(topology)),
            None => Ok(()),
        }
    }

    async fn let_all_follow(&self, promoted: &mut Promoted) {
        let is_semi_sync = promoted.is_semi_sync;
        let following = self.followers().map(async |follower| {
            let followed = in_time(self.limit, self.let_follow(follower, is_semi_sync));
            (follower.peer, followed.await)
        });
        for (peer, followed) in join_all(following).await {
            let name = peer.name.to_owned();
            match followed {
                Ok(()) => promoted.followers.push(name),
                Err(error) => promoted.left_out.push(LeftOut {
                    name,
                    why: error.to_string(),
                    is_supported: !matches!(error, ReplicaError::Older { .. }),
                }),
            }
        }
    }

    /// Lets the containers remember the parts of their servers.
    async fn keep_parts(&self, promoted: &Promoted) -> Result<(), ReplicaError> {
        let Some(engine) = self.engine else {
            return Ok(());
        };
        let followers = self.followers().map(|Follower { peer, .. }| {
            let follows = promoted.followers.iter().any(|name| name == peer.name);
            match follows {
                true => (peer, MemberRole::Replica),
                false => (peer, MemberRole::Detached),
            }
        });
        for (peer, role) in [(self.chosen, MemberRole::Source)]
            .into_iter()
            .chain(followers)
        {
            let kept = keep_part(engine, peer.container, role, promoted.is_semi_sync).await;
            kept?;
        }
        Ok(())
    }

    async fn note(&self, peer: Peer<'_>, role: MemberRole) -> Result<(), ReplicaError> {
        let Some(engine) = self.engine else {
            return Ok(());
        };
        let noted = note_role(engine, peer.container, role).await;
        noted.map_err(|error| ServerError::from(error).into())
    }

    /// Those that may follow: the other replicas, and the former source.
    fn followers(&self) -> impl Iterator<Item = Follower<'a>> {
        let others = self.others.iter().map(|peer| Follower {
            peer: *peer,
            was_source: false,
        });
        let former = match self.former {
            Former::Follows(peer) => Some(Follower {
                peer,
                was_source: true,
            }),
            Former::Leaves(_) | Former::Gone => None,
        };
        former.into_iter().chain(others)
    }

    /// Lets the replica forget its source, take writes and let the others in. Returns
    /// whether a source waits for its replicas here.
    async fn become_source(&self) -> Result<bool, ReplicaError> {
        let server = self.chosen.server;
        let identity = &server.identity;
        let mut session = server.connect(None).await?;
        for statement in [stop(identity), forget_source(identity)] {
            self.run_on(&mut session, REPLICA, statement).await?;
        }
        let is_semi_sync = semi_sync::is_on(&mut session).await?;
        if is_semi_sync {
            for statement in semi_sync::take_part(&mut session, identity, Role::Source).await? {
                self.run_on(&mut session, REPLICA, &statement).await?;
            }
        }
        self.run_on(&mut session, REPLICA, ACCEPT_WRITES).await?;
        // From here on the session's statements are in no log.
        for follower in self.followers() {
            for statement in let_in(identity, follower.peer.address, self.password) {
                self.run_on(&mut session, REPLICA, &statement).await?;
            }
        }
        session.close().await;
        Ok(is_semi_sync)
    }

    async fn run_on(
        &self,
        session: &mut Session,
        server: &'static str,
        statement: &str,
    ) -> Result<(), ReplicaError> {
        run(session, server, statement, self.password).await
    }
}

/// Ends what takes longer than the limit: a paused server does not answer.
async fn in_time<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, ReplicaError>>,
) -> Result<T, ReplicaError> {
    let ended = timeout(limit + GRACE, work).await;
    ended.unwrap_or(Err(ReplicaError::Silent { limit }))
}

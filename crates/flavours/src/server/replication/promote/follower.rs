//! The servers that follow the new source of a promotion, as far as they can.

use dbmatrix_sql::session::{Connect, Session};
use dbmatrix_sql::version::Identity;

use super::{Follower, Peer, Promotion, REPLICA};
use crate::server::replication::follow::{Following, assigns_gtids};
use crate::server::replication::position::{Position, current, current_place};
use crate::server::replication::semi_sync;
use crate::server::replication::statements::{
    Begin, FOLLOW_FROM_HERE, Login, accept_own_writes, follow, is_mariadb, start, stop,
};
use crate::server::replication::status::ReplicaError;
use crate::server::replication::{Role, Topology};

impl Promotion<'_> {
    /// Lets a server follow the new source, and waits until it has all of it.
    pub(super) async fn let_follow(
        &self,
        follower: Follower<'_>,
        is_semi_sync: bool,
    ) -> Result<(), ReplicaError> {
        let Follower { peer, was_source } = follower;
        let (replica, source) = (&peer.server.identity, &self.chosen.server.identity);
        if is_older(replica, source) {
            self.retire(follower).await?;
            return Err(ReplicaError::Older {
                replica: replica.full.clone(),
                source_version: source.full.clone(),
            });
        }
        let mut session = peer.server.connect(None).await?;
        let begin = self.begin_of(peer, &mut session).await?;
        let mut statements: Vec<String> = Vec::new();
        match was_source {
            false => statements.push(stop(replica).to_owned()),
            true => {
                statements.extend(accept_own_writes(replica).map(str::to_owned));
                if is_mariadb(replica) && matches!(begin, Begin::Gtid) {
                    statements.push(FOLLOW_FROM_HERE.to_owned());
                }
                if is_semi_sync {
                    let part = semi_sync::take_part(&mut session, replica, Role::Replica);
                    statements.extend(part.await?);
                }
            }
        }
        let login = Login {
            host: self.chosen.address,
            password: self.password,
        };
        statements.push(follow(replica, &login, &begin));
        statements.push(start(replica).to_owned());
        for statement in statements {
            self.run_on(&mut session, REPLICA, &statement).await?;
        }
        session.close().await;
        let following = Following {
            topology: Topology::Async,
            source: self.chosen.server,
            replica: peer.server,
        };
        following.catch_up(self.limit).await
    }

    /// Lets a server that is left out write nothing any more.
    async fn retire(&self, follower: Follower<'_>) -> Result<(), ReplicaError> {
        let server = follower.peer.server;
        let mut session = server.connect(None).await?;
        let statement = match follower.was_source {
            true => "SET GLOBAL event_scheduler = OFF",
            false => stop(&server.identity),
        };
        self.run_on(&mut session, REPLICA, statement).await?;
        session.close().await;
        Ok(())
    }

    /// From where a server follows. One that does not by GTID begins where all have the same.
    async fn begin_of(&self, peer: Peer<'_>, session: &mut Session) -> Result<Begin, ReplicaError> {
        let replica = &peer.server.identity;
        Ok(match self.position_for(replica).await? {
            Position::Gtid(_) => Begin::Gtid,
            Position::File(from) => Begin::File {
                from,
                assigns_gtids: is_mariadb(&self.chosen.server.identity)
                    && assigns_gtids(session, replica).await?,
            },
        })
    }

    /// How far the new source has come, for a server that follows it: by GTID if both have
    /// those of the former source.
    pub(super) async fn position_for(&self, replica: &Identity) -> Result<Position, ReplicaError> {
        let source = self.chosen.server;
        let former = self.former.answering();
        let is_of_family =
            |former: Peer<'_>| is_mariadb(&former.server.identity) == is_mariadb(&source.identity);
        let mut session = source.connect(None).await?;
        let position = match former.is_none_or(is_of_family) {
            true => current(&mut session, &source.identity, replica).await?,
            false => current_place(&mut session, &source.identity).await?,
        };
        session.close().await;
        Ok(position)
    }
}

/// Whether a server is of an older series of the same line.
fn is_older(replica: &Identity, source: &Identity) -> bool {
    is_mariadb(replica) == is_mariadb(source) && replica.version.series() < source.version.series()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_of_an_older_series_follows_no_newer_one() {
        let server = |full: &str| Identity::read(full, "").expect("a version");
        let is_older = |replica, source| is_older(&server(replica), &server(source));
        assert!(is_older("10.5.23-MariaDB", "11.8.3-MariaDB"));
        assert!(!is_older("10.5.23-MariaDB", "10.5.29-MariaDB"));
        assert!(!is_older("11.8.3-MariaDB", "10.5.23-MariaDB"));
        assert!(is_older("8.0.40", "9.7.4"));
        // Families have numbers of their own.
        assert!(!is_older("9.7.4", "11.8.3-MariaDB"));
    }
}

//! MySQL's group replication with one primary: how members come together, and whether one
//! has what the primary has.
//!
//! The addresses of members are known only where they run, so their variables are set there,
//! and kept by the server (`SET PERSIST`). A secondary that is started again joins by itself. A
//! group of which no member is left has to be begun again, by one that has all transactions.

use std::net::Ipv4Addr;
use std::time::Duration;

use dbmatrix_sql::session::{Connect, Secret, Session};
use dbmatrix_sql::version::Identity;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, try_join_all};
use tokio::time::{Instant, sleep};

use super::follow::{AGAIN, run};
use super::group_status::{GroupStatus, reason_of};
use super::position::{current, has_reached};
use super::statements::{USER, is_renamed, let_in_everywhere};
use super::status::ReplicaError;
use crate::server::Server;
use crate::server::login::PORT;

/// Where members talk to each other.
const GROUP_PORT: u16 = 33061;

/// Settings of each member. Its golden child is in no group, and neither is a copy of it until
/// its addresses are known.
pub(super) const SETTINGS: [(&str, &str); 2] = [
    ("plugin-load-add", "group_replication.so"),
    ("loose-group-replication-start-on-boot", "OFF"),
];

/// How long a member may take until it is in its group.
const JOIN: Duration = Duration::from_secs(60);

/// "The START GROUP_REPLICATION command failed since the group is already running".
const IS_RUNNING: u16 = 3093;
/// "This option cannot be set while START or STOP GROUP_REPLICATION is ongoing": a member that
/// starts tries for about a minute to join by itself, and answers nothing to either meanwhile.
const IS_STARTING: u16 = 3724;

/// A server of a group.
#[derive(Debug, Clone, Copy)]
pub struct GroupMember<'a> {
    /// Its server.
    pub server: &'a Server,
    /// Its address inside the nest.
    pub address: Ipv4Addr,
}

/// The servers of a group; the first is to be its primary.
#[derive(Debug, Clone)]
pub struct Group<'a> {
    /// A UUID.
    pub name: String,
    /// Its members.
    pub members: Vec<GroupMember<'a>>,
    /// With which members log in to each other.
    pub password: &'a Secret,
}

impl Group<'_> {
    /// Brings a group about in which at least the first member is. Where no member is in a
    /// group, one that has all transactions begins it: the first, if it is one of those.
    /// Returns the number of the one that has begun it.
    ///
    /// # Errors
    /// [`ReplicaError`]; it contains no password.
    pub fn begin(&self) -> BoxFuture<'_, Result<Option<usize>, ReplicaError>> {
        async move {
            let states = self
                .members
                .iter()
                .enumerate()
                .map(|(at, member)| async move {
                    let mut session = member.server.connect(None).await?;
                    let state = GroupStatus::ask(&mut session).await?;
                    if !state.is_member() {
                        self.prepare(at, &mut session).await?;
                    }
                    session.close().await;
                    Ok::<_, ReplicaError>(state)
                });
            let states = try_join_all(states).await?;
            let (primary, begun) = match states.iter().position(GroupStatus::is_primary) {
                Some(primary) => (primary, None),
                None => {
                    let first = self.most_advanced().await?;
                    bootstrap(self.members[first].server).await?;
                    (first, Some(first))
                }
            };
            self.let_all_in(self.members[primary].server).await?;
            join_group(self.members[0].server).await?;
            Ok(begun)
        }
        .boxed()
    }

    /// Makes the first member the primary, if it is not.
    ///
    /// # Errors
    /// [`ReplicaError`]: a server newer than another member cannot be.
    pub fn lead(&self) -> BoxFuture<'_, Result<(), ReplicaError>> {
        async move {
            let mut session = self.members[0].server.connect(None).await?;
            if !GroupStatus::ask(&mut session).await?.is_primary() {
                let lead = "SELECT group_replication_set_as_primary(@@server_uuid)";
                run(&mut session, "the source", lead, self.password).await?;
            }
            session.close().await;
            Ok(())
        }
        .boxed()
    }

    /// Tells a member who and where the others are. One whose own start is in progress knows
    /// that already.
    async fn prepare(&self, at: usize, session: &mut Session) -> Result<(), ReplicaError> {
        let member = &self.members[at];
        let told = persist(&self.name, member.address, &self.addresses(), at > 0);
        let outcome = session.run(&told).await?;
        match outcome.refusal() {
            Some(refusal) if refusal.code == IS_STARTING => return Ok(()),
            Some(refusal) => {
                return Err(ReplicaError::Refused {
                    server: "a member",
                    refusal: refusal.to_string(),
                });
            }
            None => {}
        }
        let recover = recover_as(&member.server.identity, self.password);
        run(session, "a member", &recover, self.password).await
    }

    fn addresses(&self) -> Vec<Ipv4Addr> {
        self.members.iter().map(|member| member.address).collect()
    }

    /// A member that has the transactions of all members, those included that it has received
    /// and not yet applied.
    async fn most_advanced(&self) -> Result<usize, ReplicaError> {
        let each = self.members.iter().map(|member| async {
            let mut session = member.server.connect(None).await?;
            let row = session.first_row(TRANSACTIONS).await?;
            session.close().await;
            Ok::<_, ReplicaError>(row.into_iter().next().flatten().unwrap_or_default())
        });
        let each = try_join_all(each).await?;
        let mut session = self.members[0].server.connect(None).await?;
        for (at, has) in each.iter().enumerate() {
            let mut has_all = true;
            for other in &each {
                has_all &= is_subset(&mut session, other, has).await?;
            }
            if has_all {
                session.close().await;
                return Ok(at);
            }
        }
        Err(ReplicaError::Diverged)
    }

    /// Lets each member log in to each other one. All members receive these statements from
    /// the primary.
    async fn let_all_in(&self, primary: &Server) -> Result<(), ReplicaError> {
        let mut session = primary.connect(None).await?;
        for address in self.addresses() {
            for statement in let_in_everywhere(&primary.identity, address, self.password) {
                run(&mut session, "the primary", &statement, self.password).await?;
            }
        }
        session.close().await;
        Ok(())
    }
}

/// What a server has, or has received.
const TRANSACTIONS: &str = "SELECT CONCAT_WS(',', NULLIF(@@GLOBAL.gtid_executed, ''), \
    (SELECT NULLIF(RECEIVED_TRANSACTION_SET, '') FROM \
    performance_schema.replication_connection_status \
    WHERE CHANNEL_NAME = 'group_replication_applier'))";

async fn is_subset(session: &mut Session, part: &str, all: &str) -> Result<bool, ReplicaError> {
    let question = format!("SELECT GTID_SUBSET('{part}', '{all}')");
    let row = session.first_row(&question);
    Ok(row.await?.into_iter().next().flatten().as_deref() == Some("1"))
}

/// The variables that tell a member about its group. Its host's name leads nowhere in a nest,
/// so it tells others an address to recover from. The source does not join by itself: where no
/// member is left it is to begin the group at once.
fn persist(name: &str, address: Ipv4Addr, all: &[Ipv4Addr], joins_by_itself: bool) -> String {
    let joins = if joins_by_itself { "ON" } else { "OFF" };
    let seeds: Vec<String> = all
        .iter()
        .map(|one| format!("{one}:{GROUP_PORT}"))
        .collect();
    let variables = [
        ("group_name", format!("'{name}'")),
        ("local_address", format!("'{address}:{GROUP_PORT}'")),
        ("group_seeds", format!("'{}'", seeds.join(","))),
        (
            "advertise_recovery_endpoints",
            format!("'{address}:{PORT}'"),
        ),
        ("recovery_get_public_key", "ON".to_owned()),
        ("start_on_boot", joins.to_owned()),
    ];
    let variables = variables.map(|(name, value)| format!("group_replication_{name} = {value}"));
    format!("SET PERSIST {}", variables.join(", PERSIST "))
}

/// As whom a member logs in to another one to receive what it lacks.
fn recover_as(member: &Identity, password: &Secret) -> String {
    let (verb, word) = match is_renamed(member) {
        true => ("CHANGE REPLICATION SOURCE TO", "SOURCE"),
        false => ("CHANGE MASTER TO", "MASTER"),
    };
    format!(
        "{verb} {word}_USER = '{USER}', {word}_PASSWORD = '{}' FOR CHANNEL 'group_replication_recovery'",
        password.reveal()
    )
}

/// Begins a group with one member.
async fn bootstrap(server: &Server) -> Result<(), ReplicaError> {
    let mut session = server.connect(None).await?;
    // A replica that was chosen may still try to join the group of which nobody is left.
    stop(&mut session).await?;
    let begins = |value| format!("SET GLOBAL group_replication_bootstrap_group = {value}");
    plain(&mut session, &begins("ON")).await?;
    let started = start(&mut session).await;
    plain(&mut session, &begins("OFF")).await?;
    started?;
    let deadline = Instant::now() + JOIN;
    while !GroupStatus::ask(&mut session).await?.is_primary() {
        if Instant::now() >= deadline {
            return Err(behind(&mut session, JOIN).await?);
        }
        sleep(AGAIN).await;
    }
    session.close().await;
    Ok(())
}

/// Lets a server join the group that it knows, unless it is there or about to be, and waits
/// until it is.
///
/// # Errors
/// [`ReplicaError`], with the reason in the server's log.
pub fn join_group(server: &Server) -> BoxFuture<'_, Result<(), ReplicaError>> {
    async move {
        let deadline = Instant::now() + JOIN;
        let mut session = server.connect(None).await?;
        let mut has_started = false;
        loop {
            let status = GroupStatus::ask(&mut session).await?;
            if status.is_online() {
                session.close().await;
                return Ok(());
            }
            if status.has_left() {
                if has_started {
                    return Err(left(&mut session, &status).await);
                }
                if status.is_broken() {
                    stop(&mut session).await?;
                }
                start(&mut session).await?;
                has_started = true;
            }
            if Instant::now() >= deadline {
                return Err(behind(&mut session, JOIN).await?);
            }
            sleep(AGAIN).await;
        }
    }
    .boxed()
}

/// Starts group replication on a server; a start in progress is as good.
async fn start(session: &mut Session) -> Result<(), ReplicaError> {
    let outcome = session.run("START GROUP_REPLICATION").await?;
    match outcome.refusal() {
        Some(refusal) if refusal.code != IS_RUNNING => {
            let refusal = refusal.to_string();
            let reason = reason_of(session).await;
            Err(ReplicaError::Refused {
                server: "the member",
                refusal: match reason.is_empty() {
                    true => refusal,
                    false => format!("{refusal} ({reason})"),
                },
            })
        }
        _ => Ok(()),
    }
}

async fn stop(session: &mut Session) -> Result<(), ReplicaError> {
    plain(session, "STOP GROUP_REPLICATION").await
}

/// Runs a statement that contains no password.
async fn plain(session: &mut Session, statement: &str) -> Result<(), ReplicaError> {
    run(session, "the member", statement, &Secret::new("")).await
}

/// Waits until a member has what the source has now.
pub(super) async fn wait(
    source: &Server,
    member: &Server,
    deadline: Instant,
    limit: Duration,
) -> Result<(), ReplicaError> {
    let mut session = source.connect(None).await?;
    let position = current(&mut session, &source.identity, &member.identity).await?;
    session.close().await;
    let mut session = member.connect(None).await?;
    loop {
        let status = GroupStatus::ask(&mut session).await?;
        if status.has_left() {
            return Err(left(&mut session, &status).await);
        }
        if status.is_online() && has_reached(&mut session, &member.identity, &position).await? {
            session.close().await;
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(behind(&mut session, limit).await?);
        }
        sleep(AGAIN).await;
    }
}

async fn left(session: &mut Session, status: &GroupStatus) -> ReplicaError {
    let reason = reason_of(session).await;
    ReplicaError::Left {
        of: "group",
        status: status.with_reason(&reason),
    }
}

async fn behind(session: &mut Session, limit: Duration) -> Result<ReplicaError, ReplicaError> {
    let status = GroupStatus::ask(session).await?;
    let reason = reason_of(session).await;
    Ok(ReplicaError::Late {
        limit,
        status: status.with_reason(&reason),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_knows_the_others_by_their_addresses() {
        let all = [Ipv4Addr::new(10, 1, 2, 10), Ipv4Addr::new(10, 1, 2, 11)];
        insta::assert_snapshot!(persist("u", all[1], &all, true), @"SET PERSIST group_replication_group_name = 'u', PERSIST group_replication_local_address = '10.1.2.11:33061', PERSIST group_replication_group_seeds = '10.1.2.10:33061,10.1.2.11:33061', PERSIST group_replication_advertise_recovery_endpoints = '10.1.2.11:3306', PERSIST group_replication_recovery_get_public_key = ON, PERSIST group_replication_start_on_boot = ON");
    }

    #[test]
    fn a_member_recovers_in_the_words_of_its_version() {
        let told = |full: &str| {
            let identity = Identity::read(full, "").expect("a version");
            recover_as(&identity, &Secret::new("x"))
        };
        insta::assert_snapshot!(told("9.7.4"), @"CHANGE REPLICATION SOURCE TO SOURCE_USER = 'dbmatrix_replica', SOURCE_PASSWORD = 'x' FOR CHANNEL 'group_replication_recovery'");
        assert!(told("8.0.36").starts_with("CHANGE MASTER TO MASTER_USER"));
    }
}

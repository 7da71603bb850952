//! A Galera cluster of MariaDB: how members come together, and whether one has what the
//! source has.
//!
//! A golden child and a copy of it are in no cluster, and accept logins as they are. Where the
//! addresses of all members are known, each gets a script that runs before each start of its
//! server: it joins the cluster if another member listens, and starts alone otherwise. So a
//! member that is started again joins by itself, and after a stop of all members each can still
//! be asked how far it has come.

use std::net::Ipv4Addr;
use std::time::Duration;

use dbmatrix_containers::nest::Child;
use dbmatrix_engine::{Exec, FileMode};
use dbmatrix_sql::session::Connect;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, try_join_all};
use tokio::time::{Instant, sleep};

use super::galera_status::{ClusterStatus, Position};
use super::status::ReplicaError;
use crate::server::spec::{Installation, ServerSpec};
use crate::server::{Server, ServerError, start, succeed};

/// Settings of each member. It is `wsrep_on` that makes it one, when it starts.
pub(super) const SETTINGS: [(&str, &str); 4] = [
    ("binlog-format", "ROW"),
    ("innodb-autoinc-lock-mode", "2"),
    ("wsrep-provider", "/usr/lib/galera/libgalera_smm.so"),
    // Its program is a dependency of the server's package.
    ("wsrep-sst-method", "rsync"),
];

/// The statement after which those of a session are not replicated.
pub(super) const UNREPLICATED: &str = "SET SESSION wsrep_on = OFF";

/// How soon a member is asked again.
const AGAIN: Duration = Duration::from_millis(20);
/// How long a server may take from its first login until it takes statements.
const READY: Duration = Duration::from_secs(60);
/// How long a server may take to find out how far it had come before it was killed.
const RECOVERY: Duration = Duration::from_secs(120);

/// What runs before each start.
const SCRIPT_PATH: &str = "/etc/mysql/dbmatrix-galera";
/// Behind that by which a golden child takes out all other commands before a start.
const UNIT_FILE: &str = "zzz-dbmatrix-galera.conf";
const UNIT: &str = "[Service]\nExecStartPre=+/bin/sh /etc/mysql/dbmatrix-galera\n";
/// Behind all other settings.
const SETTINGS_FILE: &str = "zzz-dbmatrix-galera.cnf";
/// A server that finds this begins a new cluster. It is gone after a start of the container.
const BEGIN: &str = "/run/dbmatrix-begin-cluster";

/// The parameters stand before it. A member listens on port 4567. Where the server has a
/// certificate, a transfer by rsync would need `stunnel`; the nest's bridge leads nowhere else.
const SCRIPT: &str = r#"
rm -f "$settings"
address=
if [ -e "$begin" ]; then
    rm -f "$begin" /var/lib/mysql/grastate.dat /var/lib/mysql/gvwstate.dat
    address=gcomm://
else
    for peer in $peers; do
        if timeout 1 bash -c ": < /dev/tcp/$peer/4567" 2> /dev/null; then
            address="gcomm://$(echo "$peers" | tr ' ' ,)"
        fi
    done
fi
[ -n "$address" ] || exit 0
# The unit's umask would hide it from the server.
umask 022
cat > "$settings" << END
[mysqld]
wsrep-on = ON
wsrep-cluster-name = $name
wsrep-cluster-address = $address
wsrep-node-address = $own
wsrep-node-name = $own
[sst]
ssl-mode = DISABLED
END
"#;

/// Prints the cluster's UUID and the number of the last transaction. A server that was killed
/// has to look for the latter.
const POSITION: &str = r#"
state=/var/lib/mysql/grastate.dat
[ -e "$state" ] || exit 0
uuid=$(sed -n 's/^uuid: *//p' "$state")
number=$(sed -n 's/^seqno: *//p' "$state")
if [ "$number" = -1 ]; then
    systemctl stop "$SERVICE"
    log=$(mktemp)
    chown mysql "$log"
    mariadbd --user=mysql --wsrep-recover --log-error="$log" > /dev/null 2>&1 || true
    found=$(sed -n 's/.*WSREP: Recovered position:* *//p' "$log" | tail -n 1)
    rm -f "$log"
    [ -n "$found" ] && uuid=${found%:*} && number=${found##*:}
fi
echo "$uuid $number"
"#;

/// A server of a cluster.
#[derive(Debug, Clone, Copy)]
pub struct ClusterMember<'a> {
    /// Its server.
    pub server: &'a Server,
    /// Its specification.
    pub spec: &'a ServerSpec,
    /// Its container.
    pub child: &'a Child,
}

/// The servers of a cluster; the first takes the statements.
#[derive(Debug, Clone)]
pub struct Cluster<'a> {
    /// Its name, which distinguishes it from others.
    pub name: String,
    /// Its members.
    pub members: Vec<ClusterMember<'a>>,
}

impl Cluster<'_> {
    /// Brings a cluster about in which at least the first member is. Where no member is in
    /// one, that with the most transactions begins it: the first, if it is one of those.
    /// Returns the number of the one that has begun it.
    ///
    /// # Errors
    /// [`ReplicaError`]: a server that does not start, with the end of its log.
    pub fn begin(&self) -> BoxFuture<'_, Result<Option<usize>, ReplicaError>> {
        async move {
            let states = try_join_all(self.members.iter().map(ClusterMember::status)).await?;
            let begun = match states.iter().any(ClusterStatus::is_ready) {
                true => None,
                false => {
                    let first = self.most_advanced().await?;
                    self.start(first, true).await?;
                    self.await_ready(first).await?;
                    Some(first)
                }
            };
            self.join(0).await?;
            Ok(begun)
        }
        .boxed()
    }

    /// Lets a member join, unless it is there. It receives the whole data folder, or what it
    /// lacks, before it accepts logins.
    ///
    /// # Errors
    /// [`ReplicaError`]: a server that does not start, with the end of its log.
    pub fn join(&self, at: usize) -> BoxFuture<'_, Result<(), ReplicaError>> {
        async move {
            match self.members[at].status().await {
                Ok(status) if status.is_ready() => Ok(()),
                // It runs alone, or was stopped to find out how far it had come.
                _ => self.start(at, false).await,
            }
        }
        .boxed()
    }

    /// Waits until a member that accepts logins takes statements too.
    async fn await_ready(&self, at: usize) -> Result<(), ReplicaError> {
        let deadline = Instant::now() + READY;
        loop {
            let status = self.members[at].status().await?;
            if status.is_ready() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(ReplicaError::Late {
                    limit: READY,
                    status: status.to_string(),
                });
            }
            sleep(AGAIN).await;
        }
    }

    /// Starts a member's server, as the first of the cluster or as another one.
    async fn start(&self, at: usize, begins: bool) -> Result<(), ReplicaError> {
        let ClusterMember { child, spec, .. } = self.members[at];
        let service = spec.installation.service();
        let folder = format!("/etc/systemd/system/{service}.service.d");
        let engine = &child.engine;
        let push = async |path: &str, text: &str| {
            let pushed = engine.push(&child.name, path, FileMode::Public, text);
            pushed.await.map_err(ServerError::from)
        };
        push(SCRIPT_PATH, &self.script(at)).await?;
        push(&format!("{folder}/{UNIT_FILE}"), UNIT).await?;
        if begins {
            let mark = Exec::script(r#": > "$BEGIN""#).env("BEGIN", BEGIN);
            succeed(child, "begin a cluster", mark).await?;
        }
        Ok(start(child, spec).await?)
    }

    /// The script of a member, with what it has to know.
    fn script(&self, at: usize) -> String {
        let ClusterMember { child, spec, .. } = self.members[at];
        let others = self.members.iter().enumerate();
        let others = others.filter(|(other, _)| *other != at);
        let peers: Vec<String> = others
            .map(|(_, member)| member.child.address.to_string())
            .collect();
        script(
            &self.name,
            child.address,
            &peers.join(" "),
            &settings_path(spec),
        )
    }

    /// A member with the most transactions. Numbers of different clusters do not compare, so
    /// that of the first member counts.
    async fn most_advanced(&self) -> Result<usize, ReplicaError> {
        let each = self.members.iter().map(async |member| {
            let service = member.spec.installation.service();
            let ask = Exec::script_with_systemd(POSITION)
                .env("SERVICE", service)
                .limit(RECOVERY);
            let output = succeed(member.child, "find the last transaction", ask).await?;
            Ok::<_, ReplicaError>(Position::read(&output.stdout))
        });
        let each = try_join_all(each).await?;
        Ok(Position::furthest(&each))
    }
}

impl ClusterMember<'_> {
    async fn status(&self) -> Result<ClusterStatus, ReplicaError> {
        let mut session = self.server.connect(None).await?;
        let status = ClusterStatus::ask(&mut session).await?;
        session.close().await;
        Ok(status)
    }
}

fn settings_path(spec: &ServerSpec) -> String {
    let folder = match &spec.installation {
        Installation::Packages(packages) => packages.settings_folder.as_str(),
        // No topology with this takes one.
        Installation::Tarball(_) => "/etc/mysql",
    };
    format!("{}/{SETTINGS_FILE}", folder.trim_end_matches('/'))
}

fn script(name: &str, own: Ipv4Addr, peers: &str, settings: &str) -> String {
    format!(
        "# Written by dbmatrix.\nname='{name}'\nown={own}\npeers='{peers}'\n\
         settings='{settings}'\nbegin={BEGIN}\n{SCRIPT}"
    )
}

/// Waits until a member has what the source has now.
pub(super) async fn wait(
    source: &Server,
    member: &Server,
    deadline: Instant,
    limit: Duration,
) -> Result<(), ReplicaError> {
    let mut session = source.connect(None).await?;
    let goal = ClusterStatus::ask(&mut session).await?;
    session.close().await;
    let mut session = member.connect(None).await?;
    loop {
        let status = ClusterStatus::ask(&mut session).await?;
        if status.has_left() {
            return Err(ReplicaError::Left {
                of: "cluster",
                status: status.to_string(),
            });
        }
        if status.has_reached(&goal) {
            session.close().await;
            return Ok(());
        }
        if Instant::now() >= deadline {
            let status = match goal.is_ready() {
                true => status.to_string(),
                false => format!("{status}; the source: {goal}"),
            };
            return Err(ReplicaError::Late { limit, status });
        }
        sleep(AGAIN).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_members_script_knows_the_others() {
        let script = script(
            "shop",
            Ipv4Addr::new(10, 1, 2, 10),
            "10.1.2.11 10.1.2.12",
            "/s",
        );
        let head: Vec<&str> = script.lines().take(6).collect();
        insta::assert_snapshot!(head.join("\n"), @r"
        # Written by dbmatrix.
        name='shop'
        own=10.1.2.10
        peers='10.1.2.11 10.1.2.12'
        settings='/s'
        begin=/run/dbmatrix-begin-cluster
        ");
    }
}

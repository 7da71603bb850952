//! A throwaway copy of a flavour on which tests run one after the other.
//!
//! It matches what the servers' own driver prepares: a database `test`, a `root` without
//! a password at `localhost`, the time zone of the results. It treats the tool container
//! as `localhost`, because the tests' users may only connect from there. The copy is
//! therefore used for nothing else.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use dbmatrix_containers::name;
use dbmatrix_containers::nest::{Child, Children, Nest, NestError};
use dbmatrix_engine::{EngineError, Exec, FileMode, Power};
use dbmatrix_sql::session::{Connect, Session, SessionError};
use dbmatrix_sql::version::{Family, Version};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use thiserror::Error;

use super::TestDriverContainer;
use super::test::{TestEnd, TestRun};
use crate::server::{
    Login, RoutedUser, Server, ServerError, ServerSpec, access_of, configure, log_in,
};

/// Why the tests or their server are not available.
#[derive(Debug, Error)]
pub enum BenchError {
    /// A container.
    #[error(transparent)]
    Nest(#[from] NestError),
    /// A request to the inner engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The copied server.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// A session with it.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// A statement that prepares it failed.
    #[error("`{statement}` was refused: {reason}")]
    Refused {
        /// The statement.
        statement: String,
        /// The server's error.
        reason: String,
    },
    /// A step in the tool container failed.
    #[error("could not {step}:\n{output}")]
    Step {
        /// The attempted operation.
        step: &'static str,
        /// The end of its output.
        output: String,
    },
    /// No test is selected.
    #[error("`tests` and `skip` choose no test")]
    NoTests,
}

/// Clients also reach the server through a socket file of the tool container.
const FORWARD: &str = r#"
mkdir -p "$FOLDER"
rm -f "$FOLDER/mysqld.sock"
systemctl stop "$UNIT" 2> /dev/null || true
systemctl reset-failed "$UNIT" 2> /dev/null || true
systemd-run --quiet --collect --unit "$UNIT" \
    socat "UNIX-LISTEN:$FOLDER/mysqld.sock,fork,mode=0777,backlog=64" "TCP:$ADDRESS:3306"
printf '[client]\nhost = %s\nport = 3306\nuser = root\nsocket = %s/mysqld.sock\n' "$ADDRESS" "$FOLDER" > "$FOLDER/my.cnf"
chown -R nobody:nogroup "$FOLDER"
"#;

/// The results' time zone. The copy's server also waits for its own settings, because a
/// server that is stopped while it starts with the original's settings may hang.
const UNIT: &str =
    "[Unit]\nConditionPathExists=/run/dbmatrix-mysqltest\n\n[Service]\nEnvironment=TZ=GMT-3\n";

/// Not a restart: the copy may be about to start it by itself.
const START: &str = r#"touch /run/dbmatrix-mysqltest; systemctl start "$SERVICE""#;
/// First it recovers what the copied disk lacks.
const START_LIMIT: Duration = Duration::from_secs(120);

/// Only the time zones that tests know; a server of another family may have other tables
/// for them.
const ZONES: &str = r#"
for file in /usr/share/mysql/mysql_test_data_timezone.sql /usr/lib/mysql-test/std_data/mysql_test_data_timezone.sql; do
    if [ -e "$file" ]; then "$CLIENT" --defaults-file="$FOLDER/my.cnf" mysql < "$file" > /dev/null 2>&1 || true; fi
done
"#;

/// The inputs of a test server.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Containers of the nest.
    pub children: &'a Children,
    /// The flavour's child.
    pub child: &'a str,
    /// Its server.
    pub spec: &'a ServerSpec,
    /// The routed user.
    pub user: &'a RoutedUser,
    /// The nest that contains all of this.
    pub nest: &'a Nest,
}

/// A server for tests.
#[derive(Debug)]
pub struct TestServer<'a> {
    source: Source<'a>,
    tool: &'a TestDriverContainer,
    child: Child,
    server: Server,
    /// Its folder in the tool container.
    folder: String,
    name: String,
    fresh: BTreeSet<String>,
}

impl<'a> TestServer<'a> {
    /// Copies the flavour's child and prepares the copy; a failure leaves nothing behind.
    ///
    /// # Errors
    /// [`BenchError`].
    pub fn make(
        source: Source<'a>,
        tool: &'a TestDriverContainer,
        number: usize,
    ) -> BoxFuture<'a, Result<Self, BenchError>> {
        async move {
            let name = name::copy(source.child, name::Copy::Tests(number));
            let made = Self::try_make(source, tool, name.clone()).await;
            if made.is_err()
                && let Err(left) = source.children.remove_incomplete(&name).await
            {
                tracing::debug!(%left, "the next run removes it");
            }
            made
        }
        .boxed()
    }

    async fn try_make(
        source: Source<'a>,
        tool: &'a TestDriverContainer,
        name: String,
    ) -> Result<Self, BenchError> {
        let access = access_of(source.spec, source.user);
        let child = source
            .children
            .throwaway(source.child, &name, &access)
            .await?;
        let engine = &child.engine;
        let hosts = hosts(tool.child.address, source.user.address);
        engine
            .push(&name, "/etc/hosts", FileMode::Public, &hosts)
            .await?;
        let folder = format!(
            "/etc/systemd/system/{}.service.d",
            source.spec.installation.service()
        );
        engine.push_folder(&name, &folder).await?;
        let unit = format!("{folder}/mysqltest.conf");
        engine.push(&name, &unit, FileMode::Public, UNIT).await?;
        engine.power(&name, Power::Start).await?;
        let mut spec = source.spec.clone();
        // MySQL 9.7 reads `0` as on.
        let resolve = ("skip-name-resolve".to_owned(), "OFF".to_owned());
        spec.settings.push(resolve);
        configure(&child, &spec, source.user).await?;
        let service = spec.installation.service();
        let go = Exec::script_with_systemd(START)
            .env("SERVICE", service)
            .limit(START_LIMIT);
        let started = engine.exec(&name, &go).await?;
        if !started.success() {
            return Err(BenchError::Step {
                step: "start a copy of the server",
                output: started.tail(12),
            });
        }
        let login = Login {
            child: &child,
            nest: source.nest,
            limit: Duration::from_secs(60),
        };
        let server = log_in(&login).await?;
        let mut bench = TestServer {
            folder: format!("/var/lib/dbmatrix-mysqltest/{name}"),
            name,
            source,
            tool,
            child,
            server,
            fresh: BTreeSet::new(),
        };
        bench.prepare().await?;
        Ok(bench)
    }

    async fn prepare(&mut self) -> Result<(), BenchError> {
        let forward = Exec::script(FORWARD)
            .env("FOLDER", &self.folder)
            .env("UNIT", &self.unit())
            .env("ADDRESS", &self.child.address.to_string());
        self.tool.succeed("forward a socket", forward).await?;
        let client = self.tool.program.client("");
        let zones = Exec::script(ZONES)
            .env("CLIENT", &client)
            .env("FOLDER", &self.folder)
            .limit(START_LIMIT);
        let mut session = self.server.connect(None).await?;
        let identity = &self.server.identity;
        for statement in preparation(identity.family, identity.version) {
            run(&mut session, &statement).await?;
        }
        self.tool.succeed("load time zones", zones).await?;
        self.fresh = state(&mut session).await?;
        session.close().await;
        Ok(())
    }

    fn unit(&self) -> String {
        format!("{}.service", self.name)
    }

    /// Runs one test in the database `test`, which is empty.
    ///
    /// # Errors
    /// [`BenchError`] if the infrastructure fails; a failing test is not an
    /// error.
    pub async fn run(&self, test: &str, limit: Duration) -> Result<TestEnd, BenchError> {
        let run = TestRun {
            tool: self.tool,
            folder: &self.folder,
            address: self.child.address,
            test,
            limit,
        };
        run.run().await
    }

    /// Empties the database `test` and checks whether the server is unchanged since
    /// before the first test.
    pub async fn is_fresh(&self) -> bool {
        let looked = async {
            let mut session = self.server.connect(None).await?;
            for statement in ["DROP DATABASE IF EXISTS test", "CREATE DATABASE test"] {
                run(&mut session, statement).await?;
            }
            let state = state(&mut session).await?;
            session.close().await;
            Ok::<_, BenchError>(state)
        };
        let looked = tokio::time::timeout(Duration::from_secs(20), looked).await;
        matches!(looked, Ok(Ok(state)) if state == self.fresh)
    }

    /// Removes the copy.
    ///
    /// # Errors
    /// As of the engine.
    pub fn remove(self) -> BoxFuture<'a, Result<(), BenchError>> {
        async move {
            const FORGET: &str = r#"systemctl stop "$UNIT" 2> /dev/null || true; rm -rf "$FOLDER""#;
            let forget = Exec::script(FORGET)
                .env("UNIT", &self.unit())
                .env("FOLDER", &self.folder);
            self.tool.succeed("forget a bench", forget).await?;
            self.source.children.remove_incomplete(&self.name).await?;
            Ok(())
        }
        .boxed()
    }
}

/// Connections from the tool container come from `localhost`. The name of the routed
/// user's address is not looked up elsewhere, which can take long.
fn hosts(tool: Ipv4Addr, routed: Ipv4Addr) -> String {
    format!("{tool} localhost\n{routed} routed\n127.0.0.1 loopback\n")
}

/// What the servers' own driver creates before the first test; tests that expect text in
/// a server's log call the procedure.
fn preparation(family: Family, version: Version) -> Vec<String> {
    let open = match family {
        Family::Mariadb if version < Version::release(10, 4) => {
            "SET PASSWORD FOR 'root'@'localhost' = ''"
        }
        Family::Mariadb => {
            "ALTER USER 'root'@'localhost' IDENTIFIED VIA mysql_native_password USING PASSWORD('')"
        }
        _ if version < Version::release(5, 7) => "SET PASSWORD FOR 'root'@'localhost' = ''",
        _ if version < Version::release(8, 0) => {
            "ALTER USER 'root'@'localhost' IDENTIFIED WITH mysql_native_password BY ''"
        }
        _ => "ALTER USER 'root'@'localhost' IDENTIFIED WITH caching_sha2_password BY ''",
    };
    [
        open,
        "DELETE FROM mysql.user WHERE user = ''",
        "FLUSH PRIVILEGES",
        "CREATE DATABASE IF NOT EXISTS mtr",
        "DROP PROCEDURE IF EXISTS mtr.add_suppression",
        "CREATE PROCEDURE mtr.add_suppression(pattern TEXT) BEGIN END",
        "DROP DATABASE IF EXISTS test",
        "CREATE DATABASE test",
    ]
    .map(str::to_owned)
    .to_vec()
}

async fn run(session: &mut Session, statement: &str) -> Result<(), BenchError> {
    let outcome = session.run(statement).await?;
    match outcome.refusal() {
        None => Ok(()),
        Some(refusal) => Err(BenchError::Refused {
            statement: statement.to_owned(),
            reason: refusal.to_string(),
        }),
    }
}

/// Users, databases and settings, which a test should not change.
async fn state(session: &mut Session) -> Result<BTreeSet<String>, BenchError> {
    let mut state = BTreeSet::new();
    for question in [
        "SHOW GLOBAL VARIABLES",
        "SHOW DATABASES",
        "SELECT user, host, plugin, authentication_string FROM mysql.user",
    ] {
        let outcome = session.run(question).await?;
        let rows = outcome.rows().into_iter().flat_map(|set| set.rows.iter());
        for row in rows {
            let mut line = question.to_owned();
            for value in row.iter().flatten() {
                line.push('\t');
                line.push_str(&String::from_utf8_lossy(value));
            }
            // They change by themselves.
            let moves = ["gtid", "timestamp", "innodb_log_file_buffering"];
            let name = row.iter().next().flatten().unwrap_or_default();
            if !moves
                .iter()
                .any(|prefix| name.starts_with(prefix.as_bytes()))
            {
                state.insert(line);
            }
        }
    }
    Ok(state)
}

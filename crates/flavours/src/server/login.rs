//! Logs in to a server. Ready means: the routed user has logged in from the host and
//! received an answer.

use std::net::SocketAddr;
use std::time::Duration;

use dbmatrix_containers::nest::{Child, Credentials, Nest, Port, Reach};
use dbmatrix_sql::session::{
    Address, Connect, Endpoint, Secret, Session, SessionError, Target, Tenancy, TlsPolicy, Via,
};
use dbmatrix_sql::version::Identity;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use super::ServerError;
use super::facts::{Defaults, QUESTION};
use super::spec::ServerSpec;

/// Where servers in nests listen.
pub const PORT: u16 = 3306;
/// Retry interval for a server that is starting: each try takes CPU time from it.
const AGAIN: Duration = Duration::from_millis(25);

/// A server that accepts logins.
#[derive(Debug, Clone)]
pub struct Server {
    way: Way,
    /// Its identity as it reports it.
    pub identity: Identity,
    /// Its defaults as it reports them.
    pub defaults: Defaults,
    /// The database that its commands use, if its matrix names one.
    pub database: Option<String>,
}

/// How a server is reached.
#[derive(Debug, Clone)]
enum Way {
    /// In a nest, by a way that leads only there.
    Nest { target: Target, reach: Reach },
    /// At the address in the matrix.
    External(Box<Endpoint>),
}

/// Checks before each connection that it leads to the nest: an address that is not routed
/// there, or a port that is not the proxy's, belongs to another server.
#[derive(Debug, Clone)]
struct Guarded<'a> {
    target: &'a Target,
    reach: &'a Reach,
}

impl Connect for Guarded<'_> {
    fn connect<'a>(
        &'a self,
        database: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Session, SessionError>> {
        async move {
            let entry = enter(self.reach, self.target.address).await?;
            let target = Target {
                via: entry.via,
                ..self.target.clone()
            };
            target.connect(database).await
        }
        .boxed()
    }
}

/// What a connection takes to begin.
struct Entry {
    via: Option<Via>,
    /// Held until it is open.
    _port: Option<Port>,
}

/// Ensures that a connection leads to the server, before it is made.
async fn enter(reach: &Reach, address: SocketAddr) -> Result<Entry, SessionError> {
    match reach {
        Reach::Kernel(path) => {
            let checked = path.check(address).await;
            checked.map_err(|error| SessionError::NotRouted(error.to_string()))?;
            Ok(Entry {
                via: None,
                _port: None,
            })
        }
        Reach::Forward(forward) => {
            let opened = forward.open().await;
            let (via, port) = opened.map_err(|error| SessionError::Connect {
                address: address.into(),
                reason: format!("no port on 127.0.0.1 is free: {error}"),
                is_refused: false,
            })?;
            Ok(Entry {
                via: Some(via),
                _port: Some(port),
            })
        }
    }
}

impl Connect for Server {
    fn connect<'a>(
        &'a self,
        database: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Session, SessionError>> {
        async move {
            match &self.way {
                Way::Nest { target, reach } => Guarded { target, reach }.connect(database).await,
                Way::External(endpoint) => endpoint.connect(database).await,
            }
        }
        .boxed()
    }

    fn tenancy(&self) -> Tenancy {
        match &self.way {
            Way::Nest { .. } => Tenancy::Owner,
            Way::External(endpoint) => endpoint.tenancy(),
        }
    }
}

impl Server {
    /// An external server.
    pub(super) fn external(endpoint: Endpoint, identity: Identity, defaults: Defaults) -> Self {
        Server {
            way: Way::External(Box::new(endpoint)),
            identity,
            defaults,
            database: None,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> Address {
        match &self.way {
            Way::Nest { target, .. } => target.address.into(),
            Way::External(endpoint) => endpoint.url.address.clone(),
        }
    }

    /// What another program connects to: a port of this process, as long as that runs, if
    /// nothing else leads to the server.
    pub fn address_for_programs(&self) -> Address {
        match &self.way {
            Way::Nest {
                reach: Reach::Forward(forward),
                ..
            } => forward.lasting().into(),
            _ => self.address(),
        }
    }

    /// Whether other programs can connect after this process has ended.
    pub fn has_lasting_address(&self) -> bool {
        !matches!(
            &self.way,
            Way::Nest {
                reach: Reach::Forward(_),
                ..
            }
        )
    }

    /// The same server with another TLS policy.
    pub(super) fn protected(&self, tls: TlsPolicy) -> Self {
        let mut other = self.clone();
        if let Way::Nest { target, .. } = &mut other.way {
            target.tls = tls;
        }
        other
    }

    /// Opens a connection without a login, for another program's.
    ///
    /// # Errors
    /// As of [`Connect`].
    pub fn open_connection(&self) -> BoxFuture<'_, Result<TcpStream, SessionError>> {
        async move {
            let mut entry = None;
            if let Way::Nest { target, reach } = &self.way {
                entry = Some(enter(reach, target.address).await?);
            }
            let address = self.address();
            let via = entry.as_ref().and_then(|entry| entry.via.as_ref());
            let opened = match via {
                Some(via) => TcpStream::connect(via.address).await,
                None => TcpStream::connect((address.host.as_str(), address.port)).await,
            };
            opened.map_err(|error| SessionError::Connect {
                is_refused: error.kind() == std::io::ErrorKind::ConnectionRefused,
                reason: error.to_string(),
                address,
            })
        }
        .boxed()
    }

    /// The name of the routed user.
    pub fn user(&self) -> &str {
        match &self.way {
            Way::Nest { target, .. } => &target.user,
            Way::External(endpoint) => &endpoint.url.user,
        }
    }

    /// The user's password, for programs that log in themselves.
    pub fn password(&self) -> &Secret {
        match &self.way {
            Way::Nest { target, .. } => &target.password,
            Way::External(endpoint) => &endpoint.url.password,
        }
    }
}

/// The parameters of a login.
#[derive(Debug, Clone, Copy)]
pub struct Login<'a> {
    /// The server's child.
    pub child: &'a Child,
    /// The child's nest.
    pub nest: &'a Nest,
    /// How long the login is tried.
    pub limit: Duration,
}

/// Logs in as the routed user, with retries, and reads the server's identity.
///
/// # Errors
/// [`ServerError::Login`] with the last reason; also as of the engine, if it
/// creates a proxy.
pub fn log_in<'a>(login: &'a Login<'a>) -> BoxFuture<'a, Result<Server, ServerError>> {
    async move {
        let endpoint = login.nest.endpoint(login.child.address, PORT).await?;
        let Credentials { login: user, tls } = &login.child.credentials;
        let target = Target {
            address: endpoint.address,
            via: None,
            user: user.user.clone(),
            password: user.password.clone(),
            tls: tls.clone(),
        };
        let guarded = Guarded {
            target: &target,
            reach: &endpoint.reach,
        };
        let deadline = Instant::now() + login.limit;
        let (identity, defaults) = loop {
            match ask(&guarded).await {
                Ok(answers) => break answers,
                Err(source) if !is_worth_waiting(&source) || Instant::now() > deadline => {
                    return Err(ServerError::Login {
                        address: target.address,
                        source,
                    });
                }
                Err(_) => sleep(AGAIN).await,
            }
        };
        Ok(Server {
            way: Way::Nest {
                target,
                reach: endpoint.reach,
            },
            identity,
            defaults,
            database: user.database.clone(),
        })
    }
    .boxed()
}

/// Checks that a server is the requested one.
///
/// # Errors
/// [`ServerError::Identity`], which names both.
pub fn check_identity(server: &Server, spec: &ServerSpec) -> Result<(), ServerError> {
    let identity = &server.identity;
    if identity.family == spec.family && spec.version.is_prefix_of(identity.version) {
        return Ok(());
    }
    Err(ServerError::Identity {
        expected_family: spec.family,
        expected_version: spec.version,
        found_family: identity.family,
        found: identity.full.clone(),
    })
}

/// Checks that a server is exactly the one that a lock names.
///
/// # Errors
/// [`ServerError::Locked`], which names both.
pub fn check_locked(server: &Server, expected: &str) -> Result<(), ServerError> {
    let found = &server.identity.full;
    if found == expected {
        return Ok(());
    }
    Err(ServerError::Locked {
        reason: format!("expected a server `{expected}`; found `{found}`"),
    })
}

/// What a member of a Galera cluster says that has not received all data yet
/// (`ER_UNKNOWN_COM_ERROR`).
const NOT_PREPARED: &str = "ERROR 1047 ";

/// A starting server refuses connections, so a retry helps. A wrong password or a missing
/// route does not change.
fn is_worth_waiting(error: &SessionError) -> bool {
    match error {
        SessionError::Connect { .. } | SessionError::Lost(_) => true,
        SessionError::Unexpected { found, .. } => found.starts_with(NOT_PREPARED),
        _ => false,
    }
}

async fn ask(connect: &impl Connect) -> Result<(Identity, Defaults), SessionError> {
    let mut session = connect.connect(None).await?;
    let row = session.first_row(QUESTION).await;
    session.close().await;
    let mut texts = row?.into_iter().map(Option::unwrap_or_default);
    let mut text = || texts.next().unwrap_or_default();
    let identity = Identity::read(&text(), &text());
    let defaults = Defaults {
        sql_mode: text(),
        collation: text(),
        auth_plugin: text(),
    };
    match identity {
        Ok(identity) => Ok((identity, defaults)),
        Err(error) => Err(SessionError::Unexpected {
            expected: "a version",
            found: error.to_string(),
        }),
    }
}

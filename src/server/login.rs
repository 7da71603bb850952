//! Ready means: the routed user is logged in from the host and has an answer.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::ServerError;
use super::facts::{Defaults, QUESTION};
use super::spec::{RoutedUser, ServerSpec};
use crate::nest::{Child, Nest};
use crate::route::Reach;
use crate::session::{
    Address, Connect, Endpoint, Secret, Session, SessionError, Target, Tenancy, TlsPolicy,
};
use crate::version::Identity;

const PORT: u16 = 3306;
/// How soon a server that is just starting is asked again.
const AGAIN: Duration = Duration::from_millis(10);

/// A server that somebody has logged in to.
#[derive(Debug, Clone)]
pub struct Server {
    way: Way,
    /// What it says of itself.
    pub identity: Identity,
    /// What it says of its defaults.
    pub defaults: Defaults,
}

/// How a server is reached.
#[derive(Debug, Clone)]
enum Way {
    /// In a nest, by a way that leads there alone.
    Nest { target: Target, reach: Reach },
    /// Where the matrix says that it is.
    External(Box<Endpoint>),
}

/// Sees before each connection that it leads to the nest: an address that is not
/// routed there, or a port that is not the proxy's, belongs to a stranger.
#[derive(Debug, Clone)]
struct Guarded<'a> {
    target: &'a Target,
    reach: &'a Reach,
}

impl Connect for Guarded<'_> {
    async fn connect(&self, database: Option<&str>) -> Result<Session, SessionError> {
        let checked = self.reach.check(self.target.address).await;
        checked.map_err(|error| SessionError::NotRouted(error.to_string()))?;
        self.target.connect(database).await
    }
}

impl Connect for Server {
    async fn connect(&self, database: Option<&str>) -> Result<Session, SessionError> {
        match &self.way {
            Way::Nest { target, reach } => Guarded { target, reach }.connect(database).await,
            Way::External(endpoint) => endpoint.connect(database).await,
        }
    }

    fn tenancy(&self) -> Tenancy {
        match &self.way {
            Way::Nest { .. } => Tenancy::Owner,
            Way::External(endpoint) => endpoint.tenancy(),
        }
    }
}

impl Server {
    /// A server that somebody else keeps.
    pub(super) fn external(endpoint: Endpoint, identity: Identity, defaults: Defaults) -> Self {
        Server {
            way: Way::External(Box::new(endpoint)),
            identity,
            defaults,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> Address {
        match &self.way {
            Way::Nest { target, .. } => target.address.into(),
            Way::External(endpoint) => endpoint.url.address.clone(),
        }
    }

    /// The same server, reached with another protection.
    pub(super) fn protected(&self, tls: TlsPolicy) -> Self {
        let mut other = self.clone();
        if let Way::Nest { target, .. } = &mut other.way {
            target.tls = tls;
        }
        other
    }

    /// Who logs in.
    pub fn user(&self) -> &str {
        match &self.way {
            Way::Nest { target, .. } => &target.user,
            Way::External(endpoint) => &endpoint.url.user,
        }
    }

    /// The user's password, for programs that log in by themselves.
    pub fn password(&self) -> &Secret {
        match &self.way {
            Way::Nest { target, .. } => &target.password,
            Way::External(endpoint) => &endpoint.url.password,
        }
    }
}

/// A login to be tried.
#[derive(Debug, Clone, Copy)]
pub struct Login<'a> {
    /// Whose server it is.
    pub child: &'a Child,
    /// The nest that it is in.
    pub nest: &'a Nest,
    /// How long it is tried.
    pub limit: Duration,
}

/// Logs in as the routed user, as often as it takes, and asks the server what
/// it is.
///
/// # Errors
/// [`ServerError::Login`] with the last reason; also as of the engine, where a
/// proxy is made.
pub async fn log_in(login: &Login<'_>) -> Result<Server, ServerError> {
    let endpoint = login.nest.endpoint(login.child.address, PORT).await?;
    let credentials = &login.child.credentials;
    let target = Target {
        address: endpoint.address,
        user: RoutedUser::NAME.to_owned(),
        password: credentials.password.clone(),
        tls: credentials.tls.clone(),
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
    })
}

/// Checks that a server is the one that was wanted.
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

/// Checks that a server is the very one that a lock names.
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

/// A server that is just starting refuses the connection; one that refuses the
/// password, or that no route leads to, will go on to do so.
fn is_worth_waiting(error: &SessionError) -> bool {
    matches!(error, SessionError::Connect { .. } | SessionError::Lost(_))
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

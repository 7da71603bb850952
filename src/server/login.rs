//! Ready means: the routed user is logged in over the route and has an answer.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::ServerError;
use super::spec::{RoutedUser, ServerSpec};
use crate::nest::Child;
use crate::route::Guard;
use crate::session::{Connect, Secret, Session, SessionError, Target};
use crate::version::Identity;

const LIMIT: Duration = Duration::from_secs(60);
const PORT: u16 = 3306;

/// A server that somebody has logged in to.
#[derive(Debug, Clone)]
pub struct Server {
    target: Target,
    guard: Guard,
    /// What it says of itself.
    pub identity: Identity,
}

/// Asks the kernel for the way before each connection: an address that is not
/// routed to the nest belongs to a stranger.
#[derive(Debug, Clone)]
struct Routed<'a> {
    target: &'a Target,
    guard: &'a Guard,
}

impl Connect for Routed<'_> {
    async fn connect(&self, database: Option<&str>) -> Result<Session, SessionError> {
        if let std::net::IpAddr::V4(address) = self.target.address.ip() {
            let checked = self.guard.check(address).await;
            checked.map_err(|error| SessionError::NotRouted(error.to_string()))?;
        }
        self.target.connect(database).await
    }
}

impl Connect for Server {
    async fn connect(&self, database: Option<&str>) -> Result<Session, SessionError> {
        let routed = Routed {
            target: &self.target,
            guard: &self.guard,
        };
        routed.connect(database).await
    }
}

impl Server {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.target.address
    }
}

/// Logs in as the routed user, as often as it takes, and checks that the server
/// is the one that was wanted.
///
/// # Errors
/// [`ServerError::Login`] with the last reason; [`ServerError::Identity`].
pub async fn log_in(
    child: &Child,
    spec: &ServerSpec,
    user: &RoutedUser,
    guard: &Guard,
) -> Result<Server, ServerError> {
    let target = Target {
        address: SocketAddr::from((child.address, PORT)),
        user: RoutedUser::NAME.to_owned(),
        password: Secret::new(&user.password),
    };
    let routed = Routed {
        target: &target,
        guard,
    };
    let deadline = Instant::now() + LIMIT;
    let identity = loop {
        match ask_identity(&routed).await {
            Ok(identity) => break identity,
            Err(source) if !is_worth_waiting(&source) || Instant::now() > deadline => {
                return Err(ServerError::Login {
                    seconds: LIMIT.as_secs(),
                    source,
                });
            }
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    };
    if identity.family != spec.family || !spec.version.is_prefix_of(identity.version) {
        return Err(ServerError::Identity {
            expected_family: spec.family,
            expected_version: spec.version,
            found_family: identity.family,
            found: identity.full,
        });
    }
    Ok(Server {
        target,
        guard: guard.clone(),
        identity,
    })
}

/// A server that is just starting refuses the connection; one that refuses the
/// password, or that no route leads to, will go on to do so.
fn is_worth_waiting(error: &SessionError) -> bool {
    matches!(error, SessionError::Connect { .. } | SessionError::Lost(_))
}

async fn ask_identity(connect: &impl Connect) -> Result<Identity, SessionError> {
    let mut session = connect.connect(None).await?;
    let row = session.first_row("SELECT @@version, @@version_comment").await?;
    let text = |at: usize| row.get(at).cloned().flatten().unwrap_or_default();
    let identity = Identity::read(&text(0), &text(1));
    session.close().await;
    identity.map_err(|error| SessionError::Unexpected {
        expected: "a version",
        found: error.to_string(),
    })
}

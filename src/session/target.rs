//! Where a server is, who logs in, and how: the way to a session.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mysql_async::{Conn, DriverError, Error, IoError, OptsBuilder, SslOpts};

use super::local_file::LocalFiles;
use super::{Session, SessionError, refusal};

/// How long a connection, with its handshake, may take.
const CONNECT: Duration = Duration::from_secs(20);
/// The protocol's own upper bound of a packet.
const LARGEST_PACKET: usize = 1 << 30;

/// A password; never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Wraps a password.
    pub fn new(text: &str) -> Self {
        Secret(text.into())
    }

    /// The password itself, for those who must send it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A server and a user of it.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where it listens.
    pub address: SocketAddr,
    /// Who logs in.
    pub user: String,
    /// The user's password.
    pub password: Secret,
}

/// Opens sessions to one server.
pub trait Connect: Send + Sync {
    /// Opens a session, in `database` where one is named.
    fn connect(
        &self,
        database: Option<&str>,
    ) -> impl Future<Output = Result<Session, SessionError>> + Send;
}

impl Connect for Target {
    /// With TLS where the server offers it. Servers make their certificates
    /// themselves and nobody vouches for them, so they are not checked: the
    /// way leads through a private bridge.
    async fn connect(&self, database: Option<&str>) -> Result<Session, SessionError> {
        let tls = SslOpts::default()
            .with_danger_accept_invalid_certs(true)
            .with_danger_skip_domain_validation(true);
        match self.open(database, Some(tls)).await {
            Ok(session) => Ok(session),
            Err(
                Error::Driver(DriverError::NoClientSslFlagFromServer) | Error::Io(IoError::Tls(_)),
            ) => {
                let session = self.open(database, None).await;
                session.map_err(|error| self.no_session(error))
            }
            Err(error) => Err(self.no_session(error)),
        }
    }
}

impl Target {
    async fn open(&self, database: Option<&str>, tls: Option<SslOpts>) -> Result<Session, Error> {
        let local_files = LocalFiles::default();
        let options = OptsBuilder::default()
            .ip_or_hostname(self.address.ip().to_string())
            .tcp_port(self.address.port())
            .user(Some(&self.user))
            .pass(Some(self.password.reveal()))
            .db_name(database)
            .ssl_opts(tls)
            .prefer_socket(false)
            .local_infile_handler(Some(local_files.clone()))
            .stmt_cache_size(0)
            // Values that are given are not asked of the server.
            .max_allowed_packet(Some(LARGEST_PACKET))
            .wait_timeout(Some(28_800))
            // The collation that the server itself gives to utf8mb4, rather
            // than the one that the driver names in its handshake.
            .setup(vec!["SET NAMES utf8mb4"]);
        match tokio::time::timeout(CONNECT, Conn::new(options)).await {
            Ok(opened) => Ok(Session::new(opened?, local_files)),
            Err(_) => Err(Error::Io(IoError::Io(std::io::Error::from(
                std::io::ErrorKind::TimedOut,
            )))),
        }
    }

    fn no_session(&self, error: Error) -> SessionError {
        let address = self.address;
        match error {
            Error::Server(error) => SessionError::Denied {
                address,
                refusal: refusal(error),
            },
            other => SessionError::Connect {
                address,
                reason: other.to_string(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        let target = Target {
            address: SocketAddr::from(([127, 0, 0, 1], 3306)),
            user: "root".to_owned(),
            password: Secret::new("hidden"),
        };
        assert!(!format!("{target:?}").contains("hidden"));
    }

    #[tokio::test]
    async fn a_closed_port_is_no_session() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        drop(listener);
        let target = Target {
            address,
            user: "root".to_owned(),
            password: Secret::new(""),
        };
        let opened = target.connect(None).await;
        assert!(matches!(opened, Err(SessionError::Connect { .. })));
    }
}

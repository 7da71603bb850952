//! A server's address and login: what a session needs.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use mysql_async::{Conn, DriverError, Error, IoError, OptsBuilder, SslOpts};
use rustls::CertificateError;

use super::local_file::LocalFiles;
use super::{Address, Session, SessionError, Tenancy, Trouble, Via, pin, refusal};

/// Time limit of a connection, including its handshake.
const CONNECT: Duration = Duration::from_secs(20);
/// The protocol's own upper bound of a packet.
const LARGEST_PACKET: usize = 1 << 30;

/// A password; never displayed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Wraps a password.
    pub fn new(text: &str) -> Self {
        Secret(text.into())
    }

    /// The password itself, for code that must send it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// How a connection to a server is protected.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum TlsPolicy {
    /// TLS if any server offers it, without a check: while a server is made, and for
    /// servers of dbmatrix versions that pinned no certificate.
    #[default]
    Offered,
    /// Only TLS, and only with a server that this certificate (PEM) authenticates.
    Pinned(Arc<str>),
    /// Plain text: the server did not support TLS when it was made.
    Plain,
}

/// A server and one of its users.
#[derive(Debug, Clone)]
pub struct Target {
    /// The server's address.
    pub address: SocketAddr,
    /// What to connect to instead, for one connection.
    pub via: Option<Via>,
    /// The user's name.
    pub user: String,
    /// The user's password.
    pub password: Secret,
    /// How the connection is protected.
    pub tls: TlsPolicy,
}

/// Opens sessions to one server.
pub trait Connect: Send + Sync {
    /// Opens a session, in `database` if it is given.
    fn connect<'a>(
        &'a self,
        database: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Session, SessionError>>;

    /// The role of dbmatrix on the server.
    fn tenancy(&self) -> Tenancy {
        Tenancy::Owner
    }
}

impl Connect for Target {
    fn connect<'a>(
        &'a self,
        database: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Session, SessionError>> {
        async move {
            let opened = match &self.tls {
                TlsPolicy::Plain => self.open(database, None).await,
                TlsPolicy::Pinned(certificate) => {
                    let opening = self.open(database, Some(unchecked()));
                    let opened = pin::with_server_of(certificate, opening).await;
                    opened.map_err(|error| SessionError::Certificate {
                        address: self.address.into(),
                        reason: format!("the pinned certificate cannot be read: {error}"),
                    })?
                }
                TlsPolicy::Offered => match self.open(database, Some(unchecked())).await {
                    Err(error) if is_without_tls(&error) => self.open(database, None).await,
                    other => other,
                },
            };
            opened.map_err(|error| self.no_session(error))
        }
        .boxed()
    }
}

/// TLS without certificate checks by the driver.
pub(super) fn unchecked() -> SslOpts {
    pin::watch_handshakes();
    SslOpts::default()
        .with_danger_accept_invalid_certs(true)
        .with_danger_skip_domain_validation(true)
}

/// Whether a server offers no TLS, or none that this program supports.
fn is_without_tls(error: &Error) -> bool {
    matches!(error, Error::Driver(DriverError::NoClientSslFlagFromServer))
        || tls_error(error).is_some()
}

/// Whether the address of a connection has no listener.
pub(super) fn is_refused(error: &Error) -> bool {
    let Error::Io(IoError::Io(error)) = error else {
        return false;
    };
    error.kind() == std::io::ErrorKind::ConnectionRefused
}

/// The problem with the TLS of a connection.
pub(super) fn tls_error(error: &Error) -> Option<&rustls::Error> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // The source of an I/O error is that of its inner error, which it skips.
        let inner = error.downcast_ref::<std::io::Error>();
        cause = match inner.and_then(std::io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

/// Whether a certificate differs from the pinned one, or a server presents none.
fn is_stranger(error: &Error) -> bool {
    matches!(error, Error::Driver(DriverError::NoClientSslFlagFromServer))
        || matches!(tls_error(error), Some(rustls::Error::InvalidCertificate(_)))
}

impl Target {
    fn open<'a>(
        &'a self,
        database: Option<&'a str>,
        tls: Option<SslOpts>,
    ) -> BoxFuture<'a, Result<Session, Error>> {
        async move {
            let entry = self.via.as_ref().map_or(self.address, |via| via.address);
            let login = Login {
                address: entry.into(),
                user: &self.user,
                password: &self.password,
                database,
                trouble: self.trouble(),
            };
            login.open(tls).await
        }
        .boxed()
    }

    fn trouble(&self) -> Trouble {
        let via = self.via.as_ref();
        via.map(|via| via.trouble.clone()).unwrap_or_default()
    }

    fn no_session(&self, error: Error) -> SessionError {
        let trouble = self.trouble();
        let address = Address::from(self.address);
        match error {
            Error::Server(error) => SessionError::Denied {
                address,
                refusal: refusal(error),
            },
            error if matches!(self.tls, TlsPolicy::Pinned(_)) && is_stranger(&error) => {
                SessionError::Certificate {
                    address,
                    reason: match tls_error(&error) {
                        Some(rustls::Error::InvalidCertificate(CertificateError::BadSignature)) => {
                            "it shows another certificate".to_owned()
                        }
                        Some(other) => other.to_string(),
                        None => "it offers no TLS".to_owned(),
                    },
                }
            }
            other => SessionError::Connect {
                address,
                is_refused: is_refused(&other) || trouble.is_refused(),
                reason: match trouble.reason() {
                    Some(reason) => reason.to_owned(),
                    None => other.to_string(),
                },
            },
        }
    }
}

/// A single login attempt.
pub(super) struct Login<'a> {
    pub(super) address: Address,
    pub(super) user: &'a str,
    pub(super) password: &'a Secret,
    pub(super) database: Option<&'a str>,
    /// What happens on the way of this connection.
    pub(super) trouble: Trouble,
}

impl Login<'_> {
    pub(super) async fn open(&self, tls: Option<SslOpts>) -> Result<Session, Error> {
        let local_files = LocalFiles::default();
        let options = OptsBuilder::default()
            .ip_or_hostname(self.address.host.clone())
            .tcp_port(self.address.port)
            .user(Some(self.user))
            .pass(Some(self.password.reveal()))
            .db_name(self.database)
            .ssl_opts(tls)
            .prefer_socket(false)
            .local_infile_handler(Some(local_files.clone()))
            .stmt_cache_size(0)
            // The server is not queried for values given here.
            .max_allowed_packet(Some(LARGEST_PACKET))
            .wait_timeout(Some(28_800))
            // The server's own default collation of utf8mb4, instead of the one that the
            // driver names in its handshake.
            .setup(vec!["SET NAMES utf8mb4"]);
        match tokio::time::timeout(CONNECT, Conn::new(options)).await {
            Ok(opened) => Ok(Session::new(opened?, local_files, self.trouble.clone())),
            Err(_) => Err(Error::Io(IoError::Io(std::io::Error::from(
                std::io::ErrorKind::TimedOut,
            )))),
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
            via: None,
            user: "root".to_owned(),
            password: Secret::new("hidden"),
            tls: TlsPolicy::Plain,
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
            via: None,
            user: "root".to_owned(),
            password: Secret::new(""),
            tls: TlsPolicy::Offered,
        };
        let opened = target.connect(None).await;
        assert!(matches!(opened, Err(SessionError::Connect { .. })));
    }

    /// A port that sends a server's greeting. The channel returns what the client sends
    /// before TLS, and whether it then accepted the certificate.
    struct Greeter {
        address: SocketAddr,
        certificate: String,
        heard: tokio::sync::oneshot::Receiver<(Vec<u8>, bool)>,
    }

    /// Capabilities of a server with protocol 4.1, with or without TLS.
    const PROTOCOL: u32 = 0x0000_0200 | 0x0000_8000 | 0x0008_0000;
    const OFFERS_TLS: u32 = 0x0000_0800;

    fn greeting(capabilities: u32) -> Vec<u8> {
        let [a, b, c, d] = capabilities.to_le_bytes();
        let mut text = b"\x0a9.7.0\0\x01\0\0\0abcdefgh\0".to_vec();
        text.extend([a, b, 45, 2, 0, c, d, 21]);
        text.extend([0; 10]);
        text.extend(b"ijklmnopqrst\0mysql_native_password\0");
        let length = u8::try_from(text.len()).expect("a short greeting");
        [&[length, 0, 0, 0], text.as_slice()].concat()
    }

    async fn greeter(capabilities: u32) -> Greeter {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let made = rcgen::generate_simple_self_signed(["dbmatrix".to_owned()]);
        let made = made.expect("a certificate");
        let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der());
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(ring)
            .with_safe_default_protocol_versions()
            .expect("usual versions")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.expect("a key"));
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config.expect("a pair")));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a port");
        let address = listener.local_addr().expect("its address");
        let (tell, heard) = tokio::sync::oneshot::channel();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a client");
            stream
                .write_all(&greeting(capabilities))
                .await
                .expect("it reads");
            let mut sent = vec![0; 36];
            let count = stream.read(&mut sent).await.unwrap_or(0);
            sent.truncate(count);
            let mut byte = [0];
            let is_taken = match acceptor.accept(stream).await {
                Ok(mut tls) => matches!(tls.read(&mut byte).await, Ok(1)),
                Err(_) => false,
            };
            let _ = tell.send((sent, is_taken));
        });
        Greeter {
            address,
            certificate: made.cert.pem(),
            heard,
        }
    }

    async fn connect_to(greeter: &Greeter, tls: TlsPolicy) -> SessionError {
        let target = Target {
            address: greeter.address,
            via: None,
            user: "root".to_owned(),
            password: Secret::new("hidden"),
            tls,
        };
        target.connect(None).await.expect_err("no real server")
    }

    #[tokio::test]
    async fn a_stranger_on_the_port_hears_neither_user_nor_password() {
        let server = greeter(PROTOCOL | OFFERS_TLS).await;
        let stranger = greeter(PROTOCOL | OFFERS_TLS).await;
        let pinned = TlsPolicy::Pinned(server.certificate.as_str().into());
        let error = connect_to(&stranger, pinned).await;
        assert!(matches!(error, SessionError::Certificate { .. }), "{error}");
        let (sent, is_taken) = stranger.heard.await.expect("it was asked");
        // The request for TLS, which names no user.
        assert_eq!((sent.len(), is_taken), (36, false));
    }

    #[tokio::test]
    async fn a_pinned_server_that_offers_no_tls_is_sent_nothing() {
        let server = greeter(PROTOCOL).await;
        let pinned = TlsPolicy::Pinned(server.certificate.as_str().into());
        let error = connect_to(&server, pinned).await;
        assert!(error.to_string().contains("it offers no TLS"), "{error}");
        assert_eq!(server.heard.await.expect("it was asked").0, b"");
    }

    #[tokio::test]
    async fn the_pinned_certificate_is_taken_whatever_its_name() {
        let server = greeter(PROTOCOL | OFFERS_TLS).await;
        let pinned = TlsPolicy::Pinned(server.certificate.as_str().into());
        let error = connect_to(&server, pinned).await;
        assert!(matches!(error, SessionError::Connect { .. }), "{error}");
        assert!(server.heard.await.expect("it was asked").1);
    }
}

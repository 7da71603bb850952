//! Transports to an engine: a Unix socket, or an address over TLS with a pinned
//! certificate.
//!
//! Engines sign their own certificates, so no authority is consulted: only the configured
//! certificate is accepted.

use std::fmt::Debug;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hyper::body::Incoming;
use hyper::{Request, Response, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, OtherError, SignatureScheme};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tower_service::Service;

use super::certificate::{fingerprint, first_certificate, why_invalid};
use super::local::LocalConnector;
use super::relay::RelayTarget;
use super::through::RelayConnector;
use super::transport::{Body, unexpected, whole_body};
use super::{CertificateProblem, Engine, EngineError};
use crate::privilege::connect_async;

/// The engine's default port.
const PORT: u16 = 8443;

/// An engine on the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// Its address, such as `https://db.example:8443`.
    pub address: String,
    /// The engine's certificate, as PEM. Without that file no request is sent, and the error
    /// says which certificate the engine shows.
    pub certificate: PathBuf,
    /// The certificate that the engine trusts, as PEM.
    pub client_certificate: PathBuf,
    /// Its key, as PEM.
    pub client_key: PathBuf,
}

/// Why a remote engine cannot be used.
#[derive(Debug, Error)]
pub enum RemoteError {
    /// Not an address of an engine.
    #[error("expected an address such as `https://db.example:8443`; found `{0}`")]
    Address(String),
    /// A file that cannot be read.
    #[error("could not read a certificate or key from `{}`: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The error.
        source: pem::Error,
    },
    /// The client's own certificate is not valid, so that no engine trusts it.
    #[error(
        "the certificate `{}` {why}; make another, and have the engine trust it", path.display()
    )]
    Validity {
        /// The file.
        path: PathBuf,
        /// Since when, or until when.
        why: String,
    },
    /// Certificate and key do not match.
    #[error("`{}` and `{}` cannot be used: {source}", certificate.display(), key.display())]
    Pair {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
        /// The reason.
        source: rustls::Error,
    },
}

/// The transport to an engine.
///
/// Connections are not reused: with an idle one open, LXD 5.0.2 did not accept those of
/// its own start hooks, which then time out after 30 s.
#[derive(Debug, Clone)]
pub(super) enum Transport {
    Socket {
        path: PathBuf,
        client: Client<LocalConnector, Body>,
    },
    Network {
        /// The engine's address, such as `https://db.example:8443`.
        address: String,
        /// Where its certificate belongs.
        expected_at: PathBuf,
        connector: HttpsConnector<HttpConnector>,
        client: Client<HttpsConnector<HttpConnector>, Body>,
    },
    /// An engine in a container of another engine.
    Relay {
        connector: RelayConnector,
        client: Client<RelayConnector, Body>,
    },
}

/// A connection to an engine, by whichever transport.
pub(super) type AnyStream = Box<dyn Stream>;

/// What a connection can do.
pub(super) trait Stream: AsyncRead + AsyncWrite + Debug + Send + Sync + Unpin {}

impl<T: AsyncRead + AsyncWrite + Debug + Send + Sync + Unpin> Stream for T {}

impl Transport {
    /// The transport to the engine that listens on `path`. Sends nothing yet.
    pub(super) fn socket(path: PathBuf) -> Self {
        Transport::Socket {
            client: client(LocalConnector::new(path.clone())),
            path,
        }
    }

    /// The transport to a remote engine. Sends nothing yet.
    pub(super) fn to(remote: &Remote) -> Result<Self, RemoteError> {
        let address = address_with_port(&remote.address)?;
        let provider = Arc::new(ring::default_provider());
        let certificate = remote.certificate.exists().then_some(&remote.certificate);
        let certificate = certificate.map(|path| first_certificate(path));
        let pinned = Pinned {
            certificate: certificate.transpose()?,
            provider: Arc::clone(&provider),
        };
        let own = first_certificate(&remote.client_certificate)?;
        if let Some(why) = why_invalid(&own, SystemTime::now()) {
            return Err(RemoteError::Validity {
                path: remote.client_certificate.clone(),
                why,
            });
        }
        let key = PrivateKeyDer::from_pem_file(&remote.client_key);
        let key = key.map_err(|source| RemoteError::File {
            path: remote.client_key.clone(),
            source,
        })?;
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                builder
                    .dangerous()
                    .with_custom_certificate_verifier(Arc::new(pinned))
                    .with_client_auth_cert(vec![own], key)
            });
        let tls = tls.map_err(|source| RemoteError::Pair {
            certificate: remote.client_certificate.clone(),
            key: remote.client_key.clone(),
            source,
        })?;
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_only()
            .enable_http1()
            .wrap_connector(network());
        Ok(Transport::Network {
            address,
            expected_at: remote.certificate.clone(),
            client: client(connector.clone()),
            connector,
        })
    }

    /// The transport to the engine that listens on a socket in a container of `host`.
    pub(super) fn inside(host: &Engine, instance: &str, socket: &str) -> Self {
        let target = RelayTarget::Socket(socket.to_owned());
        let connector = RelayConnector::new(host.clone(), instance, target);
        Transport::Relay {
            client: client(connector.clone()),
            connector,
        }
    }

    /// Opens a connection for something else than a request.
    pub(super) async fn connect(&self) -> io::Result<AnyStream> {
        match self {
            Transport::Socket { path, .. } => Ok(Box::new(connect_async(path).await?)),
            Transport::Network {
                address, connector, ..
            } => {
                let uri: Uri = address.parse().map_err(io::Error::other)?;
                let opened = connector.clone().call(uri).await;
                Ok(Box::new(TokioIo::new(opened.map_err(io::Error::other)?)))
            }
            Transport::Relay { connector, .. } => Ok(Box::new(connector.open().await?)),
        }
    }

    /// Sends a request for `path`; returns the reply before its body is read.
    ///
    /// # Errors
    /// [`EngineError::Unreachable`], [`EngineError::CertificateMismatch`],
    /// [`EngineError::Lost`]; [`EngineError::Source`] if the body to send could not be
    /// read.
    pub(super) async fn request(
        &self,
        what: &str,
        path: &str,
        mut request: Request<Body>,
    ) -> Result<Response<Incoming>, EngineError> {
        let uri: Result<Uri, _> = match self {
            Transport::Socket { .. } | Transport::Relay { .. } => {
                format!("http://engine{path}").parse()
            }
            Transport::Network { address, .. } => format!("{address}{path}").parse(),
        };
        *request.uri_mut() =
            uri.map_err(|_| unexpected(what, "an address without blanks", path))?;
        let response = match self {
            Transport::Socket { client, .. } => client.request(request).await,
            Transport::Network { client, .. } => client.request(request).await,
            Transport::Relay { client, .. } => client.request(request).await,
        };
        response.map_err(|error| self.failed(what, &error))
    }

    /// Whether the engine sends any answer.
    pub(super) async fn answers(&self) -> bool {
        let asked = self.request(
            "ask the engine what it is",
            "/1.0",
            Request::new(whole_body("")),
        );
        asked.await.is_ok()
    }

    /// Why there is no connection.
    pub(super) fn not_connected(&self, what: &str, error: Cause<'_>) -> EngineError {
        let (what, at) = (what.to_owned(), self.to_string());
        let refused_certificate = causes(error).find_map(refused_certificate);
        match (self, refused_certificate) {
            (Transport::Network { expected_at, .. }, Some(refused_certificate)) => {
                EngineError::Certificate {
                    what,
                    problem: Box::new(refused_certificate.problem(at, expected_at.clone())),
                }
            }
            _ => EngineError::Unreachable {
                what,
                at,
                reason: innermost(error),
            },
        }
    }

    fn failed(&self, what: &str, error: &hyper_util::client::legacy::Error) -> EngineError {
        let is_of_the_source =
            |error: &Cause<'_>| error.downcast_ref().is_some_and(hyper::Error::is_user);
        let (named, reason) = (what.to_owned(), innermost(error));
        match error.is_connect() {
            true => self.not_connected(what, error),
            false if causes(error).any(|cause| is_of_the_source(&cause)) => EngineError::Source {
                what: named,
                reason,
            },
            false => EngineError::Lost {
                what: named,
                reason,
            },
        }
    }
}

/// Connections whose other side has gone without a word end within a minute.
fn network() -> HttpConnector {
    let mut network = HttpConnector::new();
    network.enforce_http(false);
    network.set_nodelay(true);
    network.set_connect_timeout(Some(Duration::from_secs(10)));
    network.set_keepalive(Some(Duration::from_secs(20)));
    network.set_keepalive_interval(Some(Duration::from_secs(10)));
    network.set_keepalive_retries(Some(4));
    network
}

fn client<C: Connect + Clone>(connector: C) -> Client<C, Body> {
    Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(0)
        .build(connector)
}

impl std::fmt::Display for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Transport::Socket { path, .. } => write!(f, "{}", path.display()),
            Transport::Network { address, .. } => f.write_str(address),
            Transport::Relay { connector, .. } => write!(f, "{connector}"),
        }
    }
}

/// An address with its port.
fn address_with_port(address: &str) -> Result<String, RemoteError> {
    let wrong = || RemoteError::Address(address.to_owned());
    let rest = address.strip_prefix("https://").ok_or_else(wrong)?;
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let authority: hyper::http::uri::Authority = rest.parse().map_err(|_| wrong())?;
    let port = authority.port_u16().unwrap_or(PORT);
    match authority.host() {
        "" => Err(wrong()),
        host => Ok(format!("https://{host}:{port}")),
    }
}

type Cause<'a> = &'a (dyn std::error::Error + 'static);

/// The chain of an error's causes, itself first.
fn causes<'a>(error: Cause<'a>) -> impl Iterator<Item = Cause<'a>> {
    std::iter::successors(Some(error), |cause| cause.source())
}

fn innermost(error: Cause<'_>) -> String {
    let last = causes(error).last();
    last.map(ToString::to_string).unwrap_or_default()
}

/// A certificate that is not accepted.
#[derive(Debug, Clone, Error)]
#[error("another certificate, with fingerprint {shown}")]
struct RefusedCertificate {
    trouble: Trouble,
    /// The fingerprint of the certificate.
    shown: String,
}

/// Why it is not accepted.
#[derive(Debug, Clone)]
enum Trouble {
    /// It is not the one with this fingerprint.
    Other { expected: String },
    /// No certificate is configured.
    Unknown,
    /// It is the right one, at a time at which it is not valid.
    Invalid(String),
}

impl RefusedCertificate {
    fn problem(&self, at: String, file: PathBuf) -> CertificateProblem {
        let RefusedCertificate { trouble, shown } = self.clone();
        match trouble {
            Trouble::Other { expected } => CertificateProblem::Other {
                at,
                expected,
                shown,
                file,
            },
            Trouble::Unknown => CertificateProblem::Unknown { at, shown, file },
            Trouble::Invalid(why) => CertificateProblem::Invalid { at, why, file },
        }
    }
}

/// What is wrong with the certificate that the engine presented.
fn refused_certificate(cause: Cause<'_>) -> Option<&RefusedCertificate> {
    if let Some(wrapper) = cause.downcast_ref::<io::Error>() {
        return wrapper
            .get_ref()
            .and_then(|inner| refused_certificate(inner));
    }
    match cause.downcast_ref()? {
        rustls::Error::InvalidCertificate(CertificateError::Other(other)) => other.0.downcast_ref(),
        _ => None,
    }
}

/// Accepts exactly one certificate, whatever its issuer and name.
#[derive(Debug)]
struct Pinned {
    certificate: Option<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl Pinned {
    /// Why a certificate is not accepted.
    fn trouble(&self, shown: &CertificateDer<'_>, now: SystemTime) -> Option<Trouble> {
        match &self.certificate {
            None => Some(Trouble::Unknown),
            Some(expected) if shown != expected => Some(Trouble::Other {
                expected: fingerprint(expected),
            }),
            Some(_) => why_invalid(shown, now).map(Trouble::Invalid),
        }
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(now.as_secs());
        match self.trouble(shown, now) {
            None => Ok(ServerCertVerified::assertion()),
            Some(trouble) => {
                let refused_certificate = RefusedCertificate {
                    trouble,
                    shown: fingerprint(shown),
                };
                Err(CertificateError::Other(OtherError(Arc::new(refused_certificate))).into())
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let known = &self.provider.signature_verification_algorithms;
        known.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_https_with_a_host() {
        let read = |address: &str| address_with_port(address).unwrap_or_default();
        assert_eq!(read("https://db.example"), "https://db.example:8443");
        assert_eq!(read("https://db.example:443/"), "https://db.example:443");
        assert_eq!(read("https://[::1]:1"), "https://[::1]:1");
        for wrong in [
            "db.example:8443",
            "http://x",
            "https://",
            "https://a/b",
            "https://a b",
        ] {
            assert_eq!(read(wrong), "", "{wrong}");
        }
    }
}

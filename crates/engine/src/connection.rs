//! Transports to an engine: a Unix socket, or an address over TLS with a pinned
//! certificate.
//!
//! Engines sign their own certificates, so no authority is consulted: only the configured
//! certificate is accepted.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{Request, Response, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::rt::TokioExecutor;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme};
use thiserror::Error;

use super::EngineError;
use super::local::LocalConnector;
use super::transport::{Body, unexpected, whole_body};

/// The engine's default port.
const PORT: u16 = 8443;

/// An engine on the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// Its address, such as `https://db.example:8443`.
    pub address: String,
    /// The engine's certificate, as PEM.
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
        client: Client<HttpsConnector<HttpConnector>, Body>,
    },
}

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
        let pinned = Pinned {
            certificate: first_certificate(&remote.certificate)?,
            provider: Arc::clone(&provider),
        };
        let own = vec![first_certificate(&remote.client_certificate)?];
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
                    .with_client_auth_cert(own, key)
            });
        let tls = tls.map_err(|source| RemoteError::Pair {
            certificate: remote.client_certificate.clone(),
            key: remote.client_key.clone(),
            source,
        })?;
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_only()
            .enable_http1();
        Ok(Transport::Network {
            address,
            client: client(connector.build()),
        })
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
            Transport::Socket { .. } => format!("http://engine{path}").parse(),
            Transport::Network { address, .. } => format!("{address}{path}").parse(),
        };
        *request.uri_mut() =
            uri.map_err(|_| unexpected(what, "an address without blanks", path))?;
        let response = match self {
            Transport::Socket { client, .. } => client.request(request).await,
            Transport::Network { client, .. } => client.request(request).await,
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

    fn failed(&self, what: &str, error: &hyper_util::client::legacy::Error) -> EngineError {
        let (what, at, reason) = (what.to_owned(), self.to_string(), innermost(error));
        let is_of_the_source =
            |error: &Cause<'_>| error.downcast_ref().is_some_and(hyper::Error::is_user);
        match error.is_connect() {
            true if causes(error).any(is_stranger) => EngineError::CertificateMismatch { what, at },
            true => EngineError::Unreachable { what, at, reason },
            false if causes(error).any(|cause| is_of_the_source(&cause)) => {
                EngineError::Source { what, reason }
            }
            false => EngineError::Lost { what, reason },
        }
    }
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

fn first_certificate(path: &Path) -> Result<CertificateDer<'static>, RemoteError> {
    CertificateDer::from_pem_file(path).map_err(|source| RemoteError::File {
        path: path.to_owned(),
        source,
    })
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

/// Whether the engine presented a certificate other than the pinned one.
fn is_stranger(cause: Cause<'_>) -> bool {
    if let Some(wrapper) = cause.downcast_ref::<std::io::Error>() {
        return wrapper.get_ref().is_some_and(|inner| is_stranger(inner));
    }
    matches!(
        cause.downcast_ref(),
        Some(rustls::Error::InvalidCertificate(
            CertificateError::ApplicationVerificationFailure
        ))
    )
}

/// Accepts exactly one certificate, whatever its issuer, name and validity period.
#[derive(Debug)]
struct Pinned {
    certificate: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match *shown == self.certificate {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(CertificateError::ApplicationVerificationFailure.into()),
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

//! Ways to an engine: a Unix socket, or an address over TLS whose certificate is
//! known beforehand.
//!
//! Engines sign their certificates themselves, so no authority is asked: exactly
//! the one that was handed over is taken.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsConnector, rustls};

use super::EngineError;

/// What an engine answers on where its address names none.
const PORT: u16 = 8443;

/// An engine that is reached over the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// Such as `https://db.example:8443`.
    pub address: String,
    /// The engine's certificate, as PEM.
    pub certificate: PathBuf,
    /// The certificate that the engine trusts, as PEM.
    pub client_certificate: PathBuf,
    /// Its key, as PEM.
    pub client_key: PathBuf,
}

/// Why an engine cannot be reached over the network.
#[derive(Debug, Error)]
pub enum RemoteError {
    /// No address of an engine.
    #[error("expected an address such as `https://db.example:8443`; found `{0}`")]
    Address(String),
    /// A file that cannot be read.
    #[error("could not read a certificate or key from `{}`: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// Certificate and key that are no pair.
    #[error("`{}` and `{}` cannot be used: {source}", certificate.display(), key.display())]
    Pair {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
        /// Why.
        source: rustls::Error,
    },
}

/// How an engine is reached.
#[derive(Debug, Clone)]
pub(super) enum Way {
    Socket(PathBuf),
    Network(Arc<Network>),
}

/// Reached over the network.
#[derive(Debug)]
pub(super) struct Network {
    host: String,
    port: u16,
    name: ServerName<'static>,
    tls: Arc<ClientConfig>,
}

/// A connection to an engine.
pub(super) trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

impl Way {
    /// The way to a remote engine. Nothing is sent yet.
    pub(super) fn to(remote: &Remote) -> Result<Self, RemoteError> {
        let (host, port, name) = split(&remote.address)?;
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
        Ok(Way::Network(Arc::new(Network {
            host,
            port,
            name,
            tls: Arc::new(tls),
        })))
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// [`EngineError::Unreachable`], [`EngineError::Stranger`].
    pub(super) async fn open(&self, what: &str) -> Result<Box<dyn Connection>, EngineError> {
        let opened: std::io::Result<Box<dyn Connection>> = match self {
            Way::Socket(path) => match UnixStream::connect(path).await {
                Ok(stream) => Ok(Box::new(stream)),
                Err(error) => Err(error),
            },
            Way::Network(network) => match network.open().await {
                Ok(stream) => Ok(Box::new(stream)),
                Err(error) => Err(error),
            },
        };
        opened.map_err(|error| match is_stranger(&error) {
            true => EngineError::Stranger {
                what: what.to_owned(),
                at: self.to_string(),
            },
            false => EngineError::Unreachable {
                what: what.to_owned(),
                at: self.to_string(),
                reason: error.to_string(),
            },
        })
    }

    /// The name that requests are for, which HTTP/1.1 wants to be told.
    pub(super) fn host(&self) -> &str {
        match self {
            Way::Socket(_) => "engine",
            Way::Network(network) => &network.host,
        }
    }
}

impl std::fmt::Display for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Way::Socket(path) => write!(f, "{}", path.display()),
            Way::Network(network) => write!(f, "https://{}:{}", network.host, network.port),
        }
    }
}

impl Network {
    async fn open(&self) -> std::io::Result<TlsStream<TcpStream>> {
        // As it stands in addresses: IPv6 in brackets.
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((host, self.port)).await?;
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        connector.connect(self.name.clone(), stream).await
    }
}

/// Host, port, and the name by which TLS knows it.
fn split(address: &str) -> Result<(String, u16, ServerName<'static>), RemoteError> {
    let wrong = || RemoteError::Address(address.to_owned());
    let rest = address.strip_prefix("https://").ok_or_else(wrong)?;
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let uri: hyper::http::uri::Authority = rest.parse().map_err(|_| wrong())?;
    let host = uri.host();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(bare.to_owned()).map_err(|_| wrong())?;
    Ok((host.to_owned(), uri.port_u16().unwrap_or(PORT), name))
}

fn first_certificate(path: &Path) -> Result<CertificateDer<'static>, RemoteError> {
    CertificateDer::from_pem_file(path).map_err(|source| RemoteError::File {
        path: path.to_owned(),
        source,
    })
}

/// Whether another certificate was shown than the one that is known.
fn is_stranger(error: &std::io::Error) -> bool {
    let inner = error.get_ref();
    let inner = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>());
    matches!(
        inner,
        Some(rustls::Error::InvalidCertificate(
            CertificateError::ApplicationVerificationFailure
        ))
    )
}

/// Takes one certificate, whoever signed it and whatever its name and its time.
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
        let read = |address: &str| split(address).map(|(host, port, _)| (host, port)).ok();
        let db = || "db.example".to_owned();
        assert_eq!(read("https://db.example"), Some((db(), PORT)));
        assert_eq!(read("https://db.example:443/"), Some((db(), 443)));
        assert_eq!(read("https://[::1]:1"), Some(("[::1]".to_owned(), 1)));
        for wrong in [
            "db.example:8443",
            "http://x",
            "https://",
            "https://a/b",
            "https://a b",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}

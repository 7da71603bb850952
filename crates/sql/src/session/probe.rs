//! Checks a server's certificate against authorities, but not its name.
//!
//! The driver checks both or neither. This module therefore reads the greeting and
//! requests TLS itself, without a user or a password, and closes the connection after the
//! handshake.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use mysql_async::{DriverError, Error, IoError};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::Address;
use super::endpoint::Authorities;

/// Time limit of the check.
const LIMIT: Duration = Duration::from_secs(20);
/// Protocol 4.1, TLS, and secure passwords.
const CAPABILITIES: u32 = 0x0000_0200 | OFFERS_TLS | 0x0000_8000;
const OFFERS_TLS: u32 = 0x0000_0800;
/// `utf8mb4`.
const CHARSET: u8 = 45;

/// Returns the certificate of the server at an address, if one of the authorities signed
/// it.
pub(super) async fn certificate_of(
    address: &Address,
    authorities: &Authorities,
) -> Result<CertificateDer<'static>, Error> {
    let looked = tokio::time::timeout(LIMIT, look(address, authorities)).await;
    looked.unwrap_or_else(|_| Err(io_error(io::ErrorKind::TimedOut.into())))
}

async fn look(
    address: &Address,
    authorities: &Authorities,
) -> Result<CertificateDer<'static>, Error> {
    let stream = TcpStream::connect((address.host.as_str(), address.port)).await;
    let mut stream = stream.map_err(io_error)?;
    if !offers_tls(&mut stream).await.map_err(io_error)? {
        return Err(Error::Driver(DriverError::NoClientSslFlagFromServer));
    }
    stream.write_all(&request()).await.map_err(io_error)?;
    let config = config(authorities).map_err(|error| io_error(io::Error::other(error)))?;
    let name = ServerName::try_from(address.host.clone());
    let name = name.map_err(|error| io_error(io::Error::other(error)))?;
    let connecting = TlsConnector::from(Arc::new(config)).connect(name, stream);
    let connected = connecting.await.map_err(io_error)?;
    let shown = connected.get_ref().1.peer_certificates();
    let first = shown.and_then(<[_]>::first).cloned();
    first.ok_or_else(|| io_error(io::Error::other("it shows no certificate")))
}

fn io_error(error: io::Error) -> Error {
    Error::Io(IoError::Io(error))
}

/// Reads the greeting: protocol version, server version, connection number, eight bytes,
/// one more, and the lower half of the capabilities.
async fn offers_tls(stream: &mut TcpStream) -> io::Result<bool> {
    let mut head = [0; 4];
    stream.read_exact(&mut head).await?;
    let length = u32::from_le_bytes([head[0], head[1], head[2], 0]);
    let mut greeting = vec![0; length as usize];
    stream.read_exact(&mut greeting).await?;
    let version = greeting.get(1..).unwrap_or_default();
    let end = memchr::memchr(0, version).unwrap_or(version.len());
    let low = version.get(end + 14..end + 16);
    let low = low.ok_or_else(|| io::Error::other("expected the greeting of a server"))?;
    let capabilities = u32::from(u16::from_le_bytes([low[0], low[1]]));
    Ok(greeting[0] == 10 && capabilities & OFFERS_TLS != 0)
}

/// The request for TLS, which names no user.
fn request() -> Vec<u8> {
    let mut packet = vec![32, 0, 0, 1];
    packet.extend(CAPABILITIES.to_le_bytes());
    packet.extend((1u32 << 24).to_le_bytes());
    packet.push(CHARSET);
    packet.extend([0; 23]);
    packet
}

fn config(authorities: &Authorities) -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore::empty();
    match &authorities.0 {
        Some(pem) => {
            for one in CertificateDer::pem_slice_iter(pem).flatten() {
                roots.add(one)?;
            }
        }
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
    }
    let inner = WebPkiServerVerifier::builder(Arc::new(roots)).build();
    let inner = inner.map_err(|error| rustls::Error::General(error.to_string()))?;
    Ok(ClientConfig::builder()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyName(inner)))
        .with_no_client_auth())
}

/// Checks everything except the name.
#[derive(Debug)]
struct AnyName(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let checked =
            self.0
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match checked {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

//! An external server: its address, login, protection of the connection, and allowed
//! statements.
//!
//! The address is the one in the matrix. No other address is ever used: the driver
//! follows no redirect, and uses no socket that a server offers.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::path::PathBuf;
use std::sync::Arc;

use mysql_async::{DriverError, Error, SslOpts};
use rustls::CertificateError;

use super::probe::certificate_of;
use super::target::{Login, is_refused, tls_error, unchecked};
use super::url::ServerUrl;
use super::{Connect, Session, SessionError, Trouble, pin, refusal};

/// How a connection to an external server is protected. The words are those of MySQL's
/// own `ssl-mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TlsMode {
    /// Plain text.
    Disabled,
    /// TLS if any server offers it, without a check; else plain text.
    #[default]
    Preferred,
    /// TLS, without a check of the server.
    Required,
    /// TLS, with a certificate that an authority has signed, whatever its name.
    VerifyCa,
    /// The same, and the certificate must name the host.
    VerifyIdentity,
}

impl TlsMode {
    /// All modes, by their words in matrix files.
    pub const WORDS: [(&str, TlsMode); 5] = [
        ("disabled", TlsMode::Disabled),
        ("preferred", TlsMode::Preferred),
        ("required", TlsMode::Required),
        ("verify-ca", TlsMode::VerifyCa),
        ("verify-identity", TlsMode::VerifyIdentity),
    ];

    /// Whether a certificate is checked, which requires authorities.
    pub fn verifies(self) -> bool {
        matches!(self, TlsMode::VerifyCa | TlsMode::VerifyIdentity)
    }
}

/// Certificate authorities (PEM); by default the built-in ones that Mozilla's browsers
/// trust.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Authorities(pub Option<Arc<[u8]>>);

impl Authorities {
    /// Reads a file with at least one certificate.
    ///
    /// # Errors
    /// A human-readable problem.
    pub fn load(path: &PathBuf) -> Result<Self, String> {
        use rustls::pki_types::CertificateDer;
        use rustls::pki_types::pem::PemObject;
        let text = std::fs::read(path).map_err(|error| error.to_string())?;
        let mut found = CertificateDer::pem_slice_iter(&text);
        match found.next() {
            Some(Ok(_)) => Ok(Authorities(Some(text.into()))),
            _ => Err("expected certificates in PEM form; found none".to_owned()),
        }
    }

    fn options(&self) -> SslOpts {
        match &self.0 {
            None => SslOpts::default(),
            Some(pem) => SslOpts::default()
                .with_disable_built_in_roots(true)
                .with_root_certs(vec![pem.to_vec().into()]),
        }
    }
}

/// The role of dbmatrix on a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tenancy {
    /// It made the server, and may end anything left there.
    #[default]
    Owner,
    /// It creates its own databases on an external server, and changes nothing else.
    Guest,
    /// It sends only reading statements.
    Reader,
}

/// An external server.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Its address and login.
    pub url: ServerUrl,
    /// How the connection is protected.
    pub tls: TlsMode,
    /// The authorities that may sign its certificate.
    pub authorities: Authorities,
    /// The role of dbmatrix there.
    pub tenancy: Tenancy,
}

impl Connect for Endpoint {
    fn connect<'a>(
        &'a self,
        database: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Session, SessionError>> {
        async move {
            let usual = match self.tenancy {
                Tenancy::Reader => self.url.database.as_deref(),
                Tenancy::Owner | Tenancy::Guest => None,
            };
            let opened = self.open(database.or(usual)).await;
            let mut session = opened.map_err(|error| self.no_session(error))?;
            if self.tenancy == Tenancy::Reader {
                session.only_read().await?;
            }
            Ok(session)
        }
        .boxed()
    }

    fn tenancy(&self) -> Tenancy {
        self.tenancy
    }
}

impl Endpoint {
    async fn open(&self, database: Option<&str>) -> Result<Session, Error> {
        let login = Login {
            address: self.url.address.clone(),
            user: &self.url.user,
            password: &self.url.password,
            database,
            trouble: Trouble::default(),
        };
        match self.tls {
            TlsMode::Disabled => login.open(None).await,
            TlsMode::Required => login.open(Some(unchecked())).await,
            TlsMode::Preferred => match login.open(Some(unchecked())).await {
                Err(Error::Driver(DriverError::NoClientSslFlagFromServer)) => {
                    login.open(None).await
                }
                other => other,
            },
            TlsMode::VerifyIdentity => {
                pin::watch_handshakes();
                login.open(Some(self.authorities.options())).await
            }
            // The driver would check the name too, so the certificate is checked before,
            // and the driver accepts only that one.
            TlsMode::VerifyCa => {
                pin::watch_handshakes();
                let found = certificate_of(&self.url.address, &self.authorities).await?;
                pin::with_key_of(found, login.open(Some(unchecked()))).await
            }
        }
    }

    fn no_session(&self, error: Error) -> SessionError {
        let address = self.url.address.clone();
        let reason = match (&error, tls_error(&error)) {
            (Error::Server(_), _) => None,
            (Error::Driver(DriverError::NoClientSslFlagFromServer), _) => {
                Some("it offers no TLS; `tls = \"disabled\"` goes without".to_owned())
            }
            (_, Some(wrong)) => Some(self.told(wrong)),
            (_, None) => None,
        };
        match (error, reason) {
            (Error::Server(error), _) => SessionError::Denied {
                address,
                refusal: refusal(error),
            },
            (_, Some(reason)) => SessionError::Tls { address, reason },
            (other, None) => SessionError::Connect {
                address,
                is_refused: is_refused(&other),
                reason: match self.tls != TlsMode::Disabled && was_ended(&other) {
                    true => format!("{}; if it did so over TLS: {TOO_OLD}", plain(&other)),
                    false => plain(&other),
                },
            },
        }
    }

    /// Describes a problem with the server's TLS, and how to fix it.
    fn told(&self, wrong: &rustls::Error) -> String {
        let host = &self.url.address.host;
        match wrong {
            rustls::Error::InvalidCertificate(wrong) => match wrong {
                // The latter if an authority has the same name and another key.
                CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                    match self.authorities.0 {
                        Some(_) => "its certificate is signed by none of those in `ca`".to_owned(),
                        None => {
                            "its certificate is signed by nobody known; `ca` names a file with its \
                             certificate authority"
                                .to_owned()
                        }
                    }
                }
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    "its certificate has expired".to_owned()
                }
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    "its certificate is not valid yet".to_owned()
                }
                CertificateError::NotValidForName
                | CertificateError::NotValidForNameContext { .. } => format!(
                    "its certificate is not for `{host}`; `tls = \"verify-ca\"` asks for no name"
                ),
                other => format!("its certificate: {other}"),
            },
            rustls::Error::AlertReceived(_) | rustls::Error::PeerIncompatible(_) => {
                format!("{wrong}; {TOO_OLD}")
            }
            other => other.to_string(),
        }
    }
}

/// The system's error, without the driver's prefix.
fn plain(error: &Error) -> String {
    match error {
        Error::Io(mysql_async::IoError::Io(error)) => error.to_string(),
        other => other.to_string(),
    }
}

const TOO_OLD: &str = "dbmatrix speaks TLS 1.2 and later, which old servers do not: \
    `tls = \"disabled\"` goes without";

/// Whether the server closed a connection without an answer, as it may do if it does not
/// support this TLS.
fn was_ended(error: &Error) -> bool {
    let Error::Io(mysql_async::IoError::Io(error)) = error else {
        return false;
    };
    error.kind() == std::io::ErrorKind::UnexpectedEof
}

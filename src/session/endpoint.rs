//! A server that somebody else keeps: where it is, who logs in, how the
//! connection is protected, and what may be sent.
//!
//! The address is the one that the matrix names. Nothing leads to another one:
//! the driver follows no redirect, and takes no socket that a server offers.

use std::path::PathBuf;
use std::sync::Arc;

use mysql_async::{DriverError, Error, SslOpts};
use rustls::CertificateError;

use super::probe::certificate_of;
use super::target::{Login, is_refused, tls_error, unchecked};
use super::url::ServerUrl;
use super::{Connect, Session, SessionError, pin, refusal};

/// How a connection to an external server is protected. The words are those of
/// MySQL's own `ssl-mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TlsMode {
    /// Plain text.
    Disabled,
    /// TLS where the server offers it, whoever it is; else plain text.
    #[default]
    Preferred,
    /// TLS, whoever the server is.
    Required,
    /// TLS with a server for which a certificate authority vouches, whatever its
    /// name.
    VerifyCa,
    /// The same, and the certificate names the host.
    VerifyIdentity,
}

impl TlsMode {
    /// All, by the words of matrix files.
    pub const WORDS: [(&str, TlsMode); 5] = [
        ("disabled", TlsMode::Disabled),
        ("preferred", TlsMode::Preferred),
        ("required", TlsMode::Required),
        ("verify-ca", TlsMode::VerifyCa),
        ("verify-identity", TlsMode::VerifyIdentity),
    ];

    /// Whether a certificate is checked, so that there have to be authorities.
    pub fn verifies(self) -> bool {
        matches!(self, TlsMode::VerifyCa | TlsMode::VerifyIdentity)
    }
}

/// Certificate authorities (PEM); where there is none, those that Mozilla's
/// browsers trust, which are built in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Authorities(pub Option<Arc<[u8]>>);

impl Authorities {
    /// Reads a file with at least one certificate.
    ///
    /// # Errors
    /// What is wrong with it, for people.
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

/// What dbmatrix is on a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tenancy {
    /// It made the server: whatever is left there may be ended.
    #[default]
    Owner,
    /// It has databases of its own on somebody else's server, and touches nothing
    /// else.
    Guest,
    /// It sends nothing but statements that read.
    Reader,
}

/// A server that somebody else keeps.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Where it is, and who logs in.
    pub url: ServerUrl,
    /// How the connection is protected.
    pub tls: TlsMode,
    /// Who may vouch for the server.
    pub authorities: Authorities,
    /// What may be sent.
    pub tenancy: Tenancy,
}

impl Connect for Endpoint {
    async fn connect(&self, database: Option<&str>) -> Result<Session, SessionError> {
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
            // The driver checks the name too, so the certificate is looked at
            // before, and the driver gets through to nobody else.
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

    /// What is wrong with the server's side of TLS, and what helps.
    fn told(&self, wrong: &rustls::Error) -> String {
        let host = &self.url.address.host;
        match wrong {
            rustls::Error::InvalidCertificate(wrong) => match wrong {
                // The latter where an authority has the same name and another key.
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

/// The system's own words, without what the driver puts before them.
fn plain(error: &Error) -> String {
    match error {
        Error::Io(mysql_async::IoError::Io(error)) => error.to_string(),
        other => other.to_string(),
    }
}

const TOO_OLD: &str = "dbmatrix speaks TLS 1.2 and later, which old servers do not: \
    `tls = \"disabled\"` goes without";

/// Whether the server ended a connection without a word, as one that takes no such
/// TLS may.
fn was_ended(error: &Error) -> bool {
    let Error::Io(mysql_async::IoError::Io(error)) = error else {
        return false;
    };
    error.kind() == std::io::ErrorKind::UnexpectedEof
}

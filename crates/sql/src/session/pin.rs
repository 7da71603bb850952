//! Identifies a server by the key of its certificate.
//!
//! The driver accepts roots but no custom verifier, and roots do not help: the
//! certificates that MySQL generates contain no names to check. In a TLS handshake, a
//! signature made with the certificate's key proves the peer's identity. The driver
//! verifies it through the process's crypto provider; this one also checks whose key it
//! is.

use std::sync::LazyLock;

use rustls::SignatureScheme;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, SignatureVerificationAlgorithm,
};

tokio::task_local! {
    /// The certificate whose key the peer of this task must sign with.
    static EXPECTED: CertificateDer<'static>;
}

/// Whether the process uses this provider; false if another one was installed first.
static IS_INSTALLED: LazyLock<bool> = LazyLock::new(|| {
    let mut provider = ring::default_provider();
    provider.signature_verification_algorithms =
        watched(&provider.signature_verification_algorithms);
    CryptoProvider::install_default(provider).is_ok()
});

/// Installs the provider that checks handshakes; must run before the driver's first one.
///
/// # Panics If this process has another crypto provider, which no code in it installs.
pub(super) fn watch_handshakes() {
    assert!(*IS_INSTALLED, "the process has no other crypto provider");
}

/// Runs `connecting`, in which only the server with this certificate (PEM) passes a TLS
/// handshake.
///
/// # Errors
/// If the text is not a certificate.
pub(super) async fn with_server_of<T>(
    certificate: &str,
    connecting: impl Future<Output = T>,
) -> Result<T, pem::Error> {
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes())?;
    Ok(EXPECTED.scope(certificate, connecting).await)
}

/// Like [`with_server_of`], with a parsed certificate.
pub(super) async fn with_key_of<T>(
    certificate: CertificateDer<'static>,
    connecting: impl Future<Output = T>,
) -> T {
    EXPECTED.scope(certificate, connecting).await
}

type Algorithm = &'static dyn SignatureVerificationAlgorithm;

/// The same algorithms, each with a check of the key. They are made once per process.
fn watched(all: &WebPkiSupportedAlgorithms) -> WebPkiSupportedAlgorithms {
    let watch = |list: &[Algorithm]| -> &'static [Algorithm] {
        let list = list.iter().map(|one| &*Box::leak(Box::new(KnownKey(*one))));
        Box::leak(list.map(|one| one as Algorithm).collect())
    };
    let mapping: Box<[(SignatureScheme, &'static [Algorithm])]> = all
        .mapping
        .iter()
        .map(|(scheme, list)| (*scheme, watch(list)))
        .collect();
    WebPkiSupportedAlgorithms {
        all: watch(all.all),
        mapping: Box::leak(mapping),
    }
}

/// Checks a signature, and that the expected key made it.
#[derive(Debug)]
struct KnownKey(Algorithm);

impl SignatureVerificationAlgorithm for KnownKey {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let is_known = |certificate: &CertificateDer<'_>| holds(certificate, public_key);
        match EXPECTED.try_with(is_known) {
            Ok(false) => Err(InvalidSignature),
            Ok(true) | Err(_) => self.0.verify_signature(public_key, message, signature),
        }
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.0.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.0.signature_alg_id()
    }
}

/// Whether a certificate contains a key: DER includes the key's bytes unchanged.
fn holds(certificate: &[u8], public_key: &[u8]) -> bool {
    !public_key.is_empty()
        && certificate
            .windows(public_key.len())
            .any(|piece| piece == public_key)
}

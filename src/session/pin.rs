//! A server is known by the key of its certificate.
//!
//! The driver takes roots but no verifier of ours, and roots don't serve: the
//! certificates that MySQL makes have no names that could be checked. What proves
//! in a TLS handshake who somebody is, is the signature made with the
//! certificate's key. The driver has it checked by the process's crypto provider;
//! ours looks besides whose key it is.

use std::sync::LazyLock;

use rustls::SignatureScheme;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, SignatureVerificationAlgorithm,
};

tokio::task_local! {
    /// The certificate with whose key the peer of this task has to sign.
    static EXPECTED: CertificateDer<'static>;
}

/// Whether the provider of this process is ours; another one was sooner where not.
static IS_INSTALLED: LazyLock<bool> = LazyLock::new(|| {
    let mut provider = ring::default_provider();
    provider.signature_verification_algorithms =
        watched(&provider.signature_verification_algorithms);
    CryptoProvider::install_default(provider).is_ok()
});

/// Makes sure that handshakes are watched; before the driver's first one.
///
/// # Panics
/// Where this process has another crypto provider: nothing in it installs one.
pub(super) fn watch_handshakes() {
    assert!(*IS_INSTALLED, "the process has no other crypto provider");
}

/// Runs `connecting`, in which only the server of this certificate (PEM) passes a
/// TLS handshake.
///
/// # Errors
/// Where the text is no certificate.
pub(super) async fn with_server_of<T>(
    certificate: &str,
    connecting: impl Future<Output = T>,
) -> Result<T, pem::Error> {
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes())?;
    Ok(EXPECTED.scope(certificate, connecting).await)
}

/// As [`with_server_of`], with a certificate that was read before.
pub(super) async fn with_key_of<T>(
    certificate: CertificateDer<'static>,
    connecting: impl Future<Output = T>,
) -> T {
    EXPECTED.scope(certificate, connecting).await
}

type Algorithm = &'static dyn SignatureVerificationAlgorithm;

/// The same algorithms, each with a look at the key. They are made once a process.
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

/// Checks a signature where the key that made it is the expected one.
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

/// Whether a certificate is that of a key: DER holds the key as it is, and no other.
fn holds(certificate: &[u8], public_key: &[u8]) -> bool {
    !public_key.is_empty()
        && certificate
            .windows(public_key.len())
            .any(|piece| piece == public_key)
}

//! Checks certificates and keys before a server is made with them: it would only say in
//! its log that they do not fit, and start without TLS or not at all.

use std::path::Path;

use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

/// Checks that a file contains certificates in PEM form.
///
/// # Errors
/// A human-readable problem, without the file's name.
pub fn check_certificates(path: &Path) -> Result<(), String> {
    certificates(path).map(drop)
}

/// Checks that a private key belongs to the first certificate of a file. Keys of kinds
/// that only servers know are left to the server.
///
/// # Errors
/// A human-readable problem that begins with the file's name.
pub fn check_key_pair(certificate: &Path, key: &Path) -> Result<(), String> {
    let of_file = |path: &Path, reason: String| format!("`{}`: {reason}", path.display());
    let chain = certificates(certificate).map_err(|reason| of_file(certificate, reason))?;
    let found = private_key(key).map_err(|reason| of_file(key, reason))?;
    let Ok(signing) = any_supported_type(&found) else {
        return Ok(());
    };
    match CertifiedKey::new(chain, signing).keys_match() {
        Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch)) => {
            Err(format!(
                "the key in `{}` is not that of the certificate in `{}`",
                key.display(),
                certificate.display()
            ))
        }
        _ => Ok(()),
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = std::fs::read(path).map_err(|error| error.to_string())?;
    let found: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err("expected certificates in PEM form; found none".to_owned()),
        Err(error) => Err(format!("expected certificates in PEM form: {error}")),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let text = std::fs::read(path).map_err(|error| error.to_string())?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        pem::Error::NoItemsFound if is_encrypted(&text) => {
            "the key is encrypted, and servers ask for no password: `openssl pkey` decrypts it"
                .to_owned()
        }
        _ => "expected a private key in PEM form; found none".to_owned(),
    })
}

fn is_encrypted(text: &[u8]) -> bool {
    let contains = |words: &[u8]| memchr::memmem::find(text, words).is_some();
    contains(b"BEGIN ENCRYPTED PRIVATE KEY") || contains(b"Proc-Type: 4,ENCRYPTED")
}

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedKey as Made, generate_simple_self_signed};

    use super::*;

    #[test]
    fn a_key_must_be_that_of_its_certificate() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("a file");
            path
        };
        let make = || generate_simple_self_signed(vec!["db.test".to_owned()]).expect("a key");
        let Made { cert, signing_key } = make();
        let other = make();
        let certificate = file("cert.pem", &cert.pem());
        let key = file("key.pem", &signing_key.serialize_pem());
        let wrong = file("wrong.pem", &other.signing_key.serialize_pem());
        assert_eq!(check_key_pair(&certificate, &key), Ok(()));
        assert_eq!(check_certificates(&certificate), Ok(()));
        let told = |certificate: &Path, key: &Path| {
            check_key_pair(certificate, key).expect_err("they do not fit")
        };
        assert!(told(&certificate, &wrong).contains("is not that of the certificate in"));
        assert!(told(&certificate, &certificate).ends_with("private key in PEM form; found none"));
        assert!(told(&key, &key).ends_with("certificates in PEM form; found none"));
        let encrypted = file(
            "encrypted.pem",
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
        );
        assert!(told(&certificate, &encrypted).contains("the key is encrypted"));
        assert!(told(&certificate, &folder.path().join("none")).contains("none"));
    }
}

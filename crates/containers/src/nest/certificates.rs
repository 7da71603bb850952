//! The files by which clients of a child's server check it and prove themselves. They are
//! the user's own, of this machine: a child only notes where they are.

use std::path::{Path, PathBuf};

use dbmatrix_engine::{Config, config};

use super::key;

/// Certificates and keys in PEM form, for clients of one server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientCertificates {
    /// The certificate authority.
    pub ca: Option<PathBuf>,
    /// The client's certificate.
    pub certificate: Option<PathBuf>,
    /// Its key.
    pub key: Option<PathBuf>,
}

impl ClientCertificates {
    /// Those that still are where they were; a certificate is nothing without its key.
    #[must_use]
    pub fn present(&self) -> Self {
        let is_there = |path: &&PathBuf| path.is_file();
        let ca = self.ca.as_ref().filter(is_there).cloned();
        let certificate = self.certificate.as_ref().filter(is_there);
        let pair = certificate.zip(self.key.as_ref().filter(is_there));
        ClientCertificates {
            ca,
            certificate: pair.map(|(certificate, _)| certificate.clone()),
            key: pair.map(|(_, key)| key.clone()),
        }
    }

    /// The variables by which commands find them.
    pub fn variables(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let all = [
            ("MYSQL_SSL_CA", &self.ca),
            ("MYSQL_SSL_CERT", &self.certificate),
            ("MYSQL_SSL_KEY", &self.key),
        ];
        let all = all.into_iter();
        all.filter_map(|(name, path)| Some((name, path.as_deref()?)))
    }

    /// Reads those of a child. One of an earlier version notes none.
    pub(super) fn of_config(noted: &Config) -> Self {
        let path = |key: &str| {
            let path = noted.get(key).filter(|path| !path.is_empty());
            path.map(PathBuf::from)
        };
        ClientCertificates {
            ca: path(key::CLIENT_CA),
            certificate: path(key::CLIENT_CERTIFICATE),
            key: path(key::CLIENT_KEY),
        }
    }

    /// The keys of a container that note them. A path that is no text is left out.
    pub(super) fn noted(&self) -> Config {
        let text = |path: &'_ Option<PathBuf>| {
            let text = path.as_deref().and_then(Path::to_str);
            text.unwrap_or_default().to_owned()
        };
        config([
            (key::CLIENT_CA, &*text(&self.ca)),
            (key::CLIENT_CERTIFICATE, &*text(&self.certificate)),
            (key::CLIENT_KEY, &*text(&self.key)),
        ])
    }

    /// Whether a container notes these.
    pub(super) fn are_noted(&self, noted: &Config) -> bool {
        let is_noted = |(key, path): (&String, &String)| {
            noted.get(key).map_or("", String::as_str) == path.as_str()
        };
        self.noted().iter().all(is_noted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_read_as_they_were_noted() {
        let certificates = ClientCertificates {
            ca: Some("/c/ca.pem".into()),
            certificate: Some("/c/client.pem".into()),
            key: Some("/c/client-key.pem".into()),
        };
        let noted = certificates.noted();
        assert_eq!(ClientCertificates::of_config(&noted), certificates);
        assert!(certificates.are_noted(&noted));
        let none = ClientCertificates::default();
        assert!(none.are_noted(&Config::new()) && none.are_noted(&none.noted()));
        assert!(!none.are_noted(&noted) && !certificates.are_noted(&none.noted()));
        assert_eq!(ClientCertificates::of_config(&Config::new()), none);
    }

    #[test]
    fn what_is_gone_is_not_given() {
        let folder = tempfile::tempdir().expect("a folder");
        let [ca, certificate, key] = ["ca.pem", "client.pem", "client-key.pem"].map(|name| {
            let path = folder.path().join(name);
            std::fs::write(&path, "").expect("a file");
            Some(path)
        });
        let noted = ClientCertificates {
            ca: ca.clone(),
            certificate,
            key: key.clone(),
        };
        assert_eq!(noted.present(), noted);
        std::fs::remove_file(key.expect("a path")).expect("a file");
        let without_key = ClientCertificates {
            ca,
            ..ClientCertificates::default()
        };
        assert_eq!(noted.present(), without_key);
        drop(folder);
        assert_eq!(noted.present(), ClientCertificates::default());
    }
}

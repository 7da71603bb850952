//! The parts of a server's specification that distinguish golden children. All fields are
//! named here, so that a new one is not forgotten.

use dbmatrix_containers::digest::{Digest, Digestible};
use dbmatrix_sql::session::Secret;

use super::checksum::Checksum;
use super::spec::{
    Certificates, Durability, Installation, KeySource, LoginSpec, MemoryProfile, Packages,
    PlacedFile, Proof, Repository, ServerSpec, Tarball, TarballSource,
};

impl ServerSpec {
    /// Adds what distinguishes installations.
    pub(crate) fn digest_installation(&self, digest: &mut Digest) {
        let ServerSpec {
            family,
            version,
            installation,
            // They are applied later.
            settings: _,
            memory_profile: _,
            durability: _,
            files: _,
            certificates: _,
            login: _,
            time_zones: _,
            member: _,
        } = self;
        digest
            .text("family", &family.to_string())
            // An exact version is pinned.
            .text("version", &version.to_string())
            .part("installation", installation);
    }

    /// Adds what distinguishes settings.
    pub(crate) fn digest_configuration(&self, digest: &mut Digest) {
        let settings = self.settings.iter().flat_map(|(name, value)| [name, value]);
        digest
            .texts("settings", settings)
            .flag("small", self.memory_profile == MemoryProfile::Small);
        if let Some(Certificates {
            ca,
            certificate,
            key,
            // The server has nothing of it.
            client: _,
        }) = &self.certificates
        {
            digest.content(ca).content(certificate).content(key);
        }
        let LoginSpec {
            user,
            password,
            database,
        } = &self.login;
        for (name, value) in [
            ("user", user.as_deref()),
            ("password", password.as_ref().map(Secret::reveal)),
            ("database", database.as_deref()),
        ] {
            if let Some(value) = value {
                digest.text(name, value);
            }
        }
    }

    /// Adds the user's own files.
    pub(crate) fn digest_files(&self, digest: &mut Digest) {
        for PlacedFile { from, to } in &self.files {
            digest.text("to", to).content(from);
            digest.number("mode", super::files::mode_of(from).into());
        }
    }

    /// Adds what distinguishes starts.
    pub(crate) fn digest_durability(&self, digest: &mut Digest) {
        digest.flag("relaxed", self.durability == Durability::Relaxed);
    }
}

impl Digestible for Installation {
    fn digest(&self, digest: &mut Digest) {
        match self {
            Installation::Packages(packages) => digest.part("packages", packages),
            Installation::Tarball(tarball) => digest.part("tarball", tarball),
        };
    }
}

impl Digestible for Packages {
    fn digest(&self, digest: &mut Digest) {
        let Packages {
            names,
            pin,
            repository,
            only_if_missing,
            service,
            settings_folder,
            debconf,
        } = self;
        digest
            .texts("names", names)
            .text("service", service)
            .text("settings-folder", settings_folder)
            .texts("debconf", debconf);
        if let Some(pin) = pin {
            digest.text("pin", pin);
        }
        if let Some(repository) = repository {
            digest.part("repository", repository);
        }
        if *only_if_missing {
            digest.flag("only-if-missing", true);
        }
    }
}

impl Digestible for Repository {
    fn digest(&self, digest: &mut Digest) {
        let Repository {
            urls,
            suite,
            components,
            key,
            fingerprints,
        } = self;
        digest
            .texts("urls", urls)
            .text("suite", suite)
            .texts("components", components)
            .texts("fingerprints", fingerprints);
        digest_key(key, digest);
    }
}

fn digest_key(key: &KeySource, digest: &mut Digest) {
    match key {
        KeySource::Url(url) => digest.text("key-url", url),
        KeySource::File(path) => digest.content(path),
    };
}

impl Digestible for Tarball {
    fn digest(&self, digest: &mut Digest) {
        let Tarball { source, packages } = self;
        digest.texts("packages", packages);
        match source {
            TarballSource::Url { urls, proof } => {
                match urls.as_slice() {
                    [url] => digest.text("url", url),
                    urls => digest.texts("urls", urls),
                };
                match proof {
                    Proof::Checksum(Checksum { algorithm, hex }) => {
                        digest.text(algorithm.as_str(), hex);
                    }
                    Proof::Signature { key, fingerprints } => {
                        digest.texts("fingerprints", fingerprints);
                        digest_key(key, digest);
                    }
                }
            }
            TarballSource::File { path, checksum } => {
                digest.file("file", path);
                match checksum {
                    None => digest.optional("sha256", None),
                    Some(Checksum { algorithm, hex }) => {
                        digest.optional(algorithm.as_str(), Some(hex))
                    }
                };
            }
        };
    }
}

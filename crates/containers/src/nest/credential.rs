//! The credentials for a child's server: a login, and the certificate that was pinned when
//! the server was made.
//!
//! A nest keeps one secret, from which each flavour's password is derived unless its
//! matrix names one: it stays the same when the flavour's container is remade, and
//! reveals nothing about other passwords.

use dbmatrix_engine::{Config, Instance, config};
use dbmatrix_sql::session::{Secret, TlsPolicy};
use sha2::{Digest, Sha256};

use super::{Nest, key};

/// Notes that a server did not support TLS when it was made.
const PLAIN: &str = "plain";

/// The credentials for a login to a child's server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The routed user.
    pub login: UserLogin,
    /// How connections are protected.
    pub tls: TlsPolicy,
}

/// A user of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserLogin {
    /// Its name.
    pub user: String,
    /// Its password.
    pub password: Secret,
    /// The database that its commands use, if the matrix names one.
    pub database: Option<String>,
}

impl UserLogin {
    /// The usual name of the routed user.
    pub const USER: &'static str = "root";
}

impl Credentials {
    /// Reads the credentials of a child. One made by a version that noted none has its
    /// nest's password and no certificate.
    pub(super) fn read(nest: &Nest, child: &Instance) -> Self {
        Self::of_config(nest, &child.config)
    }

    /// Like [`Credentials::read`], from the keys of a container.
    pub(super) fn of_config(nest: &Nest, noted: &Config) -> Self {
        let noted = |key: &str| noted.get(key).filter(|value| !value.is_empty());
        let password = noted(key::PASSWORD).map(|password| Secret::new(password));
        let user = noted(key::USER).map_or(UserLogin::USER, String::as_str);
        let tls = match noted(key::TLS).map(String::as_str) {
            None => TlsPolicy::Offered,
            Some(PLAIN) => TlsPolicy::Plain,
            Some(certificate) => TlsPolicy::Pinned(certificate.into()),
        };
        let login = UserLogin {
            user: user.to_owned(),
            password: password.unwrap_or_else(|| nest.password.clone()),
            database: noted(key::DATABASE).cloned(),
        };
        Credentials { login, tls }
    }

    /// The keys of a container that store them.
    pub(super) fn noted(&self) -> Config {
        let tls = match &self.tls {
            TlsPolicy::Offered => "",
            TlsPolicy::Plain => PLAIN,
            TlsPolicy::Pinned(certificate) => certificate,
        };
        let UserLogin {
            user,
            password,
            database,
        } = &self.login;
        // A version before this one knows no other user, and needs no key for the usual.
        let user = match user.as_str() {
            UserLogin::USER => "",
            user => user,
        };
        config([
            (key::USER, user),
            (key::PASSWORD, password.reveal()),
            (key::DATABASE, database.as_deref().unwrap_or_default()),
            (key::TLS, tls),
        ])
    }
}

impl Nest {
    /// The password of the routed user in a flavour's server.
    pub fn password_of(&self, flavour: &str) -> Secret {
        let secret = self.password.reveal();
        let digest = Sha256::digest([secret, "flavour", flavour].join("\0").as_bytes());
        let hex = digest[..16].iter().map(|byte| format!("{byte:02x}"));
        Secret::new(&hex.collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nest_config() -> Config {
        config([
            (key::ADDRESS, "10.0.0.2"),
            (key::SUBNET, "10.1.0.0/24"),
            (key::PASSWORD, "the nest's own"),
        ])
    }

    fn nest() -> Nest {
        let engine = dbmatrix_engine::Engine::new("/nowhere");
        Nest::read(&engine, &child(&nest_config()), "dbmatrix0").expect("a nest")
    }

    fn child(noted: &Config) -> Instance {
        serde_json::from_value(serde_json::json!({
            "name": "c",
            "status": "Running",
            "config": noted,
        }))
        .expect("a container")
    }

    #[test]
    fn each_flavour_has_a_password_of_its_own_that_stays() {
        let nest = nest();
        assert_eq!(nest.password_of("a"), nest.password_of("a"));
        assert_ne!(nest.password_of("a"), nest.password_of("b"));
        assert_ne!(nest.password_of("a"), nest.password);
    }

    #[test]
    fn a_nest_keeps_the_bridge_that_it_was_made_on() {
        let mut instance = child(&nest_config());
        let read = |instance: &Instance| {
            let engine = dbmatrix_engine::Engine::new("/nowhere");
            Nest::read(&engine, instance, "new-bridge").map(|nest| nest.bridge)
        };
        assert_eq!(read(&instance).expect("a nest"), "new-bridge");
        let eth0 = config([("type", "nic"), ("network", "old-bridge")]);
        instance.devices.insert("eth0".to_owned(), eth0);
        assert_eq!(read(&instance).expect("a nest"), "old-bridge");
    }

    #[test]
    fn credentials_are_read_as_they_were_noted() {
        let nest = nest();
        for tls in [
            TlsPolicy::Offered,
            TlsPolicy::Plain,
            TlsPolicy::Pinned("PEM".into()),
        ] {
            let login = UserLogin {
                user: "app".to_owned(),
                password: nest.password_of("a"),
                database: Some("app_test".to_owned()),
            };
            let credentials = Credentials { login, tls };
            let noted = child(&credentials.noted());
            assert_eq!(Credentials::read(&nest, &noted), credentials);
        }
    }

    #[test]
    fn a_child_of_an_earlier_version_has_its_nests_password_and_no_certificate() {
        let nest = nest();
        let read = Credentials::read(&nest, &child(&Config::new()));
        assert_eq!(read.login.password, nest.password);
        assert_eq!(read.login.user, "root");
        assert_eq!(read.login.database, None);
        assert_eq!(read.tls, TlsPolicy::Offered);
    }
}

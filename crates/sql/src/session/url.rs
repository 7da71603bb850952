//! `mysql://user:password@host:port/database`: a server's address and login.
//!
//! Errors never contain any part of a URL, since any part may be a misplaced password.

use std::net::Ipv6Addr;

use thiserror::Error;

use super::{Address, Secret};

/// The default port of a server.
const PORT: u16 = 3306;
const SCHEMES: [&str; 2] = ["mysql", "mariadb"];

/// A server and one of its users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerUrl {
    /// The server's address.
    pub address: Address,
    /// The user's name.
    pub user: String,
    /// The user's password; may be empty.
    pub password: Secret,
    /// The initial database.
    pub database: Option<String>,
}

/// A problem with a URL; it contains no part of it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "expected a URL such as `mysql://user:password@host:3306/`, with `%40` for an `@` in the \
     password and the like; {found}"
)]
pub struct UrlError {
    found: &'static str,
}

impl std::str::FromStr for ServerUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let wrong = |found| Err(UrlError { found });
        let Some((scheme, rest)) = text.split_once("://") else {
            return wrong("found none");
        };
        if !SCHEMES
            .iter()
            .any(|known| scheme.eq_ignore_ascii_case(known))
        {
            return wrong("found another scheme than `mysql` or `mariadb`");
        }
        if rest.contains(['?', '#']) {
            return wrong(
                "found parameters behind `?` or `#`, of which none is known: `tls`, `ca` and \
                 `permissions` are keys of the flavour",
            );
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let Some((login, place)) = authority.rsplit_once('@') else {
            return wrong("found no user before an `@`");
        };
        if login.contains('@') {
            return wrong("found more than one `@`");
        }
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        let decode = |part: &str| decoded(part).ok_or(BAD_ESCAPE);
        let user = decode(user)?;
        if user.is_empty() {
            return wrong("found no user before an `@`");
        }
        let database = decode(path)?;
        if database.contains('/') {
            return wrong("found more than one `/` behind the host");
        }
        Ok(ServerUrl {
            address: address(place)?,
            user,
            password: Secret::new(&decode(password)?),
            database: Some(database).filter(|name| !name.is_empty()),
        })
    }
}

const BAD_ESCAPE: UrlError = UrlError {
    found: "found a `%` without two hexadecimal digits, or bytes that are no UTF-8",
};

fn address(place: &str) -> Result<Address, UrlError> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or(UrlError {
                found: "found a `[` without its `]`",
            })?;
            if host.parse::<Ipv6Addr>().is_err() {
                return Err(UrlError {
                    found: "found no IPv6 address between `[` and `]`",
                });
            }
            (host, port.strip_prefix(':').unwrap_or(port))
        }
        None => place.split_once(':').unwrap_or((place, "")),
    };
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
    if host.is_empty() || !host.chars().all(is_part) {
        return Err(UrlError {
            found: "found no name of a host",
        });
    }
    let port = match port {
        "" => PORT,
        text => text.parse().ok().filter(|port| *port > 0).ok_or(UrlError {
            found: "found no number of a port behind the host",
        })?,
    };
    Ok(Address {
        host: host.to_owned(),
        port,
    })
}

/// Decodes `%HH` in a part of a URL.
fn decoded(part: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = tail.get(..2)?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        let digits = std::str::from_utf8(digits).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &tail[2..];
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> ServerUrl {
        text.parse().expect("a URL of this test")
    }

    #[test]
    fn reads_all_parts_of_a_url() {
        let url = parsed("mysql://ro%40shop:p%40ss%3A%2F@db.example.test:3307/orders");
        assert_eq!(url.address.to_string(), "db.example.test:3307");
        assert_eq!(
            (url.user.as_str(), url.password.reveal()),
            ("ro@shop", "p@ss:/")
        );
        assert_eq!(url.database.as_deref(), Some("orders"));
    }

    #[test]
    fn reads_a_url_of_the_least_parts() {
        let url = parsed("mariadb://root@[::1]");
        assert_eq!(url.address.to_string(), "[::1]:3306");
        assert_eq!(url.password.reveal(), "");
        assert_eq!(url.database, None);
        assert_eq!(parsed("mysql://a:b:c@h/").password.reveal(), "b:c");
    }

    #[test]
    fn tells_what_is_wrong_without_showing_any_of_it() {
        let cases = [
            ("hidden", "found none"),
            ("postgres://hidden:hidden@hidden/", "another scheme"),
            ("mysql://hidden:hidden", "found no user"),
            ("mysql://:hidden@hidden", "found no user"),
            ("mysql://hidden:hid@den@hidden", "more than one `@`"),
            ("mysql://hidden:hid%zzen@hidden", "without two hexadecimal"),
            ("mysql://hidden:hidden%ff@hidden", "no UTF-8"),
            ("mysql://hidden:hidden@", "no name of a host"),
            ("mysql://hidden:hidden@hidden:hidden", "no number of a port"),
            ("mysql://hidden:hidden@hidden:0", "no number of a port"),
            ("mysql://hidden:hidden@hidden:70000", "no number of a port"),
            ("mysql://hidden:hidden@[hidden", "without its `]`"),
            ("mysql://hidden:hidden@[hidden]", "no IPv6 address"),
            ("mysql://hidden:hidden@hidden/a/b", "more than one `/`"),
            (
                "mysql://hidden@hidden/?ssl-mode=hidden",
                "parameters behind",
            ),
        ];
        for (text, expected) in cases {
            let error = text.parse::<ServerUrl>().expect_err("a bad URL");
            let told = error.to_string();
            assert!(told.contains(expected), "{text}: {told}");
            assert!(!told.contains("hidden"), "{told}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let url = parsed("mysql://a:hidden@h/");
        assert!(!format!("{url:?}").contains("hidden"));
    }
}

//! Server families, versions and version ranges.
//!
//! Owns how versions are written, ordered and matched. Knows no catalogue and no
//! connection. MySQL's calendar versions need no special case: `26.7` is simply greater
//! than `9.7`.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// A line of servers that share a code base and a numbering.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// Oracle's MySQL.
    Mysql,
    /// MariaDB Server.
    Mariadb,
    /// Percona Server for MySQL; numbered after the MySQL it is built from.
    Percona,
    /// Amazon Aurora; numbered after the MySQL it is compatible with.
    Aurora,
    /// TiDB; has its own version numbers.
    Tidb,
    /// Vitess, and PlanetScale; numbered after the MySQL it is compatible with.
    Vitess,
    /// Another server with the same protocol that identifies itself as none of these.
    Other,
}

impl Family {
    /// Every family, in display order.
    pub const ALL: [Family; 7] = [
        Family::Mysql,
        Family::Mariadb,
        Family::Percona,
        Family::Aurora,
        Family::Tidb,
        Family::Vitess,
        Family::Other,
    ];

    /// Whether dbmatrix can make servers of this family.
    pub fn is_installable(self) -> bool {
        matches!(self, Family::Mysql | Family::Mariadb | Family::Percona)
    }

    /// The word used in matrix files and conditions.
    pub fn as_str(self) -> &'static str {
        match self {
            Family::Mysql => "mysql",
            Family::Mariadb => "mariadb",
            Family::Percona => "percona",
            Family::Aurora => "aurora",
            Family::Tidb => "tidb",
            Family::Vitess => "vitess",
            Family::Other => "other",
        }
    }

    /// The vendor's spelling.
    pub fn title(self) -> &'static str {
        match self {
            Family::Mysql => "MySQL",
            Family::Mariadb => "MariaDB",
            Family::Percona => "Percona Server",
            Family::Aurora => "Amazon Aurora",
            Family::Tidb => "TiDB",
            Family::Vitess => "Vitess",
            Family::Other => "another server",
        }
    }

    /// Whether a condition on `self` applies to a server of family `other`. `mysql`
    /// includes Percona Server and Aurora, which are built from MySQL and have its
    /// version numbers; all others mean only themselves.
    pub fn covers(self, other: Family) -> bool {
        let is_mysql = matches!(other, Family::Percona | Family::Aurora);
        self == other || (self == Family::Mysql && is_mysql)
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Family {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Family::ALL
            .into_iter()
            .find(|family| family.as_str() == text)
            .ok_or_else(|| VersionError::Family(text.to_owned()))
    }
}

impl Serialize for Family {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Family {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Why a family or a version could not be parsed.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum VersionError {
    /// The word is not a family.
    #[error(
        "expected a family, one of `mysql`, `mariadb`, `percona`, `aurora`, `tidb`, `vitess`, \
         `other`; found `{0}`"
    )]
    Family(String),
    /// The word is not a family of which dbmatrix makes servers.
    #[error("expected a family, one of `mysql`, `mariadb`, `percona`; found `{0}`")]
    NotInstallable(String),
    /// The text is not a dotted number.
    #[error("expected a version such as `8.4` or `10.11.18`; found `{0}`")]
    Version(String),
}

/// A dotted version with one to three numbers, as written: `9`, `9.7` or `9.7.4`. Missing
/// numbers order as zero.
#[derive(Debug, Clone, Copy)]
pub struct Version {
    parts: [u32; 3],
    len: u8,
}

impl Version {
    /// A version of two numbers.
    pub const fn release(major: u32, minor: u32) -> Self {
        Version {
            parts: [major, minor, 0],
            len: 2,
        }
    }

    /// A version of three numbers.
    pub const fn exact(major: u32, minor: u32, patch: u32) -> Self {
        Version {
            parts: [major, minor, patch],
            len: 3,
        }
    }

    /// Up to three numbers at the start of a text; 0.0 if there are none.
    fn at_the_head_of(text: &str) -> Self {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.');
        let head = &text[..end.unwrap_or(text.len())];
        let numbers: Vec<&str> = head.split('.').filter(|word| !word.is_empty()).collect();
        let first = &numbers[..numbers.len().min(3)];
        first.join(".").parse().unwrap_or(Version::release(0, 0))
    }

    /// Whether all three numbers were written.
    pub fn is_exact(self) -> bool {
        self.len == 3
    }

    /// Its first two numbers, or what it has of them.
    pub fn series(self) -> Self {
        Version {
            parts: [self.parts[0], self.parts[1], 0],
            len: self.len.min(2),
        }
    }

    /// Whether `other` begins with all the numbers of `self`: `9.7` is a prefix of
    /// `9.7.4` and not of `9.70`.
    pub fn is_prefix_of(self, other: Version) -> bool {
        self.len <= other.len
            && self.parts[..usize::from(self.len)] == other.parts[..usize::from(self.len)]
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.parts == other.parts
    }
}

impl Eq for Version {}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.parts.cmp(&other.parts)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.parts[..usize::from(self.len)];
        for (at, part) in shown.iter().enumerate() {
            if at > 0 {
                f.write_str(".")?;
            }
            write!(f, "{part}")?;
        }
        Ok(())
    }
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || VersionError::Version(text.to_owned());
        let mut parts = [0; 3];
        let mut len = 0;
        for word in text.split('.') {
            if len == 3 || word.is_empty() || !word.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(refuse());
            }
            parts[len] = word.parse().map_err(|_| refuse())?;
            len += 1;
        }
        Ok(Version {
            parts,
            len: len as u8,
        })
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The identity that a running server reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The family, as read from `@@version` and `@@version_comment`.
    pub family: Family,
    /// The three numbers at the start of `@@version`.
    pub version: Version,
    /// The complete `@@version`, such as `10.11.18-MariaDB-0+deb12u1`.
    pub full: String,
    /// `@@version_comment`, such as `MySQL Community Server - GPL`.
    pub comment: String,
}

impl Identity {
    /// Reads `@@version` and `@@version_comment`.
    ///
    /// MariaDB names itself in the version (and, towards old replicas, prefixes it with
    /// `5.5.5-`); Percona Server names itself only in the comment.
    ///
    /// # Errors
    /// [`VersionError::Version`] if the text does not begin with a version.
    pub fn read(full: &str, comment: &str) -> Result<Self, VersionError> {
        let named = full.to_ascii_lowercase();
        let remark = comment.to_ascii_lowercase();
        let family = if named.contains("mariadb") || remark.contains("mariadb") {
            Family::Mariadb
        } else if remark.contains("percona") || named.contains("percona") {
            Family::Percona
        } else {
            Family::Mysql
        };
        let plain = match family {
            Family::Mariadb => full.strip_prefix("5.5.5-").unwrap_or(full),
            _ => full,
        };
        let end = plain
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(plain.len());
        Ok(Identity {
            family,
            version: plain[..end].trim_end_matches('.').parse()?,
            full: full.to_owned(),
            comment: comment.to_owned(),
        })
    }

    /// Reads the report of an external server: it always yields a family, and a version
    /// if there is a number (else 0.0). `aurora` is `@@aurora_version`, which only Aurora
    /// has.
    ///
    /// TiDB reports `8.0.11-TiDB-v7.5.1` and its version is the latter; Vitess reports
    /// `8.0.30-Vitess`.
    pub fn of_external(full: &str, comment: &str, aurora: Option<&str>) -> Self {
        let both = format!("{full} {comment}").to_ascii_lowercase();
        let says = |word: &str| both.contains(word);
        let family = if says("tidb") {
            Family::Tidb
        } else if says("vitess") || says("planetscale") {
            Family::Vitess
        } else if says("mariadb") {
            Family::Mariadb
        } else if aurora.is_some() || says("aurora") {
            Family::Aurora
        } else if says("percona") {
            Family::Percona
        } else if OTHERS.iter().any(|other| says(other)) {
            Family::Other
        } else {
            Family::Mysql
        };
        let lower = full.to_ascii_lowercase();
        let own = match family {
            Family::Tidb => lower.split_once("tidb-v").map(|(_, own)| own),
            Family::Mariadb => lower.strip_prefix("5.5.5-"),
            _ => None,
        };
        Identity {
            family,
            version: Version::at_the_head_of(own.unwrap_or(&lower)),
            full: full.to_owned(),
            comment: comment.to_owned(),
        }
    }
}

/// Servers with the same protocol that are not MySQL, by a word in their report.
const OTHERS: [&str; 8] = [
    "singlestore",
    "memsql",
    "oceanbase",
    "starrocks",
    "doris",
    "dolt",
    "clickhouse",
    "databend",
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn version(text: &str) -> Version {
        text.parse().expect("a version of this test")
    }

    #[test]
    fn calendar_versions_follow_the_numbered_ones() {
        assert!(version("9.7") < version("26.7"));
        assert!(version("8.4.6") < version("9.0"));
        assert!(version("10.5.23") < version("10.11"));
    }

    #[test]
    fn a_prefix_ends_at_a_dot() {
        assert!(version("9.7").is_prefix_of(version("9.7.4")));
        assert!(!version("9.7").is_prefix_of(version("9.70.0")));
        assert!(!version("9.7.4").is_prefix_of(version("9.7")));
    }

    #[test]
    fn refuses_what_is_not_a_version() {
        for text in ["", ".", "8.", "8.x", "-1", "1.2.3.4", "99999999999"] {
            assert!(text.parse::<Version>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn reads_each_family_from_what_its_server_says() {
        let cases = [
            ("9.7.4-1", "(Debian)", Family::Mysql, "9.7.4"),
            (
                "5.6.24",
                "MySQL Community Server (GPL)",
                Family::Mysql,
                "5.6.24",
            ),
            (
                "10.11.18-MariaDB-0+deb12u1",
                "Debian 12",
                Family::Mariadb,
                "10.11.18",
            ),
            ("5.5.5-10.5.23-MariaDB", "", Family::Mariadb, "10.5.23"),
            (
                "8.4.6-6",
                "Percona Server (GPL), Release 6",
                Family::Percona,
                "8.4.6",
            ),
        ];
        for (full, comment, family, number) in cases {
            let identity = Identity::read(full, comment).expect("an identity");
            assert_eq!(
                (identity.family, identity.version),
                (family, version(number))
            );
        }
    }

    #[test]
    fn whatever_an_external_server_says_it_has_an_identity() {
        let cases = [
            (
                "8.0.11-TiDB-v7.5.1",
                "TiDB Server (Apache License 2.0)",
                Family::Tidb,
                "7.5.1",
            ),
            ("5.7.25-TiDB-v6.5.0-serverless", "", Family::Tidb, "6.5.0"),
            ("8.0.30-Vitess", "Version: 17.0.2", Family::Vitess, "8.0.30"),
            ("8.0.mysql_aurora.3.05.2", "", Family::Aurora, "8.0"),
            ("8.0.30 (ProxySQL)", "(ProxySQL)", Family::Mysql, "8.0.30"),
            ("5.5.30", "(ProxySQL)", Family::Mysql, "5.5.30"),
            ("5.5.5-10.11.6-MariaDB-log", "", Family::Mariadb, "10.11.6"),
            (
                "8.0.35-27",
                "Percona Server (GPL)",
                Family::Percona,
                "8.0.35",
            ),
            (
                "5.7.32",
                "SingleStoreDB source distribution",
                Family::Other,
                "5.7.32",
            ),
            ("8.0.35-google", "(Google)", Family::Mysql, "8.0.35"),
            ("1.2.3.4.5", "", Family::Mysql, "1.2.3"),
            ("", "", Family::Mysql, "0.0"),
            ("v?", "who knows", Family::Mysql, "0.0"),
            ("99999999999.1", "", Family::Mysql, "0.0"),
        ];
        for (full, comment, family, number) in cases {
            let identity = Identity::of_external(full, comment, None);
            let found = (identity.family, identity.version.to_string());
            assert_eq!(found, (family, number.to_owned()), "{full}");
        }
        let aurora = Identity::of_external("8.0.28", "Source distribution", Some("3.05.1"));
        assert_eq!(aurora.family, Family::Aurora);
        assert!(Family::Mysql.covers(Family::Aurora) && !Family::Mysql.covers(Family::Tidb));
    }

    #[test]
    fn mysql_covers_percona_and_not_the_reverse() {
        assert!(Family::Mysql.covers(Family::Percona));
        assert!(!Family::Percona.covers(Family::Mysql));
        assert!(!Family::Mysql.covers(Family::Mariadb));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(a in 0u32..100, b in 0u32..100, c in 0u32..1000) {
            let text = format!("{a}.{b}.{c}");
            prop_assert_eq!(version(&text).to_string(), text);
        }

        #[test]
        fn order_is_that_of_the_numbers(a in any::<[u8; 3]>(), b in any::<[u8; 3]>()) {
            let write = |v: [u8; 3]| version(&format!("{}.{}.{}", v[0], v[1], v[2]));
            prop_assert_eq!(write(a).cmp(&write(b)), a.cmp(&b));
        }
    }
}

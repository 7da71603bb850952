//! A package of a distribution, at a version.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An installed package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PackageVersion {
    /// Its name.
    pub name: String,
    /// Its version, as the distribution writes it.
    pub version: String,
}

impl fmt::Display for PackageVersion {
    /// The format of apt.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.version)
    }
}

impl FromStr for PackageVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((name, version)) if !name.is_empty() && !version.is_empty() => {
                Ok(PackageVersion {
                    name: name.to_owned(),
                    version: version.to_owned(),
                })
            }
            _ => Err(format!("expected `package=version`; found `{text}`")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_may_hold_what_divides() {
        let text = "libc6=2.36-9+deb12u14=x";
        let package: PackageVersion = text.parse().expect("a package");
        assert_eq!(package.version, "2.36-9+deb12u14=x");
        assert_eq!(package.to_string(), text);
        for wrong in ["libc6", "libc6=", "=1", ""] {
            assert!(wrong.parse::<PackageVersion>().is_err(), "{wrong:?}");
        }
    }
}

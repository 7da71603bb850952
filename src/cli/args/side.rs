//! The two sides of a copied file: a path on this machine, or one in a container.

use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;

/// One side of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Side {
    /// A path on this machine.
    Here(PathBuf),
    /// A path in a flavour's container.
    There {
        /// The flavour's name.
        flavour: String,
        /// From the root.
        path: String,
    },
}

impl Side {
    /// The flavour whose container it is in.
    pub(crate) fn flavour(&self) -> Option<&str> {
        match self {
            Side::Here(_) => None,
            Side::There { flavour, .. } => Some(flavour),
        }
    }
}

impl FromStr for Side {
    type Err = Infallible;

    /// `FLAVOUR:/PATH` and `NEST/FLAVOUR:/PATH` are there; a `./` before it makes
    /// it a file of this machine.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.split_once(":/") {
            Some((flavour, rest)) if is_name(flavour) => Side::There {
                flavour: flavour.to_owned(),
                path: format!("/{rest}"),
            },
            _ => Side::Here(PathBuf::from(text)),
        })
    }
}

/// Whether it may be a flavour's name, with its nest's or without.
fn is_name(text: &str) -> bool {
    let mut parts = text.split('/');
    let are_names = |part: &str| !part.is_empty() && !part.starts_with('.');
    parts.clone().count() <= 2 && parts.all(are_names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(text: &str) -> Side {
        text.parse().expect("any text is a side")
    }

    #[test]
    fn a_flavour_and_a_path_from_the_root_are_there() {
        let there = Side::There {
            flavour: "mysql-9.7".to_owned(),
            path: "/tmp/a:/b".to_owned(),
        };
        assert_eq!(side("mysql-9.7:/tmp/a:/b"), there);
        let there = Side::There {
            flavour: "ad-hoc/mysql-9.7".to_owned(),
            path: "/tmp/".to_owned(),
        };
        assert_eq!(side("ad-hoc/mysql-9.7:/tmp/"), there);
    }

    #[test]
    fn all_else_is_here() {
        for text in [
            "dump.sql", "./a:/b", "../a:/b", "a/b/c:/d", "/a:/b", "a:b", ":/x",
        ] {
            assert_eq!(side(text), Side::Here(PathBuf::from(text)));
        }
    }
}

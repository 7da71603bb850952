//! Decides which containers may be removed: by their own keys, not by their names.

use dbmatrix_engine::{Engine, Instance};

use super::golden::is_golden;
use super::outer::is_ready;
use super::{NestError, key};
use crate::name::{self, first_of};

/// What a container must be according to its own keys. Each of these starts as an
/// incomplete one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meant<'a> {
    /// An incomplete container.
    Incomplete,
    /// The golden child of a key.
    Golden(&'a str),
    /// One of the two containers of the flavour that the name belongs to.
    FlavoursOwn,
    /// The child of a flavour, which may be an imported one.
    ChildOf(&'a str),
    /// The container of a program that tests use.
    Tool,
}

impl Meant<'_> {
    /// Whether a container's keys say that it is this.
    pub(super) fn is(self, found: &Instance) -> bool {
        let own = |key: &str| found.config.get(key).map_or("", String::as_str);
        let flavour = own(key::FLAVOUR);
        if own(key::OWNER).is_empty() {
            return false;
        }
        if !is_ready(found) {
            return true;
        }
        match self {
            Meant::Incomplete => false,
            Meant::Golden(wanted) => {
                let named = found.name == name::golden(wanted);
                is_golden(found) && own(key::KEY) == wanted && named
            }
            Meant::FlavoursOwn => {
                let is_other = is_golden(found) || found.is_marked(key::IMPORTED);
                !is_other
                    && !flavour.is_empty()
                    && first_of(&found.name) == name::container(flavour)
            }
            Meant::ChildOf(wanted) => !is_golden(found) && flavour == wanted,
            Meant::Tool => !is_golden(found) && flavour.is_empty(),
        }
    }

    fn text(self) -> String {
        match self {
            Meant::Incomplete => "an incomplete one of dbmatrix".to_owned(),
            Meant::Golden(wanted) => format!("the golden child of key `{wanted}`"),
            Meant::FlavoursOwn => "a server of that flavour".to_owned(),
            Meant::ChildOf(flavour) => format!("the server of flavour `{flavour}`"),
            Meant::Tool => "one of a program for tests".to_owned(),
        }
    }
}

/// Removes the container of that name, which may be absent.
///
/// # Errors
/// [`NestError::NotMeant`] if its own keys do not say that it is `meant`; it
/// then stays unchanged. As of the engine.
pub(super) async fn remove(engine: &Engine, name: &str, meant: Meant<'_>) -> Result<(), NestError> {
    match engine.instance(name).await? {
        None => Ok(()),
        Some(found) if meant.is(&found) => Ok(engine.destroy_instance(name).await?),
        Some(_) => Err(NestError::NotMeant {
            name: name.to_owned(),
            meant: meant.text(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use dbmatrix_engine::{Devices, config};

    use super::*;

    type Keys<'a> = &'a [(&'a str, &'a str)];

    fn container(name: &str, keys: Keys<'_>) -> Instance {
        let mut noted = config([(key::OWNER, "dbmatrix"), (key::STAGE, "ready")]);
        noted.extend(keys.iter().flat_map(|pair| config([*pair])));
        Instance {
            name: name.to_owned(),
            status: "Stopped".to_owned(),
            created_at: String::new(),
            config: noted,
            devices: Devices::new(),
            last_used_at: String::new(),
        }
    }

    #[test]
    fn a_whole_container_is_what_its_keys_and_its_name_say() {
        let golden = [(key::GOLDEN, "true"), (key::KEY, "k")];
        let mine = [(key::FLAVOUR, "mysql-9.7"), (key::KEY, "k")];
        let ahead = [(key::FLAVOUR, "mysql-9.7"), (key::STANDBY, "true")];
        let imported = [(key::FLAVOUR, "mysql-9.7"), (key::IMPORTED, "true")];
        let own = Meant::FlavoursOwn;
        let cases: &[(Meant<'_>, &str, Keys<'_>, bool)] = &[
            (Meant::Golden("k"), "golden--k", &golden, true),
            (Meant::Golden("j"), "golden--k", &golden, false),
            (Meant::Golden("k"), "copied", &golden, false),
            (Meant::Golden("k"), "golden--k", &mine, false),
            (own, "mysql-9-7", &mine, true),
            (own, "mysql-9-7--twin", &ahead, true),
            (own, "copied", &mine, false),
            (own, "mysql-9-7", &golden, false),
            (own, "mysql-9-7", &imported, false),
            (own, "mysql-9-7", &[(key::FLAVOUR, "mysql-9-7")], false),
            (own, "mysql-9-7", &[], false),
            (own, "mysql-9-7--suite-1", &mine, false),
            (Meant::ChildOf("mysql-9.7"), "imported--x", &imported, true),
            (Meant::ChildOf("m"), "imported--x", &imported, false),
            (Meant::Tool, "tool--mysqltest", &[(key::KEY, "k")], true),
            (Meant::Tool, "tool--mysqltest", &mine, false),
            (Meant::Tool, "tool--mysqltest", &golden, false),
        ];
        for (meant, name, keys, expected) in cases {
            let found = container(name, keys);
            assert_eq!(meant.is(&found), *expected, "{meant:?} {name} {keys:?}");
            assert!(!Meant::Incomplete.is(&found), "{name} is whole");
        }
    }

    #[test]
    fn what_is_incomplete_may_go_unless_it_is_somebody_elses() {
        for meant in [
            Meant::Incomplete,
            Meant::Golden("k"),
            Meant::FlavoursOwn,
            Meant::ChildOf("m"),
            Meant::Tool,
        ] {
            assert!(meant.is(&container("x", &[(key::STAGE, "making")])));
            let foreign = container("x", &[(key::STAGE, "making"), (key::OWNER, "")]);
            assert!(!meant.is(&foreign), "{meant:?}");
        }
    }
}

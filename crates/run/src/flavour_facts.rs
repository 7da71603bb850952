//! The facts about a flavour whose server is up.

use dbmatrix_sql::read_only::Modes;
use dbmatrix_sql::session::Tenancy;
use dbmatrix_sql::suite::Facts;
use dbmatrix_sql::version::Identity;

/// The facts about a flavour whose server accepts logins.
pub(super) struct FlavourFacts {
    /// The facts for conditions, without a suite's labels.
    pub(super) facts: Facts,
    /// The role of dbmatrix on the server.
    pub(super) tenancy: Tenancy,
    /// How its sessions read quotes.
    pub(super) modes: Modes,
}

impl FlavourFacts {
    /// A flavour whose server dbmatrix may change freely.
    pub(super) fn of(flavour: &str, identity: &Identity) -> Self {
        FlavourFacts {
            facts: Facts {
                flavour: flavour.to_owned(),
                family: identity.family,
                version: identity.version,
                labels: Vec::new(),
            },
            tenancy: Tenancy::Owner,
            modes: Modes::default(),
        }
    }

    /// The same for a server with another tenancy, whose sessions start in this mode, if
    /// it is known.
    pub(super) fn with_tenancy(self, tenancy: Tenancy, sql_mode: &str) -> Self {
        let modes = match sql_mode {
            "" => Modes::default(),
            known => Modes::of_sql_mode(known),
        };
        FlavourFacts {
            tenancy,
            modes,
            ..self
        }
    }
}

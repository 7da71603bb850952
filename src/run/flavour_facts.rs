//! What a run knows of a flavour whose server answers.

use crate::read_only::Modes;
use crate::session::Tenancy;
use crate::suite::Facts;
use crate::version::Identity;

/// What is known of a flavour whose server somebody is logged in to.
pub(super) struct FlavourFacts {
    /// What conditions are asked of, but for a suite's labels.
    pub(super) facts: Facts,
    /// What dbmatrix is on the server.
    pub(super) tenancy: Tenancy,
    /// How its sessions take quotes.
    pub(super) modes: Modes,
}

impl FlavourFacts {
    /// A flavour whose server dbmatrix may do anything to.
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

    /// The same for a server on which dbmatrix is something else, and whose
    /// sessions begin in this mode, as far as it is known.
    pub(super) fn on(self, tenancy: Tenancy, sql_mode: &str) -> Self {
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

//! The part of a child in a flavour of several servers, where a promotion has changed it.

use dbmatrix_engine::{Engine, EngineError, Instance, config};

use super::child::Children;
use super::{Located, NestError, key};

/// A part that is not the one that its name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberRole {
    /// The others follow it.
    Source,
    /// It follows the source.
    Replica,
    /// It follows nobody, and nobody follows it.
    Detached,
}

impl MemberRole {
    const ALL: [MemberRole; 3] = [
        MemberRole::Source,
        MemberRole::Replica,
        MemberRole::Detached,
    ];

    /// Its word in lists.
    pub fn as_str(self) -> &'static str {
        match self {
            MemberRole::Source => "source",
            MemberRole::Replica => "replica",
            MemberRole::Detached => "detached",
        }
    }

    pub(super) fn of(instance: &Instance) -> Option<Self> {
        let noted = instance.config.get(key::ROLE)?;
        let mut all = MemberRole::ALL.into_iter();
        all.find(|role| role.as_str() == noted)
    }
}

/// Notes the part of a child since a promotion.
///
/// # Errors
/// As of the engine.
pub async fn note_role(
    engine: &Engine,
    container: &str,
    role: MemberRole,
) -> Result<(), EngineError> {
    let noted = config([(key::ROLE, role.as_str())]);
    engine.configure_instance(container, &noted).await
}

impl Located {
    /// Its part since a promotion, if there was one.
    pub fn role(&self) -> Option<MemberRole> {
        MemberRole::of(&self.instance)
    }
}

impl Children {
    /// The part of a child since a promotion, if there was one.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn role_of(&self, container: &str) -> Result<Option<MemberRole>, NestError> {
        let found = self.nest.engine.instance(container).await?;
        Ok(found.as_ref().and_then(MemberRole::of))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_read_as_it_was_noted() {
        for role in MemberRole::ALL {
            let instance = serde_json::json!({
                "name": "m", "status": "Running", "config": { key::ROLE: role.as_str() },
            });
            let instance = serde_json::from_value(instance).expect("a container");
            assert_eq!(MemberRole::of(&instance), Some(role));
        }
    }
}

//! Each flavour has two slots: while a run uses the active child, the other slot holds a
//! copy that was prepared for the next run, which only has to start it.
//!
//! The two containers have the flavour's name, one with a suffix. Their keys show which
//! one is active: a prepared copy belongs to no run yet, and of two used ones the later
//! is active.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dbmatrix_engine::{Config, Instance, config};

use super::child::{Child, ChildSpec, Children, fits};
use super::golden::{Golden, Purpose};
use super::info::ContainerKind;
use super::{NestError, key};
use crate::name::{self, first_of};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

/// The active containers of flavours, by the names of their first ones.
#[derive(Debug, Clone, Default)]
pub(super) struct Slots(Arc<Mutex<HashMap<String, String>>>);

impl Slots {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the active containers and returns the inactive ones. If a flavour has only a
    /// prepared copy in its second slot, its first slot, which is empty, is active.
    pub(super) fn note_all(&self, children: &[Instance]) -> Vec<String> {
        let mut latest: HashMap<&str, &Instance> = HashMap::new();
        let mut over = Vec::new();
        for child in children {
            if has_former_name(child) {
                over.push(child.name.clone());
                continue;
            }
            // An imported child has no second slot.
            let is_ours = !child.is_marked(key::IMPORTED);
            if !(is_ours && matches!(ContainerKind::of_child(child), ContainerKind::Flavour(_))) {
                continue;
            }
            match latest.insert(first_of(&child.name), child) {
                Some(other) if other.created_at > child.created_at => {
                    over.push(child.name.clone());
                    latest.insert(first_of(&child.name), other);
                }
                Some(other) => over.push(other.name.clone()),
                None => {}
            }
        }
        let mut slots: HashMap<String, String> = latest
            .into_iter()
            .map(|(first, child)| (first.to_owned(), child.name.clone()))
            .collect();
        let ahead = children.iter().filter(|child| {
            ContainerKind::of_child(child) == ContainerKind::Standby && !has_former_name(child)
        });
        for first in ahead.map(|child| first_of(&child.name)) {
            let slot = slots.entry(first.to_owned());
            slot.or_insert_with(|| first.to_owned());
        }
        *self.lock() = slots;
        over
    }
}

impl Children {
    /// The active container of a flavour, by its first container's name.
    pub fn current(&self, first: &str) -> String {
        let known = self.slots.lock().get(first).cloned();
        known.unwrap_or_else(|| first.to_owned())
    }

    /// The inactive container.
    fn other(&self, first: &str) -> String {
        match self.slots.lock().get(first) {
            Some(current) if current == first => name::copy(first, name::Copy::Second),
            _ => first.to_owned(),
        }
    }

    /// Activates a copy of the golden child that is not started: a prepared one, or else
    /// a new one. It belongs to the flavour from here on, and counts as incomplete.
    pub(super) fn activate_copy<'a>(
        &'a self,
        golden: &'a Golden,
        spec: &'a ChildSpec,
        use_of: Purpose,
    ) -> BoxFuture<'a, Result<Child, NestError>> {
        async move {
            let name = self.other(&spec.name);
            let noted = noted(spec, "", use_of);
            let child = match self.valid_standby(spec).await? {
                Some(found) => {
                    let engine = &self.nest.engine;
                    engine.configure_instance(&name, &noted).await?;
                    self.read(&found)?
                }
                None => {
                    self.copy(golden, &name, noted, spec.access.as_ref())
                        .await?
                }
            };
            self.slots.lock().insert(spec.name.clone(), name);
            Ok(child)
        }
        .boxed()
    }

    /// The prepared copy, if it is still valid.
    async fn valid_standby(&self, spec: &ChildSpec) -> Result<Option<Instance>, NestError> {
        let found = self.nest.engine.instance(&self.other(&spec.name)).await?;
        let is_right = |found: &Instance| {
            ContainerKind::of_child(found) == ContainerKind::Standby
                && fits(found, spec)
                && found.is_stopped()
        };
        Ok(found.filter(is_right))
    }

    /// Copies the golden child for the next run, in place of the child from before this
    /// run; an existing copy stays.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn prepare_standby(
        &self,
        golden: &Golden,
        spec: &ChildSpec,
    ) -> Result<(), NestError> {
        if self.valid_standby(spec).await?.is_some() {
            return Ok(());
        }
        let name = self.other(&spec.name);
        let noted = noted(spec, "true", Purpose::Now);
        let child = self
            .copy(golden, &name, noted, spec.access.as_ref())
            .await?;
        self.mark_ready(&child).await
    }

    /// Removes the flavour's child from before this run, unless that is active again
    /// because the new one is gone; a prepared copy stays.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn remove_inactive(&self, first: &str) -> Result<(), NestError> {
        let engine = &self.nest.engine;
        if engine.instance(&self.current(first)).await?.is_none() {
            return Ok(());
        }
        let name = self.other(first);
        match engine.instance(&name).await? {
            Some(found) if ContainerKind::of_child(&found) != ContainerKind::Standby => {
                self.remove(&name).await
            }
            _ => Ok(()),
        }
    }

    /// Removes the flavour's child from before this run, or its prepared copy.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn remove_other(&self, first: &str) -> Result<(), NestError> {
        self.remove(&self.other(first)).await
    }
}

fn noted(spec: &ChildSpec, ahead: &str, use_of: Purpose) -> Config {
    let fresh = match use_of {
        Purpose::Now => "",
        Purpose::Later => "true",
    };
    config([
        (key::STAGE, "making"),
        (key::STANDBY, ahead),
        (key::FRESH, fresh),
        (key::FLAVOUR, &spec.flavour),
        (key::SERVER, &spec.server),
        (key::GOLDEN, ""),
    ])
}

/// Whether it is the second container of a flavour, as earlier versions named it.
fn has_former_name(child: &Instance) -> bool {
    let flavour = child.config.get(key::FLAVOUR);
    flavour.is_some_and(|flavour| child.name == format!("{}-twin", name::container(flavour)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn child(name: &str, created_at: &str, ahead: &str) -> Instance {
        let config = config([
            (key::OWNER, "dbmatrix"),
            (key::STAGE, "ready"),
            (key::FLAVOUR, "mysql-9.7"),
            (key::STANDBY, ahead),
        ]);
        Instance {
            name: name.to_owned(),
            status: "Stopped".to_owned(),
            created_at: created_at.to_owned(),
            config,
            devices: dbmatrix_engine::Devices::new(),
            last_used_at: String::new(),
        }
    }

    #[test]
    fn the_later_one_is_the_flavours_and_one_made_ahead_is_nobodys() {
        let slots = Slots::default();
        let over = slots.note_all(&[
            child("mysql-9-7", "2026-11-24T05:00:02Z", ""),
            child("mysql-9-7--twin", "2026-11-24T05:00:01Z", ""),
        ]);
        assert_eq!(over, ["mysql-9-7--twin"]);
        assert_eq!(slots.lock()["mysql-9-7"], "mysql-9-7");
        let over = slots.note_all(&[
            child("mysql-9-7", "2026-11-24T05:00:01Z", ""),
            child("mysql-9-7--twin", "2026-11-24T05:00:02Z", "true"),
        ]);
        assert!(over.is_empty());
        assert_eq!(slots.lock()["mysql-9-7"], "mysql-9-7");
    }
}

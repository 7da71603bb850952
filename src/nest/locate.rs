//! A flavour's child where it is and as it is: nothing is done to it.

use globset::Glob;

use super::child::Child;
use super::golden::mark_used;
use super::listing::Kind;
use super::outer::is_ready;
use super::{FindError, Found, Nest, NestError, wake_nests};
use crate::config::nearest;
use crate::engine::{Engine, Instance};
use crate::host::Names;

/// A flavour's child in its nest.
#[derive(Debug, Clone)]
pub struct Located {
    /// The flavour's name.
    pub flavour: String,
    /// Its nest, which runs.
    pub nest: Nest,
    /// Its container.
    pub child: Child,
    pub(super) instance: Instance,
}

/// What a child is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It runs.
    Running,
    /// Its processes are there and held.
    Frozen,
    /// It has no processes.
    Stopped,
}

impl State {
    fn of(instance: &Instance) -> Self {
        match instance {
            _ if instance.is_running() => State::Running,
            _ if instance.is_frozen() => State::Frozen,
            _ => State::Stopped,
        }
    }
}

impl Located {
    fn read(nest: &Nest, instance: &Instance) -> Option<Result<Self, NestError>> {
        let Kind::Flavour(flavour) = Kind::of_child(instance) else {
            return None;
        };
        if !is_ready(instance) {
            return None;
        }
        Some(Child::read(nest, instance).map(|child| Located {
            flavour,
            nest: nest.clone(),
            child,
            instance: instance.clone(),
        }))
    }

    /// What it was doing when it was located.
    pub fn state(&self) -> State {
        State::of(&self.instance)
    }

    /// What it is doing now; `None` where it is gone.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn look_again(&self) -> Result<Option<State>, NestError> {
        let found = self.child.engine.instance(&self.child.name).await?;
        Ok(found.as_ref().map(State::of))
    }

    /// Notes that somebody uses it: no run takes it for new.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn mark_used(&self) -> Result<(), NestError> {
        mark_used(&self.child.engine, &self.instance).await
    }

    /// Starts or thaws it, as it needs; one that runs is fine. Its server is
    /// not waited for.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn start(&self) -> Result<(), NestError> {
        self.mark_used().await?;
        Ok(self.child.engine.ensure_running(&self.instance).await?)
    }

    /// The same, for who logs in.
    pub fn found(&self) -> Found {
        Found {
            nest: self.nest.clone(),
            container: self.child.name.clone(),
            address: self.child.address,
        }
    }
}

/// All flavours of a project's nests, or of one nest; nests are started where
/// they do not run.
///
/// # Errors
/// As of the engines.
pub async fn locate_all(
    engine: &Engine,
    names: &Names,
    nest: Option<&str>,
) -> Result<Vec<Located>, NestError> {
    let mut all: Vec<Located> = Vec::new();
    for nest in wake_nests(engine, names, nest).await? {
        for child in nest.engine.instances().await? {
            let Some(located) = Located::read(&nest, &child).transpose()? else {
                continue;
            };
            let is_same = |other: &&mut Located| {
                other.flavour == located.flavour && other.nest.name == nest.name
            };
            // While a run is at work, there are two: the later one is meant.
            match all.iter_mut().find(is_same) {
                Some(other) if other.instance.created_at < child.created_at => *other = located,
                Some(_) => {}
                None => all.push(located),
            }
        }
    }
    Ok(all)
}

/// The flavour of that name.
///
/// # Errors
/// [`FindError`].
pub async fn locate(
    engine: &Engine,
    names: &Names,
    flavour: &str,
    nest: Option<&str>,
) -> Result<Located, FindError> {
    let all = locate_all(engine, names, nest).await?;
    let named: Vec<&Located> = all.iter().filter(|one| one.flavour == flavour).collect();
    match named.as_slice() {
        [one] => Ok((*one).clone()),
        [] => Err(unknown(flavour, &all)),
        several => Err(ambiguous(flavour, several)),
    }
}

/// Those of a name, of which there is one, or of a pattern.
///
/// # Errors
/// [`FindError`], where there is none or the name is in several nests.
pub fn choose<'a>(all: &'a [Located], wanted: &str) -> Result<Vec<&'a Located>, FindError> {
    let named: Vec<&Located> = all.iter().filter(|one| one.flavour == wanted).collect();
    match named.len() {
        0 => {}
        1 => return Ok(named),
        _ => return Err(ambiguous(wanted, &named)),
    }
    let matcher = Glob::new(wanted).ok().map(|glob| glob.compile_matcher());
    let fits = |one: &&Located| {
        let matcher = matcher.as_ref();
        matcher.is_some_and(|matcher| matcher.is_match(&one.flavour))
    };
    let chosen: Vec<&Located> = all.iter().filter(fits).collect();
    match chosen.is_empty() {
        true => Err(unknown(wanted, all)),
        false => Ok(chosen),
    }
}

fn unknown(wanted: &str, all: &[Located]) -> FindError {
    FindError::Unknown {
        name: wanted.to_owned(),
        hint: hint(wanted, all.iter().map(|one| one.flavour.as_str()).collect()),
    }
}

/// Which name may be meant, and all that there are.
fn hint(wanted: &str, there: Vec<&str>) -> String {
    if there.is_empty() {
        return "there is none".to_owned();
    }
    let listed: Vec<String> = there.iter().map(|name| format!("`{name}`")).collect();
    let listed = listed.join(", ");
    match nearest(wanted, there.into_iter()) {
        Some(near) => format!("did you mean `{near}`? there is {listed}"),
        None => format!("there is {listed}"),
    }
}

fn ambiguous(name: &str, several: &[&Located]) -> FindError {
    let nests: Vec<String> = several
        .iter()
        .map(|one| format!("`{}`", one.nest.name))
        .collect();
    FindError::Ambiguous {
        name: name.to_owned(),
        nests: nests.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nest::{Access, Proxies, key};
    use crate::session::Secret;

    fn located(flavour: &str, nest: &str) -> Located {
        let engine = Engine::new("/nowhere");
        let nest = Nest {
            name: nest.to_owned(),
            engine: engine.clone(),
            host: engine,
            access: Access::Route,
            proxies: Proxies::default(),
            address: [10, 0, 0, 2].into(),
            subnet: "10.1.0.0/24".parse().expect("a subnet"),
            password: Secret::new("x"),
            bridge: "dbmatrix0".to_owned(),
        };
        let instance = serde_json::json!({
            "name": flavour.replace('.', "-"),
            "status": "Stopped",
            "config": {
                key::STAGE: "ready",
                key::FLAVOUR: flavour,
                key::ADDRESS: "10.1.0.10",
            },
        });
        let instance = serde_json::from_value(instance).expect("a container");
        let located = Located::read(&nest, &instance).expect("a flavour's child");
        located.expect("an address")
    }

    #[test]
    fn a_name_or_a_pattern_chooses() {
        let all = [
            located("mysql-9.7", "a"),
            located("mariadb-10.11", "a"),
            located("mariadb-11.8", "a"),
        ];
        let names = |wanted: &str| {
            let chosen = choose(&all, wanted).expect("some");
            let names: Vec<&str> = chosen.iter().map(|one| one.flavour.as_str()).collect();
            names.join(" ")
        };
        assert_eq!(names("mysql-9.7"), "mysql-9.7");
        assert_eq!(names("mariadb-*"), "mariadb-10.11 mariadb-11.8");
    }

    #[test]
    fn the_nearest_name_is_suggested() {
        let all = [located("mysql-9.7", "a"), located("mariadb-11.8", "a")];
        let error = choose(&all, "mariadb-11.7").expect_err("none of that name");
        assert_eq!(
            error.to_string(),
            "no flavour `mariadb-11.7` is up; did you mean `mariadb-11.8`? there is `mysql-9.7`, \
             `mariadb-11.8`; `dbmatrix up MATRIX` brings flavours up"
        );
        let error = choose(&[], "x").expect_err("none at all");
        assert!(error.to_string().contains("there is none"));
    }

    #[test]
    fn a_name_in_several_nests_is_ambiguous() {
        let all = [located("mysql-9.7", "a"), located("mysql-9.7", "b")];
        let error = choose(&all, "mysql-9.7").expect_err("two");
        assert!(matches!(error, FindError::Ambiguous { .. }));
    }
}

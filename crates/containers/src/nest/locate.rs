//! Finds a flavour's child and its current state, without changing it.

use dbmatrix_config::nearest;
use dbmatrix_engine::{Engine, Instance};
use globset::{Glob, GlobMatcher};

use super::child::Child;
use super::golden::mark_used;
use super::info::{ContainerKind, ContainerState};
use super::outer::is_ready;
use super::{FindError, Nest, NestError, key, wake_nests};
use crate::host::Names;
use crate::name::flavour_of_replica;

/// A flavour's child in its nest.
#[derive(Debug, Clone)]
pub struct Located {
    /// The flavour's name.
    pub flavour: String,
    /// Its nest, which is running.
    pub nest: Nest,
    /// Its container.
    pub child: Child,
    pub(super) instance: Instance,
}

impl Located {
    pub(super) fn read(nest: &Nest, instance: &Instance) -> Option<Result<Self, NestError>> {
        let ContainerKind::Flavour(flavour) = ContainerKind::of_child(instance) else {
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

    /// Its nest's name and its own.
    pub fn names(&self) -> (&str, &str) {
        (&self.nest.name, &self.flavour)
    }

    /// `NEST/FLAVOUR`, which is unique.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.nest.name, self.flavour)
    }

    /// Its server, such as `mysql:9.7`.
    pub fn server(&self) -> &str {
        self.instance
            .config
            .get(key::SERVER)
            .map_or("", String::as_str)
    }

    /// Whether both are the same child.
    pub fn is(&self, other: &Located) -> bool {
        self.nest.name == other.nest.name && self.child.name == other.child.name
    }

    /// Whether it is a replica, which belongs to another flavour.
    pub fn is_replica(&self) -> bool {
        flavour_of_replica(&self.flavour).is_some()
    }

    /// All servers of the flavour to which it belongs, itself among them: the flavour's own,
    /// and its replicas.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn members(&self) -> Result<Vec<Located>, NestError> {
        let flavour = flavour_of_replica(&self.flavour).unwrap_or(&self.flavour);
        let mut all = locate_in(&self.nest).await?;
        all.retain(|one| {
            one.flavour == flavour || flavour_of_replica(&one.flavour) == Some(flavour)
        });
        Ok(all)
    }

    fn has_name(&self, wanted: &str) -> bool {
        self.flavour == wanted || self.full_name() == wanted
    }

    /// Whether a pattern fits it. With a `/`, the pattern applies to the full name, or to
    /// that of a replica with its flavour; one without fits no replica, which a command for
    /// several servers must not write to by accident.
    fn matches(&self, pattern: &GlobMatcher, wanted: &str) -> bool {
        match wanted.contains('/') {
            true => pattern.is_match(self.full_name()) || pattern.is_match(&self.flavour),
            false => !self.is_replica() && pattern.is_match(&self.flavour),
        }
    }

    /// Its state when it was located.
    pub fn state(&self) -> ContainerState {
        ContainerState::of(&self.instance)
    }

    /// Its current state; `None` if it no longer exists.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn look_again(&self) -> Result<Option<ContainerState>, NestError> {
        let found = self.child.engine.instance(&self.child.name).await?;
        Ok(found.as_ref().map(ContainerState::of))
    }

    /// Marks it as used, so that no run takes it for new.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn mark_used(&self) -> Result<(), NestError> {
        mark_used(&self.child.engine, &self.instance).await
    }

    /// Starts or resumes it if necessary. Does not wait for its server.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn start(&self) -> Result<(), NestError> {
        self.mark_used().await?;
        Ok(self.child.engine.ensure_running(&self.instance).await?)
    }
}

/// All flavours of a project's nests, or of one nest; starts the nests if necessary.
///
/// # Errors
/// As of the engines; [`FindError::NoNest`] if the named nest does not exist.
pub async fn locate_all(
    engine: &Engine,
    names: &Names,
    nest: Option<&str>,
) -> Result<Vec<Located>, FindError> {
    let mut all: Vec<Located> = Vec::new();
    for nest in wake_nests(engine, names, nest).await? {
        all.extend(locate_in(&nest).await?);
    }
    Ok(all)
}

/// All flavours of a nest.
async fn locate_in(nest: &Nest) -> Result<Vec<Located>, NestError> {
    let mut all: Vec<Located> = Vec::new();
    for child in nest.engine.instances().await? {
        let Some(located) = Located::read(nest, &child).transpose()? else {
            continue;
        };
        // There are two during a run; the later one counts.
        let is_same = |other: &&mut Located| other.flavour == located.flavour;
        match all.iter_mut().find(is_same) {
            Some(other) if other.instance.created_at < child.created_at => *other = located,
            Some(_) => {}
            None => all.push(located),
        }
    }
    Ok(all)
}

/// The flavour of that name, which may be `NEST/FLAVOUR`; or a replica, as
/// `FLAVOUR/replica-1`.
///
/// # Errors
/// [`FindError`].
pub async fn locate(
    engine: &Engine,
    names: &Names,
    flavour: &str,
    nest: Option<&str>,
) -> Result<Located, FindError> {
    let told = flavour.split_once('/').map(|(nest, _)| nest);
    // What is before a replica's number may be a flavour, in any nest.
    let told = told.filter(|_| flavour_of_replica(flavour).is_none());
    let all = locate_all(engine, names, nest.or(told)).await?;
    let named: Vec<&Located> = all.iter().filter(|one| one.has_name(flavour)).collect();
    match named.as_slice() {
        [one] => Ok((*one).clone()),
        [] => Err(unknown(flavour, &all)),
        several => Err(ambiguous(flavour, several)),
    }
}

/// Selects the flavour of a name, which must be unique, or all that match a pattern. With
/// a `/`, either applies to `NEST/FLAVOUR` or `FLAVOUR/replica-1`.
///
/// # Errors
/// [`FindError`], if there is none or the name is in several nests.
pub fn choose<'a>(all: &'a [Located], wanted: &str) -> Result<Vec<&'a Located>, FindError> {
    let named: Vec<&Located> = all.iter().filter(|one| one.has_name(wanted)).collect();
    match named.len() {
        0 => {}
        1 => return Ok(named),
        _ => return Err(ambiguous(wanted, &named)),
    }
    let matcher = Glob::new(wanted).ok().map(|glob| glob.compile_matcher());
    let fits = |one: &&Located| {
        let matcher = matcher.as_ref();
        matcher.is_some_and(|matcher| one.matches(matcher, wanted))
    };
    let chosen: Vec<&Located> = all.iter().filter(fits).collect();
    match chosen.is_empty() {
        true => Err(unknown(wanted, all)),
        false => Ok(chosen),
    }
}

fn unknown(wanted: &str, all: &[Located]) -> FindError {
    let there: Vec<String> = match wanted.contains('/') {
        true => all.iter().map(Located::full_name).collect(),
        false => labels(&all.iter().map(Located::names).collect::<Vec<_>>()),
    };
    let near = match nearest(wanted, there.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`? "),
        None => String::new(),
    };
    FindError::Unknown {
        name: wanted.to_owned(),
        hint: near + &existing(all, &there),
    }
}

/// Which flavours are up and which are not, and how to start the latter. `names` are
/// those of `all`.
fn existing(all: &[Located], names: &[String]) -> String {
    let of_state = |state: ContainerState| {
        let both = all.iter().zip(names);
        let found = both.filter(|(one, _)| one.state() == state);
        found.map(|(_, name)| name.as_str()).collect::<Vec<&str>>()
    };
    let mut told = Vec::new();
    for (state, word) in [
        (ContainerState::Running, "up"),
        (ContainerState::Paused, "paused"),
        (ContainerState::Stopped, "stopped"),
    ] {
        let names = of_state(state);
        let (verb, them) = match names.len() {
            0 => continue,
            1 => ("is", "it"),
            _ => ("are", "them"),
        };
        let action = match state {
            ContainerState::Running => String::new(),
            ContainerState::Paused => {
                format!(" (`dbmatrix resume {}` resumes {them})", names.join(" "))
            }
            ContainerState::Stopped => {
                format!(" (`dbmatrix start {}` starts {them})", names.join(" "))
            }
        };
        told.push(format!("`{}` {verb} {word}{action}", names.join("`, `")));
    }
    match told.is_empty() {
        true => "there is none".to_owned(),
        false => told.join("; "),
    }
}

fn ambiguous(name: &str, several: &[&Located]) -> FindError {
    let names = several.iter().map(|one| format!("`{}`", one.full_name()));
    FindError::Ambiguous {
        name: name.to_owned(),
        names: names.collect::<Vec<_>>().join(" or "),
    }
}

/// Labels for flavours, each given by its nest and its name: the name, preceded by the
/// nest's if several nests have it.
pub fn labels(all: &[(&str, &str)]) -> Vec<String> {
    let label = |&(nest, name): &(&str, &str)| {
        let same = all.iter().filter(|(_, other)| *other == name);
        match same.count() {
            0 | 1 => name.to_owned(),
            _ => format!("{nest}/{name}"),
        }
    };
    all.iter().map(label).collect()
}

#[cfg(test)]
mod tests {
    use dbmatrix_sql::session::Secret;

    use super::*;
    use crate::nest::{Access, Forwards, Proxies, key};

    fn located(flavour: &str, nest: &str) -> Located {
        located_in("Running", flavour, nest)
    }

    fn located_in(status: &str, flavour: &str, nest: &str) -> Located {
        let engine = Engine::new("/nowhere");
        let nest = Nest {
            name: nest.to_owned(),
            engine: engine.clone(),
            host: engine,
            access: Access::Route,
            proxies: Proxies::default(),
            forwards: Forwards::default(),
            address: [10, 0, 0, 2].into(),
            subnet: "10.1.0.0/24".parse().expect("a subnet"),
            password: Secret::new("x"),
            bridge: "dbmatrix0".to_owned(),
        };
        let instance = serde_json::json!({
            "name": crate::name::container(flavour),
            "status": status,
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
    fn a_replica_is_chosen_by_its_flavour_and_never_by_accident() {
        let all = [
            located("move", "a"),
            located("move/replica-1", "a"),
            located("move/replica-2", "a"),
        ];
        let names = |wanted: &str| {
            let chosen = choose(&all, wanted).expect("some");
            let names: Vec<&str> = chosen.iter().map(|one| one.flavour.as_str()).collect();
            names.join(" ")
        };
        assert_eq!(names("move"), "move");
        assert_eq!(names("m*"), "move");
        assert_eq!(names("move/replica-2"), "move/replica-2");
        assert_eq!(names("a/move/replica-2"), "move/replica-2");
        assert_eq!(names("move/*"), "move/replica-1 move/replica-2");
        let told = choose(&all, "move/replica-3")
            .expect_err("none")
            .to_string();
        assert!(told.contains("did you mean `"), "{told}");
    }

    #[test]
    fn the_nearest_name_is_suggested() {
        let all = [located("mysql-9.7", "a"), located("mariadb-11.8", "a")];
        let error = choose(&all, "mariadb-11.7").expect_err("none of that name");
        assert_eq!(
            error.to_string(),
            "no flavour `mariadb-11.7` is up; did you mean `mariadb-11.8`? `mysql-9.7`, \
             `mariadb-11.8` are up; `dbmatrix up MATRIX` brings flavours up, `dbmatrix connect \
             mysql:9.7` a server without a matrix"
        );
        let error = choose(&[], "x").expect_err("none at all");
        assert!(error.to_string().contains("there is none"));
    }

    #[test]
    fn flavours_that_are_not_up_are_named_with_the_command_that_starts_them() {
        let all = [
            located("mysql-9.7", "a"),
            located_in("Stopped", "mariadb-10.11", "a"),
            located_in("Stopped", "mariadb-11.8", "a"),
            located_in("Frozen", "percona-8.4", "a"),
        ];
        let there = |all: &[Located]| {
            let error = choose(all, "x").expect_err("none of that name").to_string();
            let from = error.find("is up; ").expect("the start") + "is up; ".len();
            let end = error.find("; `dbmatrix up").expect("the end");
            error[from..end].to_owned()
        };
        assert_eq!(
            there(&all),
            "`mysql-9.7` is up; \
             `percona-8.4` is paused (`dbmatrix resume percona-8.4` resumes it); \
             `mariadb-10.11`, `mariadb-11.8` are stopped \
             (`dbmatrix start mariadb-10.11 mariadb-11.8` starts them)"
        );
        assert_eq!(
            there(&all[1..2]),
            "`mariadb-10.11` is stopped (`dbmatrix start mariadb-10.11` starts it)"
        );
    }

    #[test]
    fn a_name_in_several_nests_is_ambiguous() {
        let all = [located("mysql-9.7", "a"), located("mysql-9.7", "b")];
        let error = choose(&all, "mysql-9.7").expect_err("two");
        assert_eq!(
            error.to_string(),
            "flavour `mysql-9.7` is in several nests; name `a/mysql-9.7` or `b/mysql-9.7`"
        );
        let chosen = choose(&all, "b/mysql-9.7").expect("one");
        assert_eq!(
            chosen
                .iter()
                .map(|one| one.nest.name.as_str())
                .collect::<Vec<_>>(),
            ["b"]
        );
        assert_eq!(choose(&all, "*/mysql-*").expect("both").len(), 2);
        assert_eq!(choose(&all, "mysql-*").expect("both").len(), 2);
        let error = choose(&all, "b/mysql-9.8").expect_err("none").to_string();
        assert!(error.contains("did you mean `b/mysql-9.7`?"), "{error}");
    }

    #[test]
    fn a_nest_is_told_where_a_name_alone_does_not_do() {
        let all = [("a", "mysql-9.7"), ("b", "mysql-9.7"), ("b", "mysql-8.4")];
        assert_eq!(labels(&all), ["a/mysql-9.7", "b/mysql-9.7", "mysql-8.4"]);
    }
}

//! One flavour from its image to a login.

use std::time::Duration;

use thiserror::Error;

use super::database::drop_leftovers;
use super::deployment::{Provided, Provider, Site};
use super::environment::Environment;
use crate::digest::Digest;
use crate::event::{Phase, Sender, ServerFacts};
use crate::matrix::{Flavour, Managed};
use crate::nest::{Child, ChildSpec, Golden, NestError, Purpose, sync};
use crate::server::{
    Ask, Login, PackageVersion, RoutedUser, Server, ServerError, access_of, check_identity,
    check_locked, check_source, configure, install, log_in, pin, recipe, settle, start, started,
};
use crate::session::SessionError;

/// Raised whenever a golden child is made in another way that neither the texts
/// of scripts nor those of settings tell, or its digest is made of other values.
const RECIPE: u32 = 5;
/// How long a server that starts may take until somebody can log in.
pub(super) const STARTING: Duration = Duration::from_secs(120);
/// The same for one that may well be beyond help.
const REVIVING: Duration = Duration::from_secs(20);

/// Whose traces a server may bear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StartFrom {
    /// Nobody's: a copy of its golden child that nobody has used.
    #[default]
    Template,
    /// As it was left, if it is there.
    Existing,
}

#[derive(Debug, Error)]
enum FlavourError {
    #[error(transparent)]
    Nest(#[from] NestError),
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error("could not drop databases of an earlier run: {0}")]
    Leftovers(#[from] SessionError),
}

/// Makes servers in the children of a nest.
#[derive(Clone)]
pub(super) struct NestProvider {
    pub(super) environment: Environment,
    pub(super) start_from: StartFrom,
    pub(super) events: Sender,
}

impl Provider for NestProvider {
    type Wanted = Managed;

    async fn provide(&self, flavour: &Flavour, wanted: &Managed) -> Result<Provided, String> {
        let provisioner = Provisioner::new(&self.environment, flavour, wanted, &self.events);
        let provided = provisioner.bring_up(self.start_from).await;
        let (server, facts) = provided.map_err(|error| error.to_string())?;
        Ok(Provided {
            server,
            facts,
            site: Some(Site::new(&self.environment, flavour, wanted)),
        })
    }
}

/// Replaces a flavour's child by one that nobody has used, and holds it for the
/// next run.
///
/// # Errors
/// Why there is none, for people.
pub(super) async fn hold_fresh(
    environment: &Environment,
    flavour: &Flavour,
    managed: &Managed,
    events: &Sender,
) -> Result<(), String> {
    let provisioner = Provisioner::new(environment, flavour, managed, events);
    let held = async {
        let (child, _) = provisioner.renew(Purpose::Later).await?;
        environment.children.hold(&child).await?;
        let first = flavour.container();
        Ok::<_, FlavourError>(environment.children.remove_other(&first).await?)
    };
    match held.await {
        Ok(()) => Ok(()),
        Err(error) => {
            let child = environment.children.current(&flavour.container());
            if let Err(left) = environment.children.remove(&child).await {
                tracing::debug!(%left, "the next run replaces it");
            }
            Err(error.to_string())
        }
    }
}

/// Makes a copy for the next run, where there is a golden child.
///
/// # Errors
/// As of the engine.
pub(super) async fn prepare_standby(
    environment: &Environment,
    flavour: &Flavour,
    managed: &Managed,
) -> Result<(), NestError> {
    let spec = child_spec(flavour, managed, &environment.user_of(&flavour.name));
    match environment.children.golden(&spec).await? {
        Some(golden) => environment.children.prepare_standby(&golden, &spec).await,
        None => Ok(()),
    }
}

/// A flavour that is being provided.
struct Provisioner<'a> {
    environment: &'a Environment,
    flavour: &'a Flavour,
    managed: &'a Managed,
    spec: ChildSpec,
    events: &'a Sender,
}

impl<'a> Provisioner<'a> {
    fn new(
        environment: &'a Environment,
        flavour: &'a Flavour,
        managed: &'a Managed,
        events: &'a Sender,
    ) -> Self {
        Provisioner {
            spec: child_spec(flavour, managed, &environment.user_of(&flavour.name)),
            environment,
            flavour,
            managed,
            events,
        }
    }

    async fn bring_up(&self, freshness: StartFrom) -> Result<(Server, ServerFacts), FlavourError> {
        self.phase(Phase::Creating);
        let (children, name) = (&self.environment.children, &self.flavour.name);
        children.ensure_not_imported(name).await?;
        let there = match freshness {
            StartFrom::Template => self.claim_standby().await,
            StartFrom::Existing => self.claim_existing().await?,
        };
        let (child, server) = match there {
            Some(there) => there,
            None => self.renew(Purpose::Now).await?,
        };
        if let Some(locked) = &self.managed.locked {
            check_locked(&server, &locked.server)?;
        }
        let facts = facts(&server, &child, self.managed);
        Ok((server, facts))
    }

    /// The child that was held for this run. One that is no longer available is
    /// no loss.
    async fn claim_standby(&self) -> Option<(Child, Server)> {
        let taken = async {
            let Some(child) = self.environment.children.claim_standby(&self.spec).await? else {
                return Ok(None);
            };
            let server = self.log_in(&child, REVIVING).await?;
            Ok::<_, FlavourError>(Some((child, server)))
        };
        taken.await.unwrap_or_else(|error| {
            tracing::info!(%error, flavour = self.flavour.name, "a held child is replaced");
            None
        })
    }

    async fn claim_existing(&self) -> Result<Option<(Child, Server)>, FlavourError> {
        let children = &self.environment.children;
        if children.take_over(&self.spec).await? {
            self.events.warn(format!(
                "{}: taken over as an earlier dbmatrix has left it; `dbmatrix reset` gives it settings that were changed since",
                self.flavour.name
            ));
        }
        let Some(child) = children.claim_existing(&self.spec).await? else {
            return Ok(None);
        };
        let server = self.repair(&child).await?;
        drop_leftovers(&server).await?;
        Ok(Some((child, server)))
    }

    /// A new copy of the golden child, which is made where there is none.
    async fn renew(&self, use_of: Purpose) -> Result<(Child, Server), FlavourError> {
        let children = &self.environment.children;
        let golden = self.golden().await?;
        self.phase(Phase::Starting);
        let child = children.renew(&golden, &self.spec, use_of).await?;
        let login = self.log_in(&child, STARTING);
        let server = started(&child, &self.managed.spec, login).await?;
        children.mark_ready(&child).await?;
        Ok((child, server))
    }

    async fn golden(&self) -> Result<Golden, FlavourError> {
        let children = &self.environment.children;
        let _making = children.making(&self.spec).await;
        if let Some(golden) = children.golden(&self.spec).await? {
            return Ok(golden);
        }
        if children.has_former_golden(&self.spec).await? {
            self.events.warn(format!(
                "{}: its golden child is of an earlier dbmatrix and made anew once; `dbmatrix prune` removes the old one",
                self.flavour.name
            ));
        }
        let ask = match self.flavour.required || self.environment.strict {
            true => Ask::Now,
            false => Ask::Lately,
        };
        check_source(&self.environment.nest, &self.managed.spec, ask).await?;
        let made = self.make_golden().await;
        if made.is_err()
            && let Err(left) = children.abandon_golden(&self.spec).await
        {
            self.events.warn(format!(
                "{}: its incomplete container stays until the next run: {left}",
                self.flavour.name
            ));
        }
        made
    }

    /// Installs the server, sees that it is the right one, and shuts it down.
    async fn make_golden(&self) -> Result<Golden, FlavourError> {
        let children = &self.environment.children;
        let child = children.begin_golden(&self.spec).await?;
        self.phase(Phase::Queued);
        let permit = self.environment.installing.acquire().await;
        self.phase(Phase::Installing);
        let locked = self.managed.locked.as_ref();
        let locked = locked.map(|locked| locked.packages.as_slice());
        let added = install(&child, &self.managed.spec, locked).await?;
        drop(permit);
        let server = self.set_up(&child).await?;
        let tls = pin(&server, &child).await?;
        self.phase(Phase::Settling);
        settle(&child, &self.managed.spec).await?;
        sync(&child).await?;
        let packages = lines_of(&added);
        let version = &server.identity.full;
        let kept = children.keep_golden(child, version, &packages, tls);
        Ok(kept.await?)
    }

    /// A child of an earlier run: logged in as it is, else set up once more,
    /// since the address towards it or what somebody did to it may have
    /// changed.
    async fn repair(&self, child: &Child) -> Result<Server, FlavourError> {
        match self.log_in(child, REVIVING).await {
            Err(error @ ServerError::Login { .. }) => {
                tracing::info!(%error, flavour = self.flavour.name, "set up once more");
                self.set_up(child).await
            }
            other => Ok(other?),
        }
    }

    async fn set_up(&self, child: &Child) -> Result<Server, FlavourError> {
        self.phase(Phase::Configuring);
        let user = self
            .environment
            .user_with(child.credentials.password.clone());
        configure(child, &self.managed.spec, &user).await?;
        self.phase(Phase::Starting);
        start(child, &self.managed.spec).await?;
        Ok(self.log_in(child, STARTING).await?)
    }

    async fn log_in(&self, child: &Child, limit: Duration) -> Result<Server, ServerError> {
        self.phase(Phase::LoggingIn);
        let login = Login {
            child,
            nest: &self.environment.nest,
            limit,
        };
        let server = log_in(&login).await?;
        check_identity(&server, &self.managed.spec)?;
        Ok(server)
    }

    fn phase(&self, phase: Phase) {
        self.events.phase(&self.flavour.name, phase);
    }
}

/// What is needed to make the server again.
fn facts(server: &Server, child: &Child, managed: &Managed) -> ServerFacts {
    let packages = child.packages.lines();
    ServerFacts {
        version: server.identity.full.clone(),
        comment: server.identity.comment.clone(),
        image: managed.image.title(),
        origin: managed.spec.installation.origin(),
        packages: packages.filter_map(|line| line.parse().ok()).collect(),
        sql_mode: server.defaults.sql_mode.clone(),
        collation: server.defaults.collation.clone(),
        auth_plugin: server.defaults.auth_plugin.clone(),
    }
}

fn child_spec(flavour: &Flavour, managed: &Managed, user: &RoutedUser) -> ChildSpec {
    ChildSpec {
        name: flavour.container(),
        flavour: flavour.name.clone(),
        key: golden_key(managed),
        server: managed.server.clone(),
        image: managed.image.clone(),
        packages: managed
            .locked
            .as_ref()
            .map(|locked| lines_of(&locked.packages)),
        client: Some(user.address),
        access: Some(access_of(&managed.spec, user)),
    }
}

/// A package a line.
fn lines_of(packages: &[PackageVersion]) -> String {
    let lines: Vec<String> = packages.iter().map(PackageVersion::to_string).collect();
    lines.join("\n")
}

/// Names all that goes into a flavour's golden child: image, server, settings,
/// the files that are brought in, and how all of this is done.
pub fn golden_key(managed: &Managed) -> String {
    let mut digest = Digest::new("golden", RECIPE);
    digest
        .text("image", &managed.image.title())
        .part("server", &managed.spec)
        .text("recipe", &recipe(&managed.spec));
    if let Some(locked) = &managed.locked {
        digest.text("packages", &lines_of(&locked.packages));
    }
    digest.key()
}

//! One flavour from its image to a login.

use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use thiserror::Error;

use super::database::drop_leftovers;
use super::stand::Stand;
use crate::event::{Event, Phase, Sender, ServerFacts};
use crate::matrix::Flavour;
use crate::nest::{Child, ChildSpec, NestError, Stage};
use crate::server::{
    Login, PackageVersion, RoutedUser, Server, ServerError, ask_defaults, check_identity,
    check_locked, configure, install, log_in, start,
};
use crate::session::SessionError;

/// Raised whenever the way in which a server is installed changes, so that
/// children that were made in another way are made anew.
const RECIPE: u32 = 2;

#[derive(Debug, Error)]
enum FlavourError {
    #[error(transparent)]
    Nest(#[from] NestError),
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error("could not drop databases of an earlier run: {0}")]
    Leftovers(#[from] SessionError),
}

/// Provides a flavour's server; `None` where it cannot be had, which has been
/// said by then. `begun` is when the run began.
pub async fn provide(
    stand: &Stand,
    flavour: &Flavour,
    begun: Instant,
    events: &Sender,
) -> Option<Server> {
    match bring_up(stand, flavour, events).await {
        Ok((server, facts)) => {
            events.send(Event::FlavourReady {
                flavour: flavour.name.clone(),
                server: facts,
                address: server.address().to_string(),
                took: begun.elapsed(),
            });
            Some(server)
        }
        Err(error) => {
            if let Err(left) = stand.children.remove_half_made(&flavour.container()).await {
                events.warn(format!(
                    "{}: its container stays until the next run: {left}",
                    flavour.name
                ));
            }
            events.send(Event::FlavourUnavailable {
                flavour: flavour.name.clone(),
                required: flavour.required,
                reason: error.to_string(),
            });
            None
        }
    }
}

async fn bring_up(
    stand: &Stand,
    flavour: &Flavour,
    events: &Sender,
) -> Result<(Server, ServerFacts), FlavourError> {
    events.phase(&flavour.name, Phase::Creating);
    let mut bringing = BringingUp {
        child: stand.children.ensure(&child_spec(flavour)).await?,
        user: RoutedUser {
            address: stand.source,
            password: stand.nest.password.clone(),
        },
        stand,
        flavour,
        events,
    };
    let server = match bringing.child.stage {
        Stage::Ready => bringing.revive().await?,
        Stage::New => bringing.make().await?,
    };
    if let Some(locked) = &flavour.locked {
        check_locked(&server, &locked.server)?;
    }
    drop_leftovers(&server).await?;
    let facts = facts(&server, &bringing.child, flavour).await?;
    Ok((server, facts))
}

/// What is needed to make the server again.
async fn facts(
    server: &Server,
    child: &Child,
    flavour: &Flavour,
) -> Result<ServerFacts, FlavourError> {
    let defaults = ask_defaults(server).await.map_err(ServerError::Session)?;
    let packages = child.packages.lines();
    Ok(ServerFacts {
        version: server.identity.full.clone(),
        comment: server.identity.comment.clone(),
        image: flavour.image.title(),
        origin: flavour.spec.installation.origin(),
        packages: packages.filter_map(|line| line.parse().ok()).collect(),
        sql_mode: defaults.sql_mode,
        collation: defaults.collation,
        auth_plugin: defaults.auth_plugin,
    })
}

/// A flavour whose child runs.
struct BringingUp<'a> {
    stand: &'a Stand,
    flavour: &'a Flavour,
    child: Child,
    user: RoutedUser,
    events: &'a Sender,
}

impl BringingUp<'_> {
    async fn make(&mut self) -> Result<Server, FlavourError> {
        self.phase(Phase::Installing);
        let locked = self.flavour.locked.as_ref();
        let locked = locked.map(|locked| locked.packages.as_slice());
        let added = install(&self.child, &self.flavour.spec, locked).await?;
        self.child.packages = lines_of(&added);
        let server = self.set_up().await?;
        let Child { packages, .. } = &self.child;
        let children = &self.stand.children;
        children
            .mark_ready(&self.child, &server.identity.full, packages)
            .await?;
        Ok(server)
    }

    /// A child of an earlier run: logged in as it is, else set up once more,
    /// since the address towards it or what somebody did to it may have
    /// changed.
    async fn revive(&self) -> Result<Server, FlavourError> {
        match self.log_in(Duration::from_secs(20)).await {
            Err(FlavourError::Server(error @ ServerError::Login { .. })) => {
                tracing::info!(%error, flavour = self.flavour.name, "set up once more");
                self.set_up().await
            }
            other => other,
        }
    }

    async fn set_up(&self) -> Result<Server, FlavourError> {
        self.phase(Phase::Configuring);
        configure(&self.child, &self.flavour.spec, &self.user).await?;
        self.phase(Phase::Starting);
        start(&self.child, &self.flavour.spec).await?;
        self.log_in(Duration::from_secs(60)).await
    }

    async fn log_in(&self, limit: Duration) -> Result<Server, FlavourError> {
        self.phase(Phase::LoggingIn);
        let login = Login {
            address: self.child.address,
            user: &self.user,
            guard: &self.stand.nest.guard(),
            limit,
        };
        let server = log_in(&login).await?;
        check_identity(&server, &self.flavour.spec)?;
        Ok(server)
    }

    fn phase(&self, phase: Phase) {
        self.events.phase(&self.flavour.name, phase);
    }
}

fn child_spec(flavour: &Flavour) -> ChildSpec {
    ChildSpec {
        name: flavour.container(),
        flavour: flavour.name.clone(),
        key: key(flavour),
        server: flavour.server.clone(),
        image: flavour.image.clone(),
        packages: flavour
            .locked
            .as_ref()
            .map(|locked| lines_of(&locked.packages)),
    }
}

/// A package a line.
fn lines_of(packages: &[PackageVersion]) -> String {
    let lines: Vec<String> = packages.iter().map(PackageVersion::to_string).collect();
    lines.join("\n")
}

/// Names all that goes into the child.
fn key(flavour: &Flavour) -> String {
    let text = format!("{RECIPE} {:?} {:?}", flavour.image, flavour.spec);
    let digest = Sha256::digest(text.as_bytes());
    digest[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

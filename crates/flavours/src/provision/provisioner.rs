//! Provides a flavour's server: creates it from its template or claims an existing one,
//! and logs in.

use std::time::Duration;

use dbmatrix_containers::nest::{Child, ChildSpec, Golden, Purpose, sync};
use dbmatrix_report::event::{Phase, Sender, ServerFacts};
use dbmatrix_sql::package::PackageVersion;
use dbmatrix_sql::session::TlsPolicy;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::NestContext;
use super::building::{Building, START_TIMEOUT, log_in_as_wanted};
use super::error::ProvisionError;
use super::step::configure_server;
use super::template::{Template, template_key, templates};
use crate::matrix::{Flavour, Managed};
use crate::server::{
    Ask, RoutedUser, Server, ServerError, access_of, check_locked, check_source, started,
};

/// How long a possibly broken server may take until it accepts logins.
const REPAIR_TIMEOUT: Duration = Duration::from_secs(20);

/// What a server starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StartFrom {
    /// An unused copy of its golden child.
    #[default]
    Template,
    /// The existing server with its data, if there is one.
    Existing,
}

/// A flavour whose server dbmatrix makes.
pub struct Provisioner<'a> {
    pub(super) context: &'a NestContext,
    pub(super) flavour: &'a Flavour,
    pub(super) managed: &'a Managed,
    spec: ChildSpec,
    pub(super) events: &'a Sender,
}

impl<'a> Provisioner<'a> {
    /// A flavour, and how its server is made.
    pub fn new(
        context: &'a NestContext,
        flavour: &'a Flavour,
        managed: &'a Managed,
        events: &'a Sender,
    ) -> Self {
        Provisioner {
            spec: child_spec(
                flavour,
                managed,
                &context.user_of(&flavour.name, &managed.spec.login),
            ),
            context,
            flavour,
            managed,
            events,
        }
    }

    /// Brings the server up and logs in; also returns its description for reports.
    ///
    /// # Errors
    /// [`ProvisionError`].
    pub fn bring_up(
        &self,
        start_from: StartFrom,
    ) -> BoxFuture<'_, Result<(Server, ServerFacts), ProvisionError>> {
        async move {
            self.phase(Phase::Creating);
            let (children, name) = (&self.context.children, &self.flavour.name);
            children.ensure_not_imported(name).await?;
            let there = match start_from {
                StartFrom::Template => self.claim_standby().await,
                StartFrom::Existing => self.claim_existing().await?,
            };
            let (child, server) = match there {
                Some(there) => there,
                None => self.create_from_template(Purpose::Now).await?,
            };
            if let Some(locked) = &self.managed.locked {
                check_locked(&server, &locked.server)?;
            }
            let facts = facts(&server, &child, self.managed);
            Ok((server, facts))
        }
        .boxed()
    }

    /// Whether the flavour's server is there with its data.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn is_there(&self) -> Result<bool, ProvisionError> {
        Ok(self.context.children.has_current(&self.spec).await?)
    }

    /// Replaces the flavour's child by an unused one, paused for the next run.
    ///
    /// # Errors
    /// [`ProvisionError`].
    pub async fn pause_fresh(&self) -> Result<(), ProvisionError> {
        let children = &self.context.children;
        let first = self.flavour.container();
        let paused = async {
            let (child, _) = self.create_from_template(Purpose::Later).await?;
            children.pause_for_later(&child).await?;
            Ok(children.remove_other(&first).await?)
        };
        let paused = paused.await;
        if paused.is_err()
            && let Err(left) = children.remove(&children.current(&first)).await
        {
            tracing::debug!(%left, "the next run replaces it");
        }
        paused
    }

    /// Makes a copy for the next run, if there is a template.
    ///
    /// # Errors
    /// [`ProvisionError`].
    pub async fn prepare_standby(&self) -> Result<(), ProvisionError> {
        let children = &self.context.children;
        if let Some(golden) = children.golden(&self.spec).await? {
            children.prepare_standby(&golden, &self.spec).await?;
        }
        Ok(())
    }

    /// The child that was prepared for this run, if it is still available.
    async fn claim_standby(&self) -> Option<(Child, Server)> {
        let taken = async {
            let Some(child) = self.context.children.claim_standby(&self.spec).await? else {
                return Ok(None);
            };
            let server = self.log_in(&child, REPAIR_TIMEOUT).await?;
            Ok::<_, ProvisionError>(Some((child, server)))
        };
        taken.await.unwrap_or_else(|error| {
            tracing::info!(%error, flavour = self.flavour.name, "a held child is replaced");
            None
        })
    }

    async fn claim_existing(&self) -> Result<Option<(Child, Server)>, ProvisionError> {
        let children = &self.context.children;
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
        Ok(Some((child, server)))
    }

    /// A new copy of the golden child, which is created if necessary.
    async fn create_from_template(
        &self,
        purpose: Purpose,
    ) -> Result<(Child, Server), ProvisionError> {
        let children = &self.context.children;
        let golden = self.golden().await?;
        self.phase(Phase::Starting);
        let child = children
            .create_from_template(&golden, &self.spec, purpose)
            .await?;
        let login = self.log_in(&child, START_TIMEOUT);
        let server = started(&child, &self.managed.spec, login).await?;
        children.mark_ready(&child).await?;
        Ok((child, server))
    }

    /// The flavour's golden child, which is created if necessary.
    pub(super) async fn golden(&self) -> Result<Golden, ProvisionError> {
        self.golden_of(&templates(self.managed)).await
    }

    /// The golden child of the last of these templates, which is created if necessary.
    fn golden_of<'t>(
        &'t self,
        templates: &'t [Template],
    ) -> BoxFuture<'t, Result<Golden, ProvisionError>> {
        async move {
            let Some((last, before)) = templates.split_last() else {
                unreachable!("each flavour has the golden child of its server");
            };
            let children = &self.context.children;
            let spec = ChildSpec {
                key: last.key.clone(),
                ..self.spec.clone()
            };
            let _making = children.making(&spec).await;
            if let Some(golden) = children.golden(&spec).await? {
                return Ok(golden);
            }
            let parent = match before {
                [] => {
                    self.begin_first(&spec).await?;
                    None
                }
                before => Some(self.golden_of(before).await?),
            };
            let made = self.make_golden(last, parent.as_ref(), &spec).await;
            if made.is_err()
                && let Err(left) = children.abandon_golden(&spec).await
            {
                self.events.warn(format!(
                    "{}: its incomplete container stays until the next run: {left}",
                    self.flavour.name
                ));
            }
            made
        }
        .boxed()
    }

    /// Checks that the server's packages are available before anything is created for it.
    async fn begin_first(&self, spec: &ChildSpec) -> Result<(), ProvisionError> {
        if self.context.children.has_former_golden(spec).await? {
            self.events.warn(format!(
                "{}: its golden child is of an earlier dbmatrix and made anew once; `dbmatrix prune` removes the old one",
                self.flavour.name
            ));
        }
        let ask = match self.flavour.required || self.context.strict {
            true => Ask::Now,
            false => Ask::Lately,
        };
        Ok(check_source(&self.context.nest, &self.managed.spec, ask).await?)
    }

    /// Applies the steps of a template in a new container, or in a copy of its parent,
    /// and keeps the result as golden child.
    async fn make_golden(
        &self,
        template: &Template,
        parent: Option<&Golden>,
        spec: &ChildSpec,
    ) -> Result<Golden, ProvisionError> {
        let children = &self.context.children;
        let child = match parent {
            Some(parent) => children.begin_golden_from(parent, spec).await?,
            None => children.begin_golden(spec).await?,
        };
        let mut building = self.building(&child);
        if let Some(parent) = parent {
            building.packages = parent.packages.clone();
            building.version = parent.version.clone();
            building.tls = parent.tls.clone();
        }
        for step in &template.steps {
            step.apply(&mut building).await?;
        }
        let Building {
            packages,
            version,
            tls,
            ..
        } = building;
        sync(&child).await?;
        let kept = children.keep_golden(child, &version, &packages, tls);
        Ok(kept.await?)
    }

    fn building<'b>(&'b self, child: &'b Child) -> Building<'b> {
        Building {
            context: self.context,
            flavour: &self.flavour.name,
            managed: self.managed,
            child,
            events: self.events,
            packages: String::new(),
            version: String::new(),
            tls: TlsPolicy::default(),
        }
    }

    /// A child of an earlier run. Logs in directly if possible; otherwise configures it
    /// again, since the address towards it may have changed, or a user may have changed
    /// the server.
    async fn repair(&self, child: &Child) -> Result<Server, ProvisionError> {
        match self.log_in(child, REPAIR_TIMEOUT).await {
            Err(error @ ServerError::Login { .. }) => {
                tracing::info!(%error, flavour = self.flavour.name, "set up once more");
                self.set_up(child).await
            }
            other => Ok(other?),
        }
    }

    async fn set_up(&self, child: &Child) -> Result<Server, ProvisionError> {
        let building = self.building(child);
        configure_server(&building, &self.managed.spec).await?;
        building.start().await
    }

    async fn log_in(&self, child: &Child, timeout: Duration) -> Result<Server, ServerError> {
        self.phase(Phase::LoggingIn);
        log_in_as_wanted(self.context, child, self.managed, timeout).await
    }

    pub(super) fn phase(&self, phase: Phase) {
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
        replicas: Vec::new(),
    }
}

fn child_spec(flavour: &Flavour, managed: &Managed, user: &RoutedUser) -> ChildSpec {
    ChildSpec {
        name: flavour.container(),
        flavour: flavour.name.clone(),
        key: template_key(managed),
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

/// One package a line.
pub(super) fn lines_of(packages: &[PackageVersion]) -> String {
    let lines: Vec<String> = packages.iter().map(PackageVersion::to_string).collect();
    lines.join("\n")
}

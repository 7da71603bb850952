//! One server on a path: a running copy of a golden child.

use std::time::Duration;

use dbmatrix_containers::name;
use dbmatrix_containers::nest::{Child, Golden};
use dbmatrix_flavours::matrix::{Flavour, Managed, SetupFile, UpgradeMethod, UpgradePath};
use dbmatrix_flavours::provision::{NestContext, Provisioner};
use dbmatrix_flavours::server::{Server, stop_server};
use dbmatrix_report::event::{Phase, Sender};
use dbmatrix_sql::content::{Content, ContentScope, read_content};
use dbmatrix_sql::session::{Connect, Secret, Session};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::timeout;

use super::client;
use super::error::{InStep, StepError, WalkError};

/// A server of a path, as it is wanted.
pub(super) struct Stop<'a> {
    pub(super) context: &'a NestContext,
    /// The flavour as the matrix names it.
    pub(super) name: &'a str,
    /// The same under the name of the path, which has one password and one line of progress.
    flavour: Flavour,
    managed: Managed,
    /// The name under which a failed copy is kept; its container's name comes from it.
    pub(super) kept_as: String,
    /// How long a step may take whose duration depends on the data.
    pub(super) step_timeout: Duration,
    events: &'a Sender,
}

impl<'a> Stop<'a> {
    /// All servers of a path in their order; the last one is the newer server.
    pub(super) fn all_of(
        context: &'a NestContext,
        path: &'a UpgradePath,
        method: UpgradeMethod,
        events: &'a Sender,
    ) -> Vec<Stop<'a>> {
        let servers = path.servers(method);
        let last = servers.len().saturating_sub(1);
        let all = servers.into_iter().enumerate();
        let all = all.map(|(at, (flavour, managed))| {
            let whole = format!("{}-{}", path.name, method.as_str());
            Stop {
                context,
                name: &flavour.name,
                flavour: Flavour {
                    name: path.name.clone(),
                    ..flavour.clone()
                },
                managed,
                kept_as: match at == last {
                    true => whole,
                    false => format!("{whole}-{at}"),
                },
                step_timeout: path.step_timeout,
                events,
            }
        });
        all.collect()
    }

    /// The password by which the next server of the path follows this one.
    pub(super) fn replication_password(&self) -> Secret {
        self.context.replication_password(&self.flavour.name)
    }

    pub(super) fn provisioner(&self) -> Provisioner<'_> {
        Provisioner::new(self.context, &self.flavour, &self.managed, self.events)
    }

    /// Its golden child, which is made if it is not there.
    pub(super) fn golden(&self) -> BoxFuture<'_, Result<Golden, WalkError>> {
        async move {
            let golden = self.provisioner().ensure_golden().await;
            golden
                .in_step(format!("make {}", self.name))
                .map_err(|error| WalkError {
                    is_unavailable: true,
                    ..error
                })
        }
        .boxed()
    }

    pub(super) fn container(&self) -> String {
        name::container(&self.kept_as)
    }

    /// A copy with a running server.
    pub(super) fn start(&self, golden: &Golden) -> BoxFuture<'_, Result<Running<'_>, WalkError>> {
        let golden = golden.clone();
        async move {
            let started = async {
                let provisioner = self.provisioner();
                let child = provisioner.throwaway(&golden, &self.container()).await?;
                let server = provisioner.start_throwaway(&child).await?;
                client::write_options(&child).await?;
                Ok::<_, StepError>((child, server))
            };
            let (child, server) = started.await.in_step(format!("start {}", self.name))?;
            Running::new(self, child, server).await
        }
        .boxed()
    }

    /// A copy whose container runs without its server.
    pub(super) fn start_empty(&self, golden: &Golden) -> BoxFuture<'_, Result<Child, WalkError>> {
        let golden = golden.clone();
        async move {
            let started = async {
                let provisioner = self.provisioner();
                let child = provisioner.throwaway(&golden, &self.container()).await?;
                provisioner.start_held_back(&child).await?;
                client::write_options(&child).await?;
                Ok::<_, StepError>(child)
            };
            let step = format!("make a container of {}", self.name);
            started.await.in_step(step)
        }
        .boxed()
    }

    /// Reports what happens on the path.
    pub(super) fn phase(&self, phase: Phase) {
        self.events.phase(&self.flavour.name, phase);
    }

    /// Removes its copy; it may be absent.
    pub(super) async fn remove(&self) {
        if let Err(left) = self.context.children.remove(&self.container()).await {
            tracing::debug!(%left, "the next run removes it");
        }
    }

    /// Keeps its copy as a flavour, if there is one; returns the flavour's name.
    pub(super) async fn keep(&self) -> Option<String> {
        let children = &self.context.children;
        let title = format!("{} (failed)", self.managed.server);
        let container = self.container();
        let kept = children.keep_throwaway(&container, &self.kept_as, &title);
        match kept.await {
            Ok(true) => Some(self.kept_as.clone()),
            Ok(false) => None,
            Err(error) => {
                let name = &self.kept_as;
                self.events
                    .warn(format!("{name}: could not be kept: {error}"));
                None
            }
        }
    }
}

/// A server of a path that runs.
pub(super) struct Running<'a> {
    pub(super) stop: &'a Stop<'a>,
    pub(super) child: Child,
    pub(super) server: Server,
    /// The setting that starts events, before it was switched off.
    scheduler: Option<String>,
}

/// Events would write while the content is read and moved.
const SCHEDULER: &str = "event_scheduler";

impl<'a> Running<'a> {
    /// A server that has started. From now on it starts no events.
    pub(super) async fn new(
        stop: &'a Stop<'a>,
        child: Child,
        server: Server,
    ) -> Result<Self, WalkError> {
        let mut running = Running {
            stop,
            child,
            server,
            scheduler: None,
        };
        let mut session = running.session().await?;
        let step = format!("stop the events of {}", stop.name);
        let scheduler = session.first_row("SELECT @@GLOBAL.event_scheduler").await;
        let scheduler = scheduler
            .in_step(step.as_str())?
            .into_iter()
            .next()
            .flatten();
        if let Some("ON" | "1") = scheduler.as_deref() {
            let off = session.run("SET GLOBAL event_scheduler = OFF").await;
            off.in_step(step)?;
            running.scheduler = scheduler;
        }
        session.close().await;
        Ok(running)
    }

    /// Lets events start again, for suites.
    pub(super) async fn restore_scheduler(&self) -> Result<(), WalkError> {
        if self.scheduler.is_none() {
            return Ok(());
        }
        let mut session = self.session().await?;
        let on = session.run("SET GLOBAL event_scheduler = ON").await;
        session.close().await;
        let step = format!("start the events of {}", self.stop.name);
        on.in_step(step).map(drop)
    }
}

impl Running<'_> {
    pub(super) async fn session(&self) -> Result<Session, WalkError> {
        let session = self.server.connect(None).await;
        let session = session.in_step(format!("log in to {}", self.stop.name));
        session.map_err(|error| error.in_container(&self.child.name))
    }

    /// Runs the setup of a suite, where the data already is.
    pub(super) fn set_up<'f>(
        &'f self,
        files: &'f [SetupFile],
    ) -> BoxFuture<'f, Result<(), StepError>> {
        async move {
            if files.is_empty() {
                return Ok(());
            }
            let provisioner = self.stop.provisioner();
            Ok(provisioner.run_setup(&self.child, files).await?)
        }
        .boxed()
    }

    /// Reads all of its content.
    pub(super) fn content(&self) -> BoxFuture<'_, Result<Content, WalkError>> {
        async move {
            self.stop.phase(Phase::Reading);
            let mut session = self.session().await?;
            let limit = self.stop.step_timeout;
            let content = timeout(limit, read_content(&mut session, ContentScope::Server));
            let content = match content.await {
                Ok(content) => content.map_err(StepError::from),
                Err(_) => Err(StepError::Timeout { limit }),
            };
            session.close().await;
            let content = content.in_step(format!("read the content of {}", self.stop.name));
            let mut content = content.map_err(|error| error.in_container(&self.child.name))?;
            if let Some(scheduler) = &self.scheduler {
                let settings = &mut content.settings;
                settings.insert(SCHEDULER.to_owned(), scheduler.clone());
            }
            Ok(content)
        }
        .boxed()
    }

    /// Shuts the server down so that nothing is left to do for a newer one: without a slow
    /// shutdown InnoDB leaves changes to be merged and undone (MySQL manual, "Upgrade Best
    /// Practices"; MariaDB manual, "Upgrading").
    pub(super) async fn shut_down(&self) -> Result<(), WalkError> {
        let step = || format!("shut {} down", self.stop.name);
        let mut session = self.session().await?;
        let asked = session.run("SET GLOBAL innodb_fast_shutdown = 0").await;
        session.close().await;
        if let Some(refusal) = asked.in_step(step())?.refusal() {
            tracing::info!(%refusal, "it shuts down as usual");
        }
        let stopped = stop_server(&self.child, &self.stop.managed.spec).await;
        let stopped = stopped.in_step(step());
        stopped.map_err(|error| error.in_container(&self.child.name))
    }
}

//! Copies of a golden child for one purpose: their container starts with or without their
//! server, and they take the data of another one.

use dbmatrix_containers::nest::{Child, Golden, UserLogin};
use dbmatrix_report::event::Phase;
use dbmatrix_sql::session::TlsPolicy;
use dbmatrix_sql::version::Identity;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::building::{Building, START_TIMEOUT, log_in_as_wanted};
use super::error::ProvisionError;
use super::provisioner::Provisioner;
use super::setup::run_files;
use crate::matrix::SetupFile;
use crate::server::{
    RoutedUser, Server, ServerError, access_of, grant_access, hold_back, release, start, started,
};

impl Provisioner<'_> {
    /// The golden child, which is created if necessary.
    ///
    /// # Errors
    /// [`ProvisionError`].
    pub fn ensure_golden(&self) -> BoxFuture<'_, Result<Golden, ProvisionError>> {
        async move { self.golden().await }.boxed()
    }

    /// A copy of the golden child under a name, which is not started. Clients in the copy
    /// itself may log in as root with the password of the routed user. It counts as
    /// incomplete, so that whatever interrupts its use leaves nothing.
    ///
    /// # Errors
    /// [`ProvisionError`].
    pub fn throwaway<'a>(
        &'a self,
        golden: &'a Golden,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Child, ProvisionError>> {
        async move {
            let (context, spec) = (self.context, &self.managed.spec);
            let user = context.user_of(&self.flavour.name, &spec.login);
            let access = access_of(spec, &user);
            let children = &context.children;
            let child = children
                .throwaway_of(golden, &self.flavour.name, name, &access)
                .await?;
            let local = RoutedUser {
                address: child.address,
                login: UserLogin {
                    user: UserLogin::USER.to_owned(),
                    password: user.login.password.clone(),
                    database: None,
                },
            };
            let identity = Identity {
                family: spec.family,
                version: spec.version,
                full: golden.version.clone(),
                comment: String::new(),
            };
            grant_access(&child, &identity, &[user, local]).await?;
            Ok(child)
        }
        .boxed()
    }

    /// Starts a copy with its server, and logs in.
    ///
    /// # Errors
    /// [`ProvisionError`].
    pub fn start_throwaway<'a>(
        &'a self,
        child: &'a Child,
    ) -> BoxFuture<'a, Result<Server, ProvisionError>> {
        async move {
            self.phase(Phase::Starting);
            self.context.children.start(child).await?;
            let login = self.log_in_to(child);
            Ok(started(child, &self.managed.spec, login).await?)
        }
        .boxed()
    }

    /// Starts the container of a copy without its server.
    ///
    /// # Errors
    /// [`ProvisionError`].
    pub fn start_held_back<'a>(
        &'a self,
        child: &'a Child,
    ) -> BoxFuture<'a, Result<(), ProvisionError>> {
        async move {
            hold_back(child, &self.managed.spec).await?;
            Ok(self.context.children.start(child).await?)
        }
        .boxed()
    }

    /// Starts the server of a copy whose container runs, and logs in.
    ///
    /// # Errors
    /// [`ProvisionError`]; a server that refuses its data says why in its log.
    pub fn start_server<'a>(
        &'a self,
        child: &'a Child,
    ) -> BoxFuture<'a, Result<Server, ProvisionError>> {
        async move {
            self.phase(Phase::Starting);
            let spec = &self.managed.spec;
            release(child, spec).await?;
            start(child, spec).await?;
            Ok(started(child, spec, self.log_in_to(child)).await?)
        }
        .boxed()
    }

    /// Runs files of statements on the server of a copy.
    ///
    /// # Errors
    /// [`ProvisionError`] with the first statement that fails.
    pub fn run_setup<'a>(
        &'a self,
        child: &'a Child,
        files: &'a [SetupFile],
    ) -> BoxFuture<'a, Result<(), ProvisionError>> {
        async move {
            let building = Building {
                context: self.context,
                flavour: &self.flavour.name,
                managed: self.managed,
                child,
                events: self.events,
                packages: String::new(),
                version: String::new(),
                tls: TlsPolicy::default(),
            };
            run_files(&building, files).await
        }
        .boxed()
    }

    async fn log_in_to(&self, child: &Child) -> Result<Server, ServerError> {
        log_in_as_wanted(self.context, child, self.managed, START_TIMEOUT).await
    }
}

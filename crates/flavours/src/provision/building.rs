//! A container that becomes a template.

use std::time::Duration;

use dbmatrix_containers::nest::Child;
use dbmatrix_report::event::{Phase, Sender};
use dbmatrix_sql::session::TlsPolicy;

use super::NestContext;
use super::error::ProvisionError;
use crate::matrix::Managed;
use crate::server::{Login, Server, ServerError, check_identity, log_in, start};

/// How long a starting server may take until it accepts logins.
pub(super) const START_TIMEOUT: Duration = Duration::from_secs(120);

/// A container in which steps are applied, and what they found out.
pub(super) struct Building<'a> {
    pub(super) context: &'a NestContext,
    pub(super) flavour: &'a str,
    pub(super) managed: &'a Managed,
    pub(super) child: &'a Child,
    pub(super) events: &'a Sender,
    /// The packages that the installation added, one a line.
    pub(super) packages: String,
    /// The version that the server reports.
    pub(super) version: String,
    /// How connections to it are protected.
    pub(super) tls: TlsPolicy,
}

impl Building<'_> {
    pub(super) fn phase(&self, phase: Phase) {
        self.events.phase(self.flavour, phase);
    }

    /// Starts the server and logs in.
    pub(super) async fn start(&self) -> Result<Server, ProvisionError> {
        self.phase(Phase::Starting);
        start(self.child, &self.managed.spec).await?;
        self.phase(Phase::LoggingIn);
        let login = log_in_as_wanted(self.context, self.child, self.managed, START_TIMEOUT);
        Ok(login.await?)
    }
}

/// Logs in to a child's server, which must be the requested one.
pub(super) async fn log_in_as_wanted(
    context: &NestContext,
    child: &Child,
    managed: &Managed,
    timeout: Duration,
) -> Result<Server, ServerError> {
    let login = Login {
        child,
        nest: &context.nest,
        limit: timeout,
    };
    let server = log_in(&login).await?;
    check_identity(&server, &managed.spec)?;
    Ok(server)
}

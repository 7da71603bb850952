//! The provider of servers that dbmatrix makes in the children of a nest.

use dbmatrix_flavours::matrix::{Flavour, Managed};
use dbmatrix_flavours::provision::{Provisioner, StartFrom};
use dbmatrix_report::event::Sender;

use super::database::drop_leftovers;
use super::deployment::{Provided, Provider, Site};
use super::environment::Environment;

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
        let context = &self.environment.context;
        let provisioner = Provisioner::new(context, flavour, wanted, &self.events);
        let (server, facts) = provisioner
            .bring_up(self.start_from)
            .await
            .map_err(|error| error.to_string())?;
        if self.start_from == StartFrom::Existing {
            drop_leftovers(&server)
                .await
                .map_err(|error| format!("could not drop databases of an earlier run: {error}"))?;
        }
        Ok(Provided {
            server,
            facts,
            site: Some(Site::new(&self.environment, flavour, wanted)),
        })
    }
}

//! The provider of servers that dbmatrix makes in the children of a nest.

use dbmatrix_flavours::matrix::{Flavour, Managed};
use dbmatrix_flavours::provision::{Provisioner, StartFrom};
use dbmatrix_flavours::server::Server;
use dbmatrix_report::event::{Sender, ServerFacts};

use super::database::drop_leftovers;
use super::deployment::{Provided, Provider, Site};
use super::environment::Environment;
use super::topology;

/// Makes servers in the children of a nest.
#[derive(Clone)]
pub(super) struct NestProvider {
    pub(super) environment: Environment,
    pub(super) start_from: StartFrom,
    pub(super) events: Sender,
}

impl NestProvider {
    /// Brings one server up; an error says why it is not available.
    pub(super) async fn bring_up(
        &self,
        flavour: &Flavour,
        managed: &Managed,
        start_from: StartFrom,
    ) -> Result<(Server, ServerFacts), String> {
        let context = &self.environment.context;
        let provisioner = Provisioner::new(context, flavour, managed, &self.events);
        let brought_up = provisioner.bring_up(start_from).await;
        brought_up.map_err(|error| error.to_string())
    }
}

impl Provider for NestProvider {
    type Wanted = Managed;

    async fn provide(&self, flavour: &Flavour, wanted: &Managed) -> Result<Provided, String> {
        let (server, facts, replicas) = match &flavour.replication {
            None => {
                let (server, facts) = self.bring_up(flavour, wanted, self.start_from).await?;
                (server, facts, None)
            }
            Some(replication) => {
                let brought_up = topology::bring_up(self, flavour, wanted, replication).await;
                let (facts, replicas) = brought_up?;
                (replicas.current_source().clone(), facts, Some(replicas))
            }
        };
        if self.start_from == StartFrom::Existing {
            drop_leftovers(&server)
                .await
                .map_err(|error| format!("could not drop databases of an earlier run: {error}"))?;
        }
        Ok(Provided {
            server,
            facts,
            site: Some(Site::new(&self.environment, flavour, wanted)),
            replicas,
        })
    }
}

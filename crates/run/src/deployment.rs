//! A flavour's servers as a run sees them, and their providers.

use std::sync::Arc;
use std::time::Instant;

use dbmatrix_flavours::matrix::{Flavour, Source};
use dbmatrix_flavours::provision::StartFrom;
use dbmatrix_flavours::server::Server;
use dbmatrix_report::event::{Event, Sender, ServerFacts};
use dbmatrix_sql::session::Connect;

use super::current_replicas::CurrentReplicas;
use super::environment::Environment;
use super::external::ExternalProvider;
use super::flavour_facts::FlavourFacts;
use super::managed::NestProvider;
use super::replicas::Replicas;
pub(super) use super::supply::{Lease, Only, Servers, Site, Supply};

/// A flavour whose servers are up.
pub(super) struct Deployment {
    /// The facts for conditions, and what dbmatrix may do.
    pub(super) facts: FlavourFacts,
    pub(super) servers: Arc<Servers>,
    /// Present if dbmatrix made the server, so that it can be copied and its files read.
    /// External servers have none.
    pub(super) site: Option<Site>,
    /// The servers that follow it, if the flavour has any.
    pub(super) replicas: Option<Arc<CurrentReplicas>>,
}

/// Brings a flavour's server up. What a run does with it afterwards depends on the
/// deployment alone.
pub(super) trait Provider {
    /// The part of a flavour's definition that the provider needs.
    type Wanted;

    /// Brings the server up. A human-readable error says why it is not available.
    fn provide(
        &self,
        flavour: &Flavour,
        wanted: &Self::Wanted,
    ) -> impl Future<Output = Result<Provided, String>> + Send;
}

/// A server that is up.
pub(super) struct Provided {
    pub(super) server: Server,
    /// Its description in reports.
    pub(super) facts: ServerFacts,
    /// `None` for an external server.
    pub(super) site: Option<Site>,
    pub(super) replicas: Option<Replicas>,
}

/// The providers of a run.
#[derive(Clone)]
pub(super) struct Providers {
    nest: Option<NestProvider>,
    external: ExternalProvider,
    begun: Instant,
    events: Sender,
}

impl Providers {
    /// The providers of a run that begins now. Flavours whose servers dbmatrix makes need
    /// the environment.
    pub(super) fn new(
        environment: Option<&Environment>,
        start_from: StartFrom,
        events: &Sender,
    ) -> Self {
        let nest = environment.map(|environment| NestProvider {
            environment: environment.clone(),
            start_from,
            events: events.clone(),
        });
        Providers {
            nest,
            external: ExternalProvider {
                events: events.clone(),
            },
            begun: Instant::now(),
            events: events.clone(),
        }
    }

    /// Provides a flavour and reports the result; `None` if it is not available.
    pub(super) async fn provide(&self, flavour: &Flavour) -> Option<Deployment> {
        let provided = match (&flavour.source, &self.nest) {
            (Source::External(wanted), _) => self.external.provide(flavour, wanted).await,
            (Source::Managed(wanted), Some(nest)) => nest.provide(flavour, wanted).await,
            (Source::Managed(_), None) => Err("there is no nest for it".to_owned()),
        };
        match provided {
            Ok(provided) => {
                self.events.send(Event::FlavourReady {
                    flavour: flavour.name.clone(),
                    server: provided.facts.clone(),
                    address: provided.server.address().to_string(),
                    took: self.begun.elapsed(),
                });
                Some(self.deployment(flavour, provided))
            }
            Err(reason) => {
                self.events.send(Event::FlavourUnavailable {
                    flavour: flavour.name.clone(),
                    required: flavour.required,
                    reason,
                });
                None
            }
        }
    }

    fn deployment(&self, flavour: &Flavour, provided: Provided) -> Deployment {
        let Provided {
            server,
            site,
            replicas,
            ..
        } = provided;
        let facts = FlavourFacts::of(&flavour.name, &server.identity)
            .with_tenancy(server.tenancy(), &server.defaults.sql_mode);
        // Replicas follow this server, and no copy of it.
        let copied = site.clone().filter(|_| replicas.is_none());
        let servers = Arc::new(Servers::new(server, copied, &self.events));
        let replicas = self.nest.as_ref().zip(replicas);
        let replicas = replicas.map(|(nest, replicas)| {
            Arc::new(CurrentReplicas::new(nest, flavour, &servers, replicas))
        });
        Deployment {
            facts,
            servers,
            site,
            replicas,
        }
    }
}

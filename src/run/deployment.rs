//! A flavour's servers as a run sees them, and who provides them.

use std::sync::Arc;
use std::time::Instant;

use super::environment::Environment;
use super::external::ExternalProvider;
use super::flavour_facts::FlavourFacts;
use super::managed::NestProvider;
pub(super) use super::supply::{Lease, Only, Servers, Site, Supply};
use crate::event::{Event, Sender, ServerFacts};
use crate::matrix::{Flavour, Source};
use crate::provision::StartFrom;
use crate::server::Server;
use crate::session::Connect;

/// A flavour whose servers answer.
pub(super) struct Deployment {
    /// What conditions are asked of, and what dbmatrix may do.
    pub(super) facts: FlavourFacts,
    pub(super) servers: Arc<Servers>,
    /// Where dbmatrix made the server: copies and files of it are to be had there. A
    /// server that somebody else keeps has none.
    pub(super) site: Option<Site>,
}

/// Somebody who makes a flavour's server answer. What a run does with it afterwards
/// depends on the deployment alone.
pub(super) trait Provider {
    /// The part of a flavour that says what is wanted.
    type Wanted;

    /// Brings the server up. An error says why it is not available, for people.
    fn provide(
        &self,
        flavour: &Flavour,
        wanted: &Self::Wanted,
    ) -> impl Future<Output = Result<Provided, String>> + Send;
}

/// A server that answers.
pub(super) struct Provided {
    pub(super) server: Server,
    /// What reports say of it.
    pub(super) facts: ServerFacts,
    /// None of a server that somebody else keeps.
    pub(super) site: Option<Site>,
}

/// All who provide servers in a run.
#[derive(Clone)]
pub(super) struct Providers {
    nest: Option<NestProvider>,
    external: ExternalProvider,
    begun: Instant,
    events: Sender,
}

impl Providers {
    /// Those of a run that begins now. Flavours whose servers dbmatrix makes need the
    /// environment.
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

    /// Provides a flavour and reports how that went; `None` where it is not available.
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
        let Provided { server, site, .. } = provided;
        let facts = FlavourFacts::of(&flavour.name, &server.identity)
            .on(server.tenancy(), &server.defaults.sql_mode);
        Deployment {
            facts,
            servers: Arc::new(Servers::new(server, site.clone(), &self.events)),
            site,
        }
    }
}

//! What the nest without a matrix has already.

use dbmatrix_containers::host::{EngineProbe, Names};
use dbmatrix_containers::name::flavour_of_replica;
use dbmatrix_containers::nest::{ContainerState, Located, locate_all};
use dbmatrix_flavours::matrix::Flavour;

use super::NEST;
use crate::app::{Failure, Globals};

/// Complete servers of flavours.
pub(super) struct Existing(Vec<Located>);

impl Existing {
    /// Asks the engines of the host and of the nest, which is started if it is there.
    pub(super) async fn find(
        found: &EngineProbe,
        has_nest: bool,
        global: &Globals,
    ) -> Result<Self, Failure> {
        match found {
            EngineProbe::Running(engine) if has_nest => {
                let names = Names::of(&global.project);
                let all = locate_all(engine, &names, Some(NEST)).await;
                all.map(Existing).map_err(Failure::not_provided)
            }
            _ => Ok(Existing(Vec::new())),
        }
    }

    fn server(&self, name: &str) -> Option<&Located> {
        self.0.iter().find(|one| one.flavour == name)
    }

    fn has_replicas(&self, flavour: &str) -> bool {
        let mut names = self.0.iter().map(|one| flavour_of_replica(&one.flavour));
        names.any(|source| source == Some(flavour))
    }

    /// Whether a flavour is there with all replicas that are wanted, which run. One without
    /// is there whatever its replicas.
    pub(super) fn has(&self, flavour: &Flavour) -> bool {
        if self.server(&flavour.name).is_none() {
            return false;
        }
        let Some(replication) = &flavour.replication else {
            return true;
        };
        let mut replicas = replication.replicas.iter();
        let is_up = |wanted: &Flavour| {
            let found = self.server(&wanted.name);
            found.is_some_and(|found| is_running(found) && is_server(found, wanted))
        };
        let source = self.server(&flavour.name);
        source.is_some_and(is_running) && replicas.all(is_up)
    }

    /// Fails if a flavour cannot get the replicas that are wanted without losing data.
    pub(super) fn check(&self, flavour: &Flavour) -> Result<(), Failure> {
        let name = &flavour.name;
        let Some(replication) = &flavour.replication else {
            return Ok(());
        };
        if self.server(name).is_some() && !self.has_replicas(name) {
            return Err(Failure::misused(format!(
                "`{name}` is there without replicas, and a server becomes a source when it is made; \
                 `dbmatrix down --nest {NEST}` removes it, and all that is in that nest"
            )));
        }
        for wanted in &replication.replicas {
            if let Some(found) = self
                .server(&wanted.name)
                .filter(|found| !is_server(found, wanted))
            {
                return Err(Failure::misused(format!(
                    "`{}` is there as a `{}`; name that, or let `dbmatrix down --nest {NEST}` remove it, and all that is in that nest",
                    wanted.name,
                    found.server()
                )));
            }
        }
        Ok(())
    }
}

fn is_running(found: &Located) -> bool {
    found.state() == ContainerState::Running
}

fn is_server(found: &Located, wanted: &Flavour) -> bool {
    let wanted = wanted.managed();
    wanted.is_some_and(|wanted| wanted.server == found.server())
}

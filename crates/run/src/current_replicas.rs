//! The replicas of a flavour, made anew after a file that has promoted one: each file finds
//! them as the matrix says.

use std::sync::Arc;

use dbmatrix_flavours::matrix::Flavour;
use dbmatrix_flavours::provision::StartFrom;
use tokio::sync::Mutex;

use super::managed::NestProvider;
use super::replicas::Replicas;
use super::supply::Servers;
use super::topology;

/// A flavour's replicas at this moment.
pub(super) struct CurrentReplicas {
    provider: NestProvider,
    flavour: Flavour,
    /// The servers of the flavour, among which its source is.
    servers: Arc<Servers>,
    current: Mutex<Arc<Replicas>>,
}

impl CurrentReplicas {
    /// The replicas of a flavour that is up.
    pub(super) fn new(
        provider: &NestProvider,
        flavour: &Flavour,
        servers: &Arc<Servers>,
        replicas: Replicas,
    ) -> Self {
        CurrentReplicas {
            provider: NestProvider {
                start_from: StartFrom::Template,
                ..provider.clone()
            },
            flavour: flavour.clone(),
            servers: Arc::clone(servers),
            current: Mutex::new(Arc::new(replicas)),
        }
    }

    /// The replicas, all of which follow the flavour's own server. Nothing may run on it
    /// meanwhile. An error says why they are not there again.
    pub(super) async fn ready(&self) -> Result<Arc<Replicas>, String> {
        let mut current = self.current.lock().await;
        if current.parts.is_changed() {
            let renewed = self.renew().await;
            let renewed = renewed.map_err(|reason| {
                format!("the servers could not begin anew after a promotion: {reason}")
            })?;
            self.servers.replace(renewed.source.clone()).await;
            *current = Arc::new(renewed);
        }
        Ok(Arc::clone(&current))
    }

    async fn renew(&self) -> Result<Replicas, String> {
        let (Some(managed), Some(replication)) =
            (self.flavour.managed(), &self.flavour.replication)
        else {
            return Err("the flavour has no replicas".to_owned());
        };
        let (provider, flavour) = (&self.provider, &self.flavour);
        let (_, replicas) = topology::bring_up(provider, flavour, managed, replication).await?;
        Ok(replicas)
    }
}

//! Servers that become members of a Galera cluster.

use dbmatrix_containers::nest::Child;
use dbmatrix_flavours::matrix::Flavour;
use dbmatrix_flavours::server::{Cluster, ClusterMember};
use futures_util::future::{join_all, try_join_all};

use super::{Gathering, title};

impl Gathering<'_> {
    /// Makes all servers members of a cluster; returns why that did not come about.
    pub(super) async fn form_cluster(&self) -> Vec<String> {
        match self.try_to_form_cluster().await {
            Ok(()) => self.await_all().await,
            Err(reasons) => reasons,
        }
    }

    async fn try_to_form_cluster(&self) -> Result<(), Vec<String>> {
        let children = try_join_all(self.servers().map(|(flavour, _)| self.child(flavour)));
        let children = children.await.map_err(|reason| vec![reason])?;
        let members = self.servers().zip(&children);
        let members = members.filter_map(|((flavour, server), child)| {
            Some(ClusterMember {
                server,
                spec: &flavour.managed()?.spec,
                child,
            })
        });
        let cluster = Cluster {
            name: self.flavour.name.clone(),
            members: members.collect(),
        };
        let begun = cluster.begin().await;
        let begun = begun.map_err(|error| vec![format!("the cluster does not begin: {error}")])?;
        self.note_beginner(begun);
        let joining = self.replication.replicas.iter().zip(1..);
        let joining = joining.map(|(replica, at)| {
            let joining = cluster.join(at);
            async move {
                let reason = joining.await.err()?;
                Some(format!(
                    "{} does not join the cluster: {reason}",
                    title(replica)
                ))
            }
        });
        let failed: Vec<String> = join_all(joining).await.into_iter().flatten().collect();
        match failed.is_empty() {
            true => Ok(()),
            false => Err(failed),
        }
    }

    async fn child(&self, flavour: &Flavour) -> Result<Child, String> {
        let children = &self.provider.environment.context.children;
        let child = children.active(&flavour.container()).await;
        child.map_err(|error| error.to_string())
    }
}

//! Servers that become members of a group: MySQL's group replication.

use std::time::Duration;

use dbmatrix_flavours::server::{Group, GroupMember, ReplicaError, join_group};
use futures_util::future::join_all;
use tokio::time::timeout;

use super::{Gathering, LIMIT, address, title};

/// A lock of somebody's session, or a group without a majority, may be in the way.
const PATIENCE: Duration = LIMIT.saturating_mul(2);

impl Gathering<'_> {
    /// Makes the source the primary of a group in which all replicas are; returns why that
    /// did not come about.
    pub(super) async fn form_group(&self) -> Vec<String> {
        match self.try_to_form_group().await {
            Ok(()) => self.await_all().await,
            Err(reasons) => reasons,
        }
    }

    async fn try_to_form_group(&self) -> Result<(), Vec<String>> {
        let context = &self.provider.environment.context;
        let mut members = Vec::new();
        for (flavour, server) in self.servers() {
            let address = address(self.provider, flavour).await;
            let address = address.map_err(|reason| vec![reason])?;
            members.push(GroupMember { server, address });
        }
        let group = Group {
            name: context.group_name(&self.flavour.name),
            members,
            password: &context.replication_password(&self.flavour.name),
        };
        let of_group = |error: ReplicaError| vec![format!("the group does not begin: {error}")];
        let begun = timeout(PATIENCE, group.begin()).await;
        let begun = begun.unwrap_or(Err(ReplicaError::Silent { limit: PATIENCE }));
        self.note_beginner(begun.map_err(of_group)?);
        let joining = self.replicas.all.iter().zip(&self.replication.replicas);
        let joining = joining.map(async |(server, replica)| {
            let reason = join_group(server).await.err()?;
            Some(format!(
                "{} does not join the group: {reason}",
                title(replica)
            ))
        });
        let failed: Vec<String> = join_all(joining).await.into_iter().flatten().collect();
        if !failed.is_empty() {
            return Err(failed);
        }
        let led = timeout(PATIENCE, group.lead()).await;
        led.unwrap_or(Err(ReplicaError::Silent { limit: PATIENCE }))
            .map_err(|error| vec![format!("the source does not become the primary: {error}")])
    }
}

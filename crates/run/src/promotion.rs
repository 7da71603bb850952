//! The members of a flavour with replicas when one of those was promoted: who is the source,
//! and who still follows.
//!
//! Names stay as they are: `replica-1` is `replica-1` as a source too.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dbmatrix_containers::name::REPLICA;
use dbmatrix_containers::nest::{Children, MemberRole};
use dbmatrix_flavours::server::{
    Former, LeftOut, Peer, Promoted, Promotion, ReplicaError, Server, Topology,
};

use super::replicas::Replicas;

/// The flavour's own server among the members.
pub(super) const OWN: usize = 0;

/// What a member has for a promotion.
#[derive(Debug, Clone)]
pub(super) struct MemberSite {
    /// Its container.
    pub(super) container: String,
    /// Its address inside the nest.
    pub(super) address: Ipv4Addr,
}

/// Which member is the source, and which follow nobody.
#[derive(Debug, Default)]
pub(super) struct Parts(Mutex<Assigned>);

#[derive(Debug, Default)]
struct Assigned {
    /// 0 is the flavour's own server, other numbers are replicas.
    source: usize,
    /// Why a member does not follow.
    detached: BTreeMap<usize, String>,
    /// Whether a promotion has begun, so that nothing is as the matrix says.
    is_changed: bool,
}

impl Parts {
    /// Parts that an earlier promotion has given.
    pub(super) fn new(source: usize, detached: BTreeMap<usize, String>) -> Self {
        Parts(Mutex::new(Assigned {
            source,
            detached,
            is_changed: source != OWN,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Assigned> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The source: 0 for the flavour's own server, or the number of a replica.
    pub(super) fn source(&self) -> usize {
        self.lock().source
    }

    /// Why a member follows nobody, if it does not.
    pub(super) fn detached(&self, member: usize) -> Option<String> {
        self.lock().detached.get(&member).cloned()
    }

    /// Whether a promotion has begun.
    pub(super) fn is_changed(&self) -> bool {
        self.lock().is_changed
    }
}

/// The parts that containers remember of an earlier promotion.
pub(super) async fn noted_parts(
    children: &Children,
    sites: &[MemberSite],
) -> Result<Parts, String> {
    let mut roles = Vec::new();
    for site in sites {
        let role = children.role_of(&site.container).await;
        roles.push(role.map_err(|error| error.to_string())?);
    }
    parts_of(&roles)
}

fn parts_of(roles: &[Option<MemberRole>]) -> Result<Parts, String> {
    let of_role = |wanted: MemberRole| {
        let numbered = roles.iter().enumerate();
        let found = numbered.filter(move |(_, role)| **role == Some(wanted));
        found.map(|(member, _)| member)
    };
    match of_role(MemberRole::Source).next() {
        Some(source) => {
            let why = |member| (member, "it follows nobody since a promotion".to_owned());
            Ok(Parts::new(source, of_role(MemberRole::Detached).map(why).collect()))
        }
        None if roles.iter().all(Option::is_none) => Ok(Parts::default()),
        None => Err(
            "a replica was promoted, and is not there any more as it was; `dbmatrix run` begins anew"
                .to_owned(),
        ),
    }
}

/// A member for messages.
pub(super) fn member_name(member: usize) -> String {
    match member {
        OWN => "the former source".to_owned(),
        number => format!("{REPLICA}{number}"),
    }
}

impl Replicas {
    /// A member by its number.
    pub(super) fn member(&self, member: usize) -> &Server {
        match member.checked_sub(1) {
            None => &self.source,
            Some(at) => &self.all[at],
        }
    }

    /// The server to which the members' statements go.
    pub(super) fn current_source(&self) -> &Server {
        self.member(self.parts.source())
    }

    /// The replica that was promoted, if it is the source.
    pub(super) fn promoted(&self) -> Option<&Server> {
        match self.parts.source() {
            OWN => None,
            number => Some(self.member(number)),
        }
    }

    /// The numbers of all members that follow the source.
    pub(super) fn followers(&self) -> impl Iterator<Item = usize> {
        let assigned = self.parts.lock();
        let follows =
            |member: &usize| *member != assigned.source && !assigned.detached.contains_key(member);
        let all: Vec<usize> = (OWN..=self.all.len()).filter(follows).collect();
        all.into_iter()
    }

    /// Makes a replica the source. An error says why that was not possible.
    pub(super) async fn promote(&self, number: usize, limit: Duration) -> Result<(), String> {
        if let Some(why) = self.parts.detached(number) {
            return Err(why);
        }
        if let Topology::Group | Topology::Galera = self.topology {
            return Err(ReplicaError::NoPromotion(self.topology).to_string());
        }
        let former = self.parts.source();
        let others: Vec<usize> = self
            .followers()
            .filter(|member| *member != number)
            .collect();
        self.parts.lock().is_changed = true;
        let names: Vec<String> = (OWN..self.sites.len()).map(member_name).collect();
        let peer = |member: usize| Peer {
            name: &names[member],
            server: self.member(member),
            address: self.sites[member].address,
            container: &self.sites[member].container,
        };
        let others: Vec<Peer<'_>> = others.into_iter().map(peer).collect();
        let promotion = Promotion {
            chosen: peer(number),
            former: Former::Follows(peer(former)),
            others: &others,
            password: &self.password,
            limit,
            engine: Some(self.children.engine()),
        };
        let promoted = promotion.run().await.map_err(|error| error.to_string())?;
        self.assign(number, &names, &promoted);
        let mut failed = promoted.left_out.iter().filter(|left| left.is_supported);
        match failed.next() {
            Some(LeftOut { name, why, .. }) => Err(format!("{name} does not follow it: {why}")),
            None => Ok(()),
        }
    }

    fn assign(&self, source: usize, names: &[String], promoted: &Promoted) {
        let mut assigned = self.parts.lock();
        assigned.source = source;
        for LeftOut { name, why, .. } in &promoted.left_out {
            if let Some(member) = names.iter().position(|other| other == name) {
                let why = format!("it does not follow {}: {why}", names[source]);
                assigned.detached.insert(member, why);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_remember_who_is_the_source() {
        let (source, replica) = (Some(MemberRole::Source), Some(MemberRole::Replica));
        let parts = parts_of(&[Some(MemberRole::Detached), source, replica]).expect("parts");
        assert_eq!(parts.source(), 1);
        assert!(parts.detached(OWN).is_some() && parts.detached(2).is_none());
        assert_eq!(parts_of(&[None, None]).expect("parts").source(), OWN);
        let told = parts_of(&[replica, None]).expect_err("no source");
        assert!(told.contains("`dbmatrix run` begins anew"), "{told}");
    }

    #[test]
    fn without_a_promotion_the_flavours_own_server_is_the_source() {
        let parts = Parts::default();
        assert_eq!(parts.source(), OWN);
        assert!(!parts.is_changed());
        let detached = BTreeMap::from([(OWN, "it is older".to_owned())]);
        let parts = Parts::new(2, detached);
        assert_eq!(parts.source(), 2);
        assert!(parts.is_changed());
        assert_eq!(parts.detached(OWN).as_deref(), Some("it is older"));
        assert_eq!(parts.detached(1), None);
    }
}

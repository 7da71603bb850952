//! The kernel's routing tables, over rtnetlink.

use std::net::{IpAddr, Ipv4Addr};

use dbmatrix_engine::privilege::{Request, ask_helper, has_helper, is_root};
use futures_util::TryStreamExt;
use ipnet::Ipv4Net;
use rtnetlink::packet_route::address::AddressAttribute;
use rtnetlink::packet_route::link::LinkAttribute;
use rtnetlink::packet_route::route::{RouteAddress, RouteAttribute, RouteMessage};
use rtnetlink::{Handle, RouteMessageBuilder};
use rustix::io::Errno;

use super::answer::{ForeignNetwork, RouteLookup};
use super::entry::{Entry, Hop};
use super::reconcile::{Change, plan_changes, removals};
use super::subnet::WIDEST;
use super::{RouteError, sudo};

/// How often routes are set again while other programs change them.
const ROUNDS: usize = 3;

/// A connection to the kernel's routing.
#[derive(Debug, Clone)]
pub struct Routes {
    handle: Handle,
}

impl Routes {
    /// Opens the connection; must be called within a tokio runtime.
    ///
    /// # Errors
    /// If the kernel provides no socket.
    pub fn open() -> Result<Self, RouteError> {
        let (connection, handle, _) =
            rtnetlink::new_connection().map_err(|error| RouteError::Netlink {
                what: "open a netlink socket".to_owned(),
                reason: error.to_string(),
            })?;
        tokio::spawn(connection);
        Ok(Routes { handle })
    }

    /// All networks in the routes of any table and in the addresses of interfaces,
    /// including the default route (`0.0.0.0/0`).
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub async fn taken(&self) -> Result<Vec<Ipv4Net>, RouteError> {
        let routes = self.entries().await?;
        let mut nets: Vec<Ipv4Net> = routes.into_iter().map(|entry| entry.subnet).collect();
        let addresses = self.handle.address().get().execute();
        let messages: Vec<_> = addresses
            .try_collect()
            .await
            .map_err(|error| failed("list the addresses", &error))?;
        for message in messages {
            let prefix = message.header.prefix_len;
            nets.extend(message.attributes.iter().filter_map(|attribute| {
                let AddressAttribute::Address(IpAddr::V4(address)) = attribute else {
                    return None;
                };
                Ipv4Net::new(*address, prefix).ok().map(|net| net.trunc())
            }));
        }
        nets.sort_unstable();
        nets.dedup();
        Ok(nets)
    }

    /// The destinations of dbmatrix's routes, for cleanup.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub async fn own_subnets(&self) -> Result<Vec<Ipv4Net>, RouteError> {
        let routes = self.entries().await?;
        let ours = routes.into_iter().filter(Entry::is_ours);
        let mut nets: Vec<Ipv4Net> = ours.map(|entry| entry.subnet).collect();
        nets.sort_unstable();
        nets.dedup();
        Ok(nets)
    }

    /// Ensures the route to `subnet` through the nest at `via`, and before it the
    /// `unreachable` fallback. Replaces dbmatrix's own routes with another gateway. Needs
    /// no privilege if nothing changes; otherwise an unprivileged user needs sudo without
    /// a password.
    ///
    /// # Errors
    /// [`RouteError::NotPermitted`] with the commands to run;
    /// [`RouteError::Foreign`] if another program's route leads there;
    /// [`RouteError::NoInterface`] if `interface` does not exist.
    pub async fn ensure(
        &self,
        subnet: Ipv4Net,
        via: Ipv4Addr,
        interface: &str,
    ) -> Result<(), RouteError> {
        let real = Entry::real(subnet, via, self.index(interface).await?);
        for _ in 0..ROUNDS {
            let needed = plan_changes(&self.entries().await?, &real);
            let needed = match needed {
                Ok(needed) if needed.is_empty() => return Ok(()),
                Ok(needed) => needed,
                Err(foreign) => return Err(self.foreign(&foreign).await),
            };
            match self.apply_changes(subnet, &needed, interface).await {
                Ok(()) => {}
                // sudo also fails on a change that another program made in the meantime.
                Err(RouteError::NotPermitted { .. })
                    if plan_changes(&self.entries().await?, &real)
                        .is_ok_and(|now| now != needed) => {}
                Err(error) => return Err(error),
            }
        }
        Err(RouteError::Unsettled { subnet })
    }

    /// Whether [`Routes::ensure`] would change nothing.
    ///
    /// # Errors
    /// As of [`Routes::ensure`], except for missing privileges.
    pub async fn is_set(
        &self,
        subnet: Ipv4Net,
        via: Ipv4Addr,
        interface: &str,
    ) -> Result<bool, RouteError> {
        let real = Entry::real(subnet, via, self.index(interface).await?);
        match plan_changes(&self.entries().await?, &real) {
            Ok(needed) => Ok(needed.is_empty()),
            Err(foreign) => Err(self.foreign(&foreign).await),
        }
    }

    /// The destinations of other programs' routes in the main table, without default
    /// routes.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub async fn others(&self) -> Result<Vec<ForeignNetwork>, RouteError> {
        let mut others = Vec::new();
        for entry in self.entries().await? {
            let is_network = entry.is_in_main_table() && entry.subnet.prefix_len() >= WIDEST;
            if entry.is_ours() || !is_network {
                continue;
            }
            let interface = match entry.hop {
                Hop::Sent {
                    interface: Some(index),
                    ..
                } => self.name(index).await.ok(),
                _ => None,
            };
            others.push(ForeignNetwork {
                subnet: entry.subnet,
                route: entry.to_words(interface.as_deref()),
                interface,
            });
        }
        Ok(others)
    }

    /// Removes dbmatrix's routes to `subnet`, which may be absent.
    ///
    /// # Errors
    /// [`RouteError::NotPermitted`] with the commands to run.
    pub async fn remove(&self, subnet: Ipv4Net) -> Result<(), RouteError> {
        let needed = removals(&self.entries().await?, subnet);
        if !needed.is_empty() && !is_root() && has_helper() {
            let (network, prefix) = (subnet.network(), subnet.prefix_len());
            ask_helper(Request::RemoveRoute { network, prefix }).await?;
            return Ok(());
        }
        self.apply_changes(subnet, &needed, "").await
    }

    /// Asks the kernel for the route of a packet to `address`; `None` if there is none.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub async fn lookup(&self, address: Ipv4Addr) -> Result<Option<RouteLookup>, RouteError> {
        let question = RouteMessageBuilder::<Ipv4Addr>::new()
            .destination_prefix(address, 32)
            .build();
        let answer = self.handle.route().get(question).execute();
        match std::pin::pin!(answer).try_next().await {
            Ok(Some(message)) => self.read_lookup(&message).await,
            Ok(None) => Ok(None),
            Err(error) if leads_nowhere(code(&error)) => Ok(None),
            Err(error) => Err(failed(&format!("ask for the way to {address}"), &error)),
        }
    }

    async fn entries(&self) -> Result<Vec<Entry>, RouteError> {
        let all = self
            .handle
            .route()
            .get(RouteMessageBuilder::<Ipv4Addr>::new().build());
        let messages: Vec<RouteMessage> = all
            .execute()
            .try_collect()
            .await
            .map_err(|error| failed("list the routes", &error))?;
        Ok(messages.iter().map(Entry::read).collect())
    }

    /// Applies the changes. A change that another program already made (the route exists,
    /// or is gone) is not an error: the next check finds out.
    async fn apply_changes(
        &self,
        subnet: Ipv4Net,
        needed: &[Change],
        interface: &str,
    ) -> Result<(), RouteError> {
        for (at, change) in needed.iter().enumerate() {
            let routes = self.handle.route();
            let (what, done) = match change {
                Change::Add(entry) => ("add", routes.add(entry.message()).execute().await),
                Change::Remove(entry) => ("remove", routes.del(entry.message()).execute().await),
            };
            let Err(error) = done else { continue };
            match code(&error) {
                Some(Errno::EXIST | Errno::SRCH) => {}
                Some(Errno::PERM) => {
                    let rest = needed[at..].iter();
                    let commands: Vec<String> =
                        rest.map(|change| change.to_command(interface)).collect();
                    return match sudo::run_commands(&commands).await {
                        true => Ok(()),
                        false => Err(RouteError::NotPermitted { subnet, commands }),
                    };
                }
                _ => return Err(failed(&format!("{what} the route to `{subnet}`"), &error)),
            }
        }
        Ok(())
    }

    async fn foreign(&self, entry: &Entry) -> RouteError {
        let name = match entry.hop {
            Hop::Sent {
                interface: Some(index),
                ..
            } => self.name(index).await.ok(),
            _ => None,
        };
        RouteError::Foreign {
            subnet: entry.subnet,
            found: entry.to_words(name.as_deref()),
        }
    }

    async fn read_lookup(&self, message: &RouteMessage) -> Result<Option<RouteLookup>, RouteError> {
        let mut lookup = RouteLookup {
            interface: "none".to_owned(),
            gateway: None,
            source: None,
        };
        for attribute in &message.attributes {
            match attribute {
                RouteAttribute::Oif(index) => lookup.interface = self.name(*index).await?,
                RouteAttribute::Gateway(RouteAddress::Inet(address)) => {
                    lookup.gateway = Some(*address);
                }
                RouteAttribute::PrefSource(RouteAddress::Inet(address)) => {
                    lookup.source = Some(*address);
                }
                _ => {}
            }
        }
        let is_refused = Entry::read(message).hop == Hop::Refused;
        Ok((!is_refused).then_some(lookup))
    }

    async fn index(&self, name: &str) -> Result<u32, RouteError> {
        let links = self.handle.link().get().match_name(name).execute();
        match std::pin::pin!(links).try_next().await {
            Ok(Some(link)) => Ok(link.header.index),
            Err(error) if code(&error) != Some(Errno::NODEV) => {
                Err(failed(&format!("look at interface `{name}`"), &error))
            }
            Ok(None) | Err(_) => Err(RouteError::NoInterface {
                name: name.to_owned(),
            }),
        }
    }

    async fn name(&self, index: u32) -> Result<String, RouteError> {
        let links = self.handle.link().get().match_index(index).execute();
        let link = std::pin::pin!(links)
            .try_next()
            .await
            .map_err(|error| failed(&format!("look at interface {index}"), &error))?;
        let attributes = link.map(|link| link.attributes).unwrap_or_default();
        let name = attributes
            .into_iter()
            .find_map(|attribute| match attribute {
                LinkAttribute::IfName(name) => Some(name),
                _ => None,
            });
        Ok(name.unwrap_or_else(|| format!("interface {index}")))
    }
}

/// Whether this is the kernel's answer for an address without a route, or with one that
/// is `unreachable`, `prohibit` or `blackhole` (ip-route(8), route types).
fn leads_nowhere(code: Option<Errno>) -> bool {
    matches!(
        code,
        Some(Errno::NETUNREACH | Errno::HOSTUNREACH | Errno::ACCESS | Errno::INVAL)
    )
}

/// The kernel's error number; `None` for an error of another kind.
fn code(error: &rtnetlink::Error) -> Option<Errno> {
    match error {
        rtnetlink::Error::NetlinkError(message) => {
            Some(Errno::from_raw_os_error(message.raw_code().abs()))
        }
        _ => None,
    }
}

fn failed(what: &str, error: &rtnetlink::Error) -> RouteError {
    let reason = match code(error) {
        Some(errno) => errno.to_string(),
        None => error.to_string(),
    };
    RouteError::Netlink {
        what: what.to_owned(),
        reason,
    }
}

//! The kernel's routing table.

use std::net::Ipv4Addr;

use futures_util::TryStreamExt;
use ipnet::Ipv4Net;
use netlink_packet_route::address::AddressAttribute;
use netlink_packet_route::link::LinkAttribute;
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteMessage, RouteProtocol, RouteType,
};
use rtnetlink::{Handle, RouteMessageBuilder};

use super::RouteError;

/// Marks our routes, as each routing daemon has a number of its own
/// (rtnetlink(7), `rtm_protocol`); none of iproute2's `rt_protos` is 219.
const OURS: RouteProtocol = RouteProtocol::Other(219);
/// Metric of the `unreachable` fallback: any other route is preferred.
const FALLBACK_METRIC: u32 = 4_000_000_000;

/// `EPERM` and `EEXIST` of errno(3), as the kernel sends them.
const EPERM: i32 = -1;
const EEXIST: i32 = -17;

/// A connection to the kernel's routing.
#[derive(Debug, Clone)]
pub struct Routes {
    handle: Handle,
}

/// The way that the kernel would send a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// Name of the interface that it would leave by.
    pub interface: String,
    /// The next hop; none where the address is on the interface's own link.
    pub gateway: Option<Ipv4Addr>,
    /// The source address that the kernel would choose.
    pub source: Option<Ipv4Addr>,
}

impl std::fmt::Display for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.gateway {
            Some(gateway) => write!(f, "via {gateway} dev {}", self.interface),
            None => write!(f, "dev {}", self.interface),
        }
    }
}

impl Routes {
    /// Opens the connection; must be called within a tokio runtime.
    ///
    /// # Errors
    /// Where the kernel gives no socket.
    pub fn open() -> Result<Self, RouteError> {
        let (connection, handle, _) =
            rtnetlink::new_connection().map_err(|error| failed("open a netlink socket", error))?;
        tokio::spawn(connection);
        Ok(Routes { handle })
    }

    /// All networks that routes lead to and that interfaces have addresses of.
    pub async fn taken(&self) -> Result<Vec<Ipv4Net>, RouteError> {
        let mut nets: Vec<Ipv4Net> = self.messages().await?.iter().map(destination).collect();
        let mut addresses = self.handle.address().get().execute();
        let what = "list the addresses";
        while let Some(message) = addresses
            .try_next()
            .await
            .map_err(|error| failed(what, error))?
        {
            for attribute in &message.attributes {
                if let AddressAttribute::Address(std::net::IpAddr::V4(address)) = attribute
                    && let Ok(net) = Ipv4Net::new(*address, message.header.prefix_len)
                {
                    nets.push(net.trunc());
                }
            }
        }
        Ok(nets)
    }

    /// Subnets that routes of ours lead to, for clean-up.
    pub async fn ours(&self) -> Result<Vec<Ipv4Net>, RouteError> {
        let all = self.messages().await?;
        let ours = all.iter().filter(|message| message.header.protocol == OURS);
        let mut nets: Vec<Ipv4Net> = ours.map(destination).collect();
        nets.sort_unstable();
        nets.dedup();
        Ok(nets)
    }

    /// Makes sure of the route to `subnet` by way of the nest, and of the
    /// `unreachable` fallback before it. Needs no privilege where both are
    /// there.
    ///
    /// # Errors
    /// [`RouteError::NotPermitted`] with the commands to run;
    /// [`RouteError::Foreign`] where somebody else's route leads there.
    pub async fn ensure(
        &self,
        subnet: Ipv4Net,
        via: Ipv4Addr,
        interface: &str,
    ) -> Result<(), RouteError> {
        let index = self.index(interface).await?;
        let all = self.messages().await?;
        let there: Vec<&RouteMessage> = all
            .iter()
            .filter(|message| destination(message) == subnet)
            .collect();
        let is_right = |message: &RouteMessage| {
            message.header.kind == RouteType::Unicast
                && gateway(message) == Some(via)
                && output(message) == Some(index)
        };
        if there.iter().any(|message| is_right(message)) {
            return Ok(());
        }
        if let Some(foreign) = there.iter().find(|message| message.header.protocol != OURS) {
            return Err(RouteError::Foreign {
                subnet,
                found: self.way(foreign).await?.to_string(),
            });
        }
        let not_permitted = || RouteError::NotPermitted {
            subnet,
            via,
            interface: interface.to_owned(),
            metric: FALLBACK_METRIC,
        };
        let real = real_route(subnet)
            .gateway(via)
            .output_interface(index)
            .build();
        for route in [fallback(subnet), real] {
            match self.handle.route().add(route).replace().execute().await {
                Ok(()) => {}
                Err(error) if code(&error) == EEXIST => {}
                Err(error) if code(&error) == EPERM => return Err(not_permitted()),
                Err(error) => return Err(failed(&format!("set the route to `{subnet}`"), error)),
            }
        }
        Ok(())
    }

    /// Removes our routes to `subnet`; absent is fine.
    pub async fn remove(&self, subnet: Ipv4Net) -> Result<(), RouteError> {
        let all = self.messages().await?;
        let ours = all
            .into_iter()
            .filter(|message| message.header.protocol == OURS && destination(message) == subnet);
        for message in ours {
            let what = format!("remove the route to `{subnet}`");
            self.handle
                .route()
                .del(message)
                .execute()
                .await
                .map_err(|error| failed(&what, error))?;
        }
        Ok(())
    }

    /// Asks the kernel which way a packet to `address` would go; `None` where
    /// there is none.
    pub async fn lookup(&self, address: Ipv4Addr) -> Result<Option<Way>, RouteError> {
        let question = RouteMessageBuilder::<Ipv4Addr>::new()
            .destination_prefix(address, 32)
            .build();
        let mut answers = self.handle.route().get(question).execute();
        match answers.try_next().await {
            Ok(Some(message)) if message.header.kind == RouteType::Unreachable => Ok(None),
            Ok(Some(message)) => self.way(&message).await.map(Some),
            Ok(None) => Ok(None),
            // ENETUNREACH and EHOSTUNREACH, the latter from an unreachable route.
            Err(error) if matches!(code(&error), -101 | -113) => Ok(None),
            Err(error) => Err(failed(&format!("ask for the way to {address}"), error)),
        }
    }

    async fn messages(&self) -> Result<Vec<RouteMessage>, RouteError> {
        let all = self
            .handle
            .route()
            .get(RouteMessageBuilder::<Ipv4Addr>::new().build());
        all.execute()
            .try_collect()
            .await
            .map_err(|error| failed("list the routes", error))
    }

    async fn way(&self, message: &RouteMessage) -> Result<Way, RouteError> {
        let interface = match output(message) {
            Some(index) => self.name(index).await?,
            None => "none".to_owned(),
        };
        let source = message
            .attributes
            .iter()
            .find_map(|attribute| match attribute {
                RouteAttribute::PrefSource(RouteAddress::Inet(address)) => Some(*address),
                _ => None,
            });
        Ok(Way {
            interface,
            gateway: gateway(message),
            source,
        })
    }

    async fn index(&self, name: &str) -> Result<u32, RouteError> {
        let mut links = self
            .handle
            .link()
            .get()
            .match_name(name.to_owned())
            .execute();
        match links.try_next().await {
            Ok(Some(link)) => Ok(link.header.index),
            _ => Err(RouteError::NoInterface {
                name: name.to_owned(),
            }),
        }
    }

    async fn name(&self, index: u32) -> Result<String, RouteError> {
        let mut links = self.handle.link().get().match_index(index).execute();
        let link = links
            .try_next()
            .await
            .map_err(|error| failed("look at an interface", error))?;
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

fn real_route(subnet: Ipv4Net) -> RouteMessageBuilder<Ipv4Addr> {
    RouteMessageBuilder::<Ipv4Addr>::new()
        .destination_prefix(subnet.network(), subnet.prefix_len())
        .protocol(OURS)
}

fn fallback(subnet: Ipv4Net) -> RouteMessage {
    real_route(subnet)
        .kind(RouteType::Unreachable)
        .priority(FALLBACK_METRIC)
        .build()
}

fn destination(message: &RouteMessage) -> Ipv4Net {
    let address = message
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            RouteAttribute::Destination(RouteAddress::Inet(address)) => Some(*address),
            _ => None,
        });
    let prefix = message.header.destination_prefix_length;
    Ipv4Net::new(address.unwrap_or(Ipv4Addr::UNSPECIFIED), prefix).unwrap_or_default()
}

fn gateway(message: &RouteMessage) -> Option<Ipv4Addr> {
    message
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            RouteAttribute::Gateway(RouteAddress::Inet(address)) => Some(*address),
            _ => None,
        })
}

fn output(message: &RouteMessage) -> Option<u32> {
    message
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            RouteAttribute::Oif(index) => Some(*index),
            _ => None,
        })
}

/// The kernel's error number, negative; 0 for an error of another kind.
fn code(error: &rtnetlink::Error) -> i32 {
    match error {
        rtnetlink::Error::NetlinkError(message) => message.raw_code(),
        _ => 0,
    }
}

fn failed(what: &str, error: impl std::fmt::Display) -> RouteError {
    RouteError::Netlink {
        what: what.to_owned(),
        reason: error.to_string(),
    }
}

//! A route, with the properties that dbmatrix uses.
//!
//! Owns the translation from and to rtnetlink's messages and to the arguments of the
//! program `ip`. Decides nothing.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use rtnetlink::RouteMessageBuilder;
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteType,
};

/// Marks dbmatrix's routes, as each routing daemon has its own number (rtnetlink(7),
/// `rtm_protocol`). 219 is unassigned in the kernel's `rtnetlink.h` and in iproute2's
/// `rt_protos`.
pub(super) const PROTOCOL: u8 = 219;

/// Metric of the fallback: any other route to the same subnet takes precedence.
pub(super) const FALLBACK_METRIC: u32 = 4_000_000_000;

/// One route to an IPv4 network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// The destination.
    pub(super) subnet: Ipv4Net,
    /// Number of its table.
    pub(super) table: u32,
    /// The kernel prefers the route to a subnet with the smallest metric.
    pub(super) metric: u32,
    /// The origin of the route (rtnetlink(7), `rtm_protocol`).
    pub(super) protocol: u8,
    /// What happens to packets.
    pub(super) hop: Hop,
}

/// What a route does with packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hop {
    /// It sends them.
    Sent {
        /// The next machine; `None` if the network is the interface's own.
        gateway: Option<Ipv4Addr>,
        /// Index of the interface; `None` if there are several.
        interface: Option<u32>,
    },
    /// It rejects them: `unreachable`, `prohibit` or `blackhole`.
    Refused,
    /// Anything else, such as delivery to the machine itself.
    Other,
}

impl Entry {
    /// The route of dbmatrix to `subnet` through a gateway.
    pub(super) fn real(subnet: Ipv4Net, gateway: Ipv4Addr, interface: u32) -> Self {
        Entry {
            subnet,
            table: RouteHeader::RT_TABLE_MAIN.into(),
            metric: 0,
            protocol: PROTOCOL,
            hop: Hop::Sent {
                gateway: Some(gateway),
                interface: Some(interface),
            },
        }
    }

    /// The fallback of dbmatrix, which rejects packets without a better route.
    pub(super) fn fallback(subnet: Ipv4Net) -> Self {
        Entry {
            metric: FALLBACK_METRIC,
            hop: Hop::Refused,
            ..Entry::real(subnet, Ipv4Addr::UNSPECIFIED, 0)
        }
    }

    /// Reads the kernel's description of a route.
    pub(super) fn read(message: &RouteMessage) -> Self {
        let mut subnet = Ipv4Addr::UNSPECIFIED;
        let (mut gateway, mut interface) = (None, None);
        let mut table = message.header.table.into();
        let mut metric = 0;
        for attribute in &message.attributes {
            match attribute {
                RouteAttribute::Destination(RouteAddress::Inet(address)) => subnet = *address,
                RouteAttribute::Gateway(RouteAddress::Inet(address)) => gateway = Some(*address),
                RouteAttribute::Oif(index) => interface = Some(*index),
                RouteAttribute::Table(number) => table = *number,
                RouteAttribute::Priority(number) => metric = *number,
                _ => {}
            }
        }
        let hop = match message.header.kind {
            RouteType::Unicast => Hop::Sent { gateway, interface },
            RouteType::Unreachable | RouteType::Prohibit | RouteType::BlackHole => Hop::Refused,
            _ => Hop::Other,
        };
        Entry {
            subnet: Ipv4Net::new(subnet, message.header.destination_prefix_length)
                .unwrap_or_default(),
            table,
            metric,
            protocol: message.header.protocol.into(),
            hop,
        }
    }

    /// The message to the kernel that adds or removes it.
    pub(super) fn message(&self) -> RouteMessage {
        let mut message = RouteMessageBuilder::<Ipv4Addr>::new()
            .destination_prefix(self.subnet.network(), self.subnet.prefix_len())
            .table_id(self.table)
            .protocol(RouteProtocol::from(self.protocol));
        if self.metric > 0 {
            message = message.priority(self.metric);
        }
        match self.hop {
            Hop::Sent { gateway, interface } => {
                if let Some(gateway) = gateway {
                    message = message.gateway(gateway);
                }
                if let Some(interface) = interface {
                    message = message.output_interface(interface);
                }
            }
            Hop::Refused | Hop::Other => message = message.kind(RouteType::Unreachable),
        }
        message.build()
    }

    /// Whether it is in the table for unmarked packets.
    pub(super) fn is_in_main_table(&self) -> bool {
        self.table == u32::from(RouteHeader::RT_TABLE_MAIN)
    }

    /// Whether dbmatrix made it.
    pub(super) fn is_ours(&self) -> bool {
        self.protocol == PROTOCOL
    }

    /// The arguments for `ip route`; `interface` is the name of its interface.
    pub(super) fn to_words(&self, interface: Option<&str>) -> String {
        let mut words = match self.hop {
            Hop::Sent {
                gateway: Some(gateway),
                ..
            } => format!("{} via {gateway}", self.subnet),
            Hop::Sent { gateway: None, .. } => self.subnet.to_string(),
            Hop::Refused | Hop::Other => format!("unreachable {}", self.subnet),
        };
        if let (Hop::Sent { .. }, Some(interface)) = (self.hop, interface) {
            words.push_str(&format!(" dev {interface}"));
        }
        if self.metric > 0 {
            words.push_str(&format!(" metric {}", self.metric));
        }
        if self.is_ours() {
            words.push_str(&format!(" proto {PROTOCOL}"));
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet() -> Ipv4Net {
        "10.1.2.0/24".parse().expect("a network")
    }

    #[test]
    fn a_route_survives_the_way_to_the_kernel() {
        let real = Entry::real(subnet(), Ipv4Addr::new(10, 9, 9, 2), 7);
        for entry in [real, Entry::fallback(subnet())] {
            assert_eq!(Entry::read(&entry.message()), entry);
        }
    }

    #[test]
    fn a_route_is_written_as_ip_takes_it() {
        let real = Entry::real(subnet(), Ipv4Addr::new(10, 9, 9, 2), 7);
        assert_eq!(
            real.to_words(Some("br0")),
            "10.1.2.0/24 via 10.9.9.2 dev br0 proto 219"
        );
        assert_eq!(
            Entry::fallback(subnet()).to_words(Some("br0")),
            "unreachable 10.1.2.0/24 metric 4000000000 proto 219"
        );
    }
}

//! A route as far as dbmatrix looks at it.
//!
//! Owns the translation from and to rtnetlink's messages and to the words of
//! the program `ip`. Decides nothing.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use rtnetlink::RouteMessageBuilder;
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteType,
};

/// Marks our routes, as each routing daemon has a number of its own
/// (rtnetlink(7), `rtm_protocol`). 219 is given to nobody, neither by the
/// kernel's `rtnetlink.h` nor by iproute2's `rt_protos`.
pub(super) const PROTOCOL: u8 = 219;

/// Metric of the fallback: any other route to the same subnet is preferred.
pub(super) const FALLBACK_METRIC: u32 = 4_000_000_000;

/// One route to an IPv4 network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Where it leads.
    pub(super) subnet: Ipv4Net,
    /// Number of the table that it is in.
    pub(super) table: u32,
    /// Of routes to one subnet, the kernel takes the one with the smallest.
    pub(super) metric: u32,
    /// Who made it (rtnetlink(7), `rtm_protocol`).
    pub(super) protocol: u8,
    /// What becomes of packets.
    pub(super) hop: Hop,
}

/// What a route does with packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hop {
    /// They are sent.
    Sent {
        /// The next machine; none where the network is the interface's own.
        gateway: Option<Ipv4Addr>,
        /// Index of the interface; none where there are several.
        interface: Option<u32>,
    },
    /// They are refused: `unreachable`, `prohibit` or `blackhole`.
    Refused,
    /// Anything else, such as delivery to the machine itself.
    Other,
}

impl Entry {
    /// Our route to `subnet` by way of a gateway.
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

    /// Our fallback, which refuses what nothing better takes.
    pub(super) fn fallback(subnet: Ipv4Net) -> Self {
        Entry {
            metric: FALLBACK_METRIC,
            hop: Hop::Refused,
            ..Entry::real(subnet, Ipv4Addr::UNSPECIFIED, 0)
        }
    }

    /// Reads what the kernel says of a route.
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

    /// As the kernel wants to hear of it, to be added or removed.
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

    /// Whether it is in the table that unmarked packets go by.
    pub(super) fn is_in_main_table(&self) -> bool {
        self.table == u32::from(RouteHeader::RT_TABLE_MAIN)
    }

    /// Whether dbmatrix made it.
    pub(super) fn is_ours(&self) -> bool {
        self.protocol == PROTOCOL
    }

    /// As `ip route` takes it; `interface` is the name of its interface.
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

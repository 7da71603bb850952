//! From a captured packet to its segment of TCP.

use std::net::{IpAddr, SocketAddr};

use etherparse::{EtherType, LaxNetSlice, LaxSlicedPacket, TransportSlice};
use pcap_parser::Linktype;

/// `LINKTYPE_LINUX_SLL2`, and older numbers of `LINKTYPE_RAW`.
const LINUX_SLL2: i32 = 276;
const RAW_OF_SYSTEMS: [i32; 2] = [12, 14];

/// A segment of TCP.
#[derive(Debug)]
pub(super) struct Segment<'a> {
    pub(super) source: SocketAddr,
    pub(super) target: SocketAddr,
    pub(super) sequence: u32,
    /// It has SYN.
    pub(super) begins: bool,
    /// It has ACK.
    pub(super) acknowledges: bool,
    /// The number of the next byte that its sender waits for.
    pub(super) acknowledged: u32,
    /// It has FIN.
    pub(super) ends: bool,
    /// It has RST.
    pub(super) resets: bool,
    pub(super) payload: &'a [u8],
    /// Bytes of the payload that the capture left out.
    pub(super) missing: usize,
}

/// Whether packets of a link type are read.
pub(super) fn is_known(link: Linktype) -> bool {
    matches!(
        link,
        Linktype::ETHERNET
            | Linktype::NULL
            | Linktype::LOOP
            | Linktype::RAW
            | Linktype::IPV4
            | Linktype::IPV6
            | Linktype::LINUX_SLL
            | Linktype(LINUX_SLL2)
    ) || RAW_OF_SYSTEMS.contains(&link.0)
}

/// The segment in a packet; `None` where it has another protocol, or is a fragment.
pub(super) fn segment(link: Linktype, data: &[u8], missing: usize) -> Option<Segment<'_>> {
    let ether_type = |at: usize| {
        let bytes = data.get(at..at + 2)?;
        Some(EtherType(u16::from_be_bytes([bytes[0], bytes[1]])))
    };
    let sliced = match link {
        Linktype::ETHERNET => LaxSlicedPacket::from_ethernet(data).ok()?,
        Linktype::LINUX_SLL => LaxSlicedPacket::from_ether_type(ether_type(14)?, data.get(16..)?),
        Linktype(LINUX_SLL2) => LaxSlicedPacket::from_ether_type(ether_type(0)?, data.get(20..)?),
        // A family of addresses comes first, whose numbers differ between systems.
        Linktype::NULL | Linktype::LOOP => LaxSlicedPacket::from_ip(data.get(4..)?).ok()?,
        _ if is_known(link) => LaxSlicedPacket::from_ip(data).ok()?,
        _ => return None,
    };
    let (source, target): (IpAddr, IpAddr) = match sliced.net.as_ref()? {
        LaxNetSlice::Ipv4(ip) => {
            let header = ip.header();
            (
                header.source_addr().into(),
                header.destination_addr().into(),
            )
        }
        LaxNetSlice::Ipv6(ip) => {
            let header = ip.header();
            (
                header.source_addr().into(),
                header.destination_addr().into(),
            )
        }
        LaxNetSlice::Arp(_) => return None,
    };
    let payload = sliced.ip_payload()?;
    let is_incomplete = payload.incomplete;
    if payload.fragmented {
        return None;
    }
    let Some(TransportSlice::Tcp(tcp)) = &sliced.transport else {
        return None;
    };
    Some(Segment {
        source: SocketAddr::new(source, tcp.source_port()),
        target: SocketAddr::new(target, tcp.destination_port()),
        sequence: tcp.sequence_number(),
        begins: tcp.syn(),
        acknowledges: tcp.ack(),
        acknowledged: tcp.acknowledgment_number(),
        ends: tcp.fin(),
        resets: tcp.rst(),
        payload: payload.payload.get(usize::from(tcp.data_offset()) * 4..)?,
        missing: if is_incomplete { missing } else { 0 },
    })
}

//! Fixed addresses: no lease is waited for, and a restart changes nothing.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::NestError;

/// The first addresses of a subnet: its gateway, and some for hand-made things.
const RESERVED: usize = 9;

/// The lowest address of `subnet` that is not taken.
pub(super) fn free_address(subnet: Ipv4Net, taken: &[Ipv4Addr]) -> Result<Ipv4Addr, NestError> {
    subnet
        .hosts()
        .skip(RESERVED)
        .find(|address| !taken.contains(address))
        .ok_or_else(|| NestError::NoAddress {
            subnet: subnet.to_string(),
        })
}

/// The bridge's own address: the first of its subnet.
pub(super) fn gateway(subnet: Ipv4Net) -> Ipv4Addr {
    subnet.hosts().next().unwrap_or(subnet.addr())
}

/// Gives the container its fixed address and its name server, at each boot and
/// before any service that waits for the network.
///
/// A unit of our own needs neither a lease nor udev, which base images lack
/// and without which systemd-networkd leaves a link alone.
pub(super) fn network_unit(address: Ipv4Addr, subnet: Ipv4Net) -> String {
    let gateway = gateway(subnet);
    let prefix = subnet.prefix_len();
    format!(
        "[Unit]\nDescription=Fixed address\nDefaultDependencies=no\nAfter=local-fs.target\n\
         Before=network-pre.target network.target sysinit.target\nConflicts=shutdown.target\n\n\
         [Service]\nType=oneshot\nRemainAfterExit=yes\n\
         ExecStart=/bin/ip link set dev eth0 up\n\
         ExecStart=/bin/ip address replace {address}/{prefix} dev eth0\n\
         ExecStart=/bin/ip route replace default via {gateway}\n\
         ExecStart=/bin/rm -f /etc/resolv.conf\n\
         ExecStart=/bin/sh -c 'echo nameserver {gateway} > /etc/resolv.conf'\n"
    )
}

/// Where the unit stands, and the drop-in that pulls it in.
pub(super) const NETWORK_UNIT: &str = "/etc/systemd/system/dbmatrix-network.service";
pub(super) const NETWORK_WANTED: &str = "/etc/systemd/system/sysinit.target.d/dbmatrix.conf";
pub(super) const NETWORK_WANTS: &str = "[Unit]\nWants=dbmatrix-network.service\n";

/// Keeps an image's own systemd-networkd, where it has one, away from `eth0`.
pub(super) const UNMANAGED: &str = "/etc/systemd/network/05-dbmatrix.network";
pub(super) const UNMANAGED_TEXT: &str = "[Match]\nName=eth0\n\n[Link]\nUnmanaged=yes\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_free_address_is_taken() {
        let subnet: Ipv4Net = "10.1.2.0/24".parse().expect("a subnet");
        let first = free_address(subnet, &[]).expect("room");
        assert_eq!(first, Ipv4Addr::new(10, 1, 2, 10));
        assert_eq!(
            free_address(subnet, &[first]).expect("room"),
            Ipv4Addr::new(10, 1, 2, 11)
        );
    }

    #[test]
    fn a_full_subnet_is_an_error() {
        let subnet: Ipv4Net = "10.1.2.0/24".parse().expect("a subnet");
        let all: Vec<Ipv4Addr> = subnet.hosts().collect();
        assert!(free_address(subnet, &all).is_err());
    }
}

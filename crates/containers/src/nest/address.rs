//! Fixed addresses: containers do not wait for a lease, and a restart changes nothing.

use std::net::Ipv4Addr;
use std::time::Duration;

use dbmatrix_engine::Exec;
use ipnet::Ipv4Net;

use super::NestError;

/// The first addresses of a subnet: its gateway, and some for manual use.
const RESERVED: usize = 9;

/// The lowest free address of `subnet`.
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

/// Lets the container runtime set the address before anything runs in the container
/// (lxc.container.conf(5)), so that nothing waits for a lease or a unit. `eth0` is the
/// first and only interface.
pub(super) fn fixed_address(address: Ipv4Addr, subnet: Ipv4Net) -> String {
    let gateway = gateway(subnet);
    let prefix = subnet.prefix_len();
    format!("lxc.net.0.ipv4.address = {address}/{prefix}\nlxc.net.0.ipv4.gateway = {gateway}")
}

/// Waits until a container has booted, so that boot does not remove files in use, and
/// sets the gateway as its name server permanently.
pub(super) fn first_steps(subnet: Ipv4Net) -> Exec {
    const SCRIPT: &str = r#"
        timeout 60 systemctl is-system-running --wait > /dev/null 2>&1 || true
        rm -f /etc/resolv.conf
        echo "nameserver $GATEWAY" > /etc/resolv.conf
    "#;
    Exec::script_with_systemd(SCRIPT)
        .env("GATEWAY", &gateway(subnet).to_string())
        .limit(Duration::from_secs(90))
}

/// Keeps an image's own systemd-networkd, if it has one, away from `eth0`.
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

//! Finds a private subnet that collides with nothing on this machine. Pure.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use sha2::{Digest, Sha256};

use super::RouteError;

/// The private ranges (RFC 1918) in the order in which they are tried: the first address,
/// and the number of /24 subnets from there.
const RANGES: [(Ipv4Addr, u32); 3] = [
    (Ipv4Addr::new(10, 0, 0, 0), 1 << 16),
    (Ipv4Addr::new(172, 16, 0, 0), 1 << 12),
    (Ipv4Addr::new(192, 168, 0, 0), 1 << 8),
];

/// A network wider than this counts as a default route: the default route itself, and the
/// halves of it by which some VPNs cover it.
pub(super) const WIDEST: u8 = 8;

/// A private /24 that overlaps none of `taken`. The same `seed` usually gives the same
/// one.
///
/// # Errors
/// [`RouteError::NoSubnet`] if all are taken.
pub fn pick_subnet(taken: &[Ipv4Net], seed: &str) -> Result<Ipv4Net, RouteError> {
    let digest = Sha256::digest(seed.as_bytes());
    let hash = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
    RANGES
        .into_iter()
        .flat_map(|(first, count)| {
            (0..count).map(move |step| nth_subnet(first, (hash % count + step) % count))
        })
        .find(|subnet| !taken.iter().any(|other| overlap(subnet, other)))
        .ok_or(RouteError::NoSubnet)
}

/// The /24 at position `number` from the one at `first`.
fn nth_subnet(first: Ipv4Addr, number: u32) -> Ipv4Net {
    let address = Ipv4Addr::from(u32::from(first) + (number << 8));
    Ipv4Net::new_assert(address, 24)
}

/// Whether two networks share addresses.
pub fn overlap(a: &Ipv4Net, b: &Ipv4Net) -> bool {
    b.prefix_len() >= WIDEST && (a.contains(&b.network()) || b.contains(&a.network()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn net(text: &str) -> Ipv4Net {
        text.parse().expect("a network of this test")
    }

    fn picked(taken: &[&str]) -> Ipv4Net {
        let taken: Vec<Ipv4Net> = taken.iter().map(|text| net(text)).collect();
        pick_subnet(&taken, "nest").expect("one is free")
    }

    #[test]
    fn the_same_seed_gives_the_same_subnet_while_it_is_free() {
        let first = picked(&[]);
        assert_eq!(picked(&["192.168.1.0/24"]), first);
        assert_ne!(picked(&[&first.to_string()]), first);
    }

    #[test]
    fn a_way_out_is_no_network() {
        assert_eq!(
            picked(&["0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1"]),
            picked(&[])
        );
    }

    #[test]
    fn where_all_of_ten_is_routed_the_other_private_ranges_serve() {
        let second = picked(&["10.0.0.0/8"]);
        assert!(net("172.16.0.0/12").contains(&second), "{second}");
        let third = picked(&["10.0.0.0/8", "172.16.0.0/12"]);
        assert!(net("192.168.0.0/16").contains(&third), "{third}");
    }

    #[test]
    fn a_machine_that_routes_all_private_ranges_has_none() {
        let taken = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"].map(net);
        assert!(matches!(
            pick_subnet(&taken, "nest"),
            Err(RouteError::NoSubnet)
        ));
    }

    /// Whether two networks share an address, computed differently.
    fn share(a: &Ipv4Net, b: &Ipv4Net) -> bool {
        a.network() <= b.broadcast() && b.network() <= a.broadcast()
    }

    proptest! {
        #[test]
        fn a_picked_subnet_is_private_and_shares_nothing(
            seed in ".{0,8}",
            taken in proptest::collection::vec((any::<u32>(), 8u8..=32), 0..20),
            near in proptest::collection::vec((any::<u16>(), 9u8..=32), 0..20),
        ) {
            let near = near.into_iter().map(|(low, prefix)| (0x0a00_0000 | u32::from(low) << 8, prefix));
            let taken: Vec<Ipv4Net> = taken
                .into_iter()
                .chain(near)
                .map(|(bits, prefix)| Ipv4Net::new_assert(Ipv4Addr::from(bits), prefix).trunc())
                .collect();
            if let Ok(subnet) = pick_subnet(&taken, &seed) {
                prop_assert_eq!(subnet.prefix_len(), 24);
                prop_assert!(subnet.network().is_private());
                prop_assert!(taken.iter().all(|other| !share(&subnet, other)));
            }
        }
    }
}

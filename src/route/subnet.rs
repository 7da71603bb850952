//! A private subnet that collides with nothing on this machine.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use sha2::{Digest, Sha256};

use super::RouteError;

/// Number of /24 subnets in 10.0.0.0/8.
const CANDIDATES: u32 = 1 << 16;

/// A /24 of 10.0.0.0/8 that overlaps none of `taken`. The same `seed` tends to
/// give the same one.
///
/// # Errors
/// [`RouteError::NoSubnet`] where all are taken.
pub fn pick_subnet(taken: &[Ipv4Net], seed: &str) -> Result<Ipv4Net, RouteError> {
    let digest = Sha256::digest(seed.as_bytes());
    let first = u32::from(digest[0]) << 8 | u32::from(digest[1]);
    (0..CANDIDATES)
        .map(|step| (first + step) % CANDIDATES)
        .map(|number| Ipv4Addr::new(10, (number >> 8) as u8, number as u8, 0))
        .filter_map(|address| Ipv4Net::new(address, 24).ok())
        .find(|subnet| !taken.iter().any(|other| overlap(subnet, other)))
        .ok_or(RouteError::NoSubnet)
}

/// The default route covers everything and collides with nothing.
fn overlap(a: &Ipv4Net, b: &Ipv4Net) -> bool {
    b.prefix_len() > 0 && (a.contains(&b.network()) || b.contains(&a.network()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn net(text: &str) -> Ipv4Net {
        text.parse().expect("a network of this test")
    }

    #[test]
    fn the_same_seed_gives_the_same_subnet_while_it_is_free() {
        let first = pick_subnet(&[], "nest").expect("one is free");
        assert_eq!(
            pick_subnet(&[net("0.0.0.0/0")], "nest").expect("one is free"),
            first
        );
        assert_ne!(pick_subnet(&[first], "nest").expect("one is free"), first);
    }

    #[test]
    fn a_machine_that_routes_all_of_ten_has_none() {
        assert!(matches!(
            pick_subnet(&[net("10.0.0.0/8")], "nest"),
            Err(RouteError::NoSubnet)
        ));
    }

    proptest! {
        #[test]
        fn a_picked_subnet_overlaps_nothing(
            seed in ".{0,8}",
            taken in proptest::collection::vec((any::<u8>(), any::<u8>(), 9u8..32), 0..20)
        ) {
            let taken: Vec<Ipv4Net> = taken
                .into_iter()
                .map(|(a, b, prefix)| Ipv4Net::new(Ipv4Addr::new(10, a, b, 0), prefix).expect("a network"))
                .collect();
            if let Ok(subnet) = pick_subnet(&taken, &seed) {
                prop_assert!(taken.iter().all(|other| !overlap(&subnet, other)));
            }
        }
    }
}

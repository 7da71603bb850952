//! Checks access to nests' children: routes, the kernel's answers about them, and
//! networks that share their addresses.

use dbmatrix_containers::nest::{Access, NestStatus};
use dbmatrix_containers::route::{ForeignNetwork, Guard, Routes, overlap};
use ipnet::Ipv4Net;

use super::snapshot::{HostSnapshot, Nests};
use super::{Finding, Fix};

pub(super) async fn check_routes(host: &HostSnapshot) -> Vec<Finding> {
    let routes = match Routes::open() {
        Ok(routes) => routes,
        Err(error) => return vec![Finding::problem("route", error.to_string())],
    };
    let mut findings = Vec::new();
    for nest in host.own_nests() {
        findings.push(route(&routes, nest).await);
    }
    if findings.is_empty() {
        findings.push(match host.nests {
            Nests::Known(_) => Finding::ok("route", "no nest is there that needs one"),
            Nests::Unsure(..) => Finding::ok("route", "no nest is known that needs one"),
        });
    }
    findings.push(subnets(&routes, host).await);
    findings
}

/// Checks the route to a nest's children, and whether the kernel would use it.
async fn route(routes: &Routes, nest: &NestStatus) -> Finding {
    const AT: &str = "route";
    let name = &nest.info.nest;
    let (Some(subnet), Some(via)) = (nest.subnet, nest.address) else {
        return Finding::problem(
            AT,
            format!("nest `{name}` has no subnet or no address noted"),
        )
        .remedy("`dbmatrix down` and another run make it anew");
    };
    if !(nest.info.is_complete && nest.info.is_running()) {
        return Finding::ok(AT, format!("nest `{name}` does not run and needs none"));
    }
    if nest.access != Access::Route {
        let by = match nest.access {
            Access::Forward => "through the engine's API",
            _ => "by proxies on 127.0.0.1",
        };
        return Finding::ok(AT, format!("nest `{name}` is reached {by} and needs none"));
    }
    let bridge = &nest.names.bridge;
    match routes.is_set(subnet, via, bridge).await {
        Ok(true) => {}
        Ok(false) => {
            return Finding::note(AT, format!("to nest `{name}`: not as it should be"))
                .remedy(format!(
                    "the next `dbmatrix run`, `up` or `connect` sets it; by hand: sudo ip route replace {subnet} via {via} dev {bridge} proto 219"
                ))
                .fix(Fix::Route {
                    subnet,
                    via,
                    interface: bridge.clone(),
                });
        }
        Err(error) => return Finding::problem(AT, error.to_string()),
    }
    let guard = Guard {
        subnet,
        via,
        interface: bridge.clone(),
    };
    // This sends no packet: it only asks the kernel for the route.
    let someone = subnet.hosts().nth(9).unwrap_or(subnet.addr());
    match guard.check(someone).await {
        Ok(source) => Finding::ok(
            AT,
            format!("to nest `{name}`: {subnet} via {via} dev {bridge}, from {source}"),
        ),
        Err(error) => Finding::problem(AT, error.to_string())
            .remedy("see `ip rule` and `ip route show table all`"),
    }
}

/// Checks whether another network shares addresses with one of dbmatrix's.
async fn subnets(routes: &Routes, host: &HostSnapshot) -> Finding {
    const AT: &str = "subnets";
    let others = match routes.others().await {
        Ok(others) => others,
        Err(error) => return Finding::problem(AT, error.to_string()),
    };
    let nests = host.nests.known();
    let mut bridges: Vec<&str> = nests
        .iter()
        .map(|nest| nest.names.bridge.as_str())
        .collect();
    bridges.push(&host.names.bridge);
    let (own, others): (Vec<ForeignNetwork>, Vec<ForeignNetwork>) =
        others.into_iter().partition(|other| {
            let interface = other.interface.as_deref().unwrap_or_default();
            bridges.contains(&interface)
        });
    let ours = own.iter().map(|own| own.subnet);
    let ours: Vec<Ipv4Net> = ours
        .chain(nests.iter().filter_map(|nest| nest.subnet))
        .collect();
    for our in &ours {
        if let Some(other) = others.iter().find(|other| overlap(our, &other.subnet)) {
            return collision(our, other);
        }
    }
    match ours.len() {
        0 => Finding::ok(AT, "none yet; those that are picked collide with no route"),
        _ => Finding::ok(
            AT,
            "they share no address with other routes of this machine",
        ),
    }
}

/// The narrower one takes precedence.
fn collision(our: &Ipv4Net, other: &ForeignNetwork) -> Finding {
    let found = format!(
        "our {our} shares addresses with the route `{}`",
        other.route
    );
    let remedy = "`dbmatrix down --all` and another run pick other subnets, or remove that route";
    if other.subnet.prefix_len() < our.prefix_len() {
        let found = format!("{found}, which is wider: what lies there is not reached");
        return Finding::note("subnets", found).remedy(remedy);
    }
    let found = format!("{found}, which takes packets to servers");
    Finding::problem("subnets", found).remedy(remedy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;

    #[test]
    fn a_wider_network_is_noted_and_a_narrower_one_is_a_problem() {
        let our: Ipv4Net = "10.7.8.0/24".parse().expect("a network");
        let state = |subnet: &str| {
            let other = ForeignNetwork {
                subnet: subnet.parse().expect("a network"),
                interface: Some("tun0".to_owned()),
                route: format!("{subnet} dev tun0"),
            };
            collision(&our, &other).state
        };
        assert_eq!(state("10.0.0.0/8"), State::Note);
        assert_eq!(state("10.7.8.0/24"), State::Problem);
        assert_eq!(state("10.7.8.128/25"), State::Problem);
    }
}

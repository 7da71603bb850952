//! Proxies to children when the host's engine misbehaves.

use std::net::Ipv4Addr;

use dbmatrix_containers::nest::{Access, Nest};
use futures_util::future::try_join_all;

use super::nested::{nest, unswept};
use super::state::Stateful;
use super::trouble::Trouble;

const FIRST: Ipv4Addr = Ipv4Addr::new(10, 99, 1, 10);
const SECOND: Ipv4Addr = Ipv4Addr::new(10, 99, 1, 11);
const CHANGE: &str = "change m";

/// A host's engine with a nest whose children are reached through proxies.
fn proxied() -> (Stateful, Nest) {
    let fake = Stateful::start();
    fake.put("m", "Running", &[]);
    let nest = Nest {
        access: Access::Proxy,
        ..nest(fake.engine())
    };
    (fake, nest)
}

#[tokio::test]
async fn a_child_has_one_proxy_whoever_asks() {
    let (fake, nest) = proxied();
    let asked = [FIRST, SECOND, FIRST, SECOND].map(|child| nest.endpoint(child, 3306));
    let found = try_join_all(asked).await.expect("proxies");
    assert_eq!((&found[0], &found[1]), (&found[2], &found[3]));
    assert_ne!(found[0], found[1]);
    assert!(found.iter().all(|one| one.address.ip().is_loopback()));
    assert_eq!(fake.heard(CHANGE), 2);
    let devices = fake.engine().instance("m").await.expect("an answer");
    let devices = devices.expect("the nest").devices;
    for (child, end) in [(FIRST, &found[0]), (SECOND, &found[1])] {
        let mut ends = devices
            .values()
            .map(|device| (&device["connect"], &device["listen"]));
        let wanted = (format!("tcp:{child}:3306"), format!("tcp:{}", end.address));
        assert!(ends.any(|(to, from)| (to, from) == (&wanted.0, &wanted.1)));
    }
}

#[tokio::test]
async fn proxies_to_nobody_go_with_the_next_run() {
    let (fake, nest) = proxied();
    fake.put("one", "Stopped", &[("address", &FIRST.to_string())]);
    for child in [FIRST, SECOND] {
        nest.endpoint(child, 3306).await.expect("a proxy");
    }
    unswept(nest.clone()).sweep().await.expect("a sweep");
    let there = fake.engine().instance("m").await.expect("an answer");
    let names: Vec<String> = there.expect("the nest").devices.into_keys().collect();
    assert_eq!(names, ["dbmatrix-port-10-99-1-10-3306"]);
    // One that is needed again is made again.
    nest.endpoint(SECOND, 3306).await.expect("a proxy");
    assert_eq!(fake.heard(CHANGE), 4);
}

#[tokio::test]
async fn a_proxy_that_was_not_made_is_told_and_made_later() {
    for trouble in [
        Trouble::Refused(403, "not authorized"),
        Trouble::Failed("no proxy today"),
        Trouble::LostAfterwards,
    ] {
        let (fake, nest) = proxied();
        fake.once(CHANGE, trouble);
        let refused = nest.endpoint(FIRST, 3306).await;
        assert!(refused.is_err(), "{refused:?}");
        let found = nest.endpoint(FIRST, 3306).await.expect("a proxy");
        assert!(found.address.ip().is_loopback());
        let there = fake.engine().instance("m").await.expect("an answer");
        assert_eq!(there.expect("the nest").devices.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_is_starting_up_is_asked_again_for_a_proxy() {
    let (fake, nest) = proxied();
    for act in ["look at m", CHANGE] {
        fake.once(act, Trouble::Refused(503, "starting up"));
    }
    let found = nest.endpoint(FIRST, 3306).await.expect("a proxy");
    assert!(found.address.ip().is_loopback());
    assert_eq!(fake.heard(CHANGE), 2);
}

#[tokio::test]
async fn a_noted_proxy_on_whose_port_somebody_else_listens_is_made_anew() {
    let (fake, nest) = proxied();
    nest.endpoint(FIRST, 3306).await.expect("a proxy");
    let there = fake.engine().instance("m").await.expect("an answer");
    let there = there.expect("the nest");
    let before = there.devices.values().next().expect("a device")["listen"].clone();
    let port = before.strip_prefix("tcp:").expect("a port");
    let _stranger = std::net::TcpListener::bind(port).expect("no real proxy holds it");
    // Another process reads the devices.
    let next = Nest {
        proxies: dbmatrix_containers::nest::Proxies::read(&there),
        forwards: dbmatrix_containers::nest::Forwards::default(),
        ..nest.clone()
    };
    let found = next.endpoint(FIRST, 3306).await.expect("a proxy");
    assert_ne!(format!("tcp:{}", found.address), before);
}

async fn names_of_devices(fake: &Stateful) -> Vec<String> {
    let there = fake.engine().instance("m").await.expect("an answer");
    there.expect("the nest").devices.into_keys().collect()
}

#[tokio::test]
async fn a_socket_leads_to_its_child_and_goes_with_it() {
    let (fake, nest) = proxied();
    fake.put("one", "Stopped", &[("address", &FIRST.to_string())]);
    for child in [FIRST, SECOND] {
        assert_eq!(nest.server_socket(child).await.expect("an answer"), None);
        let made = nest.make_server_socket(child, 3306).await.expect("made");
        let there = nest.server_socket(child).await.expect("an answer");
        assert_eq!(there, Some(made));
    }
    unswept(nest.clone()).sweep().await.expect("a sweep");
    let left = names_of_devices(&fake).await;
    assert_eq!(left, ["dbmatrix-server-10-99-1-10"]);
    nest.remove_server_socket(FIRST).await.expect("removed");
    assert!(names_of_devices(&fake).await.is_empty());
}

#[tokio::test]
async fn a_socket_that_was_not_made_is_made_later() {
    for trouble in [
        Trouble::Refused(403, "not authorized"),
        Trouble::Failed("no proxy today"),
    ] {
        let (fake, nest) = proxied();
        fake.once(CHANGE, trouble);
        let refused = nest.make_server_socket(FIRST, 3306).await;
        assert!(refused.is_err(), "{refused:?}");
        assert!(names_of_devices(&fake).await.is_empty());
        nest.make_server_socket(FIRST, 3306).await.expect("made");
        assert_eq!(names_of_devices(&fake).await.len(), 1);
    }
}

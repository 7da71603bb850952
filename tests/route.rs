//! Routes and the guard, on the real kernel.
//!
//! Each trial runs this program once more in a network namespace of its own,
//! which ends with it: the machine's tables are never touched and no packet
//! leaves. In there, `nest0` plays the host's bridge, and `uplink0` leads to
//! the default gateway; both are bridges, which every engine needs too. Where no namespace can be made, the trials count as
//! ignored and say why.

#![expect(clippy::print_stderr, reason = "tests say why they are ignored")]

use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::process::{Command, ExitCode};
use std::time::Duration;

use dbmatrix_containers::route::{Guard, GuardError, RouteError, RouteLookup, Routes};
use futures_util::TryStreamExt;
use futures_util::future::LocalBoxFuture;
use ipnet::Ipv4Net;
use libtest_mimic::{Arguments, Failed, Trial};
use rtnetlink::packet_route::route::{RouteMessage, RouteProtocol, RouteType};
use rtnetlink::{Handle, LinkBridge, LinkUnspec, RouteMessageBuilder};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
use tokio::net::TcpStream;

type Outcome = Result<(), Failed>;
type Run = fn(Machine) -> LocalBoxFuture<'static, Outcome>;

/// Names the trial that this process is to run; it is in a namespace by then.
const INSIDE: &str = "DBMATRIX_ROUTE_TRIAL";

const BRIDGE: Ipv4Addr = Ipv4Addr::new(10, 55, 0, 1);
const NEST: Ipv4Addr = Ipv4Addr::new(10, 55, 0, 2);
const OTHER_NEST: Ipv4Addr = Ipv4Addr::new(10, 55, 0, 3);
const CHILD: Ipv4Addr = Ipv4Addr::new(10, 66, 7, 11);
const UPLINK: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 10);
const GATEWAY: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

const TRIALS: [(&str, Run); 11] = [
    ("a_nest_is_routed_and_removed", |m| {
        Box::pin(routed_and_removed(m))
    }),
    ("a_second_ensure_changes_nothing", |m| {
        Box::pin(second_ensure(m))
    }),
    ("a_stale_route_of_ours_is_replaced", |m| Box::pin(stale(m))),
    ("a_missing_fallback_is_put_back", |m| {
        Box::pin(missing_fallback(m))
    }),
    ("somebody_elses_route_is_refused_and_left", |m| {
        Box::pin(foreign(m))
    }),
    ("a_bridge_that_is_not_there_is_named", |m| {
        Box::pin(no_interface(m))
    }),
    ("nothing_leaves_by_the_gateway_when_the_bridge_goes", |m| {
        Box::pin(bridge_goes(m))
    }),
    ("the_guard_refuses_every_other_way", |m| Box::pin(guard(m))),
    ("without_the_privilege_the_commands_are_named", |m| {
        Box::pin(not_permitted(m))
    }),
    ("networks_of_all_tables_and_addresses_are_taken", |m| {
        Box::pin(taken(m))
    }),
    ("a_refusing_route_of_any_kind_leads_nowhere", |m| {
        Box::pin(refusing(m))
    }),
];

fn main() -> ExitCode {
    if let Ok(name) = std::env::var(INSIDE) {
        return run_inside(&name);
    }
    let arguments = Arguments::from_args();
    let refusal = namespace_refusal();
    if let Some(reason) = &refusal {
        eprintln!("route tests are ignored: no network namespace can be made here: {reason}");
    }
    let trials = TRIALS.iter().map(|&(name, _)| {
        Trial::test(name, move || run_outside(name)).with_ignored_flag(refusal.is_some())
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

/// In a namespace of its own; a user who is not root gets one of users too.
fn in_namespace(program: &std::ffi::OsStr) -> Command {
    let mut command = Command::new("unshare");
    command
        .args(["--map-root-user", "--net", "--"])
        .arg(program);
    command
}

fn namespace_refusal() -> Option<String> {
    match in_namespace("true".as_ref()).output() {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Some(format!("`unshare` (util-linux): {error}")),
    }
}

fn run_outside(name: &str) -> Outcome {
    let program = std::env::current_exe()?;
    let output = in_namespace(program.as_os_str())
        .env(INSIDE, name)
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned().into())
}

fn run_inside(name: &str) -> ExitCode {
    let Some((_, run)) = TRIALS.iter().find(|(other, _)| *other == name) else {
        eprintln!("there is no trial `{name}`");
        return ExitCode::FAILURE;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let ended = runtime.block_on(async { run(Machine::set_up().await?).await });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            eprintln!("{}", failed.message().unwrap_or("failed"));
            ExitCode::FAILURE
        }
    }
}

/// A machine with a bridge and a default gateway, as the kernel sees it.
struct Machine {
    kernel: Handle,
    routes: Routes,
}

impl Machine {
    async fn set_up() -> Result<Self, Failed> {
        let (connection, kernel, _) = rtnetlink::new_connection()?;
        tokio::spawn(connection);
        let machine = Machine {
            kernel,
            routes: Routes::open()?,
        };
        machine.add_interface("nest0", BRIDGE).await?;
        machine.add_interface("uplink0", UPLINK).await?;
        let default = RouteMessageBuilder::<Ipv4Addr>::new().gateway(GATEWAY);
        machine.add(default.build()).await?;
        Ok(machine)
    }

    async fn add_interface(&self, name: &str, address: Ipv4Addr) -> Outcome {
        let link = self.kernel.link().add(LinkBridge::new(name).build());
        link.execute().await?;
        let index = self.index(name).await?;
        let address = self.kernel.address().add(index, address.into(), 24);
        address.execute().await?;
        let up = LinkUnspec::new_with_index(index).up().build();
        Ok(self.kernel.link().set(up).execute().await?)
    }

    async fn remove_interface(&self, name: &str) -> Outcome {
        let index = self.index(name).await?;
        Ok(self.kernel.link().del(index).execute().await?)
    }

    async fn index(&self, name: &str) -> Result<u32, Failed> {
        let links = self.kernel.link().get().match_name(name).execute();
        let found = std::pin::pin!(links).try_next().await?;
        Ok(found.ok_or("no such link")?.header.index)
    }

    async fn add(&self, route: RouteMessage) -> Outcome {
        Ok(self.kernel.route().add(route).execute().await?)
    }

    /// What the main table says of the children's subnet, in no order.
    async fn to_children(&self) -> Result<Vec<RouteMessage>, Failed> {
        let all = RouteMessageBuilder::<Ipv4Addr>::new().build();
        let all: Vec<RouteMessage> = self.kernel.route().get(all).execute().try_collect().await?;
        let wanted = to(subnet()).build();
        Ok(all
            .into_iter()
            .filter(|route| {
                route.header.destination_prefix_length == 24
                    && route.attributes.contains(&wanted.attributes[0])
            })
            .collect())
    }

    async fn ensure(&self) -> Result<(), RouteError> {
        self.routes.ensure(subnet(), NEST, "nest0").await
    }
}

fn subnet() -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(10, 66, 7, 0), 24)
}

fn to(subnet: Ipv4Net) -> RouteMessageBuilder<Ipv4Addr> {
    RouteMessageBuilder::<Ipv4Addr>::new()
        .destination_prefix(subnet.network(), subnet.prefix_len())
        .protocol(RouteProtocol::Boot)
}

fn by_the_nest() -> Option<RouteLookup> {
    Some(RouteLookup {
        interface: "nest0".to_owned(),
        gateway: Some(NEST),
        source: Some(BRIDGE),
    })
}

fn by_the_gateway() -> Option<RouteLookup> {
    Some(RouteLookup {
        interface: "uplink0".to_owned(),
        gateway: Some(GATEWAY),
        source: Some(UPLINK),
    })
}

fn guard_of_nest() -> Guard {
    Guard {
        subnet: subnet(),
        via: NEST,
        interface: "nest0".to_owned(),
    }
}

async fn routed_and_removed(machine: Machine) -> Outcome {
    let routes = &machine.routes;
    assert_eq!(routes.lookup(CHILD).await?, by_the_gateway());
    machine.ensure().await?;
    assert_eq!(routes.lookup(CHILD).await?, by_the_nest());
    assert_eq!(machine.to_children().await?.len(), 2);
    assert_eq!(routes.own_subnets().await?, [subnet()]);
    routes.remove(subnet()).await?;
    assert_eq!(machine.to_children().await?, []);
    assert_eq!(routes.own_subnets().await?, []);
    routes.remove(subnet()).await?;
    Ok(())
}

async fn second_ensure(machine: Machine) -> Outcome {
    machine.ensure().await?;
    let before = machine.to_children().await?;
    machine.ensure().await?;
    assert_eq!(machine.to_children().await?, before);
    Ok(())
}

async fn stale(machine: Machine) -> Outcome {
    let routes = &machine.routes;
    routes.ensure(subnet(), OTHER_NEST, "nest0").await?;
    machine.ensure().await?;
    assert_eq!(routes.lookup(CHILD).await?, by_the_nest());
    assert_eq!(machine.to_children().await?.len(), 2);
    Ok(())
}

async fn missing_fallback(machine: Machine) -> Outcome {
    machine.ensure().await?;
    let all = machine.to_children().await?;
    let fallback = all
        .into_iter()
        .find(|route| route.header.kind == RouteType::Unreachable)
        .ok_or("no fallback")?;
    machine.kernel.route().del(fallback).execute().await?;
    machine.ensure().await?;
    assert_eq!(machine.to_children().await?.len(), 2);
    Ok(())
}

async fn foreign(machine: Machine) -> Outcome {
    machine.add(to(subnet()).gateway(GATEWAY).build()).await?;
    let before = machine.to_children().await?;
    let error = machine.ensure().await.expect_err("somebody else's");
    let told = error.to_string();
    assert!(
        told.contains("`10.66.7.0/24 via 192.0.2.1 dev uplink0`"),
        "{told}"
    );
    machine.routes.remove(subnet()).await?;
    assert_eq!(machine.to_children().await?, before);
    Ok(())
}

async fn no_interface(machine: Machine) -> Outcome {
    machine.remove_interface("nest0").await?;
    let error = machine.ensure().await.expect_err("no bridge");
    assert!(
        matches!(&error, RouteError::NoInterface { name } if name == "nest0"),
        "{error}"
    );
    Ok(())
}

async fn bridge_goes(machine: Machine) -> Outcome {
    machine.ensure().await?;
    machine.remove_interface("nest0").await?;
    assert_eq!(machine.routes.lookup(CHILD).await?, None);
    let connecting = TcpStream::connect((CHILD, 3306));
    let error = tokio::time::timeout(Duration::from_secs(5), connecting)
        .await?
        .expect_err("nobody is there");
    assert_eq!(error.kind(), ErrorKind::HostUnreachable);
    // The bridge comes back, as with an engine that was started again.
    machine.add_interface("nest0", BRIDGE).await?;
    machine.ensure().await?;
    assert_eq!(machine.routes.lookup(CHILD).await?, by_the_nest());
    Ok(())
}

async fn guard(machine: Machine) -> Outcome {
    let guard = guard_of_nest();
    let refused = |checked: Result<Ipv4Addr, GuardError>| match checked {
        Err(GuardError::OtherWay { found, command, .. }) => (found, command),
        other => panic!("expected a refusal, found {other:?}"),
    };
    let (found, command) = refused(guard.check(CHILD).await);
    assert_eq!(found, "via 192.0.2.1 dev uplink0");
    assert_eq!(
        command,
        "sudo ip route replace 10.66.7.0/24 via 10.55.0.2 dev nest0 proto 219"
    );

    machine.ensure().await?;
    assert_eq!(guard.check(CHILD).await?, BRIDGE);
    assert_eq!(refused(guard.check(GATEWAY).await).0, "dev uplink0");

    machine.routes.ensure(subnet(), OTHER_NEST, "nest0").await?;
    assert_eq!(
        refused(guard.check(CHILD).await).0,
        "via 10.55.0.3 dev nest0"
    );

    machine.remove_interface("nest0").await?;
    assert_eq!(refused(guard.check(CHILD).await).0, "nowhere");
    Ok(())
}

/// The privilege is given up for good: this is a process of its own.
fn become_ordinary() -> Outcome {
    let mut sets = capabilities(None)?;
    sets.effective.remove(CapabilitySet::NET_ADMIN);
    Ok(set_capabilities(None, sets)?)
}

async fn not_permitted(machine: Machine) -> Outcome {
    let privileged = capabilities(None)?;
    become_ordinary()?;
    let routes = Routes::open()?;
    let error = routes
        .ensure(subnet(), NEST, "nest0")
        .await
        .expect_err("no privilege");
    assert_eq!(
        error.to_string(),
        "routes to `10.66.7.0/24` need root; run: \
         sudo ip route add unreachable 10.66.7.0/24 metric 4000000000 proto 219 && \
         sudo ip route add 10.66.7.0/24 via 10.55.0.2 dev nest0 proto 219"
    );
    assert_eq!(machine.to_children().await?, []);

    set_capabilities(None, privileged)?;
    machine.ensure().await?;
    become_ordinary()?;
    routes.ensure(subnet(), NEST, "nest0").await?;
    guard_of_nest().check(CHILD).await?;
    let error = routes.remove(subnet()).await.expect_err("no privilege");
    assert!(
        error
            .to_string()
            .contains("run: sudo ip route del 10.66.7.0/24 via 10.55.0.2 proto 219 && "),
        "{error}"
    );
    assert_eq!(machine.to_children().await?.len(), 2);
    Ok(())
}

async fn taken(machine: Machine) -> Outcome {
    let elsewhere = Ipv4Net::new_assert(Ipv4Addr::new(10, 77, 0, 0), 16);
    let route = to(elsewhere).gateway(GATEWAY).table_id(1234).build();
    machine.add(route).await?;
    let taken = machine.routes.taken().await?;
    for net in ["10.55.0.0/24", "192.0.2.0/24", "10.77.0.0/16"] {
        assert!(taken.contains(&net.parse()?), "{net} of {taken:?}");
    }
    Ok(())
}

async fn refusing(machine: Machine) -> Outcome {
    for kind in [
        RouteType::Unreachable,
        RouteType::Prohibit,
        RouteType::BlackHole,
        RouteType::Throw,
    ] {
        let route = to(subnet()).kind(kind).build();
        machine.add(route.clone()).await?;
        let way = machine.routes.lookup(CHILD).await?;
        // A thrown packet goes on to the next table; the main one is the last.
        assert_eq!(way, None, "{kind:?}");
        machine.kernel.route().del(route).execute().await?;
    }
    Ok(())
}

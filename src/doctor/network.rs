//! Checks the bridge, and whether its packets are forwarded.

use std::fs;
use std::net::Ipv4Addr;
use std::process::Stdio;
use std::time::Duration;

use dbmatrix_containers::host::{OWNER, program};
use dbmatrix_containers::route::Routes;
use ipnet::Ipv4Net;
use tokio::process::Command;
use tokio::time::timeout;

use super::firewall::{read_iptables, read_nft};
use super::ruleset::{Packet, PacketVerdict, Ruleset};
use super::snapshot::HostSnapshot;
use super::{Finding, Fix, State};

const LIMIT: Duration = Duration::from_secs(5);
/// A documentation address (RFC 5737), to ask the kernel for the default route.
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);

pub(super) async fn check_network(host: &HostSnapshot) -> Vec<Finding> {
    let (bridge, firewall) = tokio::join!(bridge(host), firewall(host));
    vec![bridge, forwarding(host), firewall]
}

fn has_link(name: &str) -> bool {
    fs::exists(format!("/sys/class/net/{name}")).unwrap_or_default()
}

async fn bridge(host: &HostSnapshot) -> Finding {
    const AT: &str = "bridge";
    let name = &host.names.bridge;
    let Some(engine) = host.engine() else {
        return match has_link(name) {
            true => Finding::ok(AT, format!("`{name}` is there; no engine was asked for it")),
            false => Finding::ok(AT, format!("`{name}` is not made yet")),
        };
    };
    let found = match engine.network(name).await {
        Ok(found) => found,
        Err(error) => return Finding::problem(AT, error.to_string()),
    };
    let remake = "`dbmatrix down --all` removes it, the next run makes it anew";
    match found {
        None if has_link(name) => Finding::problem(
            AT,
            format!("`{name}` is an interface that the engine does not know"),
        )
        .remedy(format!(
            "choose another project with `--project`, or, if it is left over: sudo ip link delete {name}"
        )),
        None => Finding::ok(AT, format!("`{name}` is not made yet")),
        Some(found) if !found.config.contains_key(OWNER) => Finding::problem(
            AT,
            format!("`{name}` was not made by dbmatrix"),
        )
        .remedy("rename it, or choose another project with `--project`"),
        Some(_) if !has_link(name) => Finding::problem(
            AT,
            format!("the engine has `{name}`, and there is no such interface"),
        )
        .remedy(format!("restart the engine, or: {remake}")),
        Some(found) => match found.config.get("ipv4.address").map(|text| text.parse::<Ipv4Net>()) {
            Some(Ok(address)) => Finding::ok(AT, format!("`{name}` with {address}")),
            _ => Finding::problem(AT, format!("`{name}` has no IPv4 subnet")).remedy(remake),
        },
    }
}

fn forwarding(host: &HostSnapshot) -> Finding {
    const AT: &str = "forwarding";
    let text = fs::read_to_string("/proc/sys/net/ipv4/ip_forward").unwrap_or_default();
    if text.trim() == "1" {
        return Finding::ok(AT, "on");
    }
    if host.nests.known().is_empty() {
        return Finding::ok(AT, "off; the engine turns it on with the bridge");
    }
    Finding::problem(AT, "off: nests reach no mirror")
        .remedy("sudo sysctl --write net.ipv4.ip_forward=1")
        .fix(Fix::Forwarding)
}

/// The output of a tool for packet filters.
enum FirewallOutput {
    Rules(Ruleset),
    /// Why there is none.
    Nothing(String),
}

async fn firewall(host: &HostSnapshot) -> Finding {
    const AT: &str = "firewall";
    let tools: Vec<&str> = ["nft", "iptables"]
        .into_iter()
        .filter(|tool| program(tool).is_some() && is_worth_asking(tool))
        .collect();
    if tools.is_empty() {
        return Finding::note(
            AT,
            "not looked at: neither `nft` nor `iptables` is installed",
        )
        .remedy("where packets are dropped by default, let the bridge's through");
    }
    if !host.is_root {
        return Finding::note(AT, "not looked at: only root can").remedy("sudo dbmatrix doctor");
    }
    let Some(outside) = default_route().await else {
        return Finding::note(AT, "not looked at: this machine has no default route");
    };
    for tool in tools {
        match list_rules(tool).await {
            FirewallOutput::Nothing(why) => {
                return Finding::note(AT, format!("`{tool}` could not be asked: {why}"));
            }
            FirewallOutput::Rules(rules) => {
                if let Some(finding) = judge(tool, &rules, host, &outside) {
                    return finding;
                }
            }
        }
    }
    let bridge = &host.names.bridge;
    Finding::ok(
        AT,
        format!("packets from `{bridge}` to `{outside}` and back are let through"),
    )
}

/// `nft` also shows the rules of `iptables`, except for the legacy kind; asking for that
/// would load it into a kernel that does not use it.
fn is_worth_asking(tool: &str) -> bool {
    let is_old_used = || {
        let tables = fs::read_to_string("/proc/net/ip_tables_names").unwrap_or_default();
        tables.lines().any(|table| table == "filter")
    };
    tool == "nft" || program("nft").is_none() || is_old_used()
}

/// The interface for packets to the internet.
async fn default_route() -> Option<String> {
    let way = Routes::open().ok()?.lookup(ELSEWHERE).await.ok()??;
    Some(way.interface)
}

async fn list_rules(tool: &str) -> FirewallOutput {
    let Some(path) = program(tool) else {
        return FirewallOutput::Nothing("it is not there".to_owned());
    };
    let mut command = Command::new(path);
    match tool {
        "nft" => command.args(["list", "ruleset"]),
        _ => command.args(["-w", "3", "-S"]),
    };
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = match timeout(LIMIT, command.output()).await {
        Err(_) => return FirewallOutput::Nothing("it does not end".to_owned()),
        Ok(Err(error)) => return FirewallOutput::Nothing(error.to_string()),
        Ok(Ok(output)) => output,
    };
    let text = String::from_utf8_lossy(&output.stdout);
    match (output.status.success(), tool) {
        (true, "nft") => FirewallOutput::Rules(read_nft(&text)),
        (true, _) => FirewallOutput::Rules(read_iptables(&text)),
        (false, _) => {
            let errors = String::from_utf8_lossy(&output.stderr);
            FirewallOutput::Nothing(errors.lines().next().unwrap_or("it failed").to_owned())
        }
    }
}

/// Finds a problem in these rules.
fn judge(tool: &str, rules: &Ruleset, host: &HostSnapshot, outside: &str) -> Option<Finding> {
    let bridge = &host.names.bridge;
    let leaving = Packet {
        input: bridge,
        output: outside,
        state: "new",
    };
    let coming = Packet {
        input: outside,
        output: bridge,
        state: "established",
    };
    let verdicts = [rules.packet_verdict(leaving), rules.packet_verdict(coming)];
    let dropped = verdicts
        .iter()
        .find(|fate| matches!(fate, PacketVerdict::Dropped { .. }));
    let unclear = verdicts
        .iter()
        .find(|fate| matches!(fate, PacketVerdict::Unclear { .. }));
    // An engine that filters with iptables allows its own bridges.
    let state = match has_link(bridge) {
        true => State::Problem,
        false => State::Note,
    };
    let packets = format!("packets from or to `{bridge}`");
    let (state, found, table, chain) = match dropped.or(unclear)? {
        PacketVerdict::Passes => return None,
        PacketVerdict::Dropped { table, chain } => {
            let found =
                format!("chain `{chain}` of `{table}` drops {packets}: nests reach no mirror");
            (state, found, table, chain)
        }
        PacketVerdict::Unclear { table, chain } => {
            let found =
                format!("chain `{chain}` of `{table}` may drop {packets}: it drops by default");
            (State::Note, found, table, chain)
        }
    };
    let way = way_through(tool, rules, table, chain, bridge);
    Some(Finding::new(state, "firewall", found).remedy(way))
}

/// Commands that allow a bridge's packets; Docker provides a chain for such rules.
fn way_through(tool: &str, rules: &Ruleset, table: &str, chain: &str, bridge: &str) -> String {
    let has_chain = |name: &str| rules.chains.iter().any(|chain| chain.name == name);
    let is_iptables = tool == "iptables" || (table == "ip filter" && chain == "FORWARD");
    if is_iptables {
        let chain = if has_chain("DOCKER-USER") {
            "DOCKER-USER"
        } else {
            chain
        };
        return format!(
            "sudo iptables -I {chain} -i {bridge} -j ACCEPT && sudo iptables -I {chain} -o {bridge} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
        );
    }
    format!(
        "sudo nft insert rule {table} {chain} iifname {bridge} accept && sudo nft insert rule {table} {chain} oifname {bridge} ct state established,related accept"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_through_is_told_in_the_words_of_who_made_the_rules() {
        let docker = read_iptables("-P FORWARD DROP\n-N DOCKER-USER\n-A FORWARD -j DOCKER-USER\n");
        let told = way_through("iptables", &docker, "ip filter", "FORWARD", "b0");
        assert!(
            told.starts_with("sudo iptables -I DOCKER-USER -i b0"),
            "{told}"
        );
        let told = way_through("nft", &Ruleset::default(), "inet filter", "forward", "b0");
        assert!(
            told.starts_with("sudo nft insert rule inet filter forward iifname b0"),
            "{told}"
        );
    }
}

//! Output of engines, servers and the machine's programs.

use bytes::Bytes;
use dbmatrix_containers::image::{read_deb822, read_sources};
use dbmatrix_containers::nest::{Memory, read_disk_usage};
use dbmatrix_engine::{
    Image, Instance, InstanceState, Reply, ServerInfo, Snapshot, read_reply, typed,
};
use dbmatrix_flavours::mysqltest::{Listing, failure, skip_reason};
use dbmatrix_flavours::server::{split_journal, time_of_cursor};

use super::{Promise, check, text};
use crate::doctor::{Packet, Ruleset, read_iptables, read_nft};

/// An engine's reply, parsed as each possible object.
pub fn engine(input: &[u8]) -> Promise {
    const WHAT: &str = "ask";
    let bytes = Bytes::copy_from_slice(input);
    let value = match read_reply(WHAT, &bytes) {
        Ok(Reply::Sync(value) | Reply::Async(_, value)) => value,
        Err(error) => {
            let _ = error.to_string();
            return Ok(());
        }
    };
    if let Ok(state) = typed::<InstanceState>(WHAT, value.clone()) {
        let _ = state.started();
    }
    if let Ok(snapshot) = typed::<Snapshot>(WHAT, value.clone()) {
        let _ = snapshot.taken();
    }
    if let Ok(instance) = typed::<Instance>(WHAT, value.clone()) {
        let _ = (instance.is_running(), instance.is_stopped());
    }
    if let Ok(server) = typed::<ServerInfo>(WHAT, value.clone()) {
        let _ = (server.title(), server.kernel());
    }
    let _ = typed::<Vec<Image>>(WHAT, value).map_err(|error| error.to_string());
    Ok(())
}

/// `nft list ruleset`, and verdicts on packets.
pub fn nft(input: &[u8]) -> Promise {
    follow(text(input).map(read_nft))
}

/// `iptables -S`, and verdicts on packets.
pub fn iptables(input: &[u8]) -> Promise {
    follow(text(input).map(read_iptables))
}

/// The same packet always gets the same verdict.
fn follow(rules: Option<Ruleset>) -> Promise {
    let Some(rules) = rules else { return Ok(()) };
    for (input, output) in [("br0", "eth0"), ("eth0", "br0")] {
        for state in ["new", "established"] {
            let packet = Packet {
                input,
                output,
                state,
            };
            let (verdict, again) = (rules.packet_verdict(packet), rules.packet_verdict(packet));
            check(verdict == again, || {
                format!("{verdict:?} and then {again:?}")
            })?;
        }
    }
    Ok(())
}

/// A server's journal: its lines are a prefix of the input.
pub fn journal(input: &[u8]) -> Promise {
    let read = String::from_utf8_lossy(input);
    let (lines, cursor) = split_journal(&read);
    check(read.contains(lines), || {
        format!("{lines:?} is no part of it")
    })?;
    let _ = cursor.and_then(time_of_cursor);
    let _ = time_of_cursor(&read);
    Ok(())
}

/// Listings by scripts in a nest: tests of servers, memory, disk.
pub fn listings(input: &[u8]) -> Promise {
    let read = String::from_utf8_lossy(input);
    let listing = Listing::read(&read);
    for name in listing.names() {
        let _ = listing.obstacle(name);
    }
    let _ = (failure(&read), skip_reason(&read), Memory::read(&read));
    for line in read.lines() {
        let _ = read_disk_usage(line);
    }
    Ok(())
}

/// The machine's package sources, in both styles.
pub fn sources(input: &[u8]) -> Promise {
    if let Some(text) = text(input) {
        let _ = (read_sources(text), read_deb822(text));
    }
    Ok(())
}

//! Ensures that nothing is sent to a port of this machine unless the engine's proxy
//! listens on it.
//!
//! While a nest is stopped, or its proxy was killed, any program may take the port that
//! led to a server. The kernel reports the owner of a listening socket, and a proxy's
//! command line contains the address that it forwards.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};

use super::GuardError;

/// The kernel's table of TCP sockets (proc_net_tcp in the kernel's documentation).
const SOCKETS: &str = "/proc/net/tcp";
/// The state of a listening socket in it.
const LISTENS: &str = "0A";
/// The engine's name for the program behind a proxy device.
const PROXY: &str = "forkproxy";

/// Checks that the engine's proxy listens on `address`.
///
/// # Errors
/// [`GuardError::OtherListener`], which names the listener.
pub(super) fn check(address: SocketAddr) -> Result<(), GuardError> {
    let other = |found: String| GuardError::OtherListener { address, found };
    let sockets = fs::read_to_string(SOCKETS).map_err(|error| other(error.to_string()))?;
    match listener(&sockets, address) {
        None => Err(other("nobody".to_owned())),
        Some(0) if has_proxy(address) => Ok(()),
        Some(0) => Err(other("another program of root's".to_owned())),
        Some(user) => Err(other(format!("a program of the user with id {user}"))),
    }
}

/// The user whose socket listens on an address.
fn listener(sockets: &str, address: SocketAddr) -> Option<u32> {
    let SocketAddr::V4(address) = address else {
        return None;
    };
    // The table contains the address as the number that it is in memory.
    let number = u32::from_ne_bytes(address.ip().octets());
    let all = u32::from(Ipv4Addr::UNSPECIFIED);
    let exact = format!("{number:08X}:{:04X}", address.port());
    let any = format!("{all:08X}:{:04X}", address.port());
    let of = |local: &str| {
        sockets.lines().find_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            match fields.as_slice() {
                [_, at, _, state, _, _, _, user, ..] if *at == local && *state == LISTENS => {
                    user.parse().ok()
                }
                _ => None,
            }
        })
    };
    of(&exact).or_else(|| of(&any))
}

/// Whether a proxy that forwards `address` is running. If the system hides other users'
/// processes, the socket's owner must suffice.
fn has_proxy(address: SocketAddr) -> bool {
    let Ok(processes) = fs::read_dir("/proc") else {
        return false;
    };
    let is_hidden = fs::metadata("/proc/1").is_err();
    is_hidden
        || processes
            .flatten()
            .filter_map(|process| fs::read(process.path().join("cmdline")).ok())
            .any(|line| is_proxy(&line, address))
}

fn is_proxy(command_line: &[u8], address: SocketAddr) -> bool {
    let listens = format!("tcp:{address}");
    let mut words = command_line.split(|byte| *byte == 0);
    words.nth(1) == Some(PROXY.as_bytes()) && words.any(|word| word == listens.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:5FB1 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 597204 1
   1: 0100007F:5FB2 0100007F:9A04 06 00000000:00000000 03:00000E75 00000000     0        0 0 3
   2: 0100007F:5FB3 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 597205 1
   3: 00000000:5FB4 00000000:0000 0A 00000000:00000000 00:00000000 00000000    33        0 597206 1
";

    fn port(port: u16) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, port))
    }

    #[test]
    fn the_owner_of_a_listening_socket_is_found() {
        let found = [24497, 24498, 24499, 24500].map(|at| listener(TABLE, port(at)));
        assert_eq!(found, [Some(0), None, Some(1000), Some(33)]);
    }

    #[test]
    fn a_proxy_is_known_by_the_address_that_it_passes_on() {
        let words = "/usr/bin/lxd forkproxy -- 115 4 tcp:127.0.0.1:24497 266 3 tcp:10.2.1.11:3306";
        let line = words.replace(' ', "\0").into_bytes();
        assert!(is_proxy(&line, port(24497)));
        assert!(!is_proxy(&line, port(2449)));
        assert!(!is_proxy(b"nc\x00-l\x00tcp:127.0.0.1:24497", port(24497)));
    }

    #[test]
    fn nothing_goes_to_a_program_that_is_no_proxy() {
        let held = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = held.local_addr().expect("its address");
        let refused = check(address).expect_err("this test is no proxy");
        assert!(refused.to_string().contains("program of"), "{refused}");
        drop(held);
        let refused = check(address).expect_err("nobody listens");
        assert!(refused.to_string().contains("found nobody"), "{refused}");
    }
}

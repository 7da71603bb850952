//! A plain TCP relay, as a proxy before a server is one.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// Passes on what comes, until it is cut.
pub(crate) struct Relay {
    pub(crate) port: u16,
    is_cut: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Relay {
    /// To a port of this machine. A client that sends `trigger` cuts it: all
    /// connections end, and no new one is passed on.
    pub(crate) fn to(port: u16, trigger: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let relay = Relay {
            port: listener.local_addr().expect("its address").port(),
            is_cut: Arc::default(),
            open: Arc::default(),
        };
        let (is_cut, open) = (Arc::clone(&relay.is_cut), Arc::clone(&relay.open));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if is_cut.load(Ordering::SeqCst) {
                    continue;
                }
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else {
                    continue;
                };
                let both = [client, server];
                let mut all = open.lock().expect("no thread panics");
                all.extend(both.iter().map(|one| one.try_clone().expect("a stream")));
                drop(all);
                let [client, server] = both;
                let back = (server.try_clone(), client.try_clone());
                let (is_cut, open) = (Arc::clone(&is_cut), Arc::clone(&open));
                std::thread::spawn(move || {
                    pass_on(client, server, |bytes| {
                        let Some(trigger) = trigger else { return };
                        if bytes
                            .windows(trigger.len())
                            .any(|part| part == trigger.as_bytes())
                        {
                            is_cut.store(true, Ordering::SeqCst);
                            for one in open.lock().expect("no thread panics").iter() {
                                let _ = one.shutdown(Shutdown::Both);
                            }
                        }
                    });
                });
                if let (Ok(server), Ok(client)) = back {
                    std::thread::spawn(move || pass_on(server, client, |_| {}));
                }
            }
        });
        relay
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, look: impl Fn(&[u8])) {
    let mut buffer = [0; 16 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        look(&buffer[..count]);
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

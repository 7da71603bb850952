//! The real program, as a child of the test instead of a container's.

use std::pin::pin;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dbmatrix_platform::socket::AsyncListener;
use futures_util::StreamExt;
use futures_util::future::join_all;
use rand::{Rng, SeedableRng};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::time::timeout;
use tokio_util::io::ReaderStream;

use super::program::{Output, PROGRAM, feed, read};
use super::{Relay, RelayTarget, Shared, WINDOW};

const PATIENCE: Duration = Duration::from_secs(30);

async fn relay() -> (Relay, Child) {
    let mut child = Command::new("perl")
        .args(["-e", PROGRAM, &WINDOW.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("perl");
    let output = ReaderStream::new(child.stdout.take().expect("its output"));
    let output = output.map(|bytes| bytes.map_err(|error| error.to_string()));
    let mut output = Output::new(output.boxed());
    assert!(output.hello().await.expect("a frame"));
    let (shared, sent) = Shared::new("nest");
    let input = child.stdin.take().expect("its input");
    let input = futures_util::sink::unfold(input, async |mut input, bytes: Bytes| {
        input.write_all(&bytes).await?;
        Ok::<_, std::io::Error>(input)
    });
    tokio::spawn(async move { feed(sent, pin!(input)).await });
    let reading = Arc::clone(&shared);
    tokio::spawn(read(reading, output, async { "it was killed".to_owned() }));
    (Relay(shared), child)
}

/// A server that treats each connection so.
async fn server<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> RelayTarget
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    RelayTarget::Port(address)
}

/// Says back whatever it hears, to the end.
async fn echo() -> RelayTarget {
    server(async |mut stream: TcpStream| {
        let (mut from, mut to) = stream.split();
        let _ = tokio::io::copy(&mut from, &mut to).await;
    })
    .await
}

/// Bytes that no other seed has.
fn bytes_of(seed: u64, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    rand::rngs::SmallRng::seed_from_u64(seed).fill_bytes(&mut bytes);
    bytes
}

#[tokio::test]
async fn hundreds_of_connections_are_never_mixed() {
    let (relay, _child) = relay().await;
    let target = echo().await;
    let all = (0..300).map(async |seed| {
        let sent = bytes_of(seed, 1000 + 700 * usize::try_from(seed).expect("small"));
        let stream = relay.open(&target).await.expect("a connection");
        let (mut from, mut to) = tokio::io::split(stream);
        let mut heard = Vec::new();
        let send = async {
            to.write_all(&sent).await.expect("it is sent");
            to.shutdown().await.expect("it is ended");
        };
        let (_, read) = tokio::join!(send, from.read_to_end(&mut heard));
        read.expect("it is read");
        assert!(heard == sent, "connection {seed} heard something else");
    });
    timeout(PATIENCE, join_all(all)).await.expect("in time");
    assert!(relay.0.table().open.is_empty(), "all have ended");
}

#[tokio::test]
async fn a_connection_that_nobody_reads_delays_no_other_and_loses_nothing() {
    const COUNT: usize = 5 * WINDOW;
    let (relay, _child) = relay().await;
    let flood = server(async |mut stream: TcpStream| {
        let _ = stream.write_all(&bytes_of(1, COUNT)).await;
    })
    .await;
    let mut unread = relay.open(&flood).await.expect("a connection");
    let target = echo().await;
    for turn in 0..50 {
        let mut other = relay.open(&target).await.expect("a connection");
        let sent = bytes_of(turn, 40_000);
        other.write_all(&sent).await.expect("it is sent");
        let mut heard = vec![0; sent.len()];
        let read = timeout(PATIENCE, other.read_exact(&mut heard)).await;
        read.expect("in time").expect("it is read");
        assert!(heard == sent);
    }
    let mut heard = Vec::new();
    let read = timeout(PATIENCE, unread.read_to_end(&mut heard)).await;
    read.expect("in time").expect("it is read");
    assert!(heard == bytes_of(1, COUNT));
}

#[tokio::test]
async fn a_server_that_does_not_read_stops_its_sender_alone() {
    let (relay, _child) = relay().await;
    let deaf = server(async |stream: TcpStream| {
        tokio::time::sleep(PATIENCE).await;
        drop(stream);
    })
    .await;
    let mut stream = relay.open(&deaf).await.expect("a connection");
    let sent = stream.write_all(&[0; 40 * WINDOW]);
    assert!(timeout(Duration::from_millis(500), sent).await.is_err());
    let mut other = relay.open(&echo().await).await.expect("a connection");
    other.write_all(b"hello").await.expect("it is sent");
    let mut heard = [0; 5];
    let read = timeout(PATIENCE, other.read_exact(&mut heard)).await;
    read.expect("in time").expect("it is read");
    assert_eq!(&heard, b"hello");
}

#[tokio::test]
async fn a_port_without_a_server_is_told() {
    let (relay, _child) = relay().await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let target = RelayTarget::Port(listener.local_addr().expect("its address"));
    drop(listener);
    let error = relay.open(&target).await.expect_err("nobody listens");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    assert_eq!(error.to_string(), "Connection refused");
    assert!(!relay.has_ended());
}

#[tokio::test]
async fn a_unix_socket_is_reached_too() {
    let (relay, _child) = relay().await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("socket");
    let listener = AsyncListener::bind(&path).expect("a socket");
    let target = RelayTarget::Socket(path.display().to_string());
    let (stream, accepted) = tokio::join!(relay.open(&target), listener.accept());
    let (mut stream, (mut server, _)) = (stream.expect("open"), accepted.expect("a client"));
    server.write_all(b"hello").await.expect("it is sent");
    drop(server);
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).await.expect("it is read");
    assert_eq!(heard, b"hello");
    let none = RelayTarget::Socket(folder.path().join("none").display().to_string());
    let error = relay.open(&none).await.expect_err("there is none");
    assert_eq!(error.to_string(), "No such file or directory");
}

#[tokio::test]
async fn a_broken_relay_ends_each_connection_with_the_reason_and_no_earlier() {
    let (relay, mut child) = relay().await;
    let target = echo().await;
    let mut stream = relay.open(&target).await.expect("a connection");
    stream.write_all(b"hello").await.expect("it is sent");
    let mut heard = [0; 5];
    stream.read_exact(&mut heard).await.expect("it is read");
    let waiting = relay.open(&target).await.expect("a connection");
    child.kill().await.expect("it is killed");
    for mut stream in [stream, waiting] {
        let read = timeout(PATIENCE, stream.read(&mut heard)).await;
        let error = read.expect("in time").expect_err("no end of a stream");
        let told = error.to_string();
        assert!(
            told.contains("the relay into `nest` has ended (it was killed)"),
            "{told}"
        );
        let error = stream.write_all(b"more").await.expect_err("no relay");
        assert!(error.to_string().contains("it was killed"), "{error}");
    }
    assert!(relay.has_ended());
    let error = relay.open(&target).await.expect_err("no relay");
    assert!(error.to_string().contains("it was killed"), "{error}");
}

#[tokio::test]
async fn a_connection_that_is_dropped_ends_at_the_server_too() {
    let (relay, _child) = relay().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let target = RelayTarget::Port(listener.local_addr().expect("its address"));
    let stream = relay.open(&target).await.expect("a connection");
    let (mut server, _) = listener.accept().await.expect("a client");
    drop(stream);
    let mut heard = Vec::new();
    let read = timeout(PATIENCE, server.read_to_end(&mut heard)).await;
    read.expect("in time").expect("it is read");
    assert!(heard.is_empty());
}

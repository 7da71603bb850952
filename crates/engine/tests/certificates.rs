//! An engine over HTTPS with certificates that are right, wrong, unknown and out of date.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dbmatrix_engine::{CertificateProblem, Engine, EngineError, Remote, RemoteError};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A certificate with its key.
struct Pair {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

fn pair(last_year: i32) -> Pair {
    let mut wanted = CertificateParams::new(["engine".to_owned()]).expect("a name");
    wanted.not_before = date_time_ymd(2020, 1, 1);
    wanted.not_after = date_time_ymd(last_year, 1, 1);
    let key = KeyPair::generate().expect("a key");
    let certificate = wanted.self_signed(&key).expect("a certificate");
    Pair { certificate, key }
}

/// An engine that trusts everybody, and counts its requests.
struct Fake {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
}

async fn engine(pair: &Pair) -> Fake {
    let key = PrivateKeyDer::try_from(pair.key.serialize_der()).expect("a key");
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("usual versions")
        .with_no_client_auth()
        .with_single_cert(vec![pair.certificate.der().clone()], key);
    let acceptor = TlsAcceptor::from(Arc::new(config.expect("a pair")));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let requests = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&requests);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut request = [0; 1024];
            if !matches!(stream.read(&mut request).await, Ok(1..)) {
                continue;
            }
            counted.fetch_add(1, Ordering::Relaxed);
            let body = r#"{"type":"sync","metadata":{"auth":"trusted"}}"#;
            let length = body.len();
            let reply = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}");
            let _ = stream.write_all(reply.as_bytes()).await;
        }
    });
    Fake { address, requests }
}

/// A client's folder.
struct Client {
    folder: TempDir,
}

impl Client {
    fn new(own: &Pair) -> Self {
        let client = Client {
            folder: tempfile::tempdir().expect("a folder"),
        };
        client.write("me.crt", &own.certificate.pem());
        client.write("me.key", &own.key.serialize_pem());
        client
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("a file");
    }

    fn open(&self, fake: &Fake) -> Result<Engine, RemoteError> {
        Engine::remote(&Remote {
            address: format!("https://{}", fake.address),
            certificate: self.path("lab.crt"),
            client_certificate: self.path("me.crt"),
            client_key: self.path("me.key"),
        })
    }

    /// The error of a request, before which nothing was sent.
    async fn refused(&self, fake: &Fake) -> EngineError {
        let asked = self.open(fake).expect("a client").server_info().await;
        assert_eq!(fake.requests.load(Ordering::Relaxed), 0);
        asked.expect_err("a certificate that is not accepted")
    }
}

fn problem(error: &EngineError) -> &CertificateProblem {
    match error {
        EngineError::Certificate { problem, .. } => problem,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn the_configured_certificate_is_accepted() {
    let right = pair(4000);
    let (fake, client) = (engine(&right).await, Client::new(&pair(4000)));
    client.write("lab.crt", &right.certificate.pem());
    let info = client.open(&fake).expect("a client").server_info().await;
    assert_eq!(info.expect("an answer").auth, "trusted");
}

#[tokio::test]
async fn another_certificate_is_told_with_both_fingerprints() {
    let (fake, client) = (engine(&pair(4000)).await, Client::new(&pair(4000)));
    client.write("lab.crt", &pair(4000).certificate.pem());
    let error = client.refused(&fake).await;
    let CertificateProblem::Other {
        expected, shown, ..
    } = problem(&error)
    else {
        panic!("{error}");
    };
    assert_ne!(expected, shown);
    let told = error.to_string();
    assert!(told.contains(expected) && told.contains(shown), "{told}");
    assert!(told.contains("lab.crt") && !told.contains('\n'), "{told}");
}

#[tokio::test]
async fn a_certificate_that_is_not_configured_is_told_and_not_trusted() {
    let (fake, client) = (engine(&pair(4000)).await, Client::new(&pair(4000)));
    let error = client.refused(&fake).await;
    let CertificateProblem::Unknown { shown, .. } = problem(&error) else {
        panic!("{error}");
    };
    assert_eq!(shown.len(), 64);
    assert!(error.to_string().contains(shown), "{error}");
    assert!(!client.path("lab.crt").exists());
}

#[tokio::test]
async fn an_expired_certificate_of_the_engine_is_told_with_its_date() {
    let expired = pair(2021);
    let (fake, client) = (engine(&expired).await, Client::new(&pair(4000)));
    client.write("lab.crt", &expired.certificate.pem());
    let told = client.refused(&fake).await.to_string();
    assert!(told.contains("expired on 2021-01-01T00:00:00Z"), "{told}");
}

#[tokio::test]
async fn an_expired_certificate_of_the_client_is_told_with_its_date() {
    let right = pair(4000);
    let (fake, client) = (engine(&right).await, Client::new(&pair(2021)));
    client.write("lab.crt", &right.certificate.pem());
    let told = client.open(&fake).expect_err("an expired one").to_string();
    assert!(told.contains("me.crt"), "{told}");
    assert!(told.contains("expired on 2021-01-01T00:00:00Z"), "{told}");
}

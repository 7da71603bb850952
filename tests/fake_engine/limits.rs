//! Limits of a nest: when the engine gets them, and what dbmatrix says where they do not hold.

use std::net::Ipv4Addr;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::Duration;

use dbmatrix_containers::host::{EngineProject, Names};
use dbmatrix_containers::image::{BaseImage, Builder, ImageOrigin};
use dbmatrix_containers::nest::{
    Access, Nest, NestError, NestLimits, NestSettings, UnmetLimit, nest_image,
};

use super::listing::{PROJECT, put_nest_at};
use super::nested::nest;
use super::state::Stateful;
use super::trouble::Trouble;

/// The key that the first version derived from [`settings`].
const KEY: &str = "bfb81b23350576f0";
const LIMITS: NestLimits = NestLimits {
    cpus: Some(1),
    memory: Some(3 << 30),
};

fn settings(image: ImageOrigin) -> NestSettings {
    NestSettings {
        name: "m".to_owned(),
        limits: LIMITS,
        privileged: false,
        access: Access::Proxy,
        made_of: nest_image(&image),
        image,
    }
}

fn built() -> ImageOrigin {
    ImageOrigin::Built(BaseImage {
        suite: "trixie".to_owned(),
        packages: Vec::new(),
        mirror: None,
        check_valid_until: None,
    })
}

async fn ensure(host: &Stateful, settings: &NestSettings) -> Result<Nest, NestError> {
    let ground = EngineProject {
        engine: host.engine(),
        names: Names::of(PROJECT),
        subnet: "10.99.0.0/24".parse().expect("a subnet"),
        address: Ipv4Addr::new(10, 99, 0, 1),
        copy_on_write: true,
    };
    let nowhere = Builder::new("/nonexistent");
    Nest::ensure(&ground, settings, &nowhere, &|_| ()).await
}

/// A nest that was made without limits, and the engine in it.
fn unlimited(status: &'static str) -> (Stateful, Stateful, PathBuf) {
    let (host, inner) = (Stateful::start(), Stateful::start());
    let socket = inner.socket().with_extension("link");
    put_nest_at(&host, "m", status, &socket);
    host.put_settings("m", &[("user.dbmatrix.key", KEY), ("limits.cpu", "4")]);
    (host, inner, socket)
}

fn place(host: &Stateful, act: &str) -> usize {
    let acts = host.acts();
    let found = acts.iter().position(|heard| heard == act);
    found.unwrap_or_else(|| panic!("expected `{act}`, found {acts:?}"))
}

#[tokio::test]
async fn a_new_nest_has_its_limits_before_it_starts() {
    let host = Stateful::start();
    host.once("start m", Trouble::Failed("no start today"));
    let image = ImageOrigin::Server {
        server: "https://images.example".to_owned(),
        alias: "debian".to_owned(),
    };
    let ended = ensure(&host, &settings(image)).await;
    assert!(ended.is_err(), "it cannot have started");
    assert_eq!(host.setting("m", "limits.cpu"), "1");
    assert_eq!(host.setting("m", "limits.memory"), "3221225472B");
    assert_eq!(host.record("m", "access"), "proxy");
    assert!(place(&host, "make m") < place(&host, "start m"));
    assert_eq!(host.heard("set m"), 0);
}

#[tokio::test]
async fn a_stopped_nest_has_its_limits_before_it_starts() {
    let (host, inner, socket) = unlimited("Stopped");
    // The engine in the nest listens once the nest runs.
    let listens = async {
        while host.heard("start m") == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        symlink(inner.socket(), &socket).expect("a socket");
    };
    let settings = settings(built());
    let (nest, ()) = tokio::join!(ensure(&host, &settings), listens);
    nest.expect("a nest");
    assert_eq!(host.setting("m", "limits.cpu"), "1");
    assert!(place(&host, "set m") < place(&host, "start m"));
}

#[tokio::test]
async fn limits_that_are_set_are_not_set_again() {
    let (host, inner, socket) = unlimited("Running");
    symlink(inner.socket(), &socket).expect("a socket");
    let settings = settings(built());
    ensure(&host, &settings).await.expect("a nest");
    let told = host.heard("set m");
    ensure(&host, &settings).await.expect("a nest");
    assert_eq!(host.heard("set m"), told);
}

#[tokio::test]
async fn limits_in_effect_are_not_told_again() {
    let (host, ..) = unlimited("Running");
    host.write("cpuset.cpus.effective 1\nmemory.max 3221225472\n");
    let unmet = nest(host.engine()).unmet_limits(LIMITS).await;
    assert_eq!(unmet.expect("an answer"), []);
    assert_eq!(host.changes(), 0);
}

#[tokio::test]
async fn a_nest_with_other_processors_is_told_again_and_then_reported() {
    let (host, ..) = unlimited("Running");
    host.write("cpuset.cpus.effective 900-901\nmemory.max max\n");
    let unmet = nest(host.engine()).unmet_limits(LIMITS).await;
    let expected = [
        UnmetLimit::Cpus {
            expected: 1,
            found: Some(2),
        },
        UnmetLimit::Memory {
            expected: 3 << 30,
            found: None,
        },
    ];
    assert_eq!(unmet.expect("an answer"), expected);
    assert_eq!(host.heard("set m"), 2);
    assert_eq!(host.setting("m", "limits.cpu"), "1");
}

#[tokio::test]
async fn a_nest_without_limits_is_not_looked_at() {
    let (host, ..) = unlimited("Running");
    let none = NestLimits::default();
    let unmet = nest(host.engine()).unmet_limits(none).await;
    assert_eq!(unmet.expect("an answer"), []);
    assert!(host.acts().is_empty());
}

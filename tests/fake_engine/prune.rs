//! `prune` when engines misbehave: what is used stays, and what could not be
//! removed goes the next time.

use std::process::{Command, Output, Stdio};

use dbmatrix_containers::host::run_folder;
use dbmatrix_containers::nest::{NestError, Pruned, Pruning, prune};
use dbmatrix_engine::config;
use dbmatrix_flavours::matrix::Matrix;
use dbmatrix_flavours::provision::template_key;

use super::nested::nest;
use super::state::Stateful;
use super::trouble::Trouble;

/// A host with a nest `m`, and the nest's engine.
struct Machine {
    host: Stateful,
    inner: Stateful,
}

impl Machine {
    /// Flavour `used` came from the golden child of key `used`; all else in the
    /// nest is used by nobody.
    fn start() -> Self {
        let (host, inner) = (Stateful::start(), Stateful::start());
        let nest = [
            ("address", "10.99.0.10"),
            ("subnet", "10.99.1.0/24"),
            ("password", "x"),
        ];
        host.put("m", "Running", &nest);
        let listen = format!("unix:{}", inner.socket().display());
        host.put_device("m", "dbmatrix-engine", config([("listen", &listen)]));
        for key in ["idle", "kept", "used"] {
            let server = [("server", "mysql:9.7"), ("version", key)];
            let golden = [("golden", "true"), ("key", key)];
            let name = format!("golden--{key}");
            inner.put(&name, "Stopped", &[server, golden].concat());
            inner.put_image(&format!("of-{key}"));
            inner.base(&name, &format!("of-{key}"));
        }
        inner.put("used", "Running", &[("flavour", "used"), ("key", "used")]);
        for key in ["used", "idle"] {
            let server = [("server", "mysql:9.7"), ("version", key)];
            let ahead = [("flavour", key), ("ahead", "true"), ("key", key)];
            let name = format!("{key}--twin");
            inner.put(&name, "Stopped", &[&server[..], &ahead[..]].concat());
        }
        inner.put("half", "Running", &[("stage", "making"), ("key", "used")]);
        inner.put_foreign("theirs");
        // As `incus copy golden--idle mine` leaves it.
        let golden = [("golden", "true"), ("key", "idle"), ("version", "mine")];
        inner.put("mine", "Stopped", &golden);
        inner.put_volume("packages-debian");
        inner.put_volume("theirs");
        Machine { host, inner }
    }

    async fn prune(&self, wanted: &[&str], pruning: Pruning) -> Result<Vec<String>, NestError> {
        let wanted: Vec<String> = wanted.iter().map(|key| (*key).to_owned()).collect();
        let nest = nest(self.inner.engine());
        let pruned = prune(&self.host.engine(), &nest, &wanted, pruning).await?;
        let told = |one: Pruned| match one.disk {
            Some(bytes) => format!("{}, {bytes}", one.what),
            None => one.what,
        };
        Ok(pruned.into_iter().map(told).collect())
    }
}

/// What is used, and what is not ours.
const LEFT: [&str; 5] = [
    "golden--used: stopped, golden",
    "mine: stopped, golden",
    "theirs: running",
    "used: running",
    "used--twin: stopped, ahead",
];

const GONE: [&str; 6] = [
    "golden child of mysql:9.7 (idle)",
    "golden child of mysql:9.7 (kept)",
    "incomplete container `half`",
    "copy made ahead of mysql:9.7 (idle)",
    "image `the image of-idle`",
    "image `the image of-kept`",
];

#[tokio::test(start_paused = true)]
async fn what_nothing_uses_goes_and_all_else_stays() {
    let machine = Machine::start();
    let pruned = machine.prune(&[], Pruning::Remove).await.expect("a list");
    assert_eq!(pruned, GONE);
    assert_eq!(machine.inner.there(), LEFT);
    assert_eq!(machine.inner.images(), ["of-used"]);
    assert_eq!(machine.inner.volumes(), ["theirs"]);
    let again = machine.prune(&[], Pruning::Remove).await.expect("a list");
    assert!(again.is_empty(), "{again:?}");
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_tells_the_same_and_removes_nothing() {
    let machine = Machine::start();
    let before = machine.inner.there();
    let told = machine.prune(&[], Pruning::Tell).await.expect("a list");
    assert_eq!(told, GONE);
    assert_eq!(machine.inner.changes() + machine.host.changes(), 0);
    assert_eq!(machine.inner.there(), before);
    assert_eq!(machine.inner.images(), ["of-idle", "of-kept", "of-used"]);
    assert_eq!(machine.inner.volumes(), ["packages-debian", "theirs"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_wanted_stays_with_its_image() {
    let machine = Machine::start();
    machine.inner.put(
        "half-kept",
        "Stopped",
        &[("stage", "making"), ("key", "kept")],
    );
    let pruned = machine.prune(&["kept"], Pruning::Remove).await;
    let pruned = pruned.expect("a list").join("\n");
    assert!(!pruned.contains("(kept)"), "{pruned}");
    assert!(pruned.contains("`half-kept`"), "half of it helps nobody");
    let mut left = LEFT.to_vec();
    left.insert(0, "golden--kept: stopped, golden");
    assert_eq!(machine.inner.there(), left);
    assert_eq!(machine.inner.images(), ["of-kept", "of-used"]);
}

#[tokio::test(start_paused = true)]
async fn the_disk_that_was_a_containers_own_is_told() {
    let machine = Machine::start();
    let line = "900 112 788 golden--idle\n";
    machine.host.write(line);
    let told = machine.prune(&[], Pruning::Tell).await.expect("a list");
    assert_eq!(told[0], "golden child of mysql:9.7 (idle), 112");
}

#[tokio::test(start_paused = true)]
async fn an_error_in_the_middle_is_told_and_leaves_the_rest_for_the_next_time() {
    let steps = [
        "remove golden--kept",
        "kill half",
        "list images",
        "remove image of-kept",
        "list volumes",
        "remove volume packages-debian",
    ];
    for step in steps {
        let machine = Machine::start();
        let trouble = Trouble::Refused(500, "the disk is gone");
        machine.inner.always(step, trouble);
        let failed = machine.prune(&[], Pruning::Remove).await;
        let failed = failed.expect_err(step).to_string();
        let is_told = failed.contains("the disk is gone") || failed.contains("is running");
        assert!(is_told, "{step}: {failed}");
        let there = machine.inner.there();
        assert!(LEFT.iter().all(|left| there.iter().any(|one| one == left)));
        machine.inner.recover();
        let rest = machine.prune(&[], Pruning::Remove).await;
        rest.expect("a list");
        assert_eq!(machine.inner.there(), LEFT, "{step}");
        assert_eq!(machine.inner.images(), ["of-used"], "{step}");
        assert_eq!(machine.inner.volumes(), ["theirs"], "{step}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_container_that_stays_keeps_those_after_it_and_its_image() {
    let machine = Machine::start();
    let trouble = Trouble::Failed("device or resource busy");
    machine.inner.always("remove golden--kept", trouble);
    let failed = machine.prune(&[], Pruning::Remove).await;
    failed.expect_err("a failure");
    let there = machine.inner.there();
    assert!(there.contains(&"golden--kept: stopped, golden".to_owned()));
    assert!(there.contains(&"half: running, incomplete".to_owned()));
    assert!(!there.contains(&"golden--idle: stopped, golden".to_owned()));
    assert_eq!(machine.inner.images(), ["of-idle", "of-kept", "of-used"]);
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_hangs_up_once_is_asked_again() {
    for trouble in [Trouble::Lost, Trouble::LostAfterwards] {
        let machine = Machine::start();
        machine.inner.once("remove golden--idle", trouble);
        let pruned = machine.prune(&[], Pruning::Remove).await.expect("a list");
        assert_eq!(pruned, GONE);
        assert_eq!(machine.inner.there(), LEFT);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_goes_where_what_is_there_cannot_be_told() {
    let machine = Machine::start();
    machine.inner.once("list", Trouble::Lost);
    machine.host.once("run in m", Trouble::Refused(500, "no"));
    for _ in 0..2 {
        let failed = machine.prune(&[], Pruning::Remove).await;
        failed.expect_err("a failure");
        assert_eq!(machine.inner.changes(), 0);
    }
}

/// Runs the program against the machine; root is needed to come that far.
fn program(machine: &Machine, arguments: &[&str]) -> Option<Output> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let output = Command::new(env!("CARGO_BIN_EXE_dbmatrix"))
        .args(["prune", "--project", "dbmatrix-prune"])
        .args(arguments)
        .env("DBMATRIX_ENGINE", machine.host.socket())
        .stdin(Stdio::null())
        .output();
    Some(output.expect("the program runs"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_keeps_what_a_matrix_would_use() {
    let machine = Machine::start();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("m.toml");
    let text = "[[flavour]]\nserver = 'mariadb:10.11'\nimage = 'images:debian/12'\n";
    std::fs::write(&path, text).expect("a matrix");
    let matrix = Matrix::load(&path).expect("a matrix");
    let key = template_key(matrix.flavours[0].managed().expect("it is made"));
    let golden = [("golden", "true"), ("key", key.as_str())];
    machine.inner.put("golden--matrix", "Stopped", &golden);
    let mut left = LEFT.map(str::to_owned).to_vec();
    left.insert(0, "golden--matrix: stopped, golden".to_owned());
    let path = path.to_string_lossy().into_owned();
    let before = machine.inner.there();
    let runs: [(&[&str], &[String]); 2] = [
        (&["--dry-run", "--keep", &path], &before),
        (&["--keep", &path], &left),
    ];
    for (arguments, expected) in runs {
        let ran = tokio::task::block_in_place(|| program(&machine, arguments));
        let Some(output) = ran else { return };
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{stderr}");
        assert_eq!(machine.inner.there(), expected, "{arguments:?}");
    }
    let _ = std::fs::remove_file(run_folder().join("dbmatrix-prune-m.lock"));
}

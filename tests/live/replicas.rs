//! Flavours of several servers.

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
        "connection replica\nstatement ok\nINSERT INTO shop.item VALUES (7)\n\n\
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
    let mut roles: Vec<(&str, &str)> = roles.collect();
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

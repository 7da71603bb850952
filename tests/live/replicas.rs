//! Flavours of several servers.

use crate::Outcome;
use crate::sandbox::{Sandbox, check, text};

/// Statements go to the source, some questions to its replicas; a replica that stops fails
/// the file with its own error; all members can be reached, and go with their flavour.
pub(crate) fn follow(sandbox: &Sandbox) -> Outcome {
    sandbox.file(
        "schema.sql",
        "CREATE DATABASE shop;\nCREATE TABLE shop.item (id INT PRIMARY KEY);\n\
         INSERT INTO shop.item VALUES (1);\n",
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
    let matrix = |file: &str| {
        let body = format!(
            "[[flavour]]\nname = \"move\"\nserver = \"mariadb:10.5\"\nsetup = [\"schema.sql\"]\n\
             replicas = [{{ server = \"mariadb:11.8\" }}]\n\
             [[suite]]\nname = \"files\"\nfiles = [\"{file}\"]\n\
             [[suite]]\nname = \"command\"\n\
             command = [\"sh\", \"-c\", \"echo $DBMATRIX_REPLICA_URL_1 | grep -q ^mysql://root:\"]\n"
        );
        sandbox.matrix("replicas.toml", &body)
    };
    let path = matrix("follows.slt");
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
    let stopped = matrix("stops.slt");
    sandbox
        .run(&["run", text(&stopped), "--suite", "files"])
        .expect(1)?
        .says("replication has stopped")?
        .says("1062")?;
    let deleted = matrix("follows.slt");
    sandbox
        .run(&["run", text(&deleted), "--after", "delete", "--wait"])
        .expect(0)?;
    let listed = sandbox.run(&["list"]).expect(0)?;
    check(!listed.stdout.contains("move"), listed.stdout)
}

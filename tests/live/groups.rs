//! Flavours whose servers are a group or a cluster.

use crate::Outcome;
use crate::sandbox::{Sandbox, check, text};

/// MySQL's group replication and a Galera cluster, three servers each: statements reach all
/// members, one that was stopped comes back, one that is harmed fails the file with its own
/// status, and after a stop of all members `up` brings them together again.
pub(crate) fn come_together(sandbox: &Sandbox) -> Outcome {
    sandbox.file(
        "schema.sql",
        "CREATE DATABASE shop;\nCREATE TABLE shop.item (id INT PRIMARY KEY);\n\
         INSERT INTO shop.item VALUES (1);\n",
    );
    sandbox.file(
        "together.slt",
        "statement ok\nINSERT INTO shop.item VALUES (2)\n\n\
         connection replica\nquery I\nSELECT SUM(id) FROM shop.item\n----\n3\n\n\
         # dbmatrix: stop replica-2\nstatement ok\nINSERT INTO shop.item VALUES (3)\n\n\
         # dbmatrix: start replica-2\nconnection replica-2\nquery I\n\
         SELECT SUM(id) FROM shop.item\n----\n6\n\n\
         statement ok\nCREATE TABLE bare (a INT)\n\n\
         onlyif mysql\nstatement error .*3098.*\nINSERT INTO bare VALUES (1)\n\n\
         onlyif mysql\nconnection replica\nstatement error .*1290.*\n\
         INSERT INTO shop.item VALUES (9)\n",
    );
    sandbox.file(
        "harmed.slt",
        "onlyif mysql\nconnection replica\nstatement ok\nSET GLOBAL super_read_only = OFF\n\n\
         onlyif mysql\nconnection replica\nstatement ok\nSET SESSION sql_log_bin = 0\n\n\
         onlyif mariadb\nconnection replica\nstatement ok\nSET SESSION wsrep_on = OFF\n\n\
         connection replica\nstatement ok\nINSERT INTO shop.item VALUES (7)\n\n\
         statement ok\nINSERT INTO shop.item VALUES (7)\n",
    );
    let matrix = |file: &str| {
        let body = format!(
            "[[flavour]]\nname = \"group\"\nserver = \"mysql:9.7\"\ntopology = \"group\"\n\
             replicas = [{{ count = 2 }}]\nsetup = [\"schema.sql\"]\n\
             [[flavour]]\nname = \"cluster\"\nserver = \"mariadb:11.8\"\ntopology = \"galera\"\n\
             replicas = [{{ count = 2 }}]\nsetup = [\"schema.sql\"]\n\
             [[suite]]\nname = \"files\"\nfiles = [\"{file}\"]\n"
        );
        sandbox.matrix("groups.toml", &body)
    };
    let path = matrix("together.slt");
    let ran = sandbox
        .run(&["run", text(&path), "--after", "keep"])
        .expect(0)?;
    check(
        !ran.stderr.contains(": installing"),
        "a member is not made from the golden child of its server",
    )?;
    come_back(sandbox, text(&path))?;
    let harmed = matrix("harmed.slt");
    sandbox
        .run(&["run", text(&harmed), "--after", "delete", "--wait"])
        .expect(1)?
        .says("it has left the group: member state `ERROR`")?
        .says("it has left the cluster: state `Inconsistent`")?;
    let listed = sandbox.run(&["list"]).expect(0)?;
    let is_left = ["group/replica-", "cluster/replica-"].map(|name| listed.stdout.contains(name));
    check(is_left == [false, false], listed.stdout)
}

/// All members are stopped, and `up` begins both again with what they have.
fn come_back(sandbox: &Sandbox, matrix: &str) -> Outcome {
    let write = "INSERT INTO shop.item VALUES (4)";
    for flavour in ["group", "cluster"] {
        sandbox.run(&["connect", flavour, "-e", write]).expect(0)?;
        let members = format!("{flavour}*");
        sandbox
            .run(&["stop", &members, &format!("{flavour}/*")])
            .expect(0)?;
    }
    sandbox.run(&["up", matrix]).expect(0)?;
    sandbox
        .run(&["list"])
        .expect(0)?
        .says("cluster/replica-2")?;
    for member in ["group/replica-1", "cluster/replica-2"] {
        let sum = "SELECT CONCAT('sum ', SUM(id)) FROM shop.item";
        let asked = sandbox.run(&["connect", member, "-e", sum]);
        asked.expect(0)?.says("sum 10")?;
        sandbox
            .run(&["promote", member])
            .expect(1)?
            .says("in which a replica can be promoted")?;
    }
    Ok(())
}

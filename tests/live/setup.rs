//! Servers that are set up: statements that run once before the first run, and settings
//! that vary.

use std::process::Command;

use crate::Outcome;
use crate::sandbox::{Sandbox, check};

const SCHEMA: &str = "\
CREATE DATABASE shop;
USE shop;
CREATE TABLE item (id INT PRIMARY KEY);
DELIMITER //
CREATE PROCEDURE add_item(n INT) BEGIN INSERT INTO item VALUES (n); END//
DELIMITER ;
-- onlyif mysql
INSERT INTO item VALUES (100);
CALL add_item(1);
CREATE TABLE many (name VARCHAR(64));
INSERT INTO many SELECT COLLATION_NAME FROM information_schema.COLLATIONS;
";

/// A flavour has what its setup made, each run anew; a statement that is refused is named.
pub(crate) fn once(sandbox: &Sandbox) -> Outcome {
    sandbox.file("schema.sql", SCHEMA);
    for (number, program) in [(2, "gzip"), (3, "xz")] {
        let file = sandbox.file(
            &format!("more-{number}.sql"),
            &format!("CALL shop.add_item({number});\n"),
        );
        let packed = Command::new(program).args(["-f"]).arg(&file).status()?;
        check(packed.success(), format!("{program} fails"))?;
    }
    sandbox.file(
        "items.slt",
        "query I\nSELECT SUM(id) FROM shop.item\n----\n6\n\nstatement ok\nCALL shop.add_item(9)\n\n\
         # It has counted what the setup filled.\nquery I\n\
         SELECT n_rows > 100 FROM mysql.innodb_table_stats \
         WHERE database_name = 'shop' AND table_name = 'many'\n----\n1\n",
    );
    let run = |setup: &str| {
        let text = format!(
            "[defaults]\nsetup = {setup}\n[[flavour]]\nserver = \"mariadb:10.11\"\n\
             [[suite]]\nname = \"items\"\nfiles = [\"items.slt\"]\n"
        );
        let matrix = sandbox.matrix("setup.toml", &text);
        sandbox.run(&["run", matrix.to_str().expect("a plain path")])
    };
    let all = "[\"schema.sql\", \"more-*\"]";
    run(all).expect(0)?.says("running its setup")?;
    let again = run(all).expect(0)?;
    check(
        !again.stderr.contains("running its setup"),
        "the setup is run once more",
    )?;
    sandbox.file("bad.sql", "USE shop;\nINSERT INTO\n  item VALUES (1);\n");
    run("[\"schema.sql\", \"bad.sql\"]")
        .expect(3)?
        .says("bad.sql`, line 2: ERROR 1062")?
        .says("of: INSERT INTO item VALUES (1)")?;
    let twice = run("[\"schema.sql\", \"more-*\", \"more-2.sql.gz\"]").expect(3)?;
    check(
        !twice.stderr.contains("installing"),
        "the server is installed once more",
    )
}

/// A server has the user's files, certificates, login, database and time zones, and so have
/// commands; a suite with a setup of its own has a server of its own.
pub(crate) fn as_in_production(sandbox: &Sandbox) -> Outcome {
    sandbox.need("mariadb", "mariadb-client")?;
    std::fs::create_dir_all(sandbox.folder.join("certs"))?;
    for name in ["server", "client"] {
        let made = rcgen::generate_simple_self_signed([name.to_owned()])?;
        sandbox.file(&format!("certs/{name}.pem"), &made.cert.pem());
        let key = made.signing_key.serialize_pem();
        sandbox.file(&format!("certs/{name}-key.pem"), &key);
    }
    sandbox.file("extra.cnf", "[mysqld]\nmax_connections = 77\n");
    sandbox.file("password", "s3cret\n");
    sandbox.file(
        "schema.sql",
        "CREATE TABLE t (a INT);\nINSERT INTO t VALUES (1);\n",
    );
    sandbox.file("no.sql", "INSERT INTO t VALUES (100);\n");
    sandbox.file("more.sql", "INSERT INTO t VALUES (2);\n");
    sandbox.file(
        "whole.slt",
        "query TT\nSELECT SUBSTRING_INDEX(CURRENT_USER(), '@', 1), \
         CONVERT_TZ('2026-07-01 12:00:00', 'UTC', 'Europe/Berlin')\n----\n\
         app 2026-07-01 14:00:00\n\n\
         query II\nSELECT SUM(a), @@max_connections FROM app_test.t\n----\n1 77\n",
    );
    sandbox.file(
        "own.slt",
        "query I\nSELECT SUM(a) FROM app_test.t\n----\n3\n",
    );
    sandbox.file(
        "command.sh",
        "set -e\nmariadb --no-defaults --host=localhost --user=app --execute 'SELECT 1' app_test\n\
         [ \"$MYSQL_USER $MYSQL_PWD $MYSQL_DATABASE\" = 'app s3cret app_test' ]\n\
         grep -q CERTIFICATE \"$MYSQL_SSL_CA\" \"$MYSQL_SSL_CERT\"\n\
         [ \"${MYSQL_SSL_KEY##*/}\" = client-key.pem ]\n\
         \"$DBMATRIX\" shell \"$DBMATRIX_NEST/$DBMATRIX_FLAVOUR\" -- \
         su -s /bin/sh mysql -c 'cat /etc/mysql/own/server-key.pem' | grep -q 'PRIVATE KEY'\n",
    );
    let matrix = |key: &str| {
        let text = format!(
            "[[flavour]]\nserver = \"mariadb:10.11\"\n\
             files = [{{ from = \"certs\", to = \"/etc/mysql/own\" }}, \
             {{ from = \"extra.cnf\", to = \"/etc/mysql/mariadb.conf.d/\" }}]\n\
             tls = {{ ca = \"certs/server.pem\", cert = \"certs/server.pem\", key = \"certs/{key}\", \
             client-cert = \"certs/client.pem\", client-key = \"certs/client-key.pem\" }}\n\
             user = \"app\"\npassword = \"file:password\"\ndatabase = \"app_test\"\n\
             setup = [\"schema.sql\", {{ file = \"no.sql\", onlyif = \"mariadb<10.11\" }}]\n\
             [[suite]]\nname = \"whole\"\nfiles = [\"whole.slt\"]\n\
             [[suite]]\nname = \"own\"\nfiles = [\"own.slt\"]\nsetup = [\"more.sql\"]\n\
             [[suite]]\nname = \"command\"\ncommand = [\"sh\", \"command.sh\"]\n"
        );
        let matrix = sandbox.matrix("production.toml", &text);
        sandbox.run(&["run", matrix.to_str().expect("a plain path")])
    };
    matrix("client-key.pem")
        .expect(2)?
        .says("is not that of the certificate")?;
    matrix("server-key.pem")
        .expect(0)?
        .says("passed: 4 passed")?;
    let login = "SELECT SUBSTRING_INDEX(CURRENT_USER(), '@', 1), DATABASE(), @@ssl_cert";
    sandbox
        .run(&["connect", "mariadb-10.11", "-e", login])
        .expect(0)?
        .says("app\tapp_test\t/etc/mysql/dbmatrix/certificate.pem")?;
    let variables = sandbox
        .run(&["env", "mariadb-10.11"])
        .expect(0)?
        .says("MYSQL_DATABASE='app_test'")?
        .says("certs/client-key.pem'")?
        .stdout;
    // The socket is there without dbmatrix.
    let script = format!(
        "set -e\n{variables}unset MYSQL_HOST\n\
         mariadb --no-defaults --host=localhost --user=app --execute 'SELECT 6 * 7' app_test"
    );
    let answer = sandbox.system("sh", &["-c", &script])?;
    check(answer.contains("42"), answer)
}

/// A flavour that varies is one for each value, and its server is installed once.
pub(crate) fn varied(sandbox: &Sandbox) -> Outcome {
    sandbox.file(
        "charset.slt",
        "onlyif mariadb-10.11-latin1\nquery TT\n\
         SELECT @@character_set_server, @@collation_server\n----\nlatin1 latin1_swedish_ci\n\n\
         onlyif mariadb-10.11-utf8mb4\nquery T\nSELECT @@character_set_server\n----\nutf8mb4\n",
    );
    let run = |values: &str| {
        let text = format!(
            "[[flavour]]\nserver = \"mariadb:10.11\"\n\
             vary = {{ character-set-server = [{values}] }}\n\
             [[suite]]\nname = \"charset\"\nfiles = [\"charset.slt\"]\n"
        );
        let matrix = sandbox.matrix("varied.toml", &text);
        sandbox.run(&["run", matrix.to_str().expect("a plain path")])
    };
    let two = run("\"utf8mb4\", \"latin1\"").expect(0)?;
    let installed = two.stderr.matches(": installing").count();
    // None where an earlier run of this case has left its golden child.
    check(
        installed <= 1,
        format!("the server is installed {installed} times"),
    )?;
    let other = run("\"latin1\", \"utf8mb3\"").expect(0)?;
    check(
        !other.stderr.contains(": installing"),
        "the server is installed once more for another value",
    )
}

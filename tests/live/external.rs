//! Servers of a nest, given by their URLs as if somebody else kept them.

use crate::Outcome;
use crate::sandbox::{Sandbox, check};

const MATRIX: &str = "\
[[flavour]]
name = 'reader'
url = 'env:MYSQL_CHILD_URL'
tls = 'required'

[[flavour]]
name = 'guest'
url = 'env:MYSQL_CHILD_URL'
permissions = 'own-databases'

[[flavour]]
name = 'other'
url = 'env:MARIADB_CHILD_URL'
permissions = 'own-databases'

[[suite]]
name = 's'
files = ['external-*.sql']
expect = 'agreement'
";

/// MySQL 9.7 and MariaDB, in whose nest nothing is looked for.
pub(crate) fn children_by_url(sandbox: &Sandbox) -> Outcome {
    let url = |flavour: &str| {
        let told = sandbox.run(&["url", flavour]).expect(0)?;
        Ok::<_, libtest_mimic::Failed>(told.stdout.trim().to_owned())
    };
    let (mysql, mariadb) = (url("mysql-9.7")?, url("mariadb-10.11")?);
    let matrix = sandbox.matrix("external.toml", MATRIX);
    let matrix = matrix.display().to_string();
    sandbox.file(
        "external-read.sql",
        "SELECT 1;\nSHOW DATABASES LIKE 'none';\n",
    );
    sandbox.file(
        "external-write.sql",
        "CREATE TABLE t (a INT);\nINSERT INTO t VALUES (1);\nSELECT * FROM t;\n",
    );
    let variables = [
        ("MYSQL_CHILD_URL", mysql.as_str()),
        ("MARIADB_CHILD_URL", mariadb.as_str()),
        ("DBMATRIX_ENGINE", "/nowhere/unix.socket"),
    ];
    let ran = sandbox.run_with(&["run", &matrix], &variables).expect(0)?;
    let password = mysql.split([':', '@']).nth(2).unwrap_or_default();
    check(
        !password.is_empty() && !ran.stdout.contains(password) && !ran.stderr.contains(password),
        "the password is shown",
    )?;
    ran.says("external-write.sql: read-only: line 1 writes (CREATE)")?
        .says("passed: 12 passed, 0 failed, 1 skipped steps on 3 flavours")?;
    let arguments = ["connect", "--matrix", &matrix, "reader", "-e"];
    let shown = |sql: &str| {
        let arguments: Vec<&str> = arguments.iter().copied().chain([sql]).collect();
        sandbox.run_with(&arguments, &variables).expect(0)
    };
    shown("SELECT @@transaction_read_only")?.says("1\n")?;
    shown("SHOW STATUS LIKE 'Ssl_version'")?.says("TLSv1.3")?;
    Ok(())
}

//! Dumps and binary logs of servers that hold awkward data.

use std::path::Path;

use dbmatrix_containers::nest::Located;
use dbmatrix_engine::{Exec, FileMode};

use super::{Outcome, pull, script_in};
use crate::sandbox::text;

/// What is in the servers before they are dumped.
const AWKWARD: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/live/statements/awkward.sql"
);

/// Dumps in several of the forms that are in use, one file for each; mydumper
/// writes a file for each table. `mariadb-dump` cannot dump MySQL 5.6, mydumper can.
const DUMP: &str = r#"
if command -v mariadb-dump > /dev/null; then
    client=mariadb; dump=mariadb-dump; binlog=mariadb-binlog
else
    client='mysql --commands'; dump='mysqldump --set-gtid-purged=OFF'; binlog=mysqlbinlog
fi
login="--user=root --socket=/run/mysqld/mysqld.sock"
$client $login --force --comments --default-character-set=utf8mb4 < /srv/awkward.sql > /dev/null 2>&1 || true
$client $login --execute 'SELECT COUNT(*) FROM awkward.later' > /dev/null
rm -rf /srv/dumps
mkdir /srv/dumps
cd /srv/dumps
all='--routines --triggers --events'
if [ "$FLAVOUR" != mysql-5.6 ]; then
    $dump $login $all awkward > plain.sql
    $dump $login $all --hex-blob --complete-insert --skip-extended-insert awkward > hex.sql
    $dump $login $all --add-drop-database --databases awkward > databases.sql
    $dump $login $all --skip-comments --skip-opt --skip-quote-names --default-character-set=binary awkward > binary.sql
    $dump $login --no-data --default-character-set=latin1 awkward > latin1.sql
fi
$binlog /var/lib/mysql/binary.?????? > binlog.sql
$binlog --verbose --verbose /var/lib/mysql/binary.?????? > binlog-verbose.sql
$binlog --short-form --database=awkward /var/lib/mysql/binary.?????? > binlog-short.sql || rm binlog-short.sql
if command -v mydumper > /dev/null; then
    # It does not escape the names of tables.
    echo 'DROP TABLE awkward.`we``ird; "na'"'"'me`' | $client $login
    mydumper $login --database=awkward --routines --triggers --events --outputdir=/srv/mydumper > /dev/null
    for file in /srv/mydumper/*.sql; do cp "$file" "mydumper-$(basename "$file" | tr -c 'a-zA-Z0-9.\n' _)"; done
fi
ls
tar --create --file /srv/dumps.tar -- *.sql
"#;

/// Fills the server of `child`, dumps it, and puts the dumps into `folder`.
pub(super) fn make(child: &Located, flavour: &str, folder: &Path) -> Outcome {
    let engine = &child.nest.engine;
    let awkward = Path::new(AWKWARD);
    super::block_on(async {
        let path = "/srv/awkward.sql";
        let pushed = engine.push_file(&child.child.name, path, FileMode::Public, awkward);
        pushed.await
    })?;
    let files = script_in(child, Exec::script(DUMP).env("FLAVOUR", flavour))?;
    let made = folder.join(flavour);
    std::fs::create_dir_all(&made)?;
    let tar = made.join("dumps.tar");
    std::fs::write(&tar, pull(child, "/srv/dumps.tar")?)?;
    let unpacked = std::process::Command::new("tar")
        .args([
            "--extract",
            "--file",
            text(&tar),
            "--directory",
            text(&made),
        ])
        .status()?;
    super::check(unpacked.success(), "the dumps are not unpacked")?;
    for file in files.lines() {
        std::fs::rename(made.join(file), folder.join(format!("{flavour}-{file}")))?;
    }
    Ok(())
}

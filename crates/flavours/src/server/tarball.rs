//! Installs a server from a vendor's binary tarball.

use dbmatrix_containers::nest::Child;
use dbmatrix_engine::{Exec, FileMode};
use dbmatrix_sql::package::PackageVersion;

use super::install::{LIMIT, install_debs, install_locked, update};
use super::spec::{ServerSpec, Tarball};
use super::transcript::{ERROR_TAIL_LINES, logged_script};
use super::{ServerError, fetch, succeed};

/// The unit that runs a server from a tarball.
pub(super) const SERVICE: &str = "dbmatrix-server";
/// Its only settings file.
pub(super) const SETTINGS: &str = "/etc/mysql/dbmatrix.cnf";
const ARCHIVE: &str = "/opt/dbmatrix/archive";

/// Unpacks the tarball, and notes where the server program is and which folder is its
/// base: the parent of `bin`, or the program's own folder.
const UNPACK: &str = r#"
mkdir -p /opt/dbmatrix/tree
tar --extract --file "$ARCHIVE" --directory /opt/dbmatrix/tree --no-same-owner
rm "$ARCHIVE"
program=$(find /opt/dbmatrix/tree -type f \( -name mariadbd -o -name mysqld \) | sort | head -n 1)
if [ -z "$program" ]; then
    echo 'the tarball holds neither a `mysqld` nor a `mariadbd`'
    exit 1
fi
chmod 0755 "$program"
base=$(dirname "$program")
case "$(basename "$base")" in bin|sbin|libexec) base=$(dirname "$base");; esac
ln -sfn "$base" /opt/dbmatrix/base
ln -sfn "$program" /opt/dbmatrix/server
getent passwd mysql > /dev/null || useradd --system --no-create-home --shell /usr/sbin/nologin mysql
mkdir -p /var/lib/mysql /var/log/mysql
chown mysql:mysql /var/lib/mysql /var/log/mysql
chmod 0750 /var/lib/mysql
"#;

/// Fills the data folder as the release requires: with a script (MariaDB, MySQL to 5.6),
/// from an included folder, or with the server itself (MySQL from 5.7).
const INITIALISE: &str = r#"
export LD_LIBRARY_PATH=/opt/dbmatrix/base:/opt/dbmatrix/base/lib
if command -v eatmydata > /dev/null; then export LD_PRELOAD=libeatmydata.so; fi
base=$(readlink /opt/dbmatrix/base)
run() { setpriv --reuid mysql --regid mysql --clear-groups "$@"; }
if [ "$FAMILY" = mariadb ]; then
    script="$base/scripts/mariadb-install-db"
    [ -e "$script" ] || script="$base/scripts/mysql_install_db"
    run "$script" --no-defaults --basedir="$base" --datadir=/var/lib/mysql
elif template=$(find "$base" -path '*/mysql/user.frm' | head -n 1) && [ -n "$template" ]; then
    cp -R "$(dirname "$(dirname "$template")")/." /var/lib/mysql
    chown -R mysql:mysql /var/lib/mysql
elif [ -e "$base/scripts/mysql_install_db" ]; then
    run perl "$base/scripts/mysql_install_db" --no-defaults --basedir="$base" --datadir=/var/lib/mysql
else
    run /opt/dbmatrix/server --no-defaults --initialize-insecure --basedir="$base" --datadir=/var/lib/mysql
fi
"#;

const UNIT: &str = "\
[Unit]
Description=Database server from a tarball
After=network.target

[Service]
User=mysql
Environment=LD_LIBRARY_PATH=/opt/dbmatrix/base:/opt/dbmatrix/base/lib
ExecStart=/opt/dbmatrix/server --defaults-file=/etc/mysql/dbmatrix.cnf
RuntimeDirectory=mysqld
LimitNOFILE=65535
TimeoutStopSec=60

[Install]
WantedBy=multi-user.target
";

/// Brings the tarball into the child, unpacks it and fills a data folder.
pub(super) async fn install(
    child: &Child,
    spec: &ServerSpec,
    archive: &Tarball,
    locked: Option<&[PackageVersion]>,
) -> Result<(), ServerError> {
    let engine = &child.engine;
    engine.push_folder(&child.name, "/opt/dbmatrix").await?;
    fetch::fetch(child, &archive.source, ARCHIVE).await?;
    let mut packages = archive.packages.clone();
    packages.extend(unpacker(child).await?);
    if !packages.is_empty() {
        update(child, "").await?;
        match locked {
            Some(locked) => install_locked(child, locked, &[]).await?,
            None => install_debs(child, &packages, &[]).await?,
        }
    }
    let unpack = logged_script("unpack the tarball", UNPACK, ERROR_TAIL_LINES);
    let unpack = unpack.env("ARCHIVE", ARCHIVE).limit(LIMIT);
    succeed(child, "unpack the tarball", unpack).await?;
    let initialise = logged_script("initialise the data folder", INITIALISE, ERROR_TAIL_LINES)
        .env("FAMILY", spec.family.as_str())
        .limit(LIMIT);
    succeed(child, "initialise the data folder", initialise).await?;
    let unit = format!("/etc/systemd/system/{SERVICE}.service");
    engine
        .push(&child.name, &unit, FileMode::Public, UNIT)
        .await?;
    let enable = Exec::script(r#"systemctl daemon-reload; systemctl enable --quiet "$SERVICE""#);
    succeed(child, "enable the service", enable.env("SERVICE", SERVICE)).await?;
    Ok(())
}

/// The package that tar needs to unpack the archive, if it is not in every image.
async fn unpacker(child: &Child) -> Result<Option<String>, ServerError> {
    const HEAD: &str = r#"head -c 6 "$ARCHIVE" | od -A n -t x1"#;
    let head = Exec::script(HEAD).env("ARCHIVE", ARCHIVE);
    let output = succeed(child, "read the tarball", head).await?;
    let head = output.stdout.split_whitespace().collect::<String>();
    // The file formats' own specifications give their first bytes.
    let package = match head.as_str() {
        "fd377a585a00" => Some("xz-utils"),
        other if other.starts_with("28b52ffd") => Some("zstd"),
        other if other.starts_with("425a68") => Some("bzip2"),
        _ => None,
    };
    Ok(package.map(str::to_owned))
}

/// The texts by which a tarball is installed.
pub(super) fn recipe() -> String {
    [UNPACK, INITIALISE, UNIT].concat()
}

/// Settings that a server from a tarball needs to find its files.
pub(super) async fn base_settings(child: &Child) -> Result<String, ServerError> {
    let read = Exec::new("readlink", ["/opt/dbmatrix/base"]);
    let base = succeed(child, "find the unpacked server", read).await?;
    Ok(format!(
        "basedir = {}\ndatadir = /var/lib/mysql\nsocket = /run/mysqld/mysqld.sock\n\
         pid-file = /run/mysqld/mysqld.pid\nlog-error = /var/log/mysql/error.log\n",
        base.stdout.trim()
    ))
}

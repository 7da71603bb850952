//! Installs a server from a vendor's binary tarball.

use std::path::{Path, PathBuf};

use dbmatrix_containers::nest::Child;
use dbmatrix_engine::{Exec, FileMode};
use dbmatrix_sql::package::PackageVersion;
use sha2::{Digest, Sha256};

use super::install::{LIMIT, install_debs, install_locked, update};
use super::spec::{ServerSpec, Tarball, TarballSource};
use super::transcript::{ERROR_TAIL_LINES, logged_script};
use super::{ServerError, succeed};

/// The unit that runs a server from a tarball.
pub(super) const SERVICE: &str = "dbmatrix-server";
/// Its only settings file.
pub(super) const SETTINGS: &str = "/etc/mysql/dbmatrix.cnf";
const ARCHIVE: &str = "/opt/dbmatrix/archive";

const FETCH: &str = r#"
/usr/lib/apt/apt-helper -o Acquire::Retries=1 -o Acquire::http::Timeout=60 \
    -o Acquire::https::Timeout=60 download-file "$URL" "$ARCHIVE" "SHA256:$SHA256"
"#;

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

/// Copies the tarball into the child, unpacks it and fills a data folder.
pub(super) async fn install(
    child: &Child,
    spec: &ServerSpec,
    archive: &Tarball,
    locked: Option<&[PackageVersion]>,
) -> Result<(), ServerError> {
    let engine = &child.engine;
    if !archive.packages.is_empty() {
        update(child, "").await?;
        match locked {
            Some(locked) => install_locked(child, locked, &[]).await?,
            None => install_debs(child, &archive.packages, &[]).await?,
        }
    }
    engine.push_folder(&child.name, "/opt/dbmatrix").await?;
    bring(child, &archive.source).await?;
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

async fn bring(child: &Child, source: &TarballSource) -> Result<(), ServerError> {
    match source {
        TarballSource::Url { url, sha256 } => {
            let fetch = logged_script(&format!("download {url}"), FETCH, ERROR_TAIL_LINES)
                .env("URL", url)
                .env("SHA256", sha256)
                .env("ARCHIVE", ARCHIVE)
                .limit(LIMIT);
            let output = child.engine.exec(&child.name, &fetch).await?;
            if !output.success() {
                return Err(ServerError::Unreachable {
                    url: url.clone(),
                    reason: output.tail(3),
                });
            }
        }
        TarballSource::File { path, sha256 } => {
            if let Some(expected) = sha256 {
                check(path, expected).await?;
            }
            child
                .engine
                .push_file(&child.name, ARCHIVE, FileMode::Public, path)
                .await?;
        }
    }
    Ok(())
}

async fn check(path: &Path, expected: &str) -> Result<(), ServerError> {
    let file = path.to_owned();
    let digest = tokio::task::spawn_blocking(move || digest(&file)).await;
    let found = digest
        .unwrap_or_else(|error| Err(std::io::Error::other(error)))
        .map_err(|source| ServerError::File {
            path: path.to_owned(),
            source,
        })?;
    if found.eq_ignore_ascii_case(expected) {
        return Ok(());
    }
    Err(ServerError::Checksum {
        path: path.to_owned(),
        expected: expected.to_owned(),
        found,
    })
}

/// SHA-256 of a file, in hexadecimal.
fn digest(path: &PathBuf) -> std::io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let mut digest = Sha256::new();
    let mut chunk = vec![0; 1 << 20];
    loop {
        match std::io::Read::read(&mut file, &mut chunk)? {
            0 => break,
            count => digest.update(&chunk[..count]),
        }
    }
    Ok(digest
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn another_file_than_the_matrix_names_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("x.tar");
        std::fs::write(&path, "abc").expect("a file");
        let right = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert!(check(&path, right).await.is_ok());
        let refused = check(&path, &right.replace('b', "c")).await;
        assert!(matches!(refused, Err(ServerError::Checksum { .. })));
    }
}

//! In place: the newer server starts on the older one's data folder.
//!
//! An old release lives on an old image, so the folder moves to a container of the newer
//! server instead of the newer packages to the folder.

use dbmatrix_containers::nest::{Child, Golden};
use dbmatrix_engine::Exec;
use dbmatrix_report::event::Phase;
use dbmatrix_sql::version::{Family, Version};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::client::client_script;
use super::error::{InStep, WalkError};
use super::stop::{Running, Stop};
use super::transfer::{Program, transfer};

/// The data folder of packages and of tarballs.
const FOLDER: &str = "/var/lib/mysql";

/// Certificates stay with the container whose server shows them.
const PACK: &str = r#"
cd "$FOLDER"
exec tar --create --sparse --numeric-owner --exclude='./*.pem' --exclude='./*.sock' .
"#;

/// The user `mysql` has another number in another image.
const UNPACK: &str = r#"
cd "$FOLDER"
find . -mindepth 1 -maxdepth 1 ! -name '*.pem' -exec rm -rf {} +
tar --extract --no-same-owner
chown -R mysql:mysql .
"#;

/// The vendors' step after the first start.
const UPGRADE: &str = r#"
become >&2
"#;

/// MySQL upgrades its tables itself since this version.
const UPGRADES_ITSELF: Version = Version::exact(8, 0, 16);

/// Moves a server's data to the next server of the path, and lets that upgrade it.
pub(super) fn move_to_next<'f, 'a: 'f>(
    from: &'f Running<'_>,
    to: &'a Stop<'a>,
    golden: &'f Golden,
) -> BoxFuture<'f, Result<Running<'a>, WalkError>> {
    async move {
        to.phase(Phase::Moving);
        let (stopped, child) = tokio::join!(from.shut_down(), to.start_empty(golden));
        stopped?;
        let child = child?;
        move_folder(&from.child, &child, to).await?;
        from.stop.remove().await;
        let server = to.provisioner().start_server(&child).await;
        let server = server.in_step(format!("start {} on the data", to.name));
        let server = server.map_err(|error| error.in_container(&child.name))?;
        upgrade_tables(Running::new(to, child, server).await?).await
    }
    .boxed()
}

async fn move_folder(from: &Child, to: &Child, stop: &Stop<'_>) -> Result<(), WalkError> {
    let writer = Program {
        child: from,
        exec: Exec::script(PACK).env("FOLDER", FOLDER),
    };
    let reader = Program {
        child: to,
        exec: Exec::script(UNPACK).env("FOLDER", FOLDER),
    };
    let step = || format!("move the data to {}", stop.name);
    let ended = transfer(&writer, &reader, stop.step_timeout).await;
    ended.in_steps(step(), step()).map(drop)
}

/// Runs the vendor's program, where the server does not do it itself.
async fn upgrade_tables(running: Running<'_>) -> Result<Running<'_>, WalkError> {
    let identity = &running.server.identity;
    let programs: &[&str] = match identity.family {
        Family::Mariadb => &["mariadb-upgrade", "mysql_upgrade"],
        _ if identity.version >= UPGRADES_ITSELF => return Ok(running),
        _ => &["mysql_upgrade"],
    };
    running.stop.phase(Phase::Upgrading);
    let program = Program {
        child: &running.child,
        exec: client_script(programs, UPGRADE),
    };
    let step = format!("upgrade the tables of {}", running.stop.name);
    let limit = running.stop.step_timeout;
    let ended = program.run_alone(limit).await.in_step(step);
    ended.map_err(|error| error.in_container(&running.child.name))?;
    if identity.family == Family::Mariadb {
        return Ok(running);
    }
    // MySQL reads its own tables at its start (MySQL 5.7 manual, "mysql_upgrade").
    running.shut_down().await?;
    let Running { stop, child, .. } = running;
    let server = stop.provisioner().start_server(&child).await;
    let server = server.in_step(format!("start {} again", stop.name))?;
    Running::new(stop, child, server).await
}

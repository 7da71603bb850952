//! Fills a server's tables of time zones, as its own program says.

use dbmatrix_engine::Opened;
use dbmatrix_sql::session::{Connect, SessionError};
use dbmatrix_sql::version::Family;
use tempfile::NamedTempFile;
use tokio::fs::File;

use super::building::{Building, START_TIMEOUT, log_in_as_wanted};
use super::error::{ProvisionError, SetupError};
use super::setup::run_file;
use crate::server::{
    Server, ServerError, TIME_ZONES, remove_time_zones, started, write_time_zones,
};

/// The database with the tables.
const DATABASE: &str = "mysql";

/// Fills the tables. A server that comes without the program for it, or refuses what that
/// has written, is as good as its package leaves it otherwise: that is a warning.
pub(super) async fn load_time_zones(building: &mut Building<'_>) -> Result<(), ProvisionError> {
    let Building {
        context,
        managed,
        child,
        ..
    } = *building;
    if !write_time_zones(child).await? {
        building.events.warn(format!(
            "{}: its tables of time zones stay empty: the server comes without `mysql_tzinfo_to_sql`",
            building.flavour
        ));
        return Ok(());
    }
    let statements = fetch(building).await?;
    let login = log_in_as_wanted(context, child, managed, START_TIMEOUT);
    let server = started(child, &managed.spec, login).await?;
    if server.identity.family == Family::Mariadb {
        let relaxed = relax_writes(&server).await;
        relaxed.map_err(ServerError::Session)?;
    }
    let path = statements.path();
    let filled = run_file(&server, path, path, Some(DATABASE), |_, _| ()).await;
    if let Err(error) = filled {
        building.events.warn(format!(
            "{}: its tables of time zones are not complete: {error}",
            building.flavour
        ));
    }
    Ok(remove_time_zones(child).await?)
}

/// Until 10.6 MariaDB's own statements fill these tables row by row, and each waits for the
/// disk: 15.6 s, and 1.2 s with this (10.5). It lasts until the server stops, which is
/// before anything else happens to it.
async fn relax_writes(server: &Server) -> Result<(), SessionError> {
    const RELAX: &str =
        "SET GLOBAL aria_group_commit = 'soft', GLOBAL aria_group_commit_interval = 1000000000";
    let mut session = server.connect(None).await?;
    session.run(RELAX).await?;
    session.close().await;
    Ok(())
}

async fn fetch(building: &Building<'_>) -> Result<NamedTempFile, ProvisionError> {
    let unwritable = |error: std::io::Error| SetupError::Read {
        file: TIME_ZONES.into(),
        reason: error.to_string(),
    };
    let child = building.child;
    let file = NamedTempFile::with_prefix("dbmatrix-").map_err(unwritable)?;
    let found = child.engine.open(&child.name, TIME_ZONES).await;
    if let Some(Opened::File(content)) = found.map_err(ServerError::from)? {
        let mut target = File::from_std(file.reopen().map_err(unwritable)?);
        let written = content.write_to(&mut target, file.path()).await;
        written.map_err(ServerError::from)?;
    }
    Ok(file)
}

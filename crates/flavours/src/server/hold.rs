//! Starts and stops the server of a container without the container.

use std::time::Duration;

use dbmatrix_containers::nest::Child;
use dbmatrix_engine::{Exec, FileMode};

use super::spec::ServerSpec;
use super::start::log;
use super::{ServerError, succeed};

/// How long a server may take to write everything to its files.
const STOP: Duration = Duration::from_secs(900);

/// What the engine has more than the service, which is to end first.
const MARGIN: Duration = Duration::from_secs(60);

/// A condition that never holds: the unit is skipped, which is no failure.
const HELD: &str = "[Unit]\nConditionPathExists=/etc/mysql/dbmatrix-starts\n";

/// Units end a server after a minute, which is too short for a slow shutdown. What is in
/// `/run` is gone with the container's next start.
const STOP_SERVICE: &str = r#"
folder=/run/systemd/system/$SERVICE.service.d
mkdir -p "$folder"
printf '[Service]\nTimeoutStopSec=%s\n' "$SECONDS_TO_STOP" > "$folder/zzz-dbmatrix-stop.conf"
systemctl daemon-reload
systemctl stop "$SERVICE"
! systemctl --quiet is-failed "$SERVICE"
"#;

/// Where [`HELD`] is.
fn file_of(spec: &ServerSpec) -> (String, String) {
    let folder = format!(
        "/etc/systemd/system/{}.service.d",
        spec.installation.service()
    );
    let file = format!("{folder}/zz-dbmatrix-held.conf");
    (folder, file)
}

/// Lets a container that does not run start without its server.
///
/// # Errors
/// As of the engine.
pub async fn hold_back(child: &Child, spec: &ServerSpec) -> Result<(), ServerError> {
    let (folder, file) = file_of(spec);
    child.engine.push_folder(&child.name, &folder).await?;
    let engine = &child.engine;
    engine
        .push(&child.name, &file, FileMode::Public, HELD)
        .await?;
    Ok(())
}

/// Lets the server start again.
///
/// # Errors
/// As of the engine.
pub async fn release(child: &Child, spec: &ServerSpec) -> Result<(), ServerError> {
    let (_, file) = file_of(spec);
    let remove = Exec::script_with_systemd(r#"rm -f "$FILE""#).env("FILE", &file);
    succeed(child, "let the server start", remove).await?;
    Ok(())
}

/// Shuts the server down cleanly. Its container goes on.
///
/// # Errors
/// [`ServerError::Step`] with the end of the server's log if it does not end in time or
/// fails.
pub async fn stop_server(child: &Child, spec: &ServerSpec) -> Result<(), ServerError> {
    let service = spec.installation.service();
    let stop = Exec::script_with_systemd(STOP_SERVICE)
        .env("SERVICE", service)
        .env("SECONDS_TO_STOP", &STOP.as_secs().to_string())
        .limit(STOP + MARGIN);
    let output = child.engine.exec(&child.name, &stop).await?;
    if output.success() {
        return Ok(());
    }
    Err(ServerError::Step {
        step: "shut the server down",
        output: log(child, service).await,
    })
}

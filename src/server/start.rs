//! Starting the service, and its log where it does not start.

use std::time::Duration;

use super::ServerError;
use super::spec::ServerSpec;
use crate::engine::Exec;
use crate::nest::Child;

/// First start of a server that initialises its data on a slow disk.
const LIMIT: Duration = Duration::from_secs(300);

const START: &str = r#"
systemctl daemon-reload
systemctl restart "$SERVICE"
"#;

/// Where servers write why they end.
const LOG: &str = r#"
journalctl --unit "$SERVICE" --lines 12 --no-pager --output cat || true
for log in /var/log/mysql/error.log /var/log/mariadb/mariadb.log /var/log/mysqld.log /var/lib/mysql/*.err; do
    if [ -s "$log" ]; then tail -n 15 "$log"; fi
done
"#;

/// Starts the server, with the settings as they are now.
///
/// # Errors
/// [`ServerError::NotStarted`] with the end of the service's log.
pub async fn start(child: &Child, spec: &ServerSpec) -> Result<(), ServerError> {
    let service = spec.installation.service();
    let start = Exec::script(START).env("SERVICE", service).limit(LIMIT);
    let output = child.engine.exec(&child.name, &start).await?;
    if output.success() {
        return Ok(());
    }
    Err(ServerError::NotStarted {
        service: service.to_owned(),
        log: log(child, service).await,
    })
}

/// The end of the service's logs.
pub(super) async fn log(child: &Child, service: &str) -> String {
    let read = Exec::script(LOG).env("SERVICE", service);
    match child.engine.exec(&child.name, &read).await {
        Ok(output) => output.tail(20),
        Err(error) => format!("(its log could not be read: {error})"),
    }
}

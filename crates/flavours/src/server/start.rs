//! Starts the service, and reads its log if it fails.

use std::time::Duration;

use dbmatrix_containers::nest::Child;
use dbmatrix_engine::Exec;

use super::settle::unit_of;
use super::spec::ServerSpec;
use super::{ServerError, succeed};

/// Time limit for the first start of a server that initialises its data on a slow disk.
const LIMIT: Duration = Duration::from_secs(300);

/// How often a service that does not answer is checked.
const LOOK: Duration = Duration::from_secs(3);

const START: &str = r#"
systemctl daemon-reload
systemctl restart "$SERVICE"
"#;

const REVIVE: &str = r#"
case "$(systemctl is-active "$SERVICE" || true)" in
    active | activating | reloading) exit 0 ;;
esac
systemctl reset-failed "$SERVICE" 2> /dev/null || true
systemctl start --no-block "$SERVICE"
echo started
"#;

/// Where servers write why they ended.
const LOG: &str = r#"
journalctl --unit "$SERVICE" --lines 12 --no-pager --output cat || true
for log in /var/log/mysql/error.log /var/log/mariadb/mariadb.log /var/log/mysqld.log /var/lib/mysql/*.err; do
    if [ -s "$log" ]; then tail -n 15 "$log"; fi
done
"#;

/// Starts the server with its current settings.
///
/// # Errors
/// [`ServerError::NotStarted`] with the end of the service's log.
pub async fn start(child: &Child, spec: &ServerSpec) -> Result<(), ServerError> {
    let service = spec.installation.service();
    let start = Exec::script_with_systemd(START)
        .env("SERVICE", service)
        .limit(LIMIT);
    let output = child.engine.exec(&child.name, &start).await?;
    if output.success() {
        return Ok(());
    }
    Err(ServerError::NotStarted {
        service: service.to_owned(),
        log: log(child, service).await,
    })
}

/// Waits for `login` to a server that its container starts, but only until the service
/// has failed.
///
/// # Errors
/// That of the login, with the end of the service's log if it has failed.
pub async fn started<T>(
    child: &Child,
    spec: &ServerSpec,
    login: impl Future<Output = Result<T, ServerError>>,
) -> Result<T, ServerError> {
    let service = spec.installation.service();
    tokio::select! {
        ended = login => ended,
        () = failed(child, service) => Err(ServerError::NotStarted {
            service: service.to_owned(),
            log: log(child, service).await,
        }),
    }
}

/// Like [`started`], for a child whose unit is only known inside it.
///
/// # Errors
/// As of [`started`].
pub async fn started_again<T>(
    child: &Child,
    login: impl Future<Output = Result<T, ServerError>>,
) -> Result<T, ServerError> {
    let gave_up = async {
        tokio::time::sleep(LOOK).await;
        match unit_of(child).await {
            Ok(service) => {
                failed(child, &service).await;
                service
            }
            // Only the login can decide.
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        ended = login => ended,
        service = gave_up => Err(ServerError::NotStarted {
            log: log(child, &service).await,
            service,
        }),
    }
}

/// Starts the server of a running child if it has failed or was stopped; returns whether
/// that was necessary.
///
/// # Errors
/// As of the engine.
pub async fn repair(child: &Child) -> Result<bool, ServerError> {
    let service = unit_of(child).await?;
    let revive = Exec::script_with_systemd(REVIVE).env("SERVICE", &service);
    let output = succeed(child, "start the server", revive).await?;
    Ok(!output.stdout.is_empty())
}

/// Returns when the service has failed.
async fn failed(child: &Child, service: &str) {
    let ask = Exec::new("systemctl", ["is-failed", "--quiet", service]);
    loop {
        tokio::time::sleep(LOOK).await;
        if let Ok(output) = child.engine.exec(&child.name, &ask).await
            && output.success()
        {
            return;
        }
    }
}

/// The end of the service's logs.
pub(super) async fn log(child: &Child, service: &str) -> String {
    let read = Exec::script(LOG).env("SERVICE", service);
    match child.engine.exec(&child.name, &read).await {
        Ok(output) => output.tail(20),
        Err(error) => format!("(its log could not be read: {error})"),
    }
}

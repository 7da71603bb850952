//! The output of an installation, kept in the child and therefore in its copies.

use dbmatrix_containers::nest::Child;
use dbmatrix_engine::{Exec, Opened};

use super::ServerError;

/// Its path.
const FILE: &str = "/var/log/dbmatrix-install.log";

/// Begins a script whose complete output is kept. If the script fails, it reports what
/// looks like errors, and the last `$TOLD` lines; `undo` always runs.
const BEGIN: &str = r#"
echo "==> $(date --utc '+%F %T') UTC: $STEP" >> "$LOG"
from=$(($(wc -l < "$LOG") + 1))
undo() { :; }
tell() {
    status=$?
    undo
    if [ "$status" -ne 0 ]; then
        tail -n "+$from" "$LOG" | grep -E '^(E|W): |rror|No space' | tail -n 5 >&3 || true
        tail -n "+$from" "$LOG" | tail -n "$TOLD" >&3
        echo "failed with status $status"
    fi
    exit "$status"
}
exec 3>&1 >> "$LOG" 2>&1
trap tell EXIT
"#;

/// How many of the last lines of a failed script dbmatrix reports.
pub(super) const ERROR_TAIL_LINES: usize = 12;

/// A script whose output is logged, under the heading of its step.
pub(super) fn logged_script(step: &str, script: &str, tail_lines: usize) -> Exec {
    Exec::script(&[BEGIN, script].concat())
        .env("LOG", FILE)
        .env("STEP", step)
        .env("TOLD", &tail_lines.to_string())
}

/// The texts by which output is kept.
pub(super) fn recipe() -> String {
    BEGIN.to_owned()
}

/// What the installation of a child's server printed, whether the child runs or not;
/// `None` if nothing was installed in it.
///
/// # Errors
/// As of the engine.
pub async fn install_log(child: &Child) -> Result<Option<String>, ServerError> {
    match child.engine.open(&child.name, FILE).await? {
        Some(Opened::File(content)) => {
            let mut bytes = Vec::new();
            content.write_to(&mut bytes, FILE.as_ref()).await?;
            Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
        }
        Some(Opened::Folder) | None => Ok(None),
    }
}

//! Running a program in a container and keeping what it wrote.

use std::time::Duration;

use hyper::Method;
use hyper::header::HeaderMap;
use serde::Deserialize;
use serde_json::json;

use super::transport::{escaped, typed, whole};
use super::{Config, Engine, EngineError};

/// A program to run in a container, as root, with nothing on standard input.
#[derive(Debug, Clone)]
pub struct Exec {
    pub(super) command: Vec<String>,
    pub(super) environment: Config,
    limit: Duration,
}

/// How a program in a container ended.
#[derive(Debug, Clone)]
pub struct ExecOutput {
    /// Exit status; 128 and the signal's number for a killed program.
    pub status: i64,
    /// Standard output, not-UTF-8 replaced.
    pub stdout: String,
    /// Standard error, not-UTF-8 replaced.
    pub stderr: String,
}

impl ExecOutput {
    /// Whether the exit status was 0.
    pub fn success(&self) -> bool {
        self.status == 0
    }

    /// The last `lines` lines of what was written, errors after output; the exit
    /// status where nothing was.
    pub fn tail(&self, lines: usize) -> String {
        let all: Vec<&str> = self
            .stdout
            .lines()
            .chain(self.stderr.lines())
            .filter(|line| !line.trim().is_empty())
            .collect();
        if all.is_empty() {
            return format!("nothing was written; exit status {}", self.status);
        }
        all[all.len().saturating_sub(lines)..].join("\n")
    }
}

impl Exec {
    /// Runs `program` with `arguments`; no shell is involved.
    pub fn new<const N: usize>(program: &str, arguments: [&str; N]) -> Self {
        let mut command = vec![program.to_owned()];
        command.extend(arguments.map(str::to_owned));
        Exec {
            command,
            environment: Config::from([("PATH".to_owned(), PATH.to_owned())]),
            limit: Duration::from_secs(60),
        }
    }

    /// Runs a shell script; what it needs is passed by [`Exec::env`], so that
    /// nothing is quoted into its text.
    pub fn script(text: &str) -> Self {
        Exec::new("/bin/sh", ["-eu", "-c", text])
    }

    /// A shell script that asks systemctl for something, in a container that may
    /// have begun to start only just now. Before systemd listens there, systemctl
    /// fails with "Failed to connect to bus", and what systemd mounts then hides
    /// what was written to `/run`; so the script waits, within its limit.
    pub fn script_with_systemd(text: &str) -> Self {
        const LISTENS: &str = "until [ -e /run/systemd/private ]; do sleep 0.02; done";
        Exec::script(&format!("{LISTENS}\n{text}"))
    }

    /// One more argument.
    pub fn arg(mut self, argument: &str) -> Self {
        self.command.push(argument.to_owned());
        self
    }

    /// One more variable in the program's environment.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// How long it may take (60 s unless told).
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }
}

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

#[derive(Deserialize)]
pub(super) struct ExecResult {
    #[serde(rename = "return")]
    pub(super) status: i64,
    #[serde(default)]
    output: std::collections::BTreeMap<String, String>,
}

impl Engine {
    /// Runs a program in a running container and returns what it wrote.
    ///
    /// A program that ends with another status than 0 is not an error here.
    ///
    /// # Errors
    /// As any operation; also where the program is not there.
    pub async fn exec(&self, instance: &str, exec: &Exec) -> Result<ExecOutput, EngineError> {
        let what = format!("run `{}` in `{instance}`", shown(&exec.command));
        let path = format!("/1.0/instances/{}/exec", escaped(instance));
        let body = json!({
            "command": exec.command,
            "environment": exec.environment,
            "record-output": true,
            "wait-for-websocket": false,
            "interactive": false,
        });
        let ended = self
            .change(&what, Method::POST, &path, Some(body), exec.limit)
            .await?;
        let result: ExecResult = typed(&what, ended)?;
        let stdout = self.recorded(&what, result.output.get("1")).await?;
        let stderr = self.recorded(&what, result.output.get("2")).await?;
        Ok(ExecOutput {
            status: result.status,
            stdout,
            stderr,
        })
    }

    /// Fetches one recorded stream and removes the engine's copy.
    async fn recorded(&self, what: &str, path: Option<&String>) -> Result<String, EngineError> {
        let Some(path) = path else {
            return Ok(String::new());
        };
        let bytes = self
            .exchange(what, Method::GET, path, HeaderMap::new(), whole(""))
            .await?;
        if let Err(error) = self.send(what, Method::DELETE, path, None).await {
            tracing::debug!(%error, "a recorded output stays in the engine's log folder");
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

fn shown(command: &[String]) -> String {
    let text = command.join(" ");
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    let line = line.unwrap_or_default();
    match line.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

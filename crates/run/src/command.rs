//! Runs a program of the user against one server.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use dbmatrix_containers::nest::ClientCertificates;
use dbmatrix_flavours::server::Server;
use dbmatrix_platform::process;
use dbmatrix_report::event::Failure;
use dbmatrix_sql::session::Connect;
use thiserror::Error;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc::Sender as Lines;

use super::cleanup::{Traces, clean_up};
use super::database;
use super::replicas::{LIMIT, Replicas};
use super::server_socket::ServerSocket;
use super::sessions::Until;

/// How long a program may take to end when asked, before it is killed.
const GRACE: Duration = Duration::from_secs(5);

/// A program to run against a server.
#[derive(Debug, Clone)]
pub struct Invocation<'a> {
    /// The flavour's name.
    pub flavour: &'a str,
    /// Program and arguments.
    pub command: &'a [String],
    /// Its working directory; by default the current one.
    pub folder: Option<&'a Path>,
    /// Variables in addition to those of every command.
    pub environment: &'a [(String, String)],
    /// Where the server is, if dbmatrix made it.
    pub home: Option<NestName<'a>>,
    /// Files by which it checks the server and proves itself.
    pub certificates: &'a ClientCertificates,
    /// Its time limit.
    pub limit: Option<Duration>,
    /// Where its output goes.
    pub output: Output,
    /// The servers that follow the one that it runs against, if there are any.
    pub replicas: Option<&'a Replicas>,
}

/// A nest, for a program that calls dbmatrix itself.
#[derive(Debug, Clone, Copy)]
pub struct NestName<'a> {
    /// Its engine project, as on the command line.
    pub project: &'a str,
    /// Its name.
    pub nest: &'a str,
}

impl NestName<'_> {
    fn variables(self) -> [(&'static str, OsString); 3] {
        let program = std::env::current_exe().map_or("dbmatrix".into(), PathBuf::into_os_string);
        [
            ("DBMATRIX", program),
            ("DBMATRIX_PROJECT", self.project.into()),
            ("DBMATRIX_NEST", self.nest.into()),
        ]
    }
}

/// Where a program's output goes.
#[derive(Debug, Clone)]
pub enum Output {
    /// To dbmatrix's own output; the program also shares its input.
    Inherited,
    /// To a file; its folder is created.
    File(PathBuf),
    /// To a receiver that prints the lines.
    Lines(Lines<String>),
}

/// How a program ended.
#[derive(Debug)]
pub enum CommandEnd {
    /// By itself, or by a signal from outside.
    Exited(ExitStatus),
    /// It exceeded its time limit and was ended.
    TookTooLong(Duration),
}

/// The result of a program.
#[derive(Debug)]
pub struct CommandRun {
    /// How it ended; a failing program is not an error.
    pub ended: Result<CommandEnd, CommandError>,
    /// What it left on the server, and how that was cleaned up.
    pub left: Vec<String>,
    /// Whether it left something that could not be ended.
    pub(super) dirty: bool,
}

/// Why a program could not be run.
#[derive(Debug, Error)]
pub enum CommandError {
    /// Its database could not be created.
    #[error("{0}")]
    Database(String),
    /// It could not be started.
    #[error("could not run `{program}`: {source}")]
    Start {
        /// The program.
        program: String,
        /// The system's error.
        source: io::Error,
    },
    /// The file for its output.
    #[error("could not write `{}`: {source}", path.display())]
    Log {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// Runs a program with its own database on the server, and drops the database afterwards;
/// a database that the matrix names stays. If the program `is_alone` on the server,
/// everything left at the end belongs to it. Dropping the future ends the program; the
/// database then stays until the next run.
pub async fn run_command(
    server: &Server,
    invocation: &Invocation<'_>,
    is_alone: impl Fn() -> bool,
) -> CommandRun {
    let own = database::database_name(server.tenancy());
    let ended = async {
        if let Some(fixed) = &server.database {
            return run_in(server, invocation, fixed).await;
        }
        let session = database::create(server, &own).await;
        session.map_err(CommandError::Database)?.close().await;
        run_in(server, invocation, &own).await
    };
    let ended = ended.await;
    let cleaned = clean_up(server, &own, &Traces::default(), is_alone).await;
    CommandRun {
        ended,
        dirty: cleaned.dirty.is_some(),
        left: cleaned.into_notes(&own),
    }
}

async fn run_in(
    server: &Server,
    invocation: &Invocation<'_>,
    database: &str,
) -> Result<CommandEnd, CommandError> {
    let [program, arguments @ ..] = invocation.command else {
        return Err(CommandError::Database("no command was named".to_owned()));
    };
    let mut command = Command::new(program);
    command.args(arguments);
    command.envs(environment(server, invocation.flavour, Some(database)));
    command.envs(invocation.certificates.variables());
    if let Some(replicas) = invocation.replicas {
        // The database must be there first.
        let until = Until::after(LIMIT.min(invocation.limit.unwrap_or(LIMIT)), "command");
        if let Some(failure) = replicas.await_all(until).await.into_iter().next() {
            let Failure {
                statement, found, ..
            } = failure;
            return Err(CommandError::Database(format!("{statement}: {found}")));
        }
        command.envs(replicas.variables(database));
    }
    let socket = ServerSocket::open(server);
    match &socket {
        Ok(socket) => {
            command.env("MYSQL_UNIX_PORT", socket.path());
        }
        Err(error) => tracing::info!(%error, "the command has no socket"),
    }
    command.envs(invocation.home.into_iter().flat_map(NestName::variables));
    command.envs(invocation.environment.iter().cloned());
    if let Some(folder) = invocation.folder {
        command.current_dir(folder);
    }
    let interactive = matches!(invocation.output, Output::Inherited);
    if !interactive {
        process::set_own_group(command.stdin(Stdio::null()));
    }
    direct_output(&mut command, invocation)?;
    let child = command.spawn().map_err(|source| CommandError::Start {
        program: program.clone(),
        source,
    })?;
    let mut running = Running { child, interactive };
    let readers = running.forward(&invocation.output);
    let ended = running.wait(invocation.limit).await;
    let ended = ended.map_err(|source| CommandError::Start {
        program: program.clone(),
        source,
    })?;
    for reader in readers {
        let _ = reader.await;
    }
    Ok(ended)
}

fn direct_output(command: &mut Command, invocation: &Invocation<'_>) -> Result<(), CommandError> {
    match &invocation.output {
        Output::Inherited => {}
        Output::Lines(_) => {
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
        }
        Output::File(path) => {
            let (out, errors) = open_log(path).map_err(|source| CommandError::Log {
                path: path.clone(),
                source,
            })?;
            command.stdout(out).stderr(errors);
        }
    }
    Ok(())
}

fn open_log(path: &Path) -> io::Result<(File, File)> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let out = File::create(path)?;
    let errors = out.try_clone()?;
    Ok((out, errors))
}

/// A server's address as most frameworks read it; it ends before the database's name if
/// that is empty.
pub fn database_url(server: &Server, database: &str) -> String {
    let user = escaped(server.user());
    let password = escaped(server.password().reveal());
    let address = server.address_for_programs();
    format!("mysql://{user}:{password}@{address}/{database}")
}

/// Part of a URL, with reserved characters as `%HH`.
fn escaped(part: &str) -> String {
    let mut text = String::with_capacity(part.len());
    for byte in part.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                text.push(byte.into());
            }
            other => text.push_str(&format!("%{other:02X}")),
        }
    }
    text
}

/// The variables that common clients read. `MYSQL_PWD` and the others belong to the
/// classic client; most frameworks read `DATABASE_URL`.
pub fn environment(
    server: &Server,
    flavour: &str,
    database: Option<&str>,
) -> Vec<(&'static str, String)> {
    let address = server.address_for_programs();
    let mut all = vec![
        (
            "DATABASE_URL",
            database_url(server, database.unwrap_or_default()),
        ),
        ("MYSQL_HOST", address.host),
        ("MYSQL_TCP_PORT", address.port.to_string()),
        ("MYSQL_USER", server.user().to_owned()),
        ("MYSQL_PWD", server.password().reveal().to_owned()),
        ("DBMATRIX_FLAVOUR", flavour.to_owned()),
        ("DBMATRIX_FAMILY", server.identity.family.to_string()),
        ("DBMATRIX_VERSION", server.identity.version.to_string()),
    ];
    if let Some(database) = database {
        all.push(("MYSQL_DATABASE", database.to_owned()));
    }
    all
}

/// A program that ends when this is dropped.
struct Running {
    child: Child,
    /// A program on dbmatrix's terminal receives Ctrl-C by itself.
    interactive: bool,
}

impl Running {
    async fn wait(&mut self, limit: Option<Duration>) -> io::Result<CommandEnd> {
        let Some(limit) = limit else {
            return self.child.wait().await.map(CommandEnd::Exited);
        };
        if let Ok(ended) = tokio::time::timeout(limit, self.child.wait()).await {
            return ended.map(CommandEnd::Exited);
        }
        self.terminate();
        if tokio::time::timeout(GRACE, self.child.wait())
            .await
            .is_err()
        {
            self.kill();
            self.child.wait().await?;
        }
        Ok(CommandEnd::TookTooLong(limit))
    }

    /// Forwards its lines.
    fn forward(&mut self, output: &Output) -> Vec<tokio::task::JoinHandle<()>> {
        let Output::Lines(lines) = output else {
            return Vec::new();
        };
        let out = self.child.stdout.take();
        let errors = self.child.stderr.take();
        let mut readers = Vec::new();
        readers.extend(out.map(|pipe| tokio::spawn(pass_on(pipe, lines.clone()))));
        readers.extend(errors.map(|pipe| tokio::spawn(pass_on(pipe, lines.clone()))));
        readers
    }

    fn terminate(&mut self) {
        match self.interactive {
            true => process::terminate(&mut self.child),
            false => process::terminate_group(&mut self.child),
        }
    }

    fn kill(&mut self) {
        match self.interactive {
            true => process::kill(&mut self.child),
            false => process::kill_group(&mut self.child),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.terminate();
    }
}

async fn pass_on(pipe: impl AsyncRead + Unpin, lines: Lines<String>) {
    let mut reader = BufReader::new(pipe);
    let mut bytes = Vec::new();
    while let Ok(1..) = reader.read_until(b'\n', &mut bytes).await {
        let line = String::from_utf8_lossy(&bytes)
            .trim_end_matches(['\n', '\r'])
            .to_owned();
        bytes.clear();
        if lines.send(line).await.is_err() {
            return;
        }
    }
}

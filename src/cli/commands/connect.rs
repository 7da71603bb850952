//! `dbmatrix connect`.

use std::io::{BufReader, Cursor, IsTerminal, Write};
use std::path::PathBuf;

use console::Term;
use dbmatrix_containers::nest::Located;
use dbmatrix_flavours::server::Server;
use dbmatrix_platform::Signal;
use dbmatrix_platform::file::MemoryFile;
use dbmatrix_platform::signal::Signals;
use dbmatrix_report::event::Verdict;
use dbmatrix_sql::session::{Connect, Tenancy};

use crate::app::ad_hoc::{AdHoc, ReplicaGroups, Wanted, is_server};
use crate::app::connect_flavour::{Reached, find_each, find_sources, reach_all};
use crate::app::matrix_flavours::{Meant, reach_flavours};
use crate::app::{Failure, Globals, privilege};
use crate::cli::args::{Client, ConnectArgs};
use crate::prompt::{Ended, Format, InputMode, Repl, ReplSession, Source, View};

/// Opens a prompt on one flavour or several, or runs statements.
pub(crate) async fn connect(global: &Globals, args: &ConnectArgs) -> Result<Verdict, Failure> {
    let all = match &args.matrix {
        Some(matrix) => {
            let meant = match args.all {
                true => Meant::All,
                false => Meant::Named(&args.flavour),
            };
            reach_flavours(global, matrix, meant).await?
        }
        None => {
            let servers = servers(args);
            let ad_hoc = ad_hoc(args, &servers)?;
            privilege::ensure_engine_access(global).await?;
            reach_all(&chosen(global, args, ad_hoc).await?).await?
        }
    };
    if let Some(program) = args.client.program() {
        if all.iter().any(|one| one.server.tenancy() != Tenancy::Owner) {
            return Err(Failure::misused(format!(
                "`{program}` is not run on external servers: it knows neither `tls` nor `permissions` of \
                 the matrix; the built-in client does"
            )));
        }
        if all.len() > 1 {
            return Err(Failure::misused(format!(
                "`{program}` speaks with one server; the built-in client with several"
            )));
        }
        let [Reached { server, .. }] = all.as_slice() else {
            return Err(Failure::not_provided("no server was reached"));
        };
        return run_client(program, server, args).await;
    }
    let mut sessions = Vec::new();
    for Reached { server, label, .. } in all {
        let version = server.identity.full.clone();
        let database = args.database.clone().or_else(|| server.database.clone());
        let session = ReplSession::open(&label, &version, server, database.as_deref()).await;
        let told = |error| Failure::not_provided(format!("{label}: {error}"));
        sessions.push(session.map_err(told)?);
    }
    run_repl(sessions, args).await
}

/// The servers of the catalogue among the names.
fn servers(args: &ConnectArgs) -> Vec<&str> {
    let named = args.flavour.iter().map(String::as_str);
    named.filter(|name| is_server(name)).collect()
}

/// What is wanted of them, if there are any.
fn ad_hoc<'a>(args: &'a ConnectArgs, servers: &'a [&'a str]) -> Result<Option<AdHoc<'a>>, Failure> {
    let replicas = ReplicaGroups::read(args.replicas, &args.replica_server)?;
    if !servers.is_empty() {
        let wanted = Wanted {
            servers,
            replicas,
            mirrors: &args.mirror,
            key: args.key.as_deref(),
            access: args.access,
            yes: args.yes,
        };
        return wanted.read().map(Some);
    }
    let unused = match (args.mirror.is_empty(), replicas.is_empty()) {
        (true, true) => return Ok(None),
        (false, _) => "--mirror",
        (true, false) if args.replicas.is_some() => "--replicas",
        (true, false) => "--replica-server",
    };
    Err(Failure::misused(format!(
        "`{unused}` is for servers of the catalogue, such as `mariadb:10.6.18`; name one, or leave it out",
    )))
}

/// The selected flavours; brings servers of the catalogue up first.
async fn chosen(
    global: &Globals,
    args: &ConnectArgs,
    ad_hoc: Option<AdHoc<'_>>,
) -> Result<Vec<Located>, Failure> {
    if args.all {
        return find_sources(global, args.nest.as_deref()).await;
    }
    let mut brought = match ad_hoc {
        Some(ad_hoc) => ad_hoc.bring_up(global).await?,
        None => Vec::new(),
    }
    .into_iter();
    let named = args.flavour.iter();
    let names: Vec<String> = named
        .filter_map(|name| match is_server(name) {
            true => brought.next(),
            false => Some(name.clone()),
        })
        .collect();
    find_each(global, &names, args.nest.as_deref()).await
}

async fn run_repl<S: Connect + Clone + 'static>(
    sessions: Vec<ReplSession<S>>,
    args: &ConnectArgs,
) -> Result<Verdict, Failure> {
    let is_person = args.execute.is_none() && std::io::stdin().is_terminal();
    let mode = match (is_person, args.force) {
        (true, _) => InputMode::Prompt,
        (false, true) => InputMode::Forced,
        (false, false) => InputMode::Batch,
    };
    let source: Source = match (&args.execute, is_person) {
        (Some(sql), _) => Source::Text(Box::new(Cursor::new(sql.clone()))),
        (None, true) => Source::Terminal { history: history() },
        (None, false) => Source::Text(Box::new(BufReader::new(std::io::stdin()))),
    };
    let (mut out, mut err) = (std::io::stdout(), std::io::stderr());
    if mode == InputMode::Prompt {
        print_greeting(&sessions, &mut out).map_err(Failure::not_provided)?;
    }
    let repl = Repl::new(sessions, view(args), mode, &mut out, &mut err);
    match repl.run(source).await {
        Ok(Ended::Well) => Ok(Verdict::Passed),
        Ok(Ended::Refused) => Ok(Verdict::Failed),
        Ok(Ended::Interrupted) => Ok(Verdict::Interrupted),
        // The reader has gone (`| head`).
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(Verdict::Passed),
        Err(error) => Err(Failure::not_provided(error)),
    }
}

fn print_greeting<S>(sessions: &[ReplSession<S>], out: &mut impl Write) -> std::io::Result<()> {
    let widest = sessions
        .iter()
        .map(|session| session.name.len())
        .max()
        .unwrap_or(0);
    for ReplSession { name, version, .. } in sessions {
        writeln!(out, "{name:widest$}  {version}")?;
    }
    writeln!(
        out,
        "`;` ends a statement, \\h tells what else there is, Ctrl-D leaves\n"
    )
}

/// A table on a terminal, otherwise a format for programs.
fn view(args: &ConnectArgs) -> View {
    let terminal = Term::stdout();
    let usual = match terminal.is_term() {
        true => Format::Table,
        false => Format::Tsv,
    };
    View {
        format: args.format.unwrap_or(usual),
        width: terminal.size_checked().map(|(_, columns)| columns),
        colour: terminal.is_term() && console::colors_enabled(),
        all_differences: args.all_differences,
    }
}

/// The file of the prompt's history.
fn history() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let state = folder("XDG_STATE_HOME").filter(|path| path.is_absolute());
    let state = state.or_else(|| Some(folder("HOME")?.join(".local/state")))?;
    Some(state.join("dbmatrix").join("history"))
}

/// Runs another program and waits for its end; it receives Ctrl-C at this terminal by
/// itself.
async fn run_client(
    program: &str,
    server: &Server,
    args: &ConnectArgs,
) -> Result<Verdict, Failure> {
    let wanted = [Signal::Interrupt, Signal::Terminate, Signal::Hangup];
    let mut signals = Signals::listen(&wanted).map_err(Failure::not_provided)?;
    let file = login_file(server).map_err(Failure::not_provided)?;
    let mut command = tokio::process::Command::new(program);
    command.arg(format!("--defaults-file={}", file.path().display()));
    if let Some(sql) = &args.execute {
        command.arg("--execute").arg(sql);
    }
    if let Some(database) = args.database.as_ref().or(server.database.as_ref()) {
        command.arg(format!("--database={database}"));
    }
    let mut client = command.spawn().map_err(|error| {
        Failure::not_provided(format!(
            "`{program}` could not be run: {error}; `--client builtin` needs no other program"
        ))
    })?;
    let status = loop {
        tokio::select! {
            status = client.wait() => break Some(status.map_err(Failure::not_provided)?),
            signal = signals.next() => match signal {
                Signal::Interrupt => {}
                _ => break None,
            },
        }
    };
    match status {
        Some(status) if status.success() => Ok(Verdict::Passed),
        Some(_) => Ok(Verdict::Failed),
        None => {
            client.kill().await.map_err(Failure::not_provided)?;
            Ok(Verdict::Interrupted)
        }
    }
}

/// The client inherits the password in a file in memory: every user can read command
/// lines, and a file on a disk would stay if dbmatrix is killed. Clients ignore settings
/// files that everyone may write.
fn login_file(server: &Server) -> std::io::Result<MemoryFile> {
    let login = format!(
        "[client]\nhost={}\nport={}\nuser={}\npassword=\"{}\"\nloose-ssl-verify-server-cert=0\n",
        server.address_for_programs().host,
        server.address_for_programs().port,
        server.user(),
        server.password().reveal()
    );
    MemoryFile::with_contents("dbmatrix-login", &login)
}

impl Client {
    /// The program, unless it is this one.
    fn program(self) -> Option<&'static str> {
        match self {
            Client::Builtin => None,
            Client::Mysql => Some("mysql"),
            Client::Mariadb => Some("mariadb"),
            Client::Mycli => Some("mycli"),
        }
    }
}

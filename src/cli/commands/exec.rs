//! `dbmatrix exec`.

use std::process::ExitStatus;

use dbmatrix_containers::nest::ClientCertificates;
use dbmatrix_flavours::server::{Server, certificate_authority};
use dbmatrix_platform::{file, process};
use dbmatrix_report::event::Verdict;
use dbmatrix_report::visible;
use dbmatrix_run::{CommandEnd, Invocation, NestName, Output, drop_own_databases_on, run_command};
use dbmatrix_sql::session::{Connect, Tenancy};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::app::connect_flavour::{Reached, find_each, find_sources, reach_all};
use crate::app::matrix_flavours::{Meant, reach_flavours};
use crate::app::signal::asked_to_end;
use crate::app::{Failure, Globals, eprintln, privilege, say};
use crate::cli::args::ExecArgs;

/// Runs a command against one flavour, or against several concurrently.
pub(crate) async fn exec(global: &Globals, args: &ExecArgs) -> Result<u8, Failure> {
    let all = reach(global, args).await?;
    let only_read = |one: &&Reached| one.server.tenancy() == Tenancy::Reader;
    if let Some(one) = all.iter().find(only_read) {
        return Err(Failure::misused(format!(
            "`{}` is read-only, and a command may write; `permissions = \"own-databases\"` of the \
             flavour lets it run in a database of its own",
            one.flavour
        )));
    }
    if let [one] = all.as_slice() {
        let status = run_one(global, one, &args.command, Output::Inherited).await?;
        return Ok(code(status));
    }
    let servers: Vec<(String, Server)> = all
        .iter()
        .map(|one| (one.flavour.clone(), one.server.clone()))
        .collect();
    let mut tasks = JoinSet::new();
    let width = all.iter().map(|one| one.label.len()).max().unwrap_or(0);
    for reached in all {
        let (global, command) = (global.clone(), args.command.clone());
        let (lines, mut heard) = mpsc::channel::<String>(64);
        let before = format!("{:width$} | ", reached.label);
        tasks.spawn(async move {
            let printer = async {
                while let Some(line) = heard.recv().await {
                    say(format_args!("{before}{line}"));
                }
            };
            let work = run_one(&global, &reached, &command, Output::Lines(lines));
            let (status, ()) = tokio::join!(work, printer);
            (reached.label, status)
        });
    }
    tokio::select! {
        verdict = sum_up(&mut tasks) => verdict.map(Verdict::code),
        () = asked_to_end() => {
            tasks.shutdown().await;
            drop_databases(&servers).await;
            Ok(Verdict::Interrupted.code())
        }
    }
}

/// Drops the databases of interrupted commands on external servers.
async fn drop_databases(servers: &[(String, Server)]) {
    let dropped = async {
        for (flavour, server) in servers {
            for left in drop_own_databases_on(server, flavour).await {
                eprintln!("warning: {left} stays");
            }
        }
    };
    tokio::select! {
        () = dropped => {}
        () = asked_to_end() => {}
    }
}

async fn reach(global: &Globals, args: &ExecArgs) -> Result<Vec<Reached>, Failure> {
    if let Some(matrix) = &args.matrix {
        let meant = match args.all {
            true => Meant::All,
            false => Meant::Named(&args.flavour),
        };
        return reach_flavours(global, matrix, meant).await;
    }
    privilege::ensure_engine_access(global).await?;
    let nest = args.nest.as_deref();
    let all = match args.all {
        true => find_sources(global, nest).await?,
        false => find_each(global, &args.flavour, nest).await?,
    };
    reach_all(&all).await
}

/// A single command at this terminal receives Ctrl-C by itself, so dbmatrix waits for it.
async fn run_one(
    global: &Globals,
    reached: &Reached,
    command: &[String],
    output: Output,
) -> Result<ExitStatus, Failure> {
    let folder = tempfile::tempdir().map_err(Failure::not_provided)?;
    let certificates = certificates(reached, &folder).await?;
    let invocation = Invocation {
        flavour: &reached.flavour,
        command,
        folder: None,
        environment: &[],
        home: reached.located.as_ref().map(|located| NestName {
            project: &global.project,
            nest: &located.nest.name,
        }),
        certificates: &certificates,
        limit: None,
        output,
        replicas: None,
    };
    let ended = async {
        tokio::pin! {
            let running = run_command(&reached.server, &invocation, || false);
        }
        loop {
            tokio::select! {
                ended = &mut running => return ended,
                () = asked_to_end() => {}
            }
        }
    };
    let run = ended.await;
    for left in run.left {
        eprintln!("{}: the command left {}", reached.flavour, visible(&left));
    }
    match run.ended.map_err(Failure::misused)? {
        CommandEnd::Exited(status) => Ok(status),
        CommandEnd::TookTooLong(_) => Err(Failure::not_provided("the command took too long")),
    }
}

/// The files that the user gave for clients, where they still are; otherwise the server's
/// certificate authority in a file, if it has one.
async fn certificates(
    reached: &Reached,
    folder: &tempfile::TempDir,
) -> Result<ClientCertificates, Failure> {
    let Some(found) = &reached.located else {
        return Ok(ClientCertificates::default());
    };
    let mut certificates = found.child.certificates.present();
    if certificates.ca.is_some() {
        return Ok(certificates);
    }
    let text = certificate_authority(&reached.server, &found.nest.engine, &found.child.name).await;
    let Some(text) = text.map_err(Failure::not_provided)? else {
        return Ok(certificates);
    };
    let path = folder.path().join("ca.pem");
    std::fs::write(&path, text).map_err(Failure::not_provided)?;
    // The command may run as another user.
    file::set_mode(folder.path(), 0o755).map_err(Failure::not_provided)?;
    certificates.ca = Some(path);
    Ok(certificates)
}

async fn sum_up(
    tasks: &mut JoinSet<(String, Result<ExitStatus, Failure>)>,
) -> Result<Verdict, Failure> {
    let mut verdict = Verdict::Passed;
    while let Some(ended) = tasks.join_next().await {
        let (label, status) = ended.map_err(Failure::not_provided)?;
        match status? {
            status if status.success() => {}
            status => {
                verdict = Verdict::Failed;
                eprintln!("{label}: {status}");
            }
        }
    }
    Ok(verdict)
}

/// The exit code in the shell's convention: 128 plus the signal's number for a program
/// that a signal ended.
fn code(status: ExitStatus) -> u8 {
    let code = status
        .code()
        .or_else(|| process::signal_of(status).map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

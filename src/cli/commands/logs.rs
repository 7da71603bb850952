//! `dbmatrix logs`.

use std::time::Duration;

use dbmatrix_containers::nest::{ContainerState, Located};
use dbmatrix_flavours::server::{Log, LogSource, ServerError, install_log, logs as logs_of};
use dbmatrix_report::event::Verdict;

use crate::app::connect_flavour::find;
use crate::app::signal::{asked_to_end, end_soon_when_asked};
use crate::app::{Failure, Globals, Unwritten, privilege, write_out};
use crate::cli::args::LogsArgs;
use crate::cli::commands::nest_of;

/// The default number of lines of each log.
const LINES: usize = 100;
/// Retry interval for a flavour that does not run.
const AGAIN: Duration = Duration::from_secs(1);
/// How often in a row reading a log may fail.
const FAILURES: u32 = 30;

/// Shows a server's logs, and follows them.
pub(crate) async fn logs(global: &Globals, args: &LogsArgs) -> Result<Verdict, Failure> {
    let nest = nest_of(&args.within, &[&args.flavour])?;
    privilege::ensure_engine_access(global).await?;
    let located = find(global, &args.flavour, nest.as_deref()).await?;
    if args.install {
        return installation(&located, args.lines).await;
    }
    located.start().await.map_err(Failure::not_provided)?;
    let just_started = located.state() == ContainerState::Stopped;
    let mut logs = logs_of(&located.child, just_started)
        .await
        .map_err(Failure::not_provided)?;
    let mut page = Page::default();
    for log in &mut logs {
        let text = log
            .last(args.lines.unwrap_or(LINES))
            .await
            .map_err(Failure::not_provided)?;
        let _ = page.show(&log.source, &text);
    }
    if !args.follow {
        return Ok(Verdict::Passed);
    }
    end_soon_when_asked(Verdict::Interrupted);
    tokio::select! {
        ended = follow(&located, logs, page) => ended,
        () = asked_to_end() => Ok(Verdict::Interrupted),
    }
}

/// Shows the output of the server's installation; starts nothing for that.
async fn installation(located: &Located, lines: Option<usize>) -> Result<Verdict, Failure> {
    let text = install_log(&located.child).await;
    let Some(text) = text.map_err(Failure::not_provided)? else {
        return Err(Failure {
            verdict: Verdict::Failed,
            message: format!(
                "nothing is kept of the installation of `{}`; `dbmatrix shell {}` looks into it",
                located.flavour, located.flavour
            ),
        });
    };
    let all: Vec<&str> = text.split_inclusive('\n').collect();
    let begins = all.len().saturating_sub(lines.unwrap_or(all.len()));
    let _ = write_out(all[begins..].concat().as_bytes());
    Ok(Verdict::Passed)
}

/// Follows all of the logs, until one fails.
async fn follow(located: &Located, logs: Vec<Log>, mut page: Page) -> Result<Verdict, Failure> {
    let (texts, mut heard) = tokio::sync::mpsc::channel(16);
    let mut tasks = tokio::task::JoinSet::new();
    for log in logs {
        tasks.spawn(listen(located.clone(), log, texts.clone()));
    }
    drop(texts);
    while let Some(said) = heard.recv().await {
        let (source, text) = said.map_err(Failure::not_provided)?;
        if page.show(&source, &text).is_err() {
            break;
        }
    }
    Ok(Verdict::Passed)
}

type Said = Result<(LogSource, String), ServerError>;

/// Follows one log. Waits while the flavour is stopped or paused. Waits only briefly if
/// it is gone, or cannot be read although it runs: it may be restarting or being
/// replaced.
async fn listen(located: Located, mut log: Log, texts: tokio::sync::mpsc::Sender<Said>) {
    let mut failures = 0;
    loop {
        let said = match log.more().await {
            Ok(text) => {
                failures = 0;
                Ok((log.source.clone(), text))
            }
            Err(error) => {
                log.interrupted();
                match located.look_again().await {
                    Ok(Some(ContainerState::Stopped | ContainerState::Paused)) => failures = 0,
                    Ok(Some(ContainerState::Running) | None) | Err(_) => failures += 1,
                }
                if failures < FAILURES {
                    tokio::time::sleep(AGAIN).await;
                    continue;
                }
                Err(error)
            }
        };
        if texts.send(said).await.is_err() || failures > 0 {
            return;
        }
    }
}

/// The output, with a heading wherever it switches to another log.
#[derive(Debug, Default)]
struct Page {
    last: Option<LogSource>,
}

impl Page {
    fn show(&mut self, source: &LogSource, text: &str) -> Result<(), Unwritten> {
        if text.is_empty() {
            return Ok(());
        }
        if self.last.as_ref() != Some(source) {
            let gap = if self.last.is_some() { "\n" } else { "" };
            write_out(format!("{gap}==> {source} <==\n").as_bytes())?;
            self.last = Some(source.clone());
        }
        write_out(text.as_bytes())
    }
}

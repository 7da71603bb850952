//! Applies an operation to several flavours concurrently: a line reports each result, an
//! error names its flavour, and the others continue.

use dbmatrix_containers::host::Names;
use dbmatrix_containers::name::nest_lock;
use dbmatrix_containers::nest::{FindError, Located, MaintenanceError, choose, labels, locate_all};
use dbmatrix_report::event::{Sender, Verdict};
use dbmatrix_report::{Progress, drive};
use dbmatrix_run::Lock;
use futures_util::future::join_all;

use crate::app::connect_flavour::{ensure_routes, find_all, log_in_to, running};
use crate::app::signal::{asked_to_end, end_at_once_when_asked_again};
use crate::app::{Failure, Globals, privilege, say};

/// The selection of flavours.
#[derive(Debug, Clone, Default)]
pub(crate) struct FlavourChoice {
    /// Names or patterns.
    pub(crate) flavours: Vec<String>,
    /// All flavours.
    pub(crate) all: bool,
    /// Only those of this nest.
    pub(crate) nest: Option<String>,
    /// No others than these, where a matrix names them.
    pub(crate) among: Option<Vec<String>>,
}

/// Whether to wait for active runs on the nests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Runs {
    /// Wait, and let no run begin in the meantime.
    Awaited,
    /// Do not wait: the operation does not affect them.
    LetBe,
}

impl FlavourChoice {
    fn has(&self, one: &Located) -> bool {
        let among = self.among.as_ref();
        among.is_none_or(|names| names.contains(&one.flavour))
    }
}

impl From<MaintenanceError> for Failure {
    fn from(error: MaintenanceError) -> Self {
        let verdict = match error.is_refusal() {
            true => Verdict::Failed,
            false => Verdict::NotProvided,
        };
        Failure {
            verdict,
            message: error.to_string(),
        }
    }
}

/// Applies `work` to each of the selected flavours, and reports its results.
pub(crate) async fn for_each_flavour(
    global: &Globals,
    chosen: FlavourChoice,
    runs: Runs,
    work: impl AsyncFn(&Located) -> Result<String, Failure>,
) -> Result<Verdict, Failure> {
    privilege::ensure_engine_access(global).await?;
    let (mut flavours, mut unknown) = pick_flavours(global, &chosen).await?;
    let mut held = Vec::new();
    if runs == Runs::Awaited {
        held = lock(&global.project, &flavours).await?;
        // A run may have replaced them in the meantime.
        (flavours, unknown) = pick_flavours(global, &chosen).await?;
    }
    for error in &unknown {
        eprintln!("error: {error}");
    }
    ensure_routes(&flavours).await?;
    let labels = labels(&flavours.iter().map(Located::names).collect::<Vec<_>>());
    let done = flavours.iter().zip(labels).map(async |(one, label)| {
        let ended = work(one).await;
        report_result(&label, ended)
    });
    let missing = match unknown.is_empty() {
        true => Verdict::Passed,
        false => Verdict::NotProvided,
    };
    let all = async { worst_verdict(join_all(done).await.into_iter().chain([missing])) };
    let verdict = to_the_end(all).await;
    drop(held);
    Ok(verdict)
}

/// The selected flavours in their current state, and the names without a match.
pub(crate) async fn pick_flavours(
    global: &Globals,
    chosen: &FlavourChoice,
) -> Result<(Vec<Located>, Vec<FindError>), Failure> {
    if chosen.all {
        let mut all = find_all(global, chosen.nest.as_deref()).await?;
        all.retain(|one| chosen.has(one));
        if all.is_empty() {
            return Err(Failure::not_provided("no flavour of the matrix is up"));
        }
        return Ok((all, Vec::new()));
    }
    let engine = running(global).await?;
    let names = Names::of(&global.project);
    let all = locate_all(&engine, &names, chosen.nest.as_deref()).await;
    let mut all = all.map_err(Failure::not_provided)?;
    all.retain(|one| chosen.has(one));
    let mut picked: Vec<Located> = Vec::new();
    let mut unknown = Vec::new();
    for wanted in &chosen.flavours {
        let found = match choose(&all, wanted) {
            Ok(found) => found,
            Err(error) => {
                unknown.push(error);
                continue;
            }
        };
        for one in found {
            if !picked.iter().any(|other| other.is(one)) {
                picked.push(one.clone());
            }
        }
    }
    Ok((picked, unknown))
}

/// Waits until no other process is using the flavours' nests.
async fn lock(project: &str, flavours: &[Located]) -> Result<Vec<Lock>, Failure> {
    let (events, heard) = Sender::channel();
    let reporter = tokio::spawn(drive(heard, Progress::quiet()));
    let nests = flavours
        .iter()
        .map(|one| nest_lock(project, &one.nest.name));
    let held = Lock::take_all(nests.collect(), &events)
        .await
        .map_err(Failure::not_provided)?;
    drop(events);
    let _ = reporter.await;
    Ok(held)
}

fn report_result(label: &str, ended: Result<String, Failure>) -> Verdict {
    match ended {
        Ok(done) => {
            say(format_args!("{label}: {done}"));
            Verdict::Passed
        }
        Err(failure) => {
            eprintln!("error: {label}: {}", failure.message);
            failure.verdict
        }
    }
}

/// Combines verdicts: as in a run, flavours that were not provided outrank failures.
fn worst_verdict(verdicts: impl Iterator<Item = Verdict>) -> Verdict {
    verdicts
        .max_by_key(|verdict| verdict.code())
        .unwrap_or(Verdict::Passed)
}

/// Completes an operation that shuts a server down and restarts it, even if the user asks
/// the program to end in the meantime; a second request ends it.
async fn to_the_end(work: impl Future<Output = Verdict>) -> Verdict {
    tokio::pin!(work);
    tokio::select! {
        verdict = &mut work => return verdict,
        () = asked_to_end() => eprintln!("ending what was begun; once more leaves it half done"),
    }
    let left = "ended at once: servers may be left shut down or paused; `dbmatrix list` shows them, \
        and `dbmatrix start` starts them again";
    end_at_once_when_asked_again(left.to_owned());
    work.await;
    Verdict::Interrupted
}

/// Waits until the server accepts logins, and reports its address.
pub(crate) async fn ready(one: &Located) -> Result<String, Failure> {
    match log_in_to(one).await {
        Ok(server) => Ok(format!("{} at {}", server.identity.full, server.address())),
        Err(failure) => Err(Failure {
            message: format!(
                "{}; `dbmatrix logs {}` shows more",
                failure.message, one.flavour
            ),
            ..failure
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_of_all_is_the_whole() {
        let whole = |verdicts: &[Verdict]| worst_verdict(verdicts.iter().copied());
        assert_eq!(whole(&[]), Verdict::Passed);
        assert_eq!(
            whole(&[Verdict::Passed, Verdict::NotProvided, Verdict::Failed]),
            Verdict::NotProvided
        );
    }
}

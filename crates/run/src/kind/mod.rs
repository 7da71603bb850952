//! Kinds of suites, as a run sees them. A new kind needs a file in this folder, its keys
//! in `matrix`, and a line in [`kind_of`].

mod command;
mod files;
mod known_failures;
mod mysqltest;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::Instant;

pub(super) use files::run_files;

use command::CommandKind;
use dbmatrix_flavours::matrix::{Isolation, SuiteKind, SuiteSpec};
use dbmatrix_flavours::plan::SuiteRun;
use dbmatrix_sql::session::Tenancy;
use files::FilesKind;
use mysqltest::MysqltestKind;

use super::context::RunContext;
use super::current_replicas::CurrentReplicas;
use super::deployment::{Servers, Site};
use super::expectations::Answers;
use super::flavour_facts::FlavourFacts;
use super::replicas::Replicas;
use super::scheduler::{Job, Partitioning};

/// What a run needs from every kind of suite.
pub(super) trait Kind: Send + Sync {
    /// How the suite is divided into jobs on one flavour.
    fn partitioning(&self) -> Partitioning;

    /// The cases of a job by their names in reports, as far as they are known before it
    /// runs.
    fn cases(&self, job: Job) -> Vec<PathBuf>;

    /// Why the suite must not run on an external server with this tenancy.
    fn refusal(&self, tenancy: Tenancy) -> Option<&'static str>;

    /// Runs a job and reports its cases. Returns what they record if expectations are
    /// written.
    fn run_job(self: Box<Self>, run: JobRun) -> BoxFuture<'static, Vec<Answers>>;
}

/// A running job and its resources.
pub(super) struct JobRun<P = Servers> {
    pub(super) job: Job,
    pub(super) suite_run: SuiteRun,
    pub(super) facts: Arc<FlavourFacts>,
    pub(super) context: RunContext,
    /// When the suite's time is over, and its time limit.
    pub(super) deadline: Option<(Instant, Duration)>,
    /// The servers of the flavour, or of the suite alone.
    pub(super) servers: Arc<P>,
    /// Present if dbmatrix made the server; external servers have none.
    pub(super) site: Option<Site>,
    /// The replicas of the flavour, if it has any.
    pub(super) replicas: Option<Arc<CurrentReplicas>>,
}

/// The replicas of the flavour, if it has any. An error says why they are not there.
async fn replicas_of<P>(run: &JobRun<P>) -> Result<Option<Arc<Replicas>>, String> {
    match &run.replicas {
        Some(current) => current.ready().await.map(Some),
        None => Ok(None),
    }
}

/// The kind of a suite.
pub(super) fn kind_of(suite: &SuiteSpec) -> Box<dyn Kind> {
    match &suite.kind {
        SuiteKind::Files(files) => Box::new(FilesKind::new(files, suite.isolation)),
        SuiteKind::Command(spec) => Box::new(CommandKind::new(spec)),
        SuiteKind::Mysqltest(spec) => Box::new(MysqltestKind::new(spec)),
    }
}

/// Why a whole suite must not run on a server that dbmatrix did not make, or that has
/// replicas.
pub(super) fn refusal(suite: &SuiteSpec, tenancy: Tenancy, has_replicas: bool) -> Option<String> {
    if has_replicas && suite.isolation == Isolation::Clone {
        return Some(
            "replicas: a copy of the server for one suite would have none; leave `isolation` and \
             `setup` of the suite out, or the flavour"
                .to_owned(),
        );
    }
    if tenancy == Tenancy::Owner {
        return None;
    }
    let why = match suite.isolation {
        Isolation::Clone => Some("external: `isolation = \"clone\"` needs a copy of the server"),
        Isolation::Database => kind_of(suite).refusal(tenancy),
    };
    why.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use dbmatrix_flavours::matrix::Matrix;

    use super::*;

    #[test]
    fn suites_that_an_external_server_cannot_run_are_refused_by_their_reason() {
        let text = "\
[[flavour]]
name = 'a'
url = 'env:A'
[[suite]]
name = 'files'
files = ['sql/types.slt']
[[suite]]
name = 'copy'
files = ['sql/types.slt']
isolation = 'clone'
[[suite]]
name = 'command'
command = ['true']
[[suite]]
name = 'own'
mysqltest = 'mariadb'
tests = ['main.*']
";
        let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../m.toml"));
        let matrix = Matrix::parse(path, text).map_err(|error| error.lines());
        let suites = matrix.expect("a matrix").suites;
        let refused_of = |tenancy, has_replicas| {
            let all = suites
                .iter()
                .filter(|suite| refusal(suite, tenancy, has_replicas).is_some());
            all.map(|suite| suite.name.as_str()).collect::<Vec<_>>()
        };
        let refused = |tenancy| refused_of(tenancy, false);
        assert_eq!(refused_of(Tenancy::Owner, true), ["copy"]);
        assert_eq!(refused(Tenancy::Owner), [""; 0]);
        assert_eq!(refused(Tenancy::Guest), ["copy", "own"]);
        assert_eq!(refused(Tenancy::Reader), ["copy", "command", "own"]);
    }
}

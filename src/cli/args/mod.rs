//! The words of the command line: clap types, and nothing that is done with them.

mod bisect;
mod cache;
mod candidate;
mod connect;
mod format;
mod instance;
mod log;
mod replay;
mod run;
mod shell;
mod side;
mod times;
mod transfer;
mod upgrade;
mod value;

pub(crate) use bisect::BisectArgs;
pub(crate) use cache::{CacheCommand, CacheKeyArgs, CacheRestoreArgs, CacheSaveArgs};
pub(crate) use connect::{Client, ConnectArgs};
pub(crate) use format::{Format, FormatArgs, json};
pub(crate) use instance::{
    Chosen, CpArgs, InstanceCommand, LogsArgs, PromoteArgs, ResetArgs, RestoreArgs, ShellArgs,
    SnapshotArgs, StopArgs, UrlArgs, Within,
};
pub(crate) use replay::{ReplayArgs, Speed};
pub(crate) use run::{DiffArgs, InputArgs, MergeArgs, RecordArgs, ReportCommand, RunArgs, UpArgs};
pub(crate) use shell::{CatalogueArgs, CompletionsArgs, ManArgs, Shell};
pub(crate) use side::Side;
pub(crate) use transfer::{CopyArgs, ExportArgs, ImportArgs};
pub(crate) use upgrade::UpgradeArgs;

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use clap_complete::engine::ArgValueCandidates;

use dbmatrix_containers::host::EngineChoice;
use value::{engine, project_name};

use crate::app::{Globals, USUAL_PROJECT};
use candidate::flavours;

/// Does it hold on every version? Runs SQL suites side by side on MySQL,
/// MariaDB and Percona Server of many versions, each in a container of its own.
#[derive(Debug, Parser)]
#[command(name = "dbmatrix", version, propagate_version = true)]
#[command(after_help = "\
Examples:
  dbmatrix run matrices/mysql.toml     # suites on all flavours of a matrix
  dbmatrix connect mariadb:10.5        # a server, and a prompt on it
  dbmatrix help connect                # one command, with examples")]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,

    /// Take on the root helper that connects to this abstract name
    #[arg(long, hide = true, value_name = "NAME")]
    pub(crate) helper: Option<String>,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Where dbmatrix keeps its things, and how much it says.
#[derive(Debug, clap::Args)]
pub(crate) struct GlobalArgs {
    /// Engine: `incus`, `lxd`, the path of its socket, or the name of a remote
    #[arg(long, global = true, env = "DBMATRIX_ENGINE", value_name = "ENGINE", value_parser = engine)]
    pub(crate) engine: Option<EngineChoice>,

    /// Engine project that holds everything; two projects share nothing
    #[arg(long, global = true, env = "DBMATRIX_PROJECT", default_value = USUAL_PROJECT, value_parser = project_name)]
    pub(crate) project: String,

    /// Show each file and say what is done (-v), or every request (-vv)
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub(crate) verbose: u8,
}

impl From<&GlobalArgs> for Globals {
    fn from(args: &GlobalArgs) -> Self {
        Globals {
            engine: args.engine.clone().unwrap_or_default(),
            project: args.project.clone(),
            verbose: args.verbose,
        }
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a matrix's suites on all its flavours
    #[command(after_help = "\
Each flavour's server is a new copy of its golden child; one that is there goes,
with all that was done to it.

Examples:
  dbmatrix run matrices/mysql.toml --yes
  dbmatrix run matrices/mysql.toml --flavour 'mariadb-*' --suite json
  dbmatrix run matrices/mysql.toml --update
  dbmatrix run matrices/mysql.toml --ci --report junit=junit.xml --report html=run.html

Exit status: 0 all passed; 1 failures; 2 usage or matrix; 3 a flavour or the
engine could not be provided; 130 interrupted.")]
    Run(RunArgs),
    /// Run statements on all flavours and tell where they differ
    #[command(after_help = "\
As of `run`, servers are new copies; `--after pause` makes the next one quick.

Examples:
  dbmatrix diff matrices/mysql.toml -e 'SELECT JSON_TYPE(1.5)'
  dbmatrix diff matrices/mysql.toml migration.sql --baseline mysql-9.7
  dbmatrix diff matrices/mysql.toml slow.log slow.log.1 slow.log.2.gz
  dbmatrix diff matrices/mysql.toml --against reference.zst
  echo 'SHOW VARIABLES' | dbmatrix diff matrices/mysql.toml -

Exit status: 0 no significant difference; 1 differences; else as of `run`.")]
    Diff(DiffArgs),
    /// Send a log's statements at their own pace, and measure each flavour
    #[command(after_help = "\
Each of the log's connections becomes one, and each statement is sent at its time or when
the one before it has ended. One flavour works at a time, the others are paused; rounds
take turns. Only statements that read are sent, unless `--writes` says otherwise. A server
that dbmatrix did not make is loaded only if `--load-on` names it, and one that may be
written to only with `--yes` as well.

As JSON it is an object with the names schema (1), log, speed (null is as fast as
possible), rounds, complete, statements, connections, connections_at_once, log_time,
left_out, notes, baseline, flavours and digests; times are seconds.

Examples:
  dbmatrix replay matrices/mysql.toml slow.log
  dbmatrix replay matrices/mysql.toml slow.log --speed max --rounds 5 --warm-up
  dbmatrix replay matrices/mysql.toml slow.log.gz --since '2026-11-27 20:00' --limit 60s
  dbmatrix replay external.toml slow.log --load-on staging --format json

Exit status: 0 measured; 1 a flavour was not measured to the end; else as of `run`.")]
    Replay(ReplayArgs),
    /// Walk the upgrades of a matrix, and tell what becomes of the data
    #[command(after_help = "\
Each path begins with a new copy of the older server and its data. In place the newer
server starts on the same data folder; by dump its client reads what the older one's
client writes. The definitions of all objects, all rows, accounts and settings are compared
before and after. Copies are deleted; servers that were installed are kept, so that the
next upgrade is quick.

As JSON it is an object with the names schema (1), walks and stale. A walk has path, from,
through, to, by, outcome (`same`, `differs`, `failed` or `unavailable`), failure, took
(seconds), objects, rows, differences, insignificant, notes and kept.

Examples:
  dbmatrix upgrade examples/upgrade.toml
  dbmatrix upgrade examples/upgrade.toml --path '*-to-mariadb-11.8' --keep-failed
  dbmatrix upgrade examples/upgrade.toml --report junit=junit.xml

Exit status: 0 nothing significant differs; 1 a difference that no file explains, or a
server refused; 3 a server of a path could not be provided; else as of `run`.")]
    Upgrade(UpgradeArgs),
    /// Keep the answers of flavours in a file, for `diff --against` later and elsewhere
    #[command(after_help = "\
Statements run as `diff` runs them. The file holds them and the answers, which are your
data, and no password or address.

Examples:
  dbmatrix record external.toml slow.log --flavour production -o reference.zst
  dbmatrix diff matrices/mysql.toml --against reference.zst

Exit status: 0 recorded; 1 recorded, and an expectation of the file failed; else as of
`run`, and nothing is recorded.")]
    Record(RecordArgs),
    /// Find the first release whose outcome differs
    #[command(after_help = "\
From the first release to the last it brings up as few as it needs, and compares each
with the first. A series stands for its newest release. What is not available is
stepped over and named. Servers are new copies and are deleted; what was installed is
kept, so that the next bisect is quick.

A command finds what `exec` gives it in its environment. Its exit status is the outcome;
125 skips the release.

As JSON it is an array of the releases, the oldest first, with the names schema (1),
server, released, version, outcome (`same`, `differs`, `unavailable`, or null where it
was not asked), reason, exit_status, edge (`before` and `after` the change, or null) and
differences.

Examples:
  dbmatrix bisect -e 'SELECT 1 = 1.0' --from mysql:8.0.11 --to mysql:9.7.2
  dbmatrix bisect query.sql --from mariadb:10.5 --to mariadb:11.8
  dbmatrix bisect query.sql --line 12 --from mysql:5.7 --to mysql:8.4
  dbmatrix bisect --command 'cargo test' --from mysql:8.0 --to mysql:lts
  dbmatrix bisect query.sql --from mysql:5.7 --to mysql:8.4 --matrix mirrors.toml

Exit status: 0 found; 1 the ends have the same outcome; 2 usage or matrix; 3 fewer than
two releases or no engine were available; 130 interrupted.")]
    Bisect(BisectArgs),
    /// Bring a matrix's flavours up and leave them there
    #[command(after_help = "Example:\n  dbmatrix up matrices/mysql.toml --flavour mysql-9.7")]
    Up(UpArgs),
    /// Write down the exact packages of a matrix's flavours (`MATRIX.lock`)
    #[command(after_help = "\
Flavours that are up are taken as they are; `dbmatrix down MATRIX` first takes
what the mirrors have now.

Example:
  dbmatrix lock matrices/mysql.toml && dbmatrix run matrices/mysql.toml --locked")]
    Lock(LockArgs),
    /// Remove a matrix's children, nest and route; with --all everything
    #[command(
        after_help = "Examples:\n  dbmatrix down matrices/mysql.toml\n  dbmatrix down --nest ad-hoc\n  dbmatrix down --all"
    )]
    Down(DownArgs),
    /// Remove golden children and images that nothing uses
    #[command(after_help = "\
A golden child is used where a flavour's child came from it, and kept where a
flavour of `--keep MATRIX` asks for it. What is incomplete and downloaded packages
go too.

Examples:
  dbmatrix prune --dry-run
  dbmatrix prune --keep matrices/mysql.toml")]
    Prune(PruneArgs),
    /// Keep a matrix's nest and golden children in a file
    #[command(
        subcommand,
        after_help = "Example:\n  dbmatrix cache save matrices/mysql.toml mysql.cache"
    )]
    Cache(CacheCommand),
    /// Show nests and their children
    #[command(after_help = "\
A row a container: its nest, its name (a flavour's own), state, address, type
(`nest`, `flavour`, `golden`, `standby` for a copy that the next run takes,
`other` for what dbmatrix did not make or not to the end), snapshots, server and exact
version; where it runs, how long and with how much memory, which is that of its
processes, without cached files; and what it takes on the disk for itself alone.

Replicas say how far they are (`caught up`, `7s behind`, `connecting`, `stopped`), where
their server is reached and answers within a second.

As JSON it is an array of objects with the names schema (2), nest, name, container,
type, state (`running`, `stopped`, `paused`, `incomplete`), ipv4, snapshots, server,
version, uptime (seconds), memory (bytes) and disk (bytes); what is not known is
null. Servers of a flavour with replicas have a role (`source`, `replica`) too, replicas
also replication (`caught-up`, `behind`, `connecting`, `stopped`) and lag (seconds), and
what is cut off from the network has disconnected (true). With `--watch` there is an array a line.

Examples:
  dbmatrix list
  dbmatrix list --watch
  dbmatrix list --format json | jq -r '.[] | select(.type == \"flavour\") | .ipv4'")]
    List(ListArgs),
    /// Look at the machine: engine, network, disk, mirrors, and what is left over
    #[command(after_help = "\
Each line says what was looked at, its state and what was found, and below it
what to do:
  ok       as it should be
  note     worth knowing, or what the next run sees to
  problem  keeps dbmatrix from working
Looking changes nothing, and sends nothing but requests for release files to the
package mirror and to vendors' repositories. `--fix` removes what is left over, sets missing routes,
and turns forwarding on where a nest of dbmatrix needs it; it tells each.

As JSON it is an array of objects with the names schema (1), check, state, found,
remedy and fixed.

Examples:
  dbmatrix doctor
  dbmatrix doctor --offline --format json
  dbmatrix doctor --fix

Exit status: 0 no problem (or none that is left by --fix); 1 problems.")]
    Doctor(DoctorArgs),
    /// Show which servers are available, and from where
    #[command(after_help = "\
Without a name it shows all series; with one, each release that fits. Any of them
can stand in a matrix and after `connect`: a series means its newest release. With
--reached apt is asked for a small file of each source; otherwise nothing is sent.

As JSON it is an array of objects, one for each source, the preferred one first, with
the names schema (1), server, aliases, released, end_of_life, newest, source, image,
url, architectures, reached and reason.

Examples:
  dbmatrix catalogue
  dbmatrix catalogue mysql:8.0
  dbmatrix catalogue 'mariadb:10.*' --format json
  dbmatrix catalogue percona:8.4 --reached
  dbmatrix connect mysql:lts")]
    Catalogue(CatalogueArgs),
    /// Open a prompt on a flavour, or on several at once
    #[command(after_help = "\
Statements come from `-e`, else from standard input; at a terminal there is a
prompt (`\\h` tells what it takes). With several flavours each statement goes to
all of them: what is equal is shown once, what differs by groups.

Examples:
  dbmatrix connect mysql-9.7
  dbmatrix connect mariadb:11.8
  dbmatrix connect mariadb:10.5 --replicas 2 --replica-server mariadb:11.8
  dbmatrix connect mariadb-10.5/replica-1 -e 'SHOW REPLICA STATUS'
  dbmatrix connect mariadb-10.5 -e 'SELECT @@version'
  dbmatrix connect --all -e \"SELECT CAST('1e500' AS DOUBLE)\"
  dbmatrix connect --all --matrix external.toml
  dbmatrix connect mysql-9.7 -D shop --format csv < report.sql > report.csv

Exit status: 0; 1 where a statement was refused; 3 where a server was not reached.")]
    Connect(ConnectArgs),
    /// Run a command against a flavour, or against all side by side
    #[command(after_help = "\
The command finds DATABASE_URL, MYSQL_HOST, MYSQL_TCP_PORT, MYSQL_USER,
MYSQL_PWD and MYSQL_DATABASE (one of its own) in its environment, MYSQL_SSL_CA
where the server has a certificate authority, MYSQL_SSL_CERT and MYSQL_SSL_KEY where
the flavour has `tls`, MYSQL_UNIX_PORT, and DBMATRIX_FLAVOUR, _FAMILY and
_VERSION.

Examples:
  dbmatrix exec --flavour mysql-9.7 -- cargo test
  dbmatrix exec --all -- sh -c 'mysql -e \"SELECT @@version\"'
  dbmatrix exec --matrix external.toml --flavour staging -- cargo test

Exit status: the command's own for one flavour; 1 where one of several failed.")]
    Exec(ExecArgs),
    /// Write a shell's completion script
    #[command(after_help = "\
Examples:
  source <(dbmatrix completions bash)                       # in ~/.bashrc
  source <(dbmatrix completions zsh)                        # in ~/.zshrc, after compinit
  dbmatrix completions fish | source                        # in config.fish

Names of flavours are those that are up, as far as the caller may ask the engine.")]
    Completions(CompletionsArgs),
    /// Write manual pages into a folder
    #[command(after_help = "\
Example:
  dbmatrix man ~/.local/share/man/man1 && man dbmatrix-connect")]
    Man(ManArgs),
    #[command(flatten)]
    Instance(InstanceCommand),
    /// Carry out what is root's for another dbmatrix, which starts it by sudo
    #[command(hide = true)]
    RootHelper(RootHelperArgs),
    /// Do what is left of a run that has its verdict
    #[command(hide = true)]
    Keeper,
    /// Read reports again
    #[command(
        subcommand,
        after_help = "Example:\n  dbmatrix report merge part-*.jsonl --report html=run.html"
    )]
    Report(ReportCommand),
}

/// Options of `root-helper`.
#[derive(Debug, clap::Args)]
pub(crate) struct RootHelperArgs {
    /// The abstract name of the socket on which the user's process waits
    pub(crate) name: String,

    /// Be the helper, rather than leave one behind
    #[arg(long)]
    pub(crate) stay: bool,
}

/// Options of `lock`.
#[derive(Debug, clap::Args)]
pub(crate) struct LockArgs {
    #[command(flatten)]
    pub(crate) up: UpArgs,
}

/// Options of `down`.
#[derive(Debug, clap::Args)]
pub(crate) struct DownArgs {
    /// The matrix file whose nest goes
    #[arg(required_unless_present_any = ["all", "nest"])]
    pub(crate) matrix: Option<PathBuf>,

    /// The nest of that name, such as `ad-hoc`, that of flavours without a matrix
    #[arg(long, value_name = "NAME", conflicts_with_all = ["matrix", "all"])]
    pub(crate) nest: Option<String>,

    /// Remove all nests, the project, network, pool and images, and end a
    /// daemon that dbmatrix started
    #[arg(long, conflicts_with = "matrix")]
    pub(crate) all: bool,
}

/// Options of `prune`.
#[derive(Debug, clap::Args)]
pub(crate) struct PruneArgs {
    /// Keep what the flavours of this matrix file start from (may be repeated)
    #[arg(long, value_name = "MATRIX")]
    pub(crate) keep: Vec<PathBuf>,

    /// Only tell what would be removed
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Options of `list`.
#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    /// Only the nest of this matrix file
    pub(crate) matrix: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) shown: FormatArgs,

    /// Look again every 2 s until Ctrl-C; without a terminal, one follows the
    /// other
    #[arg(long)]
    pub(crate) watch: bool,
}

/// Options of `doctor`.
#[derive(Debug, clap::Args)]
pub(crate) struct DoctorArgs {
    /// Do what is safe to do about it
    #[arg(long)]
    pub(crate) fix: bool,

    /// Send nothing to mirrors and vendors' repositories
    #[arg(long)]
    pub(crate) offline: bool,

    #[command(flatten)]
    pub(crate) shown: FormatArgs,
}

/// Options of `exec`.
#[derive(Debug, clap::Args)]
pub(crate) struct ExecArgs {
    /// The flavour's name (may be repeated)
    #[arg(long, value_name = "NAME", required_unless_present = "all", add = ArgValueCandidates::new(flavours))]
    pub(crate) flavour: Vec<String>,

    /// All flavours, started where they do not run
    #[arg(long, conflicts_with = "flavour")]
    pub(crate) all: bool,

    /// The flavours of this matrix file, its external servers among them
    #[arg(long, value_name = "FILE", conflicts_with = "nest")]
    pub(super) matrix: Option<PathBuf>,

    /// The nest, where several have a flavour of that name; `NEST/FLAVOUR` is as good
    #[arg(long)]
    pub(crate) nest: Option<String>,

    /// The command with its arguments
    #[arg(last = true, required = true)]
    pub(crate) command: Vec<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Args::command().debug_assert();
    }
}

//! The words of the commands that keep flavours at hand between runs.

use std::path::PathBuf;

use clap::Subcommand;
use clap_complete::engine::{ArgValueCandidates, ArgValueCompleter};

use super::candidate::{flavours, sides};
use super::side::Side;
use super::value::{database_name, snapshot_name};
use super::{CopyArgs, ExportArgs, Format, ImportArgs};

/// What to do with flavours that are up.
#[derive(Debug, Subcommand)]
pub(crate) enum InstanceCommand {
    /// Print a flavour's DATABASE_URL
    #[command(after_help = "\
The flavour is started where it does not run. Without --database the address ends
where the name of a database goes.

Examples:
  dbmatrix url mysql-9.7
  DATABASE_URL=$(dbmatrix url mysql-9.7 --database app) cargo run
  DATABASE_URL=$(dbmatrix url mysql-9.7)app cargo run")]
    Url(UrlArgs),
    /// Print a flavour's variables for a shell
    #[command(after_help = "\
The flavour is started where it does not run. The variables are those that `exec`
gives: DATABASE_URL, MYSQL_HOST, MYSQL_TCP_PORT, MYSQL_USER, MYSQL_PWD,
DBMATRIX_FLAVOUR, _FAMILY and _VERSION, and with --database MYSQL_DATABASE. No
database is made. MYSQL_UNIX_PORT is a socket that stays as long as the flavour is up;
MYSQL_SSL_CA, _CERT and _KEY are the files that the flavour's `tls` names.

Examples:
  eval \"$(dbmatrix env mysql-9.7)\"
  eval \"$(dbmatrix env mysql-9.7 --database app)\" && rails db:prepare")]
    Env(UrlArgs),
    /// Open a root shell in a flavour's container, or run a command there
    #[command(after_help = "\
The container is started where it does not run; its server need not come up. At a
terminal all keys go there, Ctrl-C too, and the window's size with them. Without
one, input, output and errors are passed on byte by byte, and so are signals; the
second SIGINT, SIGTERM or SIGHUP ends the command in any case.

Examples:
  dbmatrix shell mysql-9.7
  dbmatrix shell mysql-9.7 -- journalctl --follow
  dbmatrix shell mysql-9.7 -- mysqldump --all-databases > dump.sql
  echo 'SELECT 1' | dbmatrix shell mysql-9.7 -- mysql -N

Exit status: the shell's or the command's own, 128 and the signal's number where
it was killed; 3 where the container or its engine is not there.")]
    Shell(ShellArgs),
    /// Show a server's error log, or what its installation printed
    #[command(after_help = "\
Shown are the file that the server logs to and the journal of its unit, the latter
first. They are read in the flavour's container, which is started where it does
not run; the server itself need not come up. -f ends with Ctrl-C.

--install shows what apt, dpkg or a tarball's own programs printed while the
golden child was made that the flavour is a copy of. Nothing is started for it.

Examples:
  dbmatrix logs mysql-9.7
  dbmatrix logs mariadb-11.8 -f -n 5
  dbmatrix logs mysql-9.7 --install")]
    Logs(LogsArgs),
    /// Copy a file to or from a flavour's container
    #[command(after_help = "\
One side is FLAVOUR:/PATH; nothing is started for it. Folders are not copied. A
file that is there is replaced and keeps its owner and permissions in the
container; a new one is root's.

Examples:
  dbmatrix cp dump.sql mysql-9.7:/tmp/
  dbmatrix cp mariadb-11.8:/etc/mysql/my.cnf ./my.cnf
  dbmatrix cp mysql-9.7:/etc/mysql/my.cnf /dev/stdout")]
    Cp(CpArgs),
    /// Start flavours, and resume paused ones
    #[command(after_help = "\
Ends when somebody can log in to each. See `stop` for how to choose flavours.

Examples:
  dbmatrix start mysql-9.7
  dbmatrix start --all")]
    Start(ChosenArgs),
    /// Shut flavours down; what they hold stays
    #[command(after_help = "\
Flavours are named, chosen by patterns, or all; several are seen to side by side.
An error names its flavour, and the others are done all the same. A run that is at work on the nest is waited for.

A stopped flavour takes no memory, and `start`, `connect`, `exec` and the like
start it again as it was left. --kill ends it as a crash would.

Examples:
  dbmatrix stop mysql-9.7
  dbmatrix stop 'mariadb-*'
  dbmatrix stop --all

Exit status: 0 all is done; 1 something cannot be; 3 an engine, a server or a
flavour is not there (as for all commands of this kind).")]
    Stop(StopArgs),
    /// Pause flavours; their connections stay open
    #[command(after_help = "\
A paused flavour keeps its memory and answers nobody until `resume`. `connect`,
`exec` and the like resume it. A stopped one stays stopped, and the exit status is 1.

Examples:
  dbmatrix pause mysql-9.7
  dbmatrix pause --all")]
    Pause(ChosenArgs),
    /// Resume paused flavours
    #[command(after_help = "\
A stopped flavour stays stopped, and the exit status is 1; `start` starts it.

Examples:
  dbmatrix resume mysql-9.7
  dbmatrix resume --all")]
    Resume(ChosenArgs),
    /// Cut flavours off from the network of their nest
    #[command(after_help = "\
Nothing reaches them and they reach nothing, as where a cable is pulled out: servers
and their processes go on, and connections neither go on nor end. Address and route stay.
`reconnect` joins them again, and so do a restart and `up`. `shell` and `logs` work
meanwhile.

Examples:
  dbmatrix disconnect move/replica-1
  dbmatrix disconnect 'move/*'")]
    Disconnect(ChosenArgs),
    /// Join flavours again that `disconnect` has cut off
    #[command(after_help = "\
It ends when you can log in. Connections that were there go on, as far as neither side
has given them up; what a server sent in vain it sends again after a while, which
becomes longer the longer it was cut off.

Example:
  dbmatrix reconnect move/replica-1")]
    Reconnect(ChosenArgs),
    /// Make a replica the source of its flavour
    #[command(after_help = "\
The source refuses writes and the replica gets all that it has; then the replica takes
writes, and the source and the other replicas follow it. Names stay as they are:
`list` shows who is the source. A source that is stopped or paused is left out, and
what the replica had not received by then is lost.

An older server does not follow a newer one. It is left out and stays read-only.
The next `run` begins anew, as the matrix says.

Examples:
  dbmatrix promote move/replica-1
  dbmatrix stop move --kill && dbmatrix promote move/replica-1

Exit status: 0 all that can follow does; 1 the replica cannot be promoted, or another
one does not follow it.")]
    Promote(PromoteArgs),
    /// The old name of `pause`
    #[command(hide = true)]
    Freeze(ChosenArgs),
    /// The old name of `resume`
    #[command(hide = true)]
    Thaw(ChosenArgs),
    /// Shut flavours down and start them
    #[command(after_help = "\
What was set with SET GLOBAL and not kept is as the settings have it again.

Examples:
  dbmatrix restart mysql-9.7
  dbmatrix restart --all")]
    Restart(ChosenArgs),
    /// Make flavours as new: copies of their golden children
    #[command(after_help = "\
All that was done to a flavour is lost. Address and password stay, so programs
that knew it find the new one. One that ran or was paused runs after; a stopped
one stays stopped. A flavour that has snapshots is left as it is, since they would
go with it; --drop-snapshots says that they may.

Examples:
  dbmatrix reset mysql-9.7
  dbmatrix reset --all")]
    Reset(ResetArgs),
    /// Take snapshots of flavours, to `restore` later
    #[command(after_help = "\
A server that runs is shut down for it, cleanly, and started again: some two
seconds in which connections end. With --live it is only paused for a moment and
connections stay; restored, it is as after a crash, which InnoDB mends and MyISAM
and the like may not.

Without --name a snapshot is named by the time, and `restore` takes the latest.
Snapshots belong to the flavour as it is now: the next `run` or `diff` replaces
it, and they go with it.

Examples:
  dbmatrix snapshot mysql-9.7 --name before
  dbmatrix snapshot --all --name before
  dbmatrix snapshot mysql-9.7 --list
  dbmatrix snapshot mysql-9.7 --delete before")]
    Snapshot(SnapshotArgs),
    /// Bring flavours back to a snapshot
    #[command(after_help = "\
What was done to a flavour since is lost; the snapshot stays and can be restored
again. One that ran or was paused runs after; a stopped one stays stopped.

Examples:
  dbmatrix restore mysql-9.7 --name before
  dbmatrix restore --all --name before
  dbmatrix restore mysql-9.7")]
    Restore(RestoreArgs),
    /// Write flavours into files, for `import` on another machine
    #[command(
        override_usage = "dbmatrix export [OPTIONS] <FLAVOUR>... <FILE>\n       dbmatrix export [OPTIONS] --all <FOLDER>",
        after_help = "\
A server that runs is shut down for it, cleanly, and started again after some two
seconds; the rest is done on a copy. With --live it is only paused for a moment, and
imported it is as after a crash. Snapshots stay behind. Of several flavours each
gets a file of its own in a folder, FLAVOUR.tar.zst.

The file is a backup as Incus and LXD write it, compressed by zstd. It holds all
that the server holds, passwords too, and can be read by its owner alone.

Examples:
  dbmatrix export mysql-9.7 shop.tar.zst
  dbmatrix export --all exported/
  scp shop.tar.zst there: && ssh there dbmatrix import shop.tar.zst --yes"
    )]
    Export(ExportArgs),
    /// Bring a flavour up from a file that `export` wrote
    #[command(after_help = "\
An engine and a nest are made where there are none. The flavour comes with all that
its server holds and gets an address of this nest; `connect`, `url`, `snapshot` and
the like work with it. It belongs to no matrix, and no run touches it. `reset`
works where the nest has its golden child. It goes with its nest:
`dbmatrix down --nest imported`.

Only import what you trust: a packed container has settings too.

Examples:
  dbmatrix import shop.tar.zst --yes
  dbmatrix import shop.tar.zst --name shop
  dbmatrix connect shop")]
    Import(ImportArgs),
    /// Hand a flavour to another engine over the network
    #[command(after_help = "\
There it is a stopped container like others: it gets its address from that engine's
network, and nothing says that dbmatrix looks after it. Its root logs in as before,
inside it. The flavour here stays; see `export` for what becomes of its server.

Engines stand in ~/.config/dbmatrix/remotes.toml (or $XDG_CONFIG_HOME). Paths are
relative to it; `project` and `pool` may be left out:
  [lab]
  address = \"https://lab.example:8443\"
  certificate = \"lab.crt\"           # that engine's own, taken as it is
  client-certificate = \"me.crt\"     # trusted there: incus config trust add-certificate
  client-key = \"me.key\"
  project = \"databases\"
  pool = \"fast\"

Examples:
  dbmatrix copy mysql-9.7 --to lab
  dbmatrix copy mysql-9.7 --to lab --name shop")]
    Copy(CopyArgs),
}

/// Where flavours are looked for.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Within {
    /// Only the flavours of this nest; `NEST/FLAVOUR` is as good
    #[arg(long)]
    pub(crate) nest: Option<String>,

    /// Only the flavours of this matrix file
    #[arg(long, value_name = "FILE", conflicts_with = "nest")]
    pub(crate) matrix: Option<PathBuf>,
}

/// Options of `url` and `env`.
#[derive(Debug, clap::Args)]
pub(crate) struct UrlArgs {
    /// The flavour's name
    #[arg(add = ArgValueCandidates::new(flavours))]
    pub(crate) flavour: String,

    /// Name this database; it is not made
    #[arg(long, value_name = "NAME", value_parser = database_name)]
    pub(crate) database: Option<String>,

    #[command(flatten)]
    pub(crate) within: Within,
}

/// Options of `shell`.
#[derive(Debug, clap::Args)]
pub(crate) struct ShellArgs {
    /// The flavour's name
    #[arg(add = ArgValueCandidates::new(flavours))]
    pub(crate) flavour: String,

    #[command(flatten)]
    pub(crate) within: Within,

    /// A command with its arguments, in place of a shell
    #[arg(last = true)]
    pub(crate) command: Vec<String>,
}

/// Options of `logs`.
#[derive(Debug, clap::Args)]
pub(crate) struct LogsArgs {
    /// The flavour's name
    #[arg(add = ArgValueCandidates::new(flavours))]
    pub(crate) flavour: String,

    /// Go on with what comes
    #[arg(short, long)]
    pub(crate) follow: bool,

    /// So many lines of what there is [default: 100; of --install all]
    #[arg(short = 'n', long, value_name = "LINES")]
    pub(crate) lines: Option<usize>,

    /// What was printed when the server was installed, instead
    #[arg(long, conflicts_with = "follow")]
    pub(crate) install: bool,

    #[command(flatten)]
    pub(crate) within: Within,
}

/// Options of `cp`.
#[derive(Debug, clap::Args)]
pub(crate) struct CpArgs {
    /// What is copied: a file, or FLAVOUR:/PATH
    #[arg(value_name = "SRC", add = ArgValueCompleter::new(sides))]
    pub(crate) from: Side,

    /// Where to: a file or folder, or FLAVOUR:/PATH
    #[arg(value_name = "DST", add = ArgValueCompleter::new(sides))]
    pub(crate) to: Side,

    #[command(flatten)]
    pub(crate) within: Within,
}

/// Which flavours.
#[derive(Debug, clap::Args)]
pub(crate) struct Chosen {
    /// Names or patterns of flavours
    #[arg(value_name = "FLAVOUR", required_unless_present = "all", add = ArgValueCandidates::new(flavours))]
    pub(crate) flavours: Vec<String>,

    /// All flavours
    #[arg(long, conflicts_with = "flavours")]
    pub(crate) all: bool,

    #[command(flatten)]
    pub(crate) within: Within,
}

/// Options of commands that ask for nothing but flavours.
#[derive(Debug, clap::Args)]
pub(crate) struct ChosenArgs {
    #[command(flatten)]
    pub(crate) chosen: Chosen,
}

/// Options of `promote`.
#[derive(Debug, clap::Args)]
pub(crate) struct PromoteArgs {
    /// The replica's name, such as `move/replica-1`
    #[arg(add = ArgValueCandidates::new(flavours))]
    pub(crate) replica: String,

    #[command(flatten)]
    pub(crate) within: Within,
}

/// Options of `stop`.
#[derive(Debug, clap::Args)]
pub(crate) struct StopArgs {
    #[command(flatten)]
    pub(crate) chosen: Chosen,

    /// End them at once, as a crash would
    #[arg(long)]
    pub(crate) kill: bool,
}

/// Options of `reset`.
#[derive(Debug, clap::Args)]
pub(crate) struct ResetArgs {
    #[command(flatten)]
    pub(crate) chosen: Chosen,

    /// Also where snapshots go with it
    #[arg(long)]
    pub(crate) drop_snapshots: bool,
}

/// Options of `snapshot`.
#[derive(Debug, clap::Args)]
pub(crate) struct SnapshotArgs {
    #[command(flatten)]
    pub(crate) chosen: Chosen,

    /// Its name [default: the time, in UTC]
    #[arg(long, value_parser = snapshot_name)]
    pub(crate) name: Option<String>,

    /// Pause the server for it instead of shutting it down
    #[arg(long)]
    pub(crate) live: bool,

    /// List the snapshots that there are
    #[arg(long, conflicts_with_all = ["name", "live", "delete"])]
    pub(crate) list: bool,

    /// With `--list`: how the list is shown
    #[arg(
        long,
        value_enum,
        default_value_t,
        value_name = "FORMAT",
        requires = "list"
    )]
    pub(crate) format: Format,

    /// Remove the snapshot of that name
    #[arg(long, value_name = "NAME", conflicts_with_all = ["name", "live"])]
    pub(crate) delete: Option<String>,
}

/// Options of `restore`.
#[derive(Debug, clap::Args)]
pub(crate) struct RestoreArgs {
    #[command(flatten)]
    pub(crate) chosen: Chosen,

    /// The snapshot's name [default: the latest one]
    #[arg(long)]
    pub(crate) name: Option<String>,
}

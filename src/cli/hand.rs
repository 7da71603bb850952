//! The words of the commands that keep flavours at hand between runs, and who
//! carries each out.

use clap::Subcommand;

use super::args::Place;
use super::copy::Side;
use super::{Failure, copy, env, logs, url};
use crate::event::Verdict;

/// What to do with flavours that are up.
#[derive(Debug, Subcommand)]
pub(super) enum HandCommand {
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
database is made.

Examples:
  eval \"$(dbmatrix env mysql-9.7)\"
  eval \"$(dbmatrix env mysql-9.7 --database app)\" && rails db:prepare")]
    Env(UrlArgs),
    /// Show a server's error log
    #[command(after_help = "\
Shown are the file that the server logs to and the journal of its unit, the latter
first. They are read in the flavour's container, which is started where it does
not run; the server itself need not come up. -f ends with Ctrl-C.

Examples:
  dbmatrix logs mysql-9.7
  dbmatrix logs mariadb-11.8 -f -n 5")]
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
}

/// Does what was asked for.
pub(super) async fn carry_out(place: &Place, command: &HandCommand) -> Result<Verdict, Failure> {
    match command {
        HandCommand::Url(args) => url::url(place, args).await,
        HandCommand::Env(args) => env::env(place, args).await,
        HandCommand::Logs(args) => logs::logs(place, args).await,
        HandCommand::Cp(args) => copy::copy(place, args).await,
    }
}

/// Options of `url` and `env`.
#[derive(Debug, clap::Args)]
pub(super) struct UrlArgs {
    /// The flavour's name
    pub(super) flavour: String,

    /// Name this database; it is not made
    #[arg(long, value_name = "NAME", value_parser = database_name)]
    pub(super) database: Option<String>,

    /// The nest, where several have a flavour of that name
    #[arg(long)]
    pub(super) nest: Option<String>,
}

/// Options of `logs`.
#[derive(Debug, clap::Args)]
pub(super) struct LogsArgs {
    /// The flavour's name
    pub(super) flavour: String,

    /// Go on with what comes
    #[arg(short, long)]
    pub(super) follow: bool,

    /// So many lines of what there is
    #[arg(short = 'n', long, value_name = "LINES", default_value_t = 100)]
    pub(super) lines: usize,

    /// The nest, where several have a flavour of that name
    #[arg(long)]
    pub(super) nest: Option<String>,
}

/// Options of `cp`.
#[derive(Debug, clap::Args)]
pub(super) struct CpArgs {
    /// What is copied: a file, or FLAVOUR:/PATH
    #[arg(value_name = "SRC")]
    pub(super) from: Side,

    /// Where to: a file or folder, or FLAVOUR:/PATH
    #[arg(value_name = "DST")]
    pub(super) to: Side,

    /// The nest, where several have a flavour of that name
    #[arg(long)]
    pub(super) nest: Option<String>,
}

/// A name that needs no escapes in an address.
fn database_name(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_$".contains(c);
    if !text.is_empty() && text.chars().all(plain) && text.len() <= 64 {
        return Ok(text.to_owned());
    }
    Err(format!(
        "expected letters, digits, hyphens, `_` and `$`; found `{text}`"
    ))
}

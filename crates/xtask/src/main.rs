//! `cargo xtask`: tasks of dbmatrix's developers.
#![expect(clippy::print_stdout, reason = "a program for a terminal")]
#![expect(clippy::print_stderr, reason = "a program for a terminal")]

mod catalogue;
mod fetch;
mod mariadb;
mod packages;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use fetch::Origin;

/// Tasks of dbmatrix's developers
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Add the releases that vendors have published since to the catalogue
    ///
    /// It asks MariaDB's REST API, and the package indexes of Oracle's and Percona's
    /// repositories that the catalogue names. A vendor that is not reached is named and
    /// left as it is.
    Catalogue {
        /// Read `FOLDER/HOST/PATH` instead of asking the vendors
        #[arg(long, value_name = "FOLDER")]
        from: Option<PathBuf>,
        /// The list of releases
        #[arg(long, value_name = "FILE", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../flavours/src/catalogue/releases.csv"))]
        list: PathBuf,
    },
}

fn main() -> ExitCode {
    let Task::Catalogue { from, list } = Args::parse().task;
    let origin = from.map_or(Origin::Vendors, Origin::Folder);
    match catalogue::update(&origin, &list) {
        Ok(report) => {
            print!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

//! `cargo xtask`: tasks of dbmatrix's developers.
#![expect(clippy::print_stdout, reason = "a program for a terminal")]
#![expect(clippy::print_stderr, reason = "a program for a terminal")]

mod catalogue;
mod fetch;
mod mariadb;
mod package;
mod packages;

use std::path::{Path, PathBuf};
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
    /// Build the packages of a release: a `.deb` and a `.tar.gz`
    ///
    /// The program runs with glibc 2.31 and later. mmdebstrap fetches the libraries that it
    /// is linked with.
    Package {
        /// Cargo's profile
        #[arg(long, default_value = "dist")]
        profile: String,
        /// The folder for them
        #[arg(long, value_name = "FOLDER", default_value = "target/packages")]
        to: PathBuf,
    },
}

fn main() -> ExitCode {
    let done = match Args::parse().task {
        Task::Catalogue { from, list } => {
            let origin = from.map_or(Origin::Vendors, Origin::Folder);
            let updated = catalogue::update(&origin, &list);
            updated
                .map(|report| report.to_string())
                .map_err(|error| error.to_string())
        }
        Task::Package { profile, to } => {
            let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
            package::package(root, &profile, &to).map_err(|error| error.to_string())
        }
    };
    match done {
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

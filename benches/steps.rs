//! How fast steps are run on a server that is there already, beside the plain
//! batch client, which is fed the same statements in the same round.
//!
//! ```sh
//! cargo bench --bench steps -- --address 127.0.0.1:3306 --user u --password-file p \
//!     --client 'mariadb -h 127.0.0.1 -P 3306 -u u -pSECRET' FILE...
//! ```
//!
//! Both run each file in a database that is made before and dropped after, which
//! is part of the time. Tells medians of the rounds: the client's time, that with 1 and 2 jobs and
//! its ratio to the client's, and the most memory that was resident.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark speaks to people"
)]

#[path = "support/statements.rs"]
mod statements;

use std::error::Error;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use dbmatrix_flavours::matrix::Matrix;
use dbmatrix_flavours::plan::{Plan, Selection};
use dbmatrix_report::event::{CaseResult, Event, Sender};
use dbmatrix_run::{RunOptions, ValidatedPlan, run_files_on};
use dbmatrix_sql::session::{Connect, Secret, Target, TlsPolicy};
use dbmatrix_sql::suite::Facts;
use dbmatrix_sql::version::Identity;

use statements::{identify, write_statements};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The label under which the corpus' files say what MySQL does.
const LABEL: &str = "mysql";
/// The client's database.
const DATABASE: &str = "dbmatrix_bench";

/// What was asked for.
struct Args {
    target: Target,
    client: Option<String>,
    rounds: usize,
    files: Vec<PathBuf>,
}

/// One round of all files.
struct Round {
    took: Duration,
    steps: usize,
    failed: usize,
    /// Bytes that were resident at most.
    peak: u64,
}

fn main() -> Result<()> {
    let Some(args) = read_args()? else {
        eprintln!(
            "nothing is measured without `--address HOST:PORT` and files; see the file's head"
        );
        return Ok(());
    };
    let runtime = tokio::runtime::Runtime::new()?;
    let facts = runtime.block_on(facts(&args.target))?;
    let folder = tempfile::tempdir()?;
    let statements = write_statements(&args.files, &facts.0, folder.path())?;
    let mut client = Vec::new();
    let mut ours: [Vec<Round>; 2] = [Vec::new(), Vec::new()];
    for round in 0..args.rounds {
        // Who follows whom changes: a server still tidies up after the last one.
        for turn in 0..3 {
            match ((round + turn) % 3, &args.client) {
                (0, None) => {}
                (0, Some(program)) => {
                    client.push(runtime.block_on(run_client(
                        &args.target,
                        program,
                        &statements,
                    ))?);
                }
                (jobs, _) => {
                    let round = run_ours(&args, &facts.1, folder.path(), jobs as u32);
                    ours[jobs - 1].push(runtime.block_on(round)?);
                }
            }
        }
    }
    tell(client, ours);
    Ok(())
}

fn tell(mut client: Vec<Duration>, ours: [Vec<Round>; 2]) {
    client.sort_unstable();
    let yardstick = client.get(client.len() / 2);
    if let Some(time) = yardstick {
        println!("client: {:.3} s", time.as_secs_f64());
    }
    for (jobs, mut rounds) in (1..).zip(ours) {
        rounds.sort_unstable_by_key(|round| round.took);
        let peak = rounds.iter().map(|round| round.peak).max().unwrap_or(0);
        let Some(median) = rounds.get(rounds.len() / 2) else {
            continue;
        };
        let seconds = median.took.as_secs_f64();
        let ratio = yardstick.map_or(String::new(), |time| {
            format!(", {:.3} x the client's", seconds / time.as_secs_f64())
        });
        println!(
            "jobs = {jobs}: {seconds:.3} s{ratio}, {:.0} steps/s, {} failed, {:.1} MiB resident",
            median.steps as f64 / seconds,
            median.failed,
            peak as f64 / f64::from(1 << 20),
        );
    }
}

fn read_args() -> Result<Option<Args>> {
    let (mut address, mut user, mut password) = (None, String::from("root"), String::new());
    let (mut client, mut rounds, mut files) = (None, 5, Vec::new());
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || {
            words
                .next()
                .ok_or(format!("expected a value after `{word}`"))
        };
        match word.as_str() {
            // Cargo's own.
            "--bench" => {}
            "--address" => address = Some(value()?.parse::<SocketAddr>()?),
            "--user" => user = value()?,
            "--password-file" => {
                password = std::fs::read_to_string(value()?)?.trim_end().to_owned();
            }
            "--client" => client = Some(value()?),
            "--rounds" => rounds = value()?.parse()?,
            // Cargo runs benchmarks in the package's folder.
            file => files.push(std::path::absolute(file)?),
        }
    }
    Ok(address.filter(|_| !files.is_empty()).map(|address| Args {
        target: Target {
            address,
            via: None,
            user,
            password: Secret::new(&password),
            tls: TlsPolicy::Offered,
        },
        client,
        rounds,
        files,
    }))
}

async fn facts(target: &Target) -> Result<(Facts, Identity)> {
    let identity = identify(target).await?;
    let facts = Facts {
        flavour: flavour(&identity),
        family: identity.family,
        version: identity.version,
        labels: vec![LABEL.to_owned()],
    };
    Ok((facts, identity))
}

fn flavour(identity: &Identity) -> String {
    format!("{}-here", identity.family.as_str())
}

async fn run_client(target: &Target, client: &str, statements: &[PathBuf]) -> Result<Duration> {
    let mut took = Duration::ZERO;
    for file in statements {
        let begun = Instant::now();
        let mut session = target.connect(None).await?;
        for sql in ["DROP DATABASE IF EXISTS", "CREATE DATABASE"] {
            session.run(&format!("{sql} {DATABASE}")).await?;
        }
        Command::new("sh")
            .args([
                "-c",
                &format!("{client} --batch --silent --force {DATABASE}"),
            ])
            .stdin(File::open(file)?)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        session.run(&format!("DROP DATABASE {DATABASE}")).await?;
        session.close().await;
        took += begun.elapsed();
    }
    Ok(took)
}

async fn run_ours(args: &Args, identity: &Identity, folder: &Path, jobs: u32) -> Result<Round> {
    let name = flavour(identity);
    let files: Vec<String> = args.files.iter().map(|file| format!("{file:?}")).collect();
    let matrix = folder.join("matrix.toml");
    // The server that the matrix names is never made.
    std::fs::write(
        &matrix,
        format!(
            "[[flavour]]\nname = '{name}'\nserver = 'mysql:9.7'\n\
             [[suite]]\nname = 's'\nfiles = [{}]\nlabels = ['{LABEL}']\nexpect = 'agreement'\n",
            files.join(", ")
        ),
    )?;
    let plan = Plan::new(&Matrix::load(&matrix)?, &Selection::default())?;
    let options = RunOptions {
        jobs: Some(jobs),
        ..RunOptions::default()
    };
    let prepared = ValidatedPlan::check(&plan, options)?;
    let (events, mut heard) = Sender::channel();
    // Resets the mark of what is resident (`proc_pid_clear_refs(5)`).
    std::fs::write("/proc/self/clear_refs", "5")?;
    let begun = Instant::now();
    let target = args.target.clone();
    run_files_on(target, &name, &name, identity, &plan, &prepared, &events).await;
    let took = begun.elapsed();
    drop(events);
    let mut round = Round {
        took,
        steps: 0,
        failed: 0,
        peak: peak()?,
    };
    while let Some(event) = heard.recv().await {
        if let Event::CaseFinished { result, file, .. } = event {
            let CaseResult {
                passed,
                failed,
                aborted,
                ..
            } = result;
            if let Some(reason) = aborted {
                return Err(format!("{}: {reason}", file.display()).into());
            }
            round.steps += passed + failed;
            round.failed += failed;
        }
    }
    Ok(round)
}

/// The most that was resident (`VmHWM`).
fn peak() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix("kB"));
    let kilobytes: u64 = kilobytes
        .ok_or("no `VmHWM` in /proc/self/status")?
        .trim()
        .parse()?;
    Ok(kilobytes * 1024)
}

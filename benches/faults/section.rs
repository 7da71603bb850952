//! A section: a good run, then rounds of which each is interrupted and followed
//! by the same command, which must succeed and leave nothing behind.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::Result;
use crate::args::Fault;
use crate::attempt::{Attempt, Outcome};
use crate::bench::{After, Bench, check_good};
use crate::inventory::Inventory;
use crate::record::{Record, Round};
use crate::{daemon, install};

/// The flavour whose server is installed anew in each round.
const INSTALLED: &str = "installed";

/// What came of the interruption.
pub(crate) struct Hit {
    /// Since the start of the run or of the phase that is meant.
    pub(crate) moment: Duration,
    /// Whether the run was still at work.
    pub(crate) hit: bool,
    /// How the run took it, where that was wrong.
    pub(crate) failure: Option<String>,
}

/// Runs a section; `keep` gets its record after each round.
pub(crate) async fn run(
    bench: &Bench,
    fault: Fault,
    rounds: u32,
    seed: u64,
    mut keep: impl FnMut(&Record) -> Result<()>,
) -> Result<Record> {
    let mut record = Record::new(fault);
    if fault == Fault::HostDaemon && daemon::own_daemon().is_none() {
        record.left_out = Some("dbmatrix did not start the host's engine".to_owned());
        return Ok(record);
    }
    let usual = usual_run(bench, fault).await?;
    record.usual = usual.took.as_secs_f64();
    let before = bench.inventory().await?;
    for number in 1..=rounds {
        prepare(bench, fault, number).await?;
        let mut random = StdRng::seed_from_u64(seed ^ (u64::from(number) << 8 | fault as u64));
        let attempt = start(bench, fault)?;
        let hit = strike(bench, fault, attempt, &mut random, usual.took).await?;
        let round = recover(bench, fault, hit, &before).await?;
        eprintln!("{} {number}/{rounds}: {}", fault.name(), described(&round));
        record.rounds.push(round);
        keep(&record)?;
    }
    Ok(record)
}

/// A run that nothing happens to. What it finds is what each round begins with.
async fn usual_run(bench: &Bench, fault: Fault) -> Result<Outcome> {
    let begins_with_nest = fault != Fault::Cold;
    if begins_with_nest {
        good_run(bench, Fault::Warm).await?;
    }
    prepare(bench, fault, 0).await?;
    if fault == Fault::Hot {
        good_run(bench, fault).await?;
    }
    let usual = good_run(bench, fault).await?;
    finish(bench, fault).await?;
    Ok(usual)
}

async fn good_run(bench: &Bench, fault: Fault) -> Result<Outcome> {
    let outcome = start(bench, fault)?.end(bench.limit).await?;
    check_good(&outcome).map_err(|said| format!("nothing happened, and a run failed: {said}"))?;
    Ok(outcome)
}

fn described(round: &Round) -> String {
    let well = match round.failures.is_empty() {
        true => "well".to_owned(),
        false => round.failures.join("; "),
    };
    let Round {
        moment,
        hit,
        recovery,
        ..
    } = round;
    let hit = if *hit { "hit" } else { "too late" };
    format!("{hit} at {moment:.3} s, next run {recovery:.1} s, {well}")
}

/// Makes what the round begins with.
async fn prepare(bench: &Bench, fault: Fault, number: u32) -> Result<()> {
    match fault {
        Fault::Cold => {
            // In every fourth round the image is built too.
            if number % 4 == 1 {
                bench.empty_cache()?;
            }
            bench.command(&["down", path(&bench.matrix)]).await
        }
        Fault::Mirror | Fault::Pool => {
            bench.write_matrix("installed.toml", INSTALLED, 200 + number)?;
            install::forget_packages(bench).await
        }
        _ => Ok(()),
    }
}

/// Starts the run that is interrupted, and the one after it.
fn start(bench: &Bench, fault: Fault) -> Result<Attempt> {
    match fault {
        Fault::Cold => bench.start_cold(),
        Fault::Hot => bench.start(&bench.matrix, After::Pause),
        Fault::Warm | Fault::InnerDaemon | Fault::Child => bench.start(&bench.matrix, After::Stop),
        Fault::HostDaemon => bench.start_with_engine(),
        Fault::Mirror | Fault::Pool => {
            let matrix = bench.place.folder.path().join("installed.toml");
            bench.start(&matrix, After::Stop)
        }
    }
}

async fn strike(
    bench: &Bench,
    fault: Fault,
    attempt: Attempt,
    random: &mut StdRng,
    usual: Duration,
) -> Result<Hit> {
    match fault {
        Fault::Cold | Fault::Warm | Fault::Hot => {
            let moment = usual.mul_f64(random.random_range(0.0..1.05));
            kill(attempt, moment).await
        }
        Fault::HostDaemon => {
            let moment = usual.mul_f64(random.random_range(0.0..0.9));
            daemon::kill_host(bench, attempt, moment).await
        }
        Fault::InnerDaemon => {
            let moment = usual.mul_f64(random.random_range(0.0..0.9));
            daemon::kill_inner(bench, attempt, moment).await
        }
        Fault::Child => {
            // Its suite takes some 1.3 s.
            let moment = Duration::from_secs_f64(random.random_range(0.0..0.9));
            daemon::kill_child(bench, attempt, moment).await
        }
        Fault::Mirror => install::stop_mirror(bench, attempt, random).await,
        Fault::Pool => install::fill_pool(bench, attempt, random).await,
    }
}

async fn kill(mut attempt: Attempt, moment: Duration) -> Result<Hit> {
    attempt.sleep(moment).await?;
    Ok(Hit {
        moment,
        hit: attempt.kill().await?,
        failure: None,
    })
}

/// The same command again, and what is there then.
async fn recover(bench: &Bench, fault: Fault, hit: Hit, before: &Inventory) -> Result<Round> {
    let outcome = start(bench, fault)?.end(bench.limit).await?;
    let mut failures: Vec<String> = hit.failure.into_iter().collect();
    if let Err(said) = check_good(&outcome) {
        failures.push(format!("the next run failed: {said}"));
    }
    if let Err(error) = finish(bench, fault).await {
        if error.is::<crate::process::Interrupted>() {
            return Err(error);
        }
        failures.push(error.to_string());
    }
    failures.extend(bench.inventory().await?.changes_since(before));
    Ok(Round {
        moment: hit.moment.as_secs_f64(),
        hit: hit.hit,
        recovery: outcome.took.as_secs_f64(),
        failures,
    })
}

/// Removes what a round leaves rightly: golden children of former settings.
async fn finish(bench: &Bench, fault: Fault) -> Result<()> {
    match fault {
        Fault::Mirror | Fault::Pool => bench.command(&["prune"]).await,
        _ => Ok(()),
    }
}

fn path(path: &std::path::Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}

/// Whether a run that something happened to ended in a way that can be believed:
/// in time, and green only where all of it ran.
pub(crate) fn failure_of(outcome: &Outcome, may_pass: bool) -> Option<String> {
    match outcome.code() {
        Some(0) if may_pass => check_good(outcome).err(),
        Some(0) => Some(format!("it passed all the same: {}", outcome.describe())),
        Some(1 | 3) => None,
        _ => Some(format!("it ended wrongly: {}", outcome.describe())),
    }
}

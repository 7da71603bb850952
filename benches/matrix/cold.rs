//! From nothing to four servers that let one in, beside a script by hand.

use std::path::Path;
use std::time::Duration;

use tokio::process::Command;

use crate::Result;
use crate::figure::{Figure, Section};
use crate::matrix::{debian, tiny};
use crate::place::Place;
use crate::process::follow;
use crate::start::tell_parts;
use crate::trace::{Part, RunTrace, between};

const ABOUT: &str = "no images, no packages, no nest; the host's packages are there and its engine \
    runs for both. From the command until somebody is logged in to all, beside \
    benches/by-hand.sh";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/by-hand.sh");
/// What the script says when its last server answers.
const DONE: &str = "all logged in";

/// Each round dbmatrix, then the script.
pub(crate) async fn cold(place: &Place) -> Result<Section> {
    let mut section = Section::new("cold", ABOUT);
    let matrix = tiny(place, "cold.toml", &debian())?;
    let (mut ours, mut parts) = (Vec::new(), Vec::new());
    let (mut by_hand, mut steps) = (Vec::new(), Vec::new());
    for _ in 0..place.rounds {
        let course = from_nothing(place, &matrix).await?;
        ours.push(course.logged_in()?);
        parts.push(course.parts());
        let script = run_script(place).await?;
        by_hand.push(script.iter().map(|(_, took)| took).sum());
        // A round is long: what it gave is told at once.
        say(&ours, &by_hand);
        steps.push(script);
    }
    let figure = Figure::seconds("dbmatrix, all four logged in", &ours);
    section.tell(figure.to("by hand", &by_hand).ratio_at_most(0.5));
    section.tell(Figure::seconds("by hand, all four logged in", &by_hand));
    tell_parts(&mut section, &parts);
    tell_parts(&mut section, &steps);
    Ok(section)
}

fn say(ours: &[f64], by_hand: &[f64]) {
    if let (Some(ours), Some(by_hand)) = (ours.last(), by_hand.last()) {
        eprintln!("a round: dbmatrix {ours:.1} s, by hand {by_hand:.1} s");
    }
}

/// The image cache is an empty folder on the same disk.
async fn from_nothing(place: &Place, matrix: &Path) -> Result<RunTrace> {
    place.down(&place.stop).await?;
    // It may have been dbmatrix's own, and have ended with its last project.
    place.engine().await?;
    let cache = tempfile::tempdir_in("/var/tmp")?;
    let matrix = matrix.to_string_lossy();
    let words = ["run", &*matrix, "--report", "json=-", "--after", "stop"];
    let command = place.program_with_cache(cache.path(), &words);
    place.observe(command).await?.expect(&[0])
}

/// The parts of the script up to its last login. It removes all by itself.
async fn run_script(place: &Place) -> Result<Vec<Part>> {
    let engine = place.engine().await?.server_info().await?;
    let client = match engine.environment.server.as_str() {
        "incus" => "incus",
        _ => "lxc",
    };
    let mut marks: Vec<(Duration, String)> = Vec::new();
    let mut script = Command::new(SCRIPT);
    let ended = follow(script.arg(client), &place.stop, |at, line| {
        if let Some(part) = line.strip_prefix("== ") {
            marks.push((at, format!("by hand: {part}")));
        }
    });
    let ended = ended.await?;
    if !ended.status.success() {
        return Err(format!(
            "{SCRIPT} ended with {}\n{}",
            ended.status,
            ended.last_words()
        )
        .into());
    }
    let last = marks.iter().position(|(_, part)| part.ends_with(DONE));
    let last = last.ok_or_else(|| format!("{SCRIPT} did not say `== {DONE}`"))?;
    Ok(between(&marks[..=last]))
}

//! More flavours, more steps.

use std::path::Path;

use crate::Result;
use crate::corpus::steps;
use crate::figure::{Figure, Section, Unit};
use crate::matrix::{Flavour, ONE, plain, tiny, write};
use crate::place::Place;

const ABOUT: &str = "flavours are the same server under several names, from the command until \
    somebody is logged in to all; their memory is what is resident of all of them together. Steps \
    are made up, with 1 job; dbmatrix's own memory is the most that was resident";
const FLAVOURS: [usize; 4] = [1, 2, 4, 8];
const STEPS: [usize; 3] = [1_000, 10_000, 100_000];

/// Bytes that all servers of the nest have resident, frozen ones too.
const RESIDENT: &str = r#"
sum=0
for status in /proc/[0-9]*/status; do
    kilobytes=$(awk '/^Name:/ && $2 ~ /^(mariadbd|mysqld)$/ { is = 1 } /^VmRSS:/ && is { print $2 }' "$status" 2> /dev/null || true)
    sum=$((sum + ${kilobytes:-0}))
done
echo "$((sum * 1024))"
"#;

pub(crate) async fn growth(place: &Place) -> Result<Section> {
    let mut section = Section::new("growth", ABOUT);
    of_flavours(place, &mut section).await?;
    of_steps(place, &mut section).await?;
    Ok(section)
}

/// What was seen of a number of flavours, round by round.
#[derive(Debug, Default)]
struct Seen {
    warm: Vec<f64>,
    hot: Vec<f64>,
    servers: Vec<f64>,
    own: Vec<f64>,
}

async fn of_flavours(place: &Place, section: &mut Section) -> Result<()> {
    let name = |n: usize| format!("m{n}");
    let most = FLAVOURS.iter().copied().max().unwrap_or(0);
    let all: Vec<Flavour> = (1..=most).map(|n| plain(&name(n), ONE.1)).collect();
    let matrix = tiny(place, "growth.toml", &all)?;
    place
        .run(&matrix, "delete", &["--flavour", "m1"])
        .await?
        .expect(&[0])?;
    let mut seen = FLAVOURS.map(|_| Seen::default());
    for _ in 0..place.rounds {
        for (number, seen) in FLAVOURS.into_iter().zip(&mut seen) {
            let names: Vec<String> = (1..=number).map(name).collect();
            let chosen = names.iter().flat_map(|name| ["--flavour", name]);
            let chosen: Vec<&str> = chosen.collect();
            warm_then_hot(place, &matrix, &chosen, seen).await?;
        }
    }
    for (number, seen) in FLAVOURS.into_iter().zip(&seen) {
        section.tell(Figure::seconds(
            format!("warm, flavours: {number}"),
            &seen.warm,
        ));
        section.tell(Figure::seconds(
            format!("hot, flavours: {number}"),
            &seen.hot,
        ));
        let name = format!("memory of servers, flavours: {number}");
        section.tell(Figure::bytes(name, &seen.servers));
        let name = format!("memory of dbmatrix, flavours: {number}");
        section.tell(Figure::bytes(name, &seen.own));
    }
    Ok(())
}

async fn warm_then_hot(
    place: &Place,
    matrix: &Path,
    chosen: &[&str],
    seen: &mut Seen,
) -> Result<()> {
    let warm = place.run(matrix, "pause", chosen).await?.expect(&[0])?;
    seen.warm.push(warm.logged_in()?);
    let resident = place.in_nest(RESIDENT).await?;
    seen.servers.push(resident.trim().parse()?);
    let hot = place.run(matrix, "delete", chosen).await?.expect(&[0])?;
    seen.hot.push(hot.logged_in()?);
    seen.own.push(warm.ended.peak as f64);
    Ok(())
}

async fn of_steps(place: &Place, section: &mut Section) -> Result<()> {
    let mut rates = STEPS.map(|_| Vec::new());
    let mut peaks = STEPS.map(|_| Vec::new());
    let mut matrices = Vec::new();
    for number in STEPS {
        let file = place.file(&format!("steps-{number}.slt"), &steps(number))?;
        let name = format!("steps-{number}.toml");
        matrices.push(write(place, &name, &[plain(ONE.0, ONE.1)], &[file])?);
    }
    for _ in 0..place.rounds {
        for ((matrix, rates), peaks) in matrices.iter().zip(&mut rates).zip(&mut peaks) {
            let course = place.run(matrix, "delete", &["--jobs", "1"]).await?;
            let course = course.expect(&[0])?;
            rates.push(course.steps()?.per_second());
            peaks.push(course.ended.peak as f64);
        }
    }
    for ((number, rates), peaks) in STEPS.into_iter().zip(&rates).zip(&peaks) {
        section.tell(Figure::new(
            format!("steps: {number}"),
            Unit::StepsPerSecond,
            rates,
        ));
        section.tell(Figure::bytes(
            format!("memory of dbmatrix, steps: {number}"),
            peaks,
        ));
    }
    Ok(())
}

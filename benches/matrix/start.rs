//! How long it takes until somebody is logged in: warm and hot.

use std::path::Path;

use crate::Result;
use crate::figure::{Figure, Section, median};
use crate::matrix::{Service, debian, services, tiny};
use crate::place::Place;
use crate::trace::{Part, series};

const WARM: &str = "the nest is up, golden children are there; from the command until somebody is \
    logged in to all. A server's own start is what systemd says of it in its own child, on a ready \
    data directory, with nothing else started";
const HOT: &str = "servers are paused; from the command. The first statement is sent when its \
    case is told to begin";

/// Times of runs of all four, from the command.
#[derive(Debug, Default)]
struct Together {
    logged_in: Vec<f64>,
    /// Until the suite was over.
    whole: Vec<f64>,
    /// Until the program had ended.
    over: Vec<f64>,
    parts: Vec<Vec<Part>>,
}

/// Two times in which a server is alone.
#[derive(Debug, Default)]
struct Alone {
    /// From the command until somebody is logged in.
    logged_in: Vec<f64>,
    /// Until the program had ended.
    over: Vec<f64>,
    /// From systemd's own stamps.
    own_start: Vec<f64>,
}

/// Flavours are made anew from their golden children, each round all at once and
/// each alone.
pub(crate) async fn warm(place: &Place) -> Result<Section> {
    let mut section = Section::new("warm", WARM);
    let matrix = tiny(place, "start.toml", &debian())?;
    let services = services(&matrix)?;
    place.run(&matrix, "stop", &[]).await?.expect(&[0])?;
    let mut times = Together::default();
    let mut alone: Vec<Alone> = services.iter().map(|_| Alone::default()).collect();
    for _ in 0..place.rounds {
        let trace = place.run(&matrix, "stop", &[]).await?.expect(&[0])?;
        times.logged_in.push(trace.logged_in()?);
        times.whole.push(trace.whole());
        times.over.push(trace.ended.took.as_secs_f64());
        times.parts.push(trace.parts());
        for (service, alone) in services.iter().zip(&mut alone) {
            start_alone(place, &matrix, service, alone).await?;
        }
    }
    tell_warm(&mut section, &services, &alone, &times);
    tell_parts(&mut section, &times.parts);
    Ok(section)
}

async fn start_alone(
    place: &Place,
    matrix: &Path,
    service: &Service,
    alone: &mut Alone,
) -> Result<()> {
    let only = ["--flavour", &service.flavour];
    let trace = place.run(matrix, "keep", &only).await?.expect(&[0])?;
    alone.logged_in.push(trace.logged_in()?);
    alone.over.push(trace.ended.took.as_secs_f64());
    let server = place.find(&service.flavour).await?;
    let told = server.exec(&service.unit, OWN_START).await?;
    alone.own_start.push(own_start(&told)?);
    server.stop().await
}

const OWN_START: &str = r#"
systemctl stop "$SERVICE"
systemctl start "$SERVICE"
systemctl show "$SERVICE" --property InactiveExitTimestampMonotonic --property ActiveEnterTimestampMonotonic
"#;

/// Seconds between the begin of a start and its end (org.freedesktop.systemd1(5)).
fn own_start(told: &str) -> Result<f64> {
    let stamp = |name: &str| -> Result<f64> {
        let mut lines = told.lines().filter_map(|line| line.split_once('='));
        let found = lines.find(|(key, _)| *key == name);
        let (_, value) = found.ok_or_else(|| format!("systemd told no `{name}`"))?;
        Ok(value.parse()?)
    };
    let took = stamp("ActiveEnterTimestampMonotonic")? - stamp("InactiveExitTimestampMonotonic")?;
    Ok(took / 1e6)
}

fn tell_warm(section: &mut Section, services: &[Service], alone: &[Alone], times: &Together) {
    let slowest = alone
        .iter()
        .max_by(|a, b| median(&a.logged_in).total_cmp(&median(&b.logged_in)));
    let Some(slowest) = slowest else { return };
    let all = Figure::seconds("all four, logged in", &times.logged_in);
    section.tell(
        all.to("the slowest alone", &slowest.logged_in)
            .ratio_at_most(1.5),
    );
    let name = "all four, a tiny suite run";
    section.tell(Figure::seconds(name, &times.whole).at_most(4.0));
    let name = "all four, the command over";
    section.tell(
        Figure::seconds(name, &times.over)
            .to("the slowest alone", &slowest.over)
            .ratio_at_most(1.2),
    );
    for (service, alone) in services.iter().zip(alone) {
        let name = format!("{} alone, logged in", service.flavour);
        let mut figure = Figure::seconds(name, &alone.logged_in);
        figure = figure.to("its own start", &alone.own_start);
        if std::ptr::eq(alone, slowest) {
            figure = figure.ratio_at_most(2.0);
        }
        section.tell(figure);
        let name = format!("{}, its own start", service.flavour);
        section.tell(Figure::seconds(name, &alone.own_start));
    }
}

/// Flavours that an earlier run has started and paused go on.
pub(crate) async fn hot(place: &Place) -> Result<Section> {
    let mut section = Section::new("hot", HOT);
    let matrix = tiny(place, "start.toml", &debian())?;
    place.run(&matrix, "pause", &[]).await?.expect(&[0])?;
    let (mut first, mut four, mut parts) = (Vec::new(), Vec::new(), Vec::new());
    let mut over = Vec::new();
    for _ in 0..place.rounds {
        let trace = place.run(&matrix, "pause", &[]).await?.expect(&[0])?;
        first.push(trace.first_statements()?);
        four.push(trace.logged_in()?);
        over.push(trace.ended.took.as_secs_f64());
        parts.push(trace.parts());
    }
    place.run(&matrix, "delete", &[]).await?.expect(&[0])?;
    let name = "all four, first statement";
    section.tell(Figure::seconds(name, &first).at_most(0.3));
    section.tell(Figure::seconds("all four, logged in", &four));
    section.tell(Figure::seconds("all four, the command over", &over).at_most(0.5));
    tell_parts(&mut section, &parts);
    Ok(section)
}

/// What a run spent its time on.
pub(crate) fn tell_parts(section: &mut Section, runs: &[Vec<Part>]) {
    for (name, samples) in series(runs) {
        section.tell(Figure::seconds(name, &samples));
    }
}

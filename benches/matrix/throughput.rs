//! Steps a second on one server, beside programs that send the same.

use std::path::{Path, PathBuf};

use dbmatrix_sql::session::Target;
use dbmatrix_sql::suite::Facts;

use crate::Result;
use crate::args::Args;
use crate::client::{Client, without_comments};
use crate::corpus::Corpus;
use crate::figure::{Figure, Section, Unit};
use crate::matrix::{ONE, plain, tiny, write};
use crate::place::Place;
use crate::process::Interrupted;
use crate::statements::{identify, write_statements};
use crate::trace::Steps;

const ABOUT: &str = "each on a server that was just made, over the same route. dbmatrix: from the \
    first case's begin to the last one's end, expectations checked; the batch client: its whole \
    run, the same statements, answers thrown away; sqllogictest: its \
    whole run, against answers that it wrote itself before";
/// The label under which the corpus says what MySQL does.
const LABEL: &str = "mysql";

/// Seconds of each contender, round by round.
#[derive(Debug, Default)]
struct Seconds {
    batch: Vec<f64>,
    one_job: Vec<f64>,
    two_jobs: Vec<f64>,
    sqllogictest: Vec<f64>,
}

pub(crate) async fn throughput(place: &Place, args: &Args, corpus: &Corpus) -> Result<Section> {
    let mut section = Section::new("steps", &about(corpus));
    let server = [plain(ONE.0, ONE.1)];
    let matrix = write(place, "steps.toml", &server, &corpus.files)?;
    let idle = tiny(place, "idle.toml", &server)?;
    let batch = Client::batch(args.client.as_deref());
    if batch.is_none() {
        section.leave_out(
            "the batch client: neither `mariadb` nor `mysql` is on PATH; Debian's package \
             mariadb-client-core brings one, `--client` names one",
        );
    }
    let statements = statements(place, &idle, corpus).await?;
    let adapted = match adapted(place, &idle, corpus).await {
        Ok(adapted) => Some(adapted),
        Err(error) if error.is::<Interrupted>() => return Err(error),
        Err(error) => {
            section.leave_out(format!("sqllogictest: {error}"));
            None
        }
    };
    let mut seconds = Seconds::default();
    let mut steps = Vec::new();
    for _ in 0..place.rounds {
        steps.push(ours(place, &matrix, "1", &mut seconds.one_job).await?);
        if let Some(client) = &batch {
            let target = fresh(place, &idle).await?;
            seconds
                .batch
                .push(client.run(&target, &statements, &place.stop).await?);
        }
        ours(place, &matrix, "2", &mut seconds.two_jobs).await?;
        if let Some((client, files)) = &adapted {
            let target = fresh(place, &idle).await?;
            let took = client.run(&target, files, &place.stop).await?;
            seconds.sqllogictest.push(took);
        }
    }
    place.run(&idle, "delete", &[]).await?.expect(&[0])?;
    tell(&mut section, &seconds, &steps);
    Ok(section)
}

fn about(corpus: &Corpus) -> String {
    let files = corpus.files.len();
    let made_up = if corpus.made_up { " made-up" } else { "" };
    format!("{files}{made_up} files on {}, {ABOUT}", ONE.0)
}

async fn ours(place: &Place, matrix: &Path, jobs: &str, times: &mut Vec<f64>) -> Result<Steps> {
    let course = place.run(matrix, "stop", &["--jobs", jobs]).await?;
    let steps = course.expect(&[0, 1])?.steps()?;
    times.push(steps.seconds);
    Ok(steps)
}

/// A server that nobody has used.
async fn fresh(place: &Place, idle: &Path) -> Result<Target> {
    place.run(idle, "keep", &[]).await?.expect(&[0])?;
    place.find(ONE.0).await?.target().await
}

/// The command line of sqllogictest with files that it can run.
async fn adapted(place: &Place, idle: &Path, corpus: &Corpus) -> Result<(Client, Vec<PathBuf>)> {
    let client = Client::sqllogictest();
    let client = client.ok_or("none on PATH; `cargo install sqllogictest-bin` brings it")?;
    let files = without_comments(&corpus.files, place.folder.path())?;
    let target = fresh(place, idle).await?;
    client.adapt(&target, &files, &place.stop).await?;
    Ok((client, files))
}

/// What dbmatrix would send of the corpus, as plain statements.
async fn statements(place: &Place, idle: &Path, corpus: &Corpus) -> Result<Vec<PathBuf>> {
    let target = fresh(place, idle).await?;
    let identity = identify(&target).await?;
    let facts = Facts {
        flavour: ONE.0.to_owned(),
        family: identity.family,
        version: identity.version,
        labels: vec![LABEL.to_owned()],
    };
    write_statements(&corpus.files, &facts, place.folder.path())
}

fn tell(section: &mut Section, seconds: &Seconds, steps: &[Steps]) {
    const CLIENT: &str = "the batch client";
    if !seconds.batch.is_empty() {
        section.tell(Figure::seconds(CLIENT, &seconds.batch));
    }
    let one = Figure::seconds("dbmatrix, 1 job", &seconds.one_job);
    section.tell(one.to(CLIENT, &seconds.batch).ratio_at_most(1.05));
    let two = Figure::seconds("dbmatrix, 2 jobs", &seconds.two_jobs);
    section.tell(two.to(CLIENT, &seconds.batch).ratio_at_most(0.6));
    if !seconds.sqllogictest.is_empty() {
        let other = Figure::seconds("sqllogictest", &seconds.sqllogictest);
        section.tell(other.to(CLIENT, &seconds.batch));
    }
    let rates: Vec<f64> = steps.iter().map(Steps::per_second).collect();
    let failed = steps.iter().map(|steps| steps.failed).max().unwrap_or(0);
    let number = steps.first().map_or(0, |steps| steps.number);
    let name = format!("dbmatrix, 1 job, of {number} steps ({failed} failed)");
    section.tell(Figure::new(name, Unit::StepsPerSecond, &rates));
}

//! `dbmatrix run` and `dbmatrix up`.

use std::io::IsTerminal;
use std::time::Instant;

use super::args::{Place, RunArgs, UpArgs};
use super::signal::asked_to_end;
use super::{Failure, consent, privilege, say};
use crate::event::{Event, Sender, Verdict};
use crate::host::{Storage, survey};
use crate::image::ImageOrigin;
use crate::matrix::Matrix;
use crate::nest;
use crate::plan::{Plan, Selection};
use crate::report::{Colour, Detail, Progress, drive};
use crate::run::{Stand, StandOptions, run as run_plan};

/// Runs the suites.
pub(super) async fn run(place: &Place, args: &RunArgs) -> Result<Verdict, Failure> {
    let (matrix, plan) = load(&args.up, &args.suite)?;
    if matrix.suites.is_empty() {
        let path = matrix.path.display();
        return Err(Failure::misused(format!(
            "`{path}` has no `[[suite]]`; `dbmatrix up` brings its flavours up without one"
        )));
    }
    provide(place, &args.up, &matrix, plan, args.update, args.strict).await
}

/// Brings the flavours up.
pub(super) async fn up(place: &Place, args: &UpArgs) -> Result<Verdict, Failure> {
    let (matrix, mut plan) = load(args, &[])?;
    plan.cells.clear();
    provide(place, args, &matrix, plan, false, false).await
}

/// Reads a matrix file; its problems are shown with the pieces that they are
/// about.
pub(super) fn load_matrix(path: &std::path::Path) -> Result<Matrix, Failure> {
    let color = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    Matrix::load(path).map_err(|error| Failure::misused(error.render(color)))
}

fn load(args: &UpArgs, suites: &[String]) -> Result<(Matrix, Plan), Failure> {
    let matrix = load_matrix(&args.matrix)?;
    let selection = Selection {
        flavours: args.flavour.clone(),
        suites: suites.to_vec(),
    };
    let plan = Plan::new(&matrix, &selection).map_err(Failure::misused)?;
    Ok((matrix, plan))
}

async fn provide(
    place: &Place,
    args: &UpArgs,
    matrix: &Matrix,
    plan: Plan,
    update: bool,
    strict: bool,
) -> Result<Verdict, Failure> {
    let begun = Instant::now();
    privilege::become_root()?;
    let found = survey(&place.engine()).await;
    let packages = found.missing_packages(uses_btrfs(matrix), builds_images(matrix, &plan));
    consent::ask(&packages, args.yes)?;
    let options = StandOptions {
        engine: place.engine(),
        project: place.project.clone(),
        survey: found,
        packages,
    };
    let names: Vec<String> = plan
        .flavours
        .iter()
        .map(|flavour| flavour.name.clone())
        .collect();
    let (events, heard) = Sender::channel();
    let reporter = tokio::spawn(drive(
        heard,
        Progress::new(std::io::stderr().is_terminal(), &names),
    ));
    let work = async {
        let stand = Stand::ensure(&options, &matrix.nest, &events)
            .await
            .map_err(Failure::not_provided)?;
        run_plan(&stand, &plan, update, &events)
            .await
            .map_err(Failure::misused)
    };
    let ended = tokio::select! {
        ended = work => Some(ended),
        () = asked_to_end() => None,
    };
    if ended.is_none() {
        events.send(Event::Interrupted);
    }
    drop(events);
    let mut summary = reporter.await.map_err(Failure::not_provided)?;
    match ended {
        None => {
            eprintln!("removing what is half made (Ctrl-C again leaves it to the next run)");
            clean_up(&options, matrix).await;
        }
        Some(Err(failure)) => {
            clean_up(&options, matrix).await;
            return Err(failure);
        }
        Some(Ok(())) => {}
    }
    summary.set_order(&names);
    summary.set_colour(Colour::of_stdout());
    if place.verbose > 0 {
        summary.set_detail(Detail::Files);
    }
    say(summary
        .render(stdout_width(), begun.elapsed(), strict)
        .trim_end());
    Ok(summary.verdict(strict))
}

/// Columns of the terminal; of a log as many as are read well.
fn stdout_width() -> u16 {
    match comfy_table::Table::new().width() {
        Some(width) if std::io::stdout().is_terminal() => width,
        _ => 120,
    }
}

fn uses_btrfs(matrix: &Matrix) -> bool {
    matches!(matrix.nest.storage, Storage::Btrfs { .. })
}

fn builds_images(matrix: &Matrix, plan: &Plan) -> bool {
    let flavours = plan.flavours.iter().map(|flavour| &flavour.image);
    flavours
        .chain([&matrix.nest.image])
        .any(|image| matches!(image, ImageOrigin::Built(_)))
}

/// What is half made goes; what is whole stays for the next run.
async fn clean_up(options: &StandOptions, matrix: &Matrix) {
    let cleaned = async {
        let engine = match survey(&options.engine).await {
            crate::host::Survey::Running(engine) => engine.in_project(&options.project),
            _ => return Ok(()),
        };
        let bridge = crate::host::Names::of(&options.project).bridge;
        nest::remove_half_made(&engine, &matrix.nest.name, &bridge).await
    };
    tokio::select! {
        cleaned = cleaned => if let Err(error) = cleaned {
            eprintln!("the next run removes what is left: {error}");
        },
        () = asked_to_end() => {}
    }
}

//! `dbmatrix record`.

use bytesize::ByteSize;
use dbmatrix_report::event::Verdict;
use dbmatrix_report::{Differences, visible};
use dbmatrix_run::{RunOptions, Source};

use crate::app::matrix_file::load_matrix;
use crate::app::prepare::prepare_with;
use crate::app::task::{Task, plan, provide_for};
use crate::app::{Failure, Globals, privilege, say};
use crate::cli::args::RecordArgs;
use crate::cli::commands::input::Input;

/// Runs statements on flavours and keeps their answers in a file.
pub(crate) async fn record(global: &Globals, args: &RecordArgs) -> Result<Verdict, Failure> {
    let mut matrix = load_matrix(&args.up.matrix)?;
    // This must happen before standard input is read: sudo restarts the program.
    if plan(&matrix, &args.up.selection())?.has_managed() {
        privilege::ensure_engine_access(global).await?;
    }
    let folder = tempfile::tempdir().map_err(Failure::not_provided)?;
    let mut input = Input::read(&args.input, folder.path())?;
    input.replace_suites(&mut matrix, |_| {});
    let plan = plan(&matrix, &args.up.selection())?;
    let stream = input.stream.take();
    let is_stream = stream.is_some();
    let prepared = prepare_with(&plan, RunOptions::default(), stream)?;
    input.refuse_vacancy(&plan, &prepared)?;
    let (title, files) = (input.title(), input.paths());
    let source = Source {
        program: concat!("dbmatrix ", env!("CARGO_PKG_VERSION")),
        title: &title,
        files: &files,
        is_stream,
        log: input.log.as_ref(),
    };
    let recording = prepared.recording_to(&args.output, source, &plan);
    let (prepared, recording) = recording.map_err(Failure::misused)?;
    let task = Task {
        yes: args.up.yes,
        differences: Differences {
            only: input.files,
            ..Differences::default()
        },
        records: true,
        after: args.after.after.or(matrix.run.after).unwrap_or_default(),
        wait: args.after.wait,
        ..Task::new(matrix, plan, prepared)
    };
    let run = provide_for(global, &task).await?;
    let verdict = run.verdict();
    if verdict > Verdict::Failed {
        return Ok(verdict);
    }
    let recorded = recording.finish(run.servers());
    let recorded = recorded.map_err(Failure::not_provided)?;
    let flavours = recorded.flavours.iter();
    let flavours = flavours.map(|(name, version)| format!("{name} ({})", visible(version)));
    say(format!(
        "{}: answers of {}, {}",
        args.output.display(),
        flavours.collect::<Vec<_>>().join(", "),
        ByteSize(recorded.bytes)
    ));
    Ok(verdict)
}

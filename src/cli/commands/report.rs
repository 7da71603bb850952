//! `dbmatrix report`.

use dbmatrix_report::event::{Sender, Verdict};
use dbmatrix_report::{
    Colour, Detail, Differences, ReporterSet, Summary, drive, merge, open_reports, read_events,
};

use crate::app::task::stdout_width;
use crate::app::{Failure, Globals, say};
use crate::cli::args::{MergeArgs, ReportCommand};
use crate::cli::commands::run::listed_differences;

pub(crate) async fn report(global: &Globals, command: &ReportCommand) -> Result<Verdict, Failure> {
    match command {
        ReportCommand::Merge(args) => merge_parts(global, args).await,
    }
}

/// Merges the reports of several shards into that of one run.
async fn merge_parts(global: &Globals, args: &MergeArgs) -> Result<Verdict, Failure> {
    let mut parts = Vec::new();
    for path in &args.parts {
        let events = read_events(path).map_err(Failure::misused)?;
        parts.push((path.clone(), events));
    }
    let joined = merge(parts).map_err(Failure::misused)?;
    let reports = open_reports(&args.reports.report).map_err(Failure::misused)?;
    let (events, heard) = Sender::channel();
    for event in joined {
        events.send(event);
    }
    drop(events);
    let record = drive(heard, ReporterSet::new(reports)).await;
    let mut summary = Summary::of(&record);
    summary.set_colour(Colour::of_stdout());
    summary.set_differences(Differences {
        listed: listed_differences(global, args.all_differences),
        only: Vec::new(),
    });
    if global.verbose > 0 {
        summary.set_detail(Detail::Files);
    }
    say(summary.render(stdout_width()).trim_end());
    Ok(record.verdict())
}

//! Options of `diff` for times.

use std::time::Duration;

use dbmatrix_flavours::matrix::{EXPECTED_FACTOR, FilesSpec, MeasureSpec};
use dbmatrix_sql::compare::{TimeFactor, Times};

/// Whether and how times are measured.
#[derive(Debug, Clone, PartialEq, clap::Args)]
#[command(next_help_heading = "Options for times")]
pub(crate) struct TimeArgs {
    /// Compare times as well: after the comparison, repeat each statement that reads so
    /// often, on one flavour at a time; from 6 on, such as 7. Recorded answers have no times
    #[arg(long, value_name = "N", value_parser = repeat)]
    repeat: Option<u32>,

    /// How many times as slow is a difference [default: 2]
    #[arg(long, value_name = "FACTOR", requires = "repeat", value_parser = factor)]
    time_factor: Option<TimeFactor>,

    /// How long all repetitions may take [default: 10min]
    #[arg(long, value_name = "TIME", requires = "repeat", value_parser = humantime::parse_duration)]
    time_limit: Option<Duration>,
}

impl TimeArgs {
    /// Whether times are measured.
    pub(crate) fn is_given(&self) -> bool {
        self.repeat.is_some()
    }

    /// Adds what the options say.
    pub(crate) fn apply(&self, files: &mut FilesSpec) {
        files.measure = self
            .repeat
            .and_then(|repeat| MeasureSpec::new(repeat, self.time_limit).ok());
        if let Some(factor) = self.time_factor {
            files.rules.time_factor = factor;
        }
    }
}

fn repeat(text: &str) -> Result<u32, String> {
    let (fewest, most) = (Times::FEWEST, Times::MOST);
    let number: u32 = text
        .parse()
        .map_err(|_| format!("expected a number from {fewest} to {most}"))?;
    MeasureSpec::new(number, None).map(|_| number)
}

fn factor(text: &str) -> Result<TimeFactor, String> {
    let factor = text.parse().ok().and_then(TimeFactor::new);
    factor.ok_or_else(|| EXPECTED_FACTOR.to_owned())
}

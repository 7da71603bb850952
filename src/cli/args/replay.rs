//! Options of `replay`.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::format::FormatArgs;
use super::log::LogSelectionArgs;
use super::run::{AfterArgs, UpArgs};
use super::value;

/// Options of `replay`.
#[derive(Debug, clap::Args)]
pub(crate) struct ReplayArgs {
    #[command(flatten)]
    pub(crate) up: UpArgs,

    /// Logs of what an application sends, recognised by their content; several follow one
    /// another in time
    #[arg(value_name = "LOG", required = true)]
    pub(crate) logs: Vec<PathBuf>,

    /// How many times as fast as in the log, such as `2` or `0.5`; `max` waits for no times
    /// [default: 1, or `max` if the log has no times]
    #[arg(long, value_name = "FACTOR")]
    pub(crate) speed: Option<Speed>,

    /// Measure each flavour so often; the spread of the rounds shows what is a difference
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) rounds: u32,

    /// Send all once on each flavour before, which is not measured
    #[arg(long)]
    pub(crate) warm_up: bool,

    /// Only so much of the log, from its first statement on, such as `60s` or `10min`
    #[arg(long, value_name = "TIME", value_parser = value::duration)]
    pub(crate) limit: Option<Duration>,

    /// Only so many statements
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) statements: Option<u64>,

    /// Open at most so many connections at once [default: 500, or fewer if a server allows
    /// fewer]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) connections: Option<u32>,

    #[command(flatten)]
    pub(crate) selection: LogSelectionArgs,

    /// Compare the times of all flavours with this one [default: the first one]
    #[arg(long, value_name = "FLAVOUR")]
    pub(crate) baseline: Option<String>,

    /// Load this flavour although dbmatrix did not make its server (may be repeated)
    #[arg(long, value_name = "FLAVOUR")]
    pub(crate) load_on: Vec<String>,

    #[command(flatten)]
    pub(crate) shown: FormatArgs,

    #[command(flatten)]
    pub(crate) after: AfterArgs,
}

/// How fast a log is replayed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Speed {
    /// So many times as fast as in the log.
    Times(f64),
    /// As fast as possible.
    Max,
}

impl FromStr for Speed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "max" {
            return Ok(Speed::Max);
        }
        match text.parse() {
            Ok(times) if (0.001..=1000.0).contains(&times) => Ok(Speed::Times(times)),
            _ => Err("expected a number from 0.001 to 1000, or `max`".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speed_is_a_factor_or_the_most() {
        assert_eq!("2".parse(), Ok(Speed::Times(2.0)));
        assert_eq!("0.5".parse(), Ok(Speed::Times(0.5)));
        assert_eq!("max".parse(), Ok(Speed::Max));
        for wrong in ["0", "-1", "nan", "inf", "fast", "1e9"] {
            assert!(wrong.parse::<Speed>().is_err(), "{wrong}");
        }
    }
}

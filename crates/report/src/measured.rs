//! How much of a run was measured, and what was not.

use std::time::Duration;

use super::record::RunRecord;
use super::text::{count, span, thousands};
use crate::event::MeasuredTimes;

/// How many statements have times, and why others have none.
pub(super) fn describe(run: &RunRecord) -> String {
    let all = &run.measured;
    if all.is_empty() {
        return String::new();
    }
    let sum = |part: fn(&MeasuredTimes) -> usize| all.iter().map(part).sum::<usize>();
    let most = |part: fn(&MeasuredTimes) -> Duration| all.iter().map(part).max();
    let runs = all.iter().map(|times| times.repeat).max().unwrap_or(0);
    let took = all.iter().map(|times| times.took).sum();
    let mut text = format!(
        "\ntimes: {} measured, {runs} runs of each on one flavour at a time, in {}\n",
        count(sum(|times| times.statements), "statement"),
        span(took)
    );
    let limit = span(most(|times| times.limit).unwrap_or_default());
    for (number, why) in [
        (
            sum(|times| times.slow),
            "too slow: six runs on each flavour take more than a tenth of the time limit"
                .to_owned(),
        ),
        (
            sum(|times| times.failed),
            "not measured: they failed when they were repeated".to_owned(),
        ),
        (
            sum(|times| times.left),
            format!("not measured: the time limit of {limit} was over"),
        ),
    ] {
        if number > 0 {
            text.push_str(&format!("  {} {why}\n", thousands(number)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::event::Event;

    #[test]
    fn what_was_measured_and_what_was_not_is_summed_up() {
        let mut run = RunRecord::default();
        assert_eq!(describe(&run), "");
        for (statements, left) in [(1200, 0), (3, 12)] {
            run.on_event(Event::Measured(MeasuredTimes {
                suite: "s".to_owned(),
                file: PathBuf::from("slow.log"),
                repeat: 7,
                statements,
                slow: left / 6,
                failed: 0,
                left,
                limit: Duration::from_secs(600),
                took: Duration::from_secs(30),
            }));
        }
        insta::assert_snapshot!(describe(&run).trim(), @r"
        times: 1203 statements measured, 7 runs of each on one flavour at a time, in 60.0 s
          2 too slow: six runs on each flavour take more than a tenth of the time limit
          12 not measured: the time limit of 10 min 0 s was over
        ");
    }
}

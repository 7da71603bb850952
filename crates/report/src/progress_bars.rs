//! Progress on a terminal: a live line for the environment and one per flavour, each with
//! its current activity and duration. Warnings appear above them.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use unicode_width::UnicodeWidthStr;

use super::text::{count, cut_to_width, describe_measuring, describe_setup, one_line, visible};
use crate::event::Event;

/// Interval of a spinner's turns.
const TICK: Duration = Duration::from_millis(120);

/// The widest name of a flavour that is shown in full.
const WIDEST_NAME: usize = 24;

/// The widest message that is kept; the terminal's width shortens it further.
const WIDEST: usize = 400;

/// Live lines.
pub(super) struct ProgressBars {
    all: MultiProgress,
    setup: ProgressBar,
    flavours: BTreeMap<String, FlavourLine>,
}

/// The line of a flavour.
struct FlavourLine {
    bar: ProgressBar,
    /// Steps done of the files that it runs, by suite and file.
    running: BTreeMap<(String, PathBuf), usize>,
    failed: usize,
}

impl ProgressBars {
    pub(super) fn new(target: ProgressDrawTarget, flavours: &[String]) -> Self {
        let all = MultiProgress::with_draw_target(target);
        let widest = flavours.iter().map(|name| name.width()).max().unwrap_or(0);
        let width = widest.clamp("nest".len(), WIDEST_NAME);
        let add = |name: &str| {
            let bar = all.add(ProgressBar::new_spinner().with_style(style(width)));
            bar.set_prefix(cut_to_width(name, width));
            bar
        };
        let setup = add("nest");
        setup.enable_steady_tick(TICK);
        let flavours = flavours
            .iter()
            .map(|name| {
                let bar = add(name);
                bar.set_message("queued");
                (name.clone(), FlavourLine::new(bar))
            })
            .collect();
        ProgressBars {
            all,
            setup,
            flavours,
        }
    }

    /// Shows one event.
    pub(super) fn on_event(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::Warning { text } => {
                return self.all.println(format!("warning: {}", visible(text)));
            }
            Event::ExpectationWritten { file } => {
                return self.all.println(format!("wrote {}", file.display()));
            }
            Event::Interrupted => return self.all.println("interrupted"),
            Event::SetupStarted { step } => self.setup.set_message(one_line(step, WIDEST)),
            Event::SetupFinished { .. } => self.setup.finish_with_message("ready"),
            Event::Measuring { done, total, .. } => {
                if self.setup.is_finished() {
                    self.setup.reset();
                    self.setup.set_prefix("times");
                    self.setup.enable_steady_tick(TICK);
                }
                self.setup.set_message(describe_measuring(*done, *total));
            }
            Event::Measured(_) => self.setup.finish_with_message("measured"),
            // The summary reports them, or they do not matter by themselves.
            Event::RunStarted { .. }
            | Event::ImageStarted { .. }
            | Event::ImageFinished { .. }
            | Event::Diverged(_)
            | Event::Sampled(_)
            | Event::MoreShown { .. }
            | Event::Compared { .. }
            | Event::Unknown
            | Event::Stale(_)
            | Event::Aborted { .. }
            | Event::RunFinished { .. } => {}
            Event::FlavourPhase { flavour, .. }
            | Event::FlavourProgress { flavour, .. }
            | Event::FlavourReady { flavour, .. }
            | Event::FlavourUnavailable { flavour, .. }
            | Event::CaseStarted { flavour, .. }
            | Event::CaseProgress { flavour, .. }
            | Event::CaseFinished { flavour, .. }
            | Event::FlavourFinished { flavour } => {
                if let Some(line) = self.flavours.get_mut(flavour) {
                    line.on_event(event);
                } else if let Some((flavour, replica)) = flavour.rsplit_once('/')
                    && let Some(line) = self.flavours.get(flavour)
                {
                    line.on_event_of_replica(replica, event);
                }
            }
        }
        Ok(())
    }

    /// Removes the lines for good: another turn of a spinner would redraw them.
    pub(super) fn clear(&self) -> io::Result<()> {
        let flavours = self.flavours.values().map(|line| &line.bar);
        for bar in flavours.chain([&self.setup]) {
            bar.disable_steady_tick();
            bar.finish_and_clear();
        }
        self.all.clear()?;
        self.all.set_draw_target(ProgressDrawTarget::hidden());
        Ok(())
    }
}

impl FlavourLine {
    fn new(bar: ProgressBar) -> Self {
        FlavourLine {
            bar,
            running: BTreeMap::new(),
            failed: 0,
        }
    }

    fn on_event(&mut self, event: &Event) {
        match event {
            Event::FlavourPhase { phase, .. } => self.show(phase.as_str()),
            Event::FlavourProgress {
                file, done, total, ..
            } => self.show(&describe_setup(file, *done, *total)),
            Event::FlavourReady { server, .. } => self.show(&format!("ready: {}", server.version)),
            Event::FlavourUnavailable { reason, .. } => {
                let told = format!("unavailable: {}", one_line(reason, WIDEST));
                self.bar.finish_with_message(told);
            }
            Event::CaseStarted { suite, file, .. } => {
                self.running.insert((suite.clone(), file.clone()), 0);
                self.show_files();
            }
            Event::CaseProgress {
                suite, file, steps, ..
            } => {
                self.running.insert((suite.clone(), file.clone()), *steps);
                self.show_files();
            }
            Event::CaseFinished {
                suite,
                file,
                result,
                ..
            } => {
                self.running.remove(&(suite.clone(), file.clone()));
                self.failed += result.failed + usize::from(result.aborted.is_some());
            }
            Event::FlavourFinished { .. } => {
                let told = format!("done{}", self.failures());
                self.bar.finish_with_message(told);
            }
            _ => {}
        }
    }

    /// Shows what a replica is at, which has no line of its own.
    fn on_event_of_replica(&self, replica: &str, event: &Event) {
        if let Event::FlavourPhase { phase, .. } = event {
            self.show(&format!("{replica}: {}", phase.as_str()));
        }
    }

    /// Shows the progress of the running files.
    fn show_files(&self) {
        let mut names = self.running.keys().map(|(_, file)| file);
        let running = match (names.next(), names.count()) {
            (Some(file), 0) => {
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                name.into_owned()
            }
            (_, others) => count(others + 1, "file"),
        };
        let done = match self.running.values().sum() {
            0 => String::new(),
            steps => format!(", {}", count(steps, "step")),
        };
        self.show(&format!("running {running}{done}{}", self.failures()));
    }

    fn failures(&self) -> String {
        match self.failed {
            0 => String::new(),
            failed => format!(", {failed} FAILED"),
        }
    }

    fn show(&self, message: &str) {
        if self.bar.message() == "queued" {
            self.bar.reset_elapsed();
            self.bar.enable_steady_tick(TICK);
        }
        self.bar.set_message(one_line(message, WIDEST));
    }
}

/// Spinner, name, activity, and duration; the message takes the remaining width of the
/// terminal.
fn style(width: usize) -> ProgressStyle {
    let template = format!("{{spinner}} {{prefix:{width}}} {{wide_msg}} {{elapsed:>4}}");
    ProgressStyle::with_template(&template).expect("the template is well formed")
}

#[cfg(test)]
mod tests {
    use indicatif::InMemoryTerm;

    use super::*;
    use crate::event::{CaseResult, Machine, Phase};

    struct Screen {
        terminal: InMemoryTerm,
        bars: ProgressBars,
    }

    impl Screen {
        fn new(width: u16) -> Self {
            let terminal = InMemoryTerm::new(12, width);
            let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
            let names = ["mysql-9.7", "percona-8.4"].map(str::to_owned);
            Screen {
                terminal,
                bars: ProgressBars::new(target, &names),
            }
        }

        fn on_event(&mut self, event: Event) {
            self.bars.on_event(&event).expect("memory takes it");
        }

        /// The screen's content, without spinners and seconds.
        fn shown(&self) -> String {
            let spinner = regex::Regex::new(r"(?m)^[\u{2800}-\u{28ff}] ").expect("a pattern");
            let shown = self.terminal.contents();
            let shown = spinner.replace_all(&shown, "* ");
            shown.replace("1s", "0s").replace("2s", "0s")
        }
    }

    fn ready(screen: &mut Screen) {
        screen.on_event(Event::SetupStarted {
            step: "nest `mysql`: inner engine".to_owned(),
        });
        screen.on_event(Event::SetupFinished {
            machine: Machine::default(),
            took: Duration::from_secs(1),
        });
        screen.on_event(Event::FlavourPhase {
            flavour: "mysql-9.7".to_owned(),
            phase: Phase::Installing,
        });
        screen.on_event(Event::FlavourUnavailable {
            flavour: "percona-8.4".to_owned(),
            required: false,
            reason: "repository `https://repo.example/` is not reached\nby any way".to_owned(),
        });
    }

    #[test]
    fn each_flavour_has_a_line_with_what_it_is_at() {
        let mut screen = Screen::new(70);
        ready(&mut screen);
        insta::assert_snapshot!(screen.shown(), @r"
          nest        ready                                                 0s
        * mysql-9.7   installing its server                                 0s
          percona-8.4 unavailable: repository `https://repo.example/` is    0s
        ");
        screen.on_event(Event::CaseStarted {
            flavour: "mysql-9.7".to_owned(),
            suite: "types".to_owned(),
            file: PathBuf::from("sql/types (old).slt"),
        });
        screen.on_event(Event::CaseFinished {
            flavour: "mysql-9.7".to_owned(),
            suite: "types".to_owned(),
            file: PathBuf::from("sql/types (old).slt"),
            result: CaseResult {
                failed: 2,
                ..CaseResult::default()
            },
        });
        screen.on_event(Event::CaseProgress {
            flavour: "mysql-9.7".to_owned(),
            suite: "types".to_owned(),
            file: PathBuf::from("sql/types (old).slt"),
            steps: 120,
        });
        insta::assert_snapshot!(screen.shown(), @r"
          nest        ready                                                 0s
        * mysql-9.7   running types (old).slt, 120 steps, 2 FAILED          0s
          percona-8.4 unavailable: repository `https://repo.example/` is    0s
        ");
    }

    #[test]
    fn a_replica_is_shown_in_the_line_of_its_flavour() {
        let mut screen = Screen::new(70);
        for (flavour, phase) in [
            ("mysql-9.7/replica-2", Phase::Installing),
            ("other/replica-1", Phase::Starting),
        ] {
            screen.on_event(Event::FlavourPhase {
                flavour: flavour.to_owned(),
                phase,
            });
        }
        let shown = screen.shown();
        assert!(
            shown.contains("mysql-9.7   replica-2: installing its server"),
            "{shown}"
        );
        assert!(!shown.contains("starting"), "{shown}");
        screen.on_event(Event::FlavourPhase {
            flavour: "mysql-9.7".to_owned(),
            phase: Phase::Following,
        });
        let shown = screen.shown();
        assert!(shown.contains("waiting for its replicas"), "{shown}");
    }

    #[test]
    fn several_files_at_once_are_counted_with_all_their_steps() {
        let mut screen = Screen::new(70);
        ready(&mut screen);
        for (file, steps) in [("sql/a.slt", 2), ("sql/b.slt", 1)] {
            screen.on_event(Event::CaseProgress {
                flavour: "mysql-9.7".to_owned(),
                suite: "types".to_owned(),
                file: PathBuf::from(file),
                steps,
            });
        }
        insta::assert_snapshot!(screen.shown(), @r"
          nest        ready                                                 0s
        * mysql-9.7   running 2 files, 3 steps                              0s
          percona-8.4 unavailable: repository `https://repo.example/` is    0s
        ");
    }

    #[test]
    fn warnings_stand_above_the_lines_and_narrow_terminals_cut_them() {
        let mut screen = Screen::new(34);
        ready(&mut screen);
        screen.on_event(Event::Warning {
            text: "the nest's limit is set and not enforced".to_owned(),
        });
        insta::assert_snapshot!(screen.shown(), @r"
        warning: the nest's limit is set a
        nd not enforced
          nest        ready             0s
        * mysql-9.7   installing its    0s
          percona-8.4 unavailable: re   0s
        ");
        screen.bars.clear().expect("memory takes it");
        insta::assert_snapshot!(screen.shown(), @r"
        warning: the nest's limit is set a
        nd not enforced
        ");
    }
}

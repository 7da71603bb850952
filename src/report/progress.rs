//! Progress on stderr: a line a flavour on a terminal, a line a change in a log.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::text::first_line;
use crate::event::Event;

/// Shows what is going on.
pub struct Progress {
    begun: Instant,
    shown: Shown,
}

enum Shown {
    /// Live lines.
    Bars {
        all: MultiProgress,
        setup: ProgressBar,
        flavours: BTreeMap<String, ProgressBar>,
    },
    /// One line a change.
    Lines,
    /// Nothing.
    Quiet,
}

const TICK: Duration = Duration::from_millis(120);

impl Progress {
    /// Live lines where stderr is a terminal, else plain ones.
    pub fn new(is_terminal: bool, flavours: &[String]) -> Self {
        let shown = if is_terminal {
            bars(flavours)
        } else {
            Shown::Lines
        };
        Progress {
            begun: Instant::now(),
            shown,
        }
    }

    /// Shows nothing but warnings.
    pub fn quiet() -> Self {
        Progress {
            begun: Instant::now(),
            shown: Shown::Quiet,
        }
    }

    /// Shows one event.
    pub fn hear(&mut self, event: &Event) {
        if let Event::Warning { text } = event {
            return self.say(&format!("warning: {text}"));
        }
        match &mut self.shown {
            Shown::Quiet => {}
            Shown::Lines => {
                if let Some(line) = plain_line(event) {
                    self.say(&line);
                }
            }
            Shown::Bars {
                setup, flavours, ..
            } => move_bars(setup, flavours, event),
        }
    }

    /// Takes the live lines away.
    pub fn finish(&mut self) {
        if let Shown::Bars { all, .. } = &self.shown
            && let Err(error) = all.clear()
        {
            tracing::debug!(%error, "the terminal could not be cleared");
        }
    }

    fn say(&self, line: &str) {
        let stamped = format!("[{:>6.1}s] {line}", self.begun.elapsed().as_secs_f64());
        match &self.shown {
            Shown::Bars { all, .. } => {
                if all.println(line).is_err() {
                    eprintln!("{line}");
                }
            }
            Shown::Lines => eprintln!("{stamped}"),
            Shown::Quiet => eprintln!("{line}"),
        }
    }
}

fn bars(flavours: &[String]) -> Shown {
    let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10));
    let width = flavours
        .iter()
        .map(|name| name.chars().count())
        .max()
        .unwrap_or(0)
        .max(6);
    let bar = |name: &str| {
        let bar = all.add(ProgressBar::new_spinner());
        let template = format!("{{spinner}} {{prefix:{width}}} {{wide_msg}} {{elapsed:>4}}");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style);
        }
        bar.set_prefix(name.to_owned());
        bar
    };
    let setup = bar("nest");
    setup.enable_steady_tick(TICK);
    let flavours = flavours
        .iter()
        .map(|name| (name.clone(), bar(name)))
        .collect();
    Shown::Bars {
        all,
        setup,
        flavours,
    }
}

fn move_bars(setup: &ProgressBar, flavours: &BTreeMap<String, ProgressBar>, event: &Event) {
    let on = |flavour: &str, text: String, ended: bool| {
        if let Some(bar) = flavours.get(flavour) {
            if ended {
                bar.finish_with_message(text);
            } else {
                bar.enable_steady_tick(TICK);
                bar.set_message(text);
            }
        }
    };
    match event {
        Event::SetupStarted { step } => setup.set_message(step.clone()),
        Event::SetupFinished { .. } => {
            setup.finish_with_message("ready");
            flavours.values().for_each(ProgressBar::reset_elapsed);
        }
        Event::FlavourPhase { flavour, phase } => on(flavour, phase.as_str().to_owned(), false),
        Event::FlavourReady {
            flavour, version, ..
        } => on(flavour, format!("ready: {version}"), false),
        Event::FlavourUnavailable {
            flavour, reason, ..
        } => {
            on(
                flavour,
                format!("unavailable: {}", first_line(reason, 200)),
                true,
            );
        }
        Event::CaseStarted { flavour, file, .. } => {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            on(flavour, format!("running {name}"), false);
        }
        Event::CaseProgress { flavour, steps } => {
            if let Some(bar) = flavours.get(flavour) {
                let message = bar.message();
                let name = message.split(" (").next().unwrap_or_default();
                bar.set_message(format!("{name} ({steps} steps)"));
            }
        }
        Event::FlavourFinished { flavour } => on(flavour, "done".to_owned(), true),
        Event::CaseFinished { .. } | Event::ExpectationWritten { .. } | Event::Warning { .. } => {}
    }
}

/// What a log says of an event; nothing of steps done and of cases that are
/// fine, which a summary follows.
fn plain_line(event: &Event) -> Option<String> {
    Some(match event {
        Event::SetupStarted { step } => step.clone(),
        Event::SetupFinished { .. } => "nest ready".to_owned(),
        Event::FlavourPhase { flavour, phase } => format!("{flavour}: {}", phase.as_str()),
        Event::FlavourReady {
            flavour,
            version,
            address,
            ..
        } => {
            format!("{flavour}: ready at {address}, {version}")
        }
        Event::FlavourUnavailable {
            flavour, reason, ..
        } => {
            format!("{flavour}: unavailable: {}", first_line(reason, 500))
        }
        Event::CaseFinished {
            flavour,
            file,
            result,
            ..
        } if !result.is_good() => {
            format!("{flavour}: {}: {} failed", file.display(), result.failed)
        }
        Event::ExpectationWritten { file } => format!("wrote {}", file.display()),
        Event::FlavourFinished { flavour } => format!("{flavour}: done"),
        Event::CaseFinished { .. }
        | Event::CaseStarted { .. }
        | Event::CaseProgress { .. }
        | Event::Warning { .. } => return None,
    })
}

//! `dbmatrix list`.

mod progress;
mod rows;

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::time::{Duration, SystemTime};

use dbmatrix_containers::host::{EngineProbe, detect_engine};
use dbmatrix_containers::nest::{ContainerInfo, ContainerKind, disk_usage, list_all, measure};
use dbmatrix_engine::Engine;
use dbmatrix_report::event::Verdict;
use futures_util::future::join;
use tokio::task::JoinHandle;

use crate::app::connect_flavour::await_keepers;
use crate::app::matrix_file::load_matrix;
use crate::app::signal::{asked_to_end, end_soon_when_asked};
use crate::app::{Failure, Globals, eprintln, privilege, say};
use crate::cli::args::{Format, ListArgs};
use progress::Progress;

/// Refresh interval.
const EVERY: Duration = Duration::from_secs(2);
/// Disk usage changes slowly and takes long to measure: it is measured again after this
/// many refreshes.
const LOOKS: usize = 15;

/// Lists nests and children, once or until Ctrl-C.
pub(crate) async fn list(global: &Globals, args: &ListArgs) -> Result<Verdict, Failure> {
    let nest = match &args.matrix {
        Some(path) => Some(load_matrix(path)?.nest.name),
        None => None,
    };
    privilege::ensure_engine_access(global).await?;
    let mut looker = Looker {
        global,
        nest,
        sizes: Sizes::new(),
        counting: None,
        looks: 0,
    };
    if args.watch {
        return looker.watch(args.shown.format).await;
    }
    let seen = looker.list_containers(Haste::Whole).await?;
    say(seen.shown(args.shown.format));
    Ok(Verdict::Passed)
}

/// Bytes on the disk, by nest and container.
type Sizes = BTreeMap<(String, String), u64>;

/// Refreshes the list, and caches what changes slowly.
struct Looker<'a> {
    global: &'a Globals,
    /// Show only this nest.
    nest: Option<String>,
    sizes: Sizes,
    /// The measurement in progress.
    counting: Option<JoinHandle<Sizes>>,
    looks: usize,
}

/// Whether to wait for slow measurements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Haste {
    /// Wait until everything is known.
    Whole,
    /// Use what is known so far.
    Soon,
}

/// The list at one moment.
enum Seen<'a> {
    /// No engine runs, or it contains nothing.
    Nothing(String),
    Rows(Vec<ContainerInfo>, Measured<'a>),
}

/// What the engines do not list.
struct Measured<'a> {
    sizes: &'a Sizes,
    progress: Progress,
}

impl Seen<'_> {
    fn shown(&self, format: Format) -> String {
        match (self, format) {
            (Seen::Nothing(why), Format::Table) => why.clone(),
            (Seen::Nothing(why), Format::Json) => {
                eprintln!("{why}");
                "[]".to_owned()
            }
            (Seen::Rows(rows, measured), Format::Table) => rows::table(rows, measured, width()),
            (Seen::Rows(rows, measured), Format::Json) => rows::json(rows, measured),
        }
    }
}

impl Looker<'_> {
    async fn list_containers(&mut self, haste: Haste) -> Result<Seen<'_>, Failure> {
        let found = detect_engine(&self.global.engine).await;
        let EngineProbe::Running(engine) = &found else {
            return Ok(Seen::Nothing(format!("{found}: nothing is up")));
        };
        if haste == Haste::Whole {
            await_keepers(&self.global.project).await;
        }
        let rows = list_all(engine, &self.global.project).await;
        let mut rows = rows.map_err(Failure::not_provided)?;
        rows.retain(|row| self.nest.as_ref().is_none_or(|name| row.nest == *name));
        if rows.is_empty() {
            return Ok(Seen::Nothing(
                "nothing is there; `dbmatrix run MATRIX` or `dbmatrix up MATRIX` makes it"
                    .to_owned(),
            ));
        }
        let inside = engine.in_project(&self.global.project);
        self.count(&inside, &rows);
        let replicas = progress::replicas(&rows);
        let asking = progress::ask(&replicas);
        let (measured, progress) = join(measure(&inside, &mut rows), asking).await;
        measured.map_err(Failure::not_provided)?;
        self.take_count(haste).await;
        let sizes = &self.sizes;
        Ok(Seen::Rows(rows, Measured { sizes, progress }))
    }

    /// Starts to measure disk usage, if it is due.
    fn count(&mut self, inside: &Engine, rows: &[ContainerInfo]) {
        let is_due = self.looks.is_multiple_of(LOOKS);
        self.looks += 1;
        if !is_due || self.counting.is_some() {
            return;
        }
        let nests = rows.iter().filter(|row| row.kind == ContainerKind::Nest);
        let nests: Vec<String> = nests
            .filter(|row| row.is_running())
            .map(|row| row.nest.clone())
            .collect();
        let inside = inside.clone();
        self.counting = Some(tokio::spawn(async move { sizes(&inside, &nests).await }));
    }

    async fn take_count(&mut self, haste: Haste) {
        let is_there = |counting: &JoinHandle<Sizes>| counting.is_finished();
        if haste == Haste::Soon && !self.counting.as_ref().is_some_and(is_there) {
            return;
        }
        if let Some(counting) = self.counting.take()
            && let Ok(sizes) = counting.await
        {
            self.sizes = sizes;
        }
    }

    /// Redraws the list on a terminal; otherwise prints one after the other, with the
    /// time above each table.
    async fn watch(&mut self, format: Format) -> Result<Verdict, Failure> {
        end_soon_when_asked(Verdict::Passed);
        let end = asked_to_end();
        tokio::pin!(end);
        loop {
            let shown = tokio::select! {
                () = &mut end => return Ok(Verdict::Passed),
                seen = self.list_containers(Haste::Soon) => seen?.shown(format),
            };
            if draw(&shown, format).is_err() {
                // The reader has gone.
                return Ok(Verdict::Passed);
            }
            tokio::select! {
                () = &mut end => return Ok(Verdict::Passed),
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }
}

/// The terminal's width in columns; unlimited otherwise.
fn width() -> usize {
    let term = console::Term::stdout();
    match term.is_term() {
        true => usize::from(term.size().1),
        false => usize::MAX,
    }
}

fn draw(shown: &str, format: Format) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let now = humantime::format_rfc3339_seconds(SystemTime::now());
    if !out.is_terminal() {
        if format == Format::Table {
            writeln!(out, "{now}")?;
        }
        writeln!(out, "{shown}")?;
        return out.flush();
    }
    let (height, _) = console::Term::stdout().size();
    // Move to the top, clear the rest of each line, and everything below the last one.
    write!(out, "\x1b[H")?;
    let head = format!("{now}, Ctrl-C ends");
    let lines = std::iter::once(head.as_str()).chain(shown.lines());
    for line in lines.take(usize::from(height).saturating_sub(1)) {
        writeln!(out, "{line}\x1b[K")?;
    }
    write!(out, "\x1b[J")?;
    out.flush()
}

/// The disk usage of each child, if it can be measured.
async fn sizes(inside: &Engine, nests: &[String]) -> Sizes {
    let mut sizes = Sizes::new();
    for nest in nests {
        match disk_usage(inside, nest).await {
            Ok(of_nest) => sizes.extend(
                of_nest
                    .into_iter()
                    .map(|(child, bytes)| ((nest.clone(), child), bytes)),
            ),
            Err(error) => tracing::debug!(%error, "the disk was not measured"),
        }
    }
    sizes
}

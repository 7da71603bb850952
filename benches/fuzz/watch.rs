//! Gives an input to a target, and sees to it that nothing is lost where that
//! goes wrong: a panic is caught, a hang ends the program with the input on the
//! screen, and before each input it is in a file that outlives an abort.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::target::Target;

/// How often the watchdog looks.
const LOOK: Duration = Duration::from_millis(200);
/// Bytes of an input that are printed.
const SHOWN: usize = 2000;

/// What is being tried, and since when.
struct Tried {
    since: Instant,
    target: &'static str,
    name: String,
    input: Vec<u8>,
}

pub(crate) struct Watch {
    folder: PathBuf,
    /// Its length and itself of the input that is tried.
    current: File,
    tried: Arc<Mutex<Option<Tried>>>,
}

impl Watch {
    /// Begins to watch; an input may take as long as `limit`.
    pub(crate) fn start(folder: &Path, limit: Duration) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let current = File::create(folder.join("current"))?;
        let tried: Arc<Mutex<Option<Tried>>> = Arc::default();
        let watch = Watch {
            folder: folder.to_owned(),
            current,
            tried: Arc::clone(&tried),
        };
        let folder = folder.to_owned();
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(LOOK);
                let tried = tried.lock().unwrap_or_else(PoisonError::into_inner);
                let Some(tried) = tried.as_ref().filter(|tried| tried.since.elapsed() > limit)
                else {
                    continue;
                };
                let message = format!("no end within {} ms", limit.as_millis());
                report(&folder, tried.target, &tried.name, &tried.input, &message);
                // A thread that hangs cannot be ended.
                std::process::exit(1);
            }
        });
        Ok(watch)
    }

    /// Whether an input is read as promised.
    pub(crate) fn holds(
        &self,
        target: &'static Target,
        name: &str,
        input: &[u8],
    ) -> io::Result<bool> {
        let length = u32::try_from(input.len()).unwrap_or(u32::MAX);
        self.current.write_all_at(&length.to_le_bytes(), 0)?;
        self.current.write_all_at(input, 4)?;
        self.note(Some(Tried {
            since: Instant::now(),
            target: target.name,
            name: name.to_owned(),
            input: input.to_owned(),
        }));
        let ended = catch_unwind(AssertUnwindSafe(|| (target.read)(input)));
        self.note(None);
        let message = match ended {
            Ok(Ok(())) => return Ok(true),
            Ok(Err(message)) => message,
            Err(panic) => format!("panic: {}", words_of(panic.as_ref())),
        };
        report(&self.folder, target.name, name, input, &message);
        Ok(false)
    }

    fn note(&self, tried: Option<Tried>) {
        *self.tried.lock().unwrap_or_else(PoisonError::into_inner) = tried;
    }
}

fn words_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    text.unwrap_or_default()
}

/// Prints a finding and keeps its input.
fn report(folder: &Path, target: &str, name: &str, input: &[u8], message: &str) {
    let path = folder.join(format!("{target}-{name}"));
    let kept = match fs::write(&path, input) {
        Ok(()) => format!("kept in {}", path.display()),
        Err(error) => format!("could not be kept in {}: {error}", path.display()),
    };
    let shown = input[..input.len().min(SHOWN)].escape_ascii();
    eprintln!(
        "FINDING {target} {name} ({} bytes, {kept}): {message}\n    {shown}",
        input.len()
    );
}

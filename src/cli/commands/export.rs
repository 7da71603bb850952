//! `dbmatrix export`.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use bytesize::ByteSize;
use dbmatrix_containers::nest::{ExportSession, Located, SnapshotConsistency, compressed};
use dbmatrix_engine::EngineError;
use dbmatrix_report::event::Verdict;
use indicatif::{MultiProgress, ProgressBar};
use tempfile::NamedTempFile;
use tokio::io::{AsyncWriteExt, BufWriter};
use tokio_util::task::AbortOnDropHandle;

use crate::app::for_each_flavour::{Runs, for_each_flavour};
use crate::app::signal::{asked_to_end, end_at_once_when_asked_again};
use crate::app::{Failure, Globals, eprintln, transfer};
use crate::cli::args::ExportArgs;
use crate::cli::commands::choose_within;
use crate::cli::commands::snapshot::restore_state;

/// Extension of the files in a folder.
const ENDING: &str = ".tar.zst";
/// Bytes written at once.
const CHUNK: usize = 256 * 1024;

impl ExportArgs {
    /// The flavours and the file.
    fn split(&self) -> Result<(&[String], &Path), Failure> {
        let (to, flavours) = self.words.split_last().expect("one word is required");
        match (self.all, flavours.is_empty()) {
            (false, true) => Err(Failure::misused(format!(
                "expected a flavour and a file; found only `{to}`"
            ))),
            (true, false) => Err(Failure::misused(format!(
                "expected a folder after `--all`; found `{}` too",
                flavours.join(" ")
            ))),
            _ => Ok((flavours, Path::new(to))),
        }
    }
}

/// The destination of files.
struct Target<'a> {
    to: &'a Path,
    replaces: bool,
    is_folder: bool,
    /// Files that are being written.
    claimed: RefCell<BTreeSet<PathBuf>>,
}

/// Exports flavours to files.
pub(crate) async fn export(global: &Globals, args: &ExportArgs) -> Result<Verdict, Failure> {
    let (flavours, to) = args.split()?;
    let several = args.all || flavours.len() > 1;
    let target = Target::of(to, several, args.force);
    let chosen = choose_within(&args.within, flavours, args.all)?;
    let bars = MultiProgress::new();
    let export = async |one: &Located| {
        let file = target.file(one)?;
        let bar = bars.add(transfer::bar(&one.flavour));
        let size = export_one(one, &file, args, &bar).await;
        bar.finish_and_clear();
        let (size, file) = (ByteSize(size?), file.display());
        Ok(format!(
            "exported, {size}; on the other machine: dbmatrix import {file}"
        ))
    };
    for_each_flavour(global, chosen, Runs::Awaited, export).await
}

impl<'a> Target<'a> {
    fn of(to: &'a Path, several: bool, replaces: bool) -> Self {
        let ends_so = to.as_os_str().as_encoded_bytes().ends_with(b"/");
        Target {
            to,
            replaces,
            is_folder: several || ends_so || to.is_dir(),
            claimed: RefCell::default(),
        }
    }

    /// The file of a flavour, reserved for it.
    fn file(&self, one: &Located) -> Result<PathBuf, Failure> {
        let file = match self.is_folder {
            true => {
                make_folder(self.to)?;
                self.to.join(format!("{}{ENDING}", one.flavour))
            }
            false => self.to.to_owned(),
        };
        if !self.replaces && std::fs::symlink_metadata(&file).is_ok() {
            return Err(is_there(&file));
        }
        match self.claimed.borrow_mut().insert(file.clone()) {
            true => Ok(file),
            false => Err(failed(format!(
                "another flavour is written to `{}`: name a folder, and one nest by `--nest`",
                file.display()
            ))),
        }
    }
}

fn make_folder(folder: &Path) -> Result<(), Failure> {
    match std::fs::create_dir(folder) {
        Ok(()) => Ok(()),
        Err(_) if folder.is_dir() => Ok(()),
        Err(error) => Err(failed(format!(
            "could not make folder `{}`: {error}",
            folder.display()
        ))),
    }
}

/// Returns the file's size.
async fn export_one(
    one: &Located,
    file: &Path,
    args: &ExportArgs,
    bar: &ProgressBar,
) -> Result<u64, Failure> {
    let half = half_file(file)?;
    let save = async |package: &mut ExportSession| save(package, &half, bar).await;
    let size = packed(one, consistency(args.live), "", bar, save).await?;
    place_file(half, file, args.force)?;
    Ok(size)
}

pub(crate) fn consistency(live: bool) -> SnapshotConsistency {
    match live {
        true => SnapshotConsistency::Crash,
        false => SnapshotConsistency::Clean,
    }
}

/// Runs an operation with a packed copy of a flavour. Whatever its result, nothing stays
/// in the nest, and the server returns to its previous state.
pub(crate) async fn packed<T>(
    one: &Located,
    consistency: SnapshotConsistency,
    mark: &str,
    bar: &ProgressBar,
    work: impl AsyncFnOnce(&mut ExportSession) -> Result<T, Failure>,
) -> Result<T, Failure> {
    // The server must not stay shut down, so a request to end is handled afterwards.
    let left = format!(
        "ended at once: `{}` may be left shut down, and a copy of it in the nest; its next run \
         puts both in order",
        one.flavour
    );
    let asked = AbortOnDropHandle::new(tokio::spawn(async move {
        asked_to_end().await;
        end_at_once_when_asked_again(left);
    }));
    bar.set_message("copying");
    let mut package = one.package(consistency, mark).await?;
    let done = async {
        if consistency == SnapshotConsistency::Clean {
            restore_state(one).await?;
        }
        bar.set_message("packing");
        work(&mut package).await
    };
    let done = tokio::select! {
        done = done => done,
        _ = asked => Err(Failure {
            verdict: Verdict::Interrupted,
            message: "interrupted; nothing is left of it".to_owned(),
        }),
    };
    transfer::wait(bar, "clearing up");
    if let Err(left) = package.remove().await {
        let name = &one.flavour;
        eprintln!("warning: {name}: the nest's next run removes what was packed: {left}");
    }
    done
}

/// A temporary file beside the final one, which it replaces when it is complete.
pub(crate) fn half_file(file: &Path) -> Result<NamedTempFile, Failure> {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let half = tempfile::Builder::new()
        .prefix(".dbmatrix-")
        .suffix(".part")
        .tempfile_in(folder);
    half.map_err(|error| {
        failed(format!(
            "could not write into `{}`: {error}",
            folder.display()
        ))
    })
}

/// Writes the packed data; returns its size on the disk.
async fn save(
    package: &mut ExportSession,
    half: &NamedTempFile,
    bar: &ProgressBar,
) -> Result<u64, Failure> {
    let could_not = |error: io::Error| match engine_error(&error) {
        Some(lost) => Failure::not_provided(lost),
        None => failed(format!("could not write the file: {error}")),
    };
    let content = package.open().await.map_err(Failure::not_provided)?;
    transfer::begin(bar, content.length);
    let mut packed = bar.wrap_async_read(content.into_reader());
    let file = half.as_file().try_clone().map_err(could_not)?;
    let file = tokio::fs::File::from_std(file);
    let mut writer = compressed(BufWriter::with_capacity(CHUNK, file));
    let copied = tokio::io::copy_buf(&mut packed, &mut writer).await;
    copied.map_err(could_not)?;
    writer.shutdown().await.map_err(could_not)?;
    half.as_file().sync_all().map_err(could_not)?;
    let written = half.as_file().metadata().map_err(could_not)?;
    Ok(written.len())
}

/// The error of an engine's connection, if that caused the failure.
fn engine_error(error: &io::Error) -> Option<&EngineError> {
    error.get_ref()?.downcast_ref()
}

/// Renames a complete file to its final name.
pub(crate) fn place_file(half: NamedTempFile, file: &Path, replaces: bool) -> Result<(), Failure> {
    let put = match replaces {
        true => half.persist(file),
        false => half.persist_noclobber(file),
    };
    match put {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Err(is_there(file)),
        Err(error) => Err(failed(format!("`{}`: {}", file.display(), error.error))),
    }
}

pub(crate) fn is_there(file: &Path) -> Failure {
    failed(format!(
        "`{}` is there; `--force` replaces it",
        file.display()
    ))
}

fn failed(message: String) -> Failure {
    Failure {
        verdict: Verdict::Failed,
        message,
    }
}

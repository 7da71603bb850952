//! Building a base image with mmdebstrap, once a key.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use rustix::process::{Pid, Signal, kill_process_group};
use sha2::{Digest, Sha256};
use tokio::process::Child;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::error::ImageError;
use super::mirror::{Mirror, machine_checks_dates, machine_mirror};
use super::scratch;
use super::store::KeyedLocks;
use crate::engine::SplitImage;

/// Raised whenever what is put into an image changes, so that older ones are
/// not taken for it.
const RECIPE: u32 = 2;

/// What a base image is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseImage {
    /// A Debian suite, such as `bookworm`.
    pub suite: String,
    /// Packages beside those that every image has.
    pub packages: Vec<String>,
    /// Another archive than the machine's own.
    pub mirror: Option<String>,
    /// Whether an archive whose `Valid-Until` is past is refused; as on this
    /// machine where it is not said.
    pub check_valid_until: Option<bool>,
}

/// Builds images into a cache, as many at once as there are processors.
#[derive(Clone)]
pub struct Builder {
    folder: PathBuf,
    locks: KeyedLocks,
    slots: Arc<Semaphore>,
    listener: Arc<dyn Fn(Building) + Send + Sync>,
}

/// What a builder tells of an image, by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Building {
    /// It is not in the cache, so it is being built.
    Started(String),
    /// It is there.
    Finished(String),
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

/// Packages of every image: an init system, a network, a way to get more, and to
/// get it without waiting for the disk.
const PACKAGES: [&str; 7] = [
    "systemd",
    "systemd-sysv",
    "dbus",
    "ca-certificates",
    "netbase",
    "iproute2",
    "eatmydata",
];

/// What dpkg is told before it begins. Told by `--dpkgopt`, mmdebstrap would
/// filter each archive by a program of its own, which takes longer than all
/// else. What is half made when the machine goes down is thrown away, so the
/// disk is not waited for.
const SETUP: &str = r#"
set -eu
mkdir -p "$1/etc/dpkg/dpkg.cfg.d"
cat > "$1/etc/dpkg/dpkg.cfg.d/dbmatrix" << 'END'
path-exclude=/usr/share/man/*
path-exclude=/usr/share/doc/*
path-exclude=/usr/share/locale/*
force-unsafe-io
END
"#;

/// What is done in the new root (`$1`) before it is packed. A database child
/// has no consoles, no timers and no modules to load.
const CUSTOMIZE: &str = r#"
set -eu
root="$1"
: > "$root/etc/machine-id"
mkdir -p "$root/etc/systemd/system" "$root/etc/systemd/network"
for unit in console-getty.service getty.target systemd-modules-load.service \
            apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
            fstrim.timer systemd-tmpfiles-clean.timer; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
rm -f "$root/etc/resolv.conf" "$root/etc/hostname"
rm -rf "$root"/usr/share/man/* "$root"/usr/share/doc/* "$root"/usr/share/locale/*
"#;

impl Builder {
    /// A builder whose cache is `folder`.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Builder {
            folder: folder.into().join("images"),
            locks: KeyedLocks::default(),
            slots: Arc::new(Semaphore::new(processors)),
            listener: Arc::new(|_| {}),
        }
    }

    /// The same builder, which tells of what it builds.
    pub fn telling(self, listener: impl Fn(Building) + Send + Sync + 'static) -> Self {
        Builder {
            listener: Arc::new(listener),
            ..self
        }
    }

    /// The image, from the cache or built now (some 30 s and 300 MB of disk).
    ///
    /// # Errors
    /// [`ImageError`]; nothing half-made is taken for an image later.
    pub async fn ensure(&self, image: &BaseImage) -> Result<SplitImage, ImageError> {
        let key = image.key();
        let lock = self.locks.of(&key);
        let _held = lock.lock().await;
        let files = SplitImage {
            metadata: self.folder.join(format!("{key}.metadata.tar")),
            rootfs: self.folder.join(format!("{key}.rootfs.tar")),
        };
        if !(files.metadata.is_file() && files.rootfs.is_file()) {
            let _slot = self.slots.acquire().await;
            self.clear_abandoned();
            (self.listener)(Building::Started(image.title()));
            let work = Work::begin(image, &self.folder, &key)?;
            run_mmdebstrap(image, &work).await?;
            write_metadata(image, &key, &work)?;
            work.finish(image, &files)?;
            (self.listener)(Building::Finished(image.title()));
        }
        Ok(files)
    }

    /// Begins to build images that will be asked for, in this order. Dropping
    /// what is returned ends that.
    pub fn prefetch(&self, images: Vec<BaseImage>) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        for image in images {
            let builder = self.clone();
            tasks.spawn(async move {
                // Whoever asks for it is told.
                if let Err(error) = builder.ensure(&image).await {
                    tracing::debug!(%error, "an image could not be built ahead");
                }
            });
        }
        tasks
    }

    /// Removes all images.
    ///
    /// # Errors
    /// As of the file system; an absent cache is fine.
    pub fn clear(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// The work folders of builders that are no longer there.
    pub fn abandoned(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let is_abandoned = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let pid = name
                .strip_prefix("work-")
                .and_then(|rest| rest.split('-').next());
            pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists())
        };
        entries
            .map(|entry| entry.path())
            .filter(is_abandoned)
            .collect()
    }

    fn clear_abandoned(&self) {
        for path in self.abandoned() {
            if let Err(error) = fs::remove_dir_all(&path) {
                tracing::debug!(%error, path = %path.display(), "abandoned work folder stays");
            }
        }
    }
}

impl BaseImage {
    /// Its name in a matrix file.
    pub fn name(&self) -> String {
        format!("debian:{}", self.suite)
    }

    /// Its name, with the packages that make it another one.
    fn title(&self) -> String {
        match self.packages.as_slice() {
            [] => self.name(),
            packages => format!("{} with {}", self.name(), packages.join(", ")),
        }
    }

    fn sources(&self) -> Vec<String> {
        let machine = machine_mirror();
        let mirror = match &self.mirror {
            Some(archive) if Some(archive) != machine.archive.as_ref() => Mirror {
                archive: Some(archive.clone()),
                security: None,
            },
            _ => machine.clone(),
        };
        mirror.sources(&self.suite)
    }

    fn checks_dates(&self) -> bool {
        self.check_valid_until.unwrap_or_else(machine_checks_dates)
    }

    /// Names all that goes into the image; its files and its property
    /// `dbmatrix.key` carry it.
    pub(super) fn key(&self) -> String {
        self.key_of(&self.sources(), self.checks_dates())
    }

    fn key_of(&self, sources: &[String], check_dates: bool) -> String {
        let mut digest = Sha256::new();
        let parts = [
            RECIPE.to_string(),
            std::env::consts::ARCH.to_owned(),
            self.suite.clone(),
            self.packages.join(" "),
            sources.join("\n"),
            check_dates.to_string(),
            PACKAGES.join(" "),
            SETUP.to_owned(),
            CUSTOMIZE.to_owned(),
        ];
        for part in parts {
            digest.update(part.as_bytes());
            digest.update([0]);
        }
        let hex: String = digest
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("{}-{}", self.suite, &hex[..16])
    }
}

/// A folder in which one image is made; gone when the making ends, however.
struct Work {
    folder: PathBuf,
}

impl Work {
    fn begin(image: &BaseImage, cache: &Path, key: &str) -> Result<Self, ImageError> {
        let folder = cache.join(format!("work-{}-{key}", std::process::id()));
        fs::create_dir_all(&folder).map_err(|error| cache_error(image, "make", &folder, error))?;
        Ok(Work { folder })
    }

    fn rootfs(&self) -> PathBuf {
        self.folder.join("rootfs.tar")
    }

    fn metadata(&self) -> PathBuf {
        self.folder.join("metadata.tar")
    }

    /// Moves the files to their places; the root file system last, so that an
    /// image is whole where both are there.
    fn finish(self, image: &BaseImage, files: &SplitImage) -> Result<(), ImageError> {
        for (from, to) in [
            (self.metadata(), &files.metadata),
            (self.rootfs(), &files.rootfs),
        ] {
            fs::rename(&from, to).map_err(|error| cache_error(image, "move to", to, error))?;
        }
        Ok(())
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            tracing::debug!(%error, "a work folder stays until the next build");
        }
    }
}

fn cache_error(
    image: &BaseImage,
    subject: &'static str,
    path: &Path,
    source: io::Error,
) -> ImageError {
    ImageError::Cache {
        image: image.name(),
        subject,
        path: path.to_owned(),
        source,
    }
}

/// Ends a program and all that it started when it is dropped before its end.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        let running = self.0.id().and_then(|id| Pid::from_raw(id as i32));
        if let Some(pid) = running {
            let _ = kill_process_group(pid, Signal::TERM);
        }
    }
}

async fn run_mmdebstrap(image: &BaseImage, work: &Work) -> Result<(), ImageError> {
    let [setup, hook] = [("setup", SETUP), ("customize", CUSTOMIZE)]
        .map(|(name, text)| (work.folder.join(name), text))
        .map(|(path, text)| {
            fs::write(&path, text)
                .map(|()| path.clone())
                .map_err(|error| cache_error(image, "write", &path, error))
        });
    let (setup, hook) = (setup?, hook?);
    let packages: Vec<&str> = PACKAGES
        .into_iter()
        .chain(image.packages.iter().map(String::as_str))
        .collect();
    let mut command = scratch::command("mmdebstrap", &work.folder);
    command
        .args(["--variant=minbase", "--format=tar"])
        .arg(format!("--include={}", packages.join(",")))
        .args([
            "--aptopt=Acquire::Languages \"none\"",
            "--aptopt=APT::Install-Recommends \"false\"",
        ])
        .arg(format!("--setup-hook=sh {} \"$1\"", setup.display()))
        .arg(format!("--customize-hook=sh {} \"$1\"", hook.display()));
    if !image.checks_dates() {
        command.arg("--aptopt=Acquire::Check-Valid-Until \"false\"");
    }
    command
        .arg(&image.suite)
        .arg(work.rootfs())
        .args(image.sources());
    let child = command
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|error| cache_error(image, "run", Path::new("mmdebstrap"), error))?;
    let mut group = Group(child);
    let output = collect(&mut group.0)
        .await
        .map_err(|error| cache_error(image, "run", Path::new("mmdebstrap"), error))?;
    output.map_err(|text| {
        if text.contains("is expired") || text.contains("is not valid yet") {
            ImageError::Expired {
                image: image.name(),
            }
        } else if let Some((_, rest)) = text.split_once("Unable to locate package ") {
            ImageError::NoPackage {
                image: image.name(),
                package: rest.lines().next().unwrap_or_default().trim().to_owned(),
            }
        } else {
            ImageError::Failed {
                image: image.name(),
                output: last_lines(&text),
            }
        }
    })
}

/// Waits for the end of a program; what it wrote is the error of a failed one.
async fn collect(child: &mut Child) -> io::Result<Result<(), String>> {
    use tokio::io::AsyncReadExt;
    let mut stdout = child.stdout.take();
    let mut stderr = child.stderr.take();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let read_out = async {
        match &mut stdout {
            Some(pipe) => pipe.read_to_end(&mut out).await.map(drop),
            None => Ok(()),
        }
    };
    let read_err = async {
        match &mut stderr {
            Some(pipe) => pipe.read_to_end(&mut err).await.map(drop),
            None => Ok(()),
        }
    };
    tokio::try_join!(read_out, read_err)?;
    let status = child.wait().await?;
    if status.success() {
        return Ok(Ok(()));
    }
    out.extend_from_slice(&err);
    Ok(Err(String::from_utf8_lossy(&out).into_owned()))
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}

fn write_metadata(image: &BaseImage, key: &str, work: &Work) -> Result<(), ImageError> {
    let seconds = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map(|since| since.as_secs())
        .unwrap_or_default();
    let text = format!(
        "architecture: {}\ncreation_date: {seconds}\nproperties:\n  os: Debian\n  release: {}\n  \
         description: Debian {} for dbmatrix\n  dbmatrix.key: {key}\n",
        std::env::consts::ARCH,
        image.suite,
        image.suite,
    );
    let path = work.metadata();
    let written = fs::File::create(&path).and_then(|file| {
        let mut archive = tar::Builder::new(file);
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, "metadata.yaml", text.as_bytes())?;
        archive.into_inner()?.sync_all()
    });
    written.map_err(|error| cache_error(image, "write", &path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> BaseImage {
        BaseImage {
            suite: "bookworm".to_owned(),
            packages: Vec::new(),
            mirror: None,
            check_valid_until: None,
        }
    }

    #[test]
    fn the_key_names_the_suite_and_changes_with_what_goes_in() {
        let plain = image().key_of(&["deb a bookworm main".to_owned()], true);
        assert!(plain.starts_with("bookworm-"));
        let other_source = image().key_of(&["deb b bookworm main".to_owned()], true);
        let unchecked = image().key_of(&["deb a bookworm main".to_owned()], false);
        let mut more = image();
        more.packages.push("curl".to_owned());
        let with_more = more.key_of(&["deb a bookworm main".to_owned()], true);
        for other in [other_source, unchecked, with_more] {
            assert_ne!(plain, other);
        }
    }

    #[tokio::test]
    async fn a_failed_build_leaves_no_work_folder() {
        let cache = tempfile::tempdir().expect("a temporary folder");
        let image = BaseImage {
            suite: "no-such-suite".to_owned(),
            mirror: Some("file:/nonexistent".to_owned()),
            ..image()
        };
        let built = Builder::new(cache.path()).ensure(&image).await;
        assert!(built.is_err());
        let left = fs::read_dir(cache.path().join("images"))
            .expect("the cache")
            .count();
        assert_eq!(left, 0);
    }
}

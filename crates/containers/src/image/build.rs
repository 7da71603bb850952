//! Builds a base image with mmdebstrap, once per key.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dbmatrix_engine::SplitImage;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::bootstrap::{CUSTOMIZE, PACKAGES, SETUP, bootstrap};
use super::error::{ImageError, cache_error};
use super::mirror::{Mirror, machine_checks_dates, machine_mirror};
use super::store::KeyedLocks;

/// Increased whenever the content of images changes, so that older ones are not reused.
const RECIPE: u32 = 2;

/// The specification of a base image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseImage {
    /// A Debian suite, such as `bookworm`.
    pub suite: String,
    /// Packages in addition to those of every image.
    pub packages: Vec<String>,
    /// An archive other than the machine's own.
    pub mirror: Option<String>,
    /// Whether an archive whose `Valid-Until` is past is rejected; by default as on this
    /// machine.
    pub check_valid_until: Option<bool>,
}

/// Builds images into a cache, at most one per processor at once.
#[derive(Clone)]
pub struct Builder {
    folder: PathBuf,
    locks: KeyedLocks,
    slots: Arc<Semaphore>,
    listener: Arc<dyn Fn(Building) + Send + Sync>,
}

/// What a builder reports of an image, by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Building {
    /// It is not in the cache, so its build has started.
    Started(String),
    /// It is available.
    Finished(String),
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

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

    /// The same builder, which reports its builds to a listener.
    pub fn with_listener(self, listener: impl Fn(Building) + Send + Sync + 'static) -> Self {
        Builder {
            listener: Arc::new(listener),
            ..self
        }
    }

    /// The image, from the cache or built now (some 30 s and 300 MB of disk).
    ///
    /// # Errors
    /// [`ImageError`]; an incomplete image is never reused.
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
            bootstrap(image, &work.folder, &work.rootfs()).await?;
            write_metadata(image, &key, &work)?;
            work.finish(image, &files)?;
            (self.listener)(Building::Finished(image.title()));
        }
        Ok(files)
    }

    /// Starts to build images in this order before they are needed. Dropping the result
    /// ends that.
    pub fn prefetch(&self, images: Vec<BaseImage>) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        for image in images {
            let builder = self.clone();
            tasks.spawn(async move {
                // The task that needs the image gets the error.
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
    /// As of the file system; the cache may be absent.
    pub fn clear(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// The work folders of builders that have ended.
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

    /// Its name, with the packages that distinguish it.
    fn title(&self) -> String {
        match self.packages.as_slice() {
            [] => self.name(),
            packages => format!("{} with {}", self.name(), packages.join(", ")),
        }
    }

    pub(super) fn sources(&self) -> Vec<String> {
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

    pub(super) fn checks_dates(&self) -> bool {
        self.check_valid_until.unwrap_or_else(machine_checks_dates)
    }

    /// Identifies all inputs of the image; its files and its property `dbmatrix.key`
    /// contain it.
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

/// A folder in which one image is made; it is removed when the build ends for any reason.
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

    /// Moves the files into place, the root file system last, so that an image with both
    /// files is complete.
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

fn write_metadata(image: &BaseImage, key: &str, work: &Work) -> Result<(), ImageError> {
    let path = work.metadata();
    let title = format!("Debian {} for dbmatrix", image.suite);
    let written = fs::File::create(&path)
        .and_then(|file| metadata_tar(file, key, &title))
        .and_then(|file| file.sync_all());
    written.map_err(|error| cache_error(image, "write", &path, error))
}

/// Writes a tar with the metadata of an image of this machine.
pub(super) fn metadata_tar<W: io::Write>(to: W, key: &str, title: &str) -> io::Result<W> {
    let seconds = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map(|since| since.as_secs())
        .unwrap_or_default();
    let text = format!(
        "architecture: {}\ncreation_date: {seconds}\nproperties:\n  os: Debian\n  \
         description: {title}\n  dbmatrix.key: {key}\n",
        std::env::consts::ARCH,
    );
    let mut archive = tar::Builder::new(to);
    let mut header = tar::Header::new_ustar();
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    archive.append_data(&mut header, "metadata.yaml", text.as_bytes())?;
    archive.into_inner()
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

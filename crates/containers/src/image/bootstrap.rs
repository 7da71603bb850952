//! Runs mmdebstrap: defines the content of every image, and explains failures.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Stdio;

use dbmatrix_platform::process;
use tokio::process::Child;

use super::BaseImage;
use super::error::{ImageError, cache_error};
use super::scratch::{OPEN, Scratch, open_folder};

/// Packages of every image: an init system, a network, and the means to install more
/// without waiting for the disk.
pub(super) const PACKAGES: [&str; 7] = [
    "systemd",
    "systemd-sysv",
    "dbus",
    "ca-certificates",
    "netbase",
    "iproute2",
    "eatmydata",
];

/// Options of dpkg, set before it begins. With `--dpkgopt`, mmdebstrap would filter each
/// archive through a separate program, which takes longer than everything else. An
/// incomplete image is discarded after a power failure, so dpkg does not wait for the
/// disk.
pub(super) const SETUP: &str = r#"
set -eu
mkdir -p "$1/etc/dpkg/dpkg.cfg.d"
cat > "$1/etc/dpkg/dpkg.cfg.d/dbmatrix" << 'END'
path-exclude=/usr/share/man/*
path-exclude=/usr/share/doc/*
path-exclude=/usr/share/locale/*
force-unsafe-io
END
"#;

/// Runs in the new root (`$1`) before it is packed. A database child has no consoles, no
/// timers and no modules to load.
pub(super) const CUSTOMIZE: &str = r#"
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

/// Builds in memory if there is enough; a tree that does not fit is built on the disk.
pub(super) async fn bootstrap(
    image: &BaseImage,
    work: &Path,
    rootfs: &Path,
) -> Result<(), ImageError> {
    let open = open_folder().map_err(|error| {
        let folder = std::path::PathBuf::from(OPEN);
        cache_error(image, "make a folder in", &folder, error)
    })?;
    let work = open.as_ref().map_or(work, |folder| folder.path());
    let mut scratch = Scratch::fitting();
    loop {
        let Err(text) = run_mmdebstrap(image, work, rootfs, scratch).await? else {
            return Ok(());
        };
        if scratch == Scratch::Memory && text.contains("No space left on device") {
            tracing::info!(
                image = image.name(),
                "too large for memory: built on the disk"
            );
            scratch = Scratch::Disk;
            continue;
        }
        return Err(explain_failure(image, &text));
    }
}

/// Runs it once; the inner error contains the output of a failure.
async fn run_mmdebstrap(
    image: &BaseImage,
    work: &Path,
    rootfs: &Path,
    scratch: Scratch,
) -> Result<Result<(), String>, ImageError> {
    let [setup, hook] = [("setup", SETUP), ("customize", CUSTOMIZE)]
        .map(|(name, text)| (work.join(name), text))
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
    let mut command = scratch.command("mmdebstrap", work);
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
    command.arg(&image.suite).arg(rootfs).args(image.sources());
    process::set_own_group(&mut command);
    let child = command
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| cache_error(image, "run", Path::new("mmdebstrap"), error))?;
    let mut group = Group(child);
    let ended = collect(&mut group.0).await;
    ended.map_err(|error| cache_error(image, "run", Path::new("mmdebstrap"), error))
}

/// Explains a failed build by its output.
fn explain_failure(image: &BaseImage, text: &str) -> ImageError {
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
            output: last_lines(text),
        }
    }
}

/// Waits for a program to end; the error of a failed one contains its output.
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

/// Ends a program and its children if it is dropped early.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        process::terminate_group(&mut self.0);
    }
}

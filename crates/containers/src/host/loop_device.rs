//! Loop devices: a pool of btrfs is a file that one of them shows as a disk.
//!
//! Engines have the device pass the page cache by (direct I/O). Each copy of a golden child
//! then reads its programs and data from the disk again, 140 MB until MySQL 9.7 is up, since
//! btrfs keeps the pages of a copy apart from those of its origin.

use std::fs;
use std::process::Stdio;

use dbmatrix_engine::Pool;
use dbmatrix_engine::privilege::{Request, ask_helper, has_helper, is_root};
use tokio::process::Command;

/// A loop device in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoopDevice {
    /// The device's path.
    pub path: String,
    /// The path of its file, with ` (deleted)` if that has been deleted.
    pub file: String,
    /// Whether it passes the page cache by.
    is_direct: bool,
}

/// The loop devices in use, in the order of their names.
pub fn loop_devices() -> Vec<LoopDevice> {
    let devices = fs::read_dir("/sys/block").into_iter().flatten().flatten();
    let mut found: Vec<LoopDevice> = devices
        .filter_map(|device| {
            let name = device.file_name().into_string().ok()?;
            let read = |setting: &str| fs::read_to_string(device.path().join("loop").join(setting));
            Some(LoopDevice {
                path: format!("/dev/{name}"),
                file: read("backing_file").ok()?.trim().to_owned(),
                is_direct: read("dio").is_ok_and(|text| text.trim() == "1"),
            })
        })
        .collect();
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Has the page cache hold the file of a pool, as root or by the root helper. The engine
/// undoes it whenever it starts. Nothing but speed depends on it.
pub(super) async fn cache(pool: &Pool) {
    let Some(device) = direct_device(pool) else {
        return;
    };
    let cached = match is_root() {
        true => cache_as_root(&device).await,
        false if has_helper() => ask_helper(Request::CachePool)
            .await
            .map(drop)
            .map_err(|error| error.to_string()),
        false => return,
    };
    if let Err(error) = cached {
        tracing::debug!(error, device = device.path, "it keeps its direct I/O");
    }
}

/// The device of a pool's file, if it passes the page cache by.
fn direct_device(pool: &Pool) -> Option<LoopDevice> {
    let file = pool.config.get("source")?;
    loop_devices()
        .into_iter()
        .find(|device| device.file == *file && device.is_direct)
}

async fn cache_as_root(device: &LoopDevice) -> Result<(), String> {
    let output = Command::new("losetup")
        .args(["--direct-io=off", &device.path])
        .stdin(Stdio::null())
        .output()
        .await
        .map_err(|error| format!("losetup: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}

//! Reads what vendors publish, by `curl`, or from a folder.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Where vendors' lists are.
pub(crate) enum Origin {
    /// At the vendors.
    Vendors,
    /// In a folder, as `HOST/PATH`.
    Folder(PathBuf),
}

impl Origin {
    /// The content of an address, unpacked if it ends in `.gz`; the error says why there
    /// is none.
    pub(crate) fn read(&self, url: &str) -> Result<String, String> {
        let bytes = match self {
            Origin::Vendors => run(Command::new("curl").args([
                "--fail",
                "--silent",
                "--show-error",
                "--location",
                "--max-time",
                "60",
                url,
            ]))?,
            Origin::Folder(folder) => {
                let path = url.split_once("://").map_or(url, |(_, path)| path);
                let path = folder.join(path.trim_end_matches('/'));
                let path = match path.is_dir() {
                    true => path.join("index"),
                    false => path,
                };
                std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?
            }
        };
        let bytes = match url.ends_with(".gz") {
            true => unpack(bytes)?,
            false => bytes,
        };
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

fn run(command: &mut Command) -> Result<Vec<u8>, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(|error| format!("{name}: {error}"))?;
    match output.status.success() {
        true => Ok(output.stdout),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}

fn unpack(bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    let mut gzip = Command::new("gzip")
        .arg("--decompress")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("gzip: {error}"))?;
    let stdin = gzip.stdin.take();
    let writer = std::thread::spawn(move || stdin.map(|mut stdin| stdin.write_all(&bytes)));
    let output = gzip
        .wait_with_output()
        .map_err(|error| format!("gzip: {error}"))?;
    let _ = writer.join();
    match output.status.success() {
        true => Ok(output.stdout),
        false => Err("gzip could not unpack it".to_owned()),
    }
}

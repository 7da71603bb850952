//! Checks whether archives are reachable from this machine.
//!
//! The check uses apt, so that its proxies and certificates apply: apt fetches the
//! release file of each suite into a temporary folder. Nothing else is sent anywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use futures_util::stream::{self, StreamExt as _};
use tokio::process::Command;
use tokio::time::timeout;

use super::Archive;

const HELPER: &str = "/usr/lib/apt/apt-helper";
/// Time limit of one check.
const LIMIT: Duration = Duration::from_secs(6);
/// How many checks run at once.
const AT_ONCE: usize = 32;

/// The result of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The file exists.
    Reached {
        /// How long it is valid, if it says so.
        until: Option<SystemTime>,
    },
    /// The reason.
    Unreached(String),
}

/// Checks archives by their release files, many at once.
///
/// # Errors
/// Why none could be checked.
pub async fn ask_all(all: BTreeSet<Archive>) -> Result<BTreeMap<Archive, Answer>, String> {
    let files = all.iter().map(Archive::release_file).collect();
    let mut answers = ask_for_files(files).await?;
    let answer = |archive: Archive| {
        let answer = answers.remove(&archive.release_file())?;
        Some((archive, answer))
    };
    Ok(all.into_iter().filter_map(answer).collect())
}

/// Checks small files by their addresses, many at once. Only release files of archives say
/// until when they are valid.
///
/// # Errors
/// Why none could be checked.
pub async fn ask_for_files(urls: BTreeSet<String>) -> Result<BTreeMap<String, Answer>, String> {
    if !Path::new(HELPER).exists() {
        return Err("this machine has no apt to ask".to_owned());
    }
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let asked = urls.into_iter().enumerate().map(|(at, url)| {
        let file = folder.path().join(at.to_string());
        async move {
            let answer = ask(&url, &file).await;
            (url, answer)
        }
    });
    Ok(stream::iter(asked)
        .buffer_unordered(AT_ONCE)
        .collect()
        .await)
}

async fn ask(url: &str, file: &Path) -> Answer {
    let mut command = Command::new(HELPER);
    command
        .args(["-o", "Acquire::Retries=0"])
        .args([
            "-o",
            "Acquire::http::Timeout=5",
            "-o",
            "Acquire::https::Timeout=5",
        ])
        .args(["download-file", url])
        .arg(file)
        .env("LC_ALL", "C")
        // A name server may drop some of many concurrent questions; by default the
        // resolver repeats one only after 5 s (resolv.conf(5)).
        .env("RES_OPTIONS", "timeout:1 attempts:4")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = match timeout(LIMIT, command.output()).await {
        Err(_) => return Answer::Unreached(format!("no answer within {} s", LIMIT.as_secs())),
        Ok(Err(error)) => return Answer::Unreached(error.to_string()),
        Ok(Ok(output)) => output,
    };
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Answer::Unreached(fetch_failure(&errors, url));
    }
    let text = std::fs::read(file).unwrap_or_default();
    Answer::Reached {
        until: good_until(&String::from_utf8_lossy(&text)),
    }
}

/// Whether apt's message is the answer of a server that was reached, such as `404  Not
/// Found`.
pub fn is_answer(reason: &str) -> bool {
    let word = reason.split(' ').next().unwrap_or_default();
    word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_digit())
}

/// apt's message about a file that it could not fetch, without the address.
pub fn fetch_failure(errors: &str, url: &str) -> String {
    let told = errors.lines().find_map(|line| line.strip_prefix("E: "));
    let told = told.unwrap_or("apt failed");
    let told = told.strip_prefix("Failed to fetch ").unwrap_or(told);
    let told = told.strip_prefix(url).unwrap_or(told);
    told.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The field `Valid-Until` of a release file, such as `Sat, 29 Nov 2025
/// 08:15:32 UTC`.
fn good_until(text: &str) -> Option<SystemTime> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let field = text
        .lines()
        .find_map(|line| line.strip_prefix("Valid-Until:"))?;
    let words: Vec<&str> = field.split_whitespace().collect();
    let [_, day, month, year, time, ..] = words[..] else {
        return None;
    };
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let day: u8 = day.parse().ok()?;
    humantime::parse_rfc3339(&format!("{year}-{month:02}-{day:02}T{time}Z")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_apt_says_is_told_without_the_address() {
        let errors = "W: Download is performed unsandboxed\nE: Failed to fetch http://a.test/x  Could not resolve 'a.test'\n";
        assert_eq!(
            fetch_failure(errors, "http://a.test/x"),
            "Could not resolve 'a.test'"
        );
        assert_eq!(fetch_failure("", "http://a.test/x"), "apt failed");
    }

    #[test]
    fn a_release_file_says_until_when_it_is_good() {
        let text = "Suite: sid\nValid-Until: Sat,  1 Nov 2025 08:15:32 UTC\n";
        let until = humantime::parse_rfc3339("2025-11-01T08:15:32Z").ok();
        assert_eq!(good_until(text), until);
        assert_eq!(good_until("Suite: sid\n"), None);
        assert_eq!(good_until("Valid-Until: tomorrow\n"), None);
    }
}

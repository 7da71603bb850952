//! Whether mirrors and vendors' repositories are reached from here.
//!
//! apt is asked, so that its proxies and certificates count: it fetches the
//! release file of each suite, into a folder that is gone afterwards. Nothing
//! else is sent anywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use tokio::process::Command;
use tokio::time::timeout;

use super::{Finding, State};
use crate::catalogue::{SourceKind, servers};
use crate::image::{Archive, archives, machine_checks_dates};

const HELPER: &str = "/usr/lib/apt/apt-helper";
/// All are asked at once.
const LIMIT: Duration = Duration::from_secs(6);
/// The suite of nests.
const NEST: &str = "trixie";

/// How an archive answered.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Answer {
    /// Its release file is there, and good until then.
    Reached { until: Option<SystemTime> },
    /// Why not.
    Unreached(String),
}

pub(super) async fn look() -> Vec<Finding> {
    if !Path::new(HELPER).exists() {
        return vec![
            Finding::note("mirror", "not looked at: this machine has no apt to ask")
                .remedy("see that a Debian mirror is reached from here"),
        ];
    }
    let folder = match tempfile::tempdir() {
        Ok(folder) => folder,
        Err(error) => {
            return vec![Finding::note("mirror", format!("not looked at: {error}"))];
        }
    };
    let (mirrors, vendors) = (mirrors(), vendors());
    let all: BTreeSet<Archive> = mirrors.iter().chain(&vendors).cloned().collect();
    let asked = all.into_iter().enumerate().map(|(at, archive)| {
        let file = folder.path().join(at.to_string());
        async move {
            let answer = ask(&archive, &file).await;
            (archive, answer)
        }
    });
    let answers: BTreeMap<Archive, Answer> = join_all(asked).await.into_iter().collect();
    let mut findings = vec![mirror(&mirrors, &answers)];
    findings.extend(
        by_host(&vendors)
            .iter()
            .map(|of_host| vendor(of_host, &answers)),
    );
    findings
}

/// Archives of the nest and of all flavours that Debian carries.
fn mirrors() -> BTreeSet<Archive> {
    let sources = servers().iter().flat_map(|server| &server.source);
    let suites = sources
        .filter(|source| source.source == SourceKind::Debian)
        .filter_map(|source| source.image.strip_prefix("debian:"));
    suites.chain([NEST]).flat_map(archives).collect()
}

/// Archives of all vendors in the catalogue.
fn vendors() -> BTreeSet<Archive> {
    let sources = servers().iter().flat_map(|server| &server.source);
    let repositories = sources.filter_map(|source| source.repository.as_ref());
    let each = repositories.flat_map(|repository| {
        repository.urls.iter().map(|url| Archive {
            url: url.clone(),
            suite: repository.suite.clone(),
        })
    });
    each.collect()
}

async fn ask(archive: &Archive, file: &Path) -> Answer {
    let url = format!("{}/dists/{}/InRelease", archive.url, archive.suite);
    let mut command = Command::new(HELPER);
    command
        .args(["-o", "Acquire::Retries=0"])
        .args([
            "-o",
            "Acquire::http::Timeout=5",
            "-o",
            "Acquire::https::Timeout=5",
        ])
        .args(["download-file", &url])
        .arg(file)
        .env("LC_ALL", "C")
        // A name server that is asked so much at once may drop a question, and
        // is asked again after 5 s where nothing else is said (resolv.conf(5)).
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
        return Answer::Unreached(reason(&errors, &url));
    }
    let text = std::fs::read(file).unwrap_or_default();
    Answer::Reached {
        until: good_until(&String::from_utf8_lossy(&text)),
    }
}

/// What apt says of a file that it could not fetch, without the address.
fn reason(errors: &str, url: &str) -> String {
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

/// The package mirror: without the nest's suite, nothing new can be made; without
/// another one, the flavours from there are not had.
fn mirror(mirrors: &BTreeSet<Archive>, answers: &BTreeMap<Archive, Answer>) -> Finding {
    const AT: &str = "mirror";
    let mut expired = Vec::new();
    let mut unreached = Vec::new();
    let mut is_vital = false;
    let now = SystemTime::now();
    for archive in mirrors {
        let title = || format!("{} {}", archive.url, archive.suite);
        match answers.get(archive) {
            Some(Answer::Reached { until: Some(until) }) if *until < now => expired.push(title()),
            Some(Answer::Reached { .. }) => {}
            Some(Answer::Unreached(why)) => {
                is_vital |= archive.suite == NEST;
                unreached.push(format!("{} ({why})", title()));
            }
            None => {}
        }
    }
    if !unreached.is_empty() {
        let state = match is_vital || unreached.len() == mirrors.len() {
            true => State::Problem,
            false => State::Note,
        };
        let found = format!("not reached: {}", unreached.join("; "));
        return Finding::new(state, AT, found).remedy(
            "see to apt's sources and its proxy (`sudo apt-get update`), or name another `mirror` in `[[image]]`",
        );
    }
    let urls: BTreeSet<&str> = mirrors.iter().map(|archive| archive.url.as_str()).collect();
    let urls: Vec<&str> = urls.into_iter().collect();
    let found = format!("{} suites reached of {}", mirrors.len(), urls.join(", "));
    if expired.is_empty() {
        return Finding::ok(AT, found);
    }
    let found = format!("{found}; past their `Valid-Until`: {}", expired.join(", "));
    match machine_checks_dates() {
        true => Finding::note(AT, found).remedy(
            "if it is a frozen mirror, set `check-valid-until = false` in `[[image]]` (signatures are still checked)",
        ),
        false => Finding::ok(AT, format!("{found}, which apt on this machine ignores")),
    }
}

/// A vendor's repositories, by their host.
fn by_host(vendors: &BTreeSet<Archive>) -> Vec<Vec<&Archive>> {
    let mut hosts: BTreeMap<&str, Vec<&Archive>> = BTreeMap::new();
    for archive in vendors {
        hosts.entry(host(&archive.url)).or_default().push(archive);
    }
    hosts.into_values().collect()
}

fn host(url: &str) -> &str {
    url.split('/').nth(2).unwrap_or(url)
}

/// A vendor: without it, only the flavours that it alone carries are not had.
fn vendor(archives: &[&Archive], answers: &BTreeMap<Archive, Answer>) -> Finding {
    const AT: &str = "vendor";
    let name = archives.first().map_or("", |archive| host(&archive.url));
    let unreached: Vec<(&str, &str)> = archives
        .iter()
        .filter_map(|archive| match answers.get(archive) {
            Some(Answer::Unreached(why)) => Some((archive.url.as_str(), why.as_str())),
            _ => None,
        })
        .collect();
    let remedy = "flavours from there are unavailable: leave them `required = false`, or give `repository` or `tarball`";
    match unreached.as_slice() {
        [] => Finding::ok(
            AT,
            format!("{name}: {} reached", repositories(archives.len())),
        ),
        [(_, why), ..] if unreached.len() == archives.len() => {
            Finding::note(AT, format!("{name}: not reached ({why})")).remedy(remedy)
        }
        some => {
            let some: Vec<String> = some
                .iter()
                .map(|(url, why)| format!("{url} ({why})"))
                .collect();
            let found = format!("{name}: not reached: {}", some.join("; "));
            Finding::note(AT, found).remedy(remedy)
        }
    }
}

fn repositories(number: usize) -> String {
    match number {
        1 => "its repository".to_owned(),
        more => format!("its {more} repositories"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(url: &str) -> Archive {
        Archive {
            url: url.to_owned(),
            suite: "sid".to_owned(),
        }
    }

    fn answers(all: &[(&str, Answer)]) -> BTreeMap<Archive, Answer> {
        let answers = all
            .iter()
            .map(|(url, answer)| (archive(url), answer.clone()));
        answers.collect()
    }

    #[test]
    fn what_apt_says_is_told_without_the_address() {
        let errors = "W: Download is performed unsandboxed\nE: Failed to fetch http://a.test/x  Could not resolve 'a.test'\n";
        assert_eq!(
            reason(errors, "http://a.test/x"),
            "Could not resolve 'a.test'"
        );
        assert_eq!(reason("", "http://a.test/x"), "apt failed");
    }

    #[test]
    fn a_release_file_says_until_when_it_is_good() {
        let text = "Suite: sid\nValid-Until: Sat,  1 Nov 2025 08:15:32 UTC\n";
        let until = humantime::parse_rfc3339("2025-11-01T08:15:32Z").ok();
        assert_eq!(good_until(text), until);
        assert_eq!(good_until("Suite: sid\n"), None);
        assert_eq!(good_until("Valid-Until: tomorrow\n"), None);
    }

    #[test]
    fn a_mirror_that_is_not_reached_is_a_problem_and_a_vendor_is_not() {
        let gone = Answer::Unreached("no route".to_owned());
        let answers = answers(&[("http://a.test/debian", gone)]);
        let one = archive("http://a.test/debian");
        let found = mirror(&BTreeSet::from([one.clone()]), &answers);
        assert_eq!(found.state, State::Problem);
        assert!(found.found.contains("no route"), "{}", found.found);
        assert_eq!(vendor(&[&one], &answers).state, State::Note);
    }

    #[test]
    fn vendors_are_told_by_their_host() {
        let vendors = vendors();
        let hosts = by_host(&vendors);
        let names: Vec<&str> = hosts.iter().map(|of_host| host(&of_host[0].url)).collect();
        assert_eq!(
            names,
            ["deb.mariadb.org", "repo.mysql.com", "repo.percona.com"]
        );
        let mirrors = mirrors();
        assert!(mirrors.iter().any(|archive| archive.suite == "trixie"));
    }
}

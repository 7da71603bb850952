//! Checks whether mirrors and vendors' repositories are reachable from this machine.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use dbmatrix_containers::image::{Answer, Archive, archives, ask_all, machine_checks_dates};
use dbmatrix_flavours::catalogue::{SourceKind, servers};

use super::{Finding, State};

/// The suite of nests.
const NEST: &str = "trixie";

pub(super) async fn check_repositories() -> Vec<Finding> {
    let (mirrors, vendors) = (mirrors(), vendors());
    let all = mirrors.iter().chain(&vendors).cloned().collect();
    let answers = match ask_all(all).await {
        Ok(answers) => answers,
        Err(why) => {
            return vec![
                Finding::note("mirror", format!("not looked at: {why}"))
                    .remedy("see that a Debian mirror is reached from here"),
            ];
        }
    };
    let mut findings = vec![mirror(&mirrors, &answers)];
    findings.extend(
        by_host(&vendors)
            .iter()
            .map(|of_host| vendor(of_host, &answers)),
    );
    findings
}

/// Archives of the nest and of all flavours from Debian.
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

/// Checks the package mirror: without the nest's suite, nothing new can be made; without
/// another suite, its flavours are not available.
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
    if mirrors.is_empty() {
        return Finding::note(
            AT,
            "not looked at: apt on this machine names no Debian mirror",
        )
        .remedy("name a `mirror` in `[[image]]`, or see that the builder's own is reached");
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

/// Checks a vendor: without it, only the flavours that it alone provides are not
/// available.
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
    }
}

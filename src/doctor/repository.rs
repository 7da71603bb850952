//! Checks whether mirrors and vendors' repositories are reachable from this machine.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use dbmatrix_containers::image::{Answer, Archive, archives, ask_all, machine_checks_dates};
use dbmatrix_flavours::catalogue::{Recipe, Series, SourceKind, series};

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
    findings.extend(vendors.iter().map(|one| vendor(one, &answers)));
    findings
}

/// The preferred sources of all series.
fn sources() -> impl Iterator<Item = Recipe> {
    let first = |series: &'static Series| series.request().recipes().into_iter().next();
    series().iter().filter_map(first)
}

/// Archives of the nest and of all flavours from Debian.
fn mirrors() -> BTreeSet<Archive> {
    let suites = sources()
        .filter(|source| source.source == SourceKind::Debian)
        .filter_map(|source| source.image.strip_prefix("debian:").map(str::to_owned));
    let suites: Vec<String> = suites.chain([NEST.to_owned()]).collect();
    suites.iter().flat_map(|suite| archives(suite)).collect()
}

/// One archive of each vendor's host: `dbmatrix catalogue --reached` asks for each.
fn vendors() -> BTreeSet<Archive> {
    let repositories = sources().filter_map(|source| source.repository);
    let each = repositories.flat_map(|repository| {
        let suite = repository.suite;
        let archive = move |url| Archive {
            url,
            suite: suite.clone(),
        };
        repository.urls.into_iter().map(archive)
    });
    let mut of_hosts = BTreeMap::new();
    for archive in each {
        let name = host(&archive.url).to_owned();
        of_hosts.entry(name).or_insert(archive);
    }
    of_hosts.into_values().collect()
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

fn host(url: &str) -> &str {
    url.split('/').nth(2).unwrap_or(url)
}

/// Checks a vendor: without it, only the flavours that it alone provides are not
/// available.
fn vendor(archive: &Archive, answers: &BTreeMap<Archive, Answer>) -> Finding {
    const AT: &str = "vendor";
    let name = host(&archive.url);
    match answers.get(archive) {
        Some(Answer::Unreached(why)) => Finding::note(AT, format!("{name}: not reached ({why})")).remedy(
            "flavours from there are unavailable: leave them `required = false`, or give a `[[mirror]]`, `repository` or `tarball`",
        ),
        _ => Finding::ok(AT, format!("{name}: reached")),
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
        assert_eq!(vendor(&one, &answers).state, State::Note);
    }

    #[test]
    fn vendors_are_told_by_their_host() {
        let vendors = vendors();
        let names: Vec<&str> = vendors.iter().map(|one| host(&one.url)).collect();
        let expected = [
            "archive.mariadb.org",
            "deb.mariadb.org",
            "repo.mysql.com",
            "repo.percona.com",
        ];
        assert_eq!(names, expected);
    }
}

//! What a bisect has found out.

use dbmatrix_flavours::catalogue;
use dbmatrix_report::event::Divergence;

use super::candidate::Candidate;
use super::finding::Finding;
use super::search::{Answer, Outcome};

/// What was found out.
#[derive(Debug)]
pub(crate) struct Bisection {
    /// The releases, the oldest first.
    pub(crate) releases: Vec<ReleaseFound>,
    /// The result.
    pub(crate) answer: Answer,
    /// Ends that are not available, each with the release in its place.
    pub(crate) replaced: Vec<(String, usize)>,
    /// How the two neighbours of a change differ, with their names in place of flavours'.
    pub(crate) divergences: Vec<Divergence>,
}

/// A release, and what was found out about it.
#[derive(Debug)]
pub(crate) struct ReleaseFound {
    /// Its name, such as `mysql:8.0.36`; a series stands for the release that Debian has.
    pub(crate) name: String,
    /// Its name, with its number if that is that of a series.
    pub(crate) title: String,
    /// When it was published, if that is known.
    pub(crate) released: Option<String>,
    /// `None` if it was not asked.
    pub(crate) outcome: Option<Outcome>,
    /// The rest.
    pub(crate) finding: Finding,
}

impl ReleaseFound {
    /// What was found out about a release. A series gets the number and the date of the
    /// release that its server turned out to be.
    pub(super) fn new(candidate: Candidate, finding: Finding, outcome: Option<Outcome>) -> Self {
        let Candidate { name, released, .. } = candidate;
        let number = finding.version.as_deref().and_then(|full| {
            let end = full.find(|c: char| !c.is_ascii_digit() && c != '.');
            let is_series = catalogue::find(&name).is_ok_and(|one| !one.version.is_exact());
            is_series.then(|| full[..end.unwrap_or(full.len())].to_owned())
        });
        let family = name.split(':').next().unwrap_or_default();
        let exact = number.as_ref().and_then(|number| {
            let request = catalogue::find(&format!("{family}:{number}")).ok()?;
            request.release()?.date.clone()
        });
        ReleaseFound {
            title: match number {
                Some(number) => format!("{name} ({number})"),
                None => name.clone(),
            },
            released: released.or(exact),
            name,
            outcome,
            finding,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, released: Option<&str>, version: &str) -> (String, Option<String>) {
        let candidate = Candidate {
            name: name.to_owned(),
            released: released.map(str::to_owned),
            flavour: Err(String::new()),
        };
        let finding = Finding {
            version: Some(version.to_owned()),
            ..Finding::default()
        };
        let found = ReleaseFound::new(candidate, finding, None);
        (found.title, found.released)
    }

    #[test]
    fn a_series_is_shown_with_the_release_that_it_is() {
        let (title, released) = found("mariadb:10.5", None, "10.5.23-MariaDB-0+deb11u1");
        assert_eq!(title, "mariadb:10.5 (10.5.23)");
        assert!(released.is_some_and(|date| date.len() == 10));
        let date = Some("2024-01-16");
        let (title, released) = found("mysql:8.0.36", date, "8.0.36-log");
        assert_eq!(
            (title.as_str(), released.as_deref()),
            ("mysql:8.0.36", date)
        );
    }
}

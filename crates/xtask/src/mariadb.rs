//! MariaDB's REST API, `https://downloads.mariadb.org/rest-api/mariadb/`.

use std::collections::BTreeMap;

use serde::Deserialize;

use dbmatrix_sql::version::Version;

/// Its address.
pub(crate) const API: &str = "https://downloads.mariadb.org/rest-api/mariadb/";

#[derive(Deserialize)]
struct Majors {
    major_releases: Vec<Major>,
}

#[derive(Deserialize)]
struct Major {
    release_id: String,
    release_status: String,
}

#[derive(Deserialize)]
struct Releases {
    releases: BTreeMap<String, Release>,
}

#[derive(Deserialize)]
struct Release {
    date_of_release: Option<String>,
}

/// The series that are generally available.
///
/// # Errors
/// What is wrong with the answer.
pub(crate) fn stable_series(answer: &str) -> Result<Vec<Version>, String> {
    let majors: Majors = serde_json::from_str(answer).map_err(|error| error.to_string())?;
    let stable = majors
        .major_releases
        .iter()
        .filter(|major| major.release_status == "Stable");
    // `11 rolling` and the like are no series.
    Ok(stable
        .filter_map(|major| major.release_id.parse().ok())
        .collect())
}

/// The releases of a series with their dates, from `first` on: the API lists previews and
/// release candidates too, and does not mark them.
///
/// # Errors
/// What is wrong with the answer.
pub(crate) fn releases(
    answer: &str,
    first: Version,
) -> Result<Vec<(Version, Option<String>)>, String> {
    let found: Releases = serde_json::from_str(answer).map_err(|error| error.to_string())?;
    let all = found.releases.into_iter();
    let exact = all.filter_map(|(id, release)| {
        let version: Version = id
            .parse()
            .ok()
            .filter(|version: &Version| version.is_exact())?;
        Some((version, release.date_of_release))
    });
    Ok(exact.filter(|(version, _)| *version >= first).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_stable_series_and_releases_from_the_first_one_count() {
        let majors = r#"{"major_releases":[
            {"release_id":"12.3","release_name":"MariaDB Server 12.3","release_status":"Stable","release_support_type":"Long Term Support","release_eol_date":"2029-06-01"},
            {"release_id":"13.0","release_name":"MariaDB Server 13.0","release_status":"Alpha","release_support_type":"Rolling","release_eol_date":null}]}"#;
        let series = stable_series(majors).expect("an answer");
        let shown: Vec<String> = series.iter().map(Version::to_string).collect();
        assert_eq!(shown, ["12.3"]);
        let answer = r#"{"releases":{
            "12.3.3":{"release_id":"12.3.3","date_of_release":"2026-08-13","files":[]},
            "12.3.1":{"release_id":"12.3.1","date_of_release":"2026-02-13","files":[]}}}"#;
        let first = "12.3.2".parse().expect("a version");
        let found = releases(answer, first).expect("an answer");
        let [(version, date)] = found.as_slice() else {
            panic!("one release");
        };
        assert_eq!(
            (version.to_string().as_str(), date.as_deref()),
            ("12.3.3", Some("2026-08-13"))
        );
        assert!(releases("<html>", first).is_err());
    }
}

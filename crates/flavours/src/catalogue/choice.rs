//! Releases by a family, a series or a pattern, such as `mysql`, `mysql:8.4` and
//! `mariadb:10.*`.

use globset::Glob;
use thiserror::Error;

use super::release::{Release, releases};
use super::{UnknownServer, alternatives, find, series};

/// Why no release was chosen.
#[derive(Debug, Error)]
pub enum NoChoice {
    /// The text is neither a name nor a pattern.
    #[error(transparent)]
    Name(#[from] UnknownServer),
    /// The text is no pattern.
    #[error("pattern `{text}`: {source}")]
    Pattern {
        /// The text.
        text: String,
        /// What is wrong with it.
        source: globset::Error,
    },
    /// It fits no release.
    #[error("the catalogue has no `{name}`; {hint}")]
    Nothing {
        /// The name.
        name: String,
        /// What it has.
        hint: String,
    },
}

/// The releases that fit a family's name, a series, a release or a pattern of them, the
/// oldest first.
///
/// # Errors
/// [`NoChoice`].
pub fn choose(text: &str) -> Result<Vec<&'static Release>, NoChoice> {
    let of_family = releases()
        .iter()
        .filter(|release| release.family.as_str() == text);
    let of_family: Vec<&Release> = of_family.collect();
    if !of_family.is_empty() {
        return Ok(of_family);
    }
    if let Some(series) = series()
        .iter()
        .find(|series| series.names().any(|name| name == text))
    {
        return Ok(series.releases().collect());
    }
    let glob = Glob::new(text).map_err(|source| NoChoice::Pattern {
        text: text.to_owned(),
        source,
    })?;
    let glob = glob.compile_matcher();
    let fits = |release: &&Release| {
        let without_build = format!("{}:{}", release.family, release.version);
        glob.is_match(release.to_string()) || glob.is_match(without_build)
    };
    let fitting: Vec<&Release> = releases().iter().filter(fits).collect();
    if !fitting.is_empty() {
        return Ok(fitting);
    }
    let hint = match text.contains(['*', '?', '[', '{']) {
        true => {
            let families = ["mysql", "mariadb", "percona"];
            format!(
                "a pattern such as `mariadb:10.*` begins with one of `{}`",
                families.join("`, `")
            )
        }
        false => alternatives(&find(text)?, text),
    };
    Err(NoChoice::Nothing {
        name: text.to_owned(),
        hint,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_chosen_by_family_series_alias_and_pattern() {
        let count = |text: &str| choose(text).map(|found| found.len()).unwrap_or_default();
        assert!(count("mysql") > 150);
        assert_eq!(count("mysql:8.4"), count("mysql:8.4.*"));
        assert_eq!(count("mysql:lts"), count("mysql:9.7"));
        assert!(count("mariadb:10.*") > count("mariadb:10.1*"));
        assert_eq!(
            (count("percona:8.0.36"), count("percona:8.0.36-28")),
            (1, 1)
        );
    }

    #[test]
    fn what_fits_nothing_is_told_with_what_is_near() {
        let told = |text: &str| {
            choose(text)
                .map(|found| found.len())
                .expect_err("nothing")
                .to_string()
        };
        insta::assert_snapshot!(told("mysql:8.0.4"), @"the catalogue has no `mysql:8.0.4`; the nearest that it has is `mysql:8.0.11`");
        insta::assert_snapshot!(told("mysql:9.x"), @"expected a version such as `8.4` or `10.11.18`; found `9.x`");
        insta::assert_snapshot!(told("maridb*"), @"the catalogue has no `maridb*`; a pattern such as `mariadb:10.*` begins with one of `mysql`, `mariadb`, `percona`");
        assert!(told("mysql:[8").starts_with("pattern `mysql:[8`: "));
    }
}

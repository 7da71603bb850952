//! The releases of a family from one to another, in one line.

use thiserror::Error;

use super::release::{Release, releases};
use super::{ServerRequest, UnknownServer, alternatives, find};

/// Why there is no line of releases between two servers.
#[derive(Debug, Error)]
pub enum NoLine {
    /// One of the names is none.
    #[error(transparent)]
    Name(#[from] UnknownServer),
    /// The catalogue does not have one of them.
    #[error("the catalogue has no `{name}`; {hint}")]
    Nothing {
        /// The name.
        name: String,
        /// What it has.
        hint: String,
    },
    /// They have nothing in common.
    #[error(
        "`{from}` and `{to}` are of two families, and no line of releases leads from one to the other; `dbmatrix diff` compares them"
    )]
    Families {
        /// The first name.
        from: String,
        /// The last name.
        to: String,
    },
    /// The first one is newer.
    #[error("`{from}` is newer than `{to}`; name the older release first")]
    Backwards {
        /// The first name.
        from: String,
        /// The last name.
        to: String,
    },
    /// There is one release.
    #[error("`{from}` and `{to}` are the same release; name two")]
    Same {
        /// The first name.
        from: String,
        /// The last name.
        to: String,
    },
}

/// The servers from one to another, each an exact release, the oldest first. A series as an
/// end stands for its newest release.
///
/// # Errors
/// [`NoLine`].
pub fn line_between(from: &str, to: &str) -> Result<Vec<ServerRequest>, NoLine> {
    let (first, last) = (exact(from)?, exact(to)?);
    let names = || (from.to_owned(), to.to_owned());
    if first.family != last.family {
        let (from, to) = names();
        return Err(NoLine::Families { from, to });
    }
    if first.order() == last.order() {
        let (from, to) = names();
        return Err(NoLine::Same { from, to });
    }
    if first.order() > last.order() {
        let (from, to) = names();
        return Err(NoLine::Backwards { from, to });
    }
    let is_between = |release: &&Release| {
        let order = release.order();
        release.family == first.family && first.order() < order && order < last.order()
    };
    let between = releases().iter().filter(is_between);
    let mut line = vec![first.clone()];
    line.extend(between.map(Release::request));
    line.push(last);
    Ok(line)
}

/// The release of this name, or the newest of the series.
fn exact(name: &str) -> Result<ServerRequest, NoLine> {
    let request = find(name)?;
    if request.recipes().is_empty() {
        return Err(NoLine::Nothing {
            name: name.to_owned(),
            hint: alternatives(&request, name),
        });
    }
    // What is newer than all that the catalogue knows is no release of it.
    Ok(request.release().map_or(request, Release::request))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(from: &str, to: &str) -> Vec<String> {
        let line = line_between(from, to).expect("a line");
        line.iter().map(ServerRequest::name).collect()
    }

    fn told(from: &str, to: &str) -> String {
        line_between(from, to).expect_err("no line").to_string()
    }

    #[test]
    fn a_line_leads_through_all_series() {
        let all = names("mysql:8.0.11", "mysql:9.7");
        assert_eq!(all[..2], ["mysql:8.0.11", "mysql:8.0.12"]);
        let at = |name: &str| all.iter().position(|one| one == name);
        assert!(at("mysql:8.0.36") < at("mysql:8.1.0") && at("mysql:8.4.0") < at("mysql:9.0.1"));
        assert!(all.len() > 50 && all.iter().all(|name| name.matches('.').count() == 2));
    }

    #[test]
    fn the_vendors_own_numbers_are_in_order() {
        let all = names("percona:8.0.35-27", "percona:8.0.37-29");
        assert_eq!(
            all,
            [
                "percona:8.0.35-27",
                "percona:8.0.36-28",
                "percona:8.0.37-29"
            ]
        );
    }

    #[test]
    fn an_end_may_be_newer_than_all_that_is_known() {
        let all = names("mariadb:11.8.3", "mariadb:11.8.99");
        assert_eq!(all.first().map(String::as_str), Some("mariadb:11.8.3"));
        assert_eq!(all.last().map(String::as_str), Some("mariadb:11.8.99"));
        assert!(all.len() > 2);
    }

    #[test]
    fn what_is_no_line_is_told() {
        insta::assert_snapshot!(told("mysql:8.0.11", "mariadb:11.8"), @"`mysql:8.0.11` and `mariadb:11.8` are of two families, and no line of releases leads from one to the other; `dbmatrix diff` compares them");
        insta::assert_snapshot!(told("mysql:9.7", "mysql:8.4"), @"`mysql:9.7` is newer than `mysql:8.4`; name the older release first");
        insta::assert_snapshot!(told("mysql:lts", "mysql:9.7"), @"`mysql:lts` and `mysql:9.7` are the same release; name two");
        insta::assert_snapshot!(told("mysql:8.0.4", "mysql:9.7"), @"the catalogue has no `mysql:8.0.4`; the nearest that it has is `mysql:8.0.11`");
        insta::assert_snapshot!(told("mysql", "mysql:9.7"), @"expected `family:version`, such as `mysql:9.7`; found `mysql`");
    }
}

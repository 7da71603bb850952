//! Flavours without a matrix: servers of the catalogue, in a separate nest.

use std::fmt::Write;
use std::path::Path;
use std::str::FromStr;

use dbmatrix_containers::host::{EngineProbe, Names, detect_engine};
use dbmatrix_containers::nest::{Access, Nest};
use dbmatrix_flavours::catalogue;
use dbmatrix_flavours::matrix::Matrix;
use dbmatrix_flavours::plan::Selection;
use dbmatrix_report::event::Verdict;

use crate::app::connect_flavour::flavours_awake;
use crate::app::task::{Task, provide};
use crate::app::{Failure, Globals, task};

/// The nest of flavours that belong to no matrix.
pub(crate) const NEST: &str = "ad-hoc";

/// What the matrix of that nest says beside its flavours. The release file of a rolling
/// suite expires within a week.
pub(crate) const HEAD: &str =
    "[nest]\nname = 'ad-hoc'\n\n[[image]]\nname = 'debian:sid'\ncheck-valid-until = false\n";

/// A copy of a vendor's server, as `[[mirror]]` of a matrix names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mirror {
    of: String,
    url: String,
}

impl FromStr for Mirror {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // An address needs none of what would end a text in TOML.
        let is_address = |text: &str| {
            let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"'\"\\".contains(&byte);
            text.contains("://") && text.bytes().all(is_plain)
        };
        match text.split_once('=') {
            Some((of, url)) if is_address(of) && is_address(url) => Ok(Mirror {
                of: of.to_owned(),
                url: url.to_owned(),
            }),
            _ => Err("expected a vendor's address, `=` and that of its copy, such as `https://archive.mariadb.org=https://mirror.example/mariadb`".to_owned()),
        }
    }
}

/// What is wanted of servers of the catalogue.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// Their names, such as `mysql:9.7`.
    pub(crate) servers: &'a [&'a str],
    /// Where vendors' files come from.
    pub(crate) mirrors: &'a [Mirror],
    /// How they are reached; `None` keeps what their nest has.
    pub(crate) access: Option<Access>,
    /// Install missing packages without asking.
    pub(crate) yes: bool,
}

/// Whether a name is that of a server in the catalogue, not of a flavour.
pub(crate) fn is_server(name: &str) -> bool {
    name.contains(':')
}

/// Brings servers of the catalogue up; returns the names of their flavours.
pub(crate) async fn bring_up(global: &Globals, wanted: Wanted<'_>) -> Result<Vec<String>, Failure> {
    let Wanted {
        servers,
        mirrors,
        access,
        yes,
    } = wanted;
    let mut matrix = matrix_of(servers, mirrors)?;
    let noted = noted_access(global).await?;
    matrix.nest.access = access.or(noted).unwrap_or_default();
    if let Some(noted) = noted.filter(|noted| *noted != matrix.nest.access) {
        let noted = noted.as_str();
        return Err(Failure::misused(format!(
            "nest `{NEST}` was made with access `{noted}`, and its flavours know no other; `dbmatrix down --nest {NEST}` removes it and them"
        )));
    }
    let there = flavours_awake(global).await?;
    let is_there = |name: &str| there.iter().any(|one| one.0 == NEST && one.1 == name);
    let mut flavours = matrix.flavours.iter();
    let all_there = flavours.all(|flavour| is_there(&flavour.name));
    let flavours = matrix.flavours.iter();
    let names = flavours
        .map(|flavour| format!("{NEST}/{}", flavour.name))
        .collect();
    if all_there {
        return Ok(names);
    }
    let task = Task {
        yes,
        quiet: true,
        ..task::bring_up(matrix, &Selection::default())?
    };
    match provide(global, &task).await? {
        Verdict::Passed => Ok(names),
        verdict => Err(Failure {
            verdict,
            message: format!("{} could not be brought up", servers.join(", ")),
        }),
    }
}

/// The access of the nest, if it exists.
pub(crate) async fn noted_access(global: &Globals) -> Result<Option<Access>, Failure> {
    let EngineProbe::Running(engine) = detect_engine(&global.engine).await else {
        return Ok(None);
    };
    let names = Names::of(&global.project);
    let inside = engine.in_project(&names.project);
    let nest = Nest::find(&inside, NEST, &names.bridge).await;
    Ok(nest.map_err(Failure::not_provided)?.map(|nest| nest.access))
}

/// A matrix for these servers, as a user would write it.
fn matrix_of(servers: &[&str], mirrors: &[Mirror]) -> Result<Matrix, Failure> {
    let mut text = HEAD.to_owned();
    for Mirror { of, url } in mirrors {
        let _ = writeln!(text, "\n[[mirror]]\nof = '{of}'\nurl = '{url}'");
    }
    for name in servers {
        let wanted = catalogue::find(name).map_err(Failure::misused)?;
        if wanted.recipes().is_empty() {
            let there = catalogue::alternatives(&wanted, name);
            return Err(Failure::misused(format!(
                "the catalogue has no `{name}`; {there}; a matrix can name others"
            )));
        }
        let _ = writeln!(text, "\n[[flavour]]\nserver = '{}'", wanted.name());
    }
    Matrix::parse(Path::new(NEST), &text).map_err(|error| Failure::misused(error.render(false)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_of_the_catalogue_make_a_matrix() {
        let servers = ["mysql:lts", "mariadb:10.5", "mysql:8.0.36"];
        let matrix = matrix_of(&servers, &[]).expect("a matrix");
        let names = matrix.flavours.iter().map(|flavour| flavour.name.as_str());
        let expected = ["mysql-9.7", "mariadb-10.5", "mysql-8.0.36"];
        assert_eq!(names.collect::<Vec<_>>(), expected);
        assert_eq!(matrix.nest.name, NEST);
    }

    #[test]
    fn an_unknown_server_is_told_with_the_way_to_all() {
        let told = matrix_of(&["mysql:4.1"], &[])
            .expect_err("there is none")
            .message;
        assert!(
            told.contains("the nearest that it has is `mysql:5.5`"),
            "{told}"
        );
        assert!(is_server("mysql:4.1") && !is_server("mysql-4.1"));
    }

    #[test]
    fn vendors_files_come_from_their_mirrors() {
        let mirror = "https://archive.mariadb.org=http://mirror.example/m?a=b";
        let mirrors: [Mirror; 1] = [mirror.parse().expect("two addresses")];
        let matrix = matrix_of(&["mariadb:10.6.18"], &mirrors).expect("a matrix");
        let managed = matrix.flavours[0].managed().expect("one of the catalogue");
        let origin = managed.spec.installation.origin().unwrap_or_default();
        assert!(origin.contains("http://mirror.example/m?a=b/"), "{origin}");
        for wrong in [
            "",
            "https://a",
            "https://a=b",
            "a=https://b",
            "https://a=b://'c",
        ] {
            assert!(wrong.parse::<Mirror>().is_err(), "{wrong}");
        }
    }
}

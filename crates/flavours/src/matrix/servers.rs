//! Servers of the catalogue with what a matrix file says of all flavours, in place of the
//! file's own flavours and suites.

use std::path::Path;

use dbmatrix_config::{ConfigError, Placed, Problems, TableReader};
use toml::de::DeTable;

use super::flavour::{self, Common};
use super::{Flavour, Frame, Matrix, WHAT, external, folder_of, parse_table};

/// A server of the catalogue, with the name of its flavour.
#[derive(Debug, Clone)]
pub struct NamedServer {
    /// The flavour's name.
    pub name: String,
    /// The server, such as `mysql:8.0.36`.
    pub server: String,
}

impl Matrix {
    /// Reads a file without its flavours and suites, and these servers as flavours of it.
    /// The matrix has none of them; for each there is its flavour, or why this machine
    /// cannot have it.
    ///
    /// # Errors
    /// [`ConfigError`] with all problems of what is read.
    pub fn parse_for(
        path: &Path,
        text: &str,
        servers: &[NamedServer],
    ) -> Result<(Self, Vec<Result<Flavour, String>>), ConfigError> {
        let problems = Problems::default();
        let table = parse_table(text, &problems);
        let top = TableReader::new(table.get_ref(), 0..text.len().min(1), &problems);
        let folder = folder_of(path);
        let Frame {
            images,
            mirrors,
            nest,
            defaults,
            run,
        } = Frame::read(&top, path);
        for key in ["flavours", "flavour", "suite", "upgrade"] {
            top.know(key);
        }
        top.finish();
        let common = Common {
            folder,
            images: &images,
            mirrors: &mirrors,
            defaults: &defaults,
        };
        let flavours = servers.iter().map(|one| read_one(one, common)).collect();
        let deprecations = problems.into_result(WHAT, path, &external::masked(text))?;
        let matrix = Matrix {
            path: path.to_owned(),
            text: text.to_owned(),
            nest,
            run,
            flavours: Vec::new(),
            suites: Vec::new(),
            upgrades: Vec::new(),
            deprecations,
        };
        Ok((matrix, flavours))
    }
}

fn read_one(named: &NamedServer, common: Common<'_>) -> Result<Flavour, String> {
    let empty = DeTable::default();
    let problems = Problems::default();
    let found = {
        let report = TableReader::new(&empty, 0..0, &problems);
        let placed = |text: &String| Placed {
            value: text.clone(),
            span: 0..0,
        };
        let name = Some(placed(&named.name));
        flavour::read_bare(&report, placed(&named.server), name, common)
    };
    let why = match problems.into_result(WHAT, Path::new(""), "") {
        Ok(_) => String::new(),
        Err(ConfigError::Problems { problems, .. }) => {
            let all = problems.iter().map(|problem| problem.message.as_str());
            all.collect::<Vec<_>>().join("; ")
        }
        Err(error) => error.to_string(),
    };
    found.filter(|_| why.is_empty()).ok_or(why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Installation;

    fn server(name: &str, server: &str) -> NamedServer {
        NamedServer {
            name: name.to_owned(),
            server: server.to_owned(),
        }
    }

    #[test]
    fn servers_take_what_a_file_says_of_all() {
        let text = "\
flavours = ['mysql:9.7']
[nest]
name = 'own'
[defaults]
settings = { max_connections = 50 }
[[mirror]]
of = 'https://archive.mariadb.org'
url = 'http://mirror.test'
[[suite]]
name = 's'
files = ['no-such-file.sql']
";
        let servers = [
            server("probe-a", "mariadb:10.6.18"),
            server("probe-b", "mysql:4.1"),
        ];
        let read = Matrix::parse_for(Path::new("m.toml"), text, &servers);
        let (matrix, flavours) = read.expect("a matrix");
        assert_eq!(
            (matrix.nest.name.as_str(), matrix.flavours.len()),
            ("own", 0)
        );
        let first = flavours[0].as_ref().expect("a flavour");
        assert_eq!(first.name, "probe-a");
        let spec = &first.managed().expect("ours").spec;
        assert_eq!(spec.settings[0].0, "max_connections");
        let Installation::Packages(packages) = &spec.installation else {
            panic!("packages");
        };
        let repository = packages.repository.as_ref().expect("a repository");
        assert!(
            repository
                .url()
                .starts_with("http://mirror.test/mariadb-10.6.18/")
        );
        let why = flavours[1].as_ref().expect_err("there is none");
        assert!(why.contains("the catalogue has no `mysql:4.1`"), "{why}");
    }

    #[test]
    fn problems_of_the_file_are_told() {
        let text = "[nest]\nmemroy = '4GiB'\n[[flavour]]\nanything = 1\n";
        let told = Matrix::parse_for(Path::new("m.toml"), text, &[]).expect_err("a problem");
        assert_eq!(
            told.lines(),
            ["m.toml:2: unknown key `memroy`; did you mean `memory`?"]
        );
    }
}

//! Flavours without a matrix: servers of the catalogue, in a separate nest.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::str::FromStr;

use dbmatrix_containers::host::{EngineProbe, Names, detect_engine};
use dbmatrix_containers::nest::{Access, Nest};
use dbmatrix_flavours::catalogue;
use dbmatrix_flavours::matrix::{Flavour, Managed, Matrix};
use dbmatrix_flavours::plan::Selection;
use dbmatrix_report::event::Verdict;

use crate::app::signal::asked_to_end;
use crate::app::sources::{Reached, Sources};
use crate::app::task::{Task, provide};
use crate::app::{Failure, Globals, task};

mod existing;
mod replicas;

use existing::Existing;
pub(crate) use replicas::ReplicaGroups;

/// The nest of flavours that belong to no matrix.
pub(crate) const NEST: &str = "ad-hoc";

/// What the matrix of that nest says beside its flavours. The release file of a rolling
/// suite expires within a week.
pub(crate) const HEAD: &str =
    "[nest]\nname = 'ad-hoc'\n\n[[image]]\nname = 'debian:sid'\ncheck-valid-until = false\n";

/// Bytes that show whether a file is a key.
const HEAD_OF_KEY: u64 = 64;

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
#[derive(Debug, Clone)]
pub(crate) struct Wanted<'a> {
    /// Their names, such as `mysql:9.7`.
    pub(crate) servers: &'a [&'a str],
    /// The replicas of the only one.
    pub(crate) replicas: ReplicaGroups,
    /// Where vendors' files come from.
    pub(crate) mirrors: &'a [Mirror],
    /// The file of the key that signs those, if not the vendor's own is fetched.
    pub(crate) key: Option<&'a Path>,
    /// How they are reached; `None` keeps what their nest has.
    pub(crate) access: Option<Access>,
    /// Install missing packages without asking.
    pub(crate) yes: bool,
}

/// Whether a name is that of a server in the catalogue, not of a flavour.
pub(crate) fn is_server(name: &str) -> bool {
    name.contains(':')
}

/// Servers of the catalogue as a matrix, of which nobody was asked anything yet.
pub(crate) struct AdHoc<'a> {
    wanted: Wanted<'a>,
    matrix: Matrix,
}

impl<'a> Wanted<'a> {
    /// Reads their names and the key.
    ///
    /// # Errors
    /// Names that the catalogue does not know, and a file that is no key.
    pub(crate) fn read(self) -> Result<AdHoc<'a>, Failure> {
        if self.servers.len() > 1 && !self.replicas.is_empty() {
            return Err(Failure::misused(format!(
                "replicas follow one server; found {}; connect to the others on their own",
                self.servers.join(", ")
            )));
        }
        let key = self.key.map(checked_key).transpose()?;
        let matrix = matrix_of(self.servers, &self.replicas, self.mirrors, key.as_deref())?;
        Ok(AdHoc {
            wanted: self,
            matrix,
        })
    }
}

impl AdHoc<'_> {
    /// Brings them up; returns the names of their flavours.
    ///
    /// # Errors
    /// A nest with another access, servers that are not reached, and as of [`provide`].
    pub(crate) async fn bring_up(self, global: &Globals) -> Result<Vec<String>, Failure> {
        let AdHoc { wanted, mut matrix } = self;
        let found = detect_engine(&global.engine).await;
        let noted = noted_access(global, &found).await?;
        matrix.nest.access = wanted.access.or(noted);
        if let Some(noted) = noted.filter(|noted| Some(*noted) != matrix.nest.access) {
            let noted = noted.as_str();
            return Err(Failure::misused(format!(
                "nest `{NEST}` was made with access `{noted}`, and its flavours know no other; `dbmatrix down --nest {NEST}` removes it and them"
            )));
        }
        let there = Existing::find(&found, noted.is_some(), global).await?;
        for flavour in &matrix.flavours {
            there.check(flavour)?;
        }
        let flavours = matrix.flavours.iter();
        let names = flavours.map(|flavour| format!("{NEST}/{}", flavour.name));
        let names = names.collect();
        // Those that are there stay as they are, with their replicas.
        matrix.flavours.retain(|flavour| !there.has(flavour));
        if matrix.flavours.is_empty() {
            return Ok(names);
        }
        // Where there is a nest, it knows what it has installed and asks for the rest itself.
        if noted.is_none() && !matches!(found, EngineProbe::Installed(_)) {
            tokio::select! {
                checked = check_sources(global, &wanted, &matrix) => checked?,
                () = asked_to_end() => return Err(Failure {
                    verdict: Verdict::Interrupted,
                    message: "interrupted; nothing was made".to_owned(),
                }),
            }
        }
        let task = Task {
            yes: wanted.yes,
            quiet: true,
            ..task::bring_up(matrix, &Selection::default())?
        };
        match provide(global, &task).await? {
            Verdict::Passed => Ok(names),
            verdict => Err(Failure {
                verdict,
                message: format!("{} could not be brought up", wanted.servers.join(", ")),
            }),
        }
    }
}

/// Refuses what this machine cannot have before a nest is made for it, which takes minutes.
async fn check_sources(
    global: &Globals,
    wanted: &Wanted<'_>,
    matrix: &Matrix,
) -> Result<(), Failure> {
    let copy = match (wanted.mirrors, wanted.key) {
        ([], _) => "`--mirror OF=URL` names a copy that you reach",
        (_, None) => "`--mirror OF=URL` names a copy that you reach, `--key FILE` its key",
        (_, Some(_)) => "see that `--mirror` names a copy that you reach",
    };
    let servers = matrix.flavours.iter().flat_map(Flavour::servers);
    let servers: Vec<Flavour> = servers.cloned().collect();
    let flavours: Vec<_> = servers.iter().cloned().map(Ok).collect();
    let sources = Sources::ask(global, NEST, &flavours).await;
    let mut reasons = Vec::new();
    for (flavour, one) in flavours.into_iter().zip(&servers) {
        let Some(Managed { server, .. }) = one.managed() else {
            continue;
        };
        let missing = match sources.check(flavour) {
            Reached::Yes(flavour) => sources.why_missing(&flavour).await,
            Reached::Perhaps(..) => None,
            Reached::No(why) => Some(why),
        };
        reasons.extend(missing.map(|why| {
            format!(
                "`{server}` is not available: {why}; {copy}, and `dbmatrix catalogue {server} \
                 --reached` shows what this machine reaches"
            )
        }));
    }
    match reasons.is_empty() {
        true => Ok(()),
        false => Err(Failure::not_provided(reasons.join("\n"))),
    }
}

/// The access of the nest, if it exists on an engine that runs.
pub(crate) async fn noted_access(
    global: &Globals,
    found: &EngineProbe,
) -> Result<Option<Access>, Failure> {
    let EngineProbe::Running(engine) = found else {
        return Ok(None);
    };
    let names = Names::of(&global.project);
    let inside = engine.in_project(&names.project);
    let nest = Nest::find(&inside, NEST, &names.bridge).await;
    Ok(nest.map_err(Failure::not_provided)?.map(|nest| nest.access))
}

/// The whole path of a key file, which must hold what apt reads as a key.
fn checked_key(path: &Path) -> Result<String, Failure> {
    const EXPECTED: &str =
        "expected a file with a vendor's public key, as `gpg --export` writes it, armoured or not";
    let told = |error: &dyn std::fmt::Display| {
        Failure::misused(format!("`--key {}`: {error}; {EXPECTED}", path.display()))
    };
    let mut head = Vec::new();
    let file = File::open(path).map_err(|error| told(&error))?;
    let read = file.take(HEAD_OF_KEY).read_to_end(&mut head);
    read.map_err(|error| told(&error))?;
    if !is_public_key(&head) {
        return Err(told(&"this is no public key"));
    }
    let whole = std::path::absolute(path).map_err(|error| told(&error))?;
    let text = whole.into_os_string().into_string();
    text.map_err(|_| told(&"its path is not UTF-8"))
}

/// Whether a file begins as a public key does: armoured, or with a packet of the tag 6
/// (RFC 4880, 4.2 and 5.5.1.1).
fn is_public_key(head: &[u8]) -> bool {
    let is_packet = matches!(head.first(), Some(0x98..=0x9a | 0xc6));
    is_packet || head.starts_with(b"-----BEGIN PGP PUBLIC KEY BLOCK-----")
}

/// A matrix for these servers, as a user would write it.
fn matrix_of(
    servers: &[&str],
    replicas: &ReplicaGroups,
    mirrors: &[Mirror],
    key: Option<&str>,
) -> Result<Matrix, Failure> {
    let mut text = HEAD.to_owned();
    // A text of JSON is one of TOML.
    let key = key.map(|path| format!("key = {}\n", serde_json::Value::from(path)));
    let key = key.unwrap_or_default();
    for Mirror { of, url } in mirrors {
        let _ = write!(text, "\n[[mirror]]\nof = '{of}'\nurl = '{url}'\n{key}");
    }
    for name in servers {
        let _ = writeln!(text, "\n[[flavour]]\nserver = '{}'", known(name)?);
        text.push_str(&replicas.key()?);
    }
    Matrix::parse(Path::new(NEST), &text).map_err(|error| Failure::misused(error.render(false)))
}

/// The full name of a server that the catalogue can install.
fn known(name: &str) -> Result<String, Failure> {
    let wanted = catalogue::find(name).map_err(Failure::misused)?;
    if wanted.recipes().is_empty() {
        let there = catalogue::alternatives(&wanted, name);
        return Err(Failure::misused(format!(
            "the catalogue has no `{name}`; {there}; a matrix can name others"
        )));
    }
    Ok(wanted.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_of_the_catalogue_make_a_matrix() {
        let servers = ["mysql:lts", "mariadb:10.5", "mysql:8.0.36"];
        let none = ReplicaGroups::default();
        let matrix = matrix_of(&servers, &none, &[], None).expect("a matrix");
        let names = matrix.flavours.iter().map(|flavour| flavour.name.as_str());
        let expected = ["mysql-9.7", "mariadb-10.5", "mysql-8.0.36"];
        assert_eq!(names.collect::<Vec<_>>(), expected);
        assert_eq!(matrix.nest.name, NEST);
    }

    #[test]
    fn an_unknown_server_is_told_with_the_way_to_all() {
        let told = matrix_of(&["mysql:4.1"], &ReplicaGroups::default(), &[], None)
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
        let none = ReplicaGroups::default();
        let matrix = matrix_of(&["mariadb:10.6.18"], &none, &mirrors, None).expect("a matrix");
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

    #[test]
    fn the_key_of_the_copies_is_a_file() {
        let mirrors = ["https://cdn.mysql.com=http://mirror.example"];
        let mirrors = mirrors.map(|text| text.parse().expect("two addresses"));
        let key = "/a \"b\"/it's.asc";
        let none = ReplicaGroups::default();
        let matrix = matrix_of(&["mysql:8.0.30"], &none, &mirrors, Some(key)).expect("a matrix");
        let managed = matrix.flavours[0].managed().expect("one of the catalogue");
        let origin = managed.spec.installation.origin().unwrap_or_default();
        assert!(
            origin.ends_with(&format!("signed by the key {key}")),
            "{origin}"
        );
    }

    #[test]
    fn only_a_file_with_a_public_key_is_a_key() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        let checked = |bytes: &[u8]| {
            std::fs::write(&path, bytes).expect("a file");
            checked_key(&path).map_err(|failure| failure.message)
        };
        let armoured = b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQ";
        assert!(checked(armoured).is_ok() && checked(&[0x99, 1, 0x0d]).is_ok());
        for other in [
            &b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n"[..],
            b"-----BEGIN CERTIFICATE-----\n",
            b"",
            // A secret key in binary.
            &[0x95, 1],
        ] {
            let told = checked(other).expect_err("an error");
            assert!(
                told.contains("key`: this is no public key; expected"),
                "{told}"
            );
        }
        let told = checked_key(Path::new("none.asc"))
            .expect_err("an error")
            .message;
        assert!(told.starts_with("`--key none.asc`: No such file"), "{told}");
    }
}

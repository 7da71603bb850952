//! A flavour on an external server: its URL, and what is allowed there.
//!
//! Owns the keys of such a flavour and the source of its URL. A URL from the environment
//! or a file is read when it is needed, and never shown.

use std::path::{Path, PathBuf};

use thiserror::Error;

use dbmatrix_config::{Placed, TableReader};
use dbmatrix_sql::session::{Authorities, Endpoint, ServerUrl, Tenancy, TlsMode, UrlError};

/// Keys for external servers only; their `tls` is a word.
pub(super) const KEYS: [&str; 2] = ["ca", "permissions"];
/// Keys for servers that dbmatrix makes only, with an old name; their `tls` is a table.
pub(super) const MANAGED_KEYS: [&str; 22] = [
    "server",
    "source",
    "service",
    "image",
    "settings-folder",
    "settings",
    "memory-profile",
    "footprint",
    "durability",
    "files",
    "user",
    "password",
    "database",
    "time-zones",
    "setup",
    "vary",
    "replicas",
    "topology",
    "packages",
    "debconf",
    "repository",
    "tarball",
];

/// A server that dbmatrix finds and does not make.
#[derive(Debug, Clone)]
pub struct External {
    /// Its address and login.
    pub url: UrlSource,
    /// How the connection is protected.
    pub tls: TlsMode,
    /// A file (PEM) with the certificate authorities that may sign its certificate.
    pub ca: Option<PathBuf>,
    /// What is allowed there.
    pub permissions: Permissions,
}

/// The source of a URL.
#[derive(Debug, Clone)]
pub enum UrlSource {
    /// A variable of the environment.
    Variable(String),
    /// A file that contains only the URL.
    File(PathBuf),
    /// The matrix file.
    Plain(ServerUrl),
}

/// What is allowed on an external server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Permissions {
    /// Reading statements only.
    #[default]
    ReadOnly,
    /// All statements, in databases that dbmatrix creates and drops.
    OwnDatabases,
}

impl Permissions {
    /// Both, by their words in matrix files.
    pub const WORDS: [(&str, Permissions); 2] = [
        ("read-only", Permissions::ReadOnly),
        ("own-databases", Permissions::OwnDatabases),
    ];
}

/// Why the address of an external server is unknown.
#[derive(Debug, Error)]
pub enum ExternalError {
    /// A variable is not set.
    #[error(
        "flavour `{flavour}`: the environment variable `{variable}` is {state}; set it to a URL such \
         as `mysql://user:password@host:3306/`, or leave the flavour out with `--flavour`"
    )]
    Variable {
        /// The flavour.
        flavour: String,
        /// The variable.
        variable: String,
        /// The problem, such as `not set`.
        state: &'static str,
    },
    /// A file cannot be read.
    #[error("flavour `{flavour}`: could not read its {what} from `{}`: {reason}", path.display())]
    File {
        /// The flavour.
        flavour: String,
        /// Its expected content.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's error.
        reason: String,
    },
    /// The value is not a URL.
    #[error("flavour `{flavour}`: {source_name}: {error}")]
    Url {
        /// The flavour.
        flavour: String,
        /// The source of the URL.
        source_name: String,
        /// The problem.
        error: UrlError,
    },
}

impl External {
    /// The address of a flavour's server, with everything that a login needs.
    ///
    /// # Errors
    /// [`ExternalError`]; none contains any part of the URL.
    pub fn endpoint(&self, flavour: &str) -> Result<Endpoint, ExternalError> {
        let authorities = match &self.ca {
            None => Authorities::default(),
            Some(path) => Authorities::load(path).map_err(|reason| ExternalError::File {
                flavour: flavour.to_owned(),
                what: "`ca`",
                path: path.clone(),
                reason,
            })?,
        };
        Ok(Endpoint {
            url: self.url.read(flavour)?,
            tls: self.tls,
            authorities,
            tenancy: match self.permissions {
                Permissions::ReadOnly => Tenancy::Reader,
                Permissions::OwnDatabases => Tenancy::Guest,
            },
        })
    }
}

impl UrlSource {
    fn read(&self, flavour: &str) -> Result<ServerUrl, ExternalError> {
        let (text, source_name) = match self {
            UrlSource::Plain(url) => return Ok(url.clone()),
            UrlSource::Variable(variable) => {
                let missing = |state| ExternalError::Variable {
                    flavour: flavour.to_owned(),
                    variable: variable.clone(),
                    state,
                };
                let text = std::env::var_os(variable).ok_or_else(|| missing("not set"))?;
                let text = text.into_string().map_err(|_| missing("no text"))?;
                if text.trim().is_empty() {
                    return Err(missing("empty"));
                }
                (text, format!("`{variable}`"))
            }
            UrlSource::File(path) => {
                let text = std::fs::read_to_string(path);
                let text = text.map_err(|error| ExternalError::File {
                    flavour: flavour.to_owned(),
                    what: "URL",
                    path: path.clone(),
                    reason: error.to_string(),
                })?;
                (text, format!("`{}`", path.display()))
            }
        };
        let url = text.trim().parse();
        url.map_err(|error| ExternalError::Url {
            flavour: flavour.to_owned(),
            source_name,
            error,
        })
    }
}

/// Reads the keys of an external server in addition to its `url`.
pub(super) fn read(
    table: &TableReader<'_>,
    url: &Placed<String>,
    folder: &Path,
) -> Option<External> {
    for key in MANAGED_KEYS {
        if let Some(span) = table.span_of(key) {
            table.problem(
                span,
                format!(
                    "`{key}` is for servers that dbmatrix makes; this one has a `url` and is taken as \
                     it is"
                ),
            );
            table.know(key);
        }
    }
    let source = match url.value.trim() {
        text if text.starts_with("env:") => Ok(UrlSource::Variable(text[4..].to_owned())),
        text if text.starts_with("file:") => Ok(UrlSource::File(folder.join(&text[5..]))),
        text => text.parse().map(UrlSource::Plain),
    };
    let tls = table.choice("tls", &TlsMode::WORDS).unwrap_or_default();
    let ca = table.text("ca");
    if let Some(ca) = &ca
        && !tls.verifies()
        && table.has("tls")
    {
        table.problem(
            ca.span.clone(),
            "`ca` is asked only with `tls = \"verify-ca\"` or `\"verify-identity\"`",
        );
    } else if let Some(ca) = &ca
        && !table.has("tls")
    {
        table.problem(
            ca.span.clone(),
            "expected `tls = \"verify-identity\"` or `\"verify-ca\"` beside `ca`",
        );
    }
    let permissions = table.choice("permissions", &Permissions::WORDS);
    match source {
        Ok(UrlSource::Variable(name)) if name.is_empty() => {
            table.problem(
                url.span.clone(),
                "expected the name of a variable behind `env:`",
            );
            None
        }
        Ok(url) => Some(External {
            url,
            tls,
            ca: ca.map(|ca| folder.join(ca.value)),
            permissions: permissions.unwrap_or_default(),
        }),
        Err(error) => {
            table.problem(
                url.span.clone(),
                format!("{error}; or `env:NAME`, or `file:PATH`"),
            );
            None
        }
    }
}

/// A matrix file's text for display: possible passwords in URLs become `*`, and
/// everything else keeps its place.
pub(super) fn masked(text: &str) -> String {
    let lines = text.split_inclusive('\n').map(masked_line);
    lines.collect()
}

fn masked_line(line: &str) -> String {
    let hide = |from: usize, to: usize| {
        let hidden: String = line[from..to]
            .chars()
            .map(|c| "*".repeat(c.len_utf8()))
            .collect();
        format!("{}{hidden}{}", &line[..from], &line[to..])
    };
    let end = line.trim_end().len();
    // A login, up to the last `@`; without one, what may have been intended as one.
    if let Some(at) = line.find("://") {
        let from = at + 3;
        if let Some(to) = line[from..end].rfind('@') {
            return hide(from, from + to);
        }
        let scheme = line[..at].trim_end_matches(|c: char| c.is_ascii_alphanumeric());
        let scheme = &line[scheme.len()..at];
        if !scheme.starts_with("http") {
            return hide(from, end);
        }
        return line.to_owned();
    }
    for (key, _) in line.match_indices("url") {
        let Some(value) = line[key + 3..].trim_start().strip_prefix('=') else {
            continue;
        };
        let inner = value.trim_start().trim_start_matches(['"', '\'']);
        let is_named = ["env:", "file:"].iter().any(|kind| inner.starts_with(kind));
        if !is_named {
            return hide((line.len() - inner.len()).min(end), end);
        }
    }
    line.to_owned()
}

/// Rejects the keys of an external server beside a `server`, at their places.
pub(super) fn refuse_keys(table: &TableReader<'_>) {
    for key in KEYS {
        if let Some(span) = table.span_of(key) {
            table.problem(
                span,
                format!("`{key}` is for servers with a `url`; dbmatrix makes this one"),
            );
        }
        table.know(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::{Matrix, Source};

    fn parse(keys: &str) -> Result<External, Vec<String>> {
        let text = format!("[[flavour]]\nname = 'replica'\n{keys}\n");
        let matrix = Matrix::parse(Path::new("m.toml"), &text).map_err(|error| error.lines())?;
        match matrix.flavours.into_iter().next().map(|one| one.source) {
            Some(Source::External(external)) => Ok(external),
            other => panic!("an external flavour: {other:?}"),
        }
    }

    fn told(keys: &str) -> String {
        parse(keys).expect_err("a bad matrix").join("\n")
    }

    #[test]
    fn a_url_alone_is_a_flavour_from_which_is_only_read() {
        let external = parse("url = 'env:REPLICA_URL'").expect("a flavour");
        assert!(matches!(&external.url, UrlSource::Variable(name) if name == "REPLICA_URL"));
        assert_eq!(external.permissions, Permissions::ReadOnly);
        assert_eq!(external.tls, TlsMode::Preferred);
    }

    #[test]
    fn all_keys_of_an_external_flavour_are_read() {
        let keys = "url = 'file:secret/url'\nrequired = false\ntls = 'verify-ca'\nca = 'ca.pem'\npermissions = 'own-databases'";
        let external = parse(keys).expect("a flavour");
        assert!(matches!(&external.url, UrlSource::File(path) if path.ends_with("secret/url")));
        assert_eq!(external.tls, TlsMode::VerifyCa);
        assert_eq!(external.ca.as_deref(), Some(Path::new("ca.pem")));
        assert_eq!(external.permissions, Permissions::OwnDatabases);
    }

    #[test]
    fn keys_of_the_other_kind_are_refused_at_their_lines() {
        insta::assert_snapshot!(told("url = 'env:A'\nserver = 'mysql:9.7'\nsettings = { a = 1 }"), @r"
        m.toml:4: `server` is for servers that dbmatrix makes; this one has a `url` and is taken as it is
        m.toml:5: `settings` is for servers that dbmatrix makes; this one has a `url` and is taken as it is
        ");
        insta::assert_snapshot!(told("server = 'mysql:9.7'\ntls = 'required'"), @"m.toml:4: expected a table of certificates, since `tls` is a word only beside a `url`; found a string");
        insta::assert_snapshot!(told("url = 'env:'\ntls = 'verify'\npermissions = 'all'"), @r"
        m.toml:3: expected the name of a variable behind `env:`
        m.toml:4: expected `disabled`, `preferred`, `required`, `verify-ca` or `verify-identity`; found `verify`
        m.toml:5: expected `read-only` or `own-databases`; found `all`
        ");
        assert!(told("url = 'env:A'\nca = 'x'").contains("beside `ca`"));
        assert!(told("url = 'env:A'\ntls = 'required'\nca = 'x'").contains("asked only with"));
        assert!(told("url = 'env:A'\npermission = 'x'").contains("did you mean `permissions`?"));
    }

    #[test]
    fn a_flavour_without_a_name_needs_one() {
        let error = Matrix::parse(Path::new("m.toml"), "[[flavour]]\nurl = 'env:A'\n");
        let told = error.expect_err("no name").lines().join("\n");
        assert_eq!(told, "m.toml:2: expected a `name` beside a `url`");
    }

    #[test]
    fn no_message_shows_a_password_of_the_file() {
        for (url, beside) in [
            ("mysql://a:hidden@h:x/", ""),
            ("mysql://a:hidden@h/", "tls = 'bad'"),
            ("mysql://a:hid@den@h/", ""),
            ("mysql://a:hidden", ""),
            ("a:hidden@h", ""),
            ("hidden", ""),
            ("mysql://a:hidden@h/", "unclosed = '"),
        ] {
            let text = format!("[[flavour]]\nname = 'a'\nurl = '{url}'\n{beside}\n");
            let error = Matrix::parse(Path::new("m.toml"), &text).expect_err("a bad matrix");
            for told in [
                error.render(false),
                error.lines().join("\n"),
                error.to_string(),
            ] {
                assert!(!told.contains("hid"), "{told}");
            }
        }
    }

    #[test]
    fn a_url_in_the_wrong_place_is_not_shown() {
        for text in [
            "flavours = ['mysql://a:hidden@h/']",
            "[[flavour]]\nserver = 'mysql://a:hidden@h/'",
            "flavour = [{ name = 'url', server = 'mysql:9.x', url = 'hidden' }]",
        ] {
            let error = Matrix::parse(Path::new("m.toml"), text).expect_err("a bad matrix");
            let told = format!("{}{}", error.render(false), error.lines().join("\n"));
            assert!(!told.contains("hidden"), "{told}");
        }
    }

    #[test]
    fn what_is_masked_stays_where_it_is() {
        let text = "url = \"mysql://ä:b@h/\" # c\nimage = 'x'\nurl = 'http://h/p'\nurl = 'env:A'\n";
        let shown = masked(text);
        assert_eq!(shown.len(), text.len());
        assert_eq!(
            shown,
            "url = \"mysql://****@h/\" # c\nimage = 'x'\nurl = 'http://h/p'\nurl = 'env:A'\n"
        );
    }

    #[test]
    fn a_url_from_elsewhere_is_read_when_it_is_needed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("url");
        std::fs::write(&path, " mysql://a:b@h/ \n").expect("a file");
        let source = UrlSource::File(path.clone());
        assert_eq!(source.read("f").expect("a URL").user, "a");
        std::fs::write(&path, "mysql://a:hidden@").expect("a file");
        let told = source.read("f").expect_err("no host").to_string();
        assert!(
            told.contains("flavour `f`") && !told.contains("hidden"),
            "{told}"
        );
        let unset = UrlSource::Variable("DBMATRIX_NOBODY_SETS_THIS".to_owned());
        let told = unset.read("f").expect_err("not set").to_string();
        assert!(
            told.starts_with(
                "flavour `f`: the environment variable `DBMATRIX_NOBODY_SETS_THIS` is not set"
            ),
            "{told}"
        );
    }
}

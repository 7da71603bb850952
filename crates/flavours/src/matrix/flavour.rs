//! `[[flavour]]` and the short form: servers, and their sources.

use std::path::{Path, PathBuf};

use dbmatrix_config::{Placed, TableReader};
use dbmatrix_containers::image::{BaseImage, ImageOrigin};
use dbmatrix_containers::name;

use super::defaults::Defaults;
use super::external::{self, External};
use super::image;
use super::locked::Locked;
use super::vary;
use crate::catalogue::{self, Recipe, ServerRequest, SourceKind};
use crate::name_rule::{FLAVOUR, NameRule};
use crate::server::{
    Installation, KeySource, Packages, Repository, ServerSpec, Tarball, TarballSource,
};

/// The image of a child whose server comes from a tarball.
const TARBALL_IMAGE: &str = "debian:bookworm";
/// What the vendors' tarballs need in addition to the C library.
const TARBALL_PACKAGES: [&str; 3] = ["libaio1", "libnuma1", "libncurses6"];

/// A flavour of a matrix.
#[derive(Debug, Clone)]
pub struct Flavour {
    /// Its name, such as `mysql-9.7`.
    pub name: String,
    /// Whether a run fails without it.
    pub required: bool,
    /// The source of its server.
    pub source: Source,
}

/// The source of a flavour's server.
#[derive(Debug, Clone)]
pub enum Source {
    /// dbmatrix makes it, in a container.
    Managed(Box<Managed>),
    /// An external server.
    External(External),
}

/// A server that dbmatrix makes.
#[derive(Debug, Clone)]
pub struct Managed {
    /// Its name in the file, such as `mysql:lts`.
    pub server: String,
    /// Its container's image.
    pub image: ImageOrigin,
    /// How its server is installed and configured.
    pub spec: ServerSpec,
    /// Files of statements that run once, in order.
    pub setup: Vec<PathBuf>,
    /// Whether its installation is kept for other flavours with other settings.
    pub shares_installation: bool,
    /// The exact versions, if a run requires those of a lock.
    pub locked: Option<Locked>,
}

impl Flavour {
    /// The name of its container.
    pub fn container(&self) -> String {
        name::container(&self.name)
    }

    /// The definition of its server, if dbmatrix makes it.
    pub fn managed(&self) -> Option<&Managed> {
        match &self.source {
            Source::Managed(managed) => Some(managed),
            Source::External(_) => None,
        }
    }

    /// The external server, if it has one.
    pub fn external(&self) -> Option<&External> {
        match &self.source {
            Source::Managed(_) => None,
            Source::External(external) => Some(external),
        }
    }
}

pub(super) fn read_all(
    top: &TableReader<'_>,
    folder: &Path,
    images: &[BaseImage],
    defaults: &Defaults,
) -> Vec<Flavour> {
    let mut flavours: Vec<(Placed<()>, Flavour)> = Vec::new();
    for server in top
        .texts("flavours")
        .into_iter()
        .flat_map(|list| list.value)
    {
        let span = server.span.clone();
        let empty = toml::de::DeTable::default();
        let problems = dbmatrix_config::Problems::default();
        let bare = Reading {
            table: &TableReader::new(&empty, span.clone(), &problems),
            report: top,
            folder,
            images,
            defaults,
        };
        flavours.extend(
            bare.flavour(server, None)
                .map(|found| (Placed { value: (), span }, found)),
        );
    }
    for table in top.tables("flavour") {
        let reading = Reading {
            table: &table,
            report: &table,
            folder,
            images,
            defaults,
        };
        let name = table.text("name");
        let span = name.as_ref().map_or(table.span(), |name| name.span.clone());
        match (table.text("server"), table.text("url")) {
            (_, Some(url)) => {
                let found = reading.external_flavour(&url, name);
                flavours.extend(found.map(|found| (Placed { value: (), span }, found)));
            }
            (Some(server), None) => {
                external::refuse_keys(&table);
                let variants = vary::read(&table);
                let found = reading.flavour(server, name).into_iter();
                for flavour in found.flat_map(|found| vary::expand(found, &variants)) {
                    let (value, span) = (flavour.name.clone(), span.clone());
                    let name = Placed { value, span };
                    if !variants.is_empty() {
                        check_name(&table, FLAVOUR, &name);
                    }
                    let span = name.span;
                    flavours.push((Placed { value: (), span }, flavour));
                }
            }
            (None, None) if !table.has("server") && !table.has("url") => {
                table.problem(
                    table.span(),
                    "expected a `server`, such as `mysql:9.7`, or the `url` of one that is there",
                );
            }
            (None, None) => {}
        }
        reading.know_all();
        table.finish();
    }
    for (at, (place, flavour)) in flavours.iter().enumerate() {
        if flavours[..at]
            .iter()
            .any(|(_, other)| other.container() == flavour.container())
        {
            let name = &flavour.name;
            top.problem(
                place.span.clone(),
                format!("the name `{name}` is used twice; give one of the flavours another `name`"),
            );
        }
    }
    flavours.into_iter().map(|(_, flavour)| flavour).collect()
}

/// Reports an invalid name.
pub(super) fn check_name(table: &TableReader<'_>, rule: NameRule, name: &Placed<String>) {
    if let Err(message) = rule.check(&name.value) {
        table.problem(name.span.clone(), message);
    }
}

/// One flavour being read.
struct Reading<'r, 'a> {
    table: &'r TableReader<'a>,
    /// The table for reports: the short form has no table of its own.
    report: &'r TableReader<'a>,
    folder: &'r Path,
    images: &'r [BaseImage],
    defaults: &'r Defaults,
}

impl Reading<'_, '_> {
    fn flavour(&self, server: Placed<String>, name: Option<Placed<String>>) -> Option<Flavour> {
        let wanted = match catalogue::find(&server.value) {
            _ if server.value.contains("://") => {
                let expected = "expected a server such as `mysql:9.7`; a URL is a flavour's `url`";
                self.report.problem(server.span.clone(), expected);
                None
            }
            Ok(wanted) => Some(wanted),
            Err(error) => {
                self.report.problem(server.span.clone(), error.to_string());
                None
            }
        };
        let name = name.unwrap_or_else(|| Placed {
            value: server.value.replace(':', "-"),
            span: server.span.clone(),
        });
        if wanted.is_some() {
            check_name(self.report, FLAVOUR, &name);
        }
        let required = self.table.flag("required").is_none_or(|flag| flag.value);
        let defaults = self.defaults.but_for(self.table, self.folder);
        let wanted = wanted?;
        let (image, installation) = self.installation(&wanted, &server)?;
        let managed = Managed {
            server: server.value,
            image,
            spec: ServerSpec {
                family: wanted.family,
                version: wanted.version,
                installation,
                settings: defaults.settings,
                memory_profile: defaults.memory_profile,
                durability: defaults.durability,
            },
            setup: defaults.setup,
            shares_installation: false,
            locked: None,
        };
        Some(Flavour {
            name: name.value,
            required,
            source: Source::Managed(Box::new(managed)),
        })
    }

    /// A flavour on an external server.
    fn external_flavour(
        &self,
        url: &Placed<String>,
        name: Option<Placed<String>>,
    ) -> Option<Flavour> {
        let required = self.table.flag("required").is_none_or(|flag| flag.value);
        let external = external::read(self.table, url, self.folder);
        let Some(name) = name else {
            if !self.table.has("name") {
                self.report
                    .problem(url.span.clone(), "expected a `name` beside a `url`");
            }
            return None;
        };
        check_name(self.report, FLAVOUR, &name);
        Some(Flavour {
            name: name.value,
            required,
            source: Source::External(external?),
        })
    }

    /// Marks keys as known that were not read because of an earlier problem.
    fn know_all(&self) {
        for key in external::KEYS {
            self.table.know(key);
        }
        for key in ["source", "service", "image", "settings-folder"] {
            self.table.know(key);
        }
        for key in [
            "required",
            "settings",
            "memory-profile",
            "durability",
            "setup",
            "vary",
            "packages",
            "debconf",
            "repository",
            "tarball",
        ] {
            self.table.know(key);
        }
    }

    fn source(&self) -> Result<Option<(SourceKind, std::ops::Range<usize>)>, ()> {
        let Some(text) = self.table.text("source") else {
            let given = self
                .table
                .has("tarball")
                .then(|| (SourceKind::Tarball, self.table.span()));
            return Ok(given);
        };
        let found = SourceKind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text.value);
        match found {
            Some(kind) => Ok(Some((kind, text.span))),
            None => {
                let found = text.value;
                self.report.problem(
                    text.span,
                    format!("expected `debian`, `vendor` or `tarball`; found `{found}`"),
                );
                Err(())
            }
        }
    }

    fn installation(
        &self,
        wanted: &ServerRequest,
        server: &Placed<String>,
    ) -> Option<(ImageOrigin, Installation)> {
        let source = self.source().ok()?;
        if let Some((SourceKind::Tarball, span)) = source {
            return self.tarball(span);
        }
        let recipes = wanted.server.map_or(&[][..], |server| &server.source);
        let recipe = match &source {
            Some((kind, _)) => recipes.iter().find(|recipe| recipe.source == *kind),
            None => recipes.first(),
        };
        let whole = self.table.has("packages") && self.table.has("image");
        if recipe.is_none() && !whole {
            self.no_recipe(recipes, source, wanted, server);
            return None;
        }
        self.packages(recipe, wanted)
    }

    fn no_recipe(
        &self,
        recipes: &[Recipe],
        source: Option<(SourceKind, std::ops::Range<usize>)>,
        wanted: &ServerRequest,
        server: &Placed<String>,
    ) {
        let has: Vec<String> = recipes
            .iter()
            .map(|recipe| format!("`{}`", recipe.source.as_str()))
            .collect();
        match source {
            Some((kind, span)) if !has.is_empty() => self.report.problem(
                span,
                format!(
                    "the catalogue has `{}` not from `{}`; it has it from {}",
                    server.value,
                    kind.as_str(),
                    has.join(", ")
                ),
            ),
            _ => self.report.problem(
                server.span.clone(),
                format!(
                    "the catalogue has no `{}`; {}; or give a `tarball`, or `image` and `packages`",
                    server.value,
                    catalogue::known(wanted.family, &server.value)
                ),
            ),
        }
    }

    fn packages(
        &self,
        recipe: Option<&Recipe>,
        wanted: &ServerRequest,
    ) -> Option<(ImageOrigin, Installation)> {
        let is_mariadb = wanted.family == dbmatrix_sql::version::Family::Mariadb;
        let (service, folder) = if is_mariadb {
            ("mariadb", "/etc/mysql/mariadb.conf.d")
        } else {
            ("mysql", "/etc/mysql/mysql.conf.d")
        };
        let text = |key: &'static str, recipe: Option<&String>, usual: &str| {
            let given = self.table.text(key).map(|text| text.value);
            given
                .or(recipe.cloned())
                .unwrap_or_else(|| usual.to_owned())
        };
        let list = |key: &'static str, recipe: Option<&Vec<String>>| {
            let given = self.table.texts(key);
            let given = given.map(|list| list.value.into_iter().map(|item| item.value).collect());
            given.or(recipe.cloned()).unwrap_or_default()
        };
        let (image, image_name) = self.image(recipe.map_or("", |recipe| &recipe.image))?;
        let repository = self.repository(recipe, &image_name);
        let packages = Packages {
            names: list("packages", recipe.map(|recipe| &recipe.packages)),
            repository,
            service: text("service", recipe.map(|recipe| &recipe.service), service),
            settings_folder: text(
                "settings-folder",
                recipe.map(|recipe| &recipe.settings_folder),
                folder,
            ),
            debconf: list("debconf", recipe.map(|recipe| &recipe.debconf)),
        };
        Some((image, Installation::Packages(packages)))
    }

    fn image(&self, usual: &str) -> Option<(ImageOrigin, String)> {
        let name = self.table.text("image").unwrap_or_else(|| Placed {
            value: usual.to_owned(),
            span: self.table.span(),
        });
        let text = name.value.clone();
        image::resolve(self.report, name, self.images).map(|image| (image, text))
    }

    /// The recipe's repository, with overrides from the file. With another key, the
    /// catalogue's fingerprints do not apply.
    fn repository(&self, recipe: Option<&Recipe>, image: &str) -> Option<Repository> {
        let known = recipe.and_then(|recipe| recipe.repository.as_ref());
        let Some(table) = self.table.table("repository") else {
            return known.map(|known| Repository {
                urls: known.urls.clone(),
                suite: known.suite.clone(),
                components: known.components.clone(),
                key: KeySource::Url(known.key.clone()),
                fingerprints: known.fingerprints.clone(),
            });
        };
        let text = |key: &'static str| table.text(key).map(|text| text.value);
        let urls = text("url")
            .map(|url| vec![url])
            .or(known.map(|known| known.urls.clone()));
        let suite = text("suite").or(known.map(|known| known.suite.clone()));
        let suite = suite.or_else(|| image::debian_suite(image).map(str::to_owned));
        let components = table
            .texts("components")
            .map(|list| list.value.into_iter().map(|item| item.value).collect());
        let components = components.or(known.map(|known| known.components.clone()));
        let key = text("key");
        let own_key = key.is_some();
        let key = key.or(known.map(|known| known.key.clone()));
        let prints = table
            .texts("fingerprints")
            .map(|list| list.value.into_iter().map(|item| item.value).collect());
        table.finish();
        let (Some(urls), Some(suite), Some(key)) = (urls, suite, key) else {
            table.problem(
                table.span(),
                "expected a `repository` with `url`, `suite` and `key`",
            );
            return None;
        };
        Some(Repository {
            urls,
            suite,
            components: components.unwrap_or_else(|| vec!["main".to_owned()]),
            key: if key.contains("://") {
                KeySource::Url(key)
            } else {
                KeySource::File(self.folder.join(key))
            },
            fingerprints: match prints {
                Some(prints) => prints,
                None if own_key => Vec::new(),
                None => known
                    .map(|known| known.fingerprints.clone())
                    .unwrap_or_default(),
            },
        })
    }

    fn tarball(&self, span: std::ops::Range<usize>) -> Option<(ImageOrigin, Installation)> {
        let Some(table) = self.table.table("tarball") else {
            let expected =
                "expected `tarball = { url = …, sha256 = … }` or `tarball = { path = … }`";
            self.report.problem(span, expected);
            return None;
        };
        let url = table.text("url");
        let path = table.text("path");
        let sha256 = table.text("sha256").and_then(|text| {
            let good = text.value.len() == 64 && text.value.chars().all(|c| c.is_ascii_hexdigit());
            if !good {
                table.problem(text.span, "expected a SHA-256 sum of 64 hexadecimal digits");
            }
            good.then_some(text.value)
        });
        table.finish();
        let source = match (url, path, sha256) {
            (Some(url), None, Some(sha256)) => TarballSource::Url {
                url: url.value,
                sha256,
            },
            (None, Some(path), sha256) => TarballSource::File {
                path: self.folder.join(path.value),
                sha256,
            },
            (Some(url), None, None) => {
                table.problem(url.span, "expected a `sha256` beside the `url`");
                return None;
            }
            _ => {
                table.problem(table.span(), "expected either `url` or `path`");
                return None;
            }
        };
        let packages = self.table.texts("packages");
        let packages = match packages {
            Some(list) => list.value.into_iter().map(|item| item.value).collect(),
            None => TARBALL_PACKAGES.map(str::to_owned).to_vec(),
        };
        let (image, _) = self.image(TARBALL_IMAGE)?;
        Some((image, Installation::Tarball(Tarball { source, packages })))
    }
}

//! How a flavour's server is installed: the catalogue's recipe, with what the file says.

use std::ops::Range;

use dbmatrix_config::{Placed, TableReader};
use dbmatrix_containers::image::ImageOrigin;
use dbmatrix_sql::version::Family;

use super::flavour::Reading;
use super::{image, mirror};
use crate::catalogue::{
    self, Architecture, Recipe, ServerRequest, SourceKind, TarballProof, TarballRecipe,
};
use crate::server::{
    Algorithm, Checksum, Installation, KeySource, Packages, Proof, Repository, Tarball,
    TarballSource,
};

/// The image of a child whose server comes from a tarball.
const TARBALL_IMAGE: &str = "debian:bookworm";
/// What the vendors' tarballs need in addition to the C library.
const TARBALL_PACKAGES: [&str; 3] = ["libaio1", "libnuma1", "libncurses6"];

impl Reading<'_, '_> {
    /// The image and the installation of a server.
    pub(super) fn installation(
        &self,
        wanted: &ServerRequest,
        server: &Placed<String>,
    ) -> Option<(ImageOrigin, Installation)> {
        let source = self.source().ok()?;
        let (image, mut installation) = match source {
            Some((SourceKind::Tarball, _)) if self.table.has("tarball") => self.own_tarball()?,
            source => self.published(source, wanted, server)?,
        };
        mirror::apply(self.mirrors, &mut installation);
        Some((image, installation))
    }

    fn source(&self) -> Result<Option<(SourceKind, Range<usize>)>, ()> {
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

    /// What the catalogue has, or a whole recipe of the file.
    fn published(
        &self,
        source: Option<(SourceKind, Range<usize>)>,
        wanted: &ServerRequest,
        server: &Placed<String>,
    ) -> Option<(ImageOrigin, Installation)> {
        let recipes = wanted.recipes();
        let is_whole = self.table.has("packages") && self.table.has("image");
        // Debian builds for more architectures than the vendors.
        let is_here = |recipe: &&Recipe| {
            let here = Architecture::of_this_machine();
            recipe.source == SourceKind::Debian
                || here.is_some_and(|here| recipe.architectures.contains(&here))
        };
        let is_wanted = |recipe: &&Recipe| match &source {
            Some((kind, _)) => recipe.source == *kind,
            // Who says where packages are wants no tarball.
            None => recipe.tarball.is_none() || !(is_whole || self.table.has("repository")),
        };
        let recipe = recipes
            .iter()
            .find(|recipe| is_wanted(recipe) && is_here(recipe));
        match recipe {
            None if !is_whole => {
                self.no_recipe(&recipes, source, wanted, server);
                None
            }
            Some(recipe) if recipe.tarball.is_some() => self.tarball(recipe),
            // Who names Debian wants nothing of a vendor.
            Some(recipe) if recipe.only_if_missing && source.is_some() => {
                let recipe = Recipe {
                    repository: None,
                    only_if_missing: false,
                    ..recipe.clone()
                };
                self.packages(Some(&recipe), wanted)
            }
            recipe => self.packages(recipe, wanted),
        }
    }

    fn no_recipe(
        &self,
        recipes: &[Recipe],
        source: Option<(SourceKind, Range<usize>)>,
        wanted: &ServerRequest,
        server: &Placed<String>,
    ) {
        let name = &server.value;
        let mut kinds: Vec<&str> = recipes
            .iter()
            .map(|recipe| recipe.source.as_str())
            .collect();
        kinds.dedup();
        let kinds: Vec<String> = kinds.iter().map(|kind| format!("`{kind}`")).collect();
        let is_there = |recipe: &&Recipe| match &source {
            Some((kind, _)) => recipe.source == *kind,
            None => true,
        };
        if let Some(other) = recipes.iter().find(is_there) {
            let all = other.architectures.iter().map(|one| one.as_str());
            let all: Vec<&str> = all.collect();
            let here = std::env::consts::ARCH;
            let message = format!(
                "`{name}` is published for {} and not for this machine ({here})",
                all.join(" and ")
            );
            self.report.problem(server.span.clone(), message);
            return;
        }
        match source {
            Some((SourceKind::Tarball, span)) if recipes.is_empty() => {
                let expected =
                    "expected `tarball = { url = …, sha256 = … }` or `tarball = { path = … }`";
                self.report.problem(span, expected);
            }
            Some((kind, span)) if !recipes.is_empty() => self.report.problem(
                span,
                format!(
                    "the catalogue has `{name}` not from `{}`; it has it from {}",
                    kind.as_str(),
                    kinds.join(", ")
                ),
            ),
            _ => self.report.problem(
                server.span.clone(),
                format!(
                    "the catalogue has no `{name}`; {}; or give a `tarball`, or `image` and `packages`",
                    catalogue::alternatives(wanted, name)
                ),
            ),
        }
    }

    fn packages(
        &self,
        recipe: Option<&Recipe>,
        wanted: &ServerRequest,
    ) -> Option<(ImageOrigin, Installation)> {
        let (service, folder) = match wanted.family {
            Family::Mariadb => ("mariadb", "/etc/mysql/mariadb.conf.d"),
            _ => ("mysql", "/etc/mysql/mysql.conf.d"),
        };
        let text = |key: &'static str, recipe: Option<&String>, usual: &str| {
            let given = self.table.text(key).map(|text| text.value);
            given
                .or(recipe.cloned())
                .unwrap_or_else(|| usual.to_owned())
        };
        let (image, image_name) = self.image(recipe.map_or("", |recipe| &recipe.image))?;
        let repository = self.repository(recipe, &image_name);
        let packages = Packages {
            names: self.list("packages", recipe.map(|recipe| &recipe.packages)),
            pin: wanted.pin(),
            only_if_missing: repository.is_some()
                && recipe.is_some_and(|recipe| recipe.only_if_missing),
            repository,
            service: text("service", recipe.map(|recipe| &recipe.service), service),
            settings_folder: text(
                "settings-folder",
                recipe.map(|recipe| &recipe.settings_folder),
                folder,
            ),
            debconf: self.list("debconf", recipe.map(|recipe| &recipe.debconf)),
        };
        Some((image, Installation::Packages(packages)))
    }

    /// A list of the file, or that of the recipe.
    fn list(&self, key: &'static str, recipe: Option<&Vec<String>>) -> Vec<String> {
        let given = self.table.texts(key);
        let given = given.map(|list| list.value.into_iter().map(|item| item.value).collect());
        given.or(recipe.cloned()).unwrap_or_default()
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
                key: KeySource::Url(known.key.url.clone()),
                fingerprints: known.key.fingerprints.clone(),
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
        let key = key.or(known.map(|known| known.key.url.clone()));
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
            key: mirror::key_source(&key, self.folder),
            fingerprints: match prints {
                Some(prints) => prints,
                None if own_key => Vec::new(),
                None => known
                    .map(|known| known.key.fingerprints.clone())
                    .unwrap_or_default(),
            },
        })
    }

    /// A tarball of the catalogue.
    fn tarball(&self, recipe: &Recipe) -> Option<(ImageOrigin, Installation)> {
        let TarballRecipe { urls, proof } = recipe.tarball.as_ref()?;
        let proof = match proof {
            TarballProof::Checksum(text) => Proof::Checksum(Checksum::parse(text)?),
            TarballProof::Signature(key) => Proof::Signature {
                key: KeySource::Url(key.url.clone()),
                fingerprints: key.fingerprints.clone(),
            },
        };
        let tarball = Tarball {
            source: TarballSource::Url {
                urls: urls.clone(),
                proof,
            },
            packages: self.list("packages", Some(&recipe.packages)),
        };
        let (image, _) = self.image(&recipe.image)?;
        Some((image, Installation::Tarball(tarball)))
    }

    /// A tarball of the file.
    fn own_tarball(&self) -> Option<(ImageOrigin, Installation)> {
        let table = self.table.table("tarball")?;
        let source = self.tarball_source(&table);
        table.finish();
        let usual = TARBALL_PACKAGES.map(str::to_owned).to_vec();
        let tarball = Tarball {
            source: source?,
            packages: self.list("packages", Some(&usual)),
        };
        let (image, _) = self.image(TARBALL_IMAGE)?;
        Some((image, Installation::Tarball(tarball)))
    }

    fn tarball_source(&self, table: &TableReader<'_>) -> Option<TarballSource> {
        let (url, path) = (table.text("url"), table.text("path"));
        let checksums = Algorithm::ALL.map(|algorithm| checksum(table, algorithm));
        let is_wrong = checksums.iter().any(Result::is_err);
        let checksum = checksums.into_iter().find_map(Result::unwrap_or_default);
        let signature = mirror::key_of(table, self.folder);
        if is_wrong {
            return None;
        }
        match (url, path) {
            (Some(url), None) => {
                let proof = match (checksum, signature?) {
                    (Some(checksum), None) => Proof::Checksum(checksum),
                    (None, Some((key, fingerprints))) => Proof::Signature { key, fingerprints },
                    (None, None) => {
                        let expected = "expected a `sha256`, `sha512` or `md5` beside the `url`, or `key` and `fingerprints` of the signature `URL.asc`";
                        table.problem(url.span, expected);
                        return None;
                    }
                    (Some(_), Some(_)) => {
                        table.problem(
                            url.span,
                            "expected either a checksum or a `key`; found both",
                        );
                        return None;
                    }
                };
                Some(TarballSource::Url {
                    urls: vec![url.value],
                    proof,
                })
            }
            (None, Some(path)) => {
                if signature?.is_some() {
                    table.problem(
                        path.span,
                        "a `key` is for a `url`; give a checksum with a `path`",
                    );
                    return None;
                }
                Some(TarballSource::File {
                    path: self.folder.join(path.value),
                    checksum,
                })
            }
            _ => {
                table.problem(table.span(), "expected either `url` or `path`");
                None
            }
        }
    }
}

/// A checksum of a table, if it has one of this algorithm.
fn checksum(table: &TableReader<'_>, algorithm: Algorithm) -> Result<Option<Checksum>, ()> {
    let key = algorithm.as_str();
    let Some(text) = table.text(key) else {
        return if table.has(key) { Err(()) } else { Ok(None) };
    };
    let found = Checksum::new(algorithm, &text.value);
    if found.is_none() {
        let name = match algorithm {
            Algorithm::Md5 => "an MD5",
            Algorithm::Sha256 => "a SHA-256",
            Algorithm::Sha512 => "a SHA-512",
        };
        let digits = algorithm.digits();
        let expected = format!("expected {name} sum of {digits} hexadecimal digits");
        table.problem(text.span, expected);
        return Err(());
    }
    Ok(found)
}

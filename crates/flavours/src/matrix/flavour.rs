//! `[[flavour]]` and the short form: servers, and their sources.

use std::path::Path;

use dbmatrix_config::{Placed, Problems, TableReader};
use dbmatrix_containers::image::{BaseImage, ImageOrigin};
use dbmatrix_containers::name;

use super::defaults::Defaults;
use super::external::{self, External};
use super::locked::Locked;
use super::mirror::Mirror;
use super::replication::Replication;
use super::{SetupFile, replication, vary};
use crate::catalogue;
use crate::name_rule::{FLAVOUR, NameRule};
use crate::server::ServerSpec;

/// A flavour of a matrix.
#[derive(Debug, Clone)]
pub struct Flavour {
    /// Its name, such as `mysql-9.7`.
    pub name: String,
    /// Whether a run fails without it.
    pub required: bool,
    /// The source of its server.
    pub source: Source,
    /// The servers that follow it, if it has any.
    pub replication: Option<Replication>,
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
    pub setup: Vec<SetupFile>,
    /// More of them, for a copy of the server that belongs to one suite.
    pub suite_setup: Vec<SetupFile>,
    /// Whether its installation is kept for other flavours with other settings.
    pub shares_installation: bool,
    /// The exact versions, if a run requires those of a lock.
    pub locked: Option<Locked>,
}

impl Managed {
    /// The same server with the setup of a suite.
    pub fn for_suite(&self, setup: &[SetupFile]) -> Managed {
        Managed {
            suite_setup: setup.to_vec(),
            ..self.clone()
        }
    }
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

    /// The flavour and its replicas: everything that has a server of its own.
    pub fn servers(&self) -> impl Iterator<Item = &Flavour> {
        let replicas = self.replication.iter();
        std::iter::once(self).chain(replicas.flat_map(|replication| &replication.replicas))
    }

    /// Changes the definition of each of its servers, given with its name.
    ///
    /// # Errors
    /// The first of `change`.
    pub fn change_servers<E>(
        &mut self,
        mut change: impl FnMut(&str, &mut Managed) -> Result<(), E>,
    ) -> Result<(), E> {
        let replicas = self.replication.iter_mut();
        let replicas = replicas.flat_map(|replication| &mut replication.replicas);
        let replicas = replicas.map(|replica| (&replica.name, &mut replica.source));
        for (name, source) in std::iter::once((&self.name, &mut self.source)).chain(replicas) {
            if let Source::Managed(managed) = source {
                change(name, managed)?;
            }
        }
        Ok(())
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
    mirrors: &[Mirror],
    defaults: &Defaults,
) -> Vec<Flavour> {
    let mut flavours: Vec<(Placed<()>, Flavour)> = Vec::new();
    let common = Common {
        folder,
        images,
        mirrors,
        defaults,
    };
    for server in top
        .texts("flavours")
        .into_iter()
        .flat_map(|list| list.value)
    {
        let span = server.span.clone();
        let found = read_bare(top, server, None, common);
        flavours.extend(found.map(|found| (Placed { value: (), span }, found)));
    }
    for table in top.tables("flavour") {
        let reading = Reading {
            table: &table,
            report: &table,
            folder,
            images,
            mirrors,
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
                let wanted = replication::read(&table, common);
                let found = reading.flavour(server, name).into_iter();
                let found = found.inspect(|found| {
                    if let Some(wanted) = &wanted {
                        replication::refuse_old(&table, found, wanted);
                    }
                });
                for flavour in found.flat_map(|found| vary::expand(found, &variants)) {
                    let flavour = match &wanted {
                        Some(wanted) => replication::attach(flavour, wanted),
                        None => flavour,
                    };
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

/// What a matrix says of all its flavours.
#[derive(Clone, Copy)]
pub(super) struct Common<'r> {
    pub(super) folder: &'r Path,
    pub(super) images: &'r [BaseImage],
    pub(super) mirrors: &'r [Mirror],
    pub(super) defaults: &'r Defaults,
}

/// A flavour of which a matrix says no more than its server.
pub(super) fn read_bare(
    report: &TableReader<'_>,
    server: Placed<String>,
    name: Option<Placed<String>>,
    common: Common<'_>,
) -> Option<Flavour> {
    let Common {
        folder,
        images,
        mirrors,
        defaults,
    } = common;
    let empty = toml::de::DeTable::default();
    let problems = Problems::default();
    let bare = Reading {
        table: &TableReader::new(&empty, server.span.clone(), &problems),
        report,
        folder,
        images,
        mirrors,
        defaults,
    };
    bare.flavour(server, name)
}

/// Reports an invalid name.
pub(super) fn check_name(table: &TableReader<'_>, rule: NameRule, name: &Placed<String>) {
    if let Err(message) = rule.check(&name.value) {
        table.problem(name.span.clone(), message);
    }
}

/// One flavour being read.
pub(super) struct Reading<'r, 'a> {
    pub(super) table: &'r TableReader<'a>,
    /// The table for reports: the short form has no table of its own.
    pub(super) report: &'r TableReader<'a>,
    pub(super) folder: &'r Path,
    pub(super) images: &'r [BaseImage],
    pub(super) mirrors: &'r [Mirror],
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
                files: defaults.files,
                certificates: defaults.certificates,
                login: defaults.login,
                time_zones: defaults.time_zones,
                member: None,
            },
            setup: defaults.setup,
            suite_setup: Vec::new(),
            shares_installation: false,
            locked: None,
        };
        Some(Flavour {
            name: name.value,
            required,
            source: Source::Managed(Box::new(managed)),
            replication: None,
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
            replication: None,
        })
    }

    /// Marks keys as known that were not read because of an earlier problem.
    fn know_all(&self) {
        let own = ["name", "required", "url"];
        let all = own.iter().chain(&external::KEYS);
        let all = all.chain(&external::MANAGED_KEYS);
        for key in all.filter(|key| **key != "footprint") {
            self.table.know(key);
        }
    }
}

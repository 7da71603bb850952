//! Which releases this machine reaches: it has installed them, or their vendors' servers
//! answer.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use dbmatrix_containers::host::{EngineProbe, Names, detect_engine};
use dbmatrix_containers::image::{Answer, ask_for_files, is_answer};
use dbmatrix_containers::nest::{Nest, golden_keys};
use dbmatrix_flavours::matrix::Flavour;
use dbmatrix_flavours::provision::template_keys;
use dbmatrix_flavours::server::Installation;
use tokio::time::timeout;

use crate::app::Globals;

/// How long a nest's engine may take. Without an answer nothing is known to be installed.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is known of the sources of servers.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// Vendors' servers that do not answer, and why.
    unreached: BTreeMap<String, String>,
    /// The keys of golden children.
    installed: BTreeSet<String>,
}

impl Sources {
    /// Looks into a nest, and asks the vendors.
    pub(crate) async fn ask(
        global: &Globals,
        nest: &str,
        flavours: &[Result<Flavour, String>],
    ) -> Self {
        let (unreached, installed) =
            tokio::join!(unreached_hosts(flavours), installed_in(global, nest));
        Sources {
            unreached,
            installed,
        }
    }

    /// Whether a flavour's source is reached.
    pub(crate) fn check(&self, flavour: Result<Flavour, String>) -> Reached {
        let flavour = match flavour {
            Ok(flavour) => flavour,
            Err(why) => return Reached::No(why),
        };
        if self.has_installed(&flavour) {
            return Reached::Yes(flavour);
        }
        let installation = installation(&flavour);
        let hosts = installation.map(Installation::hosts).unwrap_or_default();
        let mut hosts = hosts.iter().map(|host| &host.host);
        let why = hosts.find_map(|host| Some((host, self.unreached.get(host)?)));
        let Some(why) = why.map(|(host, why)| format!("{host} is not reached from here: {why}"))
        else {
            return Reached::Yes(flavour);
        };
        match installation.is_some_and(Installation::may_be_in_image) {
            true => Reached::Perhaps(flavour, why),
            false => Reached::No(why),
        }
    }

    /// Whether there is a golden child of the flavour's server.
    fn has_installed(&self, flavour: &Flavour) -> bool {
        let keys = flavour.managed().map(template_keys).unwrap_or_default();
        keys.first().is_some_and(|key| self.installed.contains(key))
    }

    /// Why a vendor whose server answers does not have a flavour's release; `None` if it
    /// may have it.
    pub(crate) async fn why_missing(&self, flavour: &Flavour) -> Option<String> {
        if self.has_installed(flavour) {
            return None;
        }
        let hosts = installation(flavour)?.hosts().into_iter();
        let files = hosts.filter(|host| host.is_needed).map(|host| host.file);
        let answers = ask_for_files(files.collect()).await.ok()?;
        answers.into_iter().find_map(|(file, answer)| match answer {
            Answer::Unreached(why) if is_answer(&why) => Some(format!("{file}: {why}")),
            _ => None,
        })
    }
}

/// Whether a flavour's source is reached.
pub(crate) enum Reached {
    Yes(Flavour),
    /// The vendor is not. Debian may have the release, which only apt in its container knows.
    Perhaps(Flavour, String),
    No(String),
}

impl Reached {
    /// Of those that Debian may have, only what the user `is_named` is worth a try.
    pub(crate) fn into_flavour(self, is_named: bool) -> Result<Flavour, String> {
        match self {
            Reached::Yes(flavour) => Ok(flavour),
            Reached::Perhaps(flavour, _) if is_named => Ok(flavour),
            Reached::Perhaps(_, why) | Reached::No(why) => Err(why),
        }
    }
}

fn installation(flavour: &Flavour) -> Option<&Installation> {
    Some(&flavour.managed()?.spec.installation)
}

/// The keys of the golden children of a nest that runs.
async fn installed_in(global: &Globals, nest: &str) -> BTreeSet<String> {
    let keys = async {
        let EngineProbe::Running(engine) = detect_engine(&global.engine).await else {
            return None;
        };
        let names = Names::of(&global.project);
        let inside = engine.in_project(&names.project);
        let nest = Nest::find(&inside, nest, &names.bridge).await.ok()??;
        golden_keys(&nest).await.ok()
    };
    timeout(PATIENCE, keys)
        .await
        .ok()
        .flatten()
        .unwrap_or_default()
}

/// The vendors' servers that do not answer, and why. Each is asked for two small files at
/// most, all at once.
async fn unreached_hosts(flavours: &[Result<Flavour, String>]) -> BTreeMap<String, String> {
    let mut files: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let installations = flavours.iter().flatten().filter_map(installation);
    for host in installations.flat_map(Installation::hosts) {
        let of_host = files.entry(host.host).or_default();
        of_host.truncate(1);
        of_host.push(host.file);
    }
    if files.is_empty() {
        return BTreeMap::new();
    }
    let answers = ask_for_files(files.values().flatten().cloned().collect()).await;
    let answers = answers.unwrap_or_else(|why| {
        eprintln!("warning: which vendors are reached shows only when a server is made: {why}");
        BTreeMap::new()
    });
    let why_not = |file: &String| match answers.get(file) {
        Some(Answer::Unreached(why)) if !is_answer(why) => Some(why.clone()),
        _ => None,
    };
    let unreached = files.into_iter().filter_map(|(host, files)| {
        let reasons: Option<Vec<String>> = files.iter().map(why_not).collect();
        Some((host, reasons?.into_iter().next()?))
    });
    unreached.collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use dbmatrix_flavours::matrix::Matrix;

    use super::*;

    fn flavour(server: &str) -> Flavour {
        let text = format!("flavours = ['{server}']\n");
        let matrix = Matrix::parse(Path::new("m.toml"), &text).expect("a matrix");
        matrix.flavours.into_iter().next().expect("a flavour")
    }

    fn without(host: &str) -> Sources {
        Sources {
            unreached: BTreeMap::from([(host.to_owned(), "no route".to_owned())]),
            installed: BTreeSet::new(),
        }
    }

    #[test]
    fn a_release_of_a_vendor_that_is_not_reached_is_not_available() {
        let sources = without("https://archive.mariadb.org");
        let Reached::No(why) = sources.check(Ok(flavour("mariadb:10.6.18"))) else {
            panic!("it is reached");
        };
        assert_eq!(
            why,
            "https://archive.mariadb.org is not reached from here: no route"
        );
        let is_reached = |sources: &Sources, server: &str| {
            matches!(sources.check(Ok(flavour(server))), Reached::Yes(_))
        };
        assert!(is_reached(&sources, "mariadb:10.5"));
        assert!(is_reached(&Sources::default(), "mariadb:10.6.18"));
    }

    #[test]
    fn what_is_installed_needs_no_vendor() {
        let mut sources = without("https://archive.mariadb.org");
        let old = flavour("mariadb:10.6.18");
        sources.installed = template_keys(old.managed().expect("ours"))
            .into_iter()
            .collect();
        assert!(matches!(sources.check(Ok(old)), Reached::Yes(_)));
        assert!(matches!(
            sources.check(Ok(flavour("mariadb:10.6.17"))),
            Reached::No(_)
        ));
    }

    #[test]
    fn a_release_that_debian_may_have_is_tried_only_if_it_is_named() {
        let sources = without("https://archive.mariadb.org");
        let reached = || sources.check(Ok(flavour("mariadb:10.11.6")));
        assert!(matches!(reached(), Reached::Perhaps(..)));
        assert!(reached().into_flavour(true).is_ok());
        assert!(reached().into_flavour(false).is_err());
    }
}

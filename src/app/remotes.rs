//! Engines on other machines, by name: those of `~/.config/dbmatrix/remotes.toml`, and those
//! of `incus remote`.

mod incus;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use dbmatrix_config::nearest;
use dbmatrix_containers::host::RemoteChoice;
use dbmatrix_engine::{Engine, Remote};
use serde::Deserialize;

use crate::app::Failure;

/// An entry of the file. Paths are relative to it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Entry {
    address: String,
    certificate: PathBuf,
    client_certificate: PathBuf,
    client_key: PathBuf,
    project: Option<String>,
    pool: Option<String>,
}

/// A remote engine that trusts this client.
#[derive(Debug)]
pub(crate) struct RemoteEngine {
    pub(crate) engine: Engine,
    /// Its storage pool, if one is configured.
    pub(crate) pool: Option<String>,
}

/// Finds the engine of that name, and checks that it trusts this client.
pub(crate) async fn find(name: &str) -> Result<RemoteEngine, Failure> {
    let entry = entry(name).map_err(Failure::misused)?;
    let remote = open(name, &entry).map_err(Failure::misused)?;
    ensure_trust(&remote).await?;
    Ok(RemoteEngine {
        engine: match &entry.project {
            Some(project) => remote.engine.in_project(project),
            None => remote.engine,
        },
        pool: entry.pool,
    })
}

/// The engine of that name. Sends nothing yet.
///
/// # Errors
/// A human-readable problem with the name, its entry, or its files.
pub(crate) fn choose(name: &str) -> Result<RemoteChoice, String> {
    open(name, &entry(name)?)
}

/// Checks that an engine answers and trusts this client.
pub(crate) async fn ensure_trust(remote: &RemoteChoice) -> Result<(), Failure> {
    let info = remote.engine.server_info().await;
    let info = info.map_err(Failure::not_provided)?;
    if info.auth == "trusted" {
        return Ok(());
    }
    let RemoteChoice {
        name,
        client_certificate: own,
        ..
    } = remote;
    Err(Failure::not_provided(format!(
        "the engine of remote `{name}` does not trust `{}`; on that machine: incus config trust add-certificate FILE (or: lxc config trust add FILE)",
        own.display()
    )))
}

fn open(name: &str, entry: &Entry) -> Result<RemoteChoice, String> {
    let remote = Remote {
        address: entry.address.clone(),
        certificate: entry.certificate.clone(),
        client_certificate: entry.client_certificate.clone(),
        client_key: entry.client_key.clone(),
    };
    let engine = Engine::remote(&remote);
    Ok(RemoteChoice {
        name: name.to_owned(),
        engine: engine.map_err(|error| format!("remote `{name}`: {error}"))?,
        client_certificate: remote.client_certificate,
    })
}

/// The entry of that name, with whole paths.
fn entry(name: &str) -> Result<Entry, String> {
    let folder = folder().ok_or_else(|| {
        "neither XDG_CONFIG_HOME nor HOME is set: remotes.toml is not found".to_owned()
    })?;
    entry_in(name, &folder, incus::folder().as_deref())
}

/// dbmatrix's own file comes first.
fn entry_in(name: &str, folder: &Path, of_incus: Option<&Path>) -> Result<Entry, String> {
    let file = folder.join("remotes.toml");
    let own = read(&file)?;
    if let Some(entry) = own.get(name) {
        return Ok(Entry {
            certificate: folder.join(&entry.certificate),
            client_certificate: folder.join(&entry.client_certificate),
            client_key: folder.join(&entry.client_key),
            ..entry.clone()
        });
    }
    let of_incus = match of_incus {
        Some(folder) => incus::read(folder)?,
        None => BTreeMap::new(),
    };
    if let Some(entry) = of_incus.get(name) {
        return Ok(entry.clone());
    }
    Err(unknown(name, &file, own.keys().chain(of_incus.keys())))
}

fn unknown<'a>(name: &str, file: &Path, all: impl Iterator<Item = &'a String>) -> String {
    let all: Vec<&str> = all.map(String::as_str).collect();
    let meant = match nearest(name, all.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? "),
        None => String::new(),
    };
    let file = file.display();
    match all.is_empty() {
        true => format!(
            "no remote `{name}`: neither `{file}` nor `incus remote list` has any; `dbmatrix copy --help` shows what is in that file"
        ),
        false => format!(
            "no remote `{name}`; {meant}`{file}` and `incus remote list` have `{}`",
            all.join("`, `")
        ),
    }
}

/// The entries of a file; none if it does not exist.
fn read(file: &Path) -> Result<BTreeMap<String, Entry>, String> {
    let shown = file.display();
    match std::fs::read_to_string(file) {
        Ok(text) => parse(&text).map_err(|error| format!("`{shown}`: {error}")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(format!("could not read `{shown}`: {error}")),
    }
}

pub(crate) fn parse(text: &str) -> Result<BTreeMap<String, Entry>, toml::de::Error> {
    toml::from_str(text)
}

/// The folder of the user's settings.
fn folder() -> Option<PathBuf> {
    Some(settings()?.join("dbmatrix"))
}

/// The folder of all programs' settings.
fn settings() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let config = variable("XDG_CONFIG_HOME").filter(|path| path.is_absolute());
    config.or_else(|| Some(variable("HOME")?.join(".config")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[office]\naddress = \"https://office:8443\"\ncertificate = \"office.crt\"\nclient-certificate = \"me.crt\"\nclient-key = \"/keys/me.key\"\n";

    #[test]
    fn a_remote_is_found_by_its_name_in_either_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let (own, of_incus) = (folder.path().join("own"), folder.path().join("incus"));
        let find = |name: &str| entry_in(name, &own, Some(&of_incus));
        for path in [&own, &of_incus] {
            std::fs::create_dir(path).expect("a folder");
        }
        let told = find("office").expect_err("no file");
        assert!(told.contains("dbmatrix copy --help"), "{told}");
        std::fs::write(own.join("remotes.toml"), TEXT).expect("a file");
        let lab = "remotes:\n  lab:\n    addr: https://lab:8443\n    protocol: incus\n";
        std::fs::write(of_incus.join("config.yml"), lab).expect("a file");
        let entry = find("office").expect("it is there");
        assert_eq!(entry.address, "https://office:8443");
        assert_eq!(entry.certificate, own.join("office.crt"));
        assert_eq!(entry.client_key, Path::new("/keys/me.key"));
        assert_eq!(
            find("lab").expect("it is there").address,
            "https://lab:8443"
        );
        let told = find("ofice").expect_err("it is not there");
        assert!(told.contains("did you mean `office`?"), "{told}");
        assert!(told.contains("have `office`, `lab`"), "{told}");
    }

    #[test]
    fn what_is_unknown_or_missing_is_told() {
        let told = parse(&format!("{TEXT}adress = 1\n")).expect_err("an unknown key");
        assert!(told.to_string().contains("adress"), "{told}");
        let told = parse("[office]\naddress = \"https://office\"\n").expect_err("no certificate");
        assert!(told.to_string().contains("certificate"), "{told}");
    }
}

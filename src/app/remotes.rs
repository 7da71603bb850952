//! Remote engines, by name: `~/.config/dbmatrix/remotes.toml`.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use dbmatrix_config::nearest;
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
    let folder = folder().ok_or_else(|| {
        Failure::misused("neither XDG_CONFIG_HOME nor HOME is set: remotes.toml is not found")
    })?;
    let file = folder.join("remotes.toml");
    let entry = read(&file, name).map_err(Failure::misused)?;
    let remote = Remote {
        address: entry.address,
        certificate: folder.join(entry.certificate),
        client_certificate: folder.join(entry.client_certificate),
        client_key: folder.join(entry.client_key),
    };
    let engine = Engine::remote(&remote);
    let engine = engine.map_err(|error| {
        Failure::misused(format!("remote `{name}` in `{}`: {error}", file.display()))
    })?;
    let info = engine.server_info().await.map_err(Failure::not_provided)?;
    if info.auth != "trusted" {
        let own = remote.client_certificate.display();
        return Err(Failure::not_provided(format!(
            "the engine of remote `{name}` does not trust `{own}`; on that machine: incus config trust add-certificate FILE (or: lxc config trust add FILE)"
        )));
    }
    Ok(RemoteEngine {
        engine: match &entry.project {
            Some(project) => engine.in_project(project),
            None => engine,
        },
        pool: entry.pool,
    })
}

fn read(file: &Path, name: &str) -> Result<Entry, String> {
    let shown = file.display();
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(format!(
                "no remote `{name}`: `{shown}` is not there; `dbmatrix copy --help` shows what is in it"
            ));
        }
        Err(error) => return Err(format!("could not read `{shown}`: {error}")),
    };
    let mut all = parse(&text).map_err(|error| format!("`{shown}`: {error}"))?;
    if let Some(entry) = all.remove(name) {
        return Ok(entry);
    }
    let there: Vec<String> = all.keys().map(|name| format!("`{name}`")).collect();
    let meant = match nearest(name, all.keys().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`? "),
        None => String::new(),
    };
    let there = match there.is_empty() {
        true => "none".to_owned(),
        false => there.join(", "),
    };
    Err(format!("no remote `{name}`; {meant}`{shown}` has {there}"))
}

pub(crate) fn parse(text: &str) -> Result<BTreeMap<String, Entry>, toml::de::Error> {
    toml::from_str(text)
}

/// The folder of the user's settings.
fn folder() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let config = variable("XDG_CONFIG_HOME").filter(|path| path.is_absolute());
    let config = config.or_else(|| Some(variable("HOME")?.join(".config")))?;
    Some(config.join("dbmatrix"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[office]\naddress = \"https://office:8443\"\ncertificate = \"office.crt\"\nclient-certificate = \"me.crt\"\nclient-key = \"me.key\"\n";

    #[test]
    fn a_remote_is_found_by_its_name() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), TEXT).expect("it is written");
        let entry = read(file.path(), "office").expect("it is there");
        assert_eq!(entry.address, "https://office:8443");
        let told = read(file.path(), "ofice").expect_err("it is not there");
        assert!(told.contains("did you mean `office`?"), "{told}");
        let told = read(Path::new("/nonexistent/remotes.toml"), "office").expect_err("no file");
        assert!(told.contains("dbmatrix copy --help"), "{told}");
    }

    #[test]
    fn what_is_unknown_or_missing_is_told() {
        let told = parse(&format!("{TEXT}adress = 1\n")).expect_err("an unknown key");
        assert!(told.to_string().contains("adress"), "{told}");
        let told = parse("[office]\naddress = \"https://office\"\n").expect_err("no certificate");
        assert!(told.to_string().contains("certificate"), "{told}");
    }
}

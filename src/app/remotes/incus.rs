//! The remotes of Incus's own client: what `incus remote add` writes.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Entry, settings};

/// The part of `config.yml` that lists remotes.
#[derive(Debug, Deserialize)]
struct Settings {
    #[serde(default)]
    remotes: BTreeMap<String, Listed>,
}

/// A remote; most of them are servers of images.
#[derive(Debug, Deserialize)]
struct Listed {
    #[serde(default)]
    addr: String,
    #[serde(default)]
    protocol: String,
    #[serde(default)]
    public: bool,
    project: Option<String>,
}

/// The folder of Incus's client.
pub(super) fn folder() -> Option<PathBuf> {
    let named = std::env::var_os("INCUS_CONF").map(PathBuf::from);
    named.or_else(|| Some(settings()?.join("incus")))
}

/// The engines that it lists; none if there is no file.
///
/// # Errors
/// A human-readable problem with the file.
pub(super) fn read(folder: &Path) -> Result<BTreeMap<String, Entry>, String> {
    let file = folder.join("config.yml");
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(format!("could not read `{}`: {error}", file.display())),
    };
    let settings: Settings = serde_saphyr::from_str(&text)
        .map_err(|error| format!("`{}` is not Incus's: {error}", file.display()))?;
    let engines = settings.remotes.into_iter().filter(|(_, listed)| {
        listed.addr.starts_with("https://")
            && !listed.public
            && ["", "incus", "lxd"].contains(&listed.protocol.as_str())
    });
    let entry = |(name, listed): (String, Listed)| {
        let entry = Entry {
            address: listed.addr,
            certificate: folder.join("servercerts").join(format!("{name}.crt")),
            client_certificate: folder.join("client.crt"),
            client_key: folder.join("client.key"),
            project: listed.project,
            pool: None,
        };
        (name, entry)
    };
    Ok(engines.map(entry).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Incus 6.0.4 writes it.
    const TEXT: &str = "\
default-remote: local
remotes:
  images:
    addr: https://images.example
    protocol: simplestreams
    public: true
  lab:
    addr: https://10.0.0.2:8443
    auth_type: tls
    project: default
    protocol: incus
    public: false
  local:
    addr: unix://
    public: false
aliases: {}
";

    #[test]
    fn only_engines_elsewhere_are_read() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(read(folder.path()).expect("no file").is_empty());
        std::fs::write(folder.path().join("config.yml"), TEXT).expect("a file");
        let all = read(folder.path()).expect("remotes");
        assert_eq!(all.keys().collect::<Vec<_>>(), ["lab"]);
        let lab = &all["lab"];
        assert_eq!(lab.address, "https://10.0.0.2:8443");
        assert_eq!(lab.certificate, folder.path().join("servercerts/lab.crt"));
        assert_eq!(lab.client_key, folder.path().join("client.key"));
        std::fs::write(folder.path().join("config.yml"), "remotes: 1\n").expect("a file");
        read(folder.path()).expect_err("no list of remotes");
    }
}

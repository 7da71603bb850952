//! The machine's own Debian mirror, as apt's configuration names it.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

/// Addresses of a Debian archive.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Mirror {
    /// The main archive; `None` for the builder's default.
    pub(super) archive: Option<String>,
    /// Security updates of released suites.
    pub(super) security: Option<String>,
}

/// A suite of a Debian archive, as apt requests it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Archive {
    /// Its address.
    pub url: String,
    /// Such as `trixie` or `trixie-security`.
    pub suite: String,
}

impl Archive {
    /// The address of its release file.
    pub fn release_file(&self) -> String {
        format!("{}/dists/{}/InRelease", self.url, self.suite)
    }
}

/// The archives for an image of `suite`, unless the matrix names another mirror; empty if
/// only the builder knows them.
pub fn archives(suite: &str) -> Vec<Archive> {
    let lines = machine_mirror().sources(suite);
    let archive = |line: &String| {
        let mut words = line.split_whitespace().skip(1).map(str::to_owned);
        Some(Archive {
            url: words.next()?,
            suite: words.next()?,
        })
    };
    lines.iter().filter_map(archive).collect()
}

/// Suites with a security archive: those that Debian has released.
const RELEASED: [&str; 4] = ["bullseye", "bookworm", "trixie", "stable"];

impl Mirror {
    /// The lines of a `sources.list` for `suite`; empty for the builder's default.
    pub(super) fn sources(&self, suite: &str) -> Vec<String> {
        let Some(archive) = &self.archive else {
            return Vec::new();
        };
        let mut lines = vec![format!("deb {archive} {suite} main")];
        if let Some(security) = &self.security
            && RELEASED.contains(&suite)
        {
            lines.push(format!("deb {security} {suite}-security main"));
        }
        lines
    }
}

/// The mirror that apt on this machine uses, if the machine runs Debian.
pub(super) fn machine_mirror() -> &'static Mirror {
    static FOUND: OnceLock<Mirror> = OnceLock::new();
    FOUND.get_or_init(read_machine_mirror)
}

fn read_machine_mirror() -> Mirror {
    let mut mirror = Mirror::default();
    if super_os_id().as_deref() != Some("debian") {
        return mirror;
    }
    let mut texts = vec![(
        fs::read_to_string("/etc/apt/sources.list").unwrap_or_default(),
        false,
    )];
    let folder = fs::read_dir("/etc/apt/sources.list.d")
        .into_iter()
        .flatten()
        .flatten();
    let mut files: Vec<_> = folder.map(|entry| entry.path()).collect();
    files.sort();
    for path in files {
        let ending = path.extension().and_then(|ending| ending.to_str());
        if let Some(ending @ ("list" | "sources")) = ending {
            let text = fs::read_to_string(&path).unwrap_or_default();
            texts.push((text, ending == "sources"));
        }
    }
    for (text, is_deb822) in texts {
        let entries = if is_deb822 {
            read_deb822(&text)
        } else {
            read_lines(&text)
        };
        for entry in entries {
            entry.note_in(&mut mirror);
        }
    }
    mirror
}

/// Whether apt on this machine rejects an archive whose `Valid-Until` is past.
pub fn machine_checks_dates() -> bool {
    static FOUND: OnceLock<bool> = OnceLock::new();
    *FOUND.get_or_init(ask_apt_for_dates)
}

fn ask_apt_for_dates() -> bool {
    let output = Command::new("apt-config")
        .args(["dump", "Acquire::Check-Valid-Until"])
        .output();
    let text = output.map(|output| output.stdout).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).to_lowercase();
    !(text.contains("\"false\"") || text.contains("\"0\"") || text.contains("\"no\""))
}

/// A source of packages, as its file names it.
pub struct Entry {
    uris: Vec<String>,
    suites: Vec<String>,
    components: Vec<String>,
}

impl Entry {
    /// Uses the addresses if this is Debian's own archive: some vendors name their suites
    /// after Debian's, but none has a component `main` with a path that ends in `debian`.
    fn note_in(&self, mirror: &mut Mirror) {
        let Some(uri) = self.uris.iter().find(|uri| uri.starts_with("http")) else {
            return;
        };
        let uri = uri.trim_end_matches('/');
        if !self.components.iter().any(|component| component == "main") {
            return;
        }
        let security = self.suites.iter().any(|suite| suite.ends_with("-security"));
        if security && mirror.security.is_none() {
            mirror.security = Some(uri.to_owned());
        }
        if !security && uri.ends_with("debian") && mirror.archive.is_none() {
            mirror.archive = Some(uri.to_owned());
        }
    }
}

fn split_words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// One-line style: `deb [options] uri suite component…` (sources.list(5)).
pub fn read_lines(text: &str) -> Vec<Entry> {
    let lines = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("deb "));
    lines
        .filter_map(|line| {
            let rest = match line.trim().strip_prefix('[') {
                Some(rest) => rest.split_once(']')?.1,
                None => line,
            };
            let mut words = split_words(rest).into_iter();
            Some(Entry {
                uris: vec![words.next()?],
                suites: vec![words.next()?],
                components: words.collect(),
            })
        })
        .collect()
}

/// deb822 style: stanzas of fields (sources.list(5)).
pub fn read_deb822(text: &str) -> Vec<Entry> {
    let plain: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    plain
        .split(|line| line.trim().is_empty())
        .filter_map(|stanza| {
            let field = |name: &str| {
                let found = stanza.iter().find_map(|line| {
                    let (key, value) = line.split_once(':')?;
                    key.eq_ignore_ascii_case(name).then_some(value)
                });
                split_words(found.unwrap_or_default())
            };
            let enabled = !field("enabled").iter().any(|value| value == "no");
            let binary = field("types").iter().any(|kind| kind == "deb");
            (enabled && binary).then(|| Entry {
                uris: field("uris"),
                suites: field("suites"),
                components: field("components"),
            })
        })
        .collect()
}

fn super_os_id() -> Option<String> {
    let text = fs::read_to_string(Path::new("/etc/os-release")).ok()?;
    let id = text.lines().find_map(|line| line.strip_prefix("ID="))?;
    Some(id.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(entries: Vec<Entry>) -> Mirror {
        let mut mirror = Mirror::default();
        entries.iter().for_each(|entry| entry.note_in(&mut mirror));
        mirror
    }

    #[test]
    fn both_styles_of_sources_are_read() {
        let lines = "# mine\ndeb [arch=amd64 signed-by=/k] http://a.test/debian/ bookworm main\n\
                     deb http://s.test/debian-security bookworm-security main\n";
        let stanzas = "Types: deb\nURIs: http://a.test/debian\nSuites: bookworm bookworm-updates\n\
                       Components: main\n\nTypes: deb\nURIs: http://s.test/debian-security\n\
                       Suites: bookworm-security\nComponents: main contrib\n";
        let expected = Mirror {
            archive: Some("http://a.test/debian".to_owned()),
            security: Some("http://s.test/debian-security".to_owned()),
        };
        assert_eq!(noted(read_lines(lines)), expected);
        assert_eq!(noted(read_deb822(stanzas)), expected);
    }

    #[test]
    fn a_vendor_or_a_disabled_source_is_no_mirror() {
        let vendor =
            "deb http://vendor.test/apt bookworm main\ndeb-src http://a.test/debian sid main\n";
        assert_eq!(noted(read_lines(vendor)), Mirror::default());
        let off =
            "Enabled: no\nTypes: deb\nURIs: http://a.test/debian\nSuites: sid\nComponents: main\n";
        assert_eq!(noted(read_deb822(off)), Mirror::default());
    }

    #[test]
    fn only_released_suites_have_security_updates() {
        let mirror = Mirror {
            archive: Some("http://a.test/debian".to_owned()),
            security: Some("http://s.test/debian-security".to_owned()),
        };
        assert_eq!(mirror.sources("sid").len(), 1);
        assert_eq!(mirror.sources("bookworm").len(), 2);
        assert!(Mirror::default().sources("bookworm").is_empty());
    }
}

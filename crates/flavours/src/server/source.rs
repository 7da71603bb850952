//! Checks whether the source of a server is reachable, before a container is created
//! for it.
//!
//! The nest checks, since its children use the same path. A negative answer is cached for
//! some minutes, for flavours that are not required: otherwise an unreachable repository
//! would cost every run seconds.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use dbmatrix_containers::image::{fetch_failure, is_answer};
use dbmatrix_containers::nest::Nest;
use dbmatrix_engine::Exec;
use serde::{Deserialize, Serialize};

use super::ServerError;
use super::spec::{Installation, KeySource, Proof, ServerSpec, TarballSource};

/// How long an answer is cached.
const KEPT: Duration = Duration::from_secs(600);
/// Time limit of the check.
const LIMIT: Duration = Duration::from_secs(20);

/// Fetches a release file and discards it. A server that answers at all is reachable,
/// whatever it says: apt then reports the problem in the flavour's own container.
const LOOK: &str = r#"
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
LC_ALL=C RES_OPTIONS='timeout:1 attempts:3' /usr/lib/apt/apt-helper \
    -o Acquire::Retries=0 -o Acquire::http::Timeout=5 -o Acquire::https::Timeout=5 \
    download-file "$URL" "$folder/file" 2>&1 || echo "unreached"
"#;

/// Which answers are acceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// A recent one.
    Lately,
    /// A new one.
    Now,
}

/// Checks that the source of a server is reachable from a nest.
///
/// # Errors
/// [`ServerError::Unreachable`], which names it; also as of the engine.
pub async fn check_source(nest: &Nest, spec: &ServerSpec, ask: Ask) -> Result<(), ServerError> {
    let probes = probes(&spec.installation);
    if probes.is_empty() {
        return Ok(());
    }
    if ask == Ask::Lately
        && let Some(unreached) = Kept::read(nest).await?.find(&probes, SystemTime::now())
    {
        return Err(unreached);
    }
    for probe in &probes {
        if let Some(reason) = look(nest, &probe.file).await? {
            let mut kept = Kept::read(nest).await?;
            kept.note(&probe.source, &reason, SystemTime::now());
            let noted = serde_json::to_string(&kept).unwrap_or_default();
            nest.note_unreached(&noted).await?;
            return Err(probe.unreached(reason));
        }
    }
    Ok(())
}

/// A server that an installation may need, its vendor's or that of the signing key, and a small
/// file there: who gets an answer about the file reaches the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceHost {
    /// Its scheme and name, such as `https://repo.percona.com`.
    pub host: String,
    /// The address of the file.
    pub file: String,
    /// Whether the server cannot be installed without this file.
    pub is_needed: bool,
}

impl Installation {
    /// The servers of its vendor; none if it needs only the image's mirror or local files.
    pub fn hosts(&self) -> Vec<SourceHost> {
        let is_needed = match self {
            Installation::Packages(packages) => !packages.only_if_missing,
            // Where a tarball's checksum is known, it needs no signature; it may be at
            // another of its addresses.
            Installation::Tarball(_) => false,
        };
        let probes = sources(self).into_iter();
        let hosts = probes.map(|probe| SourceHost {
            host: host_of(&probe.file),
            file: probe.file,
            is_needed,
        });
        hosts.collect()
    }

    /// Whether it needs those servers only if the image's own mirror lacks the release.
    pub fn may_be_in_image(&self) -> bool {
        matches!(self, Installation::Packages(packages) if packages.only_if_missing)
    }
}

/// A small file whose address shows whether a source is reached.
struct Probe {
    /// The source, by which the answer is cached.
    source: String,
    file: String,
    /// Whether it is the key that signs the source.
    is_key: bool,
}

impl Probe {
    fn of_key(key: &KeySource) -> Option<Self> {
        match key {
            KeySource::Url(url) => Some(Probe {
                source: url.clone(),
                file: url.clone(),
                is_key: true,
            }),
            KeySource::File(_) => None,
        }
    }

    fn unreached(&self, reason: String) -> ServerError {
        let url = self.source.clone();
        match self.is_key {
            true => ServerError::UnreachableKey { url, reason },
            false => ServerError::Unreachable { url, reason },
        }
    }
}

/// What to ask for before a container is made.
fn probes(installation: &Installation) -> Vec<Probe> {
    match installation.may_be_in_image() {
        // Whether the repository is needed shows only in the child.
        true => Vec::new(),
        false => sources(installation),
    }
}

/// The sources of an installation beside the image's mirror and local files.
fn sources(installation: &Installation) -> Vec<Probe> {
    match installation {
        Installation::Packages(packages) => {
            let repository = packages.repository.iter();
            let each = repository.flat_map(|repository| {
                let archives = repository.urls.iter().map(|url| Probe {
                    source: url.clone(),
                    file: release_file(url, &repository.suite),
                    is_key: false,
                });
                archives.chain(Probe::of_key(&repository.key))
            });
            each.collect()
        }
        Installation::Tarball(tarball) => match &tarball.source {
            // Other addresses of a tarball are of the same host. A vendor that has no
            // signature there still answers.
            TarballSource::Url { urls, proof } => {
                let first = urls.first().into_iter();
                let probe = first.map(|url| Probe {
                    source: host_of(url),
                    file: format!("{url}.asc"),
                    is_key: false,
                });
                let key = match proof {
                    Proof::Signature { key, .. } => Probe::of_key(key),
                    Proof::Checksum(_) => None,
                };
                probe.chain(key).collect()
            }
            TarballSource::File { .. } => Vec::new(),
        },
    }
}

/// The scheme and the host of an address.
fn host_of(url: &str) -> String {
    let parts: Vec<&str> = url.splitn(4, '/').take(3).collect();
    parts.join("/")
}

/// The URL of a repository's release file; a suite that ends in `/` is a path
/// (sources.list(5)).
fn release_file(url: &str, suite: &str) -> String {
    let url = url.trim_end_matches('/');
    match suite.strip_suffix('/') {
        Some(path) => format!("{url}/{path}/InRelease"),
        None => format!("{url}/dists/{suite}/InRelease"),
    }
}

/// Why an address does not answer; `None` if it does.
async fn look(nest: &Nest, url: &str) -> Result<Option<String>, ServerError> {
    let exec = Exec::script(LOOK).env("URL", url).limit(LIMIT);
    let output = nest.host.exec(&nest.name, &exec).await?;
    Ok(unreached(&output.stdout, url))
}

/// apt's message about a host that does not answer.
fn unreached(output: &str, url: &str) -> Option<String> {
    let failed = output.lines().any(|line| line == "unreached");
    let reason = fetch_failure(output, url);
    (failed && !is_answer(&reason)).then_some(reason)
}

/// Cached answers by address, which are stored with the nest.
#[derive(Default, Serialize, Deserialize)]
struct Kept(BTreeMap<String, Entry>);

#[derive(Serialize, Deserialize)]
struct Entry {
    /// Seconds since 1970.
    at: u64,
    reason: String,
}

impl Kept {
    async fn read(nest: &Nest) -> Result<Self, ServerError> {
        let noted = nest.unreached().await?;
        Ok(serde_json::from_str(&noted).unwrap_or_default())
    }

    /// A source that is known to be unreachable.
    fn find(&self, probes: &[Probe], now: SystemTime) -> Option<ServerError> {
        probes.iter().find_map(|probe| {
            let entry = self.0.get(&probe.source)?;
            let age = age(entry, now).filter(|age| *age < KEPT)?;
            let left = KEPT.saturating_sub(age);
            Some(probe.unreached(format!(
                "{} (found out {} ago; dbmatrix looks again in {}, or at once with `--strict`)",
                entry.reason,
                rough(age),
                rough(left)
            )))
        })
    }

    fn note(&mut self, url: &str, reason: &str, now: SystemTime) {
        self.0
            .retain(|_, entry| age(entry, now).is_some_and(|age| age < KEPT));
        let at = now.duration_since(SystemTime::UNIX_EPOCH);
        let entry = Entry {
            at: at.unwrap_or_default().as_secs(),
            reason: reason.to_owned(),
        };
        self.0.insert(url.to_owned(), entry);
    }
}

fn age(entry: &Entry, now: SystemTime) -> Option<Duration> {
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(entry.at);
    now.duration_since(at).ok()
}

/// A time in whole minutes, or in seconds below one.
fn rough(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds => format!("{} min", seconds / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::{Algorithm, Checksum, Tarball};

    fn probe(source: &str) -> Vec<Probe> {
        vec![Probe {
            source: source.to_owned(),
            file: String::new(),
            is_key: false,
        }]
    }

    #[test]
    fn a_tarball_is_asked_for_by_its_signature() {
        let checksum = Checksum::new(Algorithm::Md5, &"0".repeat(32)).expect("a checksum");
        let urls = ["https://a.test/old/x.tar.xz", "https://a.test/new/x.tar.xz"];
        let installation = Installation::Tarball(Tarball {
            source: TarballSource::Url {
                urls: urls.map(str::to_owned).to_vec(),
                proof: Proof::Checksum(checksum),
            },
            packages: Vec::new(),
        });
        let probes = probes(&installation);
        let [probe] = probes.as_slice() else {
            panic!("one probe");
        };
        assert_eq!(probe.source, "https://a.test");
        assert_eq!(probe.file, "https://a.test/old/x.tar.xz.asc");
        let hosts = installation.hosts();
        assert_eq!(hosts.len(), 1);
        assert_eq!(
            (&hosts[0].host, &hosts[0].file),
            (&probe.source, &probe.file)
        );
    }

    #[test]
    fn a_key_at_an_address_is_asked_for_too_and_named_as_what_it_is() {
        let signed_by = |key: KeySource| {
            Installation::Tarball(Tarball {
                source: TarballSource::Url {
                    urls: vec!["https://a.test/x.tar.xz".to_owned()],
                    proof: Proof::Signature {
                        key,
                        fingerprints: Vec::new(),
                    },
                },
                packages: Vec::new(),
            })
        };
        let at_an_address = signed_by(KeySource::Url("https://b.test/key".to_owned()));
        let probes_of_it = probes(&at_an_address);
        assert_eq!(probes_of_it.len(), 2);
        insta::assert_snapshot!(probes_of_it[1].unreached("no route".to_owned()), @"signing key `https://b.test/key` is not reached from here: no route; give it as a file: `key` of `[[mirror]]` or `repository` in a matrix, or `--key` of `connect`");
        let in_a_file = signed_by(KeySource::File("key.asc".into()));
        assert_eq!(probes(&in_a_file).len(), 1);
    }

    #[test]
    fn a_release_file_is_below_the_suite() {
        assert_eq!(
            release_file("http://a.test/apt/", "bookworm"),
            "http://a.test/apt/dists/bookworm/InRelease"
        );
        assert_eq!(
            release_file("http://a.test", "./"),
            "http://a.test/./InRelease"
        );
    }

    #[test]
    fn a_host_that_answers_is_reached_whatever_it_says() {
        let url = "http://a.test/dists/x/InRelease";
        let failed = |why: &str| format!("E: Failed to fetch {url}  {why}\nunreached\n");
        let gone = failed("Could not resolve 'a.test'");
        assert_eq!(
            unreached(&gone, url).as_deref(),
            Some("Could not resolve 'a.test'")
        );
        assert_eq!(
            unreached(&failed("404  Not Found [IP: 192.0.2.1 80]"), url),
            None
        );
        assert_eq!(unreached("", url), None);
    }

    #[test]
    fn an_answer_is_kept_for_some_minutes() {
        let mut kept = Kept::default();
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        kept.note("http://a.test", "no route", then);
        let (here, other) = (probe("http://a.test"), probe("http://b.test"));
        let told = kept
            .find(&here, then + Duration::from_secs(125))
            .expect("an answer");
        insta::assert_snapshot!(told, @"repository `http://a.test` is not reached from here: no route (found out 2 min ago; dbmatrix looks again in 7 min, or at once with `--strict`)");
        assert!(kept.find(&other, then).is_none());
        assert!(kept.find(&here, then + KEPT).is_none());
        // A clock that was set back.
        assert!(kept.find(&here, then - Duration::from_secs(1)).is_none());
        kept.note("http://b.test", "no route", then + KEPT);
        assert_eq!(kept.0.len(), 1);
    }
}

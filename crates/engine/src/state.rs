//! The state of a container: when it started, and its network interfaces.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::Deserialize;

use super::transport::escaped;
use super::{Engine, EngineError, Instance};

/// A running container's current state in the engine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct InstanceState {
    /// Reported by Incus since 6.4, in RFC 3339.
    #[serde(default)]
    started_at: String,
    /// Interfaces by name; `null` if it does not run.
    #[serde(default)]
    network: Option<BTreeMap<String, InterfaceState>>,
}

/// An interface of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
struct InterfaceState {
    /// The other end, beside the engine; empty for interfaces that have none.
    #[serde(default)]
    host_name: String,
}

impl InstanceState {
    /// The engine's end of an interface of the container, such as `veth1f2e3d4c`.
    pub fn host_interface(&self, interface: &str) -> Option<&str> {
        let found = self.network.as_ref()?.get(interface)?;
        Some(found.host_name.as_str()).filter(|name| !name.is_empty())
    }

    /// When its first process started, if the engine reports it.
    pub fn started(&self) -> Option<SystemTime> {
        read_time(&self.started_at)
    }
}

impl Instance {
    /// When it was last started. Pausing and resuming do not count.
    pub fn last_started(&self) -> Option<SystemTime> {
        read_time(&self.last_used_at)
    }
}

/// Parses a time of the engine; it uses one before 1980 for events that never happened.
fn read_time(text: &str) -> Option<SystemTime> {
    const NEVER: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
    let time = humantime::parse_rfc3339(text).ok()?;
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    (since > NEVER).then_some(time)
}

impl Engine {
    /// The state of a container; `None` if it does not exist.
    ///
    /// # Errors
    /// As any request.
    pub async fn instance_state(&self, name: &str) -> Result<Option<InstanceState>, EngineError> {
        let what = format!("look at the state of container `{name}`");
        let path = format!("/1.0/instances/{}/state", escaped(name));
        self.find(&what, &path).await
    }

    /// How many snapshots a container has; 0 if it does not exist.
    ///
    /// # Errors
    /// As any request.
    pub async fn snapshot_count(&self, name: &str) -> Result<usize, EngineError> {
        let what = format!("list the snapshots of container `{name}`");
        let path = format!("/1.0/instances/{}/snapshots", escaped(name));
        let found: Option<Vec<String>> = self.find(&what, &path).await?;
        Ok(found.map_or(0, |snapshots| snapshots.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(json: &str) -> InstanceState {
        serde_json::from_str(json).expect("a state of this test")
    }

    #[test]
    fn a_start_that_never_was_is_not_told() {
        let started = |time: &str| state(&format!(r#"{{"started_at":"{time}"}}"#)).started();
        assert!(started("2026-11-24T09:53:18.753965838Z").is_some());
        assert_eq!(started("0001-01-01T00:00:00Z"), None);
        assert_eq!(started("1970-01-01T00:00:00Z"), None);
        assert_eq!(state("{}").started(), None);
    }

    #[test]
    fn the_other_end_of_an_interface_is_found() {
        let running = state(
            r#"{"network":{"eth0":{"host_name":"veth1","state":"up"},"lo":{"host_name":""}}}"#,
        );
        assert_eq!(running.host_interface("eth0"), Some("veth1"));
        assert_eq!(running.host_interface("lo"), None);
        assert_eq!(state(r#"{"network":null}"#).host_interface("eth0"), None);
    }
}

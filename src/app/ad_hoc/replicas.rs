//! The replicas of a server without a matrix, as the command line names them.

use super::known;
use crate::app::Failure;

/// Replicas by their servers, in the order of their numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ReplicaGroups(Vec<ReplicaGroup>);

/// Replicas that are alike.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ReplicaGroup {
    /// `None` if their server is that of their source.
    server: Option<String>,
    count: u32,
}

impl ReplicaGroups {
    /// Reads `--replicas` and `--replica-server`: so many of one server, or one of each.
    ///
    /// # Errors
    /// If the two contradict each other.
    pub(crate) fn read(count: Option<u32>, servers: &[String]) -> Result<Self, Failure> {
        let group = |server: Option<&String>, count| ReplicaGroup {
            server: server.cloned(),
            count,
        };
        let several = u32::try_from(servers.len()).unwrap_or(u32::MAX);
        let groups = match (count, servers) {
            (None, []) => Vec::new(),
            (Some(count), []) => vec![group(None, count)],
            (count, [server]) => vec![group(Some(server), count.unwrap_or(1))],
            (Some(count), _) if count != several => {
                return Err(Failure::misused(format!(
                    "`--replicas {count}` and {several} of `--replica-server` contradict each other: several are a replica each; leave `--replicas` out"
                )));
            }
            (_, servers) => servers.iter().map(|one| group(Some(one), 1)).collect(),
        };
        Ok(ReplicaGroups(groups))
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The line of a matrix that names them; empty without replicas.
    pub(super) fn key(&self) -> Result<String, Failure> {
        let mut groups = Vec::new();
        for ReplicaGroup { server, count } in &self.0 {
            groups.push(match server {
                None => format!("{{ count = {count} }}"),
                Some(server) => format!("{{ server = '{}', count = {count} }}", known(server)?),
            });
        }
        Ok(match groups.is_empty() {
            true => String::new(),
            false => format!("replicas = [{}]\n", groups.join(", ")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(count: Option<u32>, servers: &[&str]) -> Result<String, String> {
        let servers: Vec<String> = servers.iter().map(|name| (*name).to_owned()).collect();
        let groups = ReplicaGroups::read(count, &servers);
        let key = groups.and_then(|groups| groups.key());
        key.map_err(|failure| failure.message)
    }

    #[test]
    fn a_count_and_servers_name_the_replicas() {
        for (count, servers, expected) in [
            (None, &[][..], ""),
            (Some(2), &[], "replicas = [{ count = 2 }]\n"),
            (
                None,
                &["mariadb:11.8"],
                "replicas = [{ server = 'mariadb:11.8', count = 1 }]\n",
            ),
            (
                Some(3),
                &["mariadb:11.8"],
                "replicas = [{ server = 'mariadb:11.8', count = 3 }]\n",
            ),
            (
                Some(2),
                &["mariadb:11.8", "mariadb:10.11"],
                "replicas = [{ server = 'mariadb:11.8', count = 1 }, { server = 'mariadb:10.11', count = 1 }]\n",
            ),
        ] {
            assert_eq!(key(count, servers).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn servers_that_are_not_as_many_as_counted_are_refused() {
        let told = key(Some(3), &["mariadb:11.8", "mariadb:10.11"]).expect_err("an error");
        assert!(told.starts_with("`--replicas 3` and 2 of"), "{told}");
        let told = key(None, &["mariadb:1.0"]).expect_err("an error");
        assert!(told.contains("the catalogue has no"), "{told}");
    }
}

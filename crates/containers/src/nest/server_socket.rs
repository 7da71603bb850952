//! Sockets of the host that lead to a child's server: proxy devices of the nest's container,
//! made on demand. They need no process of dbmatrix, and last until the nest stops.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use dbmatrix_engine::{Config, Engine, EngineError, Exec, Instance, config};
use dbmatrix_platform::user;

use super::outer::succeed;
use super::socket::remove_stale_socket;
use super::{Access, Nest, NestError};
use crate::host::{make_run_folder, run_folder};
use crate::name;

const PREFIX: &str = "dbmatrix-server-";

/// A proxy connects from the nest's own address, from which servers accept no login where
/// children are reached by a route. They see the host's address instead, as always.
const SHOW_AS_HOST: &str = r#"
nft -f - << END
table ip dbmatrix
delete table ip dbmatrix
table ip dbmatrix {
    chain sockets {
        type nat hook postrouting priority srcnat; policy accept;
        ip saddr $GATEWAY ip daddr $SUBNET tcp dport $PORT snat to $CLIENT
    }
}
END
"#;

impl Nest {
    /// The socket that leads to the child at this address, if it was made.
    ///
    /// # Errors
    /// As of the host's engine.
    pub async fn server_socket(&self, child: Ipv4Addr) -> Result<Option<PathBuf>, NestError> {
        let found = self.host.instance(&self.name).await?;
        let device = found.and_then(|mut nest| nest.devices.remove(&device_name(child)));
        Ok(device.as_ref().and_then(path_of))
    }

    /// Makes the socket that leads to `port` of the child at this address; replaces one
    /// whose process has ended, or whose folder is gone.
    ///
    /// # Errors
    /// As of the host's engine; a nest without `nft`, or a kernel without address
    /// translation.
    pub async fn make_server_socket(
        &self,
        child: Ipv4Addr,
        port: u16,
    ) -> Result<PathBuf, NestError> {
        if self.access == Access::Route {
            let show = Exec::script(SHOW_AS_HOST)
                .env("GATEWAY", &self.gateway().to_string())
                .env("SUBNET", &self.subnet.to_string())
                .env("PORT", &port.to_string())
                .env("CLIENT", &self.client().await?.to_string());
            let step = "let a socket's connections come from the host's address";
            succeed(&self.host, &self.name, step, &show).await?;
        }
        make_run_folder().map_err(|source| NestError::File {
            step: "make the run folder",
            source,
        })?;
        self.remove_server_socket(child).await?;
        let project = self.host.project_name().unwrap_or_default();
        let path = run_folder().join(name::server_socket(project, &self.name, child));
        remove_stale_socket(&path);
        let device = device(&path, child, port);
        let name = device_name(child);
        self.host
            .set_device(&self.name, &name, Some(&device))
            .await?;
        Ok(path)
    }

    /// Removes the socket that leads to the child at this address, if there is one.
    ///
    /// # Errors
    /// As of the host's engine.
    pub async fn remove_server_socket(&self, child: Ipv4Addr) -> Result<(), NestError> {
        if let Some(nest) = self.host.instance(&self.name).await? {
            remove(&self.host, &nest, |to| to == child).await?;
        }
        Ok(())
    }

    /// Removes those that lead to none of `children`.
    pub(super) async fn keep_server_sockets(
        &self,
        children: &[Ipv4Addr],
    ) -> Result<(), EngineError> {
        match self.host.instance(&self.name).await? {
            Some(nest) => remove(&self.host, &nest, |to| !children.contains(&to)).await,
            None => Ok(()),
        }
    }
}

/// Removes all of a stopped nest: it would not start where a file is left of one, or where
/// the folder is gone.
pub(super) async fn remove_all(host: &Engine, nest: &Instance) -> Result<(), EngineError> {
    remove(host, nest, |_| true).await
}

/// The sockets of a nest that lead to children's servers.
pub(super) fn server_sockets(nest: &Instance) -> Vec<PathBuf> {
    let devices = nest.devices.iter();
    let own = devices.filter(|(name, _)| name.starts_with(PREFIX));
    own.filter_map(|(_, device)| path_of(device)).collect()
}

async fn remove(
    host: &Engine,
    nest: &Instance,
    goes: impl Fn(Ipv4Addr) -> bool,
) -> Result<(), EngineError> {
    for (name, device) in &nest.devices {
        if child_of(name).is_some_and(&goes) {
            host.set_device(&nest.name, name, None).await?;
            if let Some(path) = path_of(device) {
                remove_stale_socket(&path);
            }
        }
    }
    Ok(())
}

fn device_name(child: Ipv4Addr) -> String {
    format!("{PREFIX}{}", child.to_string().replace('.', "-"))
}

/// The address of the child that a device leads to.
fn child_of(device: &str) -> Option<Ipv4Addr> {
    let address = device.strip_prefix(PREFIX)?.replace('-', ".");
    address.parse().ok()
}

fn path_of(device: &Config) -> Option<PathBuf> {
    device.get("listen")?.strip_prefix("unix:").map(Into::into)
}

/// Everybody may connect, as to the server's port: the password counts.
fn device(path: &Path, child: Ipv4Addr, port: u16) -> Config {
    config([
        ("type", "proxy"),
        ("bind", "host"),
        ("listen", &format!("unix:{}", path.display())),
        ("connect", &format!("tcp:{child}:{port}")),
        ("mode", "0666"),
        ("uid", &user::id().to_string()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_says_which_child_it_leads_to() {
        let child = Ipv4Addr::new(10, 1, 2, 10);
        let path = Path::new("/run/dbmatrix/p.n.10-1-2-10.socket");
        let nest: Instance = serde_json::from_value(serde_json::json!({
            "name": "n",
            "status": "Running",
            "config": {},
            "devices": {
                "eth0": { "type": "nic" },
                "dbmatrix-engine": { "type": "proxy", "listen": "unix:/run/other.socket" },
                device_name(child): device(path, child, 3306),
            },
        }))
        .expect("a container");
        assert_eq!(child_of(&device_name(child)), Some(child));
        assert_eq!(child_of("dbmatrix-engine"), None);
        assert_eq!(server_sockets(&nest), [path]);
    }
}

//! Removes what is unused.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use dbmatrix_engine::{Engine, Instance};

use super::info::ContainerKind;
use super::outer::{is_ready, read_key};
use super::removal::Meant;
use super::{Nest, NestError, apt, disk_usage, key};

/// A setting of Incus and LXD: the image that a container was made from.
pub(super) const BASE: &str = "volatile.base_image";

/// Something unused.
#[derive(Debug, Clone)]
pub struct Pruned {
    /// Human-readable, such as `golden child of mysql:9.7`.
    pub what: String,
    /// Bytes on the disk that only it used; unknown for an image.
    pub disk: Option<u64>,
}

/// Whether unused things are removed or only reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pruning {
    /// Remove them.
    Remove,
    /// Keep them.
    Tell,
}

/// Removes from a nest the golden children that no flavour's child came from and whose
/// key is not `wanted`, incomplete containers, images that no container was made from,
/// and downloaded packages. No other process may use the nest.
///
/// # Errors
/// As of the engines.
pub async fn prune(
    host: &Engine,
    nest: &Nest,
    wanted: &[String],
    pruning: Pruning,
) -> Result<Vec<Pruned>, NestError> {
    let engine = &nest.engine;
    let mut children = engine.instances().await?;
    children.retain(|child| child.config.contains_key(key::OWNER));
    let sizes = disk_usage(host, &nest.name).await?;
    let mut used: BTreeSet<&str> = wanted.iter().map(String::as_str).collect();
    let flavours = children
        .iter()
        .filter(|child| matches!(ContainerKind::of_child(child), ContainerKind::Flavour(_)));
    used.extend(flavours.filter_map(|child| child.config.get(key::KEY).map(String::as_str)));
    let (gone, left): (Vec<&Instance>, Vec<&Instance>) = children
        .iter()
        .partition(|child| title(child, &used).is_some());
    let mut pruned = Vec::new();
    for child in gone {
        if pruning == Pruning::Remove {
            engine.destroy_instance(&child.name).await?;
        }
        pruned.push(Pruned {
            what: title(child, &used).unwrap_or_default(),
            disk: sizes.get(&child.name).copied(),
        });
    }
    let bases: BTreeSet<&String> = left
        .iter()
        .filter_map(|child| child.config.get(BASE))
        .collect();
    for image in engine.images().await? {
        if bases.contains(&image.fingerprint) {
            continue;
        }
        if pruning == Pruning::Remove {
            engine.delete_image(&image.fingerprint).await?;
        }
        let title = image.properties.get("description");
        pruned.push(Pruned {
            what: format!("image `{}`", title.unwrap_or(&image.fingerprint)),
            disk: None,
        });
    }
    if pruning == Pruning::Remove {
        let addresses = left.iter().map(|child| read_key(child, key::ADDRESS));
        let addresses: Vec<Ipv4Addr> = addresses.flatten().collect();
        nest.keep_server_sockets(&addresses).await?;
        apt::clear(engine).await?;
    }
    Ok(pruned)
}

/// The description of a child, if it is unused.
fn title(child: &Instance, used: &BTreeSet<&str>) -> Option<String> {
    let text = |key: &str| child.config.get(key).map_or("", String::as_str);
    if !is_ready(child) {
        return Some(format!("incomplete container `{}`", child.name));
    }
    if used.contains(text(key::KEY)) {
        return None;
    }
    let (server, version) = (text(key::SERVER), text(key::VERSION));
    match ContainerKind::of_child(child) {
        // A container that a user copied has its keys under another name.
        ContainerKind::Golden if !Meant::Golden(text(key::KEY)).is(child) => None,
        ContainerKind::Standby if !Meant::FlavoursOwn.is(child) => None,
        ContainerKind::Golden => Some(format!("golden child of {server} ({version})")),
        ContainerKind::Standby => Some(format!("copy made ahead of {server} ({version})")),
        ContainerKind::Nest | ContainerKind::Flavour(_) | ContainerKind::Other => None,
    }
}

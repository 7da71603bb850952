//! Makes a nest and its golden children from a file.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use dbmatrix_engine::{Devices, Engine, EngineError, Exec, FileMode, ImageSource, config};
use futures_util::future::try_join_all;
use tokio::io::sink;

use super::error::CacheError;
use super::file::{CacheFile, PackedChild};
use super::owners::noted_owners;
use super::pipe::{in_container, pipe};
use crate::image::{ImageOrigin, has_image, image_metadata};
use crate::nest::golden::is_golden;
use crate::nest::import::RESOLVER;
use crate::nest::outer::succeed;
use crate::nest::{Children, Nest, NestError, key, nest_image};

/// Unpacks its input over what is there. Nothing at all and half an archive are errors of
/// tar.
const UNPACK: &str = r"
dpkg-deb --fsys-tarfile - | tar --extract --numeric-owner --preserve-permissions --same-owner --xattrs \
    --xattrs-include='*' --acls
";

/// Removes what its input names.
const REMOVE: &str = "exec xargs -0 -r rm -rf --";

/// What a restore has made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restored {
    /// Golden children that it made.
    pub made: usize,
    /// Golden children that were there.
    pub found: usize,
}

/// Gives the host's engine the image of the nest, unless it has it.
///
/// # Errors
/// [`CacheError`].
pub async fn restore_nest_image(
    host: &Engine,
    image: &ImageOrigin,
    file: &CacheFile,
) -> Result<(), CacheError> {
    let image = nest_image(image);
    if has_image(host, &image).await? {
        return Ok(());
    }
    let metadata = image_metadata(&image).map_err(CacheError::file("describe"))?;
    let rootfs = file.section(file.index.nest).await?;
    host.import_image_parts(&image.title(), metadata, rootfs)
        .await?;
    Ok(())
}

/// Makes the golden children of a file that the nest does not have; their servers admit
/// `client`. No other process may use the nest. Calls `progress` for each.
///
/// # Errors
/// [`CacheError`]; what is incomplete is marked so.
pub async fn restore(
    children: &Children,
    file: &CacheFile,
    client: Ipv4Addr,
    progress: &(dyn Fn(&str) + Send + Sync),
) -> Result<Restored, CacheError> {
    let nest = &children.nest;
    check_ids(nest, file.index.ids).await?;
    let there = names_there(nest, None).await?;
    let mut usable = names_there(nest, Some(&file.sum)).await?;
    let all = file.index.children.iter();
    let mut left: Vec<&PackedChild> = all.filter(|child| !there.contains(&child.name)).collect();
    let made = left.len();
    while !left.is_empty() {
        let can_begin =
            |child: &PackedChild| child.base.as_ref().is_none_or(|base| usable.contains(base));
        let (now, later): (Vec<&PackedChild>, Vec<&PackedChild>) =
            left.into_iter().partition(|child| can_begin(child));
        if now.is_empty() {
            return Err(CacheError::Mixed {
                nest: nest.name.clone(),
            });
        }
        let makes = now.iter().map(|child| async {
            progress(child.config.get(key::SERVER).unwrap_or(&child.name));
            restore_child(children, file, child, client).await
        });
        try_join_all(makes).await?;
        usable.extend(now.into_iter().map(|child| child.name.clone()));
        left = later;
    }
    Ok(Restored {
        made,
        found: file.index.children.len() - made,
    })
}

/// The names of the nest's golden children, or of those that are out of the file with this
/// checksum.
async fn names_there(nest: &Nest, sum: Option<&str>) -> Result<BTreeSet<String>, CacheError> {
    let mut all = nest.engine.instances().await?;
    all.retain(|child| {
        let is_of_file = |sum: &str| child.config.get(key::CACHE).is_some_and(|of| of == sum);
        is_golden(child) && sum.is_none_or(is_of_file)
    });
    Ok(all.into_iter().map(|child| child.name).collect())
}

/// Checks that the nest has the user ids to which files belong.
async fn check_ids(nest: &Nest, wanted: u64) -> Result<(), CacheError> {
    let exec = Exec::new("cat", ["/proc/self/uid_map"]);
    let output = nest.host.exec(&nest.name, &exec).await?;
    let end = |line: &str| {
        let mut numbers = line
            .split_whitespace()
            .map(|word| word.parse::<u64>().unwrap_or(0));
        let from = numbers.next()?;
        Some(from + numbers.nth(1)?)
    };
    let found = output.stdout.lines().filter_map(end).max().unwrap_or(0);
    match found >= wanted {
        true => Ok(()),
        false => Err(CacheError::Ids {
            nest: nest.name.clone(),
            wanted,
            found,
        }),
    }
}

async fn restore_child(
    children: &Children,
    file: &CacheFile,
    packed: &PackedChild,
    client: Ipv4Addr,
) -> Result<(), CacheError> {
    let (nest, name) = (&children.nest, packed.name.as_str());
    let image = match &packed.base {
        Some(base) => ImageSource::Container(base.clone()),
        None => ImageSource::None,
    };
    let mut noted = packed.config.clone();
    noted.extend(config([
        (key::STAGE, "making"),
        (key::CLIENT, &client.to_string()),
        (key::CACHE, &file.sum),
    ]));
    let child = children.create(name, image, noted, Devices::new()).await?;
    let step = format!("unpack `{name}`");
    if let Some(removed) = packed.removed {
        let removed = file.section(removed).await?;
        let remove = in_container(name, REMOVE);
        pipe(nest, &step, &remove, removed, sink()).await?;
    }
    let tree = file.package(packed.tree).await?;
    let unpack = in_container(name, UNPACK);
    pipe(nest, &step, &unpack, tree, sink()).await?;
    // An engine writes files as the noted map says, and a map that is longer than the nest's is
    // none that it could take on: the note comes first.
    let made = child.engine.instance(name).await?;
    let made = made.map(|made| made.config).unwrap_or_default();
    let owners = noted_owners(&packed.config, &made);
    child.engine.configure_instance(name, &owners).await?;
    let resolver = format!("nameserver {}\n", nest.gateway());
    child
        .engine
        .push(name, RESOLVER, FileMode::Public, &resolver)
        .await?;
    let ready = config([(key::STAGE, "ready")]);
    child.engine.configure_instance(name, &ready).await?;
    Ok(())
}

/// Waits until the nest has written all to its disk, and notes that it has all that the
/// matrix of this key needs.
///
/// # Errors
/// As of the host's engine.
pub async fn note_restored(nest: &Nest, matrix: &str) -> Result<(), NestError> {
    let sync = Exec::new("sync", ["--file-system", "/"]);
    succeed(&nest.host, &nest.name, "write all to disk", &sync).await?;
    let noted = config([(key::CACHE, matrix)]);
    Ok(nest.host.configure_instance(&nest.name, &noted).await?)
}

/// Whether a nest was restored with all that the matrix of this key needs.
///
/// # Errors
/// As of the host's engine.
pub async fn is_restored(host: &Engine, nest: &str, matrix: &str) -> Result<bool, EngineError> {
    let found = host.instance(nest).await?;
    let noted = found.and_then(|nest| nest.config.get(key::CACHE).cloned());
    Ok(noted.is_some_and(|noted| noted == matrix))
}

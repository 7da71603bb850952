//! Writes a nest and its golden children into a file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;

use dbmatrix_engine::{Config, Exec, Instance};
use tokio::io::empty;

use super::error::CacheError;
use super::file::{Index, PackedChild, Section, Writer};
use super::owners::{OWNERS, ids_of};
use super::pipe::{in_container, in_nest, pipe};
use super::tree::{Delta, LIST, SUMS, Tree, with_nuls};
use crate::name;
use crate::nest::golden::is_golden;
use crate::nest::outer::RUNTIME;
use crate::nest::prune::BASE;
use crate::nest::{Nest, key};

/// Packs a nest's own files. Its engine makes its own anew, and what is mounted is another
/// file system's. The nest runs, so a file may change meanwhile (status 1).
const PACK_NEST: &str = r"
pack --directory=/ --one-file-system --exclude='./var/lib/incus/*' \
    --exclude='./var/log/incus/*' --exclude='./var/cache/incus/*' \
    --exclude='./var/cache/apt/*.bin' --exclude='./var/cache/apt/archives/*.deb' \
    --exclude='./var/log/journal/*' --exclude='./tmp/*' --exclude='./run/*' . || [ $? = 1 ]
";

/// Packs what its input names.
const PACK_NAMED: &str = "pack --no-recursion --null --files-from=-";

/// Packs a whole tree.
const PACK_ALL: &str = "entries -print0 | pack --no-recursion --null --files-from=-";

/// A tree that differs from its base by less than this part of itself is kept as that.
const WORTH: (u64, u64) = (4, 5);

/// What to save.
#[derive(Debug, Clone, Copy)]
pub struct SaveRequest<'a> {
    /// The program that writes it.
    pub program: &'a str,
    /// The key of the matrix.
    pub key: &'a str,
    /// The keys of the golden children, which exist.
    pub golden: &'a [String],
}

/// The keys of a nest's complete golden children.
///
/// # Errors
/// As of the engine.
pub async fn complete_keys(nest: &Nest) -> Result<BTreeSet<String>, CacheError> {
    let children = nest.engine.instances().await?;
    let golden = children.iter().filter(|child| is_golden(child));
    Ok(golden
        .filter_map(|child| child.config.get(key::KEY).cloned())
        .collect())
}

/// Writes the nest and these golden children into a file; returns its length. No other
/// process may use the nest. Calls `progress` for each step.
///
/// # Errors
/// [`CacheError`]; the file is incomplete then.
pub async fn save(
    nest: &Nest,
    request: &SaveRequest<'_>,
    file: File,
    progress: &(dyn Fn(&str) + Send + Sync),
) -> Result<u64, CacheError> {
    let wanted: BTreeSet<String> = request.golden.iter().map(|key| name::golden(key)).collect();
    let mut children = nest.engine.instances().await?;
    children.retain(|child| is_golden(child) && wanted.contains(&child.name));
    let trees = read_shared_trees(nest, &children, progress).await?;
    let mut writer = Writer::begin(file)
        .await
        .map_err(CacheError::file("write"))?;
    progress("the nest itself");
    let pack = in_nest(PACK_NEST);
    let packed = pack_section(&mut writer, nest, "pack the nest", &pack, &[]).await?;
    let mut index = Index {
        program: request.program.to_owned(),
        architecture: std::env::consts::ARCH.to_owned(),
        key: request.key.to_owned(),
        ids: children
            .iter()
            .map(|child| ids_of(&child.config))
            .max()
            .unwrap_or_default(),
        nest: packed,
        children: Vec::new(),
    };
    let mut before: Vec<&Instance> = Vec::new();
    for child in &children {
        progress(child.config.get(key::SERVER).unwrap_or(&child.name));
        let base = nearest(&trees, &child.name, &before);
        index
            .children
            .push(pack_child(&mut writer, nest, child, base).await?);
        before.push(child);
    }
    writer
        .finish(&index)
        .await
        .map_err(CacheError::file("write"))
}

/// The trees of containers whose image another one shares.
async fn read_shared_trees(
    nest: &Nest,
    children: &[Instance],
    progress: &(dyn Fn(&str) + Send + Sync),
) -> Result<BTreeMap<String, Tree>, CacheError> {
    let image = |child: &Instance| child.config.get(BASE).cloned();
    let mut trees = BTreeMap::new();
    for child in children {
        let same = children.iter().filter(|other| image(other) == image(child));
        if image(child).is_none() || same.count() < 2 {
            continue;
        }
        progress("what servers share");
        let step = format!("read the tree of `{}`", child.name);
        let mut list = Vec::new();
        let script = in_container(&child.name, LIST);
        pipe(nest, &step, &script, empty(), &mut list).await?;
        let mut sums = Vec::new();
        let script = in_container(&child.name, SUMS);
        pipe(nest, &step, &script, empty(), &mut sums).await?;
        let tree = Tree::read(&list, &sums).ok_or_else(|| CacheError::Step {
            step,
            nest: nest.name.clone(),
            output: "its listing is not of the expected form".to_owned(),
        })?;
        trees.insert(child.name.clone(), tree);
    }
    Ok(trees)
}

/// The container among those before it from which a tree differs least, if it is worth to
/// be based on it.
fn nearest<'a>(
    trees: &BTreeMap<String, Tree>,
    name: &str,
    before: &[&'a Instance],
) -> Option<(&'a str, Delta)> {
    let tree = trees.get(name)?;
    let deltas = before.iter().filter_map(|base| {
        let delta = tree.delta_from(trees.get(&base.name)?);
        Some((base.name.as_str(), delta))
    });
    let nearest = deltas.min_by_key(|(_, delta)| delta.size)?;
    let is_worth = nearest.1.size.saturating_mul(WORTH.1) < tree.size().saturating_mul(WORTH.0);
    is_worth.then_some(nearest)
}

async fn pack_child(
    writer: &mut Writer,
    nest: &Nest,
    child: &Instance,
    base: Option<(&str, Delta)>,
) -> Result<PackedChild, CacheError> {
    let step = format!("pack `{}`", child.name);
    let (base, delta) = base.unzip();
    let (removed, tree) = match delta {
        None => {
            let pack = in_container(&child.name, PACK_ALL);
            (None, pack_section(writer, nest, &step, &pack, &[]).await?)
        }
        Some(delta) => {
            let removed = write_section(writer, &with_nuls(&delta.removed)).await?;
            let pack = in_container(&child.name, PACK_NAMED);
            let added = with_nuls(&delta.added);
            let tree = pack_section(writer, nest, &step, &pack, &added).await?;
            (Some(removed), tree)
        }
    };
    Ok(PackedChild {
        name: child.name.clone(),
        config: kept_settings(&child.config),
        base: base.map(str::to_owned),
        removed,
        tree,
    })
}

/// The output of a program in the nest as a section.
async fn pack_section(
    writer: &mut Writer,
    nest: &Nest,
    step: &str,
    exec: &Exec,
    input: &[u8],
) -> Result<Section, CacheError> {
    let mut section = writer.begin_section();
    pipe(nest, step, exec, input, &mut section).await?;
    section.finish().await.map_err(CacheError::file("write"))
}

async fn write_section(writer: &mut Writer, bytes: &[u8]) -> Result<Section, CacheError> {
    let mut section = writer.begin_section();
    let written = tokio::io::AsyncWriteExt::write_all(&mut section, bytes).await;
    written.map_err(CacheError::file("write"))?;
    section.finish().await.map_err(CacheError::file("write"))
}

/// The settings of a golden child that hold in any nest.
fn kept_settings(config: &Config) -> Config {
    let own = [
        key::STAGE,
        key::ADDRESS,
        key::CLIENT,
        key::CLIENT_CA,
        key::CLIENT_CERTIFICATE,
        key::CLIENT_KEY,
        key::SCHEMA,
        key::CACHE,
        RUNTIME,
    ];
    let is_kept = |key: &str| {
        let is_ours = key.starts_with("user.dbmatrix.") && !own.contains(&key);
        is_ours || [BASE, OWNERS].contains(&key)
    };
    let kept = config.iter().filter(|(key, _)| is_kept(key));
    kept.map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

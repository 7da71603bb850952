//! Checks space: disk, pool, image cache, memory.

use std::fs;
use std::path::Path;

use bytesize::ByteSize;
use dbmatrix_containers::host::{OWNER, free_disk};
use dbmatrix_containers::image::cache_folder;
use dbmatrix_engine::Space;

use super::Finding;
use super::snapshot::HostSnapshot;

const GIB: u64 = 1 << 30;
/// A nest with five flavours takes some 6 GiB, its images 1 GiB.
const SCARCE: u64 = 8 * GIB;
const TOO_LITTLE: u64 = 2 * GIB;
/// Usage of a pool, in percent.
const NEARLY_FULL: u64 = 90;
/// A server of each flavour uses 60 to 320 MiB.
const MEMORY: u64 = GIB;

pub(super) async fn check_disk(host: &HostSnapshot) -> Vec<Finding> {
    let mut findings = vec![disk()];
    findings.extend(pool(host).await);
    findings.push(cache());
    findings.extend(memory());
    findings
}

fn size(bytes: u64) -> String {
    ByteSize(bytes).display().iec().to_string()
}

fn disk() -> Finding {
    const AT: &str = "disk";
    let Some(free) = free_disk() else {
        return Finding::note(AT, "`/var/lib` could not be looked at");
    };
    let found = format!("{} are free below `/var/lib`", size(free));
    match free {
        free if free < TOO_LITTLE => Finding::problem(AT, found)
            .remedy("make room; `dbmatrix prune` removes what nothing uses"),
        free if free < SCARCE => Finding::note(
            AT,
            format!("{found}; a nest with five flavours takes some 6 GiB"),
        )
        .remedy("make room; `dbmatrix prune` removes what nothing uses"),
        _ => Finding::ok(AT, found),
    }
}

async fn pool(host: &HostSnapshot) -> Option<Finding> {
    const AT: &str = "pool";
    let name = &host.names.project;
    let engine = host.engine()?;
    let pool = match engine.pool(name).await {
        Ok(pool) => pool?,
        Err(error) => return Some(Finding::problem(AT, error.to_string())),
    };
    if !pool.config.contains_key(OWNER) {
        let found = format!("storage pool `{name}` was not made by dbmatrix");
        return Some(
            Finding::problem(AT, found)
                .remedy("rename it, or choose another project with `--project`"),
        );
    }
    match engine.pool_space(name).await {
        Ok(space) => Some(judge_pool(&pool.driver, space?)),
        Err(error) => Some(Finding::problem(AT, error.to_string())),
    }
}

fn judge_pool(driver: &str, space: Space) -> Finding {
    const AT: &str = "pool";
    let found = format!(
        "{driver}, {} of {} taken",
        size(space.used),
        size(space.total)
    );
    if space.total > 0 && space.used * 100 / space.total >= NEARLY_FULL {
        return Finding::note(AT, found).remedy(
            "`dbmatrix prune` removes what nothing uses; `dbmatrix down --all` and a larger `[nest] size` make a larger one",
        );
    }
    Finding::ok(AT, found)
}

fn cache() -> Finding {
    const AT: &str = "image cache";
    let folder = cache_folder().join("images");
    match taken(&folder) {
        0 => Finding::ok(AT, "empty"),
        bytes => Finding::ok(
            AT,
            format!(
                "{} in `{}`; `dbmatrix down --all` empties it",
                size(bytes),
                folder.display()
            ),
        ),
    }
}

/// Bytes of the files in a folder, without subfolders.
fn taken(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = files.filter_map(|file| file.metadata().ok());
    sizes
        .filter(fs::Metadata::is_file)
        .map(|file| file.len())
        .sum()
}

fn memory() -> Option<Finding> {
    const AT: &str = "memory";
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let (total, free) = (field(&text, "MemTotal:")?, field(&text, "MemAvailable:")?);
    let found = format!("{} of {} are free", size(free), size(total));
    if free < MEMORY {
        return Some(
            Finding::note(AT, format!("{found}; a MySQL takes some 310 MiB, a MariaDB 60"))
                .remedy("run fewer flavours at a time (`--flavour`), or end what holds servers (`dbmatrix list`)"),
        );
    }
    Some(Finding::ok(AT, found))
}

/// Converts a field to bytes; `/proc/meminfo` uses KiB.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;

    #[test]
    fn a_field_of_meminfo_is_read_as_bytes() {
        let text = "MemTotal:        1000 kB\nMemAvailable:     10 kB\n";
        assert_eq!(field(text, "MemAvailable:"), Some(10 * 1024));
        assert_eq!(field(text, "MemFree:"), None);
    }

    #[test]
    fn a_pool_that_is_nearly_full_is_told() {
        let judged = |used| judge_pool("btrfs", Space { used, total: 100 });
        assert_eq!(judged(89).state, State::Ok);
        assert_eq!(judged(90).state, State::Note);
        let unknown = judge_pool("dir", Space { used: 5, total: 0 });
        assert_eq!(unknown.state, State::Ok);
    }
}

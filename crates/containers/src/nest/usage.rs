//! Measures the disk and memory that containers use.

use std::collections::BTreeMap;
use std::time::Duration;

use dbmatrix_engine::{Engine, EngineError, Exec};
use futures_util::future::{join_all, try_join};

use super::NestError;
use super::info::{ContainerInfo, ContainerKind};

const LIMIT: Duration = Duration::from_secs(120);

/// Bytes that belong to one container alone, and its folder: on btrfs, data shared with
/// its golden child does not count.
const MEASURE: &str = r#"
cd /var/lib/incus/storage-pools/default/containers
set -- *
if [ "$1" = '*' ]; then exit 0; fi
if btrfs filesystem du --summarize --raw "$@" 2> /dev/null; then exit 0; fi
du --summarize --block-size=1 "$@" | while read -r size name; do echo "$size $size 0 $name"; done
"#;

/// Bytes that each child alone uses, by container.
///
/// # Errors
/// As of the engine.
pub async fn disk_usage(host: &Engine, nest: &str) -> Result<BTreeMap<String, u64>, EngineError> {
    let measure = Exec::script(MEASURE).limit(LIMIT);
    let output = host.exec(nest, &measure).await?;
    Ok(output.stdout.lines().filter_map(read).collect())
}

/// Parses a line of total, exclusive and shared bytes and a name; `None` for the heading.
pub fn read(line: &str) -> Option<(String, u64)> {
    let mut words = line.split_whitespace().skip(1);
    let exclusive = words.next()?.parse().ok()?;
    let name = words.nth(1)?;
    Some((name.to_owned(), exclusive))
}

/// The processes of a nest: the control group of each, and the bytes of memory that are
/// its own, with its part of those that it shares. Some may end during the measurement.
///
/// What an engine reports would include cached files, and nothing at all on a machine
/// without a memory controller.
const PROCESSES: &str = r#"
cd /proc
grep -H '^0::' [0-9]*/cgroup 2> /dev/null || true
grep -H '^Pss:' [0-9]*/smaps_rollup 2> /dev/null || true
"#;

/// Bytes of memory of a nest's processes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    /// Of all processes.
    whole: u64,
    /// By child.
    children: BTreeMap<String, u64>,
}

impl Memory {
    pub fn read(text: &str) -> Self {
        let mut memory = Memory::default();
        let mut children: BTreeMap<&str, &str> = BTreeMap::new();
        for line in text.lines() {
            let Some((process, rest)) = line.split_once('/') else {
                continue;
            };
            if let Some(path) = rest.strip_prefix("cgroup:0::/lxc.payload.") {
                let child = path.split('/').next().unwrap_or_default();
                children.insert(process, child);
            } else if let Some(told) = rest.strip_prefix("smaps_rollup:Pss:") {
                let kib: Option<u64> = told.split_whitespace().next().and_then(|n| n.parse().ok());
                let bytes = kib.unwrap_or_default().saturating_mul(1024);
                memory.whole = memory.whole.saturating_add(bytes);
                if let Some(child) = children.get(process) {
                    let of_child = memory.children.entry((*child).to_owned()).or_default();
                    *of_child = of_child.saturating_add(bytes);
                }
            }
        }
        memory
    }
}

/// Notes the snapshots of all containers and, for running ones, their memory and start
/// time; asks for all of them concurrently.
///
/// # Errors
/// As of the engines.
pub async fn measure(host: &Engine, rows: &mut [ContainerInfo]) -> Result<(), NestError> {
    let looks = rows.iter_mut().map(measure_container);
    for looked in join_all(looks).await {
        looked?;
    }
    let running = rows.iter().filter(|row| row.is_running());
    let mut nests: Vec<String> = running.map(|row| row.nest.clone()).collect();
    nests.dedup();
    for nest in nests {
        let counted = host
            .exec(&nest, &Exec::script(PROCESSES).limit(LIMIT))
            .await;
        let memory = match counted {
            Ok(output) => Memory::read(&output.stdout),
            Err(error) => {
                tracing::debug!(%error, "the memory was not counted");
                continue;
            }
        };
        let of_nest = rows
            .iter_mut()
            .filter(|row| row.nest == nest && row.is_running());
        for row in of_nest {
            row.memory = match row.kind {
                ContainerKind::Nest => Some(memory.whole).filter(|bytes| *bytes > 0),
                _ => memory.children.get(&row.container).copied(),
            };
        }
    }
    Ok(())
}

async fn measure_container(row: &mut ContainerInfo) -> Result<(), EngineError> {
    let (engine, name) = (row.engine.clone(), row.container.clone());
    if !row.is_running() {
        row.snapshots = engine.snapshot_count(&name).await?;
        return Ok(());
    }
    let asked = try_join(engine.snapshot_count(&name), engine.instance_state(&name));
    let (snapshots, state) = asked.await?;
    row.snapshots = snapshots;
    if let (Some(located), Some(state)) = (&row.located, &state) {
        row.is_disconnected = located.is_cut(state);
    }
    let started = state.and_then(|state| state.started());
    row.started = started.or(row.started);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_counted_by_child() {
        let text = "\
1/cgroup:0::/init.scope
77/cgroup:0::/lxc.payload.mysql-9-7/init.scope
78/cgroup:0::/lxc.payload.mysql-9-7/system.slice/mysql.service
79/cgroup:0::/lxc.payload.gone/init.scope
1/smaps_rollup:Pss:                1000 kB
77/smaps_rollup:Pss:                 10 kB
78/smaps_rollup:Pss:                200 kB
";
        let memory = Memory::read(text);
        assert_eq!(memory.whole, 1210 * 1024);
        let children = BTreeMap::from([("mysql-9-7".to_owned(), 210 * 1024)]);
        assert_eq!(memory.children, children);
    }

    #[test]
    fn what_belongs_to_a_child_alone_is_read() {
        let heading = "     Total   Exclusive  Set shared  Filename";
        assert_eq!(read(heading), None);
        let line = " 918085632   112984064   805101568  golden-2b892ae7f6d68269";
        let expected = ("golden-2b892ae7f6d68269".to_owned(), 112_984_064);
        assert_eq!(read(line), Some(expected));
    }
}

//! What children take on the disk.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::engine::{Engine, EngineError, Exec};

const LIMIT: Duration = Duration::from_secs(120);

/// Bytes that belong to one container alone, and its folder: on btrfs what it
/// shares with the golden child that it was copied from does not count.
const MEASURE: &str = r#"
cd /var/lib/incus/storage-pools/default/containers
set -- *
if [ "$1" = '*' ]; then exit 0; fi
if btrfs filesystem du --summarize --raw "$@" 2> /dev/null; then exit 0; fi
du --summarize --block-size=1 "$@" | while read -r size name; do echo "$size $size 0 $name"; done
"#;

/// Bytes that each child takes for itself, by container.
///
/// # Errors
/// As of the engine.
pub async fn disk_usage(host: &Engine, nest: &str) -> Result<BTreeMap<String, u64>, EngineError> {
    let measure = Exec::script(MEASURE).limit(LIMIT);
    let output = host.exec(nest, &measure).await?;
    Ok(output.stdout.lines().filter_map(read).collect())
}

/// A line of total, exclusive and shared bytes and a name; the heading is none.
fn read(line: &str) -> Option<(String, u64)> {
    let mut words = line.split_whitespace().skip(1);
    let exclusive = words.next()?.parse().ok()?;
    let name = words.nth(1)?;
    Some((name.to_owned(), exclusive))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_a_child_alone_is_read() {
        let heading = "     Total   Exclusive  Set shared  Filename";
        assert_eq!(read(heading), None);
        let line = " 918085632   112984064   805101568  golden-2b892ae7f6d68269";
        let expected = ("golden-2b892ae7f6d68269".to_owned(), 112_984_064);
        assert_eq!(read(line), Some(expected));
    }
}

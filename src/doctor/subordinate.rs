//! Parses `/etc/subuid` and `/etc/subgid`: ids for the users of containers. Pure.

/// A range of ids that a user may delegate (subuid(5)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    /// Its first id.
    pub(super) first: u64,
    /// How many there are.
    pub(super) count: u64,
}

/// A nest needs an id range for itself and one for its children.
pub(super) const NEEDED: u64 = 2 * 65_536;

/// The largest of root's ranges; lines may name root by its id.
pub(super) fn of_root(text: &str) -> Option<Range> {
    let ranges = text.lines().filter_map(|line| {
        let mut fields = line.trim().split(':');
        let owner = fields.next()?;
        if !["root", "0"].contains(&owner) {
            return None;
        }
        Some(Range {
            first: fields.next()?.parse().ok()?,
            count: fields.next()?.parse().ok()?,
        })
    });
    ranges.max_by_key(|range| range.count)
}

/// Whether a process has all ids of a range in its own user namespace, according to
/// `/proc/self/uid_map`: lines of the first id inside, the first outside and the count
/// (user_namespaces(7)).
pub(super) fn is_mapped(map: &str, range: Range) -> bool {
    map.lines().any(|line| {
        let numbers: Vec<u64> = line
            .split_whitespace()
            .filter_map(|number| number.parse().ok())
            .collect();
        let [inside, _, count] = numbers[..] else {
            return false;
        };
        inside <= range.first && range.first + range.count <= inside + count
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_range_of_root_is_found() {
        let text =
            "_lxd:100000:10000001\nroot:100000:65536\n0:1000000:1000000000\nme:1:2\nroot:x\n";
        let greatest = Range {
            first: 1_000_000,
            count: 1_000_000_000,
        };
        assert_eq!(of_root(text), Some(greatest));
        assert_eq!(of_root("me:100000:65536\n"), None);
        assert_eq!(of_root(""), None);
    }

    #[test]
    fn a_range_must_lie_in_one_line_of_the_own_map() {
        let range = Range {
            first: 100_000,
            count: 131_072,
        };
        assert!(is_mapped("         0          0 4294967295\n", range));
        assert!(!is_mapped("0 100000 65536\n", range));
        assert!(is_mapped("0 1000 1\n100000 200000 131072\n", range));
        assert!(!is_mapped("", range));
    }
}

//! What a container's tree holds, and how it differs from another one's.
//!
//! Two entries are the same if their kind, mode, owner, time, link target and content are.

use std::collections::{BTreeMap, BTreeSet};

/// Lists a tree: `KIND MODE UID GID SIZE TIME`, the path and a link's target, each followed
/// by a NUL byte.
pub(super) const LIST: &str = r"entries -printf '%y %m %U %G %s %T@\0%p\0%l\0'";

/// The checksums of a tree's files: `SUM  PATH`, each followed by a NUL byte.
pub(super) const SUMS: &str = "entries -type f -print0 | xargs -0 -r sha256sum -z";

/// The entries of a tree by their paths.
#[derive(Debug, Default)]
pub(super) struct Tree(BTreeMap<Vec<u8>, Entry>);

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    kind: u8,
    /// Mode, owner and time.
    state: Vec<u8>,
    /// Bytes of a file.
    size: u64,
    /// The target of a link.
    target: Vec<u8>,
    /// The checksum of a file.
    sum: Vec<u8>,
}

/// How a tree differs from its base. Paths are sorted.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Delta {
    /// What the base has and the tree has not, or as another kind. What is below a
    /// removed folder is not named.
    pub(super) removed: Vec<Vec<u8>>,
    /// What the base does not have, or has otherwise, and the folders around all changes.
    pub(super) added: Vec<Vec<u8>>,
    /// Bytes of the files that are added.
    pub(super) size: u64,
}

impl Tree {
    /// Reads the output of [`LIST`] and [`SUMS`]; `None` if it is not of that form.
    pub(super) fn read(list: &[u8], sums: &[u8]) -> Option<Self> {
        let mut known = BTreeMap::new();
        for line in ended_by_nul(sums) {
            let (sum, path) = line.split_at_checked(64)?;
            known.insert(path.strip_prefix(b"  ")?, sum);
        }
        let mut tree = Tree::default();
        let mut parts = ended_by_nul(list);
        while let Some(state) = parts.next() {
            let (path, target) = (parts.next()?, parts.next()?);
            let words: Vec<&[u8]> = state.split(|byte| *byte == b' ').collect();
            let [kind, mode, user, group, size, time] = words.as_slice() else {
                return None;
            };
            let kind = *kind.first()?;
            let is_file = kind == b'f';
            let size = std::str::from_utf8(size).ok()?.parse().ok()?;
            let entry = Entry {
                kind,
                state: [*mode, *user, *group, *time].join(&b' '),
                size: if is_file { size } else { 0 },
                target: target.to_vec(),
                sum: known.get(path).map(|sum| sum.to_vec()).unwrap_or_default(),
            };
            // A file that is gone again has none.
            if is_file && entry.sum.is_empty() {
                return None;
            }
            tree.0.insert(path.to_vec(), entry);
        }
        Some(tree)
    }

    /// Bytes of its files.
    pub(super) fn size(&self) -> u64 {
        self.0.values().map(|entry| entry.size).sum()
    }

    /// How it differs from a base.
    pub(super) fn delta_from(&self, base: &Tree) -> Delta {
        let mut removed: Vec<Vec<u8>> = Vec::new();
        let mut added = BTreeSet::new();
        let mut size = 0;
        for (path, former) in &base.0 {
            let stays = self
                .0
                .get(path)
                .is_some_and(|entry| entry.kind == former.kind);
            if stays {
                continue;
            }
            added.extend(folders_around(path).filter(|folder| self.0.contains_key(*folder)));
            let below = |above: &Vec<u8>| {
                let rest = path.strip_prefix(above.as_slice());
                rest.is_some_and(|rest| rest.starts_with(b"/"))
            };
            if !removed.iter().rev().take(1).any(below) {
                removed.push(path.clone());
            }
        }
        for (path, entry) in &self.0 {
            if base.0.get(path) == Some(entry) {
                continue;
            }
            size += entry.size;
            added.insert(path.as_slice());
            added.extend(folders_around(path).filter(|folder| self.0.contains_key(*folder)));
        }
        Delta {
            removed,
            added: added.into_iter().map(<[u8]>::to_vec).collect(),
            size,
        }
    }
}

/// The folders above a path, the nearest first.
fn folders_around(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::successors(folder_of(path), |folder| folder_of(folder))
}

/// The folder of a path; none for what is in the root.
fn folder_of(path: &[u8]) -> Option<&[u8]> {
    let at = path.iter().rposition(|byte| *byte == b'/')?;
    (at > 1).then_some(&path[..at])
}

/// The parts of a text in which each part is followed by a NUL byte.
fn ended_by_nul(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let text = text.strip_suffix(b"\0").unwrap_or(text);
    let parts = (!text.is_empty()).then(|| text.split(|byte| *byte == 0));
    parts.into_iter().flatten()
}

/// Paths, each followed by a NUL byte.
pub(super) fn with_nuls(paths: &[Vec<u8>]) -> Vec<u8> {
    paths
        .iter()
        .flat_map(|path| [path, &b"\0"[..]].concat())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree of lines `KIND MODE SIZE TIME PATH CONTENT`, where a link's content is its
    /// target.
    fn tree(lines: &[&str]) -> Tree {
        let (mut list, mut sums) = (String::new(), String::new());
        for line in lines {
            let words: Vec<&str> = line.split(' ').collect();
            let [kind, mode, size, time, path, content] = words.as_slice() else {
                panic!("{line}");
            };
            let target = if *kind == "l" { content } else { "" };
            list += &format!("{kind} {mode} 0 0 {size} {time}\0{path}\0{target}\0");
            if *kind == "f" {
                sums += &format!("{content:0>64}  {path}\0");
            }
        }
        Tree::read(list.as_bytes(), sums.as_bytes()).expect("a tree")
    }

    fn names(paths: &[Vec<u8>]) -> Vec<&str> {
        let names = paths.iter().map(|path| std::str::from_utf8(path));
        names.map(|name| name.expect("ASCII")).collect()
    }

    const BASE: &[&str] = &[
        "d 755 0 1 ./a -",
        "f 644 5 1 ./a/kept 11",
        "f 644 5 1 ./a/written 12",
        "d 755 0 1 ./b -",
        "f 644 5 1 ./b/gone 13",
        "d 755 0 1 ./b/old -",
        "f 644 5 1 ./b/old/gone 14",
        "l 777 0 1 ./c a",
    ];

    #[test]
    fn equal_trees_do_not_differ() {
        assert_eq!(tree(BASE).delta_from(&tree(BASE)), Delta::default());
        assert_eq!(tree(BASE).size(), 20);
    }

    #[test]
    fn changes_are_named_with_the_folders_around_them() {
        let changed = tree(&[
            "d 755 0 1 ./a -",
            "f 644 5 1 ./a/kept 11",
            "f 644 7 2 ./a/written 22",
            "d 755 0 1 ./b -",
            "d 755 0 3 ./b/new -",
            "f 644 9 3 ./b/new/file 33",
            "l 777 0 1 ./c b",
        ]);
        let delta = changed.delta_from(&tree(BASE));
        assert_eq!(names(&delta.removed), ["./b/gone", "./b/old"]);
        assert_eq!(
            names(&delta.added),
            [
                "./a",
                "./a/written",
                "./b",
                "./b/new",
                "./b/new/file",
                "./c"
            ]
        );
        assert_eq!(delta.size, 16);
        assert_eq!(with_nuls(&delta.removed), b"./b/gone\0./b/old\0");
    }

    #[test]
    fn another_content_mode_time_or_kind_is_a_change() {
        let base = tree(&["f 644 5 1 ./x 11"]);
        for (line, is_removed) in [
            ("f 644 5 1 ./x 12", false),
            ("f 600 5 1 ./x 11", false),
            ("f 644 5 2 ./x 11", false),
            ("d 644 5 1 ./x 11", true),
        ] {
            let delta = tree(&[line]).delta_from(&base);
            assert_eq!(names(&delta.added), ["./x"], "{line}");
            assert_eq!(!delta.removed.is_empty(), is_removed, "{line}");
        }
    }

    #[test]
    fn a_listing_of_another_form_is_none() {
        assert!(Tree::read(b"f 644\0./x\0\0", b"").is_none());
        assert!(
            Tree::read(b"f 644 0 0 5 1\0./x\0\0", b"").is_none(),
            "a file without a sum"
        );
        assert!(Tree::read(b"d 755 0 0 5 1\0./x\0\0", b"short\0").is_none());
        assert!(Tree::read(b"", b"").is_some());
    }
}

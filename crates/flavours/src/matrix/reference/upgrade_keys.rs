//! The keys of `[[upgrade]]`.

use super::Section;
use super::Takes::{Text, Texts, Words};
use super::keys::{TIME, key, required};

pub(super) const UPGRADE: Section = Section {
    path: "upgrade",
    title: "[[upgrade]]",
    about: "Ways from older servers to newer ones, for `dbmatrix upgrade`. See [Upgrades](upgrades.md).",
    keys: &[
        required(
            "from",
            Texts,
            "the older servers: names of flavours of the file, or servers such as `\"mariadb:10.5\"`",
        ),
        required("to", Texts, "the newer servers, in the same form"),
        key(
            "by",
            Words(&["in-place", "dump", "mydumper", "replica"], &[]),
            "what the vendors support",
            "how the data gets there; a way that is named is tried even where no vendor supports it",
        ),
        key(
            "through",
            Texts,
            "the steps that MySQL demands",
            "servers that an upgrade in place or by replica passes through; `[]` goes straight there",
        ),
        key(
            "data",
            Texts,
            "none",
            "patterns of files of statements that the older servers run first, as in `setup` of `[defaults]`",
        ),
        key(
            "suites",
            Texts,
            "none",
            "names of suites of `files` that run on the newer server afterwards",
        ),
        key(
            "step-timeout",
            TIME,
            "`\"1h\"`",
            "how long a step may take whose duration depends on the data: reading it, moving it, the vendor's program",
        ),
        key(
            "known",
            Text,
            "none",
            "a file of known divergences, such as `\"upgrade.divergences.toml\"`",
        ),
    ],
    any_of: &[],
};

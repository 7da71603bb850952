//! Every key of a matrix file, in the order of the reference.

use super::Takes::{
    Count, Flag, Matching, Number, Settings, Table, Tables, Text, TextOrTexts, Texts,
    TextsOrTables, Word, Words,
};
use super::server_keys::{
    FILES, FLAVOUR, IMAGE, MIRROR, REPLICAS, REPOSITORY, SECRET, SETUP as SETUP_FILE, TARBALL, TLS,
};
use super::upgrade_keys::UPGRADE;
use super::{Key, Section, Takes};

/// All tables of a matrix file, the top first.
pub const SECTIONS: &[Section] = &[
    TOP, NEST, RUN, DEFAULTS, IMAGE, MIRROR, FLAVOUR, REPLICAS, SETUP_FILE, FILES, TLS, REPOSITORY,
    TARBALL, SUITE, REPLACE, UPGRADE,
];

pub(super) const NAME: Takes = Matching("^[A-Za-z]([A-Za-z0-9.-]{0,43}[A-Za-z0-9])?$");
pub(super) const IMAGES: Takes = Matching("^(debian:[a-z0-9-]+|images:.+)$");
const SIZE: Takes = Matching("^[0-9.]+ *[A-Za-z]*$");
pub(super) const TIME: Takes = Matching("^[0-9]+ *[a-zµ]+( *[0-9]+ *[a-zµ]+)*$");

pub(super) const fn key(
    name: &'static str,
    takes: Takes,
    default: &'static str,
    about: &'static str,
) -> Key {
    Key {
        name,
        takes,
        default,
        about,
        renamed: None,
    }
}

/// A required key.
pub(super) const fn required(name: &'static str, takes: Takes, about: &'static str) -> Key {
    key(name, takes, "", about)
}

const fn renamed(name: &'static str, now: &'static str, takes: Takes) -> Key {
    Key {
        renamed: Some(now),
        ..key(name, takes, "none", "")
    }
}

pub(super) const PROFILES: Takes = Word(&["small", "default"], &["stock"]);
pub(super) const DURABILITIES: Takes = Word(&["strict", "relaxed"], &[]);
const KINDS: Takes = Words(
    &[
        "success",
        "rows",
        "order",
        "affected",
        "error-code",
        "column-name",
        "column-type",
        "warning",
        "error-text",
        "plan",
        "time",
    ],
    &["acceptance"],
);

const TOP: Section = Section {
    path: "",
    title: "The file",
    about: "At least one flavour, in either form, or an upgrade is required.",
    keys: &[
        key(
            "flavours",
            Texts,
            "none",
            "the short form of `[[flavour]]`: servers, such as `[\"mysql:9.7\", \"mariadb:11.8\"]`",
        ),
        key("nest", Table("nest"), "none", "the nesting container"),
        key("run", Table("run"), "none", "how the matrix is run"),
        key(
            "defaults",
            Table("defaults"),
            "none",
            "how servers are set, unless a flavour says otherwise",
        ),
        key("image", Tables("image"), "none", "settings of base images"),
        key(
            "mirror",
            Tables("mirror"),
            "none",
            "copies of vendors' servers",
        ),
        key("flavour", Tables("flavour"), "none", "servers"),
        key("suite", Tables("suite"), "none", "what to run"),
        key(
            "upgrade",
            Tables("upgrade"),
            "none",
            "ways from older servers to newer ones",
        ),
    ],
    any_of: &[],
};

const NEST: Section = Section {
    path: "nest",
    title: "[nest]",
    about: "The container that holds all flavours, with an engine of its own.",
    keys: &[
        key(
            "name",
            Matching("^[A-Za-z]([A-Za-z0-9-]{0,43}[A-Za-z0-9])?$"),
            "the file's name",
            "name of the nesting container",
        ),
        key(
            "cpus",
            Count,
            "all",
            "how many processors the nest may use; dbmatrix warns where the machine cannot enforce it",
        ),
        key(
            "memory",
            SIZE,
            "all",
            "how much memory the nest may use, such as `\"4GiB\"`; dbmatrix warns where the machine cannot enforce it",
        ),
        key(
            "privileged",
            Flag,
            "`false`",
            "whether root in the nest is root on the host",
        ),
        key(
            "access",
            Word(&["route", "proxy", "forward"], &[]),
            "`\"route\"`",
            "how the host reaches servers; see [Route, proxy or forward](security.md#route-proxy-or-forward)",
        ),
        key(
            "storage",
            Word(&["btrfs", "dir"], &[]),
            "`\"btrfs\"`",
            "what the pool is on; with `\"dir\"` copies are slow. Takes effect when dbmatrix creates the pool",
        ),
        key(
            "size",
            SIZE,
            "`\"40GiB\"`",
            "size of the pool, a sparse file. Takes effect when dbmatrix creates the pool",
        ),
        key(
            "image",
            IMAGES,
            "`\"debian:trixie\"`",
            "image of the nest; must carry the package `incus-base`",
        ),
    ],
    any_of: &[],
};

const RUN: Section = Section {
    path: "run",
    title: "[run]",
    about: "How the matrix is run. The command line has the last word.",
    keys: &[
        key(
            "jobs",
            Count,
            "processors divided by flavours",
            "how many files run at a time on a flavour; `--jobs` overrides it",
        ),
        key(
            "after",
            Word(&["stop", "pause", "keep", "delete"], &["freeze"]),
            "`\"stop\"`",
            "what becomes of the servers, see [After a run](at-hand.md#after-a-run); `--after` overrides it",
        ),
    ],
    any_of: &[],
};

const SETTINGS: Key = key(
    "settings",
    Settings,
    "none",
    "server settings, such as `{ performance_schema = false }`",
);
const MEMORY_PROFILE: Key = key(
    "memory-profile",
    PROFILES,
    "`\"small\"`",
    "`\"small\"` sets buffers and histories to a size for tests; `\"default\"` leaves them to the package",
);
const DURABILITY: Key = key(
    "durability",
    DURABILITIES,
    "`\"strict\"`",
    "`\"relaxed\"` waits for no disk while tests run, by libeatmydata",
);
const SETUP: Key = key(
    "setup",
    TextsOrTables("setup"),
    "`[]`",
    "files of statements, or patterns of them, that are run once: every run starts from a copy of what they made; `.sql`, also compressed by gzip, zstd or xz",
);
pub(super) const FOOTPRINT: Key = renamed("footprint", "memory-profile", PROFILES);

const DEFAULTS: Section = Section {
    path: "defaults",
    title: "[defaults]",
    about: "How every server is set, unless its flavour says otherwise.",
    keys: &[
        SETTINGS,
        MEMORY_PROFILE,
        DURABILITY,
        SETUP,
        key(
            "files",
            Tables("files"),
            "none",
            "files that servers' containers receive, such as certificates or plugins",
        ),
        key("tls", Table("tls"), "none", "certificates of your own"),
        key(
            "user",
            Text,
            "`root`",
            "the user with whom suites log in, where they expect one",
        ),
        key(
            "password",
            SECRET,
            "made for each flavour",
            "its password, as `\"env:VARIABLE\"` or `\"file:PATH\"`",
        ),
        key(
            "database",
            Text,
            "one of each command's own",
            "a database that is there at each start, for `setup` and for commands; it is not dropped between suites",
        ),
        key(
            "time-zones",
            Flag,
            "`true`",
            "whether the servers' tables of time zones are filled, for `CONVERT_TZ` and named zones",
        ),
        FOOTPRINT,
    ],
    any_of: &[],
};

const SUITE: Section = Section {
    path: "suite",
    title: "[[suite]]",
    about: "What to run: `files`, a `command`, or `mysqltest`. See [Suites](suites.md).",
    keys: &[
        required(
            "name",
            NAME,
            "letters, digits, hyphens and dots, a letter first; its name on the command line, in the table, and of the folder of its logs",
        ),
        key("flavours", Texts, "all", "names or patterns of flavours"),
        key(
            "isolation",
            Word(&["database", "clone"], &[]),
            "`\"database\"`",
            "`\"clone\"` gives the suite a server of its own, for files that change what a server's databases share",
        ),
        key(
            "setup",
            TextsOrTables("setup"),
            "none",
            "as in `[defaults]`, on top of it, for a server of the suite's own",
        ),
        key(
            "timeout",
            TIME,
            "none",
            "how long the suite may take on a flavour, such as `\"10min\"`",
        ),
        renamed("limit", "timeout", TIME),
        key(
            "retries",
            Count,
            "none",
            "how often dbmatrix runs a failed case again; one that passes then is flaky",
        ),
        key(
            "files",
            Texts,
            "none",
            "patterns of `.slt`, `.test` and `.sql` files",
        ),
        key(
            "step-timeout",
            TIME,
            "`\"10min\"`",
            "how long a statement may take before dbmatrix kills it on the server; of `mysqltest`, how long a test may take",
        ),
        renamed("step-limit", "step-timeout", TIME),
        key(
            "labels",
            Texts,
            "none",
            "condition labels that hold on every flavour, for files written for `mysql` alone",
        ),
        key(
            "expect",
            Word(&["stored", "agreement"], &[]),
            "`\"stored\"`",
            "what `.sql` files are compared with: `FILE.sql.expected`, or only the other flavours (`\"agreement\"`)",
        ),
        key(
            "kinds",
            KINDS,
            "`success`, `rows`, `affected`, `error-code`",
            "significant [kinds of difference](differences.md#kinds)",
        ),
        key(
            "tolerance",
            Number,
            "0",
            "how far apart two floats may be, relative to the greater of them and 1; below 1",
        ),
        key(
            "repeat",
            Count,
            "none",
            "how often each statement that reads is repeated to [compare times](differences.md#times); from 6 on",
        ),
        key(
            "time-factor",
            Number,
            "2",
            "how many times as slow is a difference of kind `time`",
        ),
        key(
            "time-limit",
            TIME,
            "`\"10min\"`",
            "how long the repetitions of all its statements may take",
        ),
        key(
            "replace",
            Tables("suite.replace"),
            "none",
            "volatile pieces of values, warnings and error texts",
        ),
        key(
            "jobs",
            Count,
            "that of `[run]`; of `mysqltest` 2",
            "how many of its files, or of its tests, run at a time on a flavour, at most",
        ),
        key(
            "local-files",
            Text,
            "the folder of each file",
            "the folder whose files, and those below, servers may read with `LOAD DATA LOCAL INFILE`",
        ),
        key(
            "allow-system",
            Flag,
            "`false`",
            "whether `system` in `.slt` files may run commands on this machine",
        ),
        key(
            "command",
            Texts,
            "none",
            "a program and its arguments in place of `files`, run once a flavour; its exit status is the verdict",
        ),
        key(
            "folder",
            Text,
            "the matrix's folder",
            "where the command runs",
        ),
        key(
            "environment",
            Settings,
            "none",
            "the command's variables beside the usual ones",
        ),
        key(
            "mysqltest",
            Word(&["mariadb", "mysql"], &[]),
            "none",
            "whose own tests to run in place of `files`",
        ),
        key(
            "tests",
            Texts,
            "`[\"*\"]`",
            "patterns of the names of those tests",
        ),
        key(
            "skip",
            Texts,
            "none",
            "patterns of the names of tests to leave out; of `log`, of the forms of statements to leave out",
        ),
        key(
            "log",
            TextOrTexts,
            "none",
            "[logs](logs.md) of what an application sends, as patterns, in place of `files`: examples of each digest run and are compared",
        ),
        key(
            "per-digest",
            Count,
            "5",
            "how many statements of each digest run: the slowest, the first, and random ones",
        ),
        key(
            "since",
            Text,
            "none",
            "only statements since this time, in UTC",
        ),
        key(
            "until",
            Text,
            "none",
            "only statements before this time, in UTC",
        ),
        key("database", Text, "all", "only statements in this database"),
        key("user", Text, "all", "only statements of this user"),
        key(
            "only",
            Texts,
            "all",
            "patterns of the forms of statements, such as `SELECT *`; `*` stands for any text",
        ),
        key(
            "seed",
            Count,
            "none",
            "another number takes other random statements",
        ),
        key(
            "writes",
            Word(&["skip", "rollback", "apply"], &[]),
            "`\"skip\"`",
            "what becomes of statements that are not known to read: each in a transaction that is rolled back (`\"rollback\"`), or as it is",
        ),
    ],
    any_of: &[],
};

const REPLACE: Section = Section {
    path: "suite.replace",
    title: "replace of [[suite]]",
    about: "Pieces that differ in every run, such as `[{ pattern = '\\d+ ms', with = \"<time>\" }]`.",
    keys: &[
        required("pattern", Text, "a regular expression"),
        key("with", Text, "`\"<…>\"`", "what stands in its place"),
    ],
    any_of: &[],
};

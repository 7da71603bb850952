//! Keys of a matrix file about servers and where they come from.

use super::Takes::{
    Count, Flag, Matching, SettingValues, Settings, Table, Tables, Text, Texts, TextsOrTables,
    Word, WordOrTable,
};
use super::keys::{DURABILITIES, FOOTPRINT, IMAGES, NAME, PROFILES, key, required};
use super::{Section, Takes};

const SERVER: Takes = Matching("^[a-z]+:.+$");
const ADDRESS: Takes = Matching("^[a-z]+://.+$");

pub(super) const IMAGE: Section = Section {
    path: "image",
    title: "[[image]]",
    about: "Settings of a base image that dbmatrix builds with mmdebstrap.",
    keys: &[
        required(
            "name",
            Matching("^debian:[a-z0-9-]+$"),
            "`\"debian:SUITE\"`, such as `\"debian:sid\"`",
        ),
        key(
            "mirror",
            Text,
            "the machine's own",
            "address of a Debian archive",
        ),
        key(
            "check-valid-until",
            Flag,
            "as apt on this machine",
            "`false` for a frozen or archived mirror; apt still checks signatures",
        ),
        key("packages", Texts, "none", "more packages for the image"),
    ],
    any_of: &[],
};

pub(super) const MIRROR: Section = Section {
    path: "mirror",
    title: "[[mirror]]",
    about: "A copy of a vendor's server. Whatever dbmatrix would fetch from addresses that begin with `of`, it fetches from the copy; the vendor's signatures and checksums are checked as ever.",
    keys: &[
        required(
            "of",
            ADDRESS,
            "the beginning of the vendor's addresses, such as `https://archive.mariadb.org`",
        ),
        required("url", ADDRESS, "the beginning of the copy's addresses"),
        key(
            "key",
            Text,
            "the vendor's",
            "the key that signs the copy, if it is not the vendor's: an address or a file",
        ),
        key(
            "fingerprints",
            Texts,
            "the vendor's",
            "which keys may sign the copy; needed with a `key` from an address",
        ),
    ],
    any_of: &[],
};

pub(super) const FLAVOUR: Section = Section {
    path: "flavour",
    title: "[[flavour]]",
    about: "A server, and how dbmatrix installs it. After the start dbmatrix asks the server for its family and version; another one than the matrix names is an error. `dbmatrix catalogue` lists the servers that need nothing but `server`.",
    keys: &[
        key(
            "server",
            SERVER,
            "none",
            "`\"family:version\"`, which dbmatrix installs; this or `url` must be there; `mysql:lts`, `mysql:innovation`, `mariadb:lts` and the like work too; `mysql:8.4.6` pins a release",
        ),
        key(
            "name",
            NAME,
            "`family-version`",
            "its name on the command line and in conditions; at most 45 letters, digits, hyphens and dots, a letter first",
        ),
        key("required", Flag, "`true`", "whether a run fails without it"),
        key(
            "settings",
            Settings,
            "those of `[defaults]`",
            "server settings, added to those of `[defaults]`",
        ),
        key(
            "memory-profile",
            PROFILES,
            "that of `[defaults]`",
            "as in `[defaults]`",
        ),
        key(
            "durability",
            DURABILITIES,
            "that of `[defaults]`",
            "as in `[defaults]`",
        ),
        key(
            "setup",
            TextsOrTables("setup"),
            "that of `[defaults]`",
            "as in `[defaults]`, in its place",
        ),
        key(
            "files",
            Tables("files"),
            "none",
            "more files, added to those of `[defaults]`",
        ),
        key("user", Text, "that of `[defaults]`", "as in `[defaults]`"),
        key(
            "password",
            SECRET,
            "that of `[defaults]`",
            "as in `[defaults]`",
        ),
        key(
            "database",
            Text,
            "that of `[defaults]`",
            "as in `[defaults]`",
        ),
        key(
            "time-zones",
            Flag,
            "that of `[defaults]`",
            "as in `[defaults]`",
        ),
        key(
            "vary",
            SettingValues,
            "none",
            "server settings with several values each, a list or a table that names them: one flavour for each combination, at most 64, all of one installation",
        ),
        key(
            "replicas",
            Tables("flavour.replicas"),
            "none",
            "servers that follow this one; see [replication](replication.md)",
        ),
        key(
            "topology",
            Word(&["async", "semi-sync", "group", "galera"], &[]),
            "`\"async\"`",
            "with `replicas`: how they and the source belong together; see [replication](replication.md)",
        ),
        FOOTPRINT,
        key(
            "source",
            Word(&["debian", "vendor", "tarball"], &[]),
            "the catalogue's first",
            "where the server comes from",
        ),
        key(
            "image",
            IMAGES,
            "the catalogue's",
            "`\"debian:SUITE\"`, or `\"images:ALIAS\"` from an image server",
        ),
        key("packages", Texts, "the catalogue's", "what to install"),
        key(
            "service",
            Text,
            "the catalogue's",
            "the server's systemd unit",
        ),
        key(
            "settings-folder",
            Text,
            "the catalogue's",
            "the folder in which the server reads settings",
        ),
        key(
            "debconf",
            Texts,
            "the catalogue's",
            "answers to the packages' questions, as `debconf-set-selections` takes them",
        ),
        key(
            "repository",
            Table("flavour.repository"),
            "the catalogue's",
            "an apt repository",
        ),
        key(
            "tarball",
            Table("flavour.tarball"),
            "none",
            "a binary tarball in place of packages",
        ),
        key(
            "url",
            Text,
            "none",
            "in place of `server`: a server that somebody else keeps, as `\"env:VARIABLE\"`, `\"file:PATH\"` or a URL; see [external servers](external-servers.md)",
        ),
        key(
            "tls",
            WordOrTable(
                &[
                    "disabled",
                    "preferred",
                    "required",
                    "verify-ca",
                    "verify-identity",
                ],
                "tls",
            ),
            "`\"preferred\"` with `url`, else that of `[defaults]`",
            "with `url`, a word: how the connection is protected; with `server`, a table: certificates of your own",
        ),
        key(
            "ca",
            Text,
            "public authorities",
            "with `url`: a PEM file with the certificate authorities that vouch for the server",
        ),
        key(
            "permissions",
            Word(&["read-only", "own-databases"], &[]),
            "`\"read-only\"`",
            "with `url`: whether only statements that read are sent, or suites run in databases of their own",
        ),
    ],
    any_of: &["server", "url"],
};

pub(super) const REPLICAS: Section = Section {
    path: "flavour.replicas",
    title: "replicas of [[flavour]]",
    about: "Servers that replicate from the flavour's own. They are called `FLAVOUR/replica-1`, `FLAVOUR/replica-2` and so on. Login, certificates, memory profile, durability and time zones are those of the flavour.",
    keys: &[
        key(
            "server",
            SERVER,
            "the flavour's own, installed and set up like it",
            "`\"family:version\"`, as in `[[flavour]]`, from where the catalogue has it",
        ),
        key("count", Count, "1", "how many there are of it"),
        key(
            "settings",
            Settings,
            "none",
            "server settings, added to those of `[defaults]`, or of the flavour where `server` is absent",
        ),
    ],
    any_of: &[],
};

pub(super) const SECRET: Takes = Matching("^(env|file):.+$");

pub(super) const SETUP: Section = Section {
    path: "setup",
    title: "setup of [[flavour]], [[suite]] and [defaults]",
    about: "Files of statements for some servers only.",
    keys: &[
        required("file", Text, "a pattern of files"),
        key(
            "onlyif",
            Text,
            "all servers",
            "a condition by family and version, such as `\"mysql>=8.0\"`",
        ),
        key(
            "skipif",
            Text,
            "none",
            "likewise, for servers without the files",
        ),
    ],
    any_of: &[],
};

pub(super) const FILES: Section = Section {
    path: "files",
    title: "files of [[flavour]] and [defaults]",
    about: "A file or folder of this machine that a server's container receives before the server's first start. The server may read it and not change it; its other permissions are those that it has here.",
    keys: &[
        required(
            "from",
            Text,
            "a file, or a folder with all that is in it; relative to the matrix's folder",
        ),
        required(
            "to",
            Matching("^/.*$"),
            "its path in the container; one that ends in `/` is the folder for it",
        ),
    ],
    any_of: &[],
};

pub(super) const TLS: Section = Section {
    path: "tls",
    title: "tls of [[flavour]] and [defaults]",
    about: "Certificates and keys of your own, files in PEM form. Commands of suites, `exec` and `env` get `MYSQL_SSL_CA`, `MYSQL_SSL_CERT` and `MYSQL_SSL_KEY`.",
    keys: &[
        required("ca", Text, "the certificate authority, for both sides"),
        required("cert", Text, "the server's certificate"),
        required("key", Text, "its key, not encrypted"),
        key(
            "client-cert",
            Text,
            "`cert`",
            "the certificate for clients; with `client-key`",
        ),
        key("client-key", Text, "`key`", "its key"),
    ],
    any_of: &[],
};

pub(super) const REPOSITORY: Section = Section {
    path: "flavour.repository",
    title: "repository of [[flavour]]",
    about: "An apt repository. A key that is absent is the catalogue's, where the catalogue has one.",
    keys: &[
        key("url", Text, "the catalogue's", "address of the repository"),
        key(
            "suite",
            Text,
            "the catalogue's, else the image's",
            "its suite",
        ),
        key(
            "components",
            Texts,
            "the catalogue's, else `[\"main\"]`",
            "its components",
        ),
        key(
            "key",
            Text,
            "the catalogue's",
            "the signing key: an address or a file",
        ),
        key(
            "fingerprints",
            Texts,
            "the catalogue's, for its own key",
            "which keys may sign",
        ),
    ],
    any_of: &[],
};

pub(super) const TARBALL: Section = Section {
    path: "flavour.tarball",
    title: "tarball of [[flavour]]",
    about: "A binary tarball: either `path`, or `url` with a checksum, or `url` with the `key` of the detached signature beside it (`URL.asc`).",
    keys: &[
        key("path", Text, "none", "a file"),
        key("url", Text, "none", "an address"),
        key(
            "sha256",
            Matching("^[0-9A-Fa-f]{64}$"),
            "none",
            "its SHA-256; dbmatrix checks it wherever it is given",
        ),
        key(
            "sha512",
            Matching("^[0-9A-Fa-f]{128}$"),
            "none",
            "its SHA-512, likewise",
        ),
        key(
            "md5",
            Matching("^[0-9A-Fa-f]{32}$"),
            "none",
            "its MD5, likewise: it shows that the file is whole, not that nobody forged it",
        ),
        key(
            "key",
            Text,
            "none",
            "the key that signs it: an address or a file",
        ),
        key(
            "fingerprints",
            Texts,
            "none",
            "the primary keys that may sign, by their full fingerprints; needed with a `key` from an address",
        ),
    ],
    any_of: &[],
};

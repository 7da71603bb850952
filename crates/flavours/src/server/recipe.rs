//! The texts of all steps that make a golden child: another text makes another golden
//! child.

use super::spec::ServerSpec;
use super::{configure, files, install, replication, settle, tarball, time_zones, tls, transcript};

/// The texts of the installation.
pub(crate) fn installation() -> String {
    [install::recipe(), tarball::recipe(), transcript::recipe()].concat()
}

/// The texts of the configuration.
pub(crate) fn configuration(spec: &ServerSpec) -> String {
    [configure::recipe(spec), tls::recipe(spec)].concat()
}

/// The texts that make it a member of a flavour with several.
pub(crate) fn membership() -> String {
    replication::recipe()
}

/// The texts that place the user's files.
pub(crate) fn placing() -> String {
    files::recipe()
}

/// The texts that fill tables of time zones.
pub(crate) fn time_zones() -> String {
    time_zones::recipe()
}

/// The texts that make its container start quickly.
pub(crate) fn settling() -> String {
    settle::recipe()
}

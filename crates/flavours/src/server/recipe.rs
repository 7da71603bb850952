//! The texts of all steps that make a golden child: another text makes another golden
//! child.

use super::spec::ServerSpec;
use super::{configure, install, settle, tarball, tls, transcript};

/// The texts of the installation.
pub(crate) fn installation() -> String {
    [install::recipe(), tarball::recipe(), transcript::recipe()].concat()
}

/// The texts of the configuration.
pub(crate) fn configuration(spec: &ServerSpec) -> String {
    [configure::recipe(spec), tls::recipe()].concat()
}

/// The texts that make its container start quickly.
pub(crate) fn settling() -> String {
    settle::recipe()
}

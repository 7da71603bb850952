//! The texts of what is done to a child until it is golden: another text makes another
//! golden child.

use super::spec::ServerSpec;
use super::{configure, install, settle, tarball, tls, transcript};

/// How a server is installed.
pub(crate) fn installation() -> String {
    [install::recipe(), tarball::recipe(), transcript::recipe()].concat()
}

/// How it is configured.
pub(crate) fn configuration(spec: &ServerSpec) -> String {
    [configure::recipe(spec), tls::recipe()].concat()
}

/// How its container is made to start quickly.
pub(crate) fn settling() -> String {
    settle::recipe()
}

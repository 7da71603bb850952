//! Why a nest or a child was not available.

use dbmatrix_engine::EngineError;
use thiserror::Error;

use crate::image::StoreError;
use crate::route::{GuardError, RouteError};

/// Why a nest or a child is not available.
#[derive(Debug, Error)]
pub enum NestError {
    /// It belongs to another user.
    #[error(
        "nest `{name}` was made by another user: `{}` may not be used; run the same command with sudo, or make a nest of your own by `--project`",
        .socket.display()
    )]
    Socket {
        /// The nest.
        name: String,
        /// The socket of its engine.
        socket: std::path::PathBuf,
    },
    /// A request to one of the two engines.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Its image.
    #[error(transparent)]
    Image(#[from] StoreError),
    /// The machine's routes.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// The path to its children.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// The subnet has no address left.
    #[error(
        "no free address is left in `{subnet}`; `dbmatrix prune` removes golden children that nothing uses"
    )]
    NoAddress {
        /// The subnet.
        subnet: String,
    },
    /// A step in the container failed.
    #[error("could not {step} in `{name}`:\n{output}")]
    Step {
        /// The attempted operation.
        step: &'static str,
        /// The container.
        name: String,
        /// The end of its output.
        output: String,
    },
    /// A flavour of that name already exists.
    #[error(
        "nest `{nest}` has a flavour `{flavour}`; give this one another name by `--name`, or another nest by `--nest`"
    )]
    Taken {
        /// The nest.
        nest: String,
        /// The name.
        flavour: String,
    },
    /// A container of that name already exists.
    #[error("that engine has a container `{name}`; give this one another name by `--name`")]
    There {
        /// The name.
        name: String,
    },
    /// A container of that name was not made by dbmatrix.
    #[error(
        "container `{name}` is there and was not made by dbmatrix: it stays as it is; rename it, or give the nest another `name`"
    )]
    Foreign {
        /// The name.
        name: String,
    },
    /// Conflicts with a flavour of a matrix.
    #[error(
        "nest `{nest}` has one of that name that was imported; give this one another `name` in the matrix, or the matrix another nest"
    )]
    Imported {
        /// The nest.
        nest: String,
    },
    /// A container of that name is not the one to be removed.
    #[error(
        "container `{name}` of the nest is not {meant}, by its own keys: it stays as it is; rename it, or `dbmatrix down` and another run make the nest anew"
    )]
    NotMeant {
        /// The name.
        name: String,
        /// What was to be removed.
        meant: String,
    },
    /// The nest was made with settings that cannot be changed in place.
    #[error(
        "nest `{name}` was made with another image, storage or `privileged`; `dbmatrix down` removes it, the next run makes it anew"
    )]
    OtherSettings {
        /// The nest.
        name: String,
    },
    /// A newer dbmatrix made it.
    #[error(
        "nest `{name}` was made by a newer dbmatrix (its keys have schema {found}, this one knows up to {known}); use that one, or remove the nest with `dbmatrix down`"
    )]
    Newer {
        /// The nest.
        name: String,
        /// Its schema.
        found: String,
        /// The newest that this dbmatrix knows.
        known: u32,
    },
    /// The inner engine does not answer.
    #[error(
        "the engine in nest `{name}` does not answer after {seconds} s; `dbmatrix down` and another run make it anew"
    )]
    InnerEngine {
        /// The nest.
        name: String,
        /// How long dbmatrix waited.
        seconds: u64,
    },
    /// A file of this machine.
    #[error("could not {step}: {source}")]
    File {
        /// The attempted operation.
        step: &'static str,
        /// The system's error.
        source: std::io::Error,
    },
    /// A setting that a container stores is invalid.
    #[error(
        "`{key}` of container `{name}` is `{found}`; `dbmatrix down` and another run make it anew"
    )]
    Record {
        /// The container.
        name: String,
        /// The setting.
        key: &'static str,
        /// Its value.
        found: String,
    },
}

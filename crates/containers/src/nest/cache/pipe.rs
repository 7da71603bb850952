//! Bytes into and out of programs in the nest.

use dbmatrix_engine::{Exec, StreamEnd, last_lines};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;

use super::error::CacheError;
use crate::nest::Nest;

/// Where the inner engine keeps its containers.
const CONTAINERS: &str = "/var/lib/incus/storage-pools/default/containers";
/// Lines of a program's errors that a message shows.
const SHOWN: usize = 5;

/// `pack` makes a tar of all that a file system keeps. `entries` finds what a container
/// holds, without the engine's own notes and what apt makes again.
const COMMANDS: &str = r#"
pack() {
    tar --create --numeric-owner --sparse --hole-detection=raw --xattrs \
        --xattrs-include='*' --acls "$@"
}
entries() {
    find . -mindepth 1 \( -path ./backup.yaml -o -path './rootfs/var/lib/apt/lists/?*' \
        -o -path './rootfs/var/cache/apt/*.bin' \) -prune -o "$@"
}
cd "$FOLDER"
"#;

/// A script in the nest.
pub(super) fn in_nest(script: &str) -> Exec {
    in_folder("/", script)
}

/// A script in the folder of a container.
pub(super) fn in_container(name: &str, script: &str) -> Exec {
    in_folder(&format!("{CONTAINERS}/{name}"), script)
}

fn in_folder(folder: &str, script: &str) -> Exec {
    Exec::script(&format!("{COMMANDS}{script}"))
        .env("FOLDER", folder)
        .env("LC_ALL", "C")
}

/// Runs a program in the nest with these streams; it must succeed.
pub(super) async fn pipe(
    nest: &Nest,
    step: &str,
    exec: &Exec,
    input: impl AsyncRead + Unpin,
    output: impl AsyncWrite + Unpin,
) -> Result<(), CacheError> {
    let mut errors = Vec::new();
    let streams = nest.host.attach(&nest.name, exec, None).await?;
    let (_orders, none) = mpsc::channel(1);
    let ended = streams.forward_bytes(input, output, &mut errors, none);
    match ended.await? {
        StreamEnd::Exited(0) => Ok(()),
        ended => Err(CacheError::Step {
            step: step.to_owned(),
            nest: nest.name.clone(),
            output: match ended {
                StreamEnd::Exited(status) => last_lines(&errors, SHOWN, status),
                _ => format!("it ended with {ended:?}"),
            },
        }),
    }
}

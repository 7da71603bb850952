//! Installed packages: those that an installation added, and those that a lock requires.

use std::collections::BTreeSet;

use dbmatrix_containers::nest::Child;
use dbmatrix_engine::Exec;
use dbmatrix_sql::package::PackageVersion;

use super::{ServerError, succeed};

/// All packages of the child.
pub(super) async fn installed(child: &Child) -> Result<BTreeSet<PackageVersion>, ServerError> {
    let list = Exec::new(
        "dpkg-query",
        ["--show", "--showformat", "${Package}=${Version}\n"],
    );
    let output = succeed(child, "list the installed packages", list).await?;
    let lines = output.stdout.lines();
    Ok(lines.filter_map(|line| line.parse().ok()).collect())
}

//! `dbmatrix list`.

use std::collections::BTreeMap;

use bytesize::ByteSize;
use comfy_table::{Table, presets};

use super::args::{ListArgs, Place};
use super::run::load_matrix;
use super::{Failure, privilege, say};
use crate::event::Verdict;
use crate::host::{Survey, survey};
use crate::nest::{Kind, Listed, disk_usage, list_all};

/// Shows nests and children.
pub(super) async fn list(place: &Place, args: &ListArgs) -> Result<Verdict, Failure> {
    let nest = match &args.matrix {
        Some(path) => Some(load_matrix(path)?.nest.name),
        None => None,
    };
    privilege::become_root()?;
    let found = survey(&place.engine()).await;
    let mut rows = match &found {
        Survey::Running(engine) => list_all(engine, &place.project)
            .await
            .map_err(Failure::not_provided)?,
        Survey::Installed(_) | Survey::Absent(_) => {
            say(format_args!("{found}: nothing is up"));
            return Ok(Verdict::Passed);
        }
    };
    rows.retain(|row| nest.as_ref().is_none_or(|name| row.nest == *name));
    if rows.is_empty() {
        say(format_args!(
            "nothing is there; `dbmatrix run MATRIX` or `dbmatrix up MATRIX` makes it"
        ));
        return Ok(Verdict::Passed);
    }
    let sizes = sizes(&found, place, &rows).await;
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header([
        "NEST",
        "NAME",
        "SERVER",
        "VERSION",
        "STATE",
        "IPV4",
        "SNAPSHOTS",
        "DISK",
    ]);
    for row in rows {
        let name = match &row.kind {
            Kind::Nest => "",
            Kind::Flavour(name) => name,
            Kind::Golden => "(golden)",
            Kind::Ahead => "(for the next run)",
            Kind::Other => &row.container,
        };
        let size = sizes.get(&(row.nest.clone(), row.container.clone()));
        let size = size.map_or_else(String::new, |bytes| {
            ByteSize(*bytes).display().iec().to_string()
        });
        table.add_row([
            row.nest.clone(),
            name.to_owned(),
            row.server,
            row.version,
            row.state,
            row.address,
            row.snapshots.to_string(),
            size,
        ]);
    }
    say(format_args!("{table}"));
    Ok(Verdict::Passed)
}

/// Bytes that each child takes for itself, by nest and container, where they
/// can be measured.
async fn sizes(found: &Survey, place: &Place, rows: &[Listed]) -> Sizes {
    let mut sizes = Sizes::new();
    let Survey::Running(engine) = found else {
        return sizes;
    };
    let inside = engine.in_project(&place.project);
    for nest in rows.iter().filter(|row| row.kind == Kind::Nest) {
        match disk_usage(&inside, &nest.nest).await {
            Ok(of_nest) => sizes.extend(
                of_nest
                    .into_iter()
                    .map(|(child, bytes)| ((nest.nest.clone(), child), bytes)),
            ),
            Err(error) => tracing::debug!(%error, "the disk was not measured"),
        }
    }
    sizes
}

type Sizes = BTreeMap<(String, String), u64>;

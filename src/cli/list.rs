//! `dbmatrix list`.

use bytesize::ByteSize;
use comfy_table::{Table, presets};

use super::args::{ListArgs, Place};
use super::run::load_matrix;
use super::{Failure, privilege, say};
use crate::event::Verdict;
use crate::host::{Survey, survey};
use crate::nest::{Kind, list_all};

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
            Kind::Other => &row.container,
        };
        table.add_row([
            row.nest.clone(),
            name.to_owned(),
            row.server,
            row.version,
            row.state,
            row.address,
            row.snapshots.to_string(),
            row.disk.map_or_else(String::new, |bytes| {
                ByteSize(bytes).display().iec().to_string()
            }),
        ]);
    }
    say(format_args!("{table}"));
    Ok(Verdict::Passed)
}

//! Views.

use super::catalog::{Catalog, quoted_name};
use super::object::{ObjectKind, ObjectName, Property};
use super::written::tokens;
use super::{Content, ContentError};
use crate::outcome::Outcome;

pub(super) async fn read_views(
    catalog: &mut Catalog<'_>,
    content: &mut Content,
) -> Result<(), ContentError> {
    let columns = [
        "TABLE_SCHEMA",
        "TABLE_NAME",
        "VIEW_DEFINITION",
        "CHECK_OPTION",
        "DEFINER",
        "SECURITY_TYPE",
        "CHARACTER_SET_CLIENT",
        "COLLATION_CONNECTION",
    ];
    let rows = catalog.describe("its views", "VIEWS", "TABLE_SCHEMA", columns);
    for [
        database,
        view,
        definition,
        check,
        definer,
        security,
        charset,
        collation,
    ] in rows.await?
    {
        let name = ObjectName::new(ObjectKind::View, &database, &view);
        let object = content.objects.entry(name).or_default();
        object.note("definition", Property::expression(&definition));
        object.note("check option", Property::exact(&check));
        object.note("definer", Property::exact(&definer));
        object.note("security", Property::exact(&security));
        object.note("character set", Property::sql(&charset));
        object.note("collation", Property::sql(&collation));
        let (database, view) = (quoted_name(&database), quoted_name(&view));
        let create = format!("SHOW CREATE VIEW {database}.{view}");
        if let Some(created) = catalog.created(&create, 1).await? {
            object.note("algorithm", Property::sql(&algorithm(&created)));
        }
        let probe = format!("SELECT 1 FROM {database}.{view} LIMIT 0");
        if let Outcome::Refused(error) = catalog.session.run(&probe).await? {
            object.broken = Some(error.to_string());
        }
    }
    Ok(())
}

/// The word behind `ALGORITHM=`. `information_schema` has it in MariaDB alone.
fn algorithm(created: &str) -> String {
    match tokens(created).as_slice() {
        ["CREATE", "ALGORITHM", "=", word, ..] => (*word).to_owned(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_algorithm_of_a_view_is_read() {
        let created =
            "CREATE ALGORITHM=MERGE DEFINER=`a`@`%` SQL SECURITY DEFINER VIEW `v` AS select 1";
        assert_eq!(algorithm(created), "MERGE");
        assert_eq!(algorithm("CREATE VIEW `v` AS select 1"), "");
    }
}

//! Partitions of tables.

use super::catalog::Catalog;
use super::object::Property;
use super::table::table_of;
use super::{Content, ContentError};

pub(super) async fn read_partitions(
    catalog: &mut Catalog<'_>,
    content: &mut Content,
) -> Result<(), ContentError> {
    let columns = [
        "TABLE_SCHEMA",
        "TABLE_NAME",
        "PARTITION_NAME",
        "SUBPARTITION_NAME",
        "PARTITION_ORDINAL_POSITION",
        "PARTITION_METHOD",
        "PARTITION_EXPRESSION",
        "PARTITION_DESCRIPTION",
        "SUBPARTITION_METHOD",
        "SUBPARTITION_EXPRESSION",
        "PARTITION_COMMENT",
    ];
    let rows = catalog.describe("its partitions", "PARTITIONS", "TABLE_SCHEMA", columns);
    for row in rows.await? {
        let [
            database,
            table,
            name,
            sub,
            place,
            method,
            expression,
            end,
            sub_method,
            sub_expression,
            comment,
        ] = row;
        if name.is_empty() {
            continue;
        }
        let name = match sub.is_empty() {
            true => format!("partition `{name}`"),
            false => format!("partition `{name}`, `{sub}`"),
        };
        let text = format!("{place}: {method} ({expression}) {end} {sub_method} {sub_expression}");
        if let Some(object) = table_of(content, &database, &table) {
            let comment = Property::exact(&comment);
            object.note(format!("{name}: comment"), comment);
            object.note(name, Property::sql(text.trim_end()));
        }
    }
    Ok(())
}

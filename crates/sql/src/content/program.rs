//! Routines, triggers and events.

use super::catalog::{Catalog, quoted_name};
use super::object::{Object, ObjectKind, ObjectName, Property};
use super::written::sorted_list;
use super::{Content, ContentError};

/// A stored program's text. Servers keep it as it was written.
const BODY: &str = "body";

pub(super) async fn read_programs(
    catalog: &mut Catalog<'_>,
    content: &mut Content,
) -> Result<(), ContentError> {
    read_routines(catalog, content).await?;
    read_parameters(catalog, content).await?;
    read_triggers(catalog, content).await?;
    read_events(catalog, content).await?;
    find_broken(catalog, content).await
}

/// Lets the server read each program again, as it does before it runs one. It refuses one
/// that has a word that became a keyword.
async fn find_broken(catalog: &mut Catalog<'_>, content: &mut Content) -> Result<(), ContentError> {
    for (name, object) in &mut content.objects {
        let kind = match name.kind {
            ObjectKind::Procedure => "PROCEDURE",
            ObjectKind::Function => "FUNCTION",
            ObjectKind::Trigger => "TRIGGER",
            ObjectKind::Event => "EVENT",
            _ => continue,
        };
        let (database, program) = (quoted_name(&name.database), quoted_name(&name.name));
        let create = format!("SHOW CREATE {kind} {database}.{program}");
        if let Err(error) = catalog.shown(&create, 2).await? {
            object.broken = Some(error.to_string());
        }
    }
    Ok(())
}

fn kind_of_routine(word: &str) -> ObjectKind {
    match word {
        "PROCEDURE" => ObjectKind::Procedure,
        "FUNCTION" => ObjectKind::Function,
        _ => ObjectKind::Package,
    }
}

/// Notes the properties that every program has.
fn note_program(object: &mut Object, program: Program<'_>) {
    let Program {
        body,
        mode,
        definer,
        charset,
        collations: [collation, of_database],
    } = program;
    object.note(BODY, Property::exact(body.trim()));
    object.note("sql mode", Property::with_plain(mode, sorted_list(mode)));
    object.note("definer", Property::exact(definer));
    object.note("character set", Property::sql(charset));
    object.note("collation", Property::sql(collation));
    object.note("collation of the database", Property::sql(of_database));
}

/// What every program has.
struct Program<'a> {
    body: &'a str,
    mode: &'a str,
    definer: &'a str,
    charset: &'a str,
    /// Of literals in it, and of the database at its creation.
    collations: [&'a str; 2],
}

async fn read_routines(
    catalog: &mut Catalog<'_>,
    content: &mut Content,
) -> Result<(), ContentError> {
    let columns = [
        "ROUTINE_SCHEMA",
        "ROUTINE_NAME",
        "ROUTINE_TYPE",
        "ROUTINE_DEFINITION",
        "SQL_MODE",
        "DEFINER",
        "CHARACTER_SET_CLIENT",
        "IS_DETERMINISTIC",
        "SQL_DATA_ACCESS",
        "SECURITY_TYPE",
        "ROUTINE_COMMENT",
        "COLLATION_CONNECTION",
        "DATABASE_COLLATION",
    ];
    let rows = catalog.describe("its routines", "ROUTINES", "ROUTINE_SCHEMA", columns);
    for row in rows.await? {
        let [database, name, form, body, mode, definer, charset, ..] = &row;
        let [
            ..,
            deterministic,
            access,
            security,
            comment,
            collation,
            of_database,
        ] = &row;
        let mut object = Object::default();
        let program = Program {
            body,
            mode,
            definer,
            charset,
            collations: [collation, of_database],
        };
        note_program(&mut object, program);
        object.note("deterministic", Property::exact(deterministic));
        object.note("data access", Property::exact(access));
        object.note("security", Property::exact(security));
        object.note("comment", Property::exact(comment));
        // A package and its body have the same name.
        let name = match form.as_str() {
            "PACKAGE BODY" => format!("{name} (body)"),
            _ => name.clone(),
        };
        let name = ObjectName::new(kind_of_routine(form), database, &name);
        content.objects.insert(name, object);
    }
    Ok(())
}

async fn read_parameters(
    catalog: &mut Catalog<'_>,
    content: &mut Content,
) -> Result<(), ContentError> {
    let columns = [
        "SPECIFIC_SCHEMA",
        "SPECIFIC_NAME",
        "ROUTINE_TYPE",
        "ORDINAL_POSITION",
        "PARAMETER_MODE",
        "PARAMETER_NAME",
        "DTD_IDENTIFIER",
        "COLLATION_NAME",
        "PARAMETER_DEFAULT",
    ];
    let what = "parameters of its routines";
    let rows = catalog.describe(what, "PARAMETERS", "SPECIFIC_SCHEMA", columns);
    for [
        database,
        routine,
        form,
        place,
        mode,
        name,
        of_type,
        collation,
        default,
    ] in rows.await?
    {
        let routine = ObjectName::new(kind_of_routine(&form), &database, &routine);
        let Some(object) = content.objects.get_mut(&routine) else {
            continue;
        };
        // A function's result has the place 0 and no name.
        let parameter = match place.as_str() {
            "0" => "result".to_owned(),
            place => format!("parameter {place}"),
        };
        let plain = super::written::column_type(&of_type);
        let of_type = Property::with_plain(&of_type, plain);
        object.note(format!("{parameter}: type"), of_type);
        object.note(format!("{parameter}: collation"), Property::sql(&collation));
        object.note(
            format!("{parameter}: default"),
            Property::expression(&default),
        );
        let text = format!("{mode} {name}");
        object.note(parameter, Property::sql(text.trim()));
    }
    Ok(())
}

async fn read_triggers(
    catalog: &mut Catalog<'_>,
    content: &mut Content,
) -> Result<(), ContentError> {
    let columns = [
        "TRIGGER_SCHEMA",
        "TRIGGER_NAME",
        "EVENT_MANIPULATION",
        "EVENT_OBJECT_TABLE",
        "ACTION_TIMING",
        "ACTION_STATEMENT",
        "SQL_MODE",
        "DEFINER",
        "CHARACTER_SET_CLIENT",
        "ACTION_ORDER",
        "COLLATION_CONNECTION",
        "DATABASE_COLLATION",
    ];
    let rows = catalog.describe("its triggers", "TRIGGERS", "TRIGGER_SCHEMA", columns);
    for [
        database,
        name,
        event,
        table,
        time,
        body,
        mode,
        definer,
        charset,
        order,
        collation,
        of_database,
    ] in rows.await?
    {
        let mut object = Object::default();
        let program = Program {
            body: &body,
            mode: &mode,
            definer: &definer,
            charset: &charset,
            collations: [&collation, &of_database],
        };
        note_program(&mut object, program);
        let when = format!("{time} {event} ON {table}");
        object.note("moment", Property::exact(&when));
        // MySQL before 5.7 and MariaDB before 10.2.3 have one trigger of a moment.
        let place = if order == "0" { "1" } else { &order };
        object.note("order", Property::with_plain(&order, place.to_owned()));
        let name = ObjectName::new(ObjectKind::Trigger, &database, &name);
        content.objects.insert(name, object);
    }
    Ok(())
}

async fn read_events(catalog: &mut Catalog<'_>, content: &mut Content) -> Result<(), ContentError> {
    let columns = [
        "EVENT_SCHEMA",
        "EVENT_NAME",
        "EVENT_DEFINITION",
        "SQL_MODE",
        "DEFINER",
        "CHARACTER_SET_CLIENT",
        "TIME_ZONE",
        "EXECUTE_AT",
        "INTERVAL_VALUE",
        "INTERVAL_FIELD",
        "STARTS",
        "ENDS",
        "STATUS",
        "ON_COMPLETION",
        "EVENT_COMMENT",
        "COLLATION_CONNECTION",
        "DATABASE_COLLATION",
    ];
    let rows = catalog.describe("its events", "EVENTS", "EVENT_SCHEMA", columns);
    for row in rows.await? {
        let [database, name, body, mode, definer, charset, zone, ..] = &row;
        let [
            ..,
            at,
            value,
            unit,
            starts,
            ends,
            status,
            completion,
            comment,
            collation,
            of_database,
        ] = &row;
        let mut object = Object::default();
        let program = Program {
            body,
            mode,
            definer,
            charset,
            collations: [collation, of_database],
        };
        note_program(&mut object, program);
        let every = format!("{value} {unit}");
        object.note("time zone", Property::exact(zone));
        object.note("at", Property::exact(at));
        object.note("every", Property::exact(every.trim()));
        object.note("starts", Property::exact(starts));
        object.note("ends", Property::exact(ends));
        // A replica has its own word for an event that runs on its source.
        let runs = match status.as_str() {
            "SLAVESIDE_DISABLED" | "REPLICA_SIDE_DISABLED" => "ENABLED",
            other => other,
        };
        object.note("status", Property::with_plain(status, runs.to_owned()));
        object.note("on completion", Property::exact(completion));
        object.note("comment", Property::exact(comment));
        let name = ObjectName::new(ObjectKind::Event, database, name);
        content.objects.insert(name, object);
    }
    Ok(())
}

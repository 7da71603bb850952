//! Asks a server how it reads the tables of a log's statement.

use dbmatrix_sql::compare::Plan;
use dbmatrix_sql::outcome::Outcome;
use dbmatrix_sql::session::Connect;
use dbmatrix_sql::sql_text::Sql;
use dbmatrix_sql::suite::{Facts, statement_form};
use dbmatrix_sql::version::{Family, Version};

use super::sessions::{Reply, Sessions, Until};

/// First words of statements that `EXPLAIN` takes.
const EXPLAINED: [&str; 8] = [
    "SELECT", "WITH", "TABLE", "VALUES", "INSERT", "REPLACE", "UPDATE", "DELETE",
];

/// How the server reads the tables of a statement with this outcome; `None` where it does
/// not say. An error says why the case cannot continue.
pub(super) async fn plan_of(
    sessions: &mut Sessions<'_, impl Connect>,
    facts: &Facts,
    sql: &Sql,
    outcome: &Outcome,
    until: Until,
) -> Result<Option<Plan>, String> {
    if outcome.refusal().is_some() || !is_explained(sql) {
        return Ok(None);
    }
    let question = [explain(facts).as_bytes(), sql.bytes()].concat();
    let reply = sessions.send(&None, &question.into(), until, false).await?;
    Ok(match reply {
        Reply::Outcome(outcome, _) => outcome.rows().and_then(Plan::read),
        Reply::Failed(_) => None,
    })
}

fn is_explained(sql: &Sql) -> bool {
    let form = statement_form(&sql.text());
    let mut words = form.split([' ', '(']).filter(|word| !word.is_empty());
    words.next().is_some_and(|word| EXPLAINED.contains(&word))
}

/// The words that ask for rows. MySQL may have another form as its default
/// (`explain_format`), and MariaDB has no word for this one.
fn explain(facts: &Facts) -> &'static str {
    let has_forms = !matches!(facts.family, Family::Mariadb | Family::Tidb);
    match has_forms && facts.version >= Version::release(5, 6) {
        true => "EXPLAIN FORMAT=TRADITIONAL ",
        false => "EXPLAIN ",
    }
}

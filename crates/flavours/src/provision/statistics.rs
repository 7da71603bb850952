//! Has a server count what its setup has filled.
//!
//! A server does this by itself some seconds after much has changed, and a setup is over
//! before that: all copies would choose their plans as if the tables were empty.

use dbmatrix_sql::session::{Connect, Session, SessionError};

use crate::server::{Server, ServerError};

/// Statements that count the tables of the user's databases. They are in the binary log
/// too, so replicas count what they have received.
const STATEMENTS: &str = "\
    SELECT CONCAT('ANALYZE TABLE `', REPLACE(TABLE_SCHEMA, '`', '``'), '`.`', \
        REPLACE(TABLE_NAME, '`', '``'), '`') \
    FROM information_schema.TABLES \
    WHERE TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') \
    AND ENGINE IN ('InnoDB', 'MyISAM', 'Aria') AND TABLE_SCHEMA NOT IN \
        ('information_schema', 'performance_schema', 'mysql', 'sys', 'ndbinfo')";

/// Renews the statistics of all tables. A table that the server cannot read is a row of its
/// answer, and stays as it is.
pub(super) async fn renew_statistics(server: &Server) -> Result<(), ServerError> {
    let renewed = async {
        let mut session = server.connect(None).await?;
        for statement in statements(&mut session).await? {
            session.run(statement).await?;
        }
        session.close().await;
        Ok::<_, SessionError>(())
    };
    renewed.await.map_err(ServerError::Session)
}

async fn statements(session: &mut Session) -> Result<Vec<Vec<u8>>, SessionError> {
    let outcome = session.run(STATEMENTS).await?;
    let rows = outcome.rows().into_iter().flat_map(|set| set.rows.iter());
    let statements = rows.filter_map(|row| row.iter().next().flatten());
    Ok(statements.map(<[u8]>::to_vec).collect())
}

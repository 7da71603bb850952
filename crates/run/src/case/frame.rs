//! The transaction around a step that is rolled back.

use dbmatrix_sql::session::Connect;
use dbmatrix_sql::sql_text::Sql;

use super::Runner;
use crate::sessions::Reply;

/// A statement around a step that is rolled back.
#[derive(Debug, Clone, Copy)]
pub(super) enum Frame {
    Begin,
    RollBack,
}

impl Frame {
    fn as_str(self) -> &'static str {
        match self {
            Frame::Begin => "START TRANSACTION",
            Frame::RollBack => "ROLLBACK",
        }
    }
}

impl<S: Connect> Runner<'_, S> {
    /// Sends a statement that begins or rolls back the transaction around a step.
    pub(super) async fn frame(&mut self, frame: Frame) -> Result<(), String> {
        let until = self.until();
        let sql = Sql::from(frame.as_str().as_bytes().to_vec());
        match self.sessions.send(&None, &sql, until, false).await? {
            Reply::Outcome(outcome, _) => match outcome.refusal() {
                Some(error) => Err(format!("`{}` failed: {error}", frame.as_str())),
                None => Ok(()),
            },
            Reply::Failed(failure) => Err(format!("`{}`: {}", frame.as_str(), failure.found)),
        }
    }
}

//! The authority that vouches for a server's certificate, for clients that
//! want to check it.

use super::ServerError;
use crate::engine::{Engine, Exec};
use crate::session::{Connect, SessionError};

/// Prints a file whose path may be relative to the data folder.
const SHOW: &str = r#"
cd "$DATADIR"
cat "$CA"
"#;

/// The authority's certificate in PEM, read in the server's container; `None`
/// where the server offers no TLS, or TLS without one (MariaDB since 11.4 makes
/// a certificate that only the password vouches for).
///
/// # Errors
/// As of the session and the engine.
pub async fn certificate_authority(
    server: &impl Connect,
    engine: &Engine,
    container: &str,
) -> Result<Option<String>, ServerError> {
    let Some((folder, file)) = paths(server).await.map_err(ServerError::Session)? else {
        return Ok(None);
    };
    let show = Exec::script(SHOW).env("DATADIR", &folder).env("CA", &file);
    let output = engine.exec(container, &show).await?;
    Ok(output.success().then_some(output.stdout))
}

async fn paths(server: &impl Connect) -> Result<Option<(String, String)>, SessionError> {
    let mut session = server.connect(None).await?;
    let row = session.first_row("SELECT @@datadir, @@ssl_ca").await?;
    session.close().await;
    match row.as_slice() {
        [Some(folder), Some(file)] if !file.is_empty() => Ok(Some((folder.clone(), file.clone()))),
        _ => Ok(None),
    }
}

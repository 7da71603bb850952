//! The certificate that authenticates a server: read in its container, pinned for
//! dbmatrix's own logins, and given to clients that want to check it.

use dbmatrix_containers::nest::Child;
use dbmatrix_engine::{Engine, Exec};
use dbmatrix_sql::session::{Connect, SessionError, TlsPolicy};

use super::login::Server;
use super::{ServerError, succeed};

/// Prints a file whose path may be relative to the data folder.
const SHOW: &str = r#"
cd "$DATADIR"
cat "$FILE"
"#;

/// Where a server keeps its certificates.
struct Files {
    data_folder: String,
    authority: Option<String>,
    certificate: Option<String>,
    /// Whether this session is encrypted.
    is_encrypted: bool,
}

/// Determines how connections to a new server are protected from now on: by its
/// certificate, as stored in its container. A server without TLS is always reached in
/// plain text.
///
/// # Errors
/// [`ServerError::Certificate`] if the server presents another one; as of the
/// session and the engine.
pub async fn pin(server: &Server, child: &Child) -> Result<TlsPolicy, ServerError> {
    let files = files(server).await.map_err(ServerError::Session)?;
    if !files.is_encrypted {
        return Ok(TlsPolicy::Plain);
    }
    let Some(file) = &files.certificate else {
        return Err(ServerError::Certificate {
            reason: "the server names no file of it (`ssl-cert`)".to_owned(),
        });
    };
    let show = Exec::script(SHOW)
        .env("DATADIR", &files.data_folder)
        .env("FILE", file);
    let output = succeed(child, "read the server's certificate", show).await?;
    let policy = TlsPolicy::Pinned(output.stdout.into());
    match server.protected(policy.clone()).connect(None).await {
        Ok(session) => {
            session.close().await;
            Ok(policy)
        }
        Err(error) => Err(ServerError::Certificate {
            reason: format!("`{file}`: {error}"),
        }),
    }
}

/// The authority's certificate in PEM, read in the server's container; `None` if the
/// server offers no TLS, or TLS without one (since 11.4 MariaDB makes a certificate that
/// only the password authenticates).
///
/// # Errors
/// As of the session and the engine.
pub async fn certificate_authority(
    server: &impl Connect,
    engine: &Engine,
    container: &str,
) -> Result<Option<String>, ServerError> {
    let files = files(server).await.map_err(ServerError::Session)?;
    let Some(file) = files.authority else {
        return Ok(None);
    };
    let show = Exec::script(SHOW)
        .env("DATADIR", &files.data_folder)
        .env("FILE", &file);
    let output = engine.exec(container, &show).await?;
    Ok(output.success().then_some(output.stdout))
}

async fn files(server: &impl Connect) -> Result<Files, SessionError> {
    let mut session = server.connect(None).await?;
    let row = session
        .first_row("SELECT @@datadir, @@ssl_ca, @@ssl_cert")
        .await?;
    let cipher = session
        .first_row("SHOW SESSION STATUS LIKE 'Ssl_cipher'")
        .await?;
    session.close().await;
    let mut named = row
        .into_iter()
        .map(|value| value.filter(|name| !name.is_empty()));
    let mut next = || named.next().flatten();
    Ok(Files {
        data_folder: next().unwrap_or_default(),
        authority: next(),
        certificate: next(),
        is_encrypted: matches!(cipher.as_slice(), [_, Some(cipher)] if !cipher.is_empty()),
    })
}

//! `tls` of a server that dbmatrix makes: the user's own certificates.

use std::path::Path;

use dbmatrix_config::TableReader;
use dbmatrix_sql::session::{check_certificates, check_key_pair};

use super::defaults::LocalFiles;
use super::files::local_file;
use crate::server::Certificates;

/// The certificates of one table; `None` without the key, or with a problem.
pub(super) fn read(
    table: &TableReader<'_>,
    folder: &Path,
    presence: LocalFiles,
) -> Option<Certificates> {
    let expected = "a table of certificates, since `tls` is a word only beside a `url`";
    let tls = table.shared_table("tls", expected)?;
    let file = |key| {
        let name = tls.text(key)?;
        Some(local_file(&tls, folder, &name, presence))
    };
    let (ca, cert, key) = (file("ca"), file("cert"), file("key"));
    let (client_cert, client_key) = (file("client-cert"), file("client-key"));
    tls.finish();
    let (Some(ca), Some(certificate), Some(key)) = (ca, cert, key) else {
        if !["ca", "cert", "key"].iter().all(|key| tls.has(key)) {
            let expected = "expected `ca`, `cert` and `key`, files in PEM form";
            tls.problem(tls.span(), expected);
        }
        return None;
    };
    let client = match (client_cert, client_key) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        _ => {
            let expected = "expected `client-cert` and `client-key` together";
            tls.problem(tls.span(), expected);
            return None;
        }
    };
    let certificates = Certificates {
        ca,
        certificate,
        key,
        client,
    };
    if presence == LocalFiles::Required {
        check(&tls, &certificates);
    }
    Some(certificates)
}

/// Reports what the server would only say in its log.
fn check(tls: &TableReader<'_>, certificates: &Certificates) {
    let Certificates {
        ca,
        certificate,
        key,
        client,
    } = certificates;
    let all = [ca, certificate, key].into_iter();
    let all = all.chain(
        client
            .iter()
            .flat_map(|(certificate, key)| [certificate, key]),
    );
    // What is missing was reported.
    if !all.into_iter().all(|path| path.is_file()) {
        return;
    }
    let problem = |at: &str, message: String| {
        tls.problem(tls.span_of(at).unwrap_or_else(|| tls.span()), message);
    };
    if let Err(reason) = check_certificates(ca) {
        problem("ca", format!("`{}`: {reason}", ca.display()));
    }
    if let Err(reason) = check_key_pair(certificate, key) {
        problem("key", reason);
    }
    if let Some((certificate, key)) = client
        && let Err(reason) = check_key_pair(certificate, key)
    {
        problem("client-key", reason);
    }
}

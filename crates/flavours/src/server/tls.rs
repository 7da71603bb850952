//! A server's certificate: the user's own, or one for servers that would otherwise generate
//! one at each start.

use dbmatrix_containers::nest::Child;
use dbmatrix_engine::Exec;
use dbmatrix_sql::version::{Family, Version};

use super::files::place_files;
use super::spec::{Certificates, PlacedFile};
use super::{ServerError, ServerSpec};

/// Since 11.4 MariaDB generates a key of 4096 bits at each start (MDEV-31856), which took
/// from 0.2 to 1.5 s in measurements. Generating it once is enough, and only a permanent
/// key can be pinned.
const MAKE: &str = r#"
command -v openssl > /dev/null || exit 3
mkdir -p /etc/mysql/dbmatrix
cd /etc/mysql/dbmatrix
if [ ! -s certificate.pem ]; then
    openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=dbmatrix -keyout key.pem -out certificate.pem
fi
chown root:mysql key.pem certificate.pem
chmod 0640 key.pem
"#;
const NO_OPENSSL: i64 = 3;

const SETTINGS: &str = "\
ssl-cert = /etc/mysql/dbmatrix/certificate.pem
ssl-key = /etc/mysql/dbmatrix/key.pem
";

const OWN_SETTINGS: &str = "\
ssl-ca = /etc/mysql/dbmatrix/ca.pem
ssl-cert = /etc/mysql/dbmatrix/certificate.pem
ssl-key = /etc/mysql/dbmatrix/key.pem
";

/// Lines of the option file that name the key; none if the server has its own or needs
/// none.
pub(super) async fn ensure(child: &Child, spec: &ServerSpec) -> Result<&'static str, ServerError> {
    if let Some(certificates) = &spec.certificates {
        place_files(child, &placed(certificates)).await?;
        return Ok(OWN_SETTINGS);
    }
    let makes_one = spec.family == Family::Mariadb && spec.version >= Version::release(11, 4);
    let has_one = spec.sets("ssl-key") || spec.sets("ssl-cert") || spec.sets("skip-ssl");
    if !makes_one || has_one {
        return Ok("");
    }
    let output = child.engine.exec(&child.name, &Exec::script(MAKE)).await?;
    match output.status {
        0 => Ok(SETTINGS),
        NO_OPENSSL => Err(ServerError::Step {
            step: "make a key for TLS",
            output: "the image has no `openssl`; add it to the image's `packages`".to_owned(),
        }),
        _ => Err(ServerError::Step {
            step: "make a key for TLS",
            output: output.tail(5),
        }),
    }
}

fn placed(certificates: &Certificates) -> [PlacedFile; 3] {
    let Certificates {
        ca,
        certificate,
        key,
        ..
    } = certificates;
    let files = [
        (ca, "ca.pem"),
        (certificate, "certificate.pem"),
        (key, "key.pem"),
    ];
    files.map(|(from, name)| PlacedFile {
        from: from.clone(),
        to: format!("/etc/mysql/dbmatrix/{name}"),
    })
}

/// The part of a server's key that covers this.
pub(super) fn recipe(spec: &ServerSpec) -> String {
    match spec.certificates {
        Some(_) => OWN_SETTINGS.to_owned(),
        None => [MAKE, SETTINGS].concat(),
    }
}

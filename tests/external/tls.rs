//! TLS with right and wrong certificates, and with servers that speak none.

use crate::Outcome;
use crate::certificates::{Authority, Pair, self_signed};
use crate::sandbox::{Sandbox, check};
use crate::server::Mariadb;

fn matrix(tls: &str, ca: &str) -> String {
    let ca = match ca {
        "" => String::new(),
        path => format!("ca = '{path}'\n"),
    };
    format!("[[flavour]]\nname = 'secure'\nurl = 'env:SECURE_URL'\ntls = '{tls}'\n{ca}")
}

/// Certificates, modes, and what comes of each pair of them.
pub(crate) fn modes(sandbox: &Sandbox) -> Outcome {
    let (ours, others) = (Authority::new(), Authority::new());
    let right = ours.sign("127.0.0.1", false);
    let pairs = [
        ("right", right),
        ("wrong-name", ours.sign("db.example.test", false)),
        ("expired", ours.sign("127.0.0.1", true)),
        ("self-signed", self_signed("127.0.0.1")),
        ("another-authority", others.sign("127.0.0.1", false)),
    ];
    let keep = sandbox.project(&[]);
    let write = |pair: &Pair| -> std::io::Result<()> {
        std::fs::write(keep.path("cert.pem"), &pair.certificate)?;
        std::fs::write(keep.path("key.pem"), &pair.key)
    };
    write(&pairs[0].1)?;
    let certificate = format!("--ssl-cert={}", keep.path("cert.pem").display());
    let key = format!("--ssl-key={}", keep.path("key.pem").display());
    let mut server = Mariadb::start(sandbox.folder(), "tls", &[&certificate, &key])?;
    let project = sandbox.project(&[("ca.pem", &ours.pem())]);
    let project = project.with("SECURE_URL", &server.url("app", ""));
    let mut told = Vec::new();
    let mut failed = Vec::new();
    for (name, pair) in &pairs {
        write(pair)?;
        server.sql("FLUSH SSL")?;
        for (mode, ca) in [
            ("disabled", ""),
            ("preferred", ""),
            ("required", ""),
            ("verify-ca", "ca.pem"),
            ("verify-identity", "ca.pem"),
            ("verify-identity", ""),
        ] {
            std::fs::write(project.path("m.toml"), matrix(mode, ca))?;
            let sql = "SHOW STATUS LIKE 'Ssl_version'";
            let ran = project.run(&["connect", "--matrix", "m.toml", "secure", "-e", sql])?;
            let found = match ran.status {
                0 if ran.text.contains("TLSv1") => "TLS".to_owned(),
                0 => "plain".to_owned(),
                3 => {
                    let reason = ran
                        .text
                        .split("is not trusted: ")
                        .nth(1)
                        .unwrap_or(&ran.text);
                    reason.trim().to_owned()
                }
                other => format!("{other}: {}", ran.text),
            };
            let with = if ca.is_empty() { "" } else { " with `ca`" };
            told.push(format!("{name}, {mode}{with}: {found}"));
        }
    }
    server.stop();
    let expected = EXPECTED.trim().lines();
    for (found, expected) in told.iter().zip(expected) {
        if found != expected {
            failed.push(format!("found    {found}\nexpected {expected}"));
        }
    }
    check(failed.is_empty() && told.len() == 30, failed.join("\n"))
}

const EXPECTED: &str = "
right, disabled: plain
right, preferred: TLS
right, required: TLS
right, verify-ca with `ca`: TLS
right, verify-identity with `ca`: TLS
right, verify-identity: its certificate is signed by nobody known; `ca` names a file with its certificate authority
wrong-name, disabled: plain
wrong-name, preferred: TLS
wrong-name, required: TLS
wrong-name, verify-ca with `ca`: TLS
wrong-name, verify-identity with `ca`: its certificate is not for `127.0.0.1`; `tls = \"verify-ca\"` asks for no name
wrong-name, verify-identity: its certificate is signed by nobody known; `ca` names a file with its certificate authority
expired, disabled: plain
expired, preferred: TLS
expired, required: TLS
expired, verify-ca with `ca`: its certificate has expired
expired, verify-identity with `ca`: its certificate has expired
expired, verify-identity: its certificate has expired
self-signed, disabled: plain
self-signed, preferred: TLS
self-signed, required: TLS
self-signed, verify-ca with `ca`: its certificate is signed by none of those in `ca`
self-signed, verify-identity with `ca`: its certificate is signed by none of those in `ca`
self-signed, verify-identity: its certificate is signed by nobody known; `ca` names a file with its certificate authority
another-authority, disabled: plain
another-authority, preferred: TLS
another-authority, required: TLS
another-authority, verify-ca with `ca`: its certificate is signed by none of those in `ca`
another-authority, verify-identity with `ca`: its certificate is signed by none of those in `ca`
another-authority, verify-identity: its certificate is signed by nobody known; `ca` names a file with its certificate authority
";

/// A server that speaks TLS 1.1 at most.
pub(crate) fn old_protocol(sandbox: &Sandbox) -> Outcome {
    let pair = self_signed("127.0.0.1");
    let keep = sandbox.project(&[("cert.pem", &pair.certificate), ("key.pem", &pair.key)]);
    let certificate = format!("--ssl-cert={}", keep.path("cert.pem").display());
    let key = format!("--ssl-key={}", keep.path("key.pem").display());
    let options = [&certificate, &key, "--tls-version=TLSv1.1"];
    let mut server = Mariadb::start(sandbox.folder(), "oldtls", &options)?;
    let project = sandbox.project(&[("m.toml", &matrix("required", ""))]);
    let project = project.with("SECURE_URL", &server.url("app", ""));
    let ran = project.run(&["up", "m.toml"]);
    server.stop();
    ran?.expect(3)?
        .says("is not trusted")?
        .says("dbmatrix speaks TLS 1.2 and later, which old servers do not")?;
    Ok(())
}

pub(crate) fn no_tls(sandbox: &Sandbox) -> Outcome {
    let url = sandbox.mysql()?.url("");
    for (mode, status) in [
        ("disabled", 0),
        ("preferred", 0),
        ("required", 3),
        ("verify-ca", 3),
        ("verify-identity", 3),
    ] {
        let project = sandbox.project(&[("m.toml", &matrix(mode, ""))]);
        let ran = project.with("SECURE_URL", &url).run(&["up", "m.toml"])?;
        let ran = ran.expect(status)?;
        if status == 3 {
            ran.says("it offers no TLS; `tls = \"disabled\"` goes without")?;
        }
    }
    Ok(())
}

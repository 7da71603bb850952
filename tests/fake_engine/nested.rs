//! A nest whose engine is a fake, and what a run does with its children.

use std::net::Ipv4Addr;

use dbmatrix_containers::image::{Builder, ImageOrigin, ImageStore};
use dbmatrix_containers::nest::{
    Access, Child, ChildAccess, ChildFile, ChildSpec, Children, ClientCertificates, Golden, Nest,
    NestError, Proxies, Purpose, UserLogin,
};
use dbmatrix_engine::Engine;
use dbmatrix_sql::session::{Secret, TlsPolicy};

use super::state::Stateful;

pub(crate) const MYSQL: &str = "mysql-9-7";
pub(crate) const MARIADB: &str = "mariadb-11";

/// A nest whose engine is a fake.
pub(crate) fn nest(engine: Engine) -> Nest {
    Nest {
        name: "m".to_owned(),
        host: engine.clone(),
        engine,
        access: Access::Route,
        proxies: Proxies::default(),
        forwards: dbmatrix_containers::nest::Forwards::default(),
        address: Ipv4Addr::new(10, 99, 0, 10),
        subnet: "10.99.1.0/24".parse().expect("a subnet"),
        password: Secret::new("x"),
        bridge: "dbmatrix0".to_owned(),
    }
}

/// Its children, as a run finds them.
pub(crate) async fn children(fake: &Stateful) -> Children {
    let children = unswept(nest(fake.engine()));
    children.sweep().await.expect("a sweep");
    children
}

/// The same where nobody has swept.
pub(crate) fn unswept(nest: Nest) -> Children {
    let nowhere = Builder::new("/nonexistent");
    let images = ImageStore::new(nest.engine.clone(), nowhere);
    Children::new(nest, images)
}

/// A flavour's child, by the container's name and the key of what goes in.
pub(crate) fn spec(name: &str, key: &str) -> ChildSpec {
    ChildSpec {
        name: name.to_owned(),
        flavour: name.replace("-9-7", "-9.7"),
        key: key.to_owned(),
        server: "mysql:9.7".to_owned(),
        image: ImageOrigin::Server {
            server: "https://images.example".to_owned(),
            alias: "debian".to_owned(),
        },
        packages: None,
        client: Some(Ipv4Addr::new(10, 99, 0, 1)),
        access: Some(access(name)),
    }
}

/// Who logs in to a server, with a password of its own.
pub(crate) fn access(flavour: &str) -> ChildAccess {
    ChildAccess {
        certificates: ClientCertificates::default(),
        login: UserLogin {
            user: UserLogin::USER.to_owned(),
            password: Secret::new(&format!("of {flavour}")),
            database: None,
        },
        file: ChildFile {
            path: "/etc/mysql/access.sql",
            content: Secret::new("CREATE USER"),
        },
    }
}

/// The golden child, made where there is none, as a run does it.
pub(crate) async fn golden(children: &Children, spec: &ChildSpec) -> Golden {
    let _making = children.making(spec).await;
    if let Some(golden) = children.golden(spec).await.expect("a look") {
        return golden;
    }
    let child = children.begin_golden(spec).await.expect("a container");
    keep(children, child).await.expect("a golden child")
}

/// Ends the making of a golden child.
pub(crate) async fn keep(children: &Children, child: Child) -> Result<Golden, NestError> {
    children
        .keep_golden(
            child,
            "9.7.1",
            "mysql-server 9.7.1",
            TlsPolicy::Pinned("PEM".into()),
        )
        .await
}

/// A flavour's child that somebody has logged in to.
pub(crate) async fn renewed(children: &Children, spec: &ChildSpec, use_of: Purpose) -> Child {
    let golden = golden(children, spec).await;
    let child = children
        .create_from_template(&golden, spec, use_of)
        .await
        .expect("a copy");
    children.mark_ready(&child).await.expect("a mark");
    child
}

//! The container in which `mysqltest` runs.

use std::collections::HashMap;
use std::sync::Arc;

use dbmatrix_containers::digest::Digest;
use dbmatrix_containers::image::ImageOrigin;
use dbmatrix_containers::name;
use dbmatrix_containers::nest::{Child, ChildSpec, Children, Stage};
use dbmatrix_engine::Exec;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::Mutex;

use super::{BenchError, Program};
use crate::server::install_debian_packages;

/// Increased whenever tool containers are made in another way.
const RECIPE: u32 = 2;

/// The package includes a server, which must not run here.
const QUIET: &str = r#"
systemctl disable --quiet --now mariadb.service mysql.service 2> /dev/null || true
mkdir -p /var/lib/dbmatrix-mysqltest
"#;

/// The containers of a run, by program; the first flavour that needs one makes it.
#[derive(Debug, Clone, Default)]
pub struct TestDrivers(Arc<Mutex<HashMap<Program, TestDriverContainer>>>);

impl TestDrivers {
    /// The container with a program.
    ///
    /// # Errors
    /// As of [`TestDriverContainer::ensure`].
    pub fn ensure<'a>(
        &'a self,
        children: &'a Children,
        program: Program,
        image: &'a ImageOrigin,
    ) -> BoxFuture<'a, Result<TestDriverContainer, BenchError>> {
        async move {
            let mut made = self.0.lock().await;
            if let Some(driver) = made.get(&program) {
                return Ok(driver.clone());
            }
            let driver = TestDriverContainer::ensure(children, program, image).await?;
            made.insert(program, driver.clone());
            Ok(driver)
        }
        .boxed()
    }
}

/// A container with the program and its tests.
#[derive(Debug, Clone)]
pub struct TestDriverContainer {
    pub(super) child: Child,
    /// The program.
    pub program: Program,
}

impl TestDriverContainer {
    /// Ensures the tool container; installs it the first time.
    ///
    /// # Errors
    /// As of the engine; if the package is not available.
    pub async fn ensure(
        children: &Children,
        program: Program,
        image: &ImageOrigin,
    ) -> Result<Self, BenchError> {
        let mut digest = Digest::new("mysqltest", RECIPE);
        digest
            .text("program", program.as_str())
            .part("image", image);
        let spec = ChildSpec {
            name: name::tool(&format!("mysqltest-{}", program.as_str())),
            flavour: String::new(),
            key: digest.key(),
            server: format!("mysqltest of {}", program.as_str()),
            image: image.clone(),
            packages: None,
            client: None,
            access: None,
        };
        let (child, stage) = children.ensure(&spec).await?;
        let tool = TestDriverContainer { child, program };
        if stage == Stage::New {
            let packages = [program.package(), "socat"].map(str::to_owned);
            install_debian_packages(&tool.child, &packages).await?;
            tool.succeed(
                "keep the server of the package from running",
                Exec::script(QUIET),
            )
            .await?;
            children.finish(&tool.child).await?;
        }
        Ok(tool)
    }

    /// Runs a step; an exit status other than 0 is an error.
    pub(super) async fn succeed(
        &self,
        step: &'static str,
        exec: Exec,
    ) -> Result<String, BenchError> {
        let output = self.child.engine.exec(&self.child.name, &exec).await?;
        if output.success() {
            return Ok(output.stdout);
        }
        Err(BenchError::Step {
            step,
            output: output.tail(12),
        })
    }
}

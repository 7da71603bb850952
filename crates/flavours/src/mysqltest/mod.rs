//! The servers' own tests, run by their own `mysqltest` program.
//!
//! The program and its `.test` and `.result` files come from Debian's packages,
//! in a tool container of the nest. Each worker has a throwaway copy of a
//! flavour's child, since tests use the database `test`, change global settings
//! and the system's own tables. Knows no events.

mod driver;
mod select;
mod test;
mod test_server;

pub use driver::{TestDriverContainer, TestDrivers};
pub use select::Listing;
pub use select::{Selection, choose};
pub use test::TestEnd;
pub use test::{failure, skip_reason};
pub use test_server::{BenchError, Source, TestServer};

/// The program and its tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Program {
    /// MariaDB's, from Debian 12.
    Mariadb,
    /// MySQL's, from Debian sid.
    Mysql,
}

impl Program {
    /// All programs.
    pub const ALL: [Program; 2] = [Program::Mariadb, Program::Mysql];

    /// Its name in a matrix file.
    pub fn as_str(self) -> &'static str {
        match self {
            Program::Mariadb => "mariadb",
            Program::Mysql => "mysql",
        }
    }

    /// The image of its tool container.
    pub fn image(self) -> &'static str {
        match self {
            Program::Mariadb => "debian:bookworm",
            Program::Mysql => "debian:sid",
        }
    }

    fn package(self) -> &'static str {
        match self {
            Program::Mariadb => "mariadb-test",
            Program::Mysql => "mysql-testsuite",
        }
    }

    fn path(self) -> &'static str {
        match self {
            Program::Mariadb => "/usr/bin/mariadb-test",
            Program::Mysql => "/usr/lib/mysql-test/bin/mysqltest",
        }
    }

    /// The folder of all test files.
    fn root(self) -> &'static str {
        match self {
            Program::Mariadb => "/usr/share/mysql/mysql-test",
            Program::Mysql => "/usr/lib/mysql-test",
        }
    }

    /// The folder of the main suite's tests, under [`Program::root`].
    fn tests(self) -> &'static str {
        match self {
            Program::Mariadb => "main",
            Program::Mysql => "t",
        }
    }

    /// The folder of its results.
    fn results(self) -> &'static str {
        match self {
            Program::Mariadb => "main",
            Program::Mysql => "r",
        }
    }

    /// A client program from the same package, such as `dump`.
    fn client(self, name: &str) -> String {
        match (self, name) {
            (Program::Mariadb, "") => "/usr/bin/mariadb".to_owned(),
            (Program::Mariadb, name) => format!("/usr/bin/mariadb-{name}"),
            (Program::Mysql, name) => format!("/usr/bin/mysql{name}"),
        }
    }
}

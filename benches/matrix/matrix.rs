//! The matrix files that are measured.

use std::path::{Path, PathBuf};

use dbmatrix_flavours::matrix::Matrix;

use crate::Result;
use crate::place::Place;

/// All of them share one nest, and with it their golden children.
pub(crate) const NEST: &str = "bench";

/// Debian's flavours of matrices/mysql.toml: name and server.
pub(crate) const DEBIAN: [(&str, &str); 4] = [
    ("mysql-9.7", "mysql:9.7"),
    ("mariadb-10.5", "mariadb:10.5"),
    ("mariadb-10.11", "mariadb:10.11"),
    ("mariadb-11.8", "mariadb:11.8"),
];
/// The one whose steps are counted.
pub(crate) const ONE: (&str, &str) = DEBIAN[2];

/// A suite that is over at once.
const TINY: &str = "query I\nSELECT 1\n----\n1\n";

/// Writes a matrix of flavours, each with more lines of its table; its suite is
/// over at once.
pub(crate) fn tiny(place: &Place, name: &str, flavours: &[Flavour]) -> Result<PathBuf> {
    let tiny = place.file("tiny.slt", TINY)?;
    write(place, name, flavours, &[tiny])
}

/// A flavour as it is written.
pub(crate) struct Flavour {
    pub(crate) name: String,
    pub(crate) server: &'static str,
    pub(crate) more: &'static str,
}

/// The four as they are by default.
pub(crate) fn debian() -> Vec<Flavour> {
    DEBIAN.map(|(name, server)| plain(name, server)).into()
}

pub(crate) fn plain(name: &str, server: &'static str) -> Flavour {
    Flavour {
        name: name.to_owned(),
        server,
        more: "",
    }
}

/// Writes a matrix with a suite of files in MySQL's dialect.
pub(crate) fn write(
    place: &Place,
    name: &str,
    flavours: &[Flavour],
    files: &[PathBuf],
) -> Result<PathBuf> {
    let flavours = flavours.iter().map(|flavour| {
        let Flavour { name, server, more } = flavour;
        format!("[[flavour]]\nname = '{name}'\nserver = '{server}'\n{more}\n")
    });
    let flavours: String = flavours.collect();
    let files: Vec<String> = files.iter().map(|file| format!("{file:?}")).collect();
    let text = format!(
        "[nest]\nname = '{NEST}'\n\n\
         [[image]]\nname = 'debian:sid'\ncheck-valid-until = false\n\n{flavours}\n\
         [[suite]]\nname = 's'\nfiles = [{}]\nlabels = ['mysql']\nexpect = 'agreement'\n",
        files.join(", ")
    );
    place.file(name, &text)
}

/// The systemd units of a matrix's servers, by flavour, with the names of their
/// golden children.
pub(crate) fn services(matrix: &Path) -> Result<Vec<Service>> {
    let matrix = Matrix::load(matrix).map_err(|error| error.render(false))?;
    let services = matrix.flavours.iter().filter_map(|flavour| {
        let managed = flavour.managed()?;
        Some(Service {
            flavour: flavour.name.clone(),
            container: flavour.container(),
            golden: dbmatrix_containers::name::golden(&dbmatrix_flavours::provision::template_key(
                managed,
            )),
            unit: managed.spec.installation.service().to_owned(),
        })
    });
    Ok(services.collect())
}

/// Where a flavour's server is.
pub(crate) struct Service {
    pub(crate) flavour: String,
    pub(crate) container: String,
    pub(crate) golden: String,
    pub(crate) unit: String,
}

//! Packages of a release: the program, a Debian package and a plain archive of it.
//!
//! The table `package.metadata.deb` of the program's manifest says what the Debian package
//! holds, in the form of cargo-deb, which reads it too. Completions and manual pages are
//! the program's own words, so the program writes them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;
use thiserror::Error;

/// The oldest Debian on which the program runs, the version of its glibc, and the name of
/// its folder of libraries.
const SUITE: &str = "bullseye";
const LIBC: (u32, u32) = (2, 31);
const LIBRARIES: &str = "x86_64-linux-gnu";

/// Shells, with the folder and the name by which each finds the completions.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "dbmatrix.bash"),
    ("zsh", "_dbmatrix"),
    ("fish", "dbmatrix.fish"),
];

/// Why there is no package.
#[derive(Debug, Error)]
pub(crate) enum PackageError {
    /// A program that failed, or is not there.
    #[error("`{program}`: {reason}")]
    Program { program: String, reason: String },
    /// A file.
    #[error("`{}`: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    /// The manifest.
    #[error("Cargo.toml: {0}")]
    Manifest(#[from] toml::de::Error),
    /// The program needs a newer C library.
    #[error(
        "the program needs glibc {}.{}, and {SUITE} has {}.{}: `objdump -T` says for what",
        .0.0, .0.1, LIBC.0, LIBC.1
    )]
    Libc((u32, u32)),
    /// A file that is to be in the package.
    #[error("Cargo.toml: the asset `{0}` is no file")]
    Asset(String),
}

#[derive(Deserialize)]
struct Manifest {
    package: Package,
    workspace: Workspace,
}

#[derive(Deserialize)]
struct Workspace {
    package: Versioned,
}

#[derive(Deserialize)]
struct Versioned {
    version: String,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    description: String,
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    deb: Deb,
}

/// The parts of cargo-deb's table that are used.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Deb {
    maintainer: String,
    section: String,
    priority: String,
    depends: String,
    recommends: String,
    suggests: String,
    extended_description: String,
    /// A file, or all files of a folder as `FOLDER/*`; the folder it goes to; its mode.
    assets: Vec<(String, String, String)>,
}

/// Builds everything into `to`; returns what was made.
pub(crate) fn package(root: &Path, profile: &str, to: &Path) -> Result<String, PackageError> {
    let manifest = root.join("Cargo.toml");
    let text = read(&manifest)?;
    let manifest: Manifest = toml::from_str(&text)?;
    let parts = root.join("target/package");
    clear(&parts)?;
    build_program(root, profile, &parts)?;
    write_words(&parts)?;
    make_folder(to)?;
    let architecture = output("dpkg", &["--print-architecture"])?;
    let Manifest {
        mut package,
        workspace,
    } = manifest;
    let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    if let Some(maintainer) = maintainer(variable("DEBFULLNAME"), variable("DEBEMAIL")) {
        package.metadata.deb.maintainer = maintainer;
    }
    let version = &workspace.package.version;
    let tree = parts.join("tree");
    for asset in &package.metadata.deb.assets {
        place(root, asset, &tree)?;
    }
    let stem = format!("{}_{version}_{architecture}", package.name);
    let archive = to.join(format!("{stem}.tar.gz"));
    let same = ["--sort=name", "--owner=0", "--group=0", "--numeric-owner"];
    let mut tar = Command::new("tar");
    tar.arg("--create").arg("--gzip").args(same);
    run(tar
        .arg("--directory")
        .arg(&tree)
        .arg("--file")
        .arg(&archive)
        .arg("usr"))?;
    let control = tree.join("DEBIAN");
    make_folder(&control)?;
    let size = size_of(&tree)? / 1024;
    write(
        &control.join("control"),
        &control_file(&package, version, &architecture, size),
    )?;
    let deb = to.join(format!("{stem}.deb"));
    let mut build = Command::new("dpkg-deb");
    build.args(["--root-owner-group", "-Zxz", "--build"]);
    run(build.arg(&tree).arg(&deb))?;
    Ok(format!("{}\n{}\n", deb.display(), archive.display()))
}

/// Who builds a package to publish it names themselves as Debian's tools expect it (debsign(1),
/// dch(1)); the manifest's address is nobody's.
fn maintainer(name: Option<String>, address: Option<String>) -> Option<String> {
    Some(format!("{} <{}>", name?, address?))
}

/// Links the program with the oldest C library that it is to run with, so that it asks for
/// nothing newer. A static program would not do: glibc's name lookups load the machine's own
/// modules, of another version, and crash.
fn build_program(root: &Path, profile: &str, parts: &Path) -> Result<(), PackageError> {
    let system = old_system(&target_folder(root).join("package-system"))?;
    let libraries = format!("{system}/usr/lib/{LIBRARIES}");
    let mut build = Command::new("cargo");
    build
        .args([
            "rustc",
            "--locked",
            "--profile",
            profile,
            "--package",
            "dbmatrix",
            "--bin",
        ])
        .args(["dbmatrix", "--", "-C", "strip=symbols", "-C"])
        .arg(format!(
            "link-args=--sysroot={system} -B{libraries} -L{libraries} -L{system}/lib/{LIBRARIES}"
        ))
        .current_dir(root);
    run(&mut build)?;
    let built = target_folder(root).join(profile).join("dbmatrix");
    let program = parts.join("dbmatrix");
    copy(&built, &program)?;
    let symbols = output("objdump", &["-T", &program.display().to_string()])?;
    match newest_libc(&symbols) {
        Some(found) if found > LIBC => Err(PackageError::Libc(found)),
        _ => Ok(()),
    }
}

/// The libraries of an old Debian to link with, in a folder that is made once.
fn old_system(folder: &Path) -> Result<String, PackageError> {
    if !folder.is_dir() {
        let half = folder.with_extension("half");
        clear(&half)?;
        let mut make = Command::new("mmdebstrap");
        make.args([
            "--quiet",
            "--variant=extract",
            "--include=libc6-dev,libgcc-s1",
        ])
        .arg("--aptopt=Acquire::Check-Valid-Until \"false\"")
        .arg(SUITE);
        run(make.arg(&half))?;
        // Links from the root lead out of the folder.
        let mut relative = Command::new("sh");
        relative.args(["-euc", RELATIVE, "sh"]);
        run(relative.arg(&half))?;
        fs::rename(&half, folder).map_err(at(folder))?;
    }
    let found = fs::canonicalize(folder).map_err(at(folder))?;
    Ok(found.display().to_string())
}

const RELATIVE: &str = r#"
find "$1" -type l -lname '/*' | while read -r link; do
    ln -sfnr "$1$(readlink "$link")" "$link"
done
"#;

/// The newest version of glibc in a list of symbols.
fn newest_libc(symbols: &str) -> Option<(u32, u32)> {
    let words = symbols.split(|c: char| !(c.is_ascii_alphanumeric() || "_.".contains(c)));
    let versions = words.filter_map(|word| word.strip_prefix("GLIBC_"));
    let numbers = versions.filter_map(|version| {
        let mut numbers = version.split('.').map_while(|number| number.parse().ok());
        Some((numbers.next()?, numbers.next()?))
    });
    numbers.max()
}

fn target_folder(root: &Path) -> PathBuf {
    let told = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    told.unwrap_or_else(|| root.join("target"))
}

/// Has the program write its completions and manual pages.
fn write_words(parts: &Path) -> Result<(), PackageError> {
    let program = parts.join("dbmatrix");
    let program = program.display().to_string();
    let pages = parts.join("man");
    run(Command::new(&program).arg("man").arg(&pages))?;
    for page in files_of(&pages)? {
        run(Command::new("gzip").args(["--best", "--no-name"]).arg(page))?;
    }
    let folder = parts.join("completions");
    make_folder(&folder)?;
    for (shell, file) in COMPLETIONS {
        let script = output(&program, &["completions", shell])?;
        write(&folder.join(file), &(script + "\n"))?;
    }
    Ok(())
}

/// Puts an asset into the tree of the package.
fn place(
    root: &Path,
    (from, to, mode): &(String, String, String),
    tree: &Path,
) -> Result<(), PackageError> {
    let files = match from.strip_suffix("/*") {
        Some(folder) => files_of(&root.join(folder))?,
        None => vec![root.join(from)],
    };
    let is_folder = to.ends_with('/');
    for file in files {
        let name = file.file_name().filter(|_| file.is_file());
        let name = name.ok_or_else(|| PackageError::Asset(from.clone()))?;
        let to = match is_folder {
            true => tree.join(to).join(name),
            false => tree.join(to),
        };
        if let Some(folder) = to.parent() {
            make_folder(folder)?;
        }
        copy(&file, &to)?;
        run(Command::new("chmod").arg(mode).arg(&to))?;
    }
    Ok(())
}

/// The control file of a Debian package (deb-control(5)).
fn control_file(package: &Package, version: &str, architecture: &str, kib: u64) -> String {
    let deb = &package.metadata.deb;
    let mut text = format!(
        "Package: {}\nVersion: {version}\nArchitecture: {architecture}\nMaintainer: {}\n\
         Section: {}\nPriority: {}\nInstalled-Size: {kib}\n",
        package.name, deb.maintainer, deb.section, deb.priority
    );
    for (field, packages) in [
        ("Depends", &deb.depends),
        ("Recommends", &deb.recommends),
        ("Suggests", &deb.suggests),
    ] {
        if !packages.is_empty() {
            text += &format!("{field}: {packages}\n");
        }
    }
    text += &format!("Description: {}\n", package.description);
    for line in deb.extended_description.trim().lines() {
        text += &match line.trim() {
            "" => " .\n".to_owned(),
            line => format!(" {line}\n"),
        };
    }
    text
}

fn run(command: &mut Command) -> Result<(), PackageError> {
    let failed = |reason: String, command: &Command| PackageError::Program {
        program: command.get_program().to_string_lossy().into_owned(),
        reason,
    };
    match command.stdin(Stdio::null()).stdout(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(failed(status.to_string(), command)),
        Err(error) => Err(failed(error.to_string(), command)),
    }
}

/// What a program prints, without the last line's end.
fn output(program: &str, arguments: &[&str]) -> Result<String, PackageError> {
    let failed = |reason: String| PackageError::Program {
        program: program.to_owned(),
        reason,
    };
    let output = Command::new(program).args(arguments).output();
    let output = output.map_err(|error| failed(error.to_string()))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned()),
        false => Err(failed(String::from_utf8_lossy(&output.stderr).into_owned())),
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> PackageError {
    move |source| PackageError::File {
        path: path.to_owned(),
        source,
    }
}

fn read(path: &Path) -> Result<String, PackageError> {
    fs::read_to_string(path).map_err(at(path))
}

fn write(path: &Path, text: &str) -> Result<(), PackageError> {
    fs::write(path, text).map_err(at(path))
}

fn copy(from: &Path, to: &Path) -> Result<(), PackageError> {
    fs::copy(from, to).map(drop).map_err(at(from))
}

fn make_folder(path: &Path) -> Result<(), PackageError> {
    fs::create_dir_all(path).map_err(at(path))
}

/// Makes a folder that is empty.
fn clear(path: &Path) -> Result<(), PackageError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(path)(error)),
        _ => {}
    }
    make_folder(path)
}

/// The files of a folder, sorted.
fn files_of(folder: &Path) -> Result<Vec<PathBuf>, PackageError> {
    let entries = fs::read_dir(folder).map_err(at(folder))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.is_file());
    files.sort();
    Ok(files)
}

/// Bytes of all files below a folder.
fn size_of(folder: &Path) -> Result<u64, PackageError> {
    let mut size = 0;
    for entry in fs::read_dir(folder).map_err(at(folder))?.flatten() {
        let path = entry.path();
        size += match path.is_dir() {
            true => size_of(&path)?,
            false => fs::metadata(&path).map_err(at(&path))?.len(),
        };
    }
    Ok(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml");
        let text = fs::read_to_string(file).expect("the manifest");
        toml::from_str(&text).expect("it describes a package")
    }

    #[test]
    fn the_control_file_has_the_fields_that_dpkg_wants() {
        let control = control_file(&manifest().package, "1.2.3", "amd64", 7);
        for field in [
            "Package: dbmatrix\n",
            "Version: 1.2.3\n",
            "Architecture: amd64\n",
            "\nMaintainer: ",
            "\nInstalled-Size: 7\n",
            "\nRecommends: incus-base | ",
            "\nDescription: Does it hold on every version?",
        ] {
            assert!(control.contains(field), "{field} in\n{control}");
        }
        let (_, described) = control
            .split_once("\nDescription: ")
            .expect("the last field");
        let mut lines = described.lines().skip(1);
        assert!(lines.all(|line| line.starts_with(' ')), "{control}");
    }

    #[test]
    fn a_maintainer_has_a_name_and_an_address() {
        let text = |text: &str| Some(text.to_owned());
        let both = maintainer(text("A B"), text("a@b.test"));
        assert_eq!(both.as_deref(), Some("A B <a@b.test>"));
        assert_eq!(maintainer(text("A B"), None), None);
        assert_eq!(maintainer(None, text("a@b.test")), None);
    }

    #[test]
    fn the_newest_libc_is_found_by_number() {
        let symbols = "DF *UND* 0 (GLIBC_2.2.5) read\nDF *UND* 0 (GLIBC_2.30) gettid\n\
                       DF *UND* 0 (GCC_3.0) _Unwind\nDF *UND* 0 GLIBC_2.9 x\n";
        assert_eq!(newest_libc(symbols), Some((2, 30)));
        assert_eq!(newest_libc("nothing"), None);
    }

    #[test]
    fn what_is_not_made_for_the_package_is_in_the_repository() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for (from, _, mode) in manifest().package.metadata.deb.assets {
            assert!(["755", "644"].contains(&mode.as_str()), "{from}: {mode}");
            if !from.starts_with("target/package/") {
                let path = root.join(from.trim_end_matches("/*"));
                assert!(path.exists(), "{from}");
            }
        }
    }
}

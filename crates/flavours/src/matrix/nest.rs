//! `[nest]`: the nesting container.

use std::path::Path;

use bytesize::ByteSize;
use dbmatrix_config::{Placed, TableReader};
use dbmatrix_containers::host::Storage;
use dbmatrix_containers::image::{BaseImage, ImageOrigin};
use dbmatrix_containers::nest::Access;

use super::{flavour, image};
use crate::name_rule::NEST;

/// Default size of a new pool. The file is sparse.
const POOL: u64 = 40 << 30;

/// The nest that a matrix specifies.
#[derive(Debug, Clone)]
pub struct NestSpec {
    /// Its name.
    pub name: String,
    /// Number of processors; by default all.
    pub cpus: Option<u32>,
    /// Bytes of memory; by default all.
    pub memory: Option<u64>,
    /// Whether root in the nest is root on the host.
    pub privileged: bool,
    /// How its children are reached, if the matrix says so.
    pub access: Option<Access>,
    /// The storage of a new pool.
    pub storage: Storage,
    /// Its image.
    pub image: ImageOrigin,
}

impl NestSpec {
    /// The nest of a matrix without settings for it.
    pub fn usual(name: &str) -> Self {
        let empty = toml::de::DeTable::default();
        let unset = dbmatrix_config::Problems::default();
        let none = TableReader::new(&empty, 0..0, &unset);
        NestSpec {
            name: name.to_owned(),
            ..read(&none, Path::new(name), &[])
        }
    }
}

pub(super) fn read(top: &TableReader<'_>, path: &Path, images: &[BaseImage]) -> NestSpec {
    let empty = toml::de::DeTable::default();
    let table = top.table("nest");
    let unset = dbmatrix_config::Problems::default();
    let none = TableReader::new(&empty, 0..0, &unset);
    let table = table.as_ref().unwrap_or(&none);
    let name = table.text("name");
    let cpus = table.count("cpus").map(|cpus| cpus.value);
    let memory = table.text("memory").and_then(|text| size(table, text));
    let privileged = table.flag("privileged").is_some_and(|flag| flag.value);
    let access = access(table);
    let pool = table
        .text("size")
        .and_then(|text| size(table, text))
        .unwrap_or(POOL);
    let storage = match table.text("storage") {
        Some(text) if text.value == "dir" => Storage::Folder,
        Some(text) if text.value != "btrfs" => {
            table.problem(
                text.span,
                format!("expected `btrfs` or `dir`; found `{}`", text.value),
            );
            Storage::Folder
        }
        _ => Storage::Btrfs { size: pool },
    };
    let image_name = table.text("image").unwrap_or(Placed {
        value: "debian:trixie".to_owned(),
        span: 0..0,
    });
    let image = image::resolve(table, image_name, images);
    table.finish();
    NestSpec {
        name: match name {
            Some(name) => {
                flavour::check_name(table, NEST, &name);
                name.value
            }
            None => name_of(path),
        },
        cpus,
        memory,
        privileged,
        access,
        storage,
        image: image.unwrap_or(ImageOrigin::Server {
            server: String::new(),
            alias: String::new(),
        }),
    }
}

fn access(table: &TableReader<'_>) -> Option<Access> {
    let text = table.text("access")?;
    let mut words = Access::WORDS.into_iter();
    if let Some((_, access)) = words.find(|(word, _)| *word == text.value) {
        return Some(access);
    }
    let found = text.value;
    table.problem(
        text.span,
        format!("expected `route`, `proxy` or `forward`; found `{found}`"),
    );
    None
}

fn size(table: &TableReader<'_>, text: Placed<String>) -> Option<u64> {
    match text.value.parse::<ByteSize>() {
        Ok(size) if size.as_u64() > 0 => Some(size.as_u64()),
        _ => {
            let found = text.value;
            table.problem(
                text.span,
                format!("expected a size such as `4GiB`; found `{found}`"),
            );
            None
        }
    }
}

/// Derives a container's name from the file's.
fn name_of(path: &Path) -> String {
    let stem = path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase();
    let plain = stem
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
    let name: String = plain.collect();
    let name = name.trim_matches('-');
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        name.to_owned()
    } else {
        format!("nest-{name}").trim_end_matches('-').to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nest_is_named_after_its_file() {
        assert_eq!(name_of(Path::new("a/My matrix.toml")), "my-matrix");
        assert_eq!(name_of(Path::new("8.toml")), "nest-8");
    }
}

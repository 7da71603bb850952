//! The key of a template: all that goes into a golden child.

use super::provisioner::lines_of;
use super::step::steps;
use crate::digest::Digest;
use crate::matrix::Managed;

/// Raised whenever a golden child is made in another way that neither the texts
/// of scripts nor those of settings tell, or its digest is made of other values.
const VERSION: u32 = 6;

/// Names all that goes into a flavour's golden child: its image, then each step with
/// the key of what it is taken on. Flavours whose first steps are the same have the
/// same keys up to there.
pub fn template_key(managed: &Managed) -> String {
    let mut digest = Digest::new("template", VERSION);
    digest.text("image", &managed.image.title());
    if let Some(locked) = &managed.locked {
        digest.text("packages", &lines_of(&locked.packages));
    }
    let mut key = digest.key();
    for step in steps(managed) {
        let mut digest = Digest::new("step", VERSION);
        digest.text("on", &key);
        step.digest(managed, &mut digest);
        key = digest.key();
    }
    key
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::matrix::Matrix;

    /// The keys of flavours with these lines in their tables.
    fn keys(lines: &[&str]) -> Vec<String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("matrix.toml");
        let tables = lines.iter().enumerate().map(|(number, line)| {
            format!("[[flavour]]\nname = \"f{number}\"\nserver = \"mariadb:10.11\"\n{line}\n")
        });
        std::fs::write(&path, tables.collect::<String>()).expect("a file");
        let matrix = Matrix::load(&path).expect("a matrix");
        let managed = matrix
            .flavours
            .iter()
            .filter_map(|flavour| flavour.managed());
        managed.map(template_key).collect()
    }

    #[test]
    fn flavours_of_the_same_server_share_a_template() {
        let keys = keys(&["", "required = false"]);
        assert_eq!(keys[0], keys[1]);
    }

    #[test]
    fn what_a_step_does_otherwise_makes_another_template() {
        let lines = [
            "",
            "settings = { max-connections = 20 }",
            "memory-profile = \"default\"",
            "durability = \"relaxed\"",
            "image = \"debian:bullseye\"",
        ];
        let keys: HashSet<String> = keys(&lines).into_iter().collect();
        assert_eq!(keys.len(), lines.len());
    }
}

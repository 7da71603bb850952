//! Golden children and their keys.

use dbmatrix_containers::digest::Digest;
use dbmatrix_containers::nest::TEMPLATE_VERSION;

use super::provisioner::lines_of;
use super::step::{Step, groups};
use crate::matrix::Managed;

/// One of the golden children that lead to a flavour's own, which is the last.
pub(super) struct Template {
    pub(super) key: String,
    /// The steps applied in a copy of the previous golden child, or first in the image's
    /// container.
    pub(super) steps: Vec<Step>,
}

/// The golden children of a flavour, each made from the previous one. A key covers all
/// inputs: the image, then each step with the key of what it is applied to. Flavours with
/// the same first steps have the same keys up to that point.
pub(super) fn templates(managed: &Managed) -> Vec<Template> {
    let mut digest = Digest::new("template", TEMPLATE_VERSION);
    digest.text("image", &managed.image.title());
    if let Some(locked) = &managed.locked {
        digest.text("packages", &lines_of(&locked.packages));
    }
    let mut key = digest.key();
    let mut templates = Vec::new();
    for steps in groups(managed) {
        for step in &steps {
            let mut digest = Digest::new("step", TEMPLATE_VERSION);
            digest.text("on", &key);
            step.digest(managed, &mut digest);
            key = digest.key();
        }
        templates.push(Template {
            key: key.clone(),
            steps,
        });
    }
    templates
}

/// The keys of all golden children that a flavour needs.
pub fn template_keys(managed: &Managed) -> Vec<String> {
    let templates = templates(managed).into_iter();
    templates.map(|template| template.key).collect()
}

/// The key of a flavour's own golden child.
pub fn template_key(managed: &Managed) -> String {
    template_keys(managed).pop().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::matrix::Matrix;

    /// The keys of flavours with these lines in their tables, including those of the
    /// earlier golden children.
    fn all_keys(lines: &[&str]) -> Vec<Vec<String>> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("matrix.toml");
        std::fs::write(folder.path().join("one.sql"), "SELECT 1;\n").expect("a file");
        std::fs::write(folder.path().join("same.sql"), "SELECT 1;\n").expect("a file");
        std::fs::write(folder.path().join("other.sql"), "SELECT 2;\n").expect("a file");
        let tables = lines.iter().enumerate().map(|(number, line)| {
            format!("[[flavour]]\nname = \"f{number}\"\nserver = \"mariadb:10.11\"\n{line}\n")
        });
        std::fs::write(&path, tables.collect::<String>()).expect("a file");
        let matrix = Matrix::load(&path).expect("a matrix");
        let managed = matrix
            .flavours
            .iter()
            .filter_map(|flavour| flavour.managed());
        managed.map(template_keys).collect()
    }

    /// The keys of flavours with these lines in their tables.
    fn keys(lines: &[&str]) -> Vec<String> {
        let keys = all_keys(lines).into_iter();
        keys.filter_map(|mut keys| keys.pop()).collect()
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

    #[test]
    fn a_setup_is_made_on_the_golden_child_of_its_server() {
        let all = all_keys(&[
            "",
            "setup = ['one.sql']",
            "setup = ['same.sql']",
            "setup = ['other.sql']",
            "setup = ['one.sql', 'other.sql']",
        ]);
        for keys in &all[1..] {
            assert_eq!(keys.len(), 2);
            assert_eq!(keys[0], all[0][0], "the server is shared");
        }
        assert_eq!(
            all[1], all[2],
            "what is in the files counts, not their names"
        );
        let different: HashSet<&String> = all.iter().filter_map(|keys| keys.last()).collect();
        assert_eq!(different.len(), 4);
    }

    #[test]
    fn variants_share_the_golden_child_of_their_installation() {
        let all = all_keys(&[
            "vary = { sql_mode = ['ANSI', ''] }",
            "settings = { sql_mode = 'ANSI' }",
        ]);
        let [ansi, none, plain] = all.as_slice() else {
            panic!("{all:?}");
        };
        assert_eq!((ansi.len(), none.len(), plain.len()), (2, 2, 1));
        assert_eq!(ansi[0], none[0], "the installation is shared");
        assert_ne!(ansi[1], none[1]);
        assert_eq!(ansi[1], plain[0], "how it came about does not count");
    }
}

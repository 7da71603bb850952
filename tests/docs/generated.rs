//! What is generated is as the program would write it.

use std::path::Path;

use dbmatrix_flavours::matrix::reference;

use crate::{read, root};

#[test]
fn generated_tables_of_the_matrix_file_are_up_to_date() {
    let path = root().join("docs/matrix-reference.md");
    let text = read(&path);
    let begin = "<!-- generated: the tables of the matrix file -->\n";
    let (head, rest) = text.split_once(begin).expect("a mark");
    let (_, tail) = rest.split_once("<!-- generated: end -->").expect("an end");
    let tables = reference::markdown();
    keep(
        &path,
        &format!("{head}{begin}\n{tables}<!-- generated: end -->{tail}"),
    );
}

#[test]
fn generated_schema_of_the_matrix_file_is_up_to_date() {
    keep(
        &root().join("docs/matrix.schema.json"),
        &reference::schema(),
    );
}

fn keep(path: &Path, text: &str) {
    if std::env::var_os("DBMATRIX_WRITE").is_some() {
        std::fs::write(path, text).expect("a file of the documentation");
    }
    let there = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        there == text,
        "{} is stale: DBMATRIX_WRITE=1 cargo test --test docs generated",
        path.display()
    );
}

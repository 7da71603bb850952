//! Every relative link leads to a file and, where it names one, to a heading in it.

use crate::markdown::{anchors, links, parts};
use crate::{documents, read, root};

#[test]
fn every_relative_link_resolves() {
    let mut broken = Vec::new();
    let mut seen = 0;
    for file in documents() {
        let (_, prose) = parts(&file, &read(&file));
        for (line, target) in links(&prose) {
            if target.contains("://") {
                continue;
            }
            seen += 1;
            let (path, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let whole = match path {
                "" => file.clone(),
                path => file.with_file_name(path),
            };
            let is_there = whole.exists() && {
                let is_text = whole.extension().is_some_and(|end| end == "md");
                let text = if is_text { read(&whole) } else { String::new() };
                let (_, prose) = parts(&whole, &text);
                anchor.is_empty() || anchors(&prose).iter().any(|other| other == anchor)
            };
            if !is_there {
                broken.push(format!("{}:{line}: {target}", file.display()));
            }
        }
    }
    assert!(seen > 50, "{seen} links");
    assert!(broken.is_empty(), "broken links:\n{}", broken.join("\n"));
}

#[test]
fn headings_of_troubleshooting_are_messages_of_the_program() {
    let path = root().join("docs/troubleshooting.md");
    let (_, prose) = parts(&path, &read(&path));
    let sources: String = crate::files("src", &[".rs"])
        .iter()
        .chain(&crate::files("crates", &[".rs"]))
        .map(|file| without_breaks(&read(file)))
        .collect();
    // Words of the system and of the engines.
    let foreign = ["no space left", "losetup"];
    let titles = prose.iter().filter_map(|(line, text)| {
        let title = text.strip_prefix("### `")?.strip_suffix('`')?;
        Some((line, title))
    });
    let mut seen = 0;
    for (line, title) in titles.filter(|(_, title)| !foreign.contains(title)) {
        seen += 1;
        for piece in title.split('…').map(str::trim) {
            let is_there = sources.contains(piece.trim_matches(|c| ",;:".contains(c)));
            assert!(
                is_there,
                "docs/troubleshooting.md:{line}: `{piece}` is in no message"
            );
        }
    }
    assert!(seen > 30, "{seen} messages");
}

/// Source text without backticks, and with string literals that go on in the next line
/// joined.
fn without_breaks(source: &str) -> String {
    let mut text = String::new();
    for line in source.lines() {
        match line.strip_suffix('\\') {
            Some(begin) => text.push_str(begin.trim_start()),
            None => {
                text.push_str(line.trim_start());
                text.push('\n');
            }
        }
    }
    text.replace('`', "")
}

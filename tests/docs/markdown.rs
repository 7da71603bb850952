//! As much of Markdown as the documentation uses: headings, links, fenced blocks.

use std::path::{Path, PathBuf};

/// A fenced block of code.
pub(crate) struct Block {
    pub(crate) file: PathBuf,
    /// Line of the fence, from 1.
    pub(crate) line: usize,
    /// All that stands behind the fence, such as `toml fragment`.
    pub(crate) info: String,
    pub(crate) text: String,
}

impl Block {
    /// For messages.
    pub(crate) fn place(&self) -> String {
        format!("{}:{}", self.file.display(), self.line)
    }
}

/// The blocks of a text, and its other lines with their numbers.
pub(crate) fn parts(file: &Path, text: &str) -> (Vec<Block>, Vec<(usize, String)>) {
    let (mut blocks, mut prose): (Vec<Block>, Vec<(usize, String)>) = Default::default();
    let mut is_open = false;
    for (number, line) in (1..).zip(text.lines()) {
        match (line.trim_start().strip_prefix("```"), is_open) {
            (Some(info), false) => {
                blocks.push(Block {
                    file: file.to_owned(),
                    line: number,
                    info: info.to_owned(),
                    text: String::new(),
                });
                is_open = true;
            }
            (Some(_), true) => is_open = false,
            (None, true) => {
                let text = &mut blocks.last_mut().expect("an open block").text;
                text.push_str(line);
                text.push('\n');
            }
            (None, false) => prose.push((number, line.to_owned())),
        }
    }
    assert!(!is_open, "{}: a block without an end", file.display());
    (blocks, prose)
}

/// Targets of links and pictures, with their lines.
pub(crate) fn links(prose: &[(usize, String)]) -> Vec<(usize, String)> {
    // A link may begin on one line and end on the next.
    let mut starts = Vec::new();
    let mut whole = String::new();
    for (number, line) in prose {
        starts.push((whole.len(), *number));
        whole.push_str(&without_code(line));
        whole.push('\n');
    }
    let mut found = Vec::new();
    for (at, _) in whole.match_indices("](") {
        let target = whole[at + 2..].split(')').next().unwrap_or_default();
        let before = starts.iter().rev().find(|(start, _)| *start <= at);
        found.push((before.map_or(0, |(_, number)| *number), target.to_owned()));
    }
    found
}

/// A line without what stands between backticks.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect()
}

/// The anchors that GitHub and its like make of the headings.
pub(crate) fn anchors(prose: &[(usize, String)]) -> Vec<String> {
    let titles = prose.iter().filter_map(|(_, line)| {
        let title = line.trim_start_matches('#');
        (title.len() < line.len()).then(|| title.trim())
    });
    titles
        .map(|title| {
            let kept = title
                .chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.collect::<String>().to_lowercase().replace(' ', "-")
        })
        .collect()
}

#[test]
fn a_link_over_two_lines_is_one_and_code_has_none() {
    let prose = [
        (1, "see [a".to_owned()),
        (2, "b](c.md#d) `[x](y)`".to_owned()),
    ];
    assert_eq!(links(&prose), [(2, "c.md#d".to_owned())]);
    let heading = [(1, "## `[[suite]]` of a file".to_owned())];
    assert_eq!(anchors(&heading), ["suite-of-a-file"]);
}

//! Draws what a terminal showed as an SVG picture.
//!
//! Reads a recording of a terminal (text with ANSI colours) from standard input and
//! writes a picture to standard output; the arguments are typed after a prompt in its
//! first line. Owns the look of the pictures. Knows nothing of dbmatrix:
//! `docs/pictures/make.sh` records it.
//!
//! ```sh
//! cargo run --example picture -- "dbmatrix list" < list.ansi > list.svg
//! ```

use std::fmt::Write as _;
use std::io::{Read, Write as _};

use unicode_width::UnicodeWidthChar;

/// Width of a letter and height of a line, in pixels.
const LETTER: f64 = 8.4;
const LINE: f64 = 18.0;
const MARGIN: f64 = 16.0;
const GROUND: &str = "#14171a";
const TEXT: &str = "#e4e8ec";
/// The colours that terminals number 0 to 15.
const COLOURS: [&str; 16] = [
    "#5a6570", "#ff8f8a", "#6fd28a", "#e7b955", "#82b7ff", "#d7a6f2", "#74d0d8", "#e4e8ec",
    "#8a95a0", "#ffb0ac", "#93e6aa", "#f2d083", "#a9ceff", "#e6c6f8", "#9ce3ea", "#ffffff",
];

/// How letters look.
#[derive(Clone, Copy, PartialEq, Default)]
struct Style {
    colour: Option<usize>,
    is_bold: bool,
    is_dim: bool,
}

/// Letters of one look, from a column on.
struct Run {
    column: usize,
    width: usize,
    text: String,
    style: Style,
}

fn main() -> std::io::Result<()> {
    let typed: Vec<String> = std::env::args().skip(1).collect();
    let mut shown = Vec::new();
    std::io::stdin().read_to_end(&mut shown)?;
    let shown = String::from_utf8_lossy(&shown);
    let text = format!(
        "\u{1b}[1m$ {}\u{1b}[0m\n{}",
        typed.join(" "),
        shown.trim_end()
    );
    std::io::stdout().write_all(draw(&text).as_bytes())
}

fn draw(text: &str) -> String {
    let mut style = Style::default();
    let lines: Vec<Vec<Run>> = text.lines().map(|line| runs(line, &mut style)).collect();
    let ends = lines.iter().flatten().map(|run| run.column + run.width);
    let width = ends.max().unwrap_or(0) as f64 * LETTER + 2.0 * MARGIN;
    let height = lines.len() as f64 * LINE + 2.0 * MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.0} {height:.0}\" font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\" \
         font-size=\"14\">\n<rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"{GROUND}\"/>\n"
    );
    for (row, line) in lines.iter().enumerate() {
        let y = MARGIN + row as f64 * LINE + 13.5;
        for run in line.iter().filter(|run| !run.text.trim().is_empty()) {
            draw_run(&mut svg, run, y);
        }
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw_run(svg: &mut String, run: &Run, y: f64) {
    let x = MARGIN + run.column as f64 * LETTER;
    let length = run.width as f64 * LETTER;
    let colour = run.style.colour.map_or(TEXT, |number| COLOURS[number]);
    let weight = if run.style.is_bold {
        " font-weight=\"bold\""
    } else {
        ""
    };
    let opacity = if run.style.is_dim {
        " opacity=\"0.7\""
    } else {
        ""
    };
    let text = run
        .text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let _ = writeln!(
        svg,
        "<text xml:space=\"preserve\" x=\"{x:.1}\" y=\"{y:.1}\" textLength=\"{length:.1}\" \
         lengthAdjust=\"spacingAndGlyphs\" fill=\"{colour}\"{weight}{opacity}>{text}</text>"
    );
}

/// The letters of a line by their looks. Each field of a table is a run of its own, so
/// that columns stay in place where a viewer has another font.
fn runs(line: &str, style: &mut Style) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut column = 0;
    let mut begins = true;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        if letter == '\u{1b}' {
            let code: String = letters
                .by_ref()
                .skip_while(|c| *c == '[')
                .take_while(|c| *c != 'm')
                .collect();
            set(style, &code);
            begins = true;
            continue;
        }
        let width = letter.width().unwrap_or(0);
        if letter.is_control() || width == 0 {
            continue;
        }
        let is_line = "│┆".contains(letter);
        match runs.last_mut() {
            Some(run) if !begins && !is_line => {
                run.text.push(letter);
                run.width += width;
            }
            _ => runs.push(Run {
                column,
                width,
                text: letter.to_string(),
                style: *style,
            }),
        }
        begins = is_line;
        column += width;
    }
    runs
}

/// Applies one sequence of SGR codes, without `ESC [` and `m`.
fn set(style: &mut Style, code: &str) {
    let numbers: Vec<usize> = code
        .split(';')
        .map(|part| part.parse().unwrap_or(0))
        .collect();
    match numbers[..] {
        [38, 5, number] => style.colour = (number < COLOURS.len()).then_some(number),
        _ => numbers.iter().for_each(|number| match number {
            0 => *style = Style::default(),
            1 => style.is_bold = true,
            2 => style.is_dim = true,
            22 => (style.is_bold, style.is_dim) = (false, false),
            30..=37 => style.colour = Some(number - 30),
            39 => style.colour = None,
            90..=97 => style.colour = Some(number - 82),
            _ => {}
        }),
    }
}

//! Figures as tables, for people.

use bytesize::ByteSize;
use comfy_table::{CellAlignment, Table, presets};

use crate::figure::{AimOf, Figure, Section, Unit};

/// A section with its table.
pub(crate) fn render(section: &Section) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(["", "median", "min", "max", "ratio", "aim"]);
    for figure in &section.figures {
        table.add_row(row(figure));
    }
    for column in table.column_iter_mut().skip(1).take(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let left_out = section.left_out.iter();
    let left_out: String = left_out.map(|why| format!("left out: {why}\n")).collect();
    format!("{}: {}\n{table}\n{left_out}", section.name, section.about)
}

fn row(figure: &Figure) -> [String; 6] {
    let spread = &figure.spread;
    let ratio = figure.ratio.as_ref();
    [
        figure.name.clone(),
        shown(spread.median, figure.unit),
        shown(spread.min, figure.unit),
        shown(spread.max, figure.unit),
        ratio.map_or_else(String::new, |ratio| {
            format!("{:.2} × {}", ratio.spread.median, ratio.to)
        }),
        aim(figure),
    ]
}

fn aim(figure: &Figure) -> String {
    let Some(aim) = &figure.aim else {
        return String::new();
    };
    let limit = match aim.of {
        AimOf::Median => shown(aim.at_most, figure.unit),
        AimOf::Ratio => format!("{} ×", aim.at_most),
    };
    format!("{limit}: {}", if aim.met { "met" } else { "not met" })
}

fn shown(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Seconds if value < 0.1 => format!("{:.1} ms", value * 1000.0),
        Unit::Seconds if value < 10.0 => format!("{value:.3} s"),
        Unit::Seconds => format!("{value:.1} s"),
        Unit::Bytes => ByteSize(value as u64).display().iec().to_string(),
        Unit::StepsPerSecond => format!("{value:.0} /s"),
    }
}

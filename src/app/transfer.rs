//! The progress of a large transfer, shown on stderr if that is a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

const WAITING: &str = "{spinner} {prefix}: {msg}";
const KNOWN: &str = "{spinner} {prefix}: {bytes} of {total_bytes}, {bytes_per_sec} {wide_bar}";
const UNKNOWN: &str = "{spinner} {prefix}: {bytes}, {bytes_per_sec}";

/// Shows a message while dbmatrix waits.
pub(crate) fn bar(title: &str) -> ProgressBar {
    let bar = ProgressBar::no_length().with_prefix(title.to_owned());
    bar.set_style(style(WAITING));
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

/// Counts from here on.
pub(crate) fn begin(bar: &ProgressBar, length: Option<u64>) {
    match length {
        Some(length) => {
            bar.set_style(style(KNOWN));
            bar.set_length(length);
        }
        None => bar.set_style(style(UNKNOWN)),
    }
    bar.reset_eta();
}

/// Ends the transfer and shows a message for the next wait.
pub(crate) fn wait(bar: &ProgressBar, what: &'static str) {
    bar.set_style(style(WAITING));
    bar.set_message(what);
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates above are well-formed")
}

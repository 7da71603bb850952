//! Handles Ctrl-C and similar signals.

use std::process;
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Builder;

use dbmatrix_platform::Signal;
use dbmatrix_platform::signal::Signals;
use dbmatrix_report::event::Verdict;

/// How long the last messages may take, since their reader may be gone.
const KILL_TIMEOUT: Duration = Duration::from_secs(1);

/// Returns when the user or the system asks the program to end.
pub(crate) async fn asked_to_end() {
    let wanted = [Signal::Interrupt, Signal::Terminate, Signal::Hangup];
    Signals::listen_where_possible(&wanted).next().await;
}

/// Ends the program soon after a request to end, with the corresponding status, if it
/// does not end by itself: a printing task may wait for a reader that is gone. For
/// commands without cleanup.
pub(crate) fn end_soon_when_asked(verdict: Verdict) {
    when_asked(move || {
        thread::sleep(KILL_TIMEOUT);
        process::exit(verdict.code().into());
    });
}

/// Ends the program at once on a second request to end, and reports what may be left. It
/// uses a separate thread, since all others may wait for a reader that is gone.
pub(crate) fn end_at_once_when_asked_again(left: String) {
    when_asked(move || {
        let begun = Instant::now();
        let told = thread::spawn(move || eprintln!("{left}"));
        while !told.is_finished() && begun.elapsed() < KILL_TIMEOUT {
            thread::sleep(Duration::from_millis(10));
        }
        process::exit(Verdict::Interrupted.code().into());
    });
}

/// Runs a function in a separate thread when the program is asked to end.
fn when_asked(then: impl FnOnce() + Send + 'static) {
    thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return };
        runtime.block_on(asked_to_end());
        then();
    });
}

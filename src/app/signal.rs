//! Ctrl-C and its like.

use std::process;
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Builder;

use crate::event::Verdict;
use crate::platform::Signal;
use crate::platform::signal::Signals;

/// How long the last words may take: nobody may be reading them.
const KILL_TIMEOUT: Duration = Duration::from_secs(1);

/// Returns when the program is asked to end.
pub(crate) async fn asked_to_end() {
    let wanted = [Signal::Interrupt, Signal::Terminate, Signal::Hangup];
    Signals::listen_where_possible(&wanted).next().await;
}

/// Ends the program soon after it is asked to end, with what is the status of that,
/// if it does not end by itself: whoever prints may wait for somebody who does not
/// read. For commands that have nothing to put in order.
pub(crate) fn end_soon_when_asked(verdict: Verdict) {
    when_asked(move || {
        thread::sleep(KILL_TIMEOUT);
        process::exit(verdict.code().into());
    });
}

/// Ends the program at once when it is asked to end once more, whatever it is
/// at; says what may be left. A thread of its own sees to it, since all others
/// may wait for somebody who does not read.
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

/// Does something in a thread of its own when the program is asked to end.
fn when_asked(then: impl FnOnce() + Send + 'static) {
    thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return };
        runtime.block_on(asked_to_end());
        then();
    });
}

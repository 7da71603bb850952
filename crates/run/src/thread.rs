//! A separate thread for a running file.
//!
//! The thread that judges the answers also drives the sessions: the kernel wakes it
//! directly, and an answer that takes long to sort delays neither other files nor the
//! reporters.

use std::convert::Infallible;
use std::panic::resume_unwind;

use tokio::runtime::Builder;
use tokio::sync::oneshot;

/// Runs a future on a thread with its own reactor. The future ends when this is dropped,
/// and a panic in it propagates to the caller.
pub(super) async fn on_own_thread<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> T {
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::debug!(%error, "no reactor for a thread; the file shares one");
            return work.await;
        }
    };
    let (alive, dropped) = oneshot::channel::<Infallible>();
    let thread = tokio::task::spawn_blocking(move || {
        runtime.block_on(async move {
            tokio::select! {
                biased;
                _ = dropped => None,
                output = work => Some(output),
            }
        })
    });
    let ended = thread.await;
    drop(alive);
    match ended {
        Ok(Some(output)) => output,
        Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
        // The program ends, so no output is awaited any more.
        Ok(None) | Err(_) => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn work_ends_with_who_waits_for_it() {
        let held = Arc::new(());
        let there = Arc::clone(&held);
        let work = on_own_thread(async move {
            std::future::pending::<()>().await;
            drop(there);
        });
        let ended = tokio::time::timeout(Duration::from_millis(20), work).await;
        assert!(ended.is_err());
        tokio::time::timeout(Duration::from_secs(5), async {
            while Arc::strong_count(&held) > 1 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await
        .expect("the thread is gone");
    }

    #[tokio::test]
    async fn a_panic_is_handed_on() {
        let fails = async { assert_eq!(1, 2, "this one fails") };
        let ended = tokio::spawn(on_own_thread(fails)).await;
        assert!(ended.expect_err("a panic").is_panic());
    }
}

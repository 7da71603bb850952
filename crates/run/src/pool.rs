//! Runs a flavour's jobs: they begin in order, each in a separate task, so that a job
//! which ends unexpectedly does not affect the others.
//!
//! Knows nothing of suites: the caller defines what a job does.

use std::collections::HashMap;
use std::future::Future;

use tokio::task::JoinSet;

use super::scheduler::{Job, Scheduler};

/// Runs all jobs and returns their results in the order in which they end. Calls `lost`
/// for a job that panicked. Dropping the future ends all running jobs.
pub(super) async fn work_through<T, F>(
    mut jobs: Scheduler,
    run: impl Fn(Job) -> F,
    lost: impl Fn(Job, String),
) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let mut given = Vec::new();
    let mut tasks = JoinSet::new();
    let mut running = HashMap::new();
    loop {
        while let Some(job) = jobs.begin() {
            let task = tasks.spawn(run(job));
            running.insert(task.id(), job);
        }
        let (id, panicked) = match tasks.join_next_with_id().await {
            None => return given,
            Some(Ok((id, output))) => {
                given.push(output);
                (id, None)
            }
            Some(Err(error)) => (error.id(), Some(error.to_string())),
        };
        let job = running.remove(&id).expect("each task was noted");
        jobs.end_job(job);
        if let Some(reason) = panicked {
            lost(job, reason);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use super::super::scheduler::Partitioning;
    use super::*;

    fn files(count: usize, jobs: usize) -> Scheduler {
        let at_a_time = usize::MAX;
        Scheduler::new(&[Partitioning::Files { count, at_a_time }], jobs)
    }

    #[tokio::test(start_paused = true)]
    async fn each_unit_is_run_once_and_so_many_at_a_time() {
        let busy = Arc::new(AtomicUsize::new(0));
        let run = |job: Job| {
            let busy = Arc::clone(&busy);
            async move {
                let now = busy.fetch_add(1, Ordering::SeqCst) + 1;
                tokio::time::sleep(Duration::from_millis(job.place as u64 % 3)).await;
                busy.fetch_sub(1, Ordering::SeqCst);
                (job.place, now)
            }
        };
        let given = work_through(files(20, 3), run, |_, reason| panic!("{reason}")).await;
        let mut places: Vec<usize> = given.iter().map(|(place, _)| *place).collect();
        places.sort_unstable();
        assert_eq!(places, (0..20).collect::<Vec<_>>());
        assert_eq!(given.iter().map(|(_, now)| *now).max(), Some(3));
    }

    #[tokio::test]
    async fn a_unit_that_panics_is_told_and_the_others_go_on() {
        let lost = Mutex::new(Vec::new());
        let run = |job: Job| async move {
            assert_ne!(job.place, 1, "this one fails");
            job.place
        };
        let given = work_through(files(4, 1), run, |job, _| {
            lost.lock().expect("one thread").push(job.place);
        });
        assert_eq!(given.await, [0, 2, 3]);
        assert_eq!(*lost.lock().expect("one thread"), [1]);
    }

    #[tokio::test]
    async fn dropping_the_work_ends_what_runs() {
        let held = Arc::new(());
        let run = |_: Job| {
            let held = Arc::clone(&held);
            async move {
                std::future::pending::<()>().await;
                drop(held);
            }
        };
        let work = work_through(files(2, 2), run, |_, _| {});
        assert!(
            tokio::time::timeout(Duration::from_millis(20), work)
                .await
                .is_err()
        );
        tokio::time::timeout(Duration::from_secs(5), async {
            while Arc::strong_count(&held) > 1 {
                tokio::task::yield_now().await;
            }
        })
        .await
        .expect("the tasks are gone");
    }
}

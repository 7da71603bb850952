//! Decides which jobs run at once on a flavour, and in which order. Pure.
//!
//! A job is a file of a suite, or a suite that runs as a whole. Jobs begin in the order
//! of the plan, the same on every flavour, so that flavours reach the files that they
//! share at about the same time.

/// A part of a flavour's work that runs by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Job {
    /// Index of the flavour's suite.
    pub(super) suite: usize,
    /// Index of its part; 0 if it runs as a whole.
    pub(super) part: usize,
    /// Its index among all jobs of the flavour.
    pub(super) place: usize,
}

/// How a suite is divided into jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Partitioning {
    /// This many files, with a limit on those at a time.
    Files { count: usize, at_a_time: usize },
    /// One job beside others.
    Whole,
    /// One job while nothing else runs.
    Exclusive,
}

/// A flavour's jobs: those that may begin, and those that run.
#[derive(Debug)]
pub(super) struct Scheduler {
    jobs: usize,
    suites: Vec<Progress>,
}

#[derive(Debug)]
struct Progress {
    partitioning: Partitioning,
    /// Index of its first job.
    first: usize,
    begun: usize,
    running: usize,
}

impl Partitioning {
    fn count(self) -> usize {
        match self {
            Partitioning::Files { count, .. } => count,
            Partitioning::Whole | Partitioning::Exclusive => 1,
        }
    }
}

impl Scheduler {
    /// Schedules the jobs of a flavour's suites, at most `jobs` at a time.
    pub(super) fn new(parts: &[Partitioning], jobs: usize) -> Self {
        let mut next = 0;
        let mut suites = Vec::new();
        for &partitioning in parts {
            suites.push(Progress {
                partitioning,
                first: next,
                begun: 0,
                running: 0,
            });
            next += partitioning.count();
        }
        Scheduler {
            jobs: jobs.max(1),
            suites,
        }
    }

    /// Returns the next job; `None` if no job may begin before another ends.
    pub(super) fn begin(&mut self) -> Option<Job> {
        let busy: usize = self.suites.iter().map(|suite| suite.running).sum();
        let is_alone =
            |suite: &Progress| suite.partitioning == Partitioning::Exclusive && suite.running > 0;
        if busy >= self.jobs || self.suites.iter().any(is_alone) {
            return None;
        }
        for (at, suite) in self.suites.iter_mut().enumerate() {
            if suite.begun == suite.partitioning.count() {
                continue;
            }
            match suite.partitioning {
                // Later jobs do not overtake it.
                Partitioning::Exclusive if busy > 0 => return None,
                Partitioning::Files { at_a_time, .. } if suite.running >= at_a_time.max(1) => {
                    continue;
                }
                _ => {}
            }
            let job = Job {
                suite: at,
                part: suite.begun,
                place: suite.first + suite.begun,
            };
            suite.begun += 1;
            suite.running += 1;
            return Some(job);
        }
        None
    }

    /// Notes that a job has ended.
    pub(super) fn end_job(&mut self, job: Job) {
        self.suites[job.suite].running -= 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn files(count: usize) -> Partitioning {
        Partitioning::Files {
            count,
            at_a_time: usize::MAX,
        }
    }

    /// Begins all jobs that may begin; returns their suites and parts.
    fn begin(scheduler: &mut Scheduler) -> Vec<(usize, usize)> {
        std::iter::from_fn(|| scheduler.begin())
            .map(|job| (job.suite, job.part))
            .collect()
    }

    fn end(scheduler: &mut Scheduler, suite: usize, part: usize) {
        let place = scheduler.suites[suite].first + part;
        scheduler.end_job(Job { suite, part, place });
    }

    #[test]
    fn as_many_run_as_there_are_jobs_in_the_order_of_the_plan() {
        let mut scheduler = Scheduler::new(&[files(2), Partitioning::Whole, files(1)], 2);
        assert_eq!(begin(&mut scheduler), [(0, 0), (0, 1)]);
        end(&mut scheduler, 0, 1);
        assert_eq!(begin(&mut scheduler), [(1, 0)]);
        end(&mut scheduler, 0, 0);
        assert_eq!(begin(&mut scheduler), [(2, 0)]);
        end(&mut scheduler, 1, 0);
        assert_eq!(begin(&mut scheduler), []);
    }

    #[test]
    fn a_suite_that_runs_alone_waits_and_is_waited_for() {
        let mut scheduler = Scheduler::new(&[files(1), Partitioning::Exclusive, files(2)], 4);
        assert_eq!(begin(&mut scheduler), [(0, 0)]);
        end(&mut scheduler, 0, 0);
        assert_eq!(begin(&mut scheduler), [(1, 0)]);
        end(&mut scheduler, 1, 0);
        assert_eq!(begin(&mut scheduler), [(2, 0), (2, 1)]);
    }

    #[test]
    fn a_suite_with_a_bound_leaves_room_for_the_next() {
        let bound = Partitioning::Files {
            count: 3,
            at_a_time: 1,
        };
        let mut scheduler = Scheduler::new(&[bound, files(2)], 3);
        assert_eq!(begin(&mut scheduler), [(0, 0), (1, 0), (1, 1)]);
        end(&mut scheduler, 0, 0);
        assert_eq!(begin(&mut scheduler), [(0, 1)]);
    }

    fn parts() -> impl Strategy<Value = Vec<Partitioning>> {
        let cut = prop_oneof![
            (0..5usize, 0..3usize)
                .prop_map(|(count, at_a_time)| Partitioning::Files { count, at_a_time }),
            Just(Partitioning::Whole),
            Just(Partitioning::Exclusive),
        ];
        proptest::collection::vec(cut, 0..6)
    }

    proptest! {
        #[test]
        fn every_unit_is_run_once(parts in parts(), jobs in 0..4usize, picks in any::<[usize; 8]>()) {
            let mut scheduler = Scheduler::new(&parts, jobs);
            let mut running: Vec<Job> = Vec::new();
            let mut places = Vec::new();
            loop {
                while let Some(job) = scheduler.begin() {
                    running.push(job);
                    places.push(job.place);
                }
                prop_assert!(running.len() <= jobs.max(1));
                if running.is_empty() {
                    break;
                }
                let pick = picks[places.len() % picks.len()] % running.len();
                scheduler.end_job(running.swap_remove(pick));
            }
            places.sort_unstable();
            let all: usize = parts.iter().map(|cut| cut.count()).sum();
            prop_assert_eq!(places, (0..all).collect::<Vec<_>>());
        }
    }
}

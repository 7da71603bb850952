//! What is run at once on a flavour, and in which order. Pure.
//!
//! A unit is a file of a suite, or a suite that is run as a whole. Jobs begin
//! in the order of the plan, the same on every flavour, so that flavours stay
//! near each other in the files that they are compared by.

/// A piece of a flavour's work, run by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Job {
    /// Which of the flavour's cells.
    pub(super) cell: usize,
    /// Which part of it; 0 where it is run as a whole.
    pub(super) part: usize,
    /// Its place among all units of the flavour.
    pub(super) place: usize,
}

/// How a cell is cut into units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Partitioning {
    /// So many files, at most so many of them at a time.
    Files { count: usize, at_a_time: usize },
    /// One unit beside others.
    Whole,
    /// One unit while nothing else runs.
    Exclusive,
}

/// A flavour's units: what may begin, and what runs.
#[derive(Debug)]
pub(super) struct Scheduler {
    jobs: usize,
    cells: Vec<Progress>,
}

#[derive(Debug)]
struct Progress {
    cut: Partitioning,
    /// Places of its units begin here.
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
    /// Jobs of a flavour's cells, `jobs` of them at a time.
    pub(super) fn new(cuts: &[Partitioning], jobs: usize) -> Self {
        let mut next = 0;
        let mut cells = Vec::new();
        for &cut in cuts {
            cells.push(Progress {
                cut,
                first: next,
                begun: 0,
                running: 0,
            });
            next += cut.count();
        }
        Scheduler {
            jobs: jobs.max(1),
            cells,
        }
    }

    /// The next unit; `None` where nothing may begin before something ends.
    pub(super) fn begin(&mut self) -> Option<Job> {
        let busy: usize = self.cells.iter().map(|cell| cell.running).sum();
        let is_alone = |cell: &Progress| cell.cut == Partitioning::Exclusive && cell.running > 0;
        if busy >= self.jobs || self.cells.iter().any(is_alone) {
            return None;
        }
        for (at, cell) in self.cells.iter_mut().enumerate() {
            if cell.begun == cell.cut.count() {
                continue;
            }
            match cell.cut {
                // What comes after it does not overtake it.
                Partitioning::Exclusive if busy > 0 => return None,
                Partitioning::Files { at_a_time, .. } if cell.running >= at_a_time.max(1) => {
                    continue;
                }
                _ => {}
            }
            let unit = Job {
                cell: at,
                part: cell.begun,
                place: cell.first + cell.begun,
            };
            cell.begun += 1;
            cell.running += 1;
            return Some(unit);
        }
        None
    }

    /// A unit that was begun has ended.
    pub(super) fn end(&mut self, unit: Job) {
        self.cells[unit.cell].running -= 1;
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

    /// Begins all that may begin; tells it by cell and part.
    fn begin(units: &mut Scheduler) -> Vec<(usize, usize)> {
        std::iter::from_fn(|| units.begin())
            .map(|unit| (unit.cell, unit.part))
            .collect()
    }

    fn end(units: &mut Scheduler, cell: usize, part: usize) {
        let place = units.cells[cell].first + part;
        units.end(Job { cell, part, place });
    }

    #[test]
    fn as_many_run_as_there_are_jobs_in_the_order_of_the_plan() {
        let mut units = Scheduler::new(&[files(2), Partitioning::Whole, files(1)], 2);
        assert_eq!(begin(&mut units), [(0, 0), (0, 1)]);
        end(&mut units, 0, 1);
        assert_eq!(begin(&mut units), [(1, 0)]);
        end(&mut units, 0, 0);
        assert_eq!(begin(&mut units), [(2, 0)]);
        end(&mut units, 1, 0);
        assert_eq!(begin(&mut units), []);
    }

    #[test]
    fn a_suite_that_runs_alone_waits_and_is_waited_for() {
        let mut units = Scheduler::new(&[files(1), Partitioning::Exclusive, files(2)], 4);
        assert_eq!(begin(&mut units), [(0, 0)]);
        end(&mut units, 0, 0);
        assert_eq!(begin(&mut units), [(1, 0)]);
        end(&mut units, 1, 0);
        assert_eq!(begin(&mut units), [(2, 0), (2, 1)]);
    }

    #[test]
    fn a_suite_with_a_bound_leaves_room_for_the_next() {
        let bound = Partitioning::Files {
            count: 3,
            at_a_time: 1,
        };
        let mut units = Scheduler::new(&[bound, files(2)], 3);
        assert_eq!(begin(&mut units), [(0, 0), (1, 0), (1, 1)]);
        end(&mut units, 0, 0);
        assert_eq!(begin(&mut units), [(0, 1)]);
    }

    fn cuts() -> impl Strategy<Value = Vec<Partitioning>> {
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
        fn every_unit_is_run_once(cuts in cuts(), jobs in 0..4usize, picks in any::<[usize; 8]>()) {
            let mut units = Scheduler::new(&cuts, jobs);
            let mut running: Vec<Job> = Vec::new();
            let mut places = Vec::new();
            loop {
                while let Some(unit) = units.begin() {
                    running.push(unit);
                    places.push(unit.place);
                }
                prop_assert!(running.len() <= jobs.max(1));
                if running.is_empty() {
                    break;
                }
                let pick = picks[places.len() % picks.len()] % running.len();
                units.end(running.swap_remove(pick));
            }
            places.sort_unstable();
            let all: usize = cuts.iter().map(|cut| cut.count()).sum();
            prop_assert_eq!(places, (0..all).collect::<Vec<_>>());
        }
    }
}

//! Limits of a nest: how the engine gets them, and whether they are in effect.
//!
//! Reads the control group of the nest from inside. Does not know which controllers the
//! machine has.

use std::time::Duration;

use dbmatrix_engine::{Config, EngineError, Exec, config};
use tokio::time::{Instant, sleep};

use super::Nest;

const CPUS: &str = "limits.cpu";
const MEMORY: &str = "limits.memory";
/// How long an engine may take to spread the processors anew.
const SETTLE: Duration = Duration::from_secs(1);
/// The kernel counts memory in pages, of 64 KiB at most.
const PAGE: u64 = 64 << 10;

/// What the control group says. A file that is not there belongs to a controller that the
/// nest does not have.
const READ: &str = r#"
cd /sys/fs/cgroup
for name in cpuset.cpus.effective memory.max; do
    if [ -r "$name" ]; then echo "$name $(cat "$name")"; fi
done
"#;

/// How much of the machine a nest may use; by default all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NestLimits {
    /// Number of processors.
    pub cpus: Option<u32>,
    /// Bytes of memory.
    pub memory: Option<u64>,
}

/// A limit that is not in effect in a running nest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnmetLimit {
    /// Number of processors.
    Cpus {
        /// The limit that is set.
        expected: u32,
        /// How many the nest may use; `None` for all.
        found: Option<u32>,
    },
    /// Bytes of memory.
    Memory {
        /// The limit that is set.
        expected: u64,
        /// How many the nest may use; `None` for all.
        found: Option<u64>,
    },
}

impl NestLimits {
    /// As the engine has them; an empty value is no limit.
    pub(super) fn config(self) -> Config {
        let cpus = self.cpus.map(|cpus| cpus.to_string());
        let memory = self.memory.map(|bytes| format!("{bytes}B"));
        config([
            (CPUS, &cpus.unwrap_or_default()),
            (MEMORY, &memory.unwrap_or_default()),
        ])
    }

    /// Whether any limit is set.
    pub fn is_any(self) -> bool {
        self != NestLimits::default()
    }

    /// The limits that are not in effect on a machine of `processors`, as the nest's control
    /// group shows them in the output of [`READ`].
    fn unmet(self, processors: u32, shown: &str) -> Vec<UnmetLimit> {
        let value = |name: &str| {
            let mut lines = shown.lines();
            lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
        };
        let mut unmet = Vec::new();
        if let Some(expected) = self.cpus {
            let found = value("cpuset.cpus.effective").and_then(processors_in);
            if found.unwrap_or(processors) != expected.min(processors) {
                unmet.push(UnmetLimit::Cpus { expected, found });
            }
        }
        if let Some(expected) = self.memory {
            // It is `max` where there is no limit.
            let found = value("memory.max").and_then(|value| value.parse().ok());
            if found.is_none_or(|found| expected.abs_diff(found) >= PAGE) {
                unmet.push(UnmetLimit::Memory { expected, found });
            }
        }
        unmet
    }
}

impl Nest {
    /// The limits that are set and not in effect in this nest, which runs.
    ///
    /// Where the number of processors is another one, the engine gets it again: Incus 6.0.4
    /// spreads processors before it has stored a change, so the change takes effect with the
    /// next one.
    ///
    /// # Errors
    /// As of the host's engine.
    pub async fn unmet_limits(&self, limits: NestLimits) -> Result<Vec<UnmetLimit>, EngineError> {
        if !limits.is_any() {
            return Ok(Vec::new());
        }
        let unmet = self.unmet_after(limits, Duration::ZERO).await?;
        let is_of_cpus = |limit: &UnmetLimit| matches!(limit, UnmetLimit::Cpus { .. });
        let (Some(cpus), true) = (limits.cpus, unmet.iter().any(is_of_cpus)) else {
            return Ok(unmet);
        };
        // Two spellings of one number are two changes, each of which follows that number.
        for spelling in [format!("0{cpus}"), cpus.to_string()] {
            let set = config([(CPUS, spelling.as_str())]);
            self.host.configure_instance(&self.name, &set).await?;
        }
        self.unmet_after(limits, SETTLE).await
    }

    /// The same, as soon as there is none or the time has passed.
    async fn unmet_after(
        &self,
        limits: NestLimits,
        patience: Duration,
    ) -> Result<Vec<UnmetLimit>, EngineError> {
        let deadline = Instant::now() + patience;
        loop {
            let output = self.host.exec(&self.name, &Exec::script(READ)).await?;
            let unmet = limits.unmet(machine_processors(), &output.stdout);
            if unmet.is_empty() || Instant::now() >= deadline {
                return Ok(unmet);
            }
            sleep(Duration::from_millis(100)).await;
        }
    }
}

/// How many processors of the machine are in use.
fn machine_processors() -> u32 {
    let online = std::fs::read_to_string("/sys/devices/system/cpu/online").unwrap_or_default();
    processors_in(online.trim()).unwrap_or(u32::MAX)
}

/// How many processors a list such as `0-3,6` names.
fn processors_in(list: &str) -> Option<u32> {
    let count = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        last.checked_sub(first)?.checked_add(1)
    };
    list.split(',').map(count).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: NestLimits = NestLimits {
        cpus: Some(2),
        memory: Some(3 << 30),
    };

    #[test]
    fn limits_in_effect_are_met() {
        let shown = "cpuset.cpus.effective 1,3\nmemory.max 3221225472\n";
        assert_eq!(LIMITS.unmet(4, shown), []);
        let none = NestLimits::default();
        assert_eq!(none.unmet(4, "memory.max max\n"), []);
    }

    #[test]
    fn a_limit_above_what_the_machine_has_is_met_by_all_of_it() {
        let cpus = NestLimits {
            cpus: Some(8),
            memory: None,
        };
        assert_eq!(cpus.unmet(4, "cpuset.cpus.effective 0-3\n"), []);
    }

    #[test]
    fn memory_in_whole_pages_is_met() {
        let memory = NestLimits {
            cpus: None,
            memory: Some((1 << 30) + 1),
        };
        assert_eq!(memory.unmet(4, "memory.max 1073741824\n"), []);
    }

    #[test]
    fn other_numbers_are_unmet() {
        let shown = "cpuset.cpus.effective 0-3\nmemory.max max\n";
        let unmet = [
            UnmetLimit::Cpus {
                expected: 2,
                found: Some(4),
            },
            UnmetLimit::Memory {
                expected: 3 << 30,
                found: None,
            },
        ];
        assert_eq!(LIMITS.unmet(4, shown), unmet);
    }

    #[test]
    fn a_nest_without_the_controllers_has_no_limit() {
        assert_eq!(LIMITS.unmet(4, "").len(), 2);
    }

    #[test]
    fn processors_are_counted() {
        assert_eq!(processors_in("0"), Some(1));
        assert_eq!(processors_in("0-3,6,8-9"), Some(7));
        for none in ["", "3-0", "0-", "a"] {
            assert_eq!(processors_in(none), None, "{none}");
        }
    }
}

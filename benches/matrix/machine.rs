//! What the figures were measured on.

use std::fmt;

use serde::Serialize;

use crate::Result;
use crate::place::Place;
use crate::process::kilobytes;

/// The machine, and what else it did when the benchmark began.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    cores: usize,
    /// Bytes.
    memory: u64,
    kernel: String,
    engine: String,
    /// Processes that ran or waited for the disk, a minute's mean.
    load: f64,
}

impl Machine {
    pub(crate) async fn here(place: &Place) -> Result<Self> {
        let engine = place.engine().await?.server_info().await?;
        let memory = std::fs::read_to_string("/proc/meminfo")?;
        let load = std::fs::read_to_string("/proc/loadavg")?;
        let load = load.split_whitespace().next().unwrap_or_default();
        Ok(Machine {
            cores: std::thread::available_parallelism()?.get(),
            memory: kilobytes(&memory, "MemTotal:").unwrap_or(0),
            kernel: engine.kernel(),
            engine: engine.title(),
            load: load.parse()?,
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let memory = bytesize::ByteSize(self.memory);
        let Machine {
            cores,
            kernel,
            engine,
            load,
            ..
        } = self;
        write!(
            f,
            "{cores} cores, {memory}, {kernel}, {engine}, load {load}"
        )
    }
}

//! Trials: what one measured run of one variant gave. Written as `trial.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::topology::Usage;

/// Statistics of one distribution of latencies in ns. A percentile with fewer than ten samples beyond it is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Latency {
    /// Arithmetic mean.
    pub mean: f64,
    /// Median.
    pub p50: Option<u64>,
    /// 90th percentile.
    pub p90: Option<u64>,
    /// 99th percentile.
    pub p99: Option<u64>,
    /// 99.9th percentile.
    pub p999: Option<u64>,
    /// Largest value.
    pub max: u64,
}

/// The harness's own lateness: actual start minus intended start, in ns. All zero in a closed loop.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Lag {
    /// Median.
    pub p50: u64,
    /// 99th percentile.
    pub p99: u64,
    /// Largest value.
    pub max: u64,
}

/// Figures of one kind of operation.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct OpFigures {
    /// Operations that ended `ok`.
    pub ops: u64,
    /// Response times of all that ended, errors included.
    pub response_ns: Latency,
    /// Service times of all that ended, errors included.
    pub service_ns: Latency,
}

/// What one node used during the measured part.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ServerUsage {
    /// Name of the node.
    pub node: String,
    /// CPU time in ns.
    pub cpu_ns: u64,
    /// Resident memory in bytes at the end.
    pub rss_bytes: u64,
    /// Bytes on disk at the end.
    pub disk_bytes: u64,
    /// Time for which a quota kept it waiting, in ns.
    pub throttled_ns: u64,
}

impl ServerUsage {
    /// The difference of two readings of a node.
    pub fn between(node: &str, before: Usage, after: Usage) -> Self {
        Self {
            node: node.to_owned(),
            cpu_ns: after.cpu_ns.saturating_sub(before.cpu_ns),
            rss_bytes: after.rss_bytes,
            disk_bytes: after.disk_bytes,
            throttled_ns: after.throttled_ns.saturating_sub(before.throttled_ns),
        }
    }
}

/// A caveat beside a figure: what it is, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Warning {
    /// A stable word for its kind: `client_bound`, `not_steady`, `shared_cores`, `loopback`, `few_samples`, …
    pub kind: String,
    /// One sentence with the figure and the remedy.
    pub text: String,
}

impl Warning {
    /// A warning.
    pub fn new(kind: &str, text: impl Into<String>) -> Self {
        Self { kind: kind.to_owned(), text: text.into() }
    }
}

/// One interval of the time series.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SeriesPoint {
    /// End of the interval, in seconds from the start of the measured part; negative during warm-up.
    pub at_s: f64,
    /// Length of the interval in seconds.
    pub length_s: f64,
    /// Operations that ended `ok`, a second.
    pub throughput_per_s: f64,
    /// Operations that ended otherwise, a second.
    pub errors_per_s: f64,
    /// Median response time in ns.
    pub p50_ns: Option<u64>,
    /// 99th percentile of the response time in ns.
    pub p99_ns: Option<u64>,
}

/// One trial. `offered = issued + what never started`, and `issued = ops + errors`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TrialRecord {
    /// Round, from 1.
    pub round: u32,
    /// Seed that its operations were drawn from.
    pub seed: u64,
    /// Start of the measured part, in ns from the start of the run.
    pub started_ns: u64,
    /// Length of the measured part in ns: to the last completion counted.
    pub duration_ns: u64,
    /// Unmeasured lead-in in ns.
    pub warmup_ns: u64,
    /// Sessions.
    pub sessions: u32,
    /// Rate asked of an open loop, operations a second.
    pub asked_per_s: Option<f64>,
    /// Operations that were due.
    pub offered: u64,
    /// Operations that were started.
    pub issued: u64,
    /// Operations that ended `ok`.
    pub ops: u64,
    /// Operations that ended otherwise, by outcome.
    pub errors: BTreeMap<String, u64>,
    /// The first message of every kind of error.
    pub error_texts: BTreeMap<String, String>,
    /// `ops` a second.
    pub throughput_per_s: f64,
    /// Response times of all operations.
    pub response_ns: Latency,
    /// Service times of all operations.
    pub service_ns: Latency,
    /// The harness's lateness.
    pub issue_lag_ns: Lag,
    /// Figures by kind of operation.
    pub by_op: BTreeMap<String, OpFigures>,
    /// CPU time of the client's threads in ns.
    pub client_cpu_ns: u64,
    /// Threads (cores) that the client had.
    pub client_threads: u32,
    /// What the nodes of the target used.
    pub servers: Vec<ServerUsage>,
    /// Counters of compositions: `hit`, `miss`, `fallback`.
    pub counters: BTreeMap<String, u64>,
    /// Figures of fills and probes, by the name of their metric.
    pub figures: BTreeMap<String, f64>,
    /// Whether the trial may take part in a verdict.
    pub valid: bool,
    /// Why not.
    pub invalid_why: Option<String>,
    /// Caveats.
    pub warnings: Vec<Warning>,
}

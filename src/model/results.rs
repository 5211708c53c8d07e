//! Results: everything after analysis, and all that a report needs. Written as `results.json`; the contract that scripts rely on.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::criterion::{Criterion, Verdict};
use super::trial::{Latency, SeriesPoint, TrialRecord, Warning};
use crate::base::units::Unit;

/// Version of the layout of `results.json`.
pub const SCHEMA: u32 = 1;

/// A figure with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Estimate {
    /// Point.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// What it is measured in.
    pub unit: Unit,
}

/// A point of a curve over a parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CurvePoint {
    /// Value of the parameter.
    pub x: f64,
    /// Name of the variant.
    pub variant: String,
    /// The figure there.
    pub estimate: Estimate,
}

/// A labelled curve over a parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Curve {
    /// What it shows.
    pub name: String,
    /// Its points in the order of the parameter.
    pub points: Vec<CurvePoint>,
}

/// What the chart of a criterion shows, beside its estimate.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// The figure of every round: of a ratio the ratio, of a level the level.
    pub rounds: Vec<f64>,
    /// Curves of `monotonic` (one) and `crossover` (two).
    pub curves: Vec<Curve>,
    /// Steps (index of the later point) that break the order of `monotonic`, with the ratio of the step.
    pub steps: Vec<Step>,
}

/// A step between two neighbouring points of a monotonic test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// Index of the later point.
    pub index: usize,
    /// Later against earlier, with its interval.
    pub ratio: Estimate,
    /// How the step came out.
    pub verdict: Verdict,
}

/// One criterion, judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Judgement {
    /// The criterion.
    pub criterion: Criterion,
    /// How it came out.
    pub verdict: Verdict,
    /// One sentence with the figures: why.
    pub why: String,
    /// What the criterion asks, in words: `below 0.8 ×`, `1 k–10 k per CPU-s`.
    pub asked: String,
    /// The measured figure; `None` if nothing could be measured.
    pub estimate: Option<Estimate>,
    /// What the chart shows.
    pub evidence: Evidence,
    /// Valid rounds that it rests on.
    pub rounds: u32,
}

/// A point of a percentile curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PercentilePoint {
    /// Percentile, 0–100.
    pub percentile: f64,
    /// Response time in ns.
    pub response_ns: u64,
    /// Service time in ns.
    pub service_ns: u64,
}

/// A trial with its time series.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct TrialResult {
    /// The record as it was written.
    #[serde(flatten)]
    pub record: TrialRecord,
    /// Throughput and response time over time.
    pub series: Vec<SeriesPoint>,
}

/// A variant with its trials.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct VariantResult {
    /// Its name.
    pub name: String,
    /// What it is, for people.
    pub title: String,
    /// Nodes of the target, by name.
    pub nodes: Vec<String>,
    /// The load in words: `closed loop, 16 sessions`, `open loop, 3.2 k/s, Poisson`.
    pub load: String,
    /// The target and its data in words: `PostgreSQL, synchronous_commit=off, 200 k rows of 100 B`.
    pub target: String,
    /// Directory of its trials, relative to the run directory. Trials that two rules share lie under one of them.
    pub trials_dir: String,
    /// The trials in the order of rounds.
    pub trials: Vec<TrialResult>,
    /// Over all valid trials: mean throughput a second.
    pub throughput_per_s: f64,
    /// Over all valid trials, histograms merged: response times.
    pub response_ns: Latency,
    /// Over all valid trials, histograms merged: percentile curve. Ends where the sample ends to support it.
    pub percentiles: Vec<PercentilePoint>,
    /// Figures of fills and probes: geometric mean over rounds, by metric name.
    pub figures: BTreeMap<String, f64>,
}

/// One rule, judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RuleResult {
    /// Its id.
    pub id: String,
    /// Its group.
    pub group: String,
    /// One short sentence.
    pub title: String,
    /// Sections of the source document.
    pub sections: Vec<String>,
    /// The claim.
    pub claim: String,
    /// Why it should hold.
    pub because: String,
    /// What could turn the verdict.
    pub confounders: Vec<String>,
    /// How to read a refutation.
    pub if_refuted: String,
    /// What the measured figure means for a design, figures filled in; empty if nothing was measured.
    pub meaning: String,
    /// The verdict: that of the headline.
    pub verdict: Verdict,
    /// Why, in one sentence with figures.
    pub why: String,
    /// The headline's criterion.
    pub criterion: Option<Criterion>,
    /// The headline's figure.
    pub estimate: Option<Estimate>,
    /// Valid rounds of the headline.
    pub rounds: u32,
    /// All criteria, the headline first.
    pub judgements: Vec<Judgement>,
    /// Caveats.
    pub warnings: Vec<Warning>,
    /// Variants with their trials.
    pub variants: Vec<VariantResult>,
}

/// A node that ran.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct StoreInfo {
    /// Name of the node, unique in the run.
    pub node: String,
    /// Product, as its makers name it.
    pub product: String,
    /// Version, as the server said.
    pub version: String,
    /// Provider that started it.
    pub provider: String,
    /// Settings that matter, as the server said.
    pub settings: BTreeMap<String, String>,
}

/// The machine, as far as it matters for figures.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct HostInfo {
    /// Model of the CPU.
    pub cpu: String,
    /// Cores that the process may use.
    pub cores: u32,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Kernel release.
    pub kernel: String,
    /// Operating system's name and version.
    pub os: String,
    /// `v1`, `v2` or `none`: how nodes are accounted.
    pub cgroup: String,
    /// File system and device below the data directories.
    pub disk: String,
    /// Frequency governor, where the system tells.
    pub governor: String,
    /// Virtualisation, where the system tells.
    pub virtualization: String,
    /// Cores of the client.
    pub client_cores: Vec<u32>,
    /// Cores of the servers.
    pub server_cores: Vec<u32>,
    /// Further facts, by name.
    pub facts: BTreeMap<String, String>,
}

/// The harness's own cost, measured on the `null` store in this run.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Floor {
    /// Operations a second of one client core in a closed loop.
    pub throughput_per_s: f64,
    /// Client CPU per operation in ns.
    pub client_cpu_ns: f64,
    /// Median service time in ns.
    pub service_p50_ns: u64,
    /// Issue lag of an open loop at 1,000 operations a second: median in ns.
    pub issue_lag_p50_ns: u64,
    /// Issue lag of an open loop at 1,000 operations a second: 99th percentile in ns.
    pub issue_lag_p99_ns: u64,
}

/// The run as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct RunInfo {
    /// Its id: the name of its directory.
    pub id: String,
    /// Start, RFC 3339, UTC.
    pub started: String,
    /// End, RFC 3339, UTC.
    pub finished: String,
    /// Whether it was interrupted, so that trials are missing.
    pub partial: bool,
    /// Version of ballpark.
    pub version: String,
    /// Seed of everything random.
    pub seed: u64,
    /// Name of the profile.
    pub profile: String,
    /// The command that runs it again.
    pub command: String,
}

/// `results.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Results {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The run.
    pub run: RunInfo,
    /// The machine.
    pub host: HostInfo,
    /// The nodes.
    pub stores: Vec<StoreInfo>,
    /// The harness's floor.
    pub floor: Floor,
    /// Caveats of the whole run.
    pub warnings: Vec<Warning>,
    /// The rules, in the order they ran.
    pub rules: Vec<RuleResult>,
}

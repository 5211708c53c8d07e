//! The manifest: what a run is going to do, written before any load. With the trials it is all that analysis needs.

use serde::{Deserialize, Serialize};

use super::experiment::{Experiment, Profile};
use super::results::{Floor, HostInfo, RunInfo, StoreInfo};
use super::trial::Warning;

/// `manifest.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the layout; [`super::results::SCHEMA`].
    pub schema: u32,
    /// The run. `finished` is empty until it is.
    pub run: RunInfo,
    /// The profile that decided rounds and lengths.
    pub profile: Profile,
    /// The machine.
    pub host: HostInfo,
    /// Limits that every trial of the run obeys, in words.
    pub limits: Vec<String>,
    /// Nodes, as they came up.
    pub stores: Vec<StoreInfo>,
    /// The harness's floor, once measured.
    pub floor: Floor,
    /// Caveats of the whole run.
    pub warnings: Vec<Warning>,
    /// What was planned.
    pub experiments: Vec<PlannedExperiment>,
}

/// An experiment of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedExperiment {
    /// The file after all checks.
    pub experiment: Experiment,
    /// Rounds planned.
    pub rounds: u32,
    /// Why it did not run at all, if so.
    pub not_run: Option<String>,
    /// Its variants, in the order of the file.
    pub variants: Vec<PlannedVariant>,
}

/// A variant of the run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PlannedVariant {
    /// Its name.
    pub name: String,
    /// Directory of its trials, relative to the run directory; another experiment's where two share trials.
    pub trials_dir: String,
    /// Why it did not run, if so.
    pub not_run: Option<String>,
    /// Nodes of its target.
    pub nodes: Vec<String>,
    /// The load in words.
    pub load: String,
    /// The target and its data in words.
    pub target: String,
    /// Rate that a relative one came to, operations a second.
    pub rate_per_s: Option<f64>,
    /// Rate of the warm-up's last windows, operations a second.
    pub steady_rate_per_s: Option<f64>,
}

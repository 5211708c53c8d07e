//! Trials: plan them, prepare their targets, run them in rounds, analyse what they left in the run directory.

pub mod analyse;
mod describe;
pub mod figures;
mod load;
pub mod plan;
mod prepare;
mod run;
mod warm;
mod weigh;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::model::experiment::{Experiment, Profile};

pub use run::{Outcome, run};

/// How to run experiments.
#[derive(Debug, Clone)]
pub struct Options {
    /// Profile: rounds, lengths, limits.
    pub profile: Profile,
    /// Rounds, over profile and files.
    pub rounds: Option<u32>,
    /// Measured part of a trial, over profile and files.
    pub duration: Option<Duration>,
    /// Limit of a warm-up, over the profile.
    pub warmup: Option<Duration>,
    /// Seed of everything random.
    pub seed: u64,
    /// Directory that holds run directories.
    pub out: PathBuf,
    /// Keep data directories after the run.
    pub keep: bool,
    /// The command that runs it again, for the report.
    pub command: String,
    /// What the run is called: the suite or rule; part of its id.
    pub name: String,
    /// Set from outside to end the run early; what is measured stays.
    pub cancel: Arc<AtomicBool>,
}

/// What a run tells as it goes.
#[derive(Debug, Clone)]
pub enum Progress {
    /// The run directory exists.
    Started {
        /// Where.
        path: PathBuf,
        /// Trials planned.
        trials: u64,
    },
    /// Something long begins: a start of servers, a load, a warm-up.
    Step(String),
    /// Rows of a load.
    Loaded {
        /// Which store.
        store: String,
        /// Rows done.
        done: u64,
        /// Rows in all.
        total: u64,
    },
    /// A rule's rounds begin.
    Rule {
        /// Its id.
        id: String,
        /// Its position, from 1.
        index: usize,
        /// Number of rules.
        count: usize,
    },
    /// A trial ended.
    Trial {
        /// The rule.
        rule: String,
        /// The variant.
        variant: String,
        /// Round, from 1.
        round: u32,
        /// Rounds in all.
        rounds: u32,
        /// Operations a second, rightly completed.
        throughput_per_s: f64,
        /// Median response time in ns, if supported.
        p50_ns: Option<u64>,
    },
    /// Something that the user should know.
    Warning(String),
}

/// Receives progress; the only way in which a run speaks.
pub type Report<'a> = &'a mut dyn FnMut(Progress);

/// Rounds of an experiment under these options.
pub fn rounds(experiment: &Experiment, options: &Options) -> u32 {
    options.rounds.or(experiment.rounds).unwrap_or(options.profile.rounds()).max(1)
}

//! Experiments: rule files after all checks.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::criterion::Criterion;
use super::target::Target;
use super::workload::Workload;

/// How much time a run may take. Decides rounds and the length of trials where a file does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// Everything of a suite in minutes: rounds of about a second.
    Quick,
    /// 5 s trials.
    Standard,
    /// 15 s trials, and more rounds.
    Thorough,
}

impl Profile {
    /// All profiles.
    pub const ALL: [Profile; 3] = [Profile::Quick, Profile::Standard, Profile::Thorough];

    /// The name in files and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Profile::Quick => "quick",
            Profile::Standard => "standard",
            Profile::Thorough => "thorough",
        }
    }

    /// Measured part of a trial.
    pub const fn trial(self) -> Duration {
        match self {
            Profile::Quick => Duration::from_millis(500),
            Profile::Standard => Duration::from_secs(5),
            Profile::Thorough => Duration::from_secs(15),
        }
    }

    /// Rounds.
    pub const fn rounds(self) -> u32 {
        match self {
            Profile::Quick | Profile::Standard => 5,
            Profile::Thorough => 9,
        }
    }

    /// Longest warm-up of a variant whose servers are native code; a JVM has a limit of its own.
    pub const fn warmup_limit(self) -> Duration {
        match self {
            Profile::Quick => Duration::from_millis(1500),
            Profile::Standard => Duration::from_secs(10),
            Profile::Thorough => Duration::from_secs(30),
        }
    }

    /// Longest warm-up of a JVM, once a node.
    pub const fn jvm_warmup_limit(self) -> Duration {
        match self {
            Profile::Quick => Duration::from_secs(40),
            Profile::Standard => Duration::from_secs(60),
            Profile::Thorough => Duration::from_secs(90),
        }
    }

    /// Unmeasured lead-in of every trial after the first of a variant.
    pub const fn settle(self) -> Duration {
        match self {
            Profile::Quick => Duration::from_millis(100),
            Profile::Standard => Duration::from_millis(500),
            Profile::Thorough => Duration::from_secs(1),
        }
    }
}

/// What a rule says of itself, for people.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RuleText {
    /// Its id: `cache-read-latency`.
    pub id: String,
    /// The part of the id before the first `-`: `cache`.
    pub group: String,
    /// One short sentence.
    pub title: String,
    /// Sections of the source document.
    pub sections: Vec<String>,
    /// The claim in our words.
    pub claim: String,
    /// Why it should hold.
    pub because: String,
    /// What could turn the verdict.
    pub confounders: Vec<String>,
    /// How to read a refutation.
    pub if_refuted: String,
    /// What the measured figure means when one sizes a system, with `{value}`, `{low}` and `{high}` for the headline's figures.
    pub meaning: String,
}

/// A probe of the machine itself; no store takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeKind {
    /// Reads of `block` bytes at random places, O_DIRECT, one at a time.
    DiskRandomRead,
    /// Writes of `block` bytes at random places, O_DIRECT, one at a time.
    DiskRandomWrite,
    /// Appends of `block` bytes, each followed by fdatasync.
    DiskFlush,
    /// Reads of `block` bytes one after the other, O_DIRECT.
    DiskSequentialRead,
    /// Writes of `block` bytes one after the other, O_DIRECT.
    DiskSequentialWrite,
}

/// A probe with its sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// What it does.
    pub kind: ProbeKind,
    /// Bytes of one request.
    pub block: u64,
    /// Bytes of the file that it works on, filled with random bytes before.
    pub file: u64,
}

/// What a fill weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weighed {
    /// Bytes on disk.
    Disk,
    /// Resident memory.
    Memory,
}

/// What a trial of a variant does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    /// Sends the workload to the target and times every operation.
    Load {
        /// Who receives it.
        target: Target,
    },
    /// Loads rows in steps and weighs the store after each: the slope is what one more row costs.
    Fill {
        /// Who receives the rows.
        target: Target,
        /// Rows after each step, rising, two or more.
        rows: Vec<u64>,
        /// What is weighed.
        weighed: Weighed,
    },
    /// Probes the machine.
    Probe(Probe),
}

/// One configuration that an experiment compares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Variant {
    /// Its name; of a sweep `base@value`.
    pub name: String,
    /// What it is, for people; the name if the file says nothing.
    pub title: String,
    /// What its trials do.
    pub activity: Activity,
    /// Its own workload: the experiment's, with what the variant changes.
    pub workload: Workload,
    /// Value of the swept parameter, if it comes from a sweep.
    pub parameter: Option<f64>,
}

impl Variant {
    /// The target that its trials use, if any.
    pub fn target(&self) -> Option<&Target> {
        match &self.activity {
            Activity::Load { target } | Activity::Fill { target, .. } => Some(target),
            Activity::Probe(_) => None,
        }
    }
}

/// A rule with its test, ready to plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Experiment {
    /// What it says.
    pub rule: RuleText,
    /// What is compared, in the order of the file; only those that the profile asks for.
    pub variants: Vec<Variant>,
    /// The tests; the first is the headline. Empty for an experiment that only compares.
    pub criteria: Vec<Criterion>,
    /// Rounds, if the file decides.
    pub rounds: Option<u32>,
    /// The file as it was read, kept in the manifest.
    pub source: String,
    /// Where it was read: a path, or `built in`.
    pub origin: String,
}

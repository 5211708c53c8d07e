//! Workloads: what is asked, of which keys, how big, how fast.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::data::{Schema, VALUE_HEADER};
use super::op::OpKind;
use crate::base::seed::mix64;

/// How keys are drawn from `0 … count − 1`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Distribution {
    /// All alike.
    Uniform,
    /// Zipf's law with exponent `theta`.
    Zipfian {
        /// Skew: 0 is uniform, 0.99 is YCSB's default, above 1 is allowed.
        theta: f64,
        /// Popular keys are strewn over the key space by a hash, instead of lying at its start.
        scrambled: bool,
        /// Gray's approximation as YCSB uses it (needs theta < 1), instead of exact rejection-inversion.
        gray: bool,
    },
    /// Zipf's law over the age of a key: the newest are the most popular (YCSB workload D).
    Latest {
        /// Skew.
        theta: f64,
    },
    /// A share of the keys takes a share of the operations.
    Hotspot {
        /// Share of the keys that are hot, 0–1.
        keys: f64,
        /// Share of the operations that go to hot keys, 0–1.
        operations: f64,
    },
    /// One after the other, starting over at the end.
    Sequential,
}

/// Which keys an operation may touch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Keys {
    /// Rows loaded before the trials.
    pub count: u64,
    /// How existing keys are drawn.
    pub distribution: Distribution,
}

/// Size of a value in bytes; at least [`super::data::VALUE_HEADER`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueSize {
    /// Always the same.
    Fixed(u32),
    /// All sizes from `min` to `max` alike.
    Uniform {
        /// Smallest size in bytes.
        min: u32,
        /// Largest size in bytes.
        max: u32,
    },
    /// Log-normal around `median`, cut at `max`.
    LogNormal {
        /// Median in bytes.
        median: u32,
        /// Standard deviation of the natural logarithm.
        sigma: f64,
        /// Upper bound in bytes.
        max: u32,
    },
}

impl ValueSize {
    /// The largest size in bytes that can be drawn.
    pub const fn max(self) -> u32 {
        match self {
            ValueSize::Fixed(bytes) => bytes,
            ValueSize::Uniform { max, .. } | ValueSize::LogNormal { max, .. } => max,
        }
    }

    /// The size in bytes that two uniform numbers in [0, 1) give; at least [`VALUE_HEADER`]. Log-normal by Box and Muller (1958).
    pub fn of_units(self, first: f64, second: f64) -> u32 {
        let bytes = match self {
            ValueSize::Fixed(bytes) => bytes,
            ValueSize::Uniform { min, max } => {
                let sizes = f64::from(max.saturating_sub(min)) + 1.0;
                min.saturating_add((first * sizes) as u32).min(max.max(min))
            }
            ValueSize::LogNormal { median, sigma, max } => {
                // 1 − first is in (0, 1], so the logarithm is finite.
                let normal = (-2.0 * (1.0 - first).ln()).sqrt() * (std::f64::consts::TAU * second).cos();
                ((f64::from(median) * (sigma * normal).exp()).round() as u32).min(max)
            }
        };
        bytes.max(VALUE_HEADER as u32)
    }

    /// The size in bytes of the loaded value of `key`: a function of the key alone, so that loading twice gives the same rows.
    pub fn of_key(self, key: u64) -> u32 {
        if let ValueSize::Fixed(bytes) = self {
            return bytes.max(VALUE_HEADER as u32);
        }
        let unit = |bits: u64| (bits >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0);
        let first = mix64(key);
        self.of_units(unit(first), unit(mix64(first)))
    }
}

/// When the next operation of an open loop is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrivals {
    /// At equal distances.
    Constant,
    /// At exponentially distributed distances: independent users.
    Poisson,
}

/// How fast an open loop offers operations.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rate {
    /// Operations a second.
    PerSecond(f64),
    /// A share (0–1) of what the slowest variant of the experiment reaches in a closed loop; measured before the rounds.
    ShareOfSlowest(f64),
}

/// Who decides when an operation starts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Load {
    /// A fixed number of sessions, each starting an operation when its last one ended. Shows capacity; cannot see waiting.
    Closed {
        /// Sessions.
        sessions: u32,
    },
    /// Operations start on a schedule, whether or not earlier ones have ended. Shows latency.
    Open {
        /// Rate of all sessions together.
        rate: Rate,
        /// Distances between arrivals.
        arrivals: Arrivals,
        /// Operations in flight at most; an arrival beyond that waits and keeps its intended start.
        sessions: u32,
    },
}

impl Load {
    /// Sessions to open.
    pub const fn sessions(self) -> u32 {
        match self {
            Load::Closed { sessions } | Load::Open { sessions, .. } => sessions,
        }
    }
}

/// What comes before the measured part of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Warmup {
    /// Until the rate of several windows agrees, within the profile's limit.
    UntilSteady,
    /// So long.
    Fixed(Duration),
}

/// Everything that decides which operations a trial sends, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Workload {
    /// Kinds with their weights (not normalised; all positive).
    pub mix: Vec<(OpKind, f64)>,
    /// Rows, and how they are drawn.
    pub keys: Keys,
    /// Sizes of values.
    pub value: ValueSize,
    /// Columns beside the value.
    pub schema: Schema,
    /// Closed or open loop.
    pub load: Load,
    /// Rows that a scan asks for at most; each scan draws 1 … this.
    pub scan_limit: u32,
    /// Warm-up of the first trial of a variant; later trials of the same sessions only settle.
    pub warmup: Warmup,
    /// Measured part of a trial; `None` leaves it to the profile.
    pub duration: Option<Duration>,
    /// An operation without an answer after this long ends as `timeout`.
    pub deadline: Duration,
}

impl Workload {
    /// Whether the mix contains `kind`.
    pub fn has(&self, kind: OpKind) -> bool {
        self.mix.iter().any(|(other, _)| *other == kind)
    }

    /// Whether trials leave a data set behind that others cannot use.
    pub fn changes_row_count(&self) -> bool {
        self.mix.iter().any(|(kind, _)| kind.changes_row_count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_loaded_row_depends_on_its_key_alone_and_keeps_its_bounds() {
        assert_eq!(ValueSize::Fixed(100).of_key(7), 100);
        assert_eq!(ValueSize::Fixed(3).of_key(7), VALUE_HEADER as u32);
        let uniform = ValueSize::Uniform { min: 50, max: 53 };
        let mut seen = [0; 4];
        for key in 0..4_000 {
            assert_eq!(uniform.of_key(key), uniform.of_key(key));
            seen[(uniform.of_key(key) - 50) as usize] += 1;
        }
        assert!(seen.iter().all(|count| (900..1_100).contains(count)), "{seen:?}");
    }

    #[test]
    fn half_of_the_log_normal_sizes_lie_below_the_median_and_none_above_the_bound() {
        let size = ValueSize::LogNormal { median: 1_000, sigma: 0.5, max: 2_000 };
        let sizes: Vec<u32> = (0..10_000).map(|key| size.of_key(key)).collect();
        let below = sizes.iter().filter(|bytes| **bytes < 1_000).count();
        assert!((4_800..5_200).contains(&below), "{below}");
        // P(Z > 1) = 0.1587 lies above median · e^0.5 = 1649.
        let above = sizes.iter().filter(|bytes| **bytes > 1_649).count();
        assert!((1_450..1_730).contains(&above), "{above}");
        assert!(sizes.iter().all(|bytes| *bytes <= 2_000));
    }
}

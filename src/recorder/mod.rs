//! What was measured: every latency goes into an HDR histogram, errors included.
//!
//! Each client thread owns a [`ThreadRecorder`]: no lock, and nothing allocated for an operation. Once an interval it packs its histograms
//! away (a few kB each) and starts afresh, so memory does not grow with the number of sessions and hardly with time. After the trial the
//! threads' parts are merged into a [`Recording`]; histograms are added up, percentiles never averaged.

mod log;
mod recording;
mod thread;

use hdrhistogram::Histogram;

pub use log::read_log;
pub use recording::{OpRecording, Recording};
pub use thread::{Sample, ThreadRecorder, ThreadRecording};

use crate::base::clock::{Nanos, SECOND};
use crate::model::trial::{Lag, Latency};

/// Longest latency that is told apart, in ns; longer ones count as this.
pub const LONGEST: Nanos = 1_000 * SECOND;

/// Significant decimal digits of a latency.
const DIGITS: u8 = 3;

/// Why a recording could not be packed, merged or read back. None of this depends on what was measured.
#[derive(Debug, thiserror::Error)]
#[error("latency histogram: {what}: {why}")]
pub struct RecorderError {
    /// What was tried.
    pub what: &'static str,
    /// Why it failed.
    pub why: String,
}

impl RecorderError {
    pub(crate) fn new(what: &'static str, why: impl std::fmt::Debug) -> Self {
        Self { what, why: format!("{why:?}") }
    }
}

/// An empty histogram of the one layout that all of ballpark uses: 1 ns to [`LONGEST`], three digits.
///
/// # Errors
/// Never in practice: the bounds are constants.
pub fn histogram<T: hdrhistogram::Counter>() -> Result<Histogram<T>, RecorderError> {
    Histogram::new_with_bounds(1, LONGEST, DIGITS).map_err(|error| RecorderError::new("create", error))
}

/// The statistics of a histogram in ns. A percentile with fewer than ten samples beyond it is `None`: the next trial would give another.
pub fn latency(histogram: &Histogram<u64>) -> Latency {
    let count = histogram.len();
    let at = |beyond_one_in: u64, quantile: f64| (count / beyond_one_in >= 10).then(|| histogram.value_at_quantile(quantile));
    if count == 0 {
        return Latency::default();
    }
    Latency { mean: histogram.mean(), p50: at(2, 0.5), p90: at(10, 0.9), p99: at(100, 0.99), p999: at(1_000, 0.999), max: histogram.max() }
}

/// The statistics of the issue lag in ns.
pub fn lag(histogram: &Histogram<u64>) -> Lag {
    Lag { p50: histogram.value_at_quantile(0.5), p99: histogram.value_at_quantile(0.99), max: histogram.max() }
}

/// Length of the intervals of a measured part of this length: a second, or 100 ms if it is shorter than 3 s.
pub const fn interval_ns(duration_ns: Nanos) -> Nanos {
    if duration_ns < 3 * SECOND { SECOND / 10 } else { SECOND }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_needs_ten_samples_beyond_it() {
        let mut histogram = histogram::<u64>().unwrap();
        (1..=999).for_each(|value| histogram.saturating_record(value));
        let figures = latency(&histogram);
        assert_eq!((figures.p50, figures.p90, figures.p99), (Some(500), Some(900), None));
        histogram.saturating_record(1_000);
        let figures = latency(&histogram);
        assert_eq!((figures.p99, figures.p999, figures.max), (Some(990), None, 1_000));
        assert!((figures.mean - 500.5).abs() < 0.5);
        assert_eq!(latency(&super::histogram().unwrap()), Latency::default());
    }

    #[test]
    fn latencies_keep_three_digits_from_a_microsecond_to_the_bound() {
        let mut histogram = histogram::<u64>().unwrap();
        for value in [1_234, 56_789_000, 123_456_789_012, 2 * LONGEST] {
            histogram.reset();
            histogram.saturating_record(value);
            let value = value.min(LONGEST) as f64;
            assert!((histogram.max() as f64 / value - 1.0).abs() < 1e-3, "{value}");
        }
    }
}

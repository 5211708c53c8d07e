//! Criteria and verdicts: the test that a rule must pass, and how it came out.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::metric::Metric;

/// How a rule, or one criterion of it, came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The whole interval meets the criterion.
    Confirmed,
    /// The whole interval misses it.
    Refuted,
    /// The interval lies on both sides.
    Inconclusive,
    /// It could not be measured; the reason is given.
    NotRun,
}

impl Verdict {
    /// All verdicts, in the order of reports.
    pub const ALL: [Verdict; 4] = [Verdict::Confirmed, Verdict::Refuted, Verdict::Inconclusive, Verdict::NotRun];

    /// Its word, as files and the contract spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Verdict::Confirmed => "confirmed",
            Verdict::Refuted => "refuted",
            Verdict::Inconclusive => "inconclusive",
            Verdict::NotRun => "not-run",
        }
    }

    /// Its mark beside the word, so that colour is never alone.
    pub const fn mark(self) -> &'static str {
        match self {
            Verdict::Confirmed => "✓",
            Verdict::Refuted => "✗",
            Verdict::Inconclusive => "?",
            Verdict::NotRun => "–",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// On which side of a threshold a ratio must lie.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// The ratio must be above.
    Above(f64),
    /// The ratio must be below.
    Below(f64),
}

/// Which way a figure must go along a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Never falls.
    Rising,
    /// Never rises.
    Falling,
}

/// A variant at one value of a swept parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SweepPoint {
    /// Name of the variant.
    pub variant: String,
    /// Value of the parameter.
    pub x: f64,
}

/// The test itself. Variants are named as [`super::experiment::Variant::name`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Test {
    /// One variant against another: the interval of the paired ratio against a threshold.
    Ratio {
        /// What is compared.
        #[schemars(with = "String")]
        of: Metric,
        /// Numerator.
        variant: String,
        /// Denominator.
        against: String,
        /// Threshold and direction.
        bound: Bound,
    },
    /// A measured figure against a stated number: within a factor of it.
    Ballpark {
        /// What is measured.
        #[schemars(with = "String")]
        of: Metric,
        /// Of which variant.
        variant: String,
        /// The stated number, in the metric's base unit.
        value: f64,
        /// Within which factor, above 1; √10 (half an order of magnitude) if the file says nothing.
        factor: f64,
    },
    /// A measured figure against a stated range.
    Range {
        /// What is measured.
        #[schemars(with = "String")]
        of: Metric,
        /// Of which variant.
        variant: String,
        /// Lower end, in the metric's base unit.
        low: f64,
        /// Upper end, in the metric's base unit.
        high: f64,
    },
    /// A figure that only rises, or only falls, along a parameter.
    Monotonic {
        /// What is measured.
        #[schemars(with = "String")]
        of: Metric,
        /// The path of the swept parameter, for the axis.
        over: String,
        /// Points in the order of the parameter, two or more.
        points: Vec<SweepPoint>,
        /// Which way.
        direction: Direction,
    },
    /// Two curves over one parameter that cross within its range.
    Crossover {
        /// What is measured.
        #[schemars(with = "String")]
        of: Metric,
        /// The path of the swept parameter, for the axis.
        over: String,
        /// What the first curve shows.
        first_name: String,
        /// The first curve.
        first: Vec<SweepPoint>,
        /// What the second curve shows.
        second_name: String,
        /// The second curve, at the same parameters.
        second: Vec<SweepPoint>,
    },
}

impl Test {
    /// The word for its kind in files.
    pub const fn kind(&self) -> &'static str {
        match self {
            Test::Ratio { .. } => "ratio",
            Test::Ballpark { .. } => "ballpark",
            Test::Range { .. } => "range",
            Test::Monotonic { .. } => "monotonic",
            Test::Crossover { .. } => "crossover",
        }
    }

    /// What it measures.
    pub const fn metric(&self) -> Metric {
        match self {
            Test::Ratio { of, .. }
            | Test::Ballpark { of, .. }
            | Test::Range { of, .. }
            | Test::Monotonic { of, .. }
            | Test::Crossover { of, .. } => *of,
        }
    }

    /// The variants that it needs.
    pub fn variants(&self) -> Vec<&str> {
        match self {
            Test::Ratio { variant, against, .. } => vec![variant, against],
            Test::Ballpark { variant, .. } | Test::Range { variant, .. } => vec![variant],
            Test::Monotonic { points, .. } => points.iter().map(|point| point.variant.as_str()).collect(),
            Test::Crossover { first, second, .. } => first.iter().chain(second).map(|point| point.variant.as_str()).collect(),
        }
    }
}

/// A test with its place in a rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Criterion {
    /// What it is about, in a few words: `PostgreSQL`, `p50 with one session`.
    pub name: String,
    /// The test.
    #[serde(flatten)]
    pub test: Test,
}

//! Rules: from the figures of rounds to a verdict.
//!
//! `confirmed` only if the whole 95 % interval meets the criterion, `refuted` only if the whole interval misses it, else
//! `inconclusive`; with fewer than [`MIN_ROUNDS`] valid rounds nothing is decided. A rule that lies exactly on its threshold is thus
//! confirmed in 2.5 % of experiments at most, and refuted in 2.5 % at most. Every kind of criterion keeps to that, those with
//! several questions too; the tests show it by simulation.
//!
//! This module judges, and writes the sentence that says why. It computes no interval itself (`stats` does), and knows no rule by name.

mod sweep;
mod text;

use crate::base::units::{Unit, show};
use crate::model::criterion::{Bound, Criterion, Test, Verdict};
use crate::model::metric::Metric;
use crate::model::results::{Estimate, Evidence, Judgement};
use crate::stats::{self, Interval, MIN_ROUNDS};

/// Figures of a variant by round; `None` where a round has no valid figure.
pub type Figures<'a> = &'a dyn Fn(&str, Metric) -> Vec<Option<f64>>;

/// Index of the judgement that stands for the rule: the first that could be measured, 0 if none could.
pub fn headline(judgements: &[Judgement]) -> usize {
    judgements.iter().position(|judgement| judgement.verdict != Verdict::NotRun).unwrap_or(0)
}

/// Judges one criterion. Rounds are paired by index; a round counts for a comparison if both sides have a figure in it.
pub fn judge(criterion: &Criterion, figures: Figures) -> Judgement {
    let judged = match &criterion.test {
        Test::Ratio { of, variant, against, bound } => ratio(*of, variant, against, *bound, figures),
        Test::Ballpark { of, variant, value, factor } => {
            band(*of, variant, &Band { low: value / factor, high: value * factor, stated: Some(*value) }, figures)
        }
        Test::Range { of, variant, low, high } => band(*of, variant, &Band { low: *low, high: *high, stated: None }, figures),
        Test::Monotonic { of, points, direction, .. } => sweep::monotonic(*of, points, *direction, figures),
        Test::Crossover { of, over, first_name, first, second_name, second } => {
            sweep::crossover(*of, over, [(first_name, first), (second_name, second)], figures)
        }
    };
    let Judged { verdict, why, estimate, evidence, rounds } = judged.unwrap_or_else(Judged::not_run);
    Judgement { criterion: criterion.clone(), verdict, why, asked: text::asked(&criterion.test), estimate, evidence, rounds: rounds as u32 }
}

/// What a test came to.
struct Judged {
    verdict: Verdict,
    why: String,
    estimate: Option<Estimate>,
    evidence: Evidence,
    rounds: usize,
}

impl Judged {
    fn not_run(why: String) -> Self {
        Self { verdict: Verdict::NotRun, why, estimate: None, evidence: Evidence::default(), rounds: 0 }
    }
}

/// A stated range, or the range around a stated figure.
struct Band {
    low: f64,
    high: f64,
    stated: Option<f64>,
}

/// The figures of every variant by round.
///
/// # Errors
/// Why the test cannot be run: the variants without any valid figure.
fn by_round(of: Metric, variants: &[&str], figures: Figures) -> Result<Vec<Vec<Option<f64>>>, String> {
    let valid = |figure: Option<f64>| figure.filter(|value| value.is_finite());
    let all: Vec<Vec<Option<f64>>> = variants.iter().map(|variant| figures(variant, of).into_iter().map(valid).collect()).collect();
    let missing: Vec<String> =
        variants.iter().zip(&all).filter(|(_, rounds)| rounds.iter().all(Option::is_none)).map(|(name, _)| format!("`{name}`")).collect();
    match missing.len() {
        0 => Ok(all),
        1 => Err(format!("{} has no valid {} in any round", missing[0], of.title())),
        _ => Err(format!("{} have no valid {} in any round", missing.join(", "), of.title())),
    }
}

/// Two variants in the rounds in which both have a figure.
struct Pairs {
    a: Vec<f64>,
    b: Vec<f64>,
}

impl Pairs {
    fn new(a: &[Option<f64>], b: &[Option<f64>]) -> Self {
        let (a, b) = a.iter().zip(b).filter_map(|(a, b)| Some(((*a)?, (*b)?))).unzip();
        Self { a, b }
    }

    fn len(&self) -> usize {
        self.a.len()
    }

    /// The ratio of every round, for the chart; rounds without one are left out.
    fn ratios(&self) -> Vec<f64> {
        self.a.iter().zip(&self.b).map(|(a, b)| a / b).filter(|ratio| ratio.is_finite() && *ratio > 0.0).collect()
    }

    /// The paired ratio at `confidence`.
    ///
    /// # Errors
    /// Why there is none, as a clause of a sentence that starts with the metric's name.
    fn ratio(&self, names: [&str; 2], confidence: f64) -> Result<Interval, String> {
        let zeros = |name: &str, values: &[f64]| {
            let count = values.iter().filter(|value| **value <= 0.0).count();
            (count > 0).then(|| format!("is 0 for {name} in {count} of {} rounds, and a ratio needs figures above 0", values.len()))
        };
        if let Some(why) = zeros(names[0], &self.a).or_else(|| zeros(names[1], &self.b)) {
            return Err(why);
        }
        stats::ratio_at(&self.a, &self.b, confidence).ok_or_else(|| match self.ratios().as_slice() {
            [] => format!("has no round in which both {} and {} are valid", names[0], names[1]),
            [only, ..] => {
                let only = show(*only, Unit::Ratio);
                format!(
                    "of {} is {only} that of {} in the only round in which both are valid; a verdict needs {MIN_ROUNDS}",
                    names[0], names[1]
                )
            }
        })
    }
}

fn estimate(interval: Interval, unit: Unit) -> Estimate {
    Estimate { value: interval.value, low: interval.low, high: interval.high, unit }
}

/// Level of a figure over rounds. No metric is negative and no share is above 1, so neither is its interval.
fn level(of: Metric, values: &[f64]) -> Option<Interval> {
    let most = if of.unit() == Unit::Share { 1.0 } else { f64::MAX };
    stats::level(values).map(|interval| interval.within(0.0, most))
}

fn ratio(of: Metric, variant: &str, against: &str, bound: Bound, figures: Figures) -> Result<Judged, String> {
    let all = by_round(of, &[variant, against], figures)?;
    let pairs = Pairs::new(&all[0], &all[1]);
    let evidence = Evidence { rounds: pairs.ratios(), ..Evidence::default() };
    let rounds = pairs.len();
    let interval = match pairs.ratio([variant, against], stats::CONFIDENCE) {
        Ok(interval) => interval,
        Err(why) => {
            let why = format!("{} {why}", of.title());
            return Ok(Judged { verdict: Verdict::Inconclusive, why, estimate: None, evidence, rounds });
        }
    };
    let (Bound::Above(limit) | Bound::Below(limit)) = bound;
    let (above, below) = (interval.low > limit, interval.high < limit);
    // Figures without scatter can be exactly the threshold, and that is neither above nor below it.
    let exactly = interval.low == limit && interval.high == limit;
    let (meets, misses) = if matches!(bound, Bound::Above(_)) { (above, below || exactly) } else { (below, above || exactly) };
    let verdict = decide(&interval, meets, misses);
    let estimate = estimate(interval, Unit::Ratio);
    let why = text::ratio(of, [variant, against], &estimate, bound) + &text::too_few(rounds);
    Ok(Judged { verdict, why, estimate: Some(estimate), evidence, rounds })
}

/// The verdict of an interval that wholly meets a criterion, wholly misses it, or neither.
const fn decide(interval: &Interval, meets: bool, misses: bool) -> Verdict {
    match (interval.decides(), meets, misses) {
        (true, true, _) => Verdict::Confirmed,
        (true, false, true) => Verdict::Refuted,
        _ => Verdict::Inconclusive,
    }
}

fn band(of: Metric, variant: &str, band: &Band, figures: Figures) -> Result<Judged, String> {
    let all = by_round(of, &[variant], figures)?;
    let values: Vec<f64> = all.into_iter().flatten().flatten().collect();
    let rounds = values.len();
    let unit = of.unit();
    let Some(interval) = level(of, &values) else {
        let only = values.first().map_or(String::new(), |value| show(*value, unit));
        let why = format!("{} is {only} in its only valid round; a verdict needs {MIN_ROUNDS}", text::subject(of, variant));
        let evidence = Evidence { rounds: values, ..Evidence::default() };
        return Ok(Judged { verdict: Verdict::Inconclusive, why, estimate: None, evidence, rounds });
    };
    let (inside, outside) = (interval.low >= band.low && interval.high <= band.high, interval.high < band.low || interval.low > band.high);
    let verdict = decide(&interval, inside, outside);
    let estimate = estimate(interval, unit);
    let why = text::band(of, variant, &estimate, band, verdict) + &text::too_few(rounds);
    Ok(Judged { verdict, why, estimate: Some(estimate), evidence: Evidence { rounds: values, ..Evidence::default() }, rounds })
}

#[cfg(test)]
mod tests;

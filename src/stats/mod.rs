//! Intervals over rounds. The unit is the round, which holds one trial of each variant: trials of one round meet the same
//! machine in the same mood, so their ratio is formed within the round, and what drifts from round to round falls out of it.
//!
//! Latencies and rates scatter by factors, not by sums, so means and intervals are those of the logarithms: the point is the
//! geometric mean, the interval is Student's t (Student 1908, "The probable error of a mean"). It covers the truth as often as it
//! says if the logarithms are about normal and the rounds independent; the tests here and in `rules` show the rates by simulation.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// Confidence of every interval that is shown: 95 %, two-sided.
pub const CONFIDENCE: f64 = 0.95;

/// Valid rounds without which no interval confirms or refutes: with fewer, one odd round decides, and normality is anybody's guess.
pub const MIN_ROUNDS: usize = 5;

/// Which mean an interval is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mean {
    /// Geometric mean, interval of the logarithms: all values were positive.
    Geometric,
    /// Arithmetic mean and interval: a value was zero or negative and has no logarithm.
    Arithmetic,
}

/// A mean with its two-sided interval, in the unit of the values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The mean.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Rounds behind it, two or more.
    pub n: usize,
    /// Which mean.
    pub mean: Mean,
}

impl Interval {
    /// Whether there are rounds enough for a verdict.
    pub const fn decides(&self) -> bool {
        self.n >= MIN_ROUNDS
    }

    /// The same with both ends and the point inside what the figure can be at all, such as 0 to 1 for a share.
    #[must_use]
    pub fn within(self, least: f64, most: f64) -> Self {
        let inside = |end: f64| end.clamp(least, most);
        Self { value: inside(self.value), low: inside(self.low), high: inside(self.high), ..self }
    }
}

/// The `t` with |T| ≤ t in `confidence` of cases, for Student's T with `degrees` of freedom.
fn t_quantile(confidence: f64, degrees: f64) -> Option<f64> {
    StudentsT::new(0.0, 1.0, degrees).ok().map(|t| t.inverse_cdf(0.5 + confidence / 2.0))
}

/// Arithmetic mean of `values` and half the length of its interval; `None` with fewer than two values, or one that is not finite.
fn mean_and_half(values: &[f64], confidence: f64) -> Option<(f64, f64)> {
    if values.len() < 2 || values.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    // Equal values have no spread, whatever the sum's rounding says.
    let spread = if values.iter().all(|value| *value == values[0]) { 0.0 } else { (variance / n).sqrt() };
    Some((mean, t_quantile(confidence, n - 1.0)? * spread))
}

fn of_logarithms(logs: &[f64], confidence: f64) -> Option<Interval> {
    let (mean, half) = mean_and_half(logs, confidence)?;
    // Two rounds far apart can reach beyond what a number holds; the ends stay positive and finite, so that they can be drawn and written.
    let back = |log: f64| log.exp().clamp(f64::MIN_POSITIVE, f64::MAX);
    Some(Interval { value: back(mean), low: back(mean - half), high: back(mean + half), n: logs.len(), mean: Mean::Geometric })
}

/// Arithmetic mean of `values` (any sign) with its 95 % interval; `None` with fewer than two values, or one that is not finite.
pub fn mean(values: &[f64]) -> Option<Interval> {
    let (mean, half) = mean_and_half(values, CONFIDENCE)?;
    Some(Interval { value: mean, low: mean - half, high: mean + half, n: values.len(), mean: Mean::Arithmetic })
}

/// Level of a figure over rounds with its 95 % interval: geometric if all values are positive, else arithmetic (a share can be zero);
/// [`Interval::mean`] says which. `None` with fewer than two values, or one that is not finite.
pub fn level(values: &[f64]) -> Option<Interval> {
    if values.iter().all(|value| *value > 0.0) {
        let logs: Vec<f64> = values.iter().map(|value| value.ln()).collect();
        return of_logarithms(&logs, CONFIDENCE);
    }
    mean(values)
}

/// Paired ratio over rounds, `a[i] / b[i]`, with its 95 % interval. `None` with fewer than two pairs, with lists of different
/// lengths, or with a value that is not positive and finite.
pub fn ratio(a: &[f64], b: &[f64]) -> Option<Interval> {
    ratio_at(a, b, CONFIDENCE)
}

/// [`ratio`] at another confidence (0–1), for several comparisons that share one rate of error.
pub fn ratio_at(a: &[f64], b: &[f64], confidence: f64) -> Option<Interval> {
    if a.len() != b.len() || a.iter().chain(b).any(|value| !(value.is_finite() && *value > 0.0)) {
        return None;
    }
    // The difference of the logarithms, not the logarithm of the quotient: swapping the two inverts the interval exactly.
    let logs: Vec<f64> = a.iter().zip(b).map(|(a, b)| a.ln() - b.ln()).collect();
    of_logarithms(&logs, confidence)
}

/// Where two curves over ascending `x` change places, in one round: the zero of the log-ratio, interpolated in log `x` if all `x`
/// are positive (two power laws cross exactly there), else in `x`. If noise makes them change places several times, it is the
/// middle one; if the same curve leads at both ends, they have not changed places, and it is `None`. Figures must be positive.
pub fn crossing(x: &[f64], first: &[f64], second: &[f64]) -> Option<f64> {
    let logarithmic = x.iter().all(|x| *x > 0.0);
    let scale = |x: f64| if logarithmic { x.ln() } else { x };
    let gaps = x.iter().zip(first.iter().zip(second)).map(|(x, (a, b))| (scale(*x), a.ln() - b.ln()));
    let mut changes = Vec::new();
    let mut last: Option<(f64, f64)> = None;
    let mut ties: Vec<f64> = Vec::new();
    for (at, gap) in gaps {
        if !gap.is_finite() {
            return None;
        }
        if gap == 0.0 {
            ties.push(at);
            continue;
        }
        if let Some((before, former)) = last
            && former.signum() != gap.signum()
        {
            changes.push(match (ties.first(), ties.last()) {
                (Some(from), Some(to)) => f64::midpoint(*from, *to),
                _ => before + (at - before) * former / (former - gap),
            });
        }
        last = Some((at, gap));
        ties.clear();
    }
    // An odd number of changes is what different leaders at the ends mean.
    let middle = (changes.len() % 2 == 1).then(|| changes[changes.len() / 2])?;
    Some(if logarithmic { middle.exp() } else { middle })
}

#[cfg(test)]
mod tests;

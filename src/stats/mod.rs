//! Statistics over rounds. The unit is the round: trials of one round meet the same machine, so their ratio is paired.
//!
//! Intervals are Student's t on logarithms: latencies and rates scatter by factors, not by sums, and a ratio of two of them is a difference of
//! logarithms. The point is the geometric mean.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// Confidence of every interval that is shown.
pub const CONFIDENCE: f64 = 0.95;

/// Rounds without which no interval decides.
pub const MIN_ROUNDS: usize = 5;

/// A point with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Geometric mean.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Rounds behind it.
    pub n: usize,
}

/// The two-sided quantile of Student's t: `t` such that |T| ≤ t with probability `confidence`.
fn t_quantile(confidence: f64, degrees: f64) -> Option<f64> {
    StudentsT::new(0.0, 1.0, degrees).ok().map(|t| t.inverse_cdf(0.5 + confidence / 2.0))
}

/// The interval of the mean of `values` (any sign), at `confidence`.
fn mean_interval(values: &[f64], confidence: f64) -> Option<(f64, f64)> {
    let n = values.len() as f64;
    if values.len() < 2 || values.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    Some((mean, t_quantile(confidence, n - 1.0)? * (variance / n).sqrt()))
}

/// Level of a figure over rounds. All values positive: geometric mean, interval of the logarithms. Otherwise (shares can be zero): arithmetic.
/// `None` with fewer than two values.
pub fn level(values: &[f64]) -> Option<Interval> {
    let n = values.len();
    if values.iter().all(|value| *value > 0.0) {
        let logs: Vec<f64> = values.iter().map(|value| value.ln()).collect();
        return log_interval(&logs, CONFIDENCE);
    }
    let (mean, half) = mean_interval(values, CONFIDENCE)?;
    Some(Interval { value: mean, low: mean - half, high: mean + half, n })
}

/// Geometric mean and interval of `exp(logs)`.
fn log_interval(logs: &[f64], confidence: f64) -> Option<Interval> {
    let (mean, half) = mean_interval(logs, confidence)?;
    Some(Interval { value: mean.exp(), low: (mean - half).exp(), high: (mean + half).exp(), n: logs.len() })
}

/// Paired ratio of two variants over rounds: `a[i] / b[i]`. `None` with fewer than two pairs of positive values.
pub fn ratio(a: &[f64], b: &[f64]) -> Option<Interval> {
    ratio_at(a, b, CONFIDENCE)
}

/// [`ratio`] at another confidence, for several comparisons that share one error rate.
pub fn ratio_at(a: &[f64], b: &[f64], confidence: f64) -> Option<Interval> {
    if a.len() != b.len() || a.iter().chain(b).any(|value| *value <= 0.0) {
        return None;
    }
    let logs: Vec<f64> = a.iter().zip(b).map(|(a, b)| (a / b).ln()).collect();
    log_interval(&logs, confidence)
}

/// Where two curves cross, in one round: the first change of sign of the log-ratio, interpolated (in log x where x is positive).
pub fn crossing(x: &[f64], first: &[f64], second: &[f64]) -> Option<f64> {
    let gaps: Vec<f64> = first.iter().zip(second).map(|(a, b)| (a / b).ln()).collect();
    let logarithmic = x.iter().all(|x| *x > 0.0);
    let scale = |x: f64| if logarithmic { x.ln() } else { x };
    (1..gaps.len()).find(|&index| gaps[index - 1].signum() != gaps[index].signum()).map(|index| {
        let share = gaps[index - 1] / (gaps[index - 1] - gaps[index]);
        let at = scale(x[index - 1]) + share * (scale(x[index]) - scale(x[index - 1]));
        if logarithmic { at.exp() } else { at }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::seed::{Rng, Seed, unit};
    use proptest::prelude::*;

    /// A normal deviate by Box and Muller.
    fn normal(rng: &mut Rng) -> f64 {
        (-2.0 * (1.0 - unit(rng)).ln()).sqrt() * (2.0 * std::f64::consts::PI * unit(rng)).cos()
    }

    #[test]
    fn quantiles_are_the_published_ones() {
        for (degrees, expected) in [(1.0, 12.706), (4.0, 2.776), (8.0, 2.306), (30.0, 2.042)] {
            assert!((t_quantile(0.95, degrees).unwrap() - expected).abs() < 1e-3);
        }
    }

    #[test]
    fn an_interval_by_hand() {
        // Logs 0, 1, 2: mean 1, s = 1, standard error 1/√3, t(0.975, 2) = 4.3027.
        let interval = level(&[1.0, 1_f64.exp(), 2_f64.exp()]).unwrap();
        let half = 4.302_653 / 3_f64.sqrt();
        assert!((interval.value.ln() - 1.0).abs() < 1e-9);
        assert!((interval.low.ln() - (1.0 - half)).abs() < 1e-4 && (interval.high.ln() - (1.0 + half)).abs() < 1e-4);
        assert_eq!(level(&[1.0]), None);
        assert_eq!(ratio(&[1.0, 0.0], &[1.0, 1.0]), None);
    }

    #[test]
    fn a_crossing_lies_between_the_points_that_change_sign() {
        assert!((crossing(&[0.0, 1.0], &[1.0, 4.0], &[2.0, 2.0]).unwrap() - 0.5).abs() < 1e-9);
        assert!((crossing(&[1.0, 100.0], &[1.0, 4.0], &[2.0, 2.0]).unwrap() - 10.0).abs() < 1e-9);
        assert_eq!(crossing(&[1.0, 2.0], &[1.0, 1.0], &[2.0, 2.0]), None);
    }

    proptest! {
        #[test]
        fn swapping_inverts_and_scaling_scales(values in prop::collection::vec((0.1_f64..1e6, 0.1_f64..1e6), 2..9), scale in 0.01_f64..100.0) {
            let (a, b): (Vec<f64>, Vec<f64>) = values.into_iter().unzip();
            let (forth, back) = (ratio(&a, &b).unwrap(), ratio(&b, &a).unwrap());
            prop_assert!((forth.value * back.value - 1.0).abs() < 1e-6 && (forth.low * back.high - 1.0).abs() < 1e-6);
            let scaled: Vec<f64> = a.iter().map(|value| value * scale).collect();
            prop_assert!((ratio(&scaled, &b).unwrap().value / forth.value / scale - 1.0).abs() < 1e-6);
            prop_assert!(forth.low <= forth.value && forth.value <= forth.high);
        }
    }

    /// The interval of the ratio covers the truth as often as it says, although rounds drift together.
    #[test]
    fn intervals_cover_the_truth_as_often_as_they_say() {
        let mut rng = Seed(11).rng();
        let experiments = 10_000;
        for (sigma, truth) in [(0.05, 1.0), (0.2, 1.3)] {
            let mut covered = 0;
            for _ in 0..experiments {
                let (mut a, mut b) = (Vec::new(), Vec::new());
                for round in 0..5 {
                    let drift = (0.3 * f64::from(round) + 0.5 * normal(&mut rng)).exp();
                    a.push(truth * drift * (sigma * normal(&mut rng)).exp());
                    b.push(drift * (sigma * normal(&mut rng)).exp());
                }
                let interval = ratio(&a, &b).unwrap();
                covered += i32::from(interval.low <= truth && truth <= interval.high);
            }
            // Three standard errors of a share of 0.95 in 10,000: 0.0065.
            assert!((f64::from(covered) / f64::from(experiments) - 0.95).abs() < 0.0066, "{covered}");
        }
    }
}

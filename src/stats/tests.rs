use proptest::prelude::*;

use super::*;
use crate::base::seed::{Rng, Seed, unit};

/// A normal deviate by Box and Muller (1958).
fn normal(rng: &mut Rng) -> f64 {
    (-2.0 * (1.0 - unit(rng)).ln()).sqrt() * (std::f64::consts::TAU * unit(rng)).cos()
}

fn close(a: f64, b: f64, relative: f64) -> bool {
    (a / b - 1.0).abs() < relative
}

#[test]
fn quantiles_are_the_published_ones() {
    // Two-sided 95 %, 99 % and 99.5 %, from the usual tables.
    for (confidence, degrees, expected) in [
        (0.95, 1.0, 12.706),
        (0.95, 4.0, 2.776),
        (0.95, 8.0, 2.306),
        (0.95, 30.0, 2.042),
        (0.99, 4.0, 4.604),
        (0.995, 4.0, 5.598),
        (0.99, 8.0, 3.355),
    ] {
        let found = t_quantile(confidence, degrees).unwrap();
        assert!((found - expected).abs() < 1e-3, "t({confidence}, {degrees}) = {found}");
    }
}

#[test]
fn the_interval_of_five_logarithms_by_hand() {
    // Logs 1 … 5: mean 3, s² = 10/4, standard error √(2.5/5) = 0.70711, t(0.975, 4) = 2.776445, half 1.963243.
    let values: Vec<f64> = (1..=5).map(|log| f64::from(log).exp()).collect();
    let interval = level(&values).unwrap();
    assert!((interval.value.ln() - 3.0).abs() < 1e-9);
    assert!((interval.low.ln() - (3.0 - 1.963_243)).abs() < 1e-5 && (interval.high.ln() - (3.0 + 1.963_243)).abs() < 1e-5);
    assert_eq!((interval.n, interval.mean), (5, Mean::Geometric));
    assert!(interval.decides() && !level(&values[..4]).unwrap().decides());
}

#[test]
fn the_interval_of_five_ratios_by_hand() {
    // Ratios 2, 2, 2, 2, 4 in base 2: 1, 1, 1, 1, 2: mean 1.2, s² = 0.2, standard error 0.2, half 0.555289.
    let (a, b) = ([2.0, 20.0, 200.0, 2.0, 4.0], [1.0, 10.0, 100.0, 1.0, 1.0]);
    let interval = ratio(&a, &b).unwrap();
    assert!((interval.value.log2() - 1.2).abs() < 1e-9);
    assert!((interval.low.log2() - 0.644_711).abs() < 1e-5 && (interval.high.log2() - 1.755_289).abs() < 1e-5);
}

#[test]
fn a_zero_makes_the_mean_arithmetic_and_says_so() {
    // Mean 0.2, s² = 0.4/4 … by hand: values 0, 0.1, 0.2, 0.3, 0.4: s² = 0.025, standard error 0.070711, half 0.196324.
    let interval = level(&[0.0, 0.1, 0.2, 0.3, 0.4]).unwrap();
    assert_eq!(interval.mean, Mean::Arithmetic);
    assert!((interval.value - 0.2).abs() < 1e-9 && (interval.low - 0.003_676).abs() < 1e-5 && (interval.high - 0.396_324).abs() < 1e-5);
    let cut = level(&[0.0, 0.0, 0.0, 0.0, 1.0]).unwrap().within(0.0, 1.0);
    assert!(cut.low == 0.0 && cut.high <= 1.0 && (cut.value - 0.2).abs() < 1e-9);
}

#[test]
fn nothing_is_made_of_too_little() {
    assert_eq!(level(&[]), None);
    assert_eq!(level(&[1.0]), None);
    assert_eq!(level(&[1.0, f64::NAN]), None);
    assert_eq!(level(&[1.0, f64::INFINITY]), None);
    assert_eq!(ratio(&[1.0, 0.0], &[1.0, 1.0]), None);
    assert_eq!(ratio(&[1.0, 1.0], &[1.0, -1.0]), None);
    assert_eq!(ratio(&[1.0, 2.0, 3.0], &[1.0, 2.0]), None);
}

#[test]
fn equal_rounds_have_an_interval_without_length_and_wild_ones_a_finite_one() {
    let flat = ratio(&[0.1; 7], &[0.3; 7]).unwrap();
    assert!(flat.low == flat.value && flat.value == flat.high && close(flat.value, 1.0 / 3.0, 1e-9));
    let wild = level(&[1e-300, 1e300]).unwrap();
    assert!(wild.low > 0.0 && wild.high.is_finite());
}

#[test]
fn power_laws_cross_where_algebra_says_and_lines_on_a_scale_with_zero() {
    // 8 x and 2 x² cross at 4; the points are nowhere near it.
    let x: [f64; 3] = [1.0, 2.0, 64.0];
    let found = crossing(&x, &x.map(|x| 8.0 * x), &x.map(|x| 2.0 * x * x)).unwrap();
    assert!(close(found, 4.0, 1e-9), "{found}");
    // With x = 0 the scale is linear: log-ratio from −ln 2 to +ln 2 has its zero half way.
    assert!(close(crossing(&[0.0, 1.0], &[1.0, 4.0], &[2.0, 2.0]).unwrap(), 0.5, 1e-9));
}

#[test]
fn the_middle_of_several_crossings_counts_and_a_tie_is_a_place() {
    let even = [1.0; 6];
    assert_eq!(crossing(&[1.0, 2.0], &[1.0, 1.0], &[2.0, 2.0]), None);
    assert_eq!(crossing(&[1.0, 2.0, 3.0], &[1.0, 3.0, 1.0], &[2.0, 2.0, 2.0]), None, "back again");
    let places = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0];
    let there_and_back = [2.0, 0.5, 2.0, 0.5, 0.5, 0.5];
    assert!(close(crossing(&places, &there_and_back, &even).unwrap(), 1.5, 1e-9));
    assert!(close(crossing(&places, &[2.0, 2.0, 1.0, 1.0, 0.5, 0.5], &even).unwrap(), 2.5, 1e-9));
    assert_eq!(crossing(&[1.0, 2.0], &[0.0, 1.0], &[1.0, 0.5]), None);
}

proptest! {
    #[test]
    fn swapping_inverts_and_scaling_scales(values in prop::collection::vec((0.1_f64..1e6, 0.1_f64..1e6), 2..9), scale in 0.01_f64..100.0) {
        let (a, b): (Vec<f64>, Vec<f64>) = values.into_iter().unzip();
        let (forth, back) = (ratio(&a, &b).unwrap(), ratio(&b, &a).unwrap());
        prop_assert!(forth.low <= forth.value && forth.value <= forth.high);
        prop_assert!((forth.value.ln() + back.value.ln()).abs() < 1e-9 && (forth.low.ln() + back.high.ln()).abs() < 1e-9);
        let scaled = |values: &[f64]| -> Vec<f64> { values.iter().map(|value| value * scale).collect() };
        let other = ratio(&scaled(&a), &b).unwrap();
        prop_assert!(close(other.value / forth.value, scale, 1e-9) && close(other.low / forth.low, scale, 1e-6));
        // A unit that both share does not matter.
        prop_assert!(close(ratio(&scaled(&a), &scaled(&b)).unwrap().high, forth.high, 1e-6));
        prop_assert!(close(level(&scaled(&a)).unwrap().high / level(&a).unwrap().high, scale, 1e-6));
    }

    #[test]
    fn what_drifts_from_round_to_round_falls_out_of_a_ratio(
        values in prop::collection::vec((1.0_f64..100.0, 1.0_f64..100.0, 0.1_f64..10.0), 5..9),
    ) {
        let pick = |by: fn(&(f64, f64, f64)) -> f64| -> Vec<f64> { values.iter().map(by).collect() };
        let still = ratio(&pick(|v| v.0), &pick(|v| v.1)).unwrap();
        let drifting = ratio(&pick(|v| v.0 * v.2), &pick(|v| v.1 * v.2)).unwrap();
        prop_assert!(close(still.low, drifting.low, 1e-6) && close(still.high, drifting.high, 1e-6));
    }

    #[test]
    fn more_noise_or_more_confidence_is_a_wider_interval(noise in prop::collection::vec(-1.0_f64..1.0, 5..9), factor in 1.1_f64..4.0) {
        prop_assume!(noise.iter().any(|x| (x - noise[0]).abs() > 1e-3));
        let at = |spread: f64| -> Vec<f64> { noise.iter().map(|x| 100.0 * (spread * x).exp()).collect() };
        let ones = vec![1.0; noise.len()];
        let width = |interval: Interval| (interval.high / interval.low).ln();
        prop_assert!(close(width(level(&at(factor)).unwrap()), factor * width(level(&at(1.0)).unwrap()), 1e-6));
        prop_assert!(width(ratio_at(&at(1.0), &ones, 0.99).unwrap()) > width(ratio(&at(1.0), &ones).unwrap()));
    }

    #[test]
    fn a_crossing_does_not_depend_on_who_is_first(
        gaps in prop::collection::vec(-2.0_f64..2.0, 2..7),
    ) {
        let x: Vec<f64> = (1..=gaps.len()).map(|x| x as f64).collect();
        let first: Vec<f64> = gaps.iter().map(|gap| gap.exp()).collect();
        let second = vec![1.0; gaps.len()];
        let (forth, back) = (crossing(&x, &first, &second), crossing(&x, &second, &first));
        prop_assert_eq!(forth.is_some(), gaps[0] * gaps[gaps.len() - 1] < 0.0);
        if let (Some(forth), Some(back)) = (forth, back) {
            prop_assert!(close(forth, back, 1e-9) && forth >= x[0] - 1e-9 && forth <= x[x.len() - 1] + 1e-9);
        }
    }
}

/// Intervals cover the truth as often as they say: of the ratio although rounds drift together, of the level if they do not.
#[test]
fn intervals_cover_the_truth_as_often_as_they_say() {
    let mut rng = Seed(11).rng();
    let experiments = 10_000;
    // Three standard errors of a share of 0.95 in 10,000 experiments.
    let slack = 3.0 * (0.95_f64 * 0.05 / f64::from(experiments)).sqrt();
    for (sigma, truth) in [(0.05, 1.0), (0.2, 1.3)] {
        let (mut ratios, mut levels) = (0, 0);
        for _ in 0..experiments {
            let (mut a, mut b, mut still) = (Vec::new(), Vec::new(), Vec::new());
            for round in 0..5 {
                let drift = (0.3 * f64::from(round) + 0.5 * normal(&mut rng)).exp();
                a.push(truth * drift * (sigma * normal(&mut rng)).exp());
                b.push(drift * (sigma * normal(&mut rng)).exp());
                still.push(truth * (sigma * normal(&mut rng)).exp());
            }
            let covers = |interval: Interval| i32::from(interval.low <= truth && truth <= interval.high);
            ratios += covers(ratio(&a, &b).unwrap());
            levels += covers(level(&still).unwrap());
        }
        for covered in [ratios, levels] {
            let share = f64::from(covered) / f64::from(experiments);
            assert!((share - 0.95).abs() < slack, "sigma {sigma}: {share}");
        }
    }
}

//! Rules: from the figures of rounds to a verdict. `confirmed` only if the whole interval meets the criterion, `refuted` only if the whole
//! interval misses it, else `inconclusive`; with fewer than five valid rounds nothing is decided.

use crate::base::units::{Unit, show, show_interval, significant};
use crate::model::criterion::{Bound, Criterion, Direction, SweepPoint, Test, Verdict};
use crate::model::metric::Metric;
use crate::model::results::{Curve, CurvePoint, Estimate, Evidence, Judgement, Step};
use crate::stats::{self, CONFIDENCE, Interval, MIN_ROUNDS};

/// Figures of a variant by round; `None` where a round has no valid figure.
pub type Figures<'a> = &'a dyn Fn(&str, Metric) -> Vec<Option<f64>>;

/// The judgement that stands for the rule: the first that could be measured.
pub fn headline(judgements: &[Judgement]) -> usize {
    judgements.iter().position(|judgement| judgement.verdict != Verdict::NotRun).unwrap_or(0)
}

/// Judges one criterion.
pub fn judge(criterion: &Criterion, figures: Figures) -> Judgement {
    let judged = match &criterion.test {
        Test::Ratio { of, variant, against, bound } => ratio(*of, variant, against, *bound, figures),
        Test::Ballpark { of, variant, value, factor } => band(*of, variant, value / factor, value * factor, figures),
        Test::Range { of, variant, low, high } => band(*of, variant, *low, *high, figures),
        Test::Monotonic { of, points, direction, .. } => monotonic(*of, points, *direction, figures),
        Test::Crossover { of, over, first_name, first, second_name, second } => {
            crossover(*of, over, [(first_name, first), (second_name, second)], figures)
        }
    };
    let Judged { verdict, why, estimate, evidence, rounds } = judged;
    Judgement { criterion: criterion.clone(), verdict, why, asked: asked(&criterion.test), estimate, evidence, rounds: rounds as u32 }
}

struct Judged {
    verdict: Verdict,
    why: String,
    estimate: Option<Estimate>,
    evidence: Evidence,
    rounds: usize,
}

fn not_run(why: String) -> Judged {
    Judged { verdict: Verdict::NotRun, why, estimate: None, evidence: Evidence::default(), rounds: 0 }
}

/// What a test asks, in words.
fn asked(test: &Test) -> String {
    let unit = test.metric().unit();
    match test {
        Test::Ratio { bound: Bound::Above(threshold), .. } => format!("above {}", show(*threshold, Unit::Ratio)),
        Test::Ratio { bound: Bound::Below(threshold), .. } => format!("below {}", show(*threshold, Unit::Ratio)),
        Test::Ballpark { value, factor, .. } => format!("{} within a factor of {}", show(*value, unit), significant(*factor, 2)),
        Test::Range { low, high, .. } => format!("{} to {}", show(*low, unit), show(*high, unit)),
        Test::Monotonic { direction, over, .. } => {
            let way = if *direction == Direction::Rising { "rises" } else { "falls" };
            format!("{way} with {over}")
        }
        Test::Crossover { over, first_name, second_name, .. } => format!("{first_name} and {second_name} change places over {over}"),
    }
}

fn estimate(interval: Interval, unit: Unit) -> Estimate {
    Estimate { value: interval.value, low: interval.low, high: interval.high, unit }
}

/// The verdict of an interval against a region: wholly inside, wholly outside, or neither.
fn decide(interval: Interval, low: f64, high: f64) -> Verdict {
    if interval.n < MIN_ROUNDS {
        Verdict::Inconclusive
    } else if interval.low >= low && interval.high <= high {
        Verdict::Confirmed
    } else if interval.high < low || interval.low > high {
        Verdict::Refuted
    } else {
        Verdict::Inconclusive
    }
}

fn few(n: usize) -> String {
    if n < MIN_ROUNDS { format!("; {n} valid rounds are too few to decide, {MIN_ROUNDS} are needed") } else { String::new() }
}

/// Figures of several variants in the rounds in which all of them are valid.
fn paired(of: Metric, variants: &[&str], figures: Figures) -> Result<Vec<Vec<f64>>, String> {
    let all: Vec<Vec<Option<f64>>> = variants.iter().map(|variant| figures(variant, of)).collect();
    if let Some(index) = all.iter().position(|rounds| rounds.iter().all(Option::is_none)) {
        return Err(format!("`{}` has no valid {}", variants[index], of.title()));
    }
    let rounds = all.iter().map(Vec::len).min().unwrap_or(0);
    let complete: Vec<usize> = (0..rounds).filter(|&round| all.iter().all(|variant| variant[round].is_some())).collect();
    Ok(all.iter().map(|variant| complete.iter().filter_map(|&round| variant[round]).collect()).collect())
}

fn ratio(of: Metric, variant: &str, against: &str, bound: Bound, figures: Figures) -> Judged {
    let pairs = match paired(of, &[variant, against], figures) {
        Ok(pairs) => pairs,
        Err(why) => return not_run(why),
    };
    let rounds: Vec<f64> = pairs[0].iter().zip(&pairs[1]).map(|(a, b)| a / b).collect();
    let Some(interval) = stats::ratio(&pairs[0], &pairs[1]) else {
        return not_run(format!("{} of `{variant}` and `{against}` has fewer than two pairs of rounds", of.title()));
    };
    let (low, high) = match bound {
        Bound::Above(threshold) => (threshold, f64::INFINITY),
        Bound::Below(threshold) => (0.0, threshold),
    };
    let verdict = decide(interval, low, high);
    let place = match (verdict, bound) {
        (Verdict::Confirmed, Bound::Above(threshold)) | (Verdict::Refuted, Bound::Below(threshold)) => {
            format!("wholly above {}", show(threshold, Unit::Ratio))
        }
        (Verdict::Confirmed, Bound::Below(threshold)) | (Verdict::Refuted, Bound::Above(threshold)) => {
            format!("wholly below {}", show(threshold, Unit::Ratio))
        }
        (_, Bound::Above(threshold) | Bound::Below(threshold)) => format!("not clear of {}", show(threshold, Unit::Ratio)),
    };
    let why = format!(
        "{} of {variant} is {} that of {against}, {place}{}",
        of.title(),
        show_interval(interval.value, interval.low, interval.high, Unit::Ratio),
        few(interval.n)
    );
    Judged {
        verdict,
        why,
        estimate: Some(estimate(interval, Unit::Ratio)),
        rounds: rounds.len(),
        evidence: Evidence { rounds, ..Evidence::default() },
    }
}

fn band(of: Metric, variant: &str, low: f64, high: f64, figures: Figures) -> Judged {
    let rounds: Vec<f64> = figures(variant, of).into_iter().flatten().collect();
    let unit = of.unit();
    let Some(interval) = stats::level(&rounds) else {
        return not_run(format!("`{variant}` has no valid {} in two rounds", of.title()));
    };
    let verdict = decide(interval, low, high);
    let (low_text, high_text) = (show(low, unit), show(high, unit));
    let place = match verdict {
        Verdict::Confirmed => format!("wholly within {low_text} to {high_text}"),
        Verdict::Refuted if interval.low > high => {
            format!("wholly above {high_text}, by {}", show(interval.value / high, Unit::Ratio))
        }
        Verdict::Refuted => format!("wholly below {low_text}: {} of it", show(interval.value / low, Unit::Ratio)),
        _ => format!("not clear of {low_text} to {high_text}"),
    };
    let why = format!(
        "{} of {variant} is {}, {place}{}",
        of.title(),
        show_interval(interval.value, interval.low, interval.high, unit),
        few(interval.n)
    );
    Judged {
        verdict,
        why,
        estimate: Some(estimate(interval, unit)),
        rounds: rounds.len(),
        evidence: Evidence { rounds, ..Evidence::default() },
    }
}

fn curve(name: &str, points: &[SweepPoint], values: &[Vec<f64>], unit: Unit) -> Curve {
    let points = points
        .iter()
        .zip(values)
        .filter_map(|(point, values)| {
            let interval = stats::level(values)?;
            Some(CurvePoint { x: point.x, variant: point.variant.clone(), estimate: estimate(interval, unit) })
        })
        .collect();
    Curve { name: name.to_owned(), points }
}

/// Confirmed if no step goes the wrong way and the ends differ the right way, refuted if a step or the ends surely go the wrong way.
/// The steps share one error rate (Bonferroni): with points that are all alike, one of many steps would else stray too often.
fn monotonic(of: Metric, points: &[SweepPoint], direction: Direction, figures: Figures) -> Judged {
    let names: Vec<&str> = points.iter().map(|point| point.variant.as_str()).collect();
    let values = match paired(of, &names, figures) {
        Ok(values) => values,
        Err(why) => return not_run(why),
    };
    let (Some(first), Some(last)) = (values.first(), values.last()) else { return not_run("no points".to_owned()) };
    let Some(ends) = stats::ratio(last, first) else {
        return not_run(format!("{} has fewer than two rounds in which all points are valid", of.title()));
    };
    let share = 1.0 - (1.0 - CONFIDENCE) / (values.len() - 1) as f64;
    let wrong = |interval: &Interval| match direction {
        Direction::Rising => interval.high < 1.0,
        Direction::Falling => interval.low > 1.0,
    };
    let right = |interval: &Interval| match direction {
        Direction::Rising => interval.low > 1.0,
        Direction::Falling => interval.high < 1.0,
    };
    let steps: Vec<Step> = (1..values.len())
        .filter_map(|index| {
            let interval = stats::ratio_at(&values[index], &values[index - 1], share)?;
            let verdict = if wrong(&interval) {
                Verdict::Refuted
            } else if right(&interval) {
                Verdict::Confirmed
            } else {
                Verdict::Inconclusive
            };
            Some(Step { index, ratio: estimate(interval, Unit::Ratio), verdict })
        })
        .collect();
    let broken = steps.iter().find(|step| step.verdict == Verdict::Refuted);
    let verdict = if ends.n < MIN_ROUNDS {
        Verdict::Inconclusive
    } else if broken.is_some() || wrong(&ends) {
        Verdict::Refuted
    } else if right(&ends) {
        Verdict::Confirmed
    } else {
        Verdict::Inconclusive
    };
    let from_to = format!(
        "{} at {} is {} that at {}",
        of.title(),
        names[names.len() - 1],
        show_interval(ends.value, ends.low, ends.high, Unit::Ratio),
        names[0]
    );
    let order = broken.map_or(String::new(), |step| {
        format!("; the step to {} goes the other way, {}", names[step.index], show(step.ratio.value, Unit::Ratio))
    });
    let n = ends.n;
    Judged {
        verdict,
        why: format!("{from_to}{order}{}", few(n)),
        estimate: Some(estimate(ends, Unit::Ratio)),
        rounds: n,
        evidence: Evidence { rounds: Vec::new(), curves: vec![curve("", points, &values, of.unit())], steps },
    }
}

/// Confirmed if the leader surely changes between the ends of the range, refuted if one of the two surely leads at every point.
fn crossover(of: Metric, over: &str, sides: [(&String, &Vec<SweepPoint>); 2], figures: Figures) -> Judged {
    let [(first_name, first), (second_name, second)] = sides;
    let names: Vec<&str> = first.iter().chain(second).map(|point| point.variant.as_str()).collect();
    let values = match paired(of, &names, figures) {
        Ok(values) => values,
        Err(why) => return not_run(why),
    };
    let (a, b) = values.split_at(first.len());
    let share = 1.0 - (1.0 - CONFIDENCE) / a.len() as f64;
    let gaps: Vec<Interval> = a.iter().zip(b).filter_map(|(a, b)| stats::ratio_at(a, b, share)).collect();
    let n = a.first().map_or(0, Vec::len);
    if gaps.len() < 2 || gaps.len() != a.len() {
        return not_run(format!("{} has fewer than two rounds in which all points are valid", of.title()));
    }
    let sign = |interval: &Interval| {
        if interval.low > 1.0 {
            1
        } else if interval.high < 1.0 {
            -1
        } else {
            0
        }
    };
    let signs: Vec<i32> = gaps.iter().map(sign).collect();
    let (start, end) = (signs[0], signs[signs.len() - 1]);
    let x: Vec<f64> = first.iter().map(|point| point.x).collect();
    let crossings: Vec<f64> = (0..n)
        .filter_map(|round| {
            let at = |side: &[Vec<f64>]| side.iter().map(|values| values[round]).collect::<Vec<f64>>();
            stats::crossing(&x, &at(a), &at(b))
        })
        .collect();
    let verdict = if n < MIN_ROUNDS {
        Verdict::Inconclusive
    } else if start * end < 0 {
        Verdict::Confirmed
    } else if start != 0 && signs.iter().all(|sign| *sign == start) {
        Verdict::Refuted
    } else {
        Verdict::Inconclusive
    };
    let place = if crossings.len() == n { stats::level(&crossings) } else { None };
    let leader = |sign: i32| if sign > 0 { first_name } else { second_name };
    let why = match (verdict, place) {
        (Verdict::Confirmed, Some(at)) => {
            let at = show_interval(at.value, at.low, at.high, Unit::Count);
            format!(
                "{} has the higher {} at the start and {} at the end; they change places at {over} = {at}",
                leader(start),
                of.title(),
                leader(end)
            )
        }
        (Verdict::Refuted, _) => {
            format!("{} has the higher {} at every {over} measured: they do not change places", leader(start), of.title())
        }
        _ => format!("which of {first_name} and {second_name} has the higher {} is not clear at both ends of {over}{}", of.title(), few(n)),
    };
    let unit = of.unit();
    Judged {
        verdict,
        why,
        estimate: place.map(|at| estimate(at, Unit::Count)),
        rounds: n,
        evidence: Evidence {
            rounds: crossings,
            curves: vec![curve(first_name, first, a, unit), curve(second_name, second, b, unit)],
            steps: Vec::new(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::seed::{Rng, Seed, unit};

    fn metric() -> Metric {
        "throughput".parse().unwrap()
    }

    fn criterion(test: Test) -> Criterion {
        Criterion { name: "test".to_owned(), test }
    }

    fn ratio_test(bound: Bound) -> Criterion {
        criterion(Test::Ratio { of: metric(), variant: "a".to_owned(), against: "b".to_owned(), bound })
    }

    fn some(values: &[f64]) -> Vec<Option<f64>> {
        values.iter().copied().map(Some).collect()
    }

    fn verdict(criterion: &Criterion, table: &[(&str, Vec<Option<f64>>)]) -> Judgement {
        judge(criterion, &|name, _| table.iter().find(|(known, _)| *known == name).map(|(_, rounds)| rounds.clone()).unwrap_or_default())
    }

    #[test]
    fn a_ratio_is_judged_by_its_whole_interval() {
        let a = some(&[2.0, 2.1, 1.9, 2.0, 2.05]);
        let b = some(&[1.0, 1.0, 1.0, 1.0, 1.0]);
        let table = [("a", a), ("b", b)];
        for (bound, expected) in [
            (Bound::Above(1.5), Verdict::Confirmed),
            (Bound::Below(1.5), Verdict::Refuted),
            (Bound::Above(2.0), Verdict::Inconclusive),
            (Bound::Above(2.5), Verdict::Refuted),
        ] {
            assert_eq!(verdict(&ratio_test(bound), &table).verdict, expected, "{bound:?}");
        }
        let judgement = verdict(&ratio_test(Bound::Above(1.5)), &table);
        assert_eq!(judgement.evidence.rounds.len(), 5);
        assert!(judgement.why.contains("wholly above 1.50 ×"), "{}", judgement.why);
    }

    #[test]
    fn rounds_without_a_figure_are_left_out_in_pairs_and_too_few_decide_nothing() {
        let a = vec![Some(2.0), None, Some(2.0), Some(2.01), Some(2.0), Some(2.0), Some(1.99)];
        let b = vec![Some(1.0), Some(9.0), None, Some(1.0), Some(1.0), Some(1.0), Some(1.0)];
        let judgement = verdict(&ratio_test(Bound::Above(1.5)), &[("a", a.clone()), ("b", b.clone())]);
        assert_eq!((judgement.verdict, judgement.rounds), (Verdict::Confirmed, 5));
        let judgement = verdict(&ratio_test(Bound::Above(1.5)), &[("a", a[..5].to_vec()), ("b", b[..5].to_vec())]);
        assert_eq!(judgement.verdict, Verdict::Inconclusive);
        assert!(judgement.why.contains("too few"), "{}", judgement.why);
        let judgement = verdict(&ratio_test(Bound::Above(1.5)), &[("a", a), ("b", vec![None; 7])]);
        assert_eq!(judgement.verdict, Verdict::NotRun);
        assert!(judgement.why.contains("`b`"), "{}", judgement.why);
    }

    #[test]
    fn a_band_tells_above_from_below() {
        let range = criterion(Test::Range { of: metric(), variant: "a".to_owned(), low: 1_000.0, high: 10_000.0 });
        for (level, expected, phrase) in [
            (5_000.0, Verdict::Confirmed, "within"),
            (50_000.0, Verdict::Refuted, "above"),
            (100.0, Verdict::Refuted, "below"),
            (10_000.0, Verdict::Inconclusive, "not clear"),
        ] {
            let rounds = [1.0, 1.01, 0.99, 1.0, 1.02].map(|factor| Some(level * factor)).to_vec();
            let judgement = verdict(&range, &[("a", rounds)]);
            assert_eq!(judgement.verdict, expected);
            assert!(judgement.why.contains(phrase), "{}", judgement.why);
        }
        let ballpark = criterion(Test::Ballpark { of: metric(), variant: "a".to_owned(), value: 1_000.0, factor: 10_f64.sqrt() });
        assert_eq!(verdict(&ballpark, &[("a", some(&[2_900.0, 3_000.0, 2_950.0, 3_010.0, 2_990.0]))]).verdict, Verdict::Confirmed);
        assert_eq!(verdict(&ballpark, &[("a", some(&[3_900.0, 4_000.0, 3_950.0, 4_010.0, 3_990.0]))]).verdict, Verdict::Refuted);
    }

    fn sweep(count: usize) -> Vec<SweepPoint> {
        (0..count).map(|index| SweepPoint { variant: format!("p{index}"), x: index as f64 }).collect()
    }

    fn monotone(levels: &[f64], direction: Direction) -> Judgement {
        let points = sweep(levels.len());
        let test = criterion(Test::Monotonic { of: metric(), over: "x".to_owned(), points: points.clone(), direction });
        let noise = [1.0, 1.01, 0.99, 1.005, 0.995];
        judge(&test, &|name, _| {
            let index = points.iter().position(|point| point.variant == name).unwrap();
            // Every point has a pattern of noise of its own.
            (0..5).map(|round| Some(levels[index] * noise[(round + index) % 5])).collect()
        })
    }

    #[test]
    fn a_series_that_breaks_its_order_is_refuted_and_the_step_is_named() {
        assert_eq!(monotone(&[1.0, 2.0, 3.0], Direction::Rising).verdict, Verdict::Confirmed);
        assert_eq!(monotone(&[1.0, 2.0, 3.0], Direction::Falling).verdict, Verdict::Refuted);
        let judgement = monotone(&[1.0, 3.0, 2.0], Direction::Rising);
        assert_eq!((judgement.verdict, judgement.evidence.steps[1].verdict), (Verdict::Refuted, Verdict::Refuted));
        assert!(judgement.why.contains("p2"), "{}", judgement.why);
        assert_eq!(monotone(&[1.0, 1.0, 1.0], Direction::Rising).verdict, Verdict::Inconclusive);
    }

    #[test]
    fn curves_that_change_places_cross_where_interpolation_says() {
        let side =
            |name: &str| sweep(3).into_iter().map(|point| SweepPoint { variant: format!("{name}{}", point.variant), ..point }).collect();
        let test = |second: [f64; 3]| {
            let (first_points, second_points): (Vec<SweepPoint>, Vec<SweepPoint>) = (side("a"), side("b"));
            let criterion = criterion(Test::Crossover {
                of: metric(),
                over: "x".to_owned(),
                first_name: "A".to_owned(),
                first: first_points,
                second_name: "B".to_owned(),
                second: second_points,
            });
            judge(&criterion, &|name, _| {
                let index: usize = name[2..].parse().unwrap();
                let level = if name.starts_with('a') { 2.0 } else { second[index] };
                [1.0, 1.01, 0.99, 1.0, 1.0].map(|noise| Some(level * noise)).to_vec()
            })
        };
        let crossed = test([1.0, 1.0, 4.0]);
        assert_eq!(crossed.verdict, Verdict::Confirmed);
        assert!((crossed.estimate.unwrap().value - 1.5).abs() < 0.01);
        assert_eq!(test([1.0, 1.1, 1.2]).verdict, Verdict::Refuted);
    }

    fn normal(rng: &mut Rng) -> f64 {
        (-2.0 * (1.0 - unit(rng)).ln()).sqrt() * (2.0 * std::f64::consts::PI * unit(rng)).cos()
    }

    fn null_rounds(rng: &mut Rng, variants: usize, sigma: f64) -> Vec<Vec<f64>> {
        let mut all = vec![Vec::new(); variants];
        for _ in 0..5 {
            let drift = (0.2 * normal(rng)).exp();
            for rounds in &mut all {
                rounds.push(drift * (sigma * normal(rng)).exp());
            }
        }
        all
    }

    /// The stated error rate: identical variants are told apart in 5 % of experiments at most, in 2.5 % by either one-sided question.
    #[test]
    fn identical_variants_are_not_told_apart_more_often_than_stated() {
        let mut rng = Seed(5).rng();
        let experiments = 10_000;
        for sigma in [0.05, 0.2] {
            let (mut above, mut below, mut beyond) = (0, 0, 0);
            for _ in 0..experiments {
                let rounds = null_rounds(&mut rng, 2, sigma);
                let table = [("a", some(&rounds[0])), ("b", some(&rounds[1]))];
                let confirmed = |bound| i32::from(verdict(&ratio_test(bound), &table).verdict == Verdict::Confirmed);
                above += confirmed(Bound::Above(1.0));
                below += confirmed(Bound::Below(1.0));
                beyond += confirmed(Bound::Above(1.1));
            }
            // Three standard errors of 0.025 in 10,000 trials are 0.0047; of 0.05, 0.0066.
            let share = |count: i32| f64::from(count) / f64::from(experiments);
            assert!(share(above) < 0.0298 && share(below) < 0.0298, "{above} {below}");
            assert!(share(above + below) < 0.0566, "{above} {below}");
            assert!(share(beyond) < 0.02, "{beyond}");
        }
    }

    #[test]
    fn equal_points_are_not_ordered_more_often_than_stated() {
        let mut rng = Seed(6).rng();
        let points = sweep(4);
        let test = criterion(Test::Monotonic { of: metric(), over: "x".to_owned(), points: points.clone(), direction: Direction::Rising });
        let (mut confirmed, mut refuted) = (0, 0);
        let experiments = 5_000;
        for _ in 0..experiments {
            let rounds = null_rounds(&mut rng, 4, 0.1);
            let judgement = judge(&test, &|name, _| some(&rounds[points.iter().position(|point| point.variant == name).unwrap()]));
            confirmed += i32::from(judgement.verdict == Verdict::Confirmed);
            refuted += i32::from(judgement.verdict == Verdict::Refuted);
        }
        // Confirmed: the ends alone, one side, 2.5 %. Refuted: a step or the ends, each one side of a 5 % budget, so 5 % at most together.
        assert!(f64::from(confirmed) / f64::from(experiments) < 0.0317, "{confirmed}");
        assert!(f64::from(refuted) / f64::from(experiments) < 0.0593, "{refuted}");
    }
}

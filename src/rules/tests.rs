use super::*;
use crate::base::seed::{Rng, Seed, unit};
use crate::model::criterion::{Direction, SweepPoint};

fn metric(name: &str) -> Metric {
    name.parse().unwrap()
}

fn criterion(test: Test) -> Criterion {
    Criterion { name: "test".to_owned(), test }
}

fn ratio_test(bound: Bound) -> Criterion {
    criterion(Test::Ratio { of: metric("response.p50"), variant: "cached".to_owned(), against: "plain".to_owned(), bound })
}

fn some(values: &[f64]) -> Vec<Option<f64>> {
    values.iter().copied().map(Some).collect()
}

fn judged(criterion: &Criterion, table: &[(&str, Vec<Option<f64>>)]) -> Judgement {
    judge(criterion, &|name, _| table.iter().find(|(known, _)| *known == name).map(|(_, rounds)| rounds.clone()).unwrap_or_default())
}

const NOISE: [f64; 5] = [1.0, 1.01, 0.99, 1.02, 0.98];

fn around(level: f64) -> Vec<Option<f64>> {
    NOISE.iter().map(|noise| Some(level * noise)).collect()
}

fn range(of: &str, low: f64, high: f64) -> Criterion {
    criterion(Test::Range { of: metric(of), variant: "a".to_owned(), low, high })
}

#[test]
fn a_ratio_is_judged_by_its_whole_interval() {
    let table = [("cached", some(&[2.0, 2.1, 1.9, 2.0, 2.05])), ("plain", some(&[1.0; 5]))];
    for (bound, expected, phrase) in [
        (Bound::Above(1.5), Verdict::Confirmed, "wholly above 1.5 ×"),
        (Bound::Below(1.5), Verdict::Refuted, "wholly above 1.5 ×"),
        (Bound::Above(2.0), Verdict::Inconclusive, "on both sides of 2 ×"),
        (Bound::Below(2.0), Verdict::Inconclusive, "on both sides of 2 ×"),
        (Bound::Above(2.5), Verdict::Refuted, "wholly below 2.5 ×"),
        (Bound::Below(2.5), Verdict::Confirmed, "wholly below 2.5 ×"),
    ] {
        let judgement = judged(&ratio_test(bound), &table);
        assert_eq!(judgement.verdict, expected, "{bound:?}");
        assert!(judgement.why.contains(phrase), "{}", judgement.why);
        assert_eq!((judgement.rounds, judgement.evidence.rounds.len()), (5, 5));
    }
}

#[test]
fn the_sentence_names_the_metric_the_variants_the_interval_and_the_threshold() {
    let table = [("cached", some(&[39.0, 41.0, 44.0, 38.0, 43.0])), ("plain", some(&[100.0; 5]))];
    let judgement = judged(&ratio_test(Bound::Below(0.8)), &table);
    // Logs of 0.39, 0.41, 0.44, 0.38, 0.43: mean −0.89315, s 0.062286, half 2.776445 · s / √5 = 0.077338: 0.40936 (0.37890–0.44228).
    assert_eq!(judgement.why, "median response time of cached is 0.41 × that of plain (95 % 0.38–0.44), wholly below 0.8 ×");
    assert_eq!(judgement.asked, "below 0.8 ×");
    let estimate = judgement.estimate.unwrap();
    assert!((estimate.value - 0.409_36).abs() < 1e-5 && estimate.unit == Unit::Ratio, "{estimate:?}");
    assert!((estimate.low - 0.378_90).abs() < 1e-5 && (estimate.high - 0.442_28).abs() < 1e-5, "{estimate:?}");
    // Enough digits to see the side.
    let close = judged(&ratio_test(Bound::Below(0.44)), &table);
    assert!(close.why.contains("0.442), on both sides of 0.44 ×"), "{}", close.why);
}

#[test]
fn a_metric_of_one_kind_of_operation_reads_well() {
    let test = criterion(Test::Range { of: metric("read.response.p99"), variant: "a".to_owned(), low: 1e5, high: 1e6 });
    let judgement = judged(&test, &[("a", around(3e5))]);
    assert!(judgement.why.starts_with("p99 response time of read with a is 300 µs (95 % "), "{}", judgement.why);
}

#[test]
fn rounds_without_a_figure_are_left_out_in_pairs_and_too_few_decide_nothing() {
    let a = vec![Some(2.0), None, Some(2.0), Some(2.01), Some(2.0), Some(2.0), Some(1.99), Some(f64::NAN)];
    let b = vec![Some(1.0), Some(9.0), None, Some(1.0), Some(1.0), Some(1.0), Some(1.0), Some(7.0)];
    let above = ratio_test(Bound::Above(1.5));
    let judgement = judged(&above, &[("cached", a.clone()), ("plain", b.clone())]);
    assert_eq!((judgement.verdict, judgement.rounds), (Verdict::Confirmed, 5));
    let judgement = judged(&above, &[("cached", a[..6].to_vec()), ("plain", b[..6].to_vec())]);
    assert_eq!((judgement.verdict, judgement.rounds), (Verdict::Inconclusive, 4));
    assert!(judgement.why.ends_with("; 4 valid rounds, a verdict needs 5"), "{}", judgement.why);
    let judgement = judged(&above, &[("cached", a[..2].to_vec()), ("plain", b[..2].to_vec())]);
    assert_eq!((judgement.verdict, judgement.estimate, judgement.rounds), (Verdict::Inconclusive, None, 1));
    assert!(judgement.why.contains("2.00 ×") && judgement.why.contains("only round"), "{}", judgement.why);
    let judgement = judged(&above, &[("cached", vec![Some(1.0), None]), ("plain", vec![None, Some(1.0)])]);
    assert_eq!((judgement.verdict, judgement.rounds), (Verdict::Inconclusive, 0));
    assert!(judgement.why.contains("no round in which both"), "{}", judgement.why);
}

#[test]
fn a_variant_without_any_figure_is_named_and_not_judged() {
    let judgement = judged(&ratio_test(Bound::Above(1.5)), &[("cached", around(1.0)), ("plain", vec![None; 5])]);
    assert_eq!((judgement.verdict, judgement.rounds, judgement.estimate), (Verdict::NotRun, 0, None));
    assert_eq!(judgement.why, "`plain` has no valid median response time in any round");
    let judgement = judged(&ratio_test(Bound::Above(1.5)), &[]);
    assert_eq!(judgement.why, "`cached`, `plain` have no valid median response time in any round");
    assert_eq!(judged(&range("throughput", 1.0, 2.0), &[]).verdict, Verdict::NotRun);
}

#[test]
fn a_zero_has_no_ratio_but_a_level() {
    let zero = [Some(0.0), Some(0.1), Some(0.1), Some(0.1), Some(0.1)].to_vec();
    let judgement = judged(&ratio_test(Bound::Below(0.8)), &[("cached", zero.clone()), ("plain", around(1.0))]);
    assert_eq!((judgement.verdict, judgement.estimate), (Verdict::Inconclusive, None));
    assert!(judgement.why.contains("is 0 for cached in 1 of 5 rounds"), "{}", judgement.why);
    assert_eq!(judgement.evidence.rounds.len(), 4, "what cannot be drawn is left out");
    let judgement = judged(&range("hit_ratio", 0.0, 0.2), &[("a", zero)]);
    assert_eq!(judgement.verdict, Verdict::Confirmed);
    assert_eq!(judgement.estimate.unwrap().low, judgement.estimate.unwrap().low.max(0.0));
    let full = judged(&range("hit_ratio", 0.9, 1.0), &[("a", some(&[0.97, 1.0, 0.99, 1.0, 1.0]))]);
    assert_eq!((full.verdict, full.estimate.unwrap().high), (Verdict::Confirmed, 1.0));
    assert!(full.why.contains("(95 % interval "), "{}", full.why);
}

#[test]
fn figures_without_scatter_are_judged_at_the_threshold_too() {
    let table = [("cached", some(&[3.0; 5])), ("plain", some(&[3.0; 5]))];
    for bound in [Bound::Above(1.0), Bound::Below(1.0)] {
        let judgement = judged(&ratio_test(bound), &table);
        assert_eq!(judgement.verdict, Verdict::Refuted);
        assert!(judgement.why.ends_with("exactly 1 ×"), "{}", judgement.why);
    }
    assert_eq!(judged(&range("disk.factor", 1.0, 2.0), &[("a", some(&[1.0; 5]))]).verdict, Verdict::Confirmed);
}

#[test]
fn a_range_tells_above_from_below_and_how_far() {
    let test = range("per_server_cpu_second", 1_000.0, 10_000.0);
    for (level, expected, phrase) in [
        (5_000.0, Verdict::Confirmed, ", wholly within 1–10 k per CPU-s"),
        (50_000.0, Verdict::Refuted, ", wholly above 1–10 k per CPU-s, by a factor of 5.00"),
        (100.0, Verdict::Refuted, ", wholly below 1–10 k per CPU-s, by a factor of 10.0"),
        (10_000.0, Verdict::Inconclusive, ", on both sides of the upper end of 1–10 k per CPU-s"),
        (1_000.0, Verdict::Inconclusive, ", on both sides of the lower end of 1–10 k per CPU-s"),
    ] {
        let judgement = judged(&test, &[("a", around(level))]);
        assert_eq!(judgement.verdict, expected, "{level}");
        assert!(judgement.why.ends_with(phrase), "{}", judgement.why);
        assert_eq!((judgement.asked.as_str(), judgement.evidence.rounds.len()), ("1–10 k per CPU-s", 5));
    }
    let wide = judged(&test, &[("a", some(&[100.0, 100_000.0, 1_000.0, 10_000.0, 3_000.0]))]);
    assert!(wide.verdict == Verdict::Inconclusive && wide.why.contains("over both ends"), "{}", wide.why);
    let few = judged(&test, &[("a", around(50_000.0)[..3].to_vec())]);
    assert_eq!(few.verdict, Verdict::Inconclusive);
    assert!(few.why.contains("wholly above") && few.why.ends_with("; 3 valid rounds, a verdict needs 5"), "{}", few.why);
    let one = judged(&test, &[("a", vec![None, Some(2_000.0)])]);
    assert_eq!((one.verdict, one.estimate, one.rounds), (Verdict::Inconclusive, None, 1));
    assert!(one.why.contains("2.00 k per CPU-s in its only valid round"), "{}", one.why);
    let none = judged(&range("disk.factor", 1.0, 2.0), &[("a", some(&[0.0; 5]))]);
    assert!(none.verdict == Verdict::Refuted && none.why.ends_with("wholly below 1–2 ×"), "{}", none.why);
}

#[test]
fn units_of_a_range_are_written_once_if_they_are_the_same() {
    assert_eq!(judged(&range("response.p50", 1e5, 1e6), &[]).asked, "100 µs–1 ms");
    assert_eq!(judged(&range("response.p50", 1e5, 9e5), &[]).asked, "100–900 µs");
    assert_eq!(judged(&range("hit_ratio", 0.8, 1.0), &[]).asked, "80–100 %");
    assert_eq!(judged(&range("response.p50", 0.0, 1e6), &[]).asked, "0–1 ms");
}

#[test]
fn a_ballpark_is_a_factor_around_the_stated_figure() {
    let test = criterion(Test::Ballpark { of: metric("bandwidth"), variant: "a".to_owned(), value: 5e8, factor: 10_f64.sqrt() });
    for (level, expected, phrase) in [
        (1.4e9, Verdict::Confirmed, "wholly within 158 MB/s–1.58 GB/s"),
        (1.7e8, Verdict::Confirmed, "wholly within"),
        (2.1e9, Verdict::Refuted, "wholly above 158 MB/s–1.58 GB/s: 4.2 × the stated 500 MB/s"),
        (6e7, Verdict::Refuted, "wholly below 158 MB/s–1.58 GB/s: 0.12 × the stated 500 MB/s"),
        (1.58e9, Verdict::Inconclusive, "upper end"),
    ] {
        let judgement = judged(&test, &[("a", around(level))]);
        assert_eq!(judgement.verdict, expected, "{}", judgement.why);
        assert!(judgement.why.contains(phrase), "{}", judgement.why);
        assert_eq!(judgement.asked, "500 MB/s within 3.16 ×");
    }
}

#[test]
fn the_headline_is_the_first_that_could_be_measured() {
    let test = range("throughput", 1.0, 2.0);
    let (missing, measured) = (judged(&test, &[]), judged(&test, &[("a", around(1.5))]));
    assert_eq!(headline(&[missing.clone(), measured.clone(), measured]), 1);
    assert_eq!(headline(&[missing.clone(), missing]), 0);
    assert_eq!(headline(&[]), 0);
}

fn points(name: &str, x: &[f64]) -> Vec<SweepPoint> {
    x.iter().map(|x| SweepPoint { variant: format!("{name}@{x}"), x: *x }).collect()
}

fn monotonic_test(count: usize, direction: Direction) -> Criterion {
    let x: Vec<f64> = (0..count).map(|x| x as f64).collect();
    criterion(Test::Monotonic { of: metric("throughput"), over: "schema.indexes".to_owned(), points: points("p", &x), direction })
}

fn monotone(levels: &[f64], direction: Direction) -> Judgement {
    judge(&monotonic_test(levels.len(), direction), &|name, _| {
        let index: usize = name[2..].parse().unwrap();
        // Every point has a pattern of noise of its own.
        (0..5).map(|round| Some(levels[index] * NOISE[(round * (index + 1) + index) % 5])).collect()
    })
}

#[test]
fn a_series_that_keeps_its_order_is_confirmed_also_with_a_flat_step() {
    let judgement = monotone(&[1.0, 2.0, 2.0, 3.0], Direction::Rising);
    assert_eq!((judgement.verdict, judgement.rounds), (Verdict::Confirmed, 5), "{}", judgement.why);
    assert!(judgement.why.starts_with("throughput of p@3 is 3.00 × that of p@0 (95 % "), "{}", judgement.why);
    assert!(judgement.why.ends_with("and no step surely falls"), "{}", judgement.why);
    assert_eq!(judgement.asked, "rises with schema.indexes");
    let verdicts: Vec<Verdict> = judgement.evidence.steps.iter().map(|step| step.verdict).collect();
    assert_eq!(verdicts, [Verdict::Confirmed, Verdict::Inconclusive, Verdict::Confirmed]);
    let curve = &judgement.evidence.curves[0];
    assert_eq!((judgement.evidence.curves.len(), curve.points.len(), judgement.evidence.rounds.len()), (1, 4, 5));
    assert!((curve.points[3].estimate.value - 3.0).abs() < 0.01 && curve.points[3].x == 3.0);
    assert_eq!(monotone(&[3.0, 2.0, 1.0], Direction::Falling).verdict, Verdict::Confirmed);
}

#[test]
fn a_series_that_breaks_its_order_is_refuted_and_the_step_is_named() {
    let judgement = monotone(&[1.0, 3.0, 2.0], Direction::Rising);
    assert_eq!((judgement.verdict, judgement.evidence.steps[1].verdict), (Verdict::Refuted, Verdict::Refuted));
    assert!(judgement.why.starts_with("throughput falls from p@1 to p@2, to 0.67 × (95 % "), "{}", judgement.why);
    assert_eq!(judgement.evidence.steps[1].index, 2);
    let judgement = monotone(&[1.0, 2.0, 3.0], Direction::Falling);
    assert!(judgement.verdict == Verdict::Refuted && judgement.why.contains("rises from p@0 to p@1"), "{}", judgement.why);
    assert_eq!(monotone(&[1.0, 1.0, 1.0], Direction::Rising).verdict, Verdict::Inconclusive);
    // Many small steps that do not show alone, but together.
    let steps = [1.0, 0.985, 0.97, 0.955, 0.94, 0.925, 0.91, 0.895, 0.88];
    let judgement = monotone(&steps, Direction::Rising);
    assert_eq!(judgement.verdict, Verdict::Refuted, "{}", judgement.why);
}

#[test]
fn few_points_few_rounds_and_zeros_decide_no_order() {
    assert_eq!(monotone(&[1.0], Direction::Rising).verdict, Verdict::NotRun);
    let test = monotonic_test(3, Direction::Rising);
    let few = judge(&test, &|name, _| around(if name == "p@1" { 2.0 } else { 1.0 })[..4].to_vec());
    assert_eq!((few.verdict, few.rounds), (Verdict::Inconclusive, 4), "{}", few.why);
    let zero = judge(&test, &|name, _| if name == "p@1" { vec![Some(0.0); 5] } else { around(1.0) });
    assert!(zero.verdict == Verdict::Inconclusive && zero.why.contains("is 0 for p@1"), "{}", zero.why);
    let missing = judge(&test, &|name, _| if name == "p@1" { vec![None; 5] } else { around(1.0) });
    assert!(missing.verdict == Verdict::NotRun && missing.why.contains("`p@1`"), "{}", missing.why);
}

/// Judges `first` against `second`, functions of x in powers of two.
fn crossed(x: &[f64], first: fn(f64) -> f64, second: fn(f64) -> f64, rounds: usize) -> Judgement {
    let test = criterion(Test::Crossover {
        of: metric("throughput"),
        over: "load.closed.sessions".to_owned(),
        first_name: "cql".to_owned(),
        first: points("c", x),
        second_name: "postgres".to_owned(),
        second: points("p", x),
    });
    judge(&test, &|name, _| {
        let x: f64 = name[2..].parse().unwrap();
        let (level, turn) = if name.starts_with('c') { (first(x), 1) } else { (second(x), 3) };
        (0..rounds).map(|round| Some(level * NOISE[(round * turn + x as usize) % 5])).collect()
    })
}

#[test]
fn curves_that_change_places_cross_where_algebra_says() {
    // 100 x against 400 √x: equal at x = 16.
    let judgement = crossed(&[1.0, 4.0, 64.0], |x| 100.0 * x, |x| 400.0 * x.sqrt(), 5);
    assert_eq!((judgement.verdict, judgement.rounds), (Verdict::Confirmed, 5), "{}", judgement.why);
    let estimate = judgement.estimate.unwrap();
    assert!((estimate.value / 16.0 - 1.0).abs() < 0.05 && estimate.low < 16.0 && estimate.high > 16.0, "{estimate:?}");
    assert_eq!((judgement.evidence.curves.len(), judgement.evidence.rounds.len()), (2, 5));
    assert_eq!(judgement.evidence.curves[1].name, "postgres");
    assert_eq!(judgement.asked, "cql and postgres change places over load.closed.sessions");
    let start = "throughput of cql is below that of postgres at load.closed.sessions = 1 (0.25 ×, 95 % ";
    assert!(judgement.why.starts_with(start) && judgement.why.contains("; they change places at 1"), "{}", judgement.why);
    // A scale with zero is linear.
    let linear = crossed(&[0.0, 1.0], |x| 1.0 + 3.0 * x, |_| 2.0, 5);
    assert!((linear.estimate.unwrap().value - 0.5).abs() < 0.05, "{linear:?}");
}

#[test]
fn curves_that_keep_their_places_refute_and_doubt_stays_doubt() {
    let apart = crossed(&[1.0, 2.0, 4.0], |x| 3.0 * x, |x| 2.0 * x, 5);
    assert_eq!((apart.verdict, apart.estimate), (Verdict::Refuted, None));
    assert!(apart.why.contains("is above that of postgres at every point measured, load.closed.sessions = 1 to 4"), "{}", apart.why);
    let alike = crossed(&[1.0, 2.0, 4.0], |x| x, |x| x, 5);
    assert_eq!(alike.verdict, Verdict::Inconclusive, "{}", alike.why);
    let meets = crossed(&[1.0, 2.0, 4.0], |x| x, |_| 4.0, 5);
    assert!(meets.verdict == Verdict::Inconclusive && meets.why.contains("not sure at load.closed.sessions = 4 ("), "{}", meets.why);
    let back = crossed(&[1.0, 2.0, 4.0], |x| if x == 2.0 { 1.0 } else { 3.0 }, |_| 2.0, 5);
    assert!(back.verdict == Verdict::Inconclusive && back.why.contains("not at every point between"), "{}", back.why);
    let few = crossed(&[1.0, 4.0, 64.0], |x| 100.0 * x, |x| 400.0 * x.sqrt(), 4);
    assert!(few.verdict == Verdict::Inconclusive && few.estimate.is_some(), "{}", few.why);
    assert!(few.why.contains("4 valid rounds") && few.why.contains("at load.closed.sessions = 1 ("), "{}", few.why);
    assert_eq!(crossed(&[1.0], |x| x, |x| x, 5).verdict, Verdict::NotRun);
}

fn normal(rng: &mut Rng) -> f64 {
    (-2.0 * (1.0 - unit(rng)).ln()).sqrt() * (std::f64::consts::TAU * unit(rng)).cos()
}

/// Five rounds of variants that are all alike: noise of their own, and a drift that a round's trials share.
fn alike(rng: &mut Rng, variants: usize, sigma: f64) -> Vec<Vec<Option<f64>>> {
    let mut all = vec![Vec::new(); variants];
    for round in 0..5 {
        let drift = (0.1 * f64::from(round) + 0.2 * normal(rng)).exp();
        for rounds in &mut all {
            rounds.push(Some(drift * (sigma * normal(rng)).exp()));
        }
    }
    all
}

/// A share that must be met, with three standard errors for the simulation itself.
fn at_most(share: f64, experiments: i32) -> f64 {
    share + 3.0 * (share * (1.0 - share) / f64::from(experiments)).sqrt()
}

const EXPERIMENTS: i32 = 10_000;

fn share(count: i32) -> f64 {
    f64::from(count) / f64::from(EXPERIMENTS)
}

/// The stated rate of error: identical variants are told apart in 5 % of experiments at most, in 2.5 % by either one-sided question.
#[test]
fn identical_variants_are_not_told_apart_more_often_than_stated() {
    let mut rng = Seed(5).rng();
    for sigma in [0.05, 0.2] {
        let (mut above, mut below, mut refuted, mut beyond) = (0, 0, 0, 0);
        for _ in 0..EXPERIMENTS {
            let rounds = alike(&mut rng, 2, sigma);
            let table = [("cached", rounds[0].clone()), ("plain", rounds[1].clone())];
            let verdict = |bound| judged(&ratio_test(bound), &table).verdict;
            above += i32::from(verdict(Bound::Above(1.0)) == Verdict::Confirmed);
            below += i32::from(verdict(Bound::Below(1.0)) == Verdict::Confirmed);
            refuted += i32::from(verdict(Bound::Above(1.0)) == Verdict::Refuted);
            beyond += i32::from(verdict(Bound::Above(1.1)) == Verdict::Confirmed);
        }
        assert!(share(above) <= at_most(0.025, EXPERIMENTS) && share(below) <= at_most(0.025, EXPERIMENTS), "{above} {below}");
        assert!(share(above + below) <= at_most(0.05, EXPERIMENTS), "{above} {below}");
        // The questions use what they are allowed: an interval that is never wrong would be too wide.
        assert!(share(above + below) > 0.05 - (at_most(0.05, EXPERIMENTS) - 0.05), "{above} {below}");
        assert_eq!(refuted, below, "below 1 confirmed is above 1 refuted");
        // Where a difference that matters is asked for, chance alone gives it far less often.
        assert!(share(beyond) < if sigma < 0.1 { 0.002 } else { 0.015 }, "sigma {sigma}: {beyond}");
    }
}

/// Four equal points: an order is confirmed in 2.5 % of experiments at most, refuted in 2.5 % at most.
#[test]
fn equal_points_are_not_ordered_more_often_than_stated() {
    let mut rng = Seed(6).rng();
    for (count, direction) in [(2, Direction::Falling), (4, Direction::Rising), (7, Direction::Falling)] {
        let test = monotonic_test(count, direction);
        let (mut confirmed, mut refuted) = (0, 0);
        for _ in 0..EXPERIMENTS {
            let rounds = alike(&mut rng, count, 0.1);
            let judgement = judge(&test, &|name, _| rounds[name[2..].parse::<usize>().unwrap()].clone());
            confirmed += i32::from(judgement.verdict == Verdict::Confirmed);
            refuted += i32::from(judgement.verdict == Verdict::Refuted);
        }
        assert!(share(confirmed) <= at_most(0.025, EXPERIMENTS), "{count} points: {confirmed}");
        assert!(share(refuted) <= at_most(0.025, EXPERIMENTS), "{count} points: {refuted}");
        assert!(share(confirmed + refuted) <= at_most(0.05, EXPERIMENTS), "{count} points: {confirmed} {refuted}");
    }
}

/// Equal curves: neither that they cross nor that they do not is said more often than one of the two questions may err.
#[test]
fn equal_curves_neither_cross_nor_keep_apart() {
    let mut rng = Seed(7).rng();
    let x = [1.0, 2.0, 4.0];
    let test = criterion(Test::Crossover {
        of: metric("throughput"),
        over: "load.closed.sessions".to_owned(),
        first_name: "a".to_owned(),
        first: points("a", &x),
        second_name: "b".to_owned(),
        second: points("b", &x),
    });
    let mut decided = 0;
    let experiments = 2_000;
    for _ in 0..experiments {
        let rounds = alike(&mut rng, 6, 0.1);
        let judgement = judge(&test, &|name, _| {
            let point = x.iter().position(|x| name[2..] == x.to_string()).unwrap();
            rounds[point + if name.starts_with('a') { 0 } else { 3 }].clone()
        });
        decided += i32::from(matches!(judgement.verdict, Verdict::Confirmed | Verdict::Refuted));
    }
    assert!(f64::from(decided) / f64::from(experiments) < 0.01, "{decided}");
}

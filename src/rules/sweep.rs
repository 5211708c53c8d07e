//! Tests over a swept parameter: does a figure only rise or only fall, and where do two curves cross?

use super::{Figures, Judged, Pairs, by_round, estimate, level, text};
use crate::base::units::Unit;
use crate::model::criterion::{Direction, SweepPoint, Verdict};
use crate::model::metric::Metric;
use crate::model::results::{Curve, CurvePoint, Estimate, Evidence, Step};
use crate::stats::{self, CONFIDENCE, Interval, MIN_ROUNDS};

/// A figure by round, for every point of a curve.
type Rounds = [Vec<Option<f64>>];

fn curve(of: Metric, name: &str, points: &[SweepPoint], values: &Rounds) -> Curve {
    let at = |(point, rounds): (&SweepPoint, &Vec<Option<f64>>)| {
        let valid: Vec<f64> = rounds.iter().flatten().copied().collect();
        let estimate = estimate(level(of, &valid)?, of.unit());
        Some(CurvePoint { x: point.x, variant: point.variant.clone(), estimate })
    };
    Curve { name: name.to_owned(), points: points.iter().zip(values).filter_map(at).collect() }
}

/// Whether an interval of later against earlier lies wholly on the side that `direction` asks for.
const fn right(direction: Direction, interval: &Interval) -> bool {
    match direction {
        Direction::Rising => interval.low > 1.0,
        Direction::Falling => interval.high < 1.0,
    }
}

/// Whether it lies wholly on the other side.
const fn wrong(direction: Direction, interval: &Interval) -> bool {
    match direction {
        Direction::Rising => interval.high < 1.0,
        Direction::Falling => interval.low > 1.0,
    }
}

/// A later point against an earlier one: as it is shown, and as it must be to refute.
struct Change {
    shown: Interval,
    strict: Interval,
}

impl Change {
    fn between(earlier: (&str, &[Option<f64>]), later: (&str, &[Option<f64>]), strict: f64) -> Result<Self, String> {
        let pairs = Pairs::new(later.1, earlier.1);
        let at = |confidence| pairs.ratio([later.0, earlier.0], confidence);
        Ok(Self { shown: at(CONFIDENCE)?, strict: at(strict)? })
    }

    fn verdict(&self, direction: Direction) -> Verdict {
        super::decide(&self.shown, right(direction, &self.shown), wrong(direction, &self.strict))
    }
}

/// A figure along a parameter, last point against first, and every point against the one before it.
///
/// - Confirmed: the 95 % interval of the ends lies wholly on the right side of 1, and that of no step lies wholly on the wrong side.
///   A step may be flat; one that goes back forbids the word.
/// - Refuted: the interval of a step, or of the ends, lies wholly on the wrong side. All these questions share the 2.5 % that a
///   one-sided question has (Bonferroni: each gets an equal part), for among many equal points some step goes astray by chance.
/// - Else inconclusive. Equal points are thus confirmed in at most 2.5 % of experiments, refuted in at most 2.5 %.
pub fn monotonic(of: Metric, points: &[SweepPoint], direction: Direction, figures: Figures) -> Result<Judged, String> {
    let names: Vec<&str> = points.iter().map(|point| point.variant.as_str()).collect();
    let values = by_round(of, &names, figures)?;
    let last = values.len().checked_sub(1).filter(|last| *last > 0).ok_or("one point alone has no order: sweep over two values or more")?;
    // With two points the step and the ends are the same question.
    let questions = if last == 1 { 1 } else { last + 1 };
    let strict = 1.0 - (1.0 - CONFIDENCE) / questions as f64;
    let change = |from: usize, to: usize| Change::between((names[from], &values[from]), (names[to], &values[to]), strict);
    let mut evidence = Evidence { curves: vec![curve(of, "", points, &values)], ..Evidence::default() };
    evidence.rounds = Pairs::new(&values[last], &values[0]).ratios();
    let changes: Result<Vec<Change>, String> = (1..=last).map(|index| change(index - 1, index)).collect();
    let (ends, steps) = match (change(0, last), changes) {
        (Ok(ends), Ok(steps)) => (ends, steps),
        (Err(why), _) | (_, Err(why)) => {
            let (why, rounds) = (format!("{} {why}", of.title()), evidence.rounds.len());
            return Ok(Judged { verdict: Verdict::Inconclusive, why, estimate: None, evidence, rounds });
        }
    };
    evidence.steps = (1..).zip(&steps).map(|(index, step)| step_of(index, step, direction)).collect();
    let rounds = steps.iter().chain([&ends]).map(|change| change.shown.n).min().unwrap_or(0);
    let broken = steps.iter().any(|step| wrong(direction, &step.strict)) || wrong(direction, &ends.strict);
    let verdict = if rounds < MIN_ROUNDS {
        Verdict::Inconclusive
    } else if broken {
        Verdict::Refuted
    } else if right(direction, &ends.shown) && !steps.iter().any(|step| wrong(direction, &step.shown)) {
        Verdict::Confirmed
    } else {
        Verdict::Inconclusive
    };
    let estimate = estimate(ends.shown, Unit::Ratio);
    let why = why_monotonic(of, &names, direction, (&ends, &steps), verdict) + &text::too_few(rounds);
    Ok(Judged { verdict, why, estimate: Some(estimate), evidence, rounds })
}

fn step_of(index: usize, change: &Change, direction: Direction) -> Step {
    Step { index, ratio: estimate(change.shown, Unit::Ratio), verdict: change.verdict(direction) }
}

fn why_monotonic(of: Metric, names: &[&str], direction: Direction, (ends, steps): (&Change, &[Change]), verdict: Verdict) -> String {
    let (value, interval) = text::measured(&estimate(ends.shown, Unit::Ratio), &[1.0]);
    let last = names[names.len() - 1];
    let whole = format!("{} is {value} that {} {} {interval}", text::subject(of, last), text::preposition(of), names[0]);
    let astray = |surely: bool| {
        let index = steps.iter().position(|step| wrong(direction, if surely { &step.strict } else { &step.shown }))?;
        let (value, interval) = text::measured(&estimate(steps[index].shown, Unit::Ratio), &[1.0]);
        Some(format!("from {} to {}, to {value} {interval}", names[index], names[index + 1]))
    };
    let verb = if direction == Direction::Rising { "falls" } else { "rises" };
    match verdict {
        Verdict::Confirmed => format!("{whole}, and no step surely {verb}"),
        Verdict::Refuted => match astray(true) {
            Some(step) => format!("{} {verb} {step}; {whole}", of.title()),
            None => format!("{whole}: it {verb} as a whole"),
        },
        _ if right(direction, &ends.shown) => match astray(false) {
            Some(step) => format!("{whole}, but it {verb} {step}"),
            None => whole,
        },
        _ if wrong(direction, &ends.shown) => {
            format!("{whole}: it {verb}, but not so surely that one of {} comparisons cannot be chance", steps.len() + 1)
        }
        _ => format!("{whole}, on both sides of 1 ×"),
    }
}

/// Which curve is surely the higher one at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leader {
    First,
    Second,
    Unclear,
}

fn leader(gap: &Interval) -> Leader {
    if gap.low > 1.0 {
        Leader::First
    } else if gap.high < 1.0 {
        Leader::Second
    } else {
        Leader::Unclear
    }
}

/// Two curves over one parameter.
///
/// - Confirmed: one is surely the higher at the first point, the other at the last. Both must hold, so no correction is due.
/// - Refuted: the same one is surely the higher at every point; again all must hold. What happens between the points is not seen.
/// - Else inconclusive.
///
/// The estimate is where they change places: found in every round by interpolation ([`stats::crossing`]), then the level over
/// rounds, within the range of the parameter. It is given if they surely change places, or do so in every round.
pub fn crossover(of: Metric, over: &str, sides: [(&String, &Vec<SweepPoint>); 2], figures: Figures) -> Result<Judged, String> {
    let [(first_name, first), (second_name, second)] = sides;
    if first.len() != second.len() || first.len() < 2 {
        return Err(format!("{first_name} and {second_name} need the same values of {over}, two or more"));
    }
    let names: Vec<&str> = first.iter().chain(second).map(|point| point.variant.as_str()).collect();
    let values = by_round(of, &names, figures)?;
    let (a, b) = values.split_at(first.len());
    let mut evidence = Evidence { curves: vec![curve(of, first_name, first, a), curve(of, second_name, second, b)], ..Evidence::default() };
    let (crossings, complete) = crossings(first, a, b);
    evidence.rounds.clone_from(&crossings);
    let at = |index: usize| Pairs::new(&a[index], &b[index]).ratio([&first[index].variant, &second[index].variant], CONFIDENCE);
    let gaps: Result<Vec<Interval>, String> = (0..first.len()).map(at).collect();
    let gaps = match gaps {
        Ok(gaps) => gaps,
        Err(why) => {
            let why = format!("{} {why}", of.title());
            return Ok(Judged { verdict: Verdict::Inconclusive, why, estimate: None, evidence, rounds: complete });
        }
    };
    let rounds = gaps.iter().map(|gap| gap.n).min().unwrap_or(0);
    let leaders: Vec<Leader> = gaps.iter().map(leader).collect();
    let verdict = match (leaders[0], leaders[leaders.len() - 1]) {
        _ if rounds < MIN_ROUNDS => Verdict::Inconclusive,
        (Leader::First, Leader::Second) | (Leader::Second, Leader::First) => Verdict::Confirmed,
        (Leader::Unclear, _) => Verdict::Inconclusive,
        (start, _) if leaders.iter().all(|leader| *leader == start) => Verdict::Refuted,
        _ => Verdict::Inconclusive,
    };
    let known = verdict == Verdict::Confirmed || crossings.len() == complete;
    let place = if known { place(first, &crossings) } else { None };
    let seen = Seen { of, over, names: [first_name, second_name], points: first, gaps: &gaps, place, crossed: crossings.len(), complete };
    let why = seen.why(verdict, &leaders) + &text::too_few(rounds);
    Ok(Judged { verdict, why, estimate: place, evidence, rounds })
}

/// The crossing of every round that has one, and the number of rounds in which all points are valid.
fn crossings(points: &[SweepPoint], a: &Rounds, b: &Rounds) -> (Vec<f64>, usize) {
    let x: Vec<f64> = points.iter().map(|point| point.x).collect();
    let rounds = a.iter().chain(b).map(Vec::len).min().unwrap_or(0);
    let in_round = |side: &Rounds, round: usize| -> Option<Vec<f64>> { side.iter().map(|values| values[round]).collect() };
    let complete: Vec<_> = (0..rounds).filter_map(|round| Some((in_round(a, round)?, in_round(b, round)?))).collect();
    (complete.iter().filter_map(|(a, b)| stats::crossing(&x, a, b)).collect(), complete.len())
}

fn place(points: &[SweepPoint], crossings: &[f64]) -> Option<Estimate> {
    let logarithmic = points.iter().all(|point| point.x > 0.0);
    let interval = if logarithmic { stats::level(crossings) } else { stats::mean(crossings) }?;
    let ends = [points.first()?.x, points.last()?.x];
    Some(estimate(interval.within(ends[0].min(ends[1]), ends[0].max(ends[1])), Unit::Count))
}

/// What the sentence about two curves is made of.
struct Seen<'a> {
    of: Metric,
    over: &'a str,
    names: [&'a str; 2],
    points: &'a [SweepPoint],
    gaps: &'a [Interval],
    place: Option<Estimate>,
    crossed: usize,
    complete: usize,
}

impl Seen<'_> {
    /// `8 (1.4 ×, 95 % 1.3–1.6)`
    fn gap(&self, index: usize) -> String {
        let (value, interval) = text::measured(&estimate(self.gaps[index], Unit::Ratio), &[1.0]);
        format!("{} ({value}, {}", text::plain(self.points[index].x), interval.trim_start_matches('('))
    }

    fn why(&self, verdict: Verdict, leaders: &[Leader]) -> String {
        let (last, over, [first, second]) = (self.gaps.len() - 1, self.over, self.names);
        let subject = text::subject(self.of, first);
        let that = format!("that {} {second}", text::preposition(self.of));
        let (start, end) = (self.gap(0), self.gap(last));
        let sides = if leaders[0] == Leader::First { ["above", "below"] } else { ["below", "above"] };
        match verdict {
            Verdict::Confirmed => {
                let place = self.place.map_or(String::new(), |place| {
                    let counted = if self.crossed < self.complete {
                        format!(" in {} of {} rounds", self.crossed, self.complete)
                    } else {
                        String::new()
                    };
                    let [value, low, high] = [place.value, place.low, place.high].map(text::plain);
                    format!("; they change places at {value} (95 % {low}–{high}){counted}")
                });
                format!("{subject} is {} {that} at {over} = {start} and {} it at {end}{place}", sides[0], sides[1])
            }
            Verdict::Refuted => {
                let distance = |gap: &Interval| gap.value.ln().abs();
                let order = |a: &usize, b: &usize| distance(&self.gaps[*a]).total_cmp(&distance(&self.gaps[*b]));
                let nearest = (0..=last).min_by(order).map_or(String::new(), |index| self.gap(index));
                let [from, to] = [0, last].map(|index| text::plain(self.points[index].x));
                format!("{subject} is {} {that} at every point measured, {over} = {from} to {to}; they are nearest at {nearest}", sides[0])
            }
            _ if leaders[0] != Leader::Unclear && leaders[0] == leaders[last] && leaders.contains(&opposite(leaders[0])) => {
                format!("{subject} is {} {that} at {over} = {start} and at {end}, but not at every point between", sides[0])
            }
            _ => {
                let unclear: Vec<String> =
                    (0..=last).filter(|index| leaders[*index] == Leader::Unclear).map(|index| self.gap(index)).collect();
                if unclear.is_empty() {
                    return format!("{subject} against {that} is at {over} = {start}, at {end}");
                }
                format!("whether {subject} is above {that} is not sure at {over} = {}", unclear.join(", "))
            }
        }
    }
}

const fn opposite(leader: Leader) -> Leader {
    match leader {
        Leader::First => Leader::Second,
        Leader::Second => Leader::First,
        Leader::Unclear => Leader::Unclear,
    }
}

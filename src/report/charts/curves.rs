//! Charts over a parameter: one curve that must rise or fall, and two that must cross.

use super::axis::{Axis, exact, plain};
use super::canvas::{Role, Stroke};
use super::legend::Mark;
use super::lines::{Line, Lines, Note, Point, Span};
use crate::base::units::{Unit, show, show_interval};
use crate::model::criterion::{Test, Verdict};
use crate::model::results::{Curve, CurvePoint, Judgement};
use crate::report::text;

/// Beyond this ratio of largest to smallest, the vertical axis is logarithmic.
const LOG_FROM: f64 = 12.0;

/// The chart of a judgement over a parameter; `None` if it has no curve. `heading` says which of several criteria it answers.
pub fn chart(judgement: &Judgement, heading: String) -> Option<Lines> {
    let test = &judgement.criterion.test;
    let over = match test {
        Test::Monotonic { over, .. } | Test::Crossover { over, .. } => over,
        Test::Ratio { .. } | Test::Ballpark { .. } | Test::Range { .. } => return None,
    };
    let curves = &judgement.evidence.curves;
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let x = Axis::parameters(&points().map(|point| point.x).collect::<Vec<_>>())?;
    let unit = test.metric().unit();
    let y = levels(points().flat_map(|point| [point.estimate.low, point.estimate.value, point.estimate.high]).collect(), unit)?;
    let y_title = with_unit(&test.metric().title(), &y);
    let x_title = text::parameter(over);
    let mut chart = Lines {
        heading,
        x_title: if x.scale == super::axis::Scale::Log { format!("{x_title} (log scale)") } else { x_title },
        x,
        y,
        y_title,
        lines: Vec::new(),
        spans: Vec::new(),
        notes: Vec::new(),
        legend: Vec::new(),
        plot: 210.0,
    };
    if let Test::Crossover { .. } = test {
        crossing(&mut chart, judgement);
    } else if let Some(curve) = curves.first() {
        steps(&mut chart, judgement, curve);
    }
    Some(chart)
}

/// An axis for levels: from zero, or logarithmic where they differ widely; with room for labels at its top.
pub fn levels(values: Vec<f64>, unit: Unit) -> Option<Axis> {
    let high = values.iter().copied().filter(|value| value.is_finite()).fold(0.0, f64::max);
    let low = values.iter().copied().filter(|value| *value > 0.0).fold(f64::INFINITY, f64::min);
    let mut axis = if unit != Unit::Share && high / low > LOG_FROM {
        Axis::log(values, Some(unit), 2.0)?
    } else {
        Axis::from_zero(values, Some(unit))?
    };
    axis.max = match axis.scale {
        super::axis::Scale::Log => axis.max * (axis.max / axis.min).powf(0.08),
        _ => axis.max * 1.1,
    };
    Some(axis)
}

/// A title with the unit of its axis.
pub fn with_unit(title: &str, axis: &Axis) -> String {
    let unit = if axis.unit == Some(Unit::Ratio) { "×" } else { axis.unit_text() };
    let log = if axis.scale == super::axis::Scale::Log { "log scale" } else { "" };
    let notes: Vec<&str> = [unit, log].into_iter().filter(|note| !note.is_empty()).collect();
    if notes.is_empty() { title.to_owned() } else { format!("{title} ({})", notes.join(", ")) }
}

fn point(curve: &CurvePoint, name: &str, labelled: bool) -> Point {
    let estimate = curve.estimate;
    let figure = show_interval(estimate.value, estimate.low, estimate.high, estimate.unit);
    let name = if name.is_empty() { String::new() } else { format!("{name}, ") };
    Point {
        x: curve.x,
        y: estimate.value,
        interval: Some((estimate.low, estimate.high)),
        tip: Some(format!("{name}{}: {figure}", exact(curve.x))),
        label: labelled.then(|| show(estimate.value, estimate.unit)),
    }
}

fn steps(chart: &mut Lines, judgement: &Judgement, curve: &Curve) {
    let color = Role::Series(0);
    let verdict = |index: usize| judgement.evidence.steps.iter().find(|step| step.index == index);
    for index in 1..curve.points.len() {
        let pair = [&curve.points[index - 1], &curve.points[index]];
        let stroke = match verdict(index).map(|step| step.verdict) {
            Some(Verdict::Refuted) => Stroke::solid(Role::Against, 2.5),
            Some(Verdict::Confirmed) | None => Stroke::solid(color, 2.0),
            Some(Verdict::Inconclusive | Verdict::NotRun) => Stroke::dashed(color),
        };
        let points = pair.map(|end| Point { x: end.x, y: end.estimate.value, ..Point::default() }).to_vec();
        chart.lines.push(Line { name: None, points, stroke, marked: false });
        if let Some(step) = verdict(index).filter(|step| step.verdict == Verdict::Refuted) {
            let at = (middle(chart, pair[0].x, pair[1].x), pair[0].estimate.value.min(pair[1].estimate.value));
            chart.notes.push(Note { at, text: format!("✗ {}", show(step.ratio.value, Unit::Ratio)), role: Role::Against });
        }
    }
    // The points by themselves: a band over broken steps would hide them.
    for end in &curve.points {
        chart.lines.push(Line { name: None, points: vec![point(end, "", true)], stroke: Stroke::solid(color, 2.0), marked: true });
    }
    chart.legend.push((Mark::Interval(color), "estimate with 95 % interval".to_owned()));
    let has = |wanted: Verdict| judgement.evidence.steps.iter().any(|step| step.verdict == wanted);
    if has(Verdict::Inconclusive) {
        chart.legend.push((Mark::Line(Stroke::dashed(color)), "step that is not clear".to_owned()));
    }
    if has(Verdict::Refuted) {
        chart.legend.push((Mark::Line(Stroke::solid(Role::Against, 2.5)), "step that goes the other way".to_owned()));
    }
}

fn middle(chart: &Lines, a: f64, b: f64) -> f64 {
    if chart.x.scale == super::axis::Scale::Log { (a * b).sqrt() } else { f64::midpoint(a, b) }
}

fn crossing(chart: &mut Lines, judgement: &Judgement) {
    for (index, curve) in judgement.evidence.curves.iter().enumerate() {
        let points = curve.points.iter().map(|end| point(end, &curve.name, false)).collect();
        chart.lines.push(Line { name: Some(curve.name.clone()), points, stroke: Stroke::solid(Role::Series(index), 2.0), marked: true });
    }
    chart.legend.push((Mark::Interval(Role::Muted), "estimate with 95 % interval".to_owned()));
    if let Some(at) = judgement.estimate {
        let label = format!("cross at {} ({}–{})", plain(at.value), plain(at.low), plain(at.high));
        let role = if judgement.verdict == Verdict::Confirmed { Role::Confirms } else { Role::Warmup };
        chart.spans.push(Span { low: at.low, high: at.high, value: Some(at.value), role, label });
    }
}

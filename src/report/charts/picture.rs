//! The small picture of a row of the scorecard: the interval against what the rule says, on one axis for all rows of a group.

use std::fmt::Write as _;

use crate::model::criterion::{Bound, Test, Verdict};
use crate::model::results::{Curve, Judgement};

const WIDTH: f64 = 140.0;
const HEIGHT: f64 = 22.0;
/// An axis reaches at least this factor to both sides, and at most the other.
const REACH: (f64, f64) = (2.0, 1_000.0);

/// Measured against what is asked: how many times as much, with the side that confirms.
struct Against {
    value: f64,
    low: f64,
    high: f64,
    from: Option<f64>,
    to: Option<f64>,
}

fn against(judgement: &Judgement) -> Option<Against> {
    let estimate = judgement.estimate?;
    let (reference, from, to) = match judgement.criterion.test {
        Test::Ratio { bound: Bound::Above(threshold), .. } => (threshold, Some(threshold), None),
        Test::Ratio { bound: Bound::Below(threshold), .. } => (threshold, None, Some(threshold)),
        Test::Ballpark { value, factor, .. } => (value, Some(value / factor), Some(value * factor)),
        Test::Range { low, high, .. } => ((low * high).sqrt(), Some(low), Some(high)),
        Test::Monotonic { .. } | Test::Crossover { .. } => return None,
    };
    let part = |value: f64| value / reference;
    let usable = reference > 0.0 && estimate.value > 0.0 && estimate.high > 0.0;
    usable.then(|| Against {
        value: part(estimate.value),
        low: part(estimate.low),
        high: part(estimate.high),
        from: from.map(part),
        to: to.map(part),
    })
}

/// How far the axis of a group reaches to both sides of what the rules say, as a factor.
pub fn reach<'a>(headlines: impl Iterator<Item = &'a Judgement>) -> f64 {
    let far = |part: f64| if part > 0.0 && part.is_finite() { part.max(1.0 / part) } else { 1.0 };
    let farthest = headlines
        .filter_map(against)
        .flat_map(|row| [row.value, row.low, row.high, row.from.unwrap_or(1.0), row.to.unwrap_or(1.0)].map(far));
    (farthest.fold(REACH.0, f64::max) * 1.15).min(REACH.1)
}

/// The picture of one row; `None` if there is nothing to show.
pub fn picture(judgement: &Judgement, reach: f64) -> Option<String> {
    let body = match against(judgement) {
        Some(row) => interval(&row, reach),
        None => sparkline(&judgement.evidence.curves, judgement.verdict)?,
    };
    Some(format!(
        "<svg class=\"picture\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" aria-hidden=\"true\">{body}</svg>"
    ))
}

fn interval(row: &Against, reach: f64) -> String {
    let x = |part: f64| {
        let part = if part > 0.0 { (part.ln() / reach.ln()).clamp(-1.0, 1.0) } else { -1.0 };
        WIDTH / 2.0 + part * (WIDTH / 2.0 - 6.0)
    };
    let (from, to) = (row.from.map_or(0.0, x), row.to.map_or(WIDTH, x));
    let (low, high, middle) = (x(row.low), x(row.high), HEIGHT / 2.0);
    let mut body = format!("<rect class=\"yes\" x=\"{from:.1}\" y=\"0\" width=\"{:.1}\" height=\"{HEIGHT}\"/>", to - from);
    for edge in [row.from, row.to].into_iter().flatten() {
        let _ = write!(body, "<line class=\"edge\" x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"0\" y2=\"{HEIGHT}\"/>", x(edge));
    }
    let _ = write!(body, "<line class=\"span\" x1=\"{low:.1}\" x2=\"{high:.1}\" y1=\"{middle}\" y2=\"{middle}\"/>");
    let beyond = row.value.ln().abs() > reach.ln();
    if beyond {
        let outward = if row.value > 1.0 { 5.0 } else { -5.0 };
        let at = x(row.value);
        let _ = write!(
            body,
            "<path class=\"dot\" d=\"M{at:.1} {:.1}L{:.1} {middle}L{at:.1} {:.1}z\"/>",
            middle - 5.0,
            at + outward,
            middle + 5.0
        );
    } else {
        let _ = write!(body, "<circle class=\"dot\" cx=\"{:.1}\" cy=\"{middle}\" r=\"4\"/>", x(row.value));
    }
    body
}

fn sparkline(curves: &[Curve], verdict: Verdict) -> Option<String> {
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let ends = |figure: fn(&crate::model::results::CurvePoint) -> f64| {
        points().map(figure).fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
    };
    let ((left, right), (low, high)) = (ends(|point| point.x), ends(|point| point.estimate.value));
    if verdict == Verdict::NotRun || right <= left {
        return None;
    }
    let log = left > 0.0 && right / left >= 16.0;
    let across = |x: f64| if log { (x / left).ln() / (right / left).ln() } else { (x - left) / (right - left) };
    let upward = |y: f64| if high > low { (y - low) / (high - low) } else { 0.5 };
    let mut body = String::new();
    for (index, curve) in curves.iter().enumerate() {
        let path: Vec<String> = curve
            .points
            .iter()
            .map(|point| {
                format!("{:.1},{:.1}", 6.0 + across(point.x) * (WIDTH - 12.0), HEIGHT - 4.0 - upward(point.estimate.value) * (HEIGHT - 8.0))
            })
            .collect();
        let _ = write!(body, "<polyline class=\"line s{}\" points=\"{}\"/>", index + 1, path.join(" "));
    }
    Some(body)
}

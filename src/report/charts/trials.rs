//! The folded charts of a rule: percentile curves on HdrHistogram's axis, and throughput and response times over time.

use super::axis::{Axis, exact};
use super::canvas::{Role, SERIES, Stroke};
use super::curves::{levels, with_unit};
use super::legend::Mark;
use super::lines::{Line, Lines, Point, Span};
use crate::base::units::{Unit, show};
use crate::model::results::{PercentilePoint, RuleResult, TrialResult, VariantResult};
use crate::model::trial::SeriesPoint;
use crate::report::text;

/// Percentiles that show their value under the pointer.
const TOLD: [f64; 5] = [0.0, 50.0, 90.0, 99.0, 99.9];

/// Variants that share a panel: those of one sweep, or those without one; at most as many as there are colours.
fn panels(rule: &RuleResult, wanted: impl Fn(&VariantResult) -> bool) -> Vec<(String, Vec<&VariantResult>)> {
    let mut groups: Vec<(String, Vec<&VariantResult>)> = Vec::new();
    for variant in rule.variants.iter().filter(|variant| wanted(variant)) {
        let base = variant.name.split_once('@').map_or("", |(base, _)| base);
        match groups.iter_mut().find(|(name, members)| name == base && members.len() < SERIES) {
            Some((_, members)) => members.push(variant),
            None => groups.push((base.to_owned(), vec![variant])),
        }
    }
    groups
}

/// Percentile curves of all variants, a panel for each group; empty if there are none.
pub fn percentiles(rule: &RuleResult) -> Vec<Lines> {
    let groups = panels(rule, |variant| variant.percentiles.len() > 1);
    let points = || groups.iter().flat_map(|(_, members)| members).flat_map(|variant| &variant.percentiles);
    let last = points().map(|point| point.percentile).fold(0.0, f64::max);
    let Some(y) = Axis::log(points().flat_map(|point| [point.response_ns as f64, point.service_ns as f64]), Some(Unit::Ns), 2.0) else {
        return Vec::new();
    };
    let waits = points().any(differs);
    let count = groups.len();
    groups
        .iter()
        .enumerate()
        .map(|(index, (base, members))| Lines {
            heading: base.clone(),
            x: Axis::percentiles(last),
            x_title: "percentile".to_owned(),
            y: y.clone(),
            y_title: with_unit("time of an operation", &y),
            lines: members.iter().enumerate().flat_map(|(place, variant)| percentile_lines(variant, place)).collect(),
            spans: Vec::new(),
            notes: Vec::new(),
            legend: if index + 1 == count { percentile_legend(waits) } else { Vec::new() },
            plot: 230.0,
        })
        .collect()
}

// Less than 2 % apart cannot be told in the chart.
fn differs(point: &PercentilePoint) -> bool {
    point.response_ns as f64 > point.service_ns as f64 * 1.02
}

fn percentile_legend(waits: bool) -> Vec<super::legend::Entry> {
    let solid = (Mark::Line(Stroke::solid(Role::Muted, 2.0)), "response time, from the intended start".to_owned());
    let dashed = (Mark::Line(Stroke::dashed(Role::Muted)), "service time; the gap is waiting".to_owned());
    if waits { vec![solid, dashed] } else { vec![(solid.0, "response time; service time lies on it".to_owned())] }
}

fn percentile_lines(variant: &VariantResult, place: usize) -> Vec<Line> {
    let name = text::title(variant);
    let tip = |point: &PercentilePoint| {
        let told = TOLD.into_iter().find(|told| (told - point.percentile).abs() < 0.011)?;
        let (response, service) = (show(point.response_ns as f64, Unit::Ns), show(point.service_ns as f64, Unit::Ns));
        Some(format!("{name}, p{}: response {response}, service {service}", exact(told)))
    };
    let line = |time: fn(&PercentilePoint) -> u64| -> Vec<Point> {
        variant.percentiles.iter().map(|point| Point { x: point.percentile, y: time(point) as f64, ..Point::default() }).collect()
    };
    let mut response = line(|point| point.response_ns);
    for (shown, point) in response.iter_mut().zip(&variant.percentiles) {
        shown.tip = tip(point);
    }
    let color = Role::Series(place);
    let solid = Line { name: Some(name.clone()), points: response, stroke: Stroke::solid(color, 2.0), marked: false };
    if !variant.percentiles.iter().any(differs) {
        return vec![solid];
    }
    let dashed = Line { name: None, points: line(|point| point.service_ns), stroke: Stroke::dashed(color), marked: false };
    vec![dashed, solid]
}

/// Throughput and response times of every trial over time, two panels for each group; empty if there is no series.
pub fn time(rule: &RuleResult) -> Vec<Lines> {
    let groups = panels(rule, |variant| variant.trials.iter().any(|trial| trial.series.len() > 1));
    let series = || groups.iter().flat_map(|(_, members)| members).flat_map(|variant| shown(variant)).flat_map(|trial| &trial.series);
    let from = series().map(|point| point.at_s - point.length_s).fold(0.0, f64::min);
    let to = series().map(|point| point.at_s).fold(f64::NEG_INFINITY, f64::max);
    if !to.is_finite() {
        return Vec::new();
    }
    let x = Axis { scale: super::axis::Scale::Linear, min: from, max: to.max(from + 1e-3), unit: None, at: Vec::new() };
    groups.iter().flat_map(|(base, members)| [throughput(base, members, &x), times(members, &x)]).flatten().collect()
}

// Invalid trials only if there is nothing else to show.
fn shown(variant: &VariantResult) -> impl Iterator<Item = &TrialResult> {
    let any = variant.trials.iter().any(|trial| trial.record.valid);
    variant.trials.iter().filter(move |trial| trial.record.valid || !any)
}

fn over_time(heading: &str, title: &str, x: &Axis, y: Axis, lines: Vec<Line>) -> Lines {
    let spans =
        if x.min < 0.0 { vec![Span { low: x.min, high: 0.0, value: None, role: Role::Warmup, label: String::new() }] } else { Vec::new() };
    Lines {
        heading: heading.to_owned(),
        x: x.clone(),
        x_title: "seconds (a line is a round)".to_owned(),
        y_title: with_unit(title, &y),
        y,
        lines,
        legend: if spans.is_empty() { Vec::new() } else { vec![(Mark::Region(Role::Warmup), "warm-up, not measured".to_owned())] },
        spans,
        notes: Vec::new(),
        plot: 150.0,
    }
}

fn trial_lines(members: &[&VariantResult], dashed: bool, value: impl Fn(&SeriesPoint) -> Option<f64>) -> Vec<Line> {
    let mut lines = Vec::new();
    for (place, variant) in members.iter().enumerate() {
        let color = Role::Series(place);
        for trial in shown(variant) {
            let points: Vec<Point> = trial
                .series
                .iter()
                .filter_map(|point| Some(Point { x: point.at_s - point.length_s / 2.0, y: value(point)?, ..Point::default() }))
                .collect();
            let stroke = if dashed { Stroke::dashed(color) } else { Stroke::solid(color, 1.5) };
            lines.push(Line { name: None, points, stroke: stroke.faint(0.65), marked: false });
        }
        // The longest line of the variant carries the name.
        let first = lines.len() - shown(variant).count();
        if let Some(line) = lines[first..].iter_mut().rev().max_by_key(|line| line.points.len()).filter(|_| !dashed) {
            line.name = Some(text::title(variant));
        }
    }
    lines
}

fn values(lines: &[Line]) -> Vec<f64> {
    lines.iter().flat_map(|line| &line.points).map(|point| point.y).collect()
}

fn throughput(heading: &str, members: &[&VariantResult], x: &Axis) -> Option<Lines> {
    let lines = trial_lines(members, false, |point| Some(point.throughput_per_s));
    let y = levels(values(&lines), Unit::PerSecond)?;
    Some(over_time(heading, "throughput", x, y, lines))
}

fn times(members: &[&VariantResult], x: &Axis) -> Option<Lines> {
    let mut lines = trial_lines(members, true, |point| point.p99_ns.map(|time| time as f64));
    lines.extend(trial_lines(members, false, |point| point.p50_ns.map(|time| time as f64)));
    let y = Axis::log(values(&lines), Some(Unit::Ns), 3.0)?;
    let mut chart = over_time("", "response time", x, y, lines);
    chart.legend.insert(0, (Mark::Line(Stroke::dashed(Role::Muted)), "p99".to_owned()));
    chart.legend.insert(0, (Mark::Line(Stroke::solid(Role::Muted, 1.5)), "p50".to_owned()));
    Some(chart)
}

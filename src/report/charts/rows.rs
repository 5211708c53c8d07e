//! The chart of ratios and levels: a row a criterion, each with its interval, its rounds and the region that confirms, on one axis.

use super::WIDE_FROM;
use super::axis::Axis;
use super::canvas::{Anchor, Canvas, DrawError, LINE_PX, Role, Stroke, break_lines, fit, text_width};
use super::legend::{self, Entry, Mark};
use crate::base::units::{Unit, show, show_interval};
use crate::model::criterion::{Bound, Test};
use crate::model::results::{Estimate, Judgement};
use crate::report::text;

/// A row: its figure in words, and below it the band with interval and rounds.
const STRIP_PX: f64 = VALUE_PX + 36.0;
const VALUE_PX: f64 = 18.0;
const GAP_PX: f64 = 8.0;
const SIDE_PX: f64 = 8.0;
const LABEL_PX: f64 = 172.0;
const STATED: Stroke = Stroke::solid(Role::Muted, 1.2);
/// Beyond this factor of the value, an interval leaves the chart: an arrow says so.
const REACH: f64 = 1e3;

/// Rows on one axis.
pub struct Rows<'a> {
    judgements: Vec<&'a Judgement>,
    axis: Axis,
    title: String,
    legend: Vec<Entry>,
}

/// Where a figure must lie to confirm; `None` for a side without end.
fn region(test: &Test) -> (Option<f64>, Option<f64>) {
    match test {
        Test::Ratio { bound: Bound::Above(threshold), .. } => (Some(*threshold), None),
        Test::Ratio { bound: Bound::Below(threshold), .. } => (None, Some(*threshold)),
        Test::Ballpark { value, factor, .. } => (Some(value / factor), Some(value * factor)),
        Test::Range { low, high, .. } => (Some(*low), Some(*high)),
        Test::Monotonic { .. } | Test::Crossover { .. } => (None, None),
    }
}

fn stated(test: &Test) -> Option<f64> {
    match test {
        Test::Ballpark { value, .. } => Some(*value),
        Test::Ratio { .. } => Some(1.0),
        _ => None,
    }
}

fn reach(estimate: &Estimate) -> [f64; 3] {
    [estimate.value, estimate.low.max(estimate.value / REACH), estimate.high.min(estimate.value * REACH)]
}

impl<'a> Rows<'a> {
    /// Rows of judgements that measure in the same unit. `title_of` gives the titles of variants. `None` if nothing was measured.
    pub fn new(judgements: Vec<&'a Judgement>, title_of: &dyn Fn(&str) -> String) -> Option<Self> {
        let unit = text::unit(&judgements.first()?.criterion.test);
        let mut values = Vec::new();
        for judgement in judgements.iter().filter(|judgement| judgement.estimate.is_some()) {
            let (low, high) = region(&judgement.criterion.test);
            values.extend([low, high, stated(&judgement.criterion.test)].into_iter().flatten());
            values.extend(judgement.estimate.iter().flat_map(reach));
            values.extend(&judgement.evidence.rounds);
        }
        let axis = if unit == Unit::Share { Axis::from_zero(values, Some(unit)) } else { Axis::log(values, Some(unit), 1.6) }?;
        let title = axis_title(&judgements, &axis, title_of);
        let mut legend = vec![(Mark::Interval(Role::Ink), "estimate with 95 % interval".to_owned())];
        if judgements.iter().any(|judgement| !judgement.evidence.rounds.is_empty()) {
            legend.push((Mark::Round(Role::Series(0)), "a round".to_owned()));
        }
        legend.push((Mark::Region(Role::Confirms), "confirms".to_owned()));
        match judgements[0].criterion.test {
            Test::Ratio { .. } => legend.push((Mark::Line(STATED), "no difference".to_owned())),
            _ if judgements.iter().any(|judgement| stated(&judgement.criterion.test).is_some()) => {
                legend.push((Mark::Line(STATED), "the rule's number".to_owned()));
            }
            _ => {}
        }
        Some(Self { judgements, axis, title, legend })
    }

    // Labels stand at the left of rows if there is room and more than one of them, else above.
    fn beside(&self, width: f64) -> bool {
        width >= WIDE_FROM && self.judgements.len() > 1
    }

    fn left(&self, width: f64) -> f64 {
        if self.beside(width) { LABEL_PX + SIDE_PX } else { SIDE_PX }
    }

    fn label_height(&self, width: f64) -> f64 {
        match (self.beside(width), width >= WIDE_FROM) {
            (true, _) => 0.0,
            (false, true) => LINE_PX + 4.0,
            (false, false) => 2.0 * LINE_PX + 4.0,
        }
    }

    // A label above a row must not seem to belong to the row before.
    fn gap(&self, width: f64) -> f64 {
        if self.beside(width) { GAP_PX } else { 1.75 * GAP_PX }
    }

    fn row_height(&self, width: f64) -> f64 {
        self.label_height(width) + STRIP_PX + self.gap(width)
    }

    fn title_lines(&self, width: f64) -> Vec<String> {
        break_lines(&self.title, width - self.left(width), 2)
    }
}

impl Rows<'_> {
    /// Height in pixels at a given width.
    pub fn height(&self, width: f64) -> f64 {
        let rows = self.judgements.len() as f64 * self.row_height(width);
        let title = self.title_lines(width).len() as f64 * LINE_PX;
        rows + LINE_PX + 4.0 + title + 6.0 + legend::height(&self.legend, width)
    }

    /// Draws it from `top` on.
    pub fn paint(&self, canvas: &mut Canvas, top: f64) -> Result<(), DrawError> {
        let width = canvas.width;
        let (left, right) = (self.left(width), width - SIDE_PX);
        let ticks = self.axis.ticks(right - left, true);
        let x = |value: f64| left + self.axis.part(value) * (right - left);
        let mut y = top;
        for judgement in &self.judgements {
            self.label(canvas, judgement, y)?;
            let strip = y + self.label_height(width);
            paint_region(canvas, &judgement.criterion.test, &x, (left, right), strip)?;
            for tick in &ticks {
                canvas.line((x(tick.value), strip + VALUE_PX), (x(tick.value), strip + STRIP_PX), Stroke::solid(Role::Grid, 1.0))?;
            }
            self.paint_strip(canvas, judgement, &x, (left, right), strip)?;
            y += self.row_height(width);
        }
        y -= self.gap(width) - 4.0;
        for tick in &ticks {
            canvas.line((x(tick.value), y - 4.0), (x(tick.value), y), Stroke::solid(Role::Muted, 1.0))?;
            let half = text_width(&tick.label) / 2.0;
            let at = x(tick.value).clamp(half.min(left), (width - half).max(half));
            canvas.text(&tick.label, (at, y + 11.0), Anchor::Middle, Role::Muted)?;
        }
        y += LINE_PX + 4.0;
        for line in self.title_lines(width) {
            canvas.text(&line, (left, y + LINE_PX / 2.0), Anchor::Start, Role::Ink)?;
            y += LINE_PX;
        }
        legend::paint(canvas, &self.legend, (0.0, y + 6.0), width)
    }

    fn label(&self, canvas: &mut Canvas, judgement: &Judgement, top: f64) -> Result<(), DrawError> {
        let width = canvas.width;
        let name = format!("{} {}", judgement.verdict.mark(), text::criterion_name(&judgement.criterion));
        let asked = text::asks(judgement);
        if self.beside(width) {
            let names = break_lines(&name, LABEL_PX - 4.0, 2);
            let rest = break_lines(&asked, LABEL_PX - 4.0, 3 - names.len());
            let first = top + (STRIP_PX - (names.len() + rest.len()) as f64 * 17.0) / 2.0 + 8.5;
            let roles = names.iter().map(|line| (line, Role::Ink)).chain(rest.iter().map(|line| (line, Role::Muted)));
            for (index, (line, role)) in roles.enumerate() {
                canvas.text(line, (0.0, first + 17.0 * index as f64), Anchor::Start, role)?;
            }
            return Ok(());
        }
        if width >= WIDE_FROM {
            let asked = fit(&asked, width * 0.5);
            let room = width - text_width(&asked) - 20.0;
            canvas.text(&fit(&name, room), (0.0, top + LINE_PX / 2.0), Anchor::Start, Role::Ink)?;
            return canvas.text(&asked, (width, top + LINE_PX / 2.0), Anchor::End, Role::Muted);
        }
        canvas.text(&fit(&name, width), (0.0, top + LINE_PX / 2.0), Anchor::Start, Role::Ink)?;
        canvas.text(&fit(&asked, width), (0.0, top + 1.5 * LINE_PX), Anchor::Start, Role::Muted)
    }

    fn paint_strip(
        &self,
        canvas: &mut Canvas,
        judgement: &Judgement,
        x: &dyn Fn(f64) -> f64,
        (left, right): (f64, f64),
        top: f64,
    ) -> Result<(), DrawError> {
        let Some(estimate) = judgement.estimate else {
            return canvas.text(text::word(judgement.verdict), (left, top + VALUE_PX / 2.0), Anchor::Start, Role::Muted);
        };
        let (value, interval, rounds) = (top + VALUE_PX / 2.0, top + VALUE_PX + 11.0, top + VALUE_PX + 25.0);
        for (index, round) in judgement.evidence.rounds.iter().enumerate() {
            // Rounds that are alike would hide each other on one line.
            let at = (x(*round), rounds + [0.0, -3.0, 3.0][index % 3]);
            canvas.dot(at, 3.5, Role::Series(0), 0.6)?;
            canvas.hover(at, &format!("round {}: {}", index + 1, show(*round, estimate.unit)));
        }
        let [_, low, high] = reach(&estimate);
        canvas.line((x(low), interval), (x(high), interval), Stroke::solid(Role::Ink, 2.5))?;
        for (end, shown, outward) in [(estimate.low, low, -1.0), (estimate.high, high, 1.0)] {
            if shown != end {
                let tip = (x(shown) + 7.0 * outward, interval);
                canvas.polygon(&[tip, (x(shown), interval - 5.0), (x(shown), interval + 5.0)], Role::Ink, 1.0)?;
            }
        }
        canvas.dot((x(estimate.value), interval), 4.5, Role::Ink, 1.0)?;
        let label = show_interval(estimate.value, estimate.low, estimate.high, estimate.unit);
        canvas.hover((x(estimate.value), interval), &format!("{label}, {} rounds", judgement.rounds));
        let label = fit(&label, right - left);
        let half = text_width(&label) / 2.0;
        let at = x(estimate.value).clamp((left + half).min(right - half), (right - half).max(left + half));
        canvas.text(&label, (at, value), Anchor::Middle, Role::Ink)
    }
}

fn paint_region(canvas: &mut Canvas, test: &Test, x: &dyn Fn(f64) -> f64, (left, right): (f64, f64), top: f64) -> Result<(), DrawError> {
    let (top, bottom) = (top + VALUE_PX, top + STRIP_PX);
    let (low, high) = region(test);
    canvas.rect((low.map_or(left, x), top), (high.map_or(right, x), bottom), Role::Confirms, 1.0)?;
    for threshold in [low, high].into_iter().flatten() {
        canvas.line((x(threshold), top), (x(threshold), bottom), Stroke::dashed(Role::Series(2)))?;
    }
    match stated(test) {
        Some(value) => canvas.line((x(value), top), (x(value), bottom), STATED),
        None => Ok(()),
    }
}

fn axis_title(judgements: &[&Judgement], axis: &Axis, title_of: &dyn Fn(&str) -> String) -> String {
    let metric = judgements[0].criterion.test.metric();
    let same = judgements.iter().all(|judgement| judgement.criterion.test.metric() == metric);
    let log = if axis.unit == Some(Unit::Share) { "" } else { ", log scale" };
    match &judgements[0].criterion.test {
        Test::Ratio { variant, against, .. } if judgements.len() == 1 => {
            format!("{}: {} ÷ {} (×{log})", metric.title(), title_of(variant), title_of(against))
        }
        Test::Ratio { .. } if same => format!("{}: one variant ÷ the other (×{log})", metric.title()),
        Test::Ratio { .. } => format!("one variant ÷ the other (×{log})"),
        _ => {
            let what = if same { metric.title() } else { "measured".to_owned() };
            let unit = if axis.unit == Some(Unit::Ratio) { "×" } else { axis.unit_text() };
            match (unit.is_empty(), log.is_empty()) {
                (true, true) => what,
                (true, false) => format!("{what} (log scale)"),
                (false, _) => format!("{what} ({unit}{log})"),
            }
        }
    }
}

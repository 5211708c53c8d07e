//! The chart of lines over an axis, with bands, intervals, direct labels and marked regions. Curves, percentiles and time are drawn
//! with it.

use super::WIDE_FROM;
use super::axis::{Axis, Tick};
use super::canvas::{Anchor, Canvas, DrawError, LINE_PX, Role, Stroke, break_lines, fit, text_width};
use super::legend::{self, Entry, Mark};

const END_LABEL_PX: f64 = 190.0;
const TOP_PX: f64 = 8.0;

/// A point with its interval and what is said of it.
#[derive(Debug, Clone, Default)]
pub struct Point {
    /// Figure on the horizontal axis.
    pub x: f64,
    /// Figure on the vertical axis.
    pub y: f64,
    /// Its interval.
    pub interval: Option<(f64, f64)>,
    /// Shown under the pointer.
    pub tip: Option<String>,
    /// Written above it.
    pub label: Option<String>,
}

/// One line.
#[derive(Debug, Clone)]
pub struct Line {
    /// Its name, for the direct label; `None` for lines that a legend explains.
    pub name: Option<String>,
    /// Its points, from left to right.
    pub points: Vec<Point>,
    /// How it looks.
    pub stroke: Stroke,
    /// Whether points are marked and intervals drawn as a band (true), or only the line (false).
    pub marked: bool,
}

/// A part of the horizontal axis that is shaded.
#[derive(Debug, Clone)]
pub struct Span {
    /// From.
    pub low: f64,
    /// To.
    pub high: f64,
    /// A line within, if one place stands out.
    pub value: Option<f64>,
    /// Colour.
    pub role: Role,
    /// Text at its top.
    pub label: String,
}

/// Text at a place.
#[derive(Debug, Clone)]
pub struct Note {
    /// Where.
    pub at: (f64, f64),
    /// What.
    pub text: String,
    /// Its colour.
    pub role: Role,
}

/// A chart of lines.
#[derive(Debug, Clone)]
pub struct Lines {
    /// Above everything; may be empty.
    pub heading: String,
    /// Horizontal axis.
    pub x: Axis,
    /// Its title, with unit.
    pub x_title: String,
    /// Vertical axis.
    pub y: Axis,
    /// Its title, with unit; stands above the axis so that it can be read without turning the head.
    pub y_title: String,
    /// The lines.
    pub lines: Vec<Line>,
    /// Shaded parts.
    pub spans: Vec<Span>,
    /// Notes.
    pub notes: Vec<Note>,
    /// What the marks mean.
    pub legend: Vec<Entry>,
    /// Height of the plot itself in pixels.
    pub plot: f64,
}

struct Frame {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

impl Frame {
    fn at(&self, chart: &Lines, x: f64, y: f64) -> (f64, f64) {
        let across = self.left + chart.x.part(x) * (self.right - self.left);
        (across, self.bottom - chart.y.part(y) * (self.bottom - self.top))
    }
}

impl Lines {
    fn named(&self) -> impl Iterator<Item = (&Line, &str)> {
        self.lines.iter().filter(|line| !line.points.is_empty()).filter_map(|line| Some((line, line.name.as_deref()?)))
    }

    fn widest_name(&self) -> f64 {
        self.named().map(|(_, name)| text_width(name)).fold(0.0, f64::max)
    }

    // Names stand at the ends of lines where there is room for all of them in full, else in the legend.
    fn end_labels(&self, width: f64) -> bool {
        width >= WIDE_FROM && (1.0..=END_LABEL_PX).contains(&self.widest_name())
    }

    fn entries(&self, width: f64) -> Vec<Entry> {
        let names = self.named().map(|(line, name)| (Mark::Line(line.stroke.faint(1.0)), name.to_owned()));
        let names: Vec<Entry> = if self.end_labels(width) { Vec::new() } else { names.collect() };
        names.into_iter().chain(self.legend.iter().cloned()).collect()
    }

    fn head(&self, width: f64) -> Vec<(String, Role)> {
        let lines = |text: &str, role| break_lines(text, width, 2).into_iter().map(move |line| (line, role)).collect::<Vec<_>>();
        [lines(&self.heading, Role::Ink), lines(&self.y_title, Role::Muted)].concat()
    }

    fn frame(&self, width: f64, top: f64) -> Frame {
        let ticks = self.y.ticks(self.plot, false);
        let left = ticks.iter().map(|tick| text_width(&tick.label)).fold(0.0, f64::max) + 10.0;
        let right = if self.end_labels(width) { self.widest_name() + 26.0 } else { 14.0 };
        let top = top
            + self.head(width).len() as f64 * LINE_PX
            + TOP_PX
            + if self.spans.iter().any(|span| !span.label.is_empty()) { LINE_PX } else { 0.0 };
        Frame { left, right: width - right, top, bottom: top + self.plot }
    }
}

impl Lines {
    /// Height in pixels at a given width.
    pub fn height(&self, width: f64) -> f64 {
        let below = LINE_PX + 4.0 + LINE_PX + 6.0 + legend::height(&self.entries(width), width);
        self.frame(width, 0.0).bottom + below
    }

    /// Draws it from `top` on.
    pub fn paint(&self, canvas: &mut Canvas, top: f64) -> Result<(), DrawError> {
        let width = canvas.width;
        let frame = self.frame(width, top);
        for (index, (line, role)) in self.head(width).iter().enumerate() {
            canvas.text(line, (0.0, top + (index as f64 + 0.5) * LINE_PX), Anchor::Start, *role)?;
        }
        self.paint_spans(canvas, &frame)?;
        self.paint_axes(canvas, &frame)?;
        for line in &self.lines {
            self.paint_line(canvas, &frame, line)?;
        }
        self.paint_point_labels(canvas, &frame)?;
        for note in &self.notes {
            let (x, y) = frame.at(self, note.at.0, note.at.1);
            let half = text_width(&note.text) / 2.0;
            let x = x.clamp(frame.left + half, (width - half).max(frame.left + half));
            canvas.text_on_lines(&note.text, (x, (y + 16.0).min(frame.bottom - 8.0)), Anchor::Middle, note.role)?;
        }
        if self.end_labels(width) {
            self.paint_end_labels(canvas, &frame)?;
        }
        let below = frame.bottom + LINE_PX + 4.0;
        canvas.text(&fit(&self.x_title, width - frame.left), (frame.left, below + LINE_PX / 2.0), Anchor::Start, Role::Muted)?;
        legend::paint(canvas, &self.entries(width), (0.0, below + LINE_PX + 6.0), width)
    }
}

impl Lines {
    fn paint_spans(&self, canvas: &mut Canvas, frame: &Frame) -> Result<(), DrawError> {
        for span in &self.spans {
            let (low, high) = (frame.at(self, span.low, 0.0).0, frame.at(self, span.high, 0.0).0);
            canvas.rect((low, frame.top), (high.max(low + 1.0), frame.bottom), span.role, 1.0)?;
            if let Some(value) = span.value {
                let x = frame.at(self, value, 0.0).0;
                canvas.line((x, frame.top), (x, frame.bottom), Stroke::dashed(Role::Ink))?;
            }
            let label = fit(&span.label, frame.right - frame.left);
            let half = text_width(&label) / 2.0;
            let middle = ((low + high) / 2.0).clamp(frame.left + half, (frame.right - half).max(frame.left + half));
            if !label.is_empty() {
                canvas.text(&label, (middle, frame.top - LINE_PX / 2.0), Anchor::Middle, Role::Ink)?;
            }
        }
        Ok(())
    }

    fn paint_axes(&self, canvas: &mut Canvas, frame: &Frame) -> Result<(), DrawError> {
        let grid = Stroke::solid(Role::Grid, 1.0);
        for Tick { value, label } in self.y.ticks(self.plot, false) {
            let y = frame.bottom - self.y.part(value) * (frame.bottom - frame.top);
            canvas.line((frame.left, y), (frame.right, y), grid)?;
            canvas.text(&label, (frame.left - 6.0, y), Anchor::End, Role::Muted)?;
        }
        for Tick { value, label } in self.x.ticks(frame.right - frame.left, true) {
            let x = frame.left + self.x.part(value) * (frame.right - frame.left);
            canvas.line((x, frame.bottom), (x, frame.bottom + 4.0), Stroke::solid(Role::Muted, 1.0))?;
            let half = text_width(&label) / 2.0;
            canvas.text(&label, (x.min(canvas.width - half), frame.bottom + 14.0), Anchor::Middle, Role::Muted)?;
        }
        canvas.line((frame.left, frame.bottom), (frame.right, frame.bottom), Stroke::solid(Role::Muted, 1.0))
    }

    fn paint_line(&self, canvas: &mut Canvas, frame: &Frame, line: &Line) -> Result<(), DrawError> {
        let at = |point: &Point, y: f64| frame.at(self, point.x, y);
        if line.marked {
            let upper = line.points.iter().filter_map(|point| Some(at(point, point.interval?.1)));
            let lower = line.points.iter().rev().filter_map(|point| Some(at(point, point.interval?.0)));
            let outline: Vec<(f64, f64)> = upper.chain(lower).collect();
            if outline.len() > 2 && line.points.len() > 1 {
                canvas.polygon(&outline, line.stroke.role, 0.16)?;
            }
        }
        let path: Vec<(f64, f64)> = line.points.iter().map(|point| at(point, point.y)).collect();
        canvas.path(&path, line.stroke)?;
        for point in &line.points {
            let place = at(point, point.y);
            if line.marked {
                if let Some((low, high)) = point.interval {
                    canvas.line(at(point, low), at(point, high), Stroke::solid(line.stroke.role, 2.0))?;
                }
                canvas.dot(place, 4.0, line.stroke.role, 1.0)?;
            } else if line.points.len() == 1 {
                canvas.dot(place, 3.0, line.stroke.role, line.stroke.alpha)?;
            }
            if let Some(tip) = &point.tip {
                canvas.hover(place, tip);
            }
        }
        Ok(())
    }

    // Above the interval; left out where two would overlap.
    fn paint_point_labels(&self, canvas: &mut Canvas, frame: &Frame) -> Result<(), DrawError> {
        let mut taken: Vec<(f64, f64, f64)> = Vec::new();
        // The ends first: they say how far it goes.
        let mut points: Vec<&Point> = self.lines.iter().flat_map(|line| &line.points).filter(|point| point.label.is_some()).collect();
        points.reverse();
        let first = points.pop();
        points.splice(1.min(points.len())..1.min(points.len()), first);
        for point in points {
            let Some(label) = &point.label else { continue };
            let half = text_width(label) / 2.0;
            let (x, top) = frame.at(self, point.x, point.interval.map_or(point.y, |interval| interval.1.max(point.y)));
            let x = x.clamp(frame.left + half + 2.0, (canvas.width - half).max(frame.left + half + 2.0));
            let y = top - 13.0;
            let free = taken
                .iter()
                .all(|(other, other_y, other_half)| (x - other).abs() >= half + other_half + 6.0 || (y - other_y).abs() >= 15.0);
            if free {
                canvas.text_on_lines(label, (x, y), Anchor::Middle, Role::Ink)?;
                taken.push((x, y, half));
            }
        }
        Ok(())
    }

    fn paint_end_labels(&self, canvas: &mut Canvas, frame: &Frame) -> Result<(), DrawError> {
        let ends: Vec<(f64, f64, Role, &str)> = self
            .named()
            .filter_map(|(line, name)| {
                let last = line.points.last()?;
                let (x, y) = frame.at(self, last.x, last.y);
                Some((x, y, line.stroke.role, name))
            })
            .collect();
        let wanted: Vec<f64> = ends.iter().map(|end| end.1).collect();
        let places = apart(&wanted, frame.top, frame.bottom, 16.0);
        for ((x, y, role, name), place) in ends.into_iter().zip(places) {
            canvas.path(&[(x + 2.0, y), (frame.right + 4.0, place), (frame.right + 12.0, place)], Stroke::solid(role, 1.2).faint(0.7))?;
            canvas.dot((frame.right + 13.0, place), 3.5, role, 1.0)?;
            canvas.text(name, (frame.right + 21.0, place), Anchor::Start, Role::Ink)?;
        }
        Ok(())
    }
}

/// Moves places that are wanted along a line as little as needed so that neighbours are `gap` apart, within `low … high` if they fit.
pub fn apart(wanted: &[f64], low: f64, high: f64, gap: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|a, b| wanted[*a].total_cmp(&wanted[*b]));
    let mut places = vec![0.0; wanted.len()];
    let mut next = low;
    for index in &order {
        places[*index] = wanted[*index].max(next);
        next = places[*index] + gap;
    }
    let mut limit = high;
    for index in order.iter().rev() {
        places[*index] = places[*index].min(limit);
        limit = places[*index] - gap;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_keep_their_distance_and_their_order() {
        let places = apart(&[50.0, 52.0, 10.0, 99.0, 98.0], 0.0, 100.0, 16.0);
        let mut sorted = places.clone();
        sorted.sort_by(f64::total_cmp);
        assert!(sorted.windows(2).all(|pair| pair[1] - pair[0] >= 16.0 - 1e-9), "{places:?}");
        assert!(sorted[0] >= 0.0 && sorted[4] <= 100.0);
        assert!(places[2] < places[0] && places[0] < places[1] && places[4] < places[3]);
        assert_eq!(apart(&[10.0, 80.0], 0.0, 100.0, 16.0), [10.0, 80.0]);
    }
}

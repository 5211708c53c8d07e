//! Legends: what the marks of a chart mean, in as many lines as the width needs.

use super::canvas::{Anchor, Canvas, DrawError, LINE_PX, Role, Stroke, fit, text_width};

/// A mark that a legend explains.
#[derive(Debug, Clone, Copy)]
pub enum Mark {
    /// A figure of one round.
    Round(Role),
    /// A point with its interval.
    Interval(Role),
    /// A shaded region.
    Region(Role),
    /// A line.
    Line(Stroke),
}

/// A mark with its meaning.
pub type Entry = (Mark, String);

const MARK_PX: f64 = 26.0;
const BETWEEN_PX: f64 = 20.0;

fn places(entries: &[Entry], width: f64) -> (Vec<(f64, usize)>, usize) {
    let mut places = Vec::new();
    let (mut x, mut line) = (0.0, 0);
    for (_, text) in entries {
        let needed = MARK_PX + text_width(text).min(width - MARK_PX);
        if x > 0.0 && x + needed > width {
            (x, line) = (0.0, line + 1);
        }
        places.push((x, line));
        x += needed + BETWEEN_PX;
    }
    (places, if entries.is_empty() { 0 } else { line + 1 })
}

/// Height of a legend in a given width, in pixels.
pub fn height(entries: &[Entry], width: f64) -> f64 {
    places(entries, width).1 as f64 * LINE_PX
}

/// Draws a legend whose upper left corner is `at`.
pub fn paint(canvas: &mut Canvas, entries: &[Entry], at: (f64, f64), width: f64) -> Result<(), DrawError> {
    for ((mark, text), (x, line)) in entries.iter().zip(places(entries, width).0) {
        let (x, y) = (at.0 + x, at.1 + (line as f64 + 0.5) * LINE_PX);
        let middle = x + (MARK_PX - 6.0) / 2.0;
        match mark {
            Mark::Round(role) => canvas.dot((middle, y), 3.5, *role, 0.6)?,
            Mark::Interval(role) => {
                canvas.line((x, y), (x + MARK_PX - 6.0, y), Stroke::solid(*role, 2.5))?;
                canvas.dot((middle, y), 4.5, *role, 1.0)?;
            }
            Mark::Region(role) => canvas.rect((x, y - 6.0), (x + MARK_PX - 6.0, y + 6.0), *role, 1.0)?,
            Mark::Line(stroke) => canvas.line((x, y), (x + MARK_PX - 6.0, y), *stroke)?,
        }
        canvas.text(&fit(text, width - MARK_PX), (x + MARK_PX, y), Anchor::Start, Role::Muted)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_legend_takes_the_lines_it_needs() {
        let entries: Vec<Entry> =
            ["a round", "estimate with 95 % interval", "confirms"].map(|text| (Mark::Round(Role::Ink), text.to_owned())).to_vec();
        assert_eq!(height(&entries, 1_000.0), LINE_PX);
        assert_eq!(height(&entries, 230.0), 3.0 * LINE_PX);
        assert_eq!(height(&[], 100.0), 0.0);
    }
}

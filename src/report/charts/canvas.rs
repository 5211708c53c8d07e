//! A canvas of pixels over plotters' SVG backend: colours by role, dashes, hover marks, and text whose width can be asked.
//!
//! The backend knows whole units only, so the drawing is ten units to the pixel.

use std::fmt::Write as _;

use plotters::prelude::{Color as _, DrawingBackend, IntoFont as _, RGBAColor, RGBColor, SVGBackend, ShapeStyle};
use plotters::style::TextStyle;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Size of all text in a chart, in pixels.
pub const FONT_PX: f64 = 13.0;
/// Height of a line of text in pixels.
pub const LINE_PX: f64 = 18.0;
/// Units of the drawing to a pixel.
const UNITS: f64 = 10.0;
/// plotters divides the size of text by this before it writes it.
const PLOTTERS_FONT: f64 = 1.24;
/// Strokes of this many units are drawn dashed: the backend has no dashes of its own.
const DASHED_UNITS: u32 = 16;
/// Typefaces, for files that stand alone.
pub const TYPEFACE: &str = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', sans-serif";

/// What a colour stands for; the same in every chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Background.
    Paper,
    /// Text and measured figures.
    Ink,
    /// Text of the second rank, axes.
    Muted,
    /// Grid lines.
    Grid,
    /// Where a figure must lie to confirm.
    Confirms,
    /// Time that is not measured.
    Warmup,
    /// What speaks against the claim.
    Against,
    /// A variant or curve, by its place.
    Series(usize),
}

/// Colours of variants, in order: those of Okabe and Ito, which stay apart for colour-blind readers.
pub const SERIES: usize = 6;

/// Every colour with its name as a CSS variable, on light and on dark ground. A chart is written in the light ones, which no other
/// role shares; style sheets replace them by selecting on the attribute, so that a viewer without CSS still shows a right picture.
const COLORS: [(&str, u32, u32); 7 + SERIES] = [
    ("paper", 0xFFFFFF, 0x14171A),
    ("ink", 0x1B1F24, 0xE8EAED),
    ("muted", 0x59636E, 0xA3ABB4),
    ("grid", 0xDDE1E6, 0x31373E),
    ("confirms", 0xDCEFE6, 0x17382C),
    ("warmup", 0xECEEF1, 0x23282D),
    ("against", 0xB42318, 0xFF8A7A),
    ("series-1", 0x0072B2, 0x3F9FE0),
    ("series-2", 0xD55E00, 0xF07F2E),
    ("series-3", 0x009E73, 0x1DBE92),
    ("series-4", 0xE69F00, 0xF0B73A),
    ("series-5", 0x56B4E9, 0x9AD8FA),
    ("series-6", 0xCC79A7, 0xE09CC2),
];

impl Role {
    const fn index(self) -> usize {
        match self {
            Role::Paper => 0,
            Role::Ink => 1,
            Role::Muted => 2,
            Role::Grid => 3,
            Role::Confirms => 4,
            Role::Warmup => 5,
            Role::Against => 6,
            Role::Series(place) => 7 + place % SERIES,
        }
    }

    fn color(self) -> RGBColor {
        let (_, light, _) = COLORS[self.index()];
        RGBColor((light >> 16) as u8, (light >> 8) as u8, light as u8)
    }
}

/// Declarations of the colours as CSS variables, light or dark.
pub fn variables(dark: bool) -> String {
    COLORS.iter().fold(String::new(), |mut css, (name, light, night)| {
        let _ = write!(css, "--{name}:#{:06X};", if dark { *night } else { *light });
        css
    })
}

/// Rules that turn the colours written into a chart into the variables of the same role. `scope` comes before every selector.
pub fn color_rules(scope: &str) -> String {
    COLORS.iter().fold(String::new(), |mut css, (name, light, _)| {
        let _ = write!(css, "{scope}[fill=\"#{light:06X}\"]{{fill:var(--{name})}}{scope}[stroke=\"#{light:06X}\"]{{stroke:var(--{name})}}");
        css
    })
}

/// The style of a file that stands alone: its colours on dark ground; on light ground it needs none.
pub fn standalone_style() -> String {
    let rules = COLORS.iter().fold(String::new(), |mut css, (_, light, dark)| {
        let _ = write!(css, "[fill=\"#{light:06X}\"]{{fill:#{dark:06X}}}[stroke=\"#{light:06X}\"]{{stroke:#{dark:06X}}}");
        css
    });
    format!("@media (prefers-color-scheme:dark){{{rules}}}")
}

/// Where a text stands relative to its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// It starts there.
    Start,
    /// Its middle is there.
    Middle,
    /// It ends there.
    End,
}

/// How a line looks.
#[derive(Debug, Clone, Copy)]
pub struct Stroke {
    /// Colour.
    pub role: Role,
    /// Width in pixels; of no effect if dashed.
    pub width: f64,
    /// Opacity, 0–1.
    pub alpha: f64,
    /// Whether it is dashed.
    pub dashed: bool,
}

impl Stroke {
    /// A solid line.
    pub const fn solid(role: Role, width: f64) -> Self {
        Self { role, width, alpha: 1.0, dashed: false }
    }

    /// A dashed line.
    pub const fn dashed(role: Role) -> Self {
        Self { role, width: 1.6, alpha: 1.0, dashed: true }
    }

    /// The same line, fainter.
    pub const fn faint(self, alpha: f64) -> Self {
        Self { alpha, ..self }
    }

    fn style(self) -> ShapeStyle {
        let units = (self.width * UNITS).round() as u32;
        let stroke_width = if self.dashed { DASHED_UNITS } else { units + u32::from(units == DASHED_UNITS) };
        ShapeStyle { color: self.role.color().mix(self.alpha), filled: false, stroke_width }
    }
}

fn fill(role: Role, alpha: f64) -> RGBAColor {
    role.color().mix(alpha)
}

fn unit(pixels: f64) -> i32 {
    (pixels * UNITS).round() as i32
}

/// What the backend could not draw; it writes into memory, so this does not happen in practice.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct DrawError(String);

impl DrawError {
    fn new(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// A drawing of a given size.
pub struct Canvas<'a> {
    backend: SVGBackend<'a>,
    /// Invisible marks that show a value under the pointer.
    hits: String,
    /// Width in pixels.
    pub width: f64,
}

/// Draws: `paint` gets a canvas of so many pixels. Gives the elements of the drawing without the `<svg>` around them.
pub fn draw(width: f64, height: f64, paint: impl FnOnce(&mut Canvas) -> Result<(), DrawError>) -> Result<String, DrawError> {
    let mut text = String::new();
    let hits = {
        let backend = SVGBackend::with_string(&mut text, (unit(width) as u32, unit(height) as u32));
        let mut canvas = Canvas { backend, hits: String::new(), width };
        paint(&mut canvas)?;
        canvas.backend.present().map_err(DrawError::new)?;
        canvas.hits
    };
    Ok(tidy(&text) + &hits)
}

/// An `<svg>` around elements that [`draw`] gave: `attributes` decide how it is shown, `head` comes before the drawing.
pub fn wrap(body: &str, width: f64, height: f64, attributes: &str, head: &str) -> String {
    let (w, h) = (unit(width), unit(height));
    format!("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w} {h}\" {attributes}>{head}\n{body}</svg>")
}

/// Takes away what the backend writes and nobody needs, and gives dashed lines their dashes.
fn tidy(svg: &str) -> String {
    let dashed = format!("stroke-width=\"{DASHED_UNITS}\"");
    let dashes = format!("{dashed} stroke-dasharray=\"56 40\"");
    let (_, paper, _) = COLORS[Role::Paper.index()];
    let halo = format!(" stroke=\"#{paper:06X}\" stroke-width=\"40\" stroke-linejoin=\"round\" paint-order=\"stroke\"");
    let mut out = String::with_capacity(svg.len());
    for line in svg.lines().filter(|line| !line.starts_with("<svg") && !line.starts_with("</svg")) {
        let line = line
            .replace(" opacity=\"1\"", "")
            .replace(" text-anchor=\"start\"", "")
            .replace(" font-family=\"body\"", "")
            .replace(" font-family=\"halo\"", &halo)
            .replace(" stroke=\"none\"", "")
            .replace(&dashed, &dashes);
        out.push_str(&line);
        // Text stands between its tags without the line breaks that would count as blanks.
        let inside = line.starts_with("<text") || !line.starts_with('<');
        if !inside {
            out.push('\n');
        }
    }
    out
}

impl Canvas<'_> {
    /// A line through points, in pixels.
    pub fn path(&mut self, points: &[(f64, f64)], stroke: Stroke) -> Result<(), DrawError> {
        if points.len() < 2 {
            return Ok(());
        }
        self.backend.draw_path(points.iter().map(|(x, y)| (unit(*x), unit(*y))), &stroke.style()).map_err(DrawError::new)
    }

    /// A straight line.
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), stroke: Stroke) -> Result<(), DrawError> {
        self.backend.draw_line((unit(from.0), unit(from.1)), (unit(to.0), unit(to.1)), &stroke.style()).map_err(DrawError::new)
    }

    /// A filled rectangle; nothing if it has no area.
    pub fn rect(&mut self, from: (f64, f64), to: (f64, f64), role: Role, alpha: f64) -> Result<(), DrawError> {
        if to.0 <= from.0 || to.1 <= from.1 {
            return Ok(());
        }
        let style = ShapeStyle { color: fill(role, alpha), filled: true, stroke_width: 0 };
        self.backend.draw_rect((unit(from.0), unit(from.1)), (unit(to.0), unit(to.1)), &style, true).map_err(DrawError::new)
    }

    /// A filled polygon.
    pub fn polygon(&mut self, points: &[(f64, f64)], role: Role, alpha: f64) -> Result<(), DrawError> {
        let style = ShapeStyle { color: fill(role, alpha), filled: true, stroke_width: 0 };
        self.backend.fill_polygon(points.iter().map(|(x, y)| (unit(*x), unit(*y))), &style).map_err(DrawError::new)
    }

    /// A filled dot.
    pub fn dot(&mut self, at: (f64, f64), radius: f64, role: Role, alpha: f64) -> Result<(), DrawError> {
        let style = ShapeStyle { color: fill(role, alpha), filled: true, stroke_width: 0 };
        self.backend.draw_circle((unit(at.0), unit(at.1)), unit(radius) as u32, &style, true).map_err(DrawError::new)
    }

    /// Text whose middle line is at `at`.
    pub fn text(&mut self, text: &str, at: (f64, f64), anchor: Anchor, role: Role) -> Result<(), DrawError> {
        self.text_in("body", text, at, anchor, role)
    }

    /// The same with a rim in the colour of the ground, for text that may lie on lines.
    pub fn text_on_lines(&mut self, text: &str, at: (f64, f64), anchor: Anchor, role: Role) -> Result<(), DrawError> {
        self.text_in("halo", text, at, anchor, role)
    }

    // The name of the typeface tells [`tidy`] what to make of the text.
    fn text_in(&mut self, typeface: &str, text: &str, at: (f64, f64), anchor: Anchor, role: Role) -> Result<(), DrawError> {
        let across = match anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        let color = role.color();
        let style =
            TextStyle::from((typeface, FONT_PX * UNITS * PLOTTERS_FONT).into_font()).color(&color).pos(Pos::new(across, VPos::Center));
        self.backend.draw_text(text, &style, (unit(at.0), unit(at.1))).map_err(DrawError::new)
    }

    /// Shows `text` when the pointer is near `at`.
    pub fn hover(&mut self, at: (f64, f64), text: &str) {
        let (x, y) = (unit(at.0), unit(at.1));
        let _ = writeln!(
            self.hits,
            "<circle class=\"hit\" cx=\"{x}\" cy=\"{y}\" r=\"90\" fill-opacity=\"0\"><title>{}</title></circle>",
            escape(text)
        );
    }
}

/// `text` for a place between tags or in quotes.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

/// About how wide `text` is in pixels; rather too wide than too narrow, as the reader's typeface is unknown.
pub fn text_width(text: &str) -> f64 {
    let em: f64 = text
        .chars()
        .map(|c| match c {
            'i' | 'j' | 'l' | 't' | 'f' | 'r' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | '(' | ')' | '[' | ']' | '/' | '!' => 0.39,
            ' ' | '\u{202f}' => 0.33,
            'm' | 'w' | 'M' | 'W' | '%' | '@' => 0.96,
            'A'..='Z' => 0.72,
            c if (c as u32) > 0x2E7F => 1.05,
            _ => 0.64,
        })
        .sum();
    em * FONT_PX
}

/// `text`, cut so that it is at most `width` pixels wide.
pub fn fit(text: &str, width: f64) -> String {
    if text_width(text) <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    for c in text.chars() {
        kept.push(c);
        if text_width(&kept) + text_width("…") > width {
            kept.pop();
            break;
        }
    }
    kept.trim_end().to_owned() + "…"
}

/// `text` in at most `lines` lines of at most `width` pixels, broken at blanks; the last one is cut if it must be.
pub fn break_lines(text: &str, width: f64, lines: usize) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        match out.last_mut() {
            Some(line) if text_width(&format!("{line} {word}")) <= width => *line = format!("{line} {word}"),
            _ => out.push(word.to_owned()),
        }
    }
    if out.len() > lines {
        let rest = out.split_off(lines).join(" ");
        if let Some(last) = out.last_mut() {
            *last = format!("{last} {rest}");
        }
    }
    out.into_iter().map(|line| fit(&line, width)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_and_broken_to_its_width() {
        let text = "response time of reads that the cache cannot answer";
        assert!(text_width(&fit(text, 120.0)) <= 120.0 && fit(text, 120.0).ends_with('…'));
        assert_eq!(fit("short", 120.0), "short");
        let lines = break_lines(text, 150.0, 2);
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|line| text_width(line) <= 150.0), "{lines:?}");
        assert_eq!(break_lines(text, 1e4, 2), [text]);
        assert_eq!(break_lines("", 10.0, 2), Vec::<String>::new());
    }

    #[test]
    fn no_two_roles_share_a_color() {
        for (index, (name, light, dark)) in COLORS.iter().enumerate() {
            for (other, other_light, other_dark) in &COLORS[..index] {
                assert!(light != other_light && dark != other_dark, "{name} and {other}");
            }
        }
        assert_eq!(Role::Series(SERIES), Role::Series(SERIES));
        assert_eq!(Role::Series(SERIES).index(), Role::Series(0).index());
    }

    #[test]
    fn a_drawing_has_text_as_text_and_dashes_where_asked() {
        let svg = draw(100.0, 50.0, |canvas| {
            canvas.text("a < b", (10.0, 10.0), Anchor::Start, Role::Ink)?;
            canvas.line((0.0, 0.0), (10.0, 0.0), Stroke::dashed(Role::Muted))?;
            canvas.line((0.0, 0.0), (10.0, 0.0), Stroke::solid(Role::Muted, 1.6))?;
            canvas.hover((1.0, 1.0), "1 & 2");
            Ok(())
        })
        .unwrap();
        assert!(svg.contains(">a &lt; b</text>"), "{svg}");
        assert!(svg.contains("font-size=\"130\""), "{svg}");
        assert_eq!(svg.matches("stroke-dasharray").count(), 1);
        assert!(svg.contains("<title>1 &amp; 2</title>"));
    }
}

//! Charts: drawn twice for the page, for wide and for narrow screens, so that text keeps its size; and once as a file that stands alone.

pub mod axis;
pub mod canvas;
mod curves;
mod legend;
mod lines;
pub mod picture;
mod rows;
mod trials;

use canvas::{Canvas, DrawError, Role, TYPEFACE, draw, escape, standalone_style, wrap};
use lines::Lines;
use rows::Rows;

use super::text;
use crate::model::criterion::Test;
use crate::model::results::{Judgement, RuleResult};

/// Width of a chart in the page's column and in files, in pixels.
const WIDE: f64 = 640.0;
/// Width of a chart on a telephone, in pixels.
const NARROW: f64 = 336.0;
/// From this width on there is room for labels beside the plot.
const WIDE_FROM: f64 = 500.0;
/// Room around a chart in a file, in pixels.
const MARGIN: f64 = 16.0;
/// Room between two panels, in pixels.
const BETWEEN: f64 = 22.0;

enum Panel<'a> {
    Rows(Rows<'a>),
    Lines(Box<Lines>),
}

impl Panel<'_> {
    fn height(&self, width: f64) -> f64 {
        match self {
            Panel::Rows(rows) => rows.height(width),
            Panel::Lines(lines) => lines.height(width),
        }
    }

    fn paint(&self, canvas: &mut Canvas, top: f64) -> Result<(), DrawError> {
        match self {
            Panel::Rows(rows) => rows.paint(canvas, top),
            Panel::Lines(lines) => lines.paint(canvas, top),
        }
    }
}

/// A chart: panels, one above the other.
pub struct Chart<'a> {
    title: String,
    panels: Vec<Panel<'a>>,
}

impl<'a> Chart<'a> {
    fn new(title: String, panels: Vec<Panel<'a>>) -> Option<Self> {
        (!panels.is_empty()).then_some(Self { title, panels })
    }

    /// The chart that answers: what was measured against what the rule says. `None` if nothing was measured.
    pub fn answer(rule: &'a RuleResult) -> Option<Self> {
        let title_of = |name: &str| text::variant_title(rule, name);
        let mut panels = Vec::new();
        let mut done = vec![false; rule.judgements.len()];
        for (index, judgement) in rule.judgements.iter().enumerate() {
            if done[index] {
                continue;
            }
            if let Test::Monotonic { .. } | Test::Crossover { .. } = judgement.criterion.test {
                let heading = if rule.judgements.len() > 1 { heading(judgement) } else { String::new() };
                panels.extend(curves::chart(judgement, heading).map(|lines| Panel::Lines(Box::new(lines))));
                continue;
            }
            let mut alike = Vec::new();
            for (other, candidate) in rule.judgements.iter().enumerate().skip(index) {
                if family(&candidate.criterion.test) == family(&judgement.criterion.test) {
                    done[other] = true;
                    alike.push(candidate);
                }
            }
            panels.extend(Rows::new(alike, &title_of).map(Panel::Rows));
        }
        Self::new(rule.title.clone(), panels)
    }

    /// Percentile curves of the variants. `None` without latencies.
    pub fn percentiles(rule: &'a RuleResult) -> Option<Self> {
        Self::new(format!("{}: percentiles", rule.title), stack(trials::percentiles(rule)))
    }

    /// Throughput and response times over time. `None` without a series.
    pub fn time(rule: &'a RuleResult) -> Option<Self> {
        Self::new(format!("{}: over time", rule.title), stack(trials::time(rule)))
    }

    fn body(&self, width: f64) -> Result<(String, f64), DrawError> {
        let gaps = BETWEEN * (self.panels.len() - 1) as f64;
        let height = self.panels.iter().map(|panel| panel.height(width)).sum::<f64>() + gaps;
        let body = draw(width, height, |canvas| {
            let mut top = 0.0;
            for panel in &self.panels {
                panel.paint(canvas, top)?;
                top += panel.height(width) + BETWEEN;
            }
            Ok(())
        })?;
        Ok((body, height))
    }

    /// For the page: two drawings, of which the style sheet shows the one that fits.
    ///
    /// # Errors
    /// If the drawing fails.
    pub fn inline(&self) -> Result<String, DrawError> {
        let one = |width: f64, class: &str| -> Result<String, DrawError> {
            let (body, height) = self.body(width)?;
            let attributes = format!("class=\"chart {class}\" role=\"img\" aria-label=\"{}\"", escape(&self.title));
            Ok(wrap(&body, width, height, &attributes, ""))
        };
        Ok(one(WIDE, "wide")? + &one(NARROW, "narrow")?)
    }

    /// As a file of its own, for documents: on a ground of its own colour, light or dark as the reader's system asks.
    ///
    /// # Errors
    /// If the drawing fails.
    pub fn file(&self) -> Result<String, DrawError> {
        let (body, height) = self.body(WIDE)?;
        let (width, height) = (WIDE + 2.0 * MARGIN, height + 2.0 * MARGIN);
        let ground = draw(width, height, |canvas| canvas.rect((0.0, 0.0), (width, height), Role::Paper, 1.0))?;
        let title = escape(&self.title);
        let head = format!("<title>{title}</title><style>{}</style>\n{ground}", standalone_style());
        let attributes = format!("width=\"{width}\" height=\"{height:.0}\" role=\"img\" font-family=\"{TYPEFACE}\"");
        let shift = MARGIN * 10.0;
        let body = format!("<g transform=\"translate({shift} {shift})\">\n{body}</g>");
        Ok(wrap(&body, width, height, &attributes, &head) + "\n")
    }
}

fn stack<'a>(charts: Vec<Lines>) -> Vec<Panel<'a>> {
    charts.into_iter().map(|lines| Panel::Lines(Box::new(lines))).collect()
}

// Criteria that share an axis: ratios, and levels of one unit.
fn family(test: &Test) -> (bool, Option<crate::base::units::Unit>) {
    match test {
        Test::Ratio { .. } => (true, None),
        Test::Ballpark { .. } | Test::Range { .. } => (false, Some(text::unit(test))),
        Test::Monotonic { .. } | Test::Crossover { .. } => (false, None),
    }
}

fn heading(judgement: &Judgement) -> String {
    format!("{} {} – {}", judgement.verdict.mark(), text::criterion_name(&judgement.criterion), text::asks(judgement))
}

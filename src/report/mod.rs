//! The report: results in, files out. Pure: the same results give the same bytes, on a machine without any store.
//!
//! It owns how figures are shown, and computes no statistic: every interval comes with the results.

mod charts;
mod csv;
#[cfg(test)]
mod fixture;
mod markdown;
mod page;
mod scorecard;
mod table;
mod text;

pub use scorecard::scorecard;

use crate::model::results::{Results, RuleResult};
use charts::Chart;
use charts::canvas::DrawError;

/// How verdicts are made, in three sentences.
const HOW: &str = "Every variant runs once in each round, in changing order; rounds are the unit, so that what drifts touches all \
    variants alike. An interval is the 95 % interval (Student's t) of the logarithms of the rounds' figures, for a ratio of those of \
    the paired ratios. A rule is confirmed only if the whole interval meets what the rule says, refuted only if the whole interval \
    misses it, and inconclusive otherwise or with fewer than five valid rounds.";

/// What is said of a run that was interrupted.
const PARTIAL: &str = "this run was interrupted, trials are missing, and verdicts rest on what was finished.";

/// A file of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Path relative to the run directory, with `/`.
    pub path: String,
    /// Content.
    pub bytes: Vec<u8>,
}

impl Artifact {
    fn new(path: impl Into<String>, text: String) -> Self {
        Self { path: path.into(), bytes: text.into_bytes() }
    }
}

/// Why a report could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A rule's id cannot name a file.
    #[error("rule `{id}`: its id names files of the report, so it may only have letters, digits, `-`, `_` and `.`; rename the rule")]
    Id {
        /// The id.
        id: String,
    },
    /// Two rules have the same id.
    #[error("rule `{id}` is in the results twice; its charts would overwrite each other")]
    Twice {
        /// The id.
        id: String,
    },
    /// A chart could not be drawn.
    #[error("rule `{id}`: chart: {text}")]
    Chart {
        /// The rule.
        id: String,
        /// What the drawing library said.
        text: String,
    },
    /// The page's template failed.
    #[error("index.html: {0}")]
    Page(#[from] askama::Error),
}

/// The charts of a rule.
#[derive(Default)]
struct Charts {
    answer: Option<Drawn>,
    percentiles: Option<Drawn>,
    time: Option<Drawn>,
}

/// A chart as the page and as a file have it.
struct Drawn {
    inline: String,
    file: String,
}

impl Charts {
    fn new(rule: &RuleResult) -> Result<Self, DrawError> {
        let drawn = |chart: Option<Chart>| -> Result<Option<Drawn>, DrawError> {
            chart.map(|chart| Ok(Drawn { inline: chart.inline()?, file: chart.file()? })).transpose()
        };
        Ok(Self { answer: drawn(Chart::answer(rule))?, percentiles: drawn(Chart::percentiles(rule))?, time: drawn(Chart::time(rule))? })
    }

    fn files(self, id: &str) -> impl Iterator<Item = Artifact> {
        let named = [(self.answer, ""), (self.percentiles, "-percentiles"), (self.time, "-time")];
        named.into_iter().filter_map(move |(drawn, suffix)| Some(Artifact::new(format!("charts/{id}{suffix}.svg"), drawn?.file)))
    }
}

/// All files of the report: `index.html`, `report.md`, `results.csv` and `charts/*.svg`.
///
/// # Errors
/// If a rule's id cannot name a file, or is there twice. Drawing and page fail only by a fault of ballpark.
pub fn render(results: &Results) -> Result<Vec<Artifact>, ReportError> {
    check_ids(results)?;
    let charts = results
        .rules
        .iter()
        .map(|rule| Charts::new(rule).map_err(|error| ReportError::Chart { id: rule.id.clone(), text: error.to_string() }))
        .collect::<Result<Vec<_>, _>>()?;
    let mut files = vec![
        Artifact::new("index.html", page::write(results, &charts)?),
        Artifact::new("report.md", markdown::write(results, &charts)),
        Artifact::new("results.csv", csv::write(results)),
    ];
    files.extend(results.rules.iter().zip(charts).flat_map(|(rule, charts)| charts.files(&rule.id)));
    Ok(files)
}

fn check_ids(results: &Results) -> Result<(), ReportError> {
    for (index, rule) in results.rules.iter().enumerate() {
        let id = rule.id.clone();
        let names_a_file =
            !id.is_empty() && !id.starts_with('.') && id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
        if !names_a_file {
            return Err(ReportError::Id { id });
        }
        if results.rules[..index].iter().any(|other| other.id == id) {
            return Err(ReportError::Twice { id });
        }
    }
    Ok(())
}

/// Products with their versions, each once, in the order of nodes.
fn products(results: &Results) -> Vec<String> {
    let mut products = Vec::new();
    for store in &results.stores {
        let product = format!("{} {}", store.product, store.version);
        if !products.contains(&product) {
            products.push(product);
        }
    }
    products
}

/// `section 6.2.1`, `sections 2.5 and 3.1`; `None` if the rule names none.
fn sections(rule: &RuleResult) -> Option<String> {
    match rule.sections.as_slice() {
        [] => None,
        [one] => Some(format!("section {one}")),
        [first @ .., last] => Some(format!("sections {} and {last}", first.join(", "))),
    }
}

#[cfg(test)]
mod tests;

//! Reports: results to files. Computes no statistic and reads no clock.

use crate::base::units::show_interval;
use crate::model::results::Results;

/// A file of a report.
#[derive(Debug, Clone)]
pub struct Artifact {
    /// Its path, relative to the run directory.
    pub path: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// Why a report could not be drawn.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ReportError(String);

/// All files of a report.
///
/// # Errors
/// If a chart cannot be drawn.
pub fn render(results: &Results) -> Result<Vec<Artifact>, ReportError> {
    let mut text = format!("# {}\n\n", results.run.id);
    for rule in &results.rules {
        text.push_str(&format!("## {}\n\n{}\n\n{} {}: {}\n\n", rule.id, rule.claim, rule.verdict.mark(), rule.verdict, rule.why));
        for judgement in &rule.judgements {
            text.push_str(&format!(
                "- {} {}: {} (asked: {})\n",
                judgement.verdict, judgement.criterion.name, judgement.why, judgement.asked
            ));
        }
        text.push('\n');
    }
    Ok(vec![Artifact { path: "report.md".to_owned(), bytes: text.into_bytes() }])
}

/// The scorecard for a terminal.
pub fn scorecard(results: &Results, _width: usize, _color: bool) -> String {
    results
        .rules
        .iter()
        .map(|rule| {
            let measured = rule.estimate.map_or(String::new(), |e| show_interval(e.value, e.low, e.high, e.unit));
            format!("{} {:<13} {:<28} {measured}\n", rule.verdict.mark(), rule.verdict.name(), rule.id)
        })
        .collect()
}

//! Words that the page, the Markdown, the charts and the terminal share, so that they cannot say different things.

use std::time::Duration;

use crate::base::units::{Elapsed, Unit, prefix, show, show_interval, significant};
use crate::model::criterion::{Criterion, Test, Verdict};
use crate::model::results::{Estimate, Judgement, Results, RuleResult, VariantResult};
use crate::model::trial::TrialRecord;

const END_TO_END: &str = " end to end";

/// Stands where there is no figure.
pub const NOTHING: &str = "–";

/// The word of a verdict in prose.
pub const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::NotRun => "not run",
        other => other.name(),
    }
}

/// Mark and word of a rule's verdict. A rule without a criterion is not one that failed to run: it only compares.
pub fn mark_and_word(rule: &RuleResult) -> (&'static str, &'static str) {
    if compares(rule) { ("·", "compared") } else { (rule.verdict.mark(), word(rule.verdict)) }
}

/// Whether a rule states no criterion and was measured all the same.
pub fn compares(rule: &RuleResult) -> bool {
    rule.judgements.is_empty() && rule.variants.iter().any(|variant| !variant.trials.is_empty())
}

/// The unit in which a test is judged.
pub const fn unit(test: &Test) -> Unit {
    match test {
        Test::Ratio { .. } | Test::Monotonic { .. } => Unit::Ratio,
        Test::Crossover { .. } => Unit::Count,
        Test::Ballpark { of, .. } | Test::Range { of, .. } => of.unit(),
    }
}

/// What a criterion is about: its name, or what it measures.
pub fn criterion_name(criterion: &Criterion) -> String {
    if criterion.name.is_empty() { criterion.test.metric().title() } else { criterion.name.clone() }
}

/// What a criterion asks, with the parameter in words: `asks: below 0.80 ×`.
pub fn asks(judgement: &Judgement) -> String {
    format!("asks: {}", asked(judgement))
}

/// The same without the verb.
pub fn asked(judgement: &Judgement) -> String {
    match &judgement.criterion.test {
        Test::Monotonic { over, .. } | Test::Crossover { over, .. } => judgement.asked.replace(over.as_str(), &parameter(over)),
        _ => judgement.asked.clone(),
    }
}

/// The same in as few words as a terminal has room for.
pub fn asked_briefly(judgement: &Judgement) -> String {
    let number = |value: f64, unit: Unit, scale: f64| {
        let text = significant(value / scale, if unit == Unit::Ratio && value < 1.0 { 2 } else { 3 });
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
    };
    match &judgement.criterion.test {
        Test::Ballpark { of, value, factor, .. } => {
            let (scale, name) = prefix(*value, of.unit());
            format!("{} {name}", number(*value, of.unit(), scale)).trim_end().to_owned() + &format!(" × or ÷ {}", significant(*factor, 2))
        }
        Test::Range { of, low, high, .. } => {
            let ((scale, name), (high_scale, high_name)) = (prefix(*low, of.unit()), prefix(*high, of.unit()));
            let (low, high) = (number(*low, of.unit(), scale), number(*high, of.unit(), high_scale));
            let between = if name == high_name { "–".to_owned() } else { format!(" {name} – ") };
            format!("{low}{between}{high} {high_name}").trim_end().to_owned()
        }
        Test::Crossover { .. } => "they cross".to_owned(),
        Test::Ratio { .. } | Test::Monotonic { .. } => asked(judgement),
    }
}

/// A swept parameter in words.
pub fn parameter(path: &str) -> String {
    match path {
        "load.closed.sessions" | "load.open.sessions" => "sessions".to_owned(),
        "schema.indexes" => "secondary indexes".to_owned(),
        "schema.attributes" => "attributes".to_owned(),
        "mix.read_share" => "share of reads".to_owned(),
        "value.bytes" => "bytes of a value".to_owned(),
        "keys.theta" => "skew of the keys (theta)".to_owned(),
        "keys.count" => "rows".to_owned(),
        "load.open.rate" => "rate a second".to_owned(),
        "scan_limit" => "rows of a scan".to_owned(),
        other => other.replace(['.', '_'], " "),
    }
}

/// The measured figure of a criterion with its interval.
pub fn measured(test: &Test, estimate: Option<Estimate>) -> String {
    let Some(Estimate { value, low, high, unit }) = estimate else { return NOTHING.to_owned() };
    let figure = show_interval(value, low, high, unit);
    match test {
        Test::Monotonic { .. } => format!("{figure}{END_TO_END}"),
        Test::Crossover { .. } => format!("cross at {figure}"),
        _ => figure,
    }
}

/// The headline of a rule: the judgement that gave its verdict.
pub fn headline(rule: &RuleResult) -> Option<&Judgement> {
    rule.judgements.iter().find(|judgement| Some(&judgement.criterion) == rule.criterion.as_ref()).or(rule.judgements.first())
}

/// The title of a variant for people, by its name.
pub fn variant_title(rule: &RuleResult, name: &str) -> String {
    rule.variants.iter().find(|variant| variant.name == name).map_or_else(|| name.to_owned(), title)
}

/// The title of a variant for people.
pub fn title(variant: &VariantResult) -> String {
    if variant.title.is_empty() { variant.name.clone() } else { variant.title.clone() }
}

/// How many rules came out how.
#[derive(Debug, Clone, Copy)]
pub struct Count {
    /// The verdict.
    pub verdict: Verdict,
    /// Its mark.
    pub mark: &'static str,
    /// Its word.
    pub word: &'static str,
    /// How many.
    pub count: usize,
}

/// Number of rules by verdict, in the order of [`Verdict::ALL`]; then those that only compare, if there are any.
pub fn counts(results: &Results) -> Vec<Count> {
    let judged = Verdict::ALL.map(|verdict| {
        let count = results.rules.iter().filter(|rule| rule.verdict == verdict && !compares(rule)).count();
        Count { verdict, mark: verdict.mark(), word: word(verdict), count }
    });
    let count = results.rules.iter().filter(|rule| compares(rule)).count();
    let compared = Count { verdict: Verdict::NotRun, mark: "·", word: "compared", count };
    judged.into_iter().chain((count > 0).then_some(compared)).collect()
}

/// Groups in the order in which they first appear, each with its rules.
pub fn groups(results: &Results) -> Vec<(&str, Vec<&RuleResult>)> {
    let mut groups: Vec<(&str, Vec<&RuleResult>)> = Vec::new();
    for rule in &results.rules {
        match groups.iter_mut().find(|(name, _)| *name == rule.group) {
            Some((_, rules)) => rules.push(rule),
            None => groups.push((&rule.group, vec![rule])),
        }
    }
    groups
}

/// How long the run took, if its time stamps can be read.
pub fn elapsed(results: &Results) -> Option<String> {
    let start: jiff::Timestamp = results.run.started.parse().ok()?;
    let end: jiff::Timestamp = results.run.finished.parse().ok()?;
    let length = Duration::try_from(end.duration_since(start)).ok()?;
    Some(Elapsed(length).to_string())
}

/// A time stamp for people: `2026-11-24 01:31 UTC`.
pub fn moment(stamp: &str) -> String {
    match stamp.parse::<jiff::Timestamp>() {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        Err(_) => stamp.to_owned(),
    }
}

/// `1 rule`, `2 rules`.
pub fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// A figure with its unit, or a dash.
pub fn figure(value: Option<f64>, unit: Unit) -> String {
    value.map_or_else(|| NOTHING.to_owned(), |value| show(value, unit))
}

/// Errors of a trial.
pub fn errors(record: &TrialRecord) -> u64 {
    record.errors.values().sum()
}

/// `3 of 12 000`, `0`: errors among all operations that ended.
pub fn errors_of(errors: u64, ops: u64) -> String {
    if errors == 0 { "0".to_owned() } else { format!("{} of {}", whole(errors), whole(errors + ops)) }
}

/// A whole number with thousands apart.
pub fn whole(number: u64) -> String {
    significant(number as f64, number.to_string().len())
}

/// Bytes as people buy memory: `15.6 GiB`.
pub fn memory(bytes: u64) -> String {
    format!("{} GiB", significant(bytes as f64 / 1_073_741_824.0, 3))
}

/// Cores as ranges: `0–3, 6`.
pub fn cores(list: &[u32]) -> String {
    let mut sorted = list.to_vec();
    sorted.sort_unstable();
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for core in sorted {
        match ranges.last_mut() {
            Some((_, last)) if core <= *last + 1 => *last = core,
            _ => ranges.push((core, core)),
        }
    }
    let texts: Vec<String> = ranges.iter().map(|(a, b)| if a == b { a.to_string() } else { format!("{a}–{b}") }).collect();
    if texts.is_empty() { NOTHING.to_owned() } else { texts.join(", ") }
}

/// The figure without what is said of it, for narrow places.
pub fn bare(measured: &str) -> &str {
    measured.strip_suffix(END_TO_END).unwrap_or(measured)
}

/// `text` with a full stop.
pub fn stopped(text: &str) -> String {
    let text = text.trim();
    if text.is_empty() || text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}

/// `text` with a capital first letter and a full stop, as a sentence of its own.
pub fn sentence(text: &str) -> String {
    let text = stopped(text);
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_numbers_read_well() {
        assert_eq!(cores(&[3, 0, 1, 2, 6]), "0–3, 6");
        assert_eq!(cores(&[]), "–");
        assert_eq!(plural(1, "rule"), "1 rule");
        assert_eq!(errors_of(3, 11_997), "3 of 12\u{202f}000");
        assert_eq!(whole(18_446_744_073_709), "18\u{202f}446\u{202f}744\u{202f}073\u{202f}709");
        assert_eq!(sentence("median of a is 2 ×"), "Median of a is 2 ×.");
        assert_eq!(sentence(" "), "");
        assert_eq!(moment("2026-11-24T01:31:07Z"), "2026-11-24 01:31 UTC");
        assert_eq!(moment("yesterday"), "yesterday");
    }
}

//! `index.html`: one file that works offline. The template is in `templates/`; here is what it shows.

use askama::Template;

use super::charts::canvas::{color_rules, escape, variables};
use super::charts::picture;
use super::table::{self, Table};
use super::{Charts, HOW, PARTIAL, ReportError, text};
use crate::model::criterion::Verdict;
use crate::model::results::{Judgement, Results, RuleResult, StoreInfo};

#[derive(Template)]
#[template(path = "page.html", config = "src/report/templates/askama.toml")]
struct Page<'a> {
    results: &'a Results,
    style: String,
    script: &'static str,
    started: String,
    /// `, 12 min 05 s`, or empty.
    elapsed: String,
    memory: String,
    rule_count: String,
    products: Vec<String>,
    counts: Vec<Count>,
    partial: Option<String>,
    notes: Vec<String>,
    groups: Vec<Group<'a>>,
    cards: Vec<Card<'a>>,
    host: Table,
    floor: Table,
    how: &'static str,
    nodes: Vec<Node<'a>>,
}

struct Count {
    class: &'static str,
    mark: &'static str,
    word: &'static str,
    count: usize,
}

struct Group<'a> {
    name: &'a str,
    rows: Vec<Row<'a>>,
}

struct Row<'a> {
    rule: &'a RuleResult,
    class: &'static str,
    order: usize,
    mark: &'static str,
    word: &'static str,
    measured: String,
    asked: String,
    picture: String,
}

struct Card<'a> {
    rule: &'a RuleResult,
    class: &'static str,
    mark: &'static str,
    word: &'static str,
    sections: String,
    claim: String,
    why: String,
    meaning: String,
    reading: String,
    because: String,
    confounders: Vec<String>,
    warnings: Vec<String>,
    chart: &'a str,
    percentiles: &'a str,
    time: &'a str,
    criteria: Option<Table>,
    variants: Option<Table>,
    settings: Option<Table>,
    rounds: Vec<Rounds<'a>>,
    nodes: Vec<&'a str>,
}

struct Rounds<'a> {
    title: String,
    trials_dir: &'a str,
    table: Table,
}

struct Node<'a> {
    store: &'a StoreInfo,
}

/// Text as markup: what stands between back-ticks is code, and an interval is not broken at its dash.
fn prose(text: &str) -> String {
    let parts = text.split('`').count();
    let mut out = String::new();
    for (index, part) in text.split('`').enumerate() {
        match (index % 2 == 1, index + 1 < parts) {
            (true, true) => out.push_str(&format!("<code>{}</code>", escape(part))),
            // A back-tick without a partner is one.
            (true, false) => out.push_str(&format!("`{}", escape(part))),
            (false, _) => out.push_str(&escape(part).replace('–', "\u{2060}–\u{2060}")),
        }
    }
    out
}

fn rule_class(rule: &RuleResult) -> &'static str {
    if text::compares(rule) { "compared" } else { class(rule.verdict) }
}

const fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Confirmed => "confirmed",
        Verdict::Refuted => "refuted",
        Verdict::Inconclusive => "inconclusive",
        Verdict::NotRun => "not-run",
    }
}

fn sentences<'a>(texts: impl Iterator<Item = &'a String>) -> Vec<String> {
    texts.map(|text| prose(&text::sentence(text))).collect()
}

fn group<'a>(name: &'a str, rules: &[&'a RuleResult]) -> Group<'a> {
    let headlines: Vec<Option<&Judgement>> = rules.iter().map(|rule| text::headline(rule)).collect();
    let reach = picture::reach(headlines.iter().copied().flatten());
    let row = |(rule, headline): (&&'a RuleResult, &Option<&Judgement>)| {
        let (mark, word) = text::mark_and_word(rule);
        Row {
            rule,
            class: rule_class(rule),
            order: Verdict::ALL.iter().position(|verdict| *verdict == rule.verdict).unwrap_or(0),
            mark,
            word,
            measured: headline.map_or_else(String::new, |judgement| prose(&text::measured(&judgement.criterion.test, judgement.estimate))),
            asked: headline.map_or_else(String::new, text::asked),
            picture: headline.and_then(|judgement| picture::picture(judgement, reach)).unwrap_or_default(),
        }
    };
    Group { name, rows: rules.iter().zip(&headlines).map(row).collect() }
}

fn card<'a>(rule: &'a RuleResult, charts: &'a Charts, results: &'a Results) -> Card<'a> {
    let (mark, word) = text::mark_and_word(rule);
    let inline = |drawn: &'a Option<super::Drawn>| drawn.as_ref().map_or("", |drawn| drawn.inline.as_str());
    let some = |table: Table| (!table.rows.is_empty()).then_some(table);
    let rounds = rule.variants.iter().filter_map(|variant| {
        Some(Rounds { title: text::title(variant), trials_dir: &variant.trials_dir, table: table::rounds(variant)? })
    });
    let used = |store: &&StoreInfo| rule.variants.iter().any(|variant| variant.nodes.contains(&store.node));
    Card {
        rule,
        class: rule_class(rule),
        mark,
        word,
        sections: super::sections(rule).unwrap_or_default(),
        claim: prose(&text::sentence(&rule.claim)),
        why: prose(&text::stopped(&rule.why)),
        meaning: prose(&text::sentence(&rule.meaning)),
        reading: if rule.verdict == Verdict::Refuted { prose(&text::sentence(&rule.if_refuted)) } else { String::new() },
        because: prose(&text::sentence(&rule.because)),
        confounders: rule.confounders.iter().map(|text| prose(text)).collect(),
        warnings: sentences(rule.warnings.iter().map(|warning| &warning.text)),
        chart: inline(&charts.answer),
        percentiles: inline(&charts.percentiles),
        time: inline(&charts.time),
        criteria: (rule.judgements.len() > 1).then(|| table::criteria(rule)),
        variants: some(table::variants(rule)),
        settings: some(table::settings(rule)),
        rounds: rounds.collect(),
        nodes: results.stores.iter().filter(used).map(|store| store.node.as_str()).collect(),
    }
}

// Light, dark where the system asks for it, and black on white in print.
fn style() -> String {
    let (light, dark) = (variables(false), variables(true));
    format!(
        ":root{{{light}}}\n@media (prefers-color-scheme:dark){{:root{{{dark}}}}}\n\
         @media print{{:root{{{light}--ink:#000000;--muted:#333333;}}}}\n{}\n{}",
        color_rules(".chart "),
        include_str!("templates/style.css"),
    )
}

/// The file. `charts` are those of the rules, in their order.
pub fn write(results: &Results, charts: &[Charts]) -> Result<String, ReportError> {
    let count = |text::Count { verdict, mark, word, count }| Count {
        class: if word == text::word(verdict) { class(verdict) } else { "compared" },
        mark,
        word,
        count,
    };
    let page = Page {
        results,
        style: style(),
        script: include_str!("templates/script.js"),
        started: text::moment(&results.run.started),
        elapsed: text::elapsed(results).map_or_else(String::new, |length| format!(", {length}")),
        memory: text::memory(results.host.memory_bytes),
        rule_count: text::plural(results.rules.len(), "rule"),
        products: super::products(results),
        counts: text::counts(results).into_iter().map(count).collect(),
        partial: results.run.partial.then(|| text::sentence(PARTIAL)),
        notes: sentences(results.warnings.iter().map(|warning| &warning.text)),
        groups: text::groups(results).iter().map(|(name, rules)| group(name, rules)).collect(),
        cards: results.rules.iter().zip(charts).map(|(rule, charts)| card(rule, charts, results)).collect(),
        host: table::host(results),
        floor: table::floor(results),
        how: HOW,
        nodes: results.stores.iter().map(|store| Node { store }).collect(),
    };
    Ok(page.render()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_escaped_and_knows_code() {
        assert_eq!(prose("a < b: `x & y`."), "a &lt; b: <code>x &amp; y</code>.");
        assert_eq!(prose("one ` only <"), "one ` only &lt;");
        assert_eq!(prose("1–2"), "1\u{2060}–\u{2060}2");
    }
}

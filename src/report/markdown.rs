//! `report.md`: the page's content for code hosts, with links to the charts.

use std::fmt::Write as _;

use super::table::{self, Table};
use super::text;
use super::{Charts, HOW};
use crate::model::criterion::Verdict;
use crate::model::results::{Results, RuleResult};

/// Text that no Markdown reader takes for markup, but for code between back-ticks.
fn plain(text: &str) -> String {
    let paired = text.matches('`').count().is_multiple_of(2);
    let mut code = false;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        code ^= c == '`' && paired;
        let markup = match c {
            '|' => true,
            '`' => !paired,
            '*' | '_' | '[' | ']' | '<' | '>' | '#' | '\\' | '~' => !code,
            _ => false,
        };
        if markup {
            out.push('\\');
        }
        out.push(if matches!(c, '\n' | '\r') { ' ' } else { c });
    }
    out
}

fn write_table(out: &mut String, table: &Table) {
    let line = |cells: &[String]| format!("| {} |\n", cells.iter().map(|cell| plain(cell)).collect::<Vec<_>>().join(" | "));
    out.push_str(&line(&table.head));
    out.push_str(&format!("|{}\n", " --- |".repeat(table.head.len())));
    for row in &table.rows {
        out.push_str(&line(row));
    }
    out.push('\n');
}

fn head(out: &mut String, results: &Results) {
    let (run, host) = (&results.run, &results.host);
    let _ = writeln!(out, "# Rules of thumb, measured: {}\n", plain(&run.id));
    let length = text::elapsed(results).map_or_else(String::new, |length| format!(", {length}"));
    let _ = writeln!(
        out,
        "{} on {} ({} cores, {}), {}{length}. Profile {}, seed {}, ballpark {}.\n",
        text::plural(results.rules.len(), "rule"),
        plain(&host.cpu),
        host.cores,
        text::memory(host.memory_bytes),
        text::moment(&run.started),
        plain(&run.profile),
        run.seed,
        plain(&run.version),
    );
    let products = super::products(results);
    if !products.is_empty() {
        let _ = writeln!(out, "{}.\n", plain(&products.join(", ")));
    }
    let _ = writeln!(out, "```sh\n{}\n```\n", run.command);
    let counts = text::counts(results).into_iter().map(|count| format!("{} {} {}", count.mark, count.count, count.word));
    let _ = writeln!(out, "{}\n", counts.collect::<Vec<_>>().join(", "));
    if run.partial {
        let _ = writeln!(out, "> **Interrupted:** {}\n", super::PARTIAL);
    }
    for warning in &results.warnings {
        let _ = writeln!(out, "> **Note:** {}\n", plain(&text::sentence(&warning.text)));
    }
}

fn scorecard(out: &mut String, results: &Results) {
    out.push_str("## Scorecard\n\n");
    for (group, rules) in text::groups(results) {
        let _ = writeln!(out, "### {}\n", plain(group));
        out.push_str("| verdict | rule | measured, 95 % interval | the rule says |\n| --- | --- | --- | --- |\n");
        for rule in rules {
            let (mark, word) = text::mark_and_word(rule);
            let headline = text::headline(rule);
            let measured = headline.map_or_else(String::new, |judgement| text::measured(&judgement.criterion.test, judgement.estimate));
            let asked = headline.map_or_else(String::new, text::asked);
            let _ = writeln!(out, "| {mark} {word} | [{}](#{}) | {} | {} |", plain(&rule.title), rule.id, plain(&measured), plain(&asked));
        }
        out.push('\n');
    }
}

fn card(out: &mut String, rule: &RuleResult, charts: &Charts) {
    // The heading is the id, so that the scorecard's link finds it on every host.
    let _ = writeln!(out, "### {}\n\n**{}**\n", rule.id, plain(&rule.title));
    let sections = super::sections(rule).map_or_else(String::new, |sections| format!(" ({sections})"));
    let _ = writeln!(out, "{}{sections}\n", plain(&text::sentence(&rule.claim)));
    let (mark, word) = text::mark_and_word(rule);
    let _ = writeln!(out, "{mark} **{word}:** {}\n", plain(&text::stopped(&rule.why)));
    if charts.answer.is_some() {
        let _ = writeln!(out, "![{}](charts/{}.svg)\n", plain(&rule.title), rule.id);
    }
    if !rule.meaning.is_empty() {
        let _ = writeln!(out, "{}\n", plain(&text::sentence(&rule.meaning)));
    }
    if rule.verdict == Verdict::Refuted && !rule.if_refuted.is_empty() {
        let _ = writeln!(out, "How to read this refutation: {}\n", plain(&text::sentence(&rule.if_refuted)));
    }
    if rule.judgements.len() > 1 {
        write_table(out, &table::criteria(rule));
    }
    if !rule.variants.is_empty() {
        write_table(out, &table::variants(rule));
    }
    for warning in &rule.warnings {
        let _ = writeln!(out, "> **Note:** {}\n", plain(&text::sentence(&warning.text)));
    }
    details(out, rule, charts);
}

fn details(out: &mut String, rule: &RuleResult, charts: &Charts) {
    out.push_str("<details><summary>Settings, percentiles, time, rounds</summary>\n\n");
    if !rule.because.is_empty() {
        let _ = writeln!(out, "Why it should hold: {}\n", plain(&text::sentence(&rule.because)));
    }
    if !rule.confounders.is_empty() {
        let _ = writeln!(out, "What could turn the verdict: {}\n", plain(&text::sentence(&rule.confounders.join("; "))));
    }
    if !rule.variants.is_empty() {
        write_table(out, &table::settings(rule));
    }
    if charts.percentiles.is_some() {
        let _ = writeln!(out, "![Percentile curves](charts/{}-percentiles.svg)\n", rule.id);
    }
    if charts.time.is_some() {
        let _ = writeln!(out, "![Throughput and response times over time](charts/{}-time.svg)\n", rule.id);
    }
    for variant in &rule.variants {
        if let Some(rounds) = table::rounds(variant) {
            let _ = writeln!(out, "{} (raw files: `{}`)\n", plain(&text::title(variant)), variant.trials_dir);
            write_table(out, &rounds);
        }
    }
    out.push_str("</details>\n\n");
}

fn foot(out: &mut String, results: &Results) {
    out.push_str("## Where these figures come from\n\n");
    write_table(out, &table::host(results));
    let floor = table::floor(results);
    if !floor.rows.is_empty() {
        write_table(out, &floor);
    }
    let _ = writeln!(out, "{HOW}\n");
    for store in &results.stores {
        let _ = writeln!(
            out,
            "**{}**: {} {}, provider {}\n",
            plain(&store.node),
            plain(&store.product),
            plain(&store.version),
            plain(&store.provider)
        );
        for (name, value) in &store.settings {
            let _ = writeln!(out, "- {} = {}", plain(name), plain(value));
        }
        out.push('\n');
    }
}

/// The file. `charts` are those of the rules, in their order.
pub fn write(results: &Results, charts: &[Charts]) -> String {
    let mut out = String::new();
    head(&mut out, results);
    scorecard(&mut out, results);
    out.push_str("## Rules\n\n");
    for (rule, charts) in results.rules.iter().zip(charts) {
        card(&mut out, rule, charts);
    }
    foot(&mut out, results);
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_escaped_and_code_is_kept() {
        assert_eq!(plain("a|b <x> _y_"), "a\\|b \\<x\\> \\_y\\_");
        assert_eq!(plain("run `ballpark_x <y>` now"), "run `ballpark_x <y>` now");
        assert_eq!(plain("one ` only"), "one \\` only");
    }
}

//! `results.csv`: one row a trial with every figure, in base units, for other tools.

use std::collections::BTreeSet;

use crate::model::results::{Results, RuleResult, VariantResult};
use crate::model::trial::{Latency, OpFigures, ServerUsage, TrialRecord};

const FIXED: [&str; 29] = [
    "run",
    "rule",
    "group",
    "verdict",
    "variant",
    "round",
    "valid",
    "invalid_why",
    "warnings",
    "seed",
    "started_ns",
    "duration_ns",
    "warmup_ns",
    "sessions",
    "asked_per_s",
    "offered",
    "issued",
    "ops",
    "errors",
    "throughput_per_s",
    "client_cpu_ns",
    "client_threads",
    "server_cpu_ns",
    "server_rss_bytes",
    "server_disk_bytes",
    "server_throttled_ns",
    "issue_lag_ns_p50",
    "issue_lag_ns_p99",
    "issue_lag_ns_max",
];
const LATENCY: [&str; 6] = ["mean", "p50", "p90", "p99", "p999", "max"];

/// Names that occur in this run and make columns of their own.
#[derive(Default)]
struct Names<'a> {
    errors: BTreeSet<&'a str>,
    counters: BTreeSet<&'a str>,
    figures: BTreeSet<&'a str>,
    ops: BTreeSet<&'a str>,
}

fn records(results: &Results) -> impl Iterator<Item = (&RuleResult, &VariantResult, &TrialRecord)> {
    let variants = results.rules.iter().flat_map(|rule| rule.variants.iter().map(move |variant| (rule, variant)));
    variants.flat_map(|(rule, variant)| variant.trials.iter().map(move |trial| (rule, variant, &trial.record)))
}

fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field.to_owned() }
}

fn push_latency(row: &mut Vec<String>, latency: Option<&Latency>) {
    let Some(latency) = latency else {
        row.extend(LATENCY.map(|_| String::new()));
        return;
    };
    let percentile = |value: Option<u64>| value.map_or_else(String::new, |value| value.to_string());
    row.push(latency.mean.to_string());
    row.extend([latency.p50, latency.p90, latency.p99, latency.p999].map(percentile));
    row.push(latency.max.to_string());
}

fn head(names: &Names) -> Vec<String> {
    let mut head: Vec<String> = FIXED.map(str::to_owned).to_vec();
    let latencies = |prefix: &str| {
        ["response_ns", "service_ns"].iter().flat_map(|what| LATENCY.map(|point| format!("{prefix}{what}_{point}"))).collect::<Vec<_>>()
    };
    head.extend(latencies(""));
    head.extend(names.errors.iter().map(|name| format!("errors.{name}")));
    head.extend(names.counters.iter().map(|name| format!("counter.{name}")));
    head.extend(names.figures.iter().map(|name| format!("figure.{name}")));
    for op in &names.ops {
        head.push(format!("{op}.ops"));
        head.extend(latencies(&format!("{op}.")));
    }
    head
}

fn row(run: &str, rule: &RuleResult, variant: &VariantResult, record: &TrialRecord, names: &Names) -> Vec<String> {
    let servers = |part: fn(&ServerUsage) -> u64| record.servers.iter().map(part).sum::<u64>().to_string();
    let warnings: Vec<&str> = record.warnings.iter().map(|warning| warning.kind.as_str()).collect();
    let mut row = vec![
        run.to_owned(),
        rule.id.clone(),
        rule.group.clone(),
        rule.verdict.name().to_owned(),
        variant.name.clone(),
        record.round.to_string(),
        record.valid.to_string(),
        record.invalid_why.clone().unwrap_or_default(),
        warnings.join(" "),
        record.seed.to_string(),
        record.started_ns.to_string(),
        record.duration_ns.to_string(),
        record.warmup_ns.to_string(),
        record.sessions.to_string(),
        record.asked_per_s.map_or_else(String::new, |rate| rate.to_string()),
        record.offered.to_string(),
        record.issued.to_string(),
        record.ops.to_string(),
        record.errors.values().sum::<u64>().to_string(),
        record.throughput_per_s.to_string(),
        record.client_cpu_ns.to_string(),
        record.client_threads.to_string(),
        servers(|server| server.cpu_ns),
        servers(|server| server.rss_bytes),
        servers(|server| server.disk_bytes),
        servers(|server| server.throttled_ns),
        record.issue_lag_ns.p50.to_string(),
        record.issue_lag_ns.p99.to_string(),
        record.issue_lag_ns.max.to_string(),
    ];
    push_latency(&mut row, Some(&record.response_ns));
    push_latency(&mut row, Some(&record.service_ns));
    // A kind of error that did not occur occurred zero times; a counter or figure that a trial lacks is unknown.
    row.extend(names.errors.iter().map(|name| record.errors.get(*name).copied().unwrap_or(0).to_string()));
    row.extend(names.counters.iter().map(|name| record.counters.get(*name).map_or_else(String::new, u64::to_string)));
    row.extend(names.figures.iter().map(|name| record.figures.get(*name).map_or_else(String::new, f64::to_string)));
    for op in &names.ops {
        let figures: Option<&OpFigures> = record.by_op.get(*op);
        row.push(figures.map_or_else(String::new, |figures| figures.ops.to_string()));
        push_latency(&mut row, figures.map(|figures| &figures.response_ns));
        push_latency(&mut row, figures.map(|figures| &figures.service_ns));
    }
    row
}

/// The file.
pub fn write(results: &Results) -> String {
    let mut names = Names::default();
    for (_, _, record) in records(results) {
        names.errors.extend(record.errors.keys().map(String::as_str));
        names.counters.extend(record.counters.keys().map(String::as_str));
        names.figures.extend(record.figures.keys().map(String::as_str));
        names.ops.extend(record.by_op.keys().map(String::as_str));
    }
    let rows = records(results).map(|(rule, variant, record)| row(&results.run.id, rule, variant, record, &names));
    let mut out = String::new();
    for row in std::iter::once(head(&names)).chain(rows) {
        let fields: Vec<String> = row.iter().map(|field| quoted(field)).collect();
        out.push_str(&fields.join(","));
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn every_trial_is_a_row_and_every_row_has_every_column() {
        let results = fixture::results();
        let text = write(&results);
        let trials = records(&results).count();
        assert!(trials > 20);
        assert_eq!(text.lines().count(), trials + 1);
        // Without the quoted fields, the commas tell the columns.
        let bare = |line: &str| line.split('"').step_by(2).collect::<String>().matches(',').count();
        let columns = bare(text.lines().next().unwrap());
        assert!(text.lines().all(|line| bare(line) == columns), "{text}");
        assert!(text.starts_with("run,rule,group,verdict,variant,round,valid"));
        assert!(text.contains("read.response_ns_p99"));
    }

    #[test]
    fn a_field_with_a_comma_or_a_quote_is_quoted() {
        assert_eq!(quoted("a,b"), "\"a,b\"");
        assert_eq!(quoted("say \"x\""), "\"say \"\"x\"\"\"");
        assert_eq!(quoted("plain"), "plain");
    }
}

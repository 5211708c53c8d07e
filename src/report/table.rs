//! Tables of a rule: variants, criteria and rounds, with the same figures on the page and in Markdown.

use super::text::{self, NOTHING, figure};
use crate::base::units::{Unit, show};
use crate::model::metric::Metric;
use crate::model::results::{RuleResult, VariantResult};
use crate::model::trial::{Latency, TrialRecord};

/// Node name under which a store inside the client's process is accounted; its CPU cannot be told from the client's.
const IN_PROCESS: &str = "in-process";

/// A table of texts; the first column is the name of the row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// Titles of the columns.
    pub head: Vec<String>,
    /// Rows, each as long as the head.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    fn new(head: &[&str]) -> Self {
        Self { head: head.iter().map(|title| (*title).to_owned()).collect(), rows: Vec::new() }
    }

    /// Without the columns (after the first) that say nothing in any row.
    fn without_empty_columns(mut self) -> Self {
        let says: Vec<bool> =
            (0..self.head.len()).map(|column| column == 0 || self.rows.iter().any(|row| row[column] != NOTHING)).collect();
        let keep = |row: &mut Vec<String>| {
            let mut column = 0;
            row.retain(|_| {
                column += 1;
                says[column - 1]
            });
        };
        keep(&mut self.head);
        self.rows.iter_mut().for_each(keep);
        self
    }
}

fn latency(latency: &Latency) -> [String; 3] {
    [latency.p50, latency.p99, latency.p999].map(|time| figure(time.map(|time| time as f64), Unit::Ns))
}

fn per(total: u64, parts: u64) -> Option<f64> {
    (total > 0 && parts > 0).then(|| total as f64 / parts as f64)
}

fn server_cpu_ns(record: &TrialRecord) -> u64 {
    let inside = record.servers.iter().any(|server| server.node == IN_PROCESS);
    record.servers.iter().map(|server| server.cpu_ns).sum::<u64>() + if inside { record.client_cpu_ns } else { 0 }
}

fn positive(value: u64) -> Option<f64> {
    (value > 0).then_some(value as f64)
}

fn metric_title(name: &str) -> String {
    name.parse::<Metric>().map_or_else(|()| name.to_owned(), Metric::title)
}

fn metric_figure(name: &str, value: Option<f64>) -> String {
    figure(value, name.parse::<Metric>().map_or(Unit::Count, Metric::unit))
}

/// Names of the figures of fills and probes that any variant has.
fn figure_names(rule: &RuleResult) -> Vec<&str> {
    let mut names: Vec<&str> = rule.variants.iter().flat_map(|variant| variant.figures.keys().map(String::as_str)).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// A row a variant, over its valid trials.
pub fn variants(rule: &RuleResult) -> Table {
    let names = figure_names(rule);
    let head = ["variant", "throughput", "p50", "p99", "p99.9", "errors", "client CPU/op", "server CPU/op", "memory", "disk", "trials"];
    let mut table = Table::new(&head);
    table.head.extend(names.iter().map(|name| metric_title(name)));
    for variant in &rule.variants {
        let mut row = variant_row(variant);
        row.extend(names.iter().map(|name| metric_figure(name, variant.figures.get(*name).copied())));
        table.rows.push(row);
    }
    table.without_empty_columns()
}

fn variant_row(variant: &VariantResult) -> Vec<String> {
    let valid = || variant.trials.iter().map(|trial| &trial.record).filter(|record| record.valid);
    let sum = |count: fn(&TrialRecord) -> u64| valid().map(count).sum::<u64>();
    let ops = sum(|record| record.ops);
    let errors = sum(text::errors);
    // Memory and disk are states, not sums: as the last valid trial left them.
    let last = |part: fn(&crate::model::trial::ServerUsage) -> u64| {
        valid().next_back().and_then(|record| positive(record.servers.iter().map(part).sum()))
    };
    let [p50, p99, p999] = latency(&variant.response_ns);
    let (all, good) = (variant.trials.len(), valid().count());
    vec![
        text::title(variant),
        figure(Some(variant.throughput_per_s).filter(|rate| *rate > 0.0), Unit::PerSecond),
        p50,
        p99,
        p999,
        if ops + errors > 0 { text::errors_of(errors, ops) } else { NOTHING.to_owned() },
        figure(per(sum(|record| record.client_cpu_ns), ops), Unit::Ns),
        figure(per(sum(server_cpu_ns), ops), Unit::Ns),
        figure(last(|server| server.rss_bytes), Unit::Bytes),
        figure(last(|server| server.disk_bytes), Unit::Bytes),
        match (good, all) {
            (_, 0) => "none".to_owned(),
            (good, all) if good == all => all.to_string(),
            (good, all) => format!("{good} of {all} valid"),
        },
    ]
}

/// A row a criterion; the headline first.
pub fn criteria(rule: &RuleResult) -> Table {
    let mut table = Table::new(&["criterion", "verdict", "measured", "the rule says", "rounds"]);
    for judgement in &rule.judgements {
        table.rows.push(vec![
            text::criterion_name(&judgement.criterion),
            format!("{} {}", judgement.verdict.mark(), text::word(judgement.verdict)),
            text::measured(&judgement.criterion.test, judgement.estimate),
            text::asked(judgement),
            if judgement.rounds == 0 { NOTHING.to_owned() } else { judgement.rounds.to_string() },
        ]);
    }
    table
}

/// A row a trial of a variant; `None` if there is none.
pub fn rounds(variant: &VariantResult) -> Option<Table> {
    let head = [
        "round",
        "throughput",
        "p50",
        "p99",
        "p99.9",
        "longest",
        "errors",
        "issue lag p99",
        "client CPU",
        "server CPU/op",
        "warm-up",
        "valid",
    ];
    let mut table = Table::new(&head);
    table.head.extend(variant.figures.keys().map(|name| metric_title(name)));
    for trial in &variant.trials {
        let record = &trial.record;
        let [p50, p99, p999] = latency(&record.response_ns);
        let share = per(record.client_cpu_ns, record.duration_ns * u64::from(record.client_threads));
        let mut row = vec![
            record.round.to_string(),
            figure(Some(record.throughput_per_s).filter(|rate| *rate > 0.0), Unit::PerSecond),
            p50,
            p99,
            p999,
            figure(positive(record.response_ns.max), Unit::Ns),
            if record.issued > 0 { text::errors_of(text::errors(record), record.ops) } else { NOTHING.to_owned() },
            figure(positive(record.issue_lag_ns.p99), Unit::Ns),
            figure(share, Unit::Share),
            figure(per(server_cpu_ns(record), record.ops), Unit::Ns),
            figure(positive(record.warmup_ns), Unit::Ns),
            match (&record.invalid_why, record.valid) {
                (_, true) => "yes".to_owned(),
                (Some(why), false) => format!("no: {why}"),
                (None, false) => "no".to_owned(),
            },
        ];
        row.extend(variant.figures.keys().map(|name| metric_figure(name, record.figures.get(name).copied())));
        table.rows.push(row);
    }
    (!table.rows.is_empty()).then(|| table.without_empty_columns())
}

/// What each variant is: its target, load and nodes.
pub fn settings(rule: &RuleResult) -> Table {
    let mut table = Table::new(&["variant", "target and data", "load", "nodes"]);
    for variant in &rule.variants {
        let or_nothing = |text: &str| if text.is_empty() { NOTHING.to_owned() } else { text.to_owned() };
        table.rows.push(vec![
            text::title(variant),
            or_nothing(&variant.target),
            or_nothing(&variant.load),
            or_nothing(&variant.nodes.join(", ")),
        ]);
    }
    table.without_empty_columns()
}

/// The harness's own cost; empty if it was not measured.
pub fn floor(results: &crate::model::results::Results) -> Table {
    let floor = &results.floor;
    let mut table = Table::new(&["the harness by itself, on a store that does nothing", "measured"]);
    if floor.throughput_per_s > 0.0 {
        let mut row = |name: &str, value: f64, unit: Unit| table.rows.push(vec![name.to_owned(), show(value, unit)]);
        row("operations of one client core, closed loop", floor.throughput_per_s, Unit::PerSecond);
        row("client CPU of an operation", floor.client_cpu_ns, Unit::Ns);
        row("median service time", floor.service_p50_ns as f64, Unit::Ns);
        row("issue lag at 1 k/s, median", floor.issue_lag_p50_ns as f64, Unit::Ns);
        row("issue lag at 1 k/s, p99", floor.issue_lag_p99_ns as f64, Unit::Ns);
    }
    table
}

/// The machine.
pub fn host(results: &crate::model::results::Results) -> Table {
    let host = &results.host;
    let mut table = Table::new(&["machine", ""]);
    let mut row = |name: &str, value: String| {
        if !value.is_empty() {
            table.rows.push(vec![name.to_owned(), value]);
        }
    };
    row("CPU", host.cpu.clone());
    row("cores", format!("{}; client on {}, servers on {}", host.cores, text::cores(&host.client_cores), text::cores(&host.server_cores)));
    row("memory", text::memory(host.memory_bytes));
    row("system", [host.os.as_str(), host.kernel.as_str()].join(", ").trim_matches([',', ' ']).to_owned());
    row("virtualisation", host.virtualization.clone());
    row("disk", host.disk.clone());
    row("CPU governor", host.governor.clone());
    row("accounting of nodes (cgroup)", host.cgroup.clone());
    for (name, value) in &host.facts {
        row(&name.replace('_', " "), value.clone());
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::results::TrialResult;
    use crate::model::trial::ServerUsage;

    #[test]
    fn per_operation_figures_are_of_valid_trials_only() {
        let record = |valid: bool, ops: u64| TrialRecord {
            ops,
            valid,
            client_cpu_ns: 1_000_000,
            servers: vec![ServerUsage { node: "a".to_owned(), cpu_ns: 2_000_000, rss_bytes: 5_000_000, ..ServerUsage::default() }],
            ..TrialRecord::default()
        };
        let trials = [record(true, 100), record(false, 1_000_000), record(true, 300)];
        let trials = trials.map(|record| TrialResult { record, series: Vec::new() }).to_vec();
        let variant = VariantResult { name: "v".to_owned(), trials, ..VariantResult::default() };
        let row = variant_row(&variant);
        assert_eq!(row[6..11], ["5.00 µs", "10.0 µs", "5.00 MB", "–", "2 of 3 valid"]);
    }

    #[test]
    fn columns_that_say_nothing_are_left_out() {
        let row = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let table = Table { head: row(&["a", "b", "c"]), rows: vec![row(&["–", "–", "1"]), row(&["x", "–", "–"])] };
        let table = table.without_empty_columns();
        assert_eq!((table.head, table.rows), (row(&["a", "c"]), vec![row(&["–", "1"]), row(&["x", "–"])]));
    }
}

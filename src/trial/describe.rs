//! Targets and loads in words, for reports.

use crate::base::units::{Unit, significant};
use crate::model::experiment::{Activity, Probe, ProbeKind, Variant};
use crate::model::target::Target;
use crate::model::workload::{Arrivals, Load, ValueSize};
use crate::store;

fn count(value: f64) -> String {
    let (scale, name) = crate::base::units::prefix(value, Unit::Count);
    let figure = significant(value / scale, 3);
    let figure = if figure.contains('.') { figure.trim_end_matches('0').trim_end_matches('.') } else { &figure };
    format!("{figure} {name}").trim_end().to_owned()
}

fn target_name(target: &Target) -> String {
    match target {
        Target::Store { store: name, set, topology } => {
            let title = match name.as_str() {
                "cql" => topology.as_ref().and_then(|topology| topology.nodes.first()).map_or("CQL", |node| node.product.title()),
                other => store::driver(other).map_or(other, |driver| driver.capability.title),
            };
            let server = topology.iter().flat_map(|topology| topology.nodes.first()).flat_map(|node| &node.settings);
            let settings: Vec<String> = set.iter().chain(server).map(|(key, value)| format!("{key}={value}")).collect();
            [vec![title.to_owned()], settings].concat().join(", ")
        }
        Target::Cache { near, far, ttl, .. } => {
            let ttl = ttl.map_or(String::new(), |ttl| format!(", entries live {} s", ttl.as_secs_f64()));
            format!("cache-aside: {} in front of {}{ttl}", target_name(near), target_name(far))
        }
    }
}

fn value_size(value: ValueSize) -> String {
    match value {
        ValueSize::Fixed(bytes) => format!("{bytes} B"),
        ValueSize::Uniform { min, max } => format!("{min}–{max} B"),
        ValueSize::LogNormal { median, max, .. } => format!("about {median} B (at most {max})"),
    }
}

/// The target and its data, or the probe.
pub fn target(variant: &Variant) -> String {
    let Some(target) = variant.target() else {
        let Activity::Probe(Probe { kind, block, file }) = &variant.activity else { return String::new() };
        let what = match kind {
            ProbeKind::DiskRandomRead => "random reads, O_DIRECT",
            ProbeKind::DiskRandomWrite => "random writes, O_DIRECT",
            ProbeKind::DiskFlush => "appends, each with fdatasync",
            ProbeKind::DiskSequentialRead => "sequential reads, O_DIRECT",
            ProbeKind::DiskSequentialWrite => "sequential writes, O_DIRECT",
        };
        return format!("{what}, {} KiB each, file of {} MiB", block / 1024, file >> 20);
    };
    let workload = &variant.workload;
    let mut data = format!("{} rows of {}", count(workload.keys.count as f64), value_size(workload.value));
    if let Activity::Fill { rows, .. } = &variant.activity {
        let steps: Vec<String> = rows.iter().map(|rows| count(*rows as f64)).collect();
        data = format!("filled to {} rows of {}", steps.join(", "), value_size(workload.value));
    }
    let schema = workload.schema;
    if schema.attributes > 0 {
        data.push_str(&format!(", {} attributes, {} indexed", schema.attributes, schema.indexes));
    }
    if schema.groups > 0 {
        data.push_str(&format!(", {} groups", count(schema.groups as f64)));
    }
    format!("{}; {data}", target_name(target))
}

/// The load in words.
pub fn load(variant: &Variant, rate_per_s: Option<f64>) -> String {
    match variant.activity {
        Activity::Probe(_) => return "one request at a time".to_owned(),
        Activity::Fill { .. } => return "bulk load, weighed after each step".to_owned(),
        Activity::Load { .. } => {}
    }
    let total: f64 = variant.workload.mix.iter().map(|(_, weight)| weight).sum();
    let mix: Vec<String> =
        variant.workload.mix.iter().map(|(kind, weight)| format!("{} % {kind}", significant(100.0 * weight / total, 3))).collect();
    let how = match variant.workload.load {
        Load::Closed { sessions: 1 } => "closed loop, 1 session".to_owned(),
        Load::Closed { sessions } => format!("closed loop, {sessions} sessions"),
        Load::Open { arrivals, sessions, .. } => {
            let rate = rate_per_s.map_or("a rate that was not found".to_owned(), |rate| format!("{}/s", count(rate)));
            let arrivals = match arrivals {
                Arrivals::Constant => "constant",
                Arrivals::Poisson => "Poisson",
            };
            format!("open loop, {rate}, {arrivals}, at most {sessions} in flight")
        }
    };
    format!("{}; {how}", mix.join(", "))
}

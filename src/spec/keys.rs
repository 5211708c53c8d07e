//! The keys that files may have. The published schema lists the same ones; a test keeps the two equal.

/// Top of a rule file.
pub const ROOT: &[&str] = &["rule", "experiment", "workload", "variants", "criterion"];
/// `[rule]`.
pub const RULE: &[&str] = &["id", "title", "sections", "claim", "because", "confounders", "if_refuted", "meaning"];
/// `[experiment]`.
pub const EXPERIMENT: &[&str] = &["rounds"];
/// `[workload]` and the `workload` of a variant.
pub const WORKLOAD: &[&str] = &["use", "mix", "keys", "value", "schema", "load", "scan_limit", "trial"];
/// `mix`.
pub const MIX: &[&str] = &["read_share", "read", "insert", "update", "read_modify_write", "delete", "scan", "find_by", "aggregate"];
/// `keys`.
pub const KEYS: &[&str] = &["distribution", "theta", "scrambled", "method", "hot_keys", "hot_operations", "count"];
/// `value`.
pub const VALUE: &[&str] = &["bytes", "min", "max", "median", "sigma"];
/// `schema`.
pub const SCHEMA: &[&str] = &["attributes", "indexes", "groups"];
/// `load`.
pub const LOAD: &[&str] = &["closed", "open"];
/// `load.closed`.
pub const CLOSED: &[&str] = &["sessions"];
/// `load.open`.
pub const OPEN: &[&str] = &["rate", "arrivals", "sessions"];
/// `trial`.
pub const TRIAL: &[&str] = &["warmup", "duration", "deadline"];
/// `[variants.NAME]`.
pub const VARIANT: &[&str] = &["title", "profiles", "target", "topology", "workload", "fill", "probe", "sweep"];
/// A target that is one store.
pub const STORE: &[&str] = &["store", "topology", "set"];
/// A target that is a cache.
pub const CACHE: &[&str] = &["cache", "ttl", "near", "far"];
/// A topology in place.
pub const TOPOLOGY: &[&str] = &["use", "settings", "nodes"];
/// A file of `workloads/topologies/`.
pub const TOPOLOGY_FILE: &[&str] = &["about", "nodes"];
/// A node of a topology.
pub const NODE: &[&str] = &["product", "settings", "cpu_quota", "memory"];
/// `fill`.
pub const FILL: &[&str] = &["rows", "weigh"];
/// `probe`.
pub const PROBE: &[&str] = &["kind", "block", "file"];
/// `[[criterion]]`.
pub const CRITERION: &[&str] = &["name", "ratio", "ballpark", "range", "monotonic", "crossover"];
/// `ratio`.
pub const RATIO: &[&str] = &["of", "variant", "against", "above", "below"];
/// `ballpark`.
pub const BALLPARK: &[&str] = &["of", "variant", "value", "factor"];
/// `range`.
pub const RANGE: &[&str] = &["of", "variant", "low", "high"];
/// `monotonic`.
pub const MONOTONIC: &[&str] = &["of", "over", "direction"];
/// `crossover`.
pub const CROSSOVER: &[&str] = &["of", "first", "second"];
/// A file of `workloads/mixes/`.
pub const MIX_FILE: &[&str] = &["about", "workload"];
/// A file of `workloads/suites/`.
pub const SUITE_FILE: &[&str] = &["about", "rules"];

/// How the values of a path into the workload are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A number.
    Number,
    /// A count, also as `200k`.
    Count,
    /// Bytes, also as `4KiB`.
    Bytes,
    /// A rate, also as `2k/s` or `50% of slowest`.
    Rate,
}

/// Paths into the workload that a sweep may take.
pub const SWEEPS: &[(&str, Form)] = &[
    ("mix.read_share", Form::Number),
    ("mix.read", Form::Number),
    ("mix.insert", Form::Number),
    ("mix.update", Form::Number),
    ("mix.read_modify_write", Form::Number),
    ("mix.delete", Form::Number),
    ("mix.scan", Form::Number),
    ("mix.find_by", Form::Number),
    ("mix.aggregate", Form::Number),
    ("keys.count", Form::Count),
    ("keys.theta", Form::Number),
    ("keys.hot_keys", Form::Number),
    ("keys.hot_operations", Form::Number),
    ("value.bytes", Form::Bytes),
    ("value.min", Form::Bytes),
    ("value.max", Form::Bytes),
    ("value.median", Form::Bytes),
    ("value.sigma", Form::Number),
    ("schema.attributes", Form::Count),
    ("schema.indexes", Form::Count),
    ("schema.groups", Form::Count),
    ("load.closed.sessions", Form::Count),
    ("load.open.sessions", Form::Count),
    ("load.open.rate", Form::Rate),
    ("scan_limit", Form::Count),
];

//! `[workload]`: from a tree, after mixes, options, variants and sweeps are put into it, to the model.

use std::time::Duration;

use super::error::SpecError;
use super::fields::{Field, Fields, open, open_any};
use super::keys;
use super::tree::{At, Node, Table, Value};
use crate::base::units::parse_rate;
use crate::model::data::{Schema, VALUE_HEADER};
use crate::model::op::OpKind;
use crate::model::workload::{Arrivals, Distribution, Keys, Load, Rate, ValueSize, Warmup, Workload};

/// Skew of YCSB.
const THETA: f64 = 0.99;
/// Above this skew one key takes practically everything.
const THETA_MAX: f64 = 10.0;
/// Sessions of an open loop, if the file says nothing.
const OPEN_SESSIONS: u32 = 64;

/// What a file leaves out: 100 000 rows of 100 bytes drawn uniformly, 16 sessions in a closed loop. There is no default mix.
pub fn defaults() -> Workload {
    Workload {
        mix: Vec::new(),
        keys: Keys { count: 100_000, distribution: Distribution::Uniform },
        value: ValueSize::Fixed(100),
        schema: Schema::default(),
        load: Load::Closed { sessions: 16 },
        scan_limit: 100,
        warmup: Warmup::UntilSteady,
        duration: None,
        deadline: Duration::from_secs(10),
    }
}

/// Reads a workload. Its mix is empty if the table has none.
///
/// # Errors
/// When a key is unknown, or a value is of the wrong type, form or size.
pub fn read(table: &Table, at: &At) -> Result<Workload, SpecError> {
    open(table, at, "workload", keys::WORKLOAD)?;
    let fields = open_any(table, at, "");
    let mut workload = defaults();
    for (key, field) in fields.iter() {
        match key {
            "mix" => workload.mix = read_mix(&field)?,
            "keys" => workload.keys = read_keys(&field, workload.keys)?,
            "value" => workload.value = read_value(&field)?,
            "schema" => workload.schema = read_schema(&field)?,
            "load" => workload.load = read_load(&field)?,
            "scan_limit" => workload.scan_limit = field.count32(1)?,
            "trial" => read_trial(&field, &mut workload)?,
            _ => {}
        }
    }
    Ok(workload)
}

fn read_mix(field: &Field<'_>) -> Result<Vec<(OpKind, f64)>, SpecError> {
    let fields = field.table(keys::MIX)?;
    if let Some(share) = fields.get("read_share") {
        fields.alone("read_share", &keys::MIX[1..])?;
        let reads = share_of_one(&share, true)?;
        let both = [(OpKind::Read, reads), (OpKind::Update, 1.0 - reads)];
        return Ok(both.into_iter().filter(|(_, weight)| *weight > 0.0).collect());
    }
    if fields.is_empty() {
        return Err(field.fail("`mix` is empty", "give each kind of operation its weight, such as `{ read = 95, update = 5 }`"));
    }
    fields.iter().filter_map(|(key, weight)| key.parse::<OpKind>().ok().map(|kind| Ok((kind, weight.positive()?)))).collect()
}

/// A number from 0 to 1; the ends themselves only if `ends`.
fn share_of_one(field: &Field<'_>, ends: bool) -> Result<f64, SpecError> {
    let share = field.number()?;
    let inside = if ends { (0.0..=1.0).contains(&share) } else { share > 0.0 && share < 1.0 };
    let expected = if ends { "expected a share from 0 to 1" } else { "expected a share between 0 and 1" };
    if inside { Ok(share) } else { Err(field.fail(format!("`{}` is {share}", field.path), expected)) }
}

fn read_keys(field: &Field<'_>, default: Keys) -> Result<Keys, SpecError> {
    let fields = field.table(keys::KEYS)?;
    let count = fields.get("count").map_or(Ok(default.count), |count| count.count(1, u64::MAX))?;
    let names = [("uniform", 0), ("zipfian", 1), ("latest", 2), ("hotspot", 3), ("sequential", 4)];
    let kind = fields.get("distribution").map_or(Ok(0), |name| name.choice(&names))?;
    let (name, allowed): (_, &[&str]) = match kind {
        1 => ("zipfian", &["theta", "scrambled", "method"]),
        2 => ("latest", &["theta"]),
        3 => ("hotspot", &["hot_keys", "hot_operations"]),
        4 => ("sequential", &[]),
        _ => ("uniform", &[]),
    };
    let strange = fields.iter().find(|(key, _)| !["distribution", "count"].contains(key) && !allowed.contains(key));
    if let Some((key, strange)) = strange {
        let owner = if key.starts_with("hot") { "hotspot" } else { "zipfian" };
        let help = format!("write `distribution = \"{owner}\"` or leave `{key}` out");
        return Err(strange.fail_key(format!("`{key}` does not belong to the distribution {name}"), help));
    }
    let distribution = match kind {
        1 => read_zipfian(&fields)?,
        2 => Distribution::Latest { theta: read_theta(&fields, false)? },
        3 => Distribution::Hotspot { keys: hot(&fields, "hot_keys", 0.2)?, operations: hot(&fields, "hot_operations", 0.8)? },
        4 => Distribution::Sequential,
        _ => Distribution::Uniform,
    };
    Ok(Keys { count, distribution })
}

fn hot(fields: &Fields<'_>, key: &str, default: f64) -> Result<f64, SpecError> {
    fields.get(key).map_or(Ok(default), |share| share_of_one(&share, false))
}

fn read_zipfian(fields: &Fields<'_>) -> Result<Distribution, SpecError> {
    let gray = fields.get("method").map_or(Ok(false), |method| method.choice(&[("exact", false), ("gray", true)]))?;
    let scrambled = fields.get("scrambled").map_or(Ok(true), |flag| flag.flag())?;
    Ok(Distribution::Zipfian { theta: read_theta(fields, gray)?, scrambled, gray })
}

fn read_theta(fields: &Fields<'_>, gray: bool) -> Result<f64, SpecError> {
    let Some(field) = fields.get("theta") else { return Ok(THETA) };
    let theta = field.number()?;
    if gray && !(0.0..1.0).contains(&theta) {
        let help = "the method \"gray\" needs 0 <= theta < 1; write `method = \"exact\"` for more skew";
        return Err(field.fail(format!("`keys.theta` is {theta}"), help));
    }
    if !(0.0..=THETA_MAX).contains(&theta) {
        return Err(field.fail(format!("`keys.theta` is {theta}"), format!("expected 0 (uniform) to {THETA_MAX}")));
    }
    Ok(theta)
}

fn read_value(field: &Field<'_>) -> Result<ValueSize, SpecError> {
    let fields = field.table(keys::VALUE)?;
    let size = |key: &str, example: &str| -> Result<u32, SpecError> {
        let field = fields.need(key, example)?;
        let bytes = field.bytes(0, u64::from(u32::MAX))?;
        if bytes < VALUE_HEADER as u64 {
            let help = format!("expected {VALUE_HEADER} bytes or more, because a value carries its key and version");
            return Err(field.fail(format!("`{}` is {bytes}", field.path), help));
        }
        u32::try_from(bytes).map_err(|_| field.fail(format!("`{}` is too large", field.path), "expected less than 4GiB"))
    };
    let ordered = |low: u32, high: u32, name: &str| -> Result<(), SpecError> {
        if low <= high { Ok(()) } else { Err(fields.fail(format!("value.{name} {low} is above value.max {high}"), "raise max")) }
    };
    if fields.get("bytes").is_some() {
        fields.alone("bytes", &["min", "max", "median", "sigma"])?;
        return size("bytes", "100").map(ValueSize::Fixed);
    }
    if fields.get("median").is_some() {
        fields.alone("median", &["min"])?;
        let (median, max) = (size("median", "100")?, size("max", "1000")?);
        ordered(median, max, "median")?;
        let sigma = fields.need("sigma", "0.5")?.positive()?;
        return Ok(ValueSize::LogNormal { median, sigma, max });
    }
    if let Some(sigma) = fields.get("sigma") {
        return Err(sigma.fail_key("`sigma` needs `median`", "write `{ median = 100, sigma = 0.5, max = 1000 }`"));
    }
    if fields.is_empty() {
        return Err(fields.fail(
            "`value` is empty",
            "write `{ bytes = 100 }`, `{ min = 50, max = 150 }` or `{ median = 100, sigma = 0.5, max = 1000 }`",
        ));
    }
    let (min, max) = (size("min", "50")?, size("max", "150")?);
    ordered(min, max, "min")?;
    Ok(ValueSize::Uniform { min, max })
}

fn read_schema(field: &Field<'_>) -> Result<Schema, SpecError> {
    let fields = field.table(keys::SCHEMA)?;
    let small = |key: &str| fields.get(key).map_or(Ok(0), |count| count.count(0, u64::from(u8::MAX)));
    Ok(Schema {
        attributes: small("attributes")? as u8,
        indexes: small("indexes")? as u8,
        groups: fields.get("groups").map_or(Ok(0), |groups| groups.count(0, u64::MAX))?,
    })
}

fn read_load(field: &Field<'_>) -> Result<Load, SpecError> {
    let (kind, inner) = field.table(keys::LOAD)?.one_of(keys::LOAD)?;
    if kind == "closed" {
        let fields = inner.table(keys::CLOSED)?;
        let sessions = fields.get("sessions").map_or(Ok(16), |sessions| sessions.count32(1))?;
        return Ok(Load::Closed { sessions });
    }
    let fields = inner.table(keys::OPEN)?;
    let rate = read_rate(&fields.need("rate", "\"50% of slowest\"")?)?;
    let arrivals = [("poisson", Arrivals::Poisson), ("constant", Arrivals::Constant)];
    let arrivals = fields.get("arrivals").map_or(Ok(Arrivals::Poisson), |word| word.choice(&arrivals))?;
    let sessions = fields.get("sessions").map_or(Ok(OPEN_SESSIONS), |sessions| sessions.count32(1))?;
    Ok(Load::Open { rate, arrivals, sessions })
}

fn read_rate(field: &Field<'_>) -> Result<Rate, SpecError> {
    let Value::Text(text) = &field.node.value else {
        return match field.node.value {
            Value::Integer(_) | Value::Float(_) => field.positive().map(Rate::PerSecond),
            _ => Err(field.wrong_type("a rate such as 2000, \"2k/s\" or \"50% of slowest\"")),
        };
    };
    if let Some((percent, rest)) = text.split_once('%') {
        let share = percent.trim().parse::<f64>().ok().filter(|percent| *percent > 0.0 && *percent <= 100.0);
        return match (share, rest.trim()) {
            (Some(percent), "of slowest") => Ok(Rate::ShareOfSlowest(percent / 100.0)),
            _ => Err(field.fail(
                format!("`{}`: `{text}` is not a share of the slowest variant", field.path),
                "expected \"50% of slowest\", above 0 and at most 100",
            )),
        };
    }
    match parse_rate(text) {
        Ok(rate) if rate > 0.0 => Ok(Rate::PerSecond(rate)),
        Ok(_) => Err(field.fail(format!("`{}` is 0", field.path), "expected a rate above 0")),
        Err(error) => Err(field.fail(format!("`{}`: {error}", field.path), "or a share such as \"50% of slowest\"")),
    }
}

fn read_trial(field: &Field<'_>, workload: &mut Workload) -> Result<(), SpecError> {
    let fields = field.table(keys::TRIAL)?;
    if let Some(warmup) = fields.get("warmup") {
        workload.warmup = match &warmup.node.value {
            Value::Text(text) if text == "until-steady" => Warmup::UntilSteady,
            Value::Text(text) if text.starts_with(|first: char| first.is_ascii_digit()) => Warmup::Fixed(warmup.duration()?),
            Value::Text(text) => {
                return Err(warmup.fail(format!("unknown trial.warmup `{text}`"), super::error::suggest(text, &["until-steady", "2s"])));
            }
            _ => return Err(warmup.wrong_type("\"until-steady\" or a duration such as \"2s\"")),
        };
    }
    if let Some(duration) = fields.get("duration") {
        workload.duration = Some(duration.duration()?);
    }
    if let Some(deadline) = fields.get("deadline") {
        workload.deadline = deadline.duration()?;
    }
    Ok(())
}

/// Puts one workload over another: `keys`, `schema` and `trial` field by field, the rest as a whole.
pub fn merge(base: &Table, over: &Table) -> Table {
    let mut merged = base.clone();
    for entry in &over.entries {
        let mut entry = entry.clone();
        let fieldwise = ["keys", "schema", "trial"].contains(&entry.key.as_str());
        if let (true, Some(Value::Table(old)), Value::Table(new)) =
            (fieldwise, base.get(&entry.key).map(|old| &old.node.value), &mut entry.node.value)
        {
            let mut fields = old.clone();
            if other_distribution(old, new) {
                fields.drop_if(|key| DISTRIBUTION.contains(&key));
            }
            new.entries.drain(..).for_each(|entry| fields.put(entry));
            *new = fields;
        }
        merged.put(entry);
    }
    merged
}

const DISTRIBUTION: [&str; 5] = ["theta", "scrambled", "method", "hot_keys", "hot_operations"];

fn other_distribution(old: &Table, new: &Table) -> bool {
    let name = |table: &Table| match table.get("distribution").map(|entry| &entry.node.value) {
        Some(Value::Text(name)) => Some(name.clone()),
        _ => None,
    };
    name(new).is_some() && name(new) != name(old)
}

/// Sets one field of a workload, and removes what cannot stand beside it: `load.open` for `load.closed.sessions`, `min` for `value.bytes`.
///
/// # Errors
/// When something on the path is no table.
pub fn set(table: &mut Table, path: &[&str], node: &Node) -> Result<(), SpecError> {
    if let (Some(head), Some(next)) = (path.first(), path.get(1))
        && let Some(Value::Table(inner)) = table.entries.iter_mut().find(|entry| entry.key == *head).map(|entry| &mut entry.node.value)
    {
        inner.drop_if(|key| excludes(head, next, key));
        if let ("keys", "distribution", Value::Text(new)) = (*head, *next, &node.value) {
            let same = matches!(inner.get("distribution").map(|entry| &entry.node.value), Some(Value::Text(old)) if old == new);
            inner.drop_if(|key| !same && DISTRIBUTION.contains(&key));
        }
    }
    table.put_path(path, node)
}

/// Whether, in the table `head`, the key `new` pushes the key `old` out.
fn excludes(head: &str, new: &str, old: &str) -> bool {
    match (head, new) {
        ("load", "closed" | "open") => old != new && keys::LOAD.contains(&old),
        ("mix", "read_share") => old != new,
        ("mix", _) => old == "read_share",
        ("value", "bytes") => old != new,
        ("value", "min") => ["bytes", "median", "sigma"].contains(&old),
        ("value", "median" | "sigma") => ["bytes", "min"].contains(&old),
        ("value", "max") => old == "bytes",
        _ => false,
    }
}

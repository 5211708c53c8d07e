//! Variants and sweeps: what an experiment compares.

use super::error::{SpecError, suggest};
use super::fields::{Field, Fields};
use super::keys::{self, Form};
use super::library::{Library, check_name, topology_file};
use super::tree::{At, Node, Table, Value};
use super::{Scope, checks, target, workload};
use crate::base::units::{parse_bytes, parse_count};
use crate::model::experiment::{Activity, Probe, ProbeKind, Profile, Variant, Weighed};
use crate::model::target::Target;
use crate::model::topology::Topology;
use crate::model::workload::{Load, Rate, Workload};

/// A variant with what the checks of criteria and options need beside it.
#[derive(Debug)]
pub struct Built {
    /// The variant.
    pub variant: Variant,
    /// Its name in the file; of a sweep the part before `@`.
    pub base: String,
    /// Its title in the file.
    pub title: String,
    /// The swept path.
    pub swept: Option<String>,
    /// Its workload as a tree.
    pub table: Table,
    /// Why it does not run with these options, if it does not.
    pub dropped: Option<String>,
    /// Where it was written.
    pub at: At,
}

/// Reads `[variants]`, also those that the profile or `--stores` leaves out.
///
/// # Errors
/// When there is none, or one is wrong.
pub fn read_all(field: &Field<'_>, base: &Node, scope: &Scope<'_>) -> Result<Vec<Built>, SpecError> {
    let fields = field.any_table()?;
    let mut all = Vec::new();
    for (name, field) in fields.iter() {
        all.extend(read(name, &field, base, scope)?);
    }
    if all.is_empty() {
        return Err(field.fail_key("there are no variants", "add `[variants.NAME]` with a target"));
    }
    share_topologies(&mut all, scope.library);
    Ok(all)
}

fn read(name: &str, field: &Field<'_>, base: &Node, scope: &Scope<'_>) -> Result<Vec<Built>, SpecError> {
    check_name(name, field)?;
    let fields = field.table(keys::VARIANT)?;
    let title = fields.get("title").map_or(Ok(name.to_owned()), |title| title.words())?;
    let profiles = fields.get("profiles").map(|profiles| read_profiles(&profiles)).transpose()?;
    let activity = read_activity(name, &fields, scope)?;
    let table = read_table(name, &fields, base, &activity, scope)?;
    let at = field.key_at.clone();
    let place = Node { at: at.clone(), value: Value::Table(table.clone()) };
    let dropped = left_out(profiles.as_deref(), &activity, scope);
    let build = |table: Table, point: Option<(&str, String, f64)>| -> Result<Built, SpecError> {
        let label = point.as_ref().map(|(_, label, _)| label.clone());
        let mut variant = Variant {
            name: label.as_ref().map_or(name.to_owned(), |label| format!("{name}@{label}")),
            title: title.clone(),
            activity: activity.clone(),
            workload: workload::read(&table, &at)?,
            parameter: point.as_ref().map(|(_, _, x)| *x),
        };
        let swept = point.as_ref().map(|(path, _, _)| (*path).to_owned());
        if let (Some(path), Some(label)) = (&swept, &label) {
            variant.title = format!("{title}, {path} = {label}");
        }
        if let Activity::Fill { .. } = variant.activity {
            variant.workload.mix.clear();
        }
        checks::variant(&variant, &table, &at, scope)?;
        Ok(Built { variant, base: name.to_owned(), title: title.clone(), swept, table, dropped: dropped.clone(), at: at.clone() })
    };
    match fields.get("sweep") {
        Some(sweep) => read_sweep(&sweep, &place, build),
        None => Ok(vec![build(table, None)?]),
    }
}

fn read_profiles(field: &Field<'_>) -> Result<Vec<Profile>, SpecError> {
    let choices = Profile::ALL.map(|profile| (profile.name(), profile));
    let profiles = field.list()?.iter().map(|item| item.choice(&choices)).collect::<Result<Vec<_>, _>>()?;
    if profiles.is_empty() {
        return Err(field.fail("`profiles` is empty, so the variant would never run", "name one, or leave the key out"));
    }
    Ok(profiles)
}

fn read_activity(name: &str, fields: &Fields<'_>, scope: &Scope<'_>) -> Result<Activity, SpecError> {
    if let Some(probe) = fields.get("probe") {
        fields.alone("probe", &["target", "topology", "workload", "fill", "sweep"])?;
        return read_probe(&probe).map(Activity::Probe);
    }
    let topology = fields.get("topology");
    let target = target::read(&fields.need("target", "\"postgres\"")?, topology.as_ref(), name, scope)?;
    let Some(fill) = fields.get("fill") else { return Ok(Activity::Load { target }) };
    let inner = fill.table(keys::FILL)?;
    let field = inner.need("rows", "[\"20k\", \"40k\"]")?;
    let rows = field.list()?.iter().map(|row| row.count(1, u64::MAX)).collect::<Result<Vec<_>, _>>()?;
    if rows.len() < 2 || rows.windows(2).any(|pair| pair[0] >= pair[1]) {
        return Err(field.fail("the rows of a fill must rise, and be two or more", "write such as [\"20k\", \"40k\"]"));
    }
    let weighed = inner.need("weigh", "\"disk\"")?.choice(&[("disk", Weighed::Disk), ("memory", Weighed::Memory)])?;
    Ok(Activity::Fill { target, rows, weighed })
}

fn read_probe(field: &Field<'_>) -> Result<Probe, SpecError> {
    const KINDS: [(&str, ProbeKind); 5] = [
        ("disk_random_read", ProbeKind::DiskRandomRead),
        ("disk_random_write", ProbeKind::DiskRandomWrite),
        ("disk_flush", ProbeKind::DiskFlush),
        ("disk_sequential_read", ProbeKind::DiskSequentialRead),
        ("disk_sequential_write", ProbeKind::DiskSequentialWrite),
    ];
    let fields = field.table(keys::PROBE)?;
    let kind = fields.need("kind", "\"disk_random_read\"")?.choice(&KINDS)?;
    let block_field = fields.need("block", "\"4KiB\"")?;
    let block = block_field.bytes(1, u64::MAX)?;
    // O_DIRECT moves whole sectors; 512 bytes is the smallest that a disk has.
    if kind != ProbeKind::DiskFlush && !block.is_multiple_of(512) {
        return Err(block_field.fail(format!("`{}` is {block}", block_field.path), "expected a multiple of 512 bytes, as O_DIRECT needs"));
    }
    let file_field = fields.need("file", "\"1GiB\"")?;
    let file = file_field.bytes(1, u64::MAX)?;
    if file < block {
        return Err(file_field.fail(format!("the file of {file} bytes is smaller than a block"), format!("expected {block} bytes or more")));
    }
    Ok(Probe { kind, block, file })
}

/// The variant's workload: the experiment's, under what the variant changes.
fn read_table(name: &str, fields: &Fields<'_>, base: &Node, activity: &Activity, scope: &Scope<'_>) -> Result<Table, SpecError> {
    let Value::Table(base) = &base.value else { return Ok(Table::default()) };
    let Some(field) = fields.get("workload") else { return Ok(base.clone()) };
    let own = field.table(keys::WORKLOAD)?;
    if let (Activity::Fill { .. }, Some(strange)) = (activity, own.get("load").or_else(|| own.get("mix")).or_else(|| own.get("use"))) {
        return Err(strange.fail_key(format!("`{}` means nothing here: variant `{name}` is a fill", strange.path), "leave it out"));
    }
    let own = with_mix(field.raw_table()?, scope)?;
    Ok(workload::merge(base, &own))
}

/// A workload's table with the mix that it uses put under it.
///
/// # Errors
/// When there is no such mix.
pub fn with_mix(table: &Table, scope: &Scope<'_>) -> Result<Table, SpecError> {
    let Some(entry) = table.get("use") else { return Ok(table.clone()) };
    let field = Field { node: &entry.node, key_at: &entry.at, path: "workload.use".to_owned() };
    let mix = scope.library.mix(&field)?;
    let mut own = table.clone();
    own.drop_if(|key| key == "use");
    Ok(workload::merge(&mix, &own))
}

fn left_out(profiles: Option<&[Profile]>, activity: &Activity, scope: &Scope<'_>) -> Option<String> {
    let profile = scope.context.profile;
    if profiles.is_some_and(|profiles| !profiles.contains(&profile)) {
        return Some(format!("profile {}", profile.name()));
    }
    let stores = scope.context.stores.as_ref()?;
    let target = match activity {
        Activity::Load { target } | Activity::Fill { target, .. } => target,
        Activity::Probe(_) => return None,
    };
    let strange = target.stores().into_iter().find(|store| !stores.iter().any(|name| name == store))?;
    Some(format!("--stores without {strange}"))
}

fn read_sweep(
    field: &Field<'_>,
    place: &Node,
    build: impl Fn(Table, Option<(&str, String, f64)>) -> Result<Built, SpecError>,
) -> Result<Vec<Built>, SpecError> {
    let paths: Vec<&str> = keys::SWEEPS.iter().map(|(path, _)| *path).collect();
    // An unquoted path is a table in TOML; say so instead of that its first part is no path.
    let fields = field.any_table()?;
    let Some((path, values)) = fields.iter().next() else {
        return Err(field.fail("`sweep` is empty", "write such as { \"schema.indexes\" = [0, 1, 3] }"));
    };
    if let Some((_, second)) = fields.iter().nth(1) {
        return Err(second.fail_key("a sweep has one path", "use a second variant for the other one"));
    }
    let Some((_, form)) = keys::SWEEPS.iter().find(|(known, _)| *known == path) else {
        let help = match values.node.value {
            Value::Table(_) => format!("put the path into quotes; {}", suggest(path, &paths)),
            _ => suggest(path, &paths),
        };
        return Err(values.fail_key(format!("`{path}` cannot be swept"), help));
    };
    let values = Field { path: path.to_owned(), ..values };
    let points = values.list()?;
    if points.is_empty() {
        return Err(values.fail("a sweep needs a value", "write such as [0, 1, 3]"));
    }
    let Value::Table(table) = &place.value else { return Ok(Vec::new()) };
    let steps: Vec<&str> = path.split('.').collect();
    let mut all: Vec<Built> = Vec::new();
    for point in &points {
        let mut table = table.clone();
        workload::set(&mut table, &steps, point.node)?;
        let label = label(point)?;
        let read = workload::read(&table, &place.at)?;
        let x = parameter(point, *form, &read)?;
        if all.iter().any(|other| other.variant.parameter == Some(x)) {
            return Err(point.fail(format!("{path} = {label} is given twice"), "keep one of them"));
        }
        all.push(build(table, Some((path, label, x)))?);
    }
    Ok(all)
}

fn label(point: &Field<'_>) -> Result<String, SpecError> {
    match &point.node.value {
        // The label becomes part of a directory's name, so it keeps to letters, digits and points.
        Value::Text(text) => {
            let short = text.replace("of slowest", "").replace('%', "pct").replace("/s", "");
            Ok(short.chars().filter(|c| !c.is_whitespace()).collect())
        }
        Value::Integer(number) => Ok(number.to_string()),
        Value::Float(number) => Ok(number.to_string()),
        _ => Err(point.wrong_type("a number, or a text with a unit")),
    }
}

/// The value as a number for an axis. The workload was read before, so the text is known to be right.
fn parameter(point: &Field<'_>, form: Form, workload: &Workload) -> Result<f64, SpecError> {
    let wrong = |error: crate::base::units::QuantityError| point.fail(error.to_string(), "");
    match (&point.node.value, form) {
        (_, Form::Rate) => Ok(match workload.load {
            Load::Open { rate: Rate::PerSecond(rate) | Rate::ShareOfSlowest(rate), .. } => rate,
            Load::Closed { .. } => 0.0,
        }),
        (Value::Text(text), Form::Bytes) => parse_bytes(text).map(|bytes| bytes as f64).map_err(wrong),
        (Value::Text(text), _) => parse_count(text).map(|count| count as f64).map_err(wrong),
        _ => point.number(),
    }
}

/// Gives equal topologies one name, so that their servers are started once.
fn share_topologies(all: &mut [Built], library: &Library) {
    let mut seen: Vec<Topology> = library.topologies.iter().filter_map(|file| topology_file(file).ok()).map(|(known, _)| known).collect();
    for built in all {
        if let Activity::Load { target } | Activity::Fill { target, .. } = &mut built.variant.activity {
            share(target, &mut seen);
        }
    }
}

fn share(target: &mut Target, seen: &mut Vec<Topology>) {
    match target {
        Target::Store { topology: Some(topology), .. } => match seen.iter().find(|other| other.nodes == topology.nodes) {
            Some(same) => topology.name.clone_from(&same.name),
            None => seen.push(topology.clone()),
        },
        Target::Store { topology: None, .. } => {}
        Target::Cache { near, far, .. } => {
            share(near, seen);
            share(far, seen);
        }
    }
}

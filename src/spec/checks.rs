//! What no single key shows: whether stores can do what is asked of them, and whether the machine is large enough.

use super::Scope;
use super::error::SpecError;
use super::tree::{At, Table};
use crate::base::units::{Unit, show};
use crate::model::experiment::{Activity, Experiment, Variant, Weighed};
use crate::model::metric::{Metric, Point, Quantity};
use crate::model::op::OpKind;
use crate::model::target::{Capability, Target};
use crate::model::topology::Topology;
use crate::model::workload::{Load, Rate};

/// Samples beyond a percentile below which it is not given.
const SAMPLES_BEYOND: f64 = 10.0;

/// The store that decides which operations a target executes: of a cache the store of record.
fn decisive(target: &Target) -> Option<&str> {
    match target {
        Target::Store { store, .. } => Some(store),
        Target::Cache { far, .. } => decisive(far),
    }
}

/// Checks a variant's workload against its target. Errors point at the key where it is known, else at the variant.
///
/// # Errors
/// When the mix is missing, or the store cannot do what is asked.
pub fn variant(variant: &Variant, table: &Table, at: &At, scope: &Scope<'_>) -> Result<(), SpecError> {
    let Some(target) = variant.target() else { return Ok(()) };
    let Some(capability) = decisive(target).and_then(|store| scope.capability(store)) else { return Ok(()) };
    let check = Check { name: &variant.name, table, at, capability };
    check.schema(variant)?;
    if matches!(variant.activity, Activity::Load { .. }) {
        check.mix(variant)?;
    }
    Ok(())
}

struct Check<'a> {
    name: &'a str,
    table: &'a Table,
    at: &'a At,
    capability: &'static Capability,
}

impl Check<'_> {
    fn fail(&self, path: &[&str], text: &str, help: impl Into<String>) -> SpecError {
        let at = self.table.find(path).map_or(self.at, |entry| &entry.at);
        at.fail(format!("variant `{}`: {text}", self.name), help)
    }

    fn schema(&self, variant: &Variant) -> Result<(), SpecError> {
        let schema = variant.workload.schema;
        let store = self.capability.name;
        if schema.indexes > schema.attributes {
            let text = format!("{} indexes on {} attributes", schema.indexes, schema.attributes);
            return Err(self.fail(&["schema", "indexes"], &text, "there is one index an attribute at most; raise schema.attributes"));
        }
        if schema.attributes > self.capability.attributes {
            let text = format!("{store} supports {} attributes, not {}", self.capability.attributes, schema.attributes);
            return Err(self.fail(&["schema", "attributes"], &text, "lower schema.attributes for this variant"));
        }
        if schema.indexes > 0 && !self.capability.indexes {
            return Err(self.fail(
                &["schema", "indexes"],
                &format!("{store} has no secondary indexes"),
                "set schema.indexes = 0 for this variant",
            ));
        }
        if schema.groups > 0 && self.capability.attributes == 0 {
            return Err(self.fail(
                &["schema", "groups"],
                &format!("{store} has no columns to group by"),
                "set schema.groups = 0 for this variant",
            ));
        }
        Ok(())
    }

    fn mix(&self, variant: &Variant) -> Result<(), SpecError> {
        let workload = &variant.workload;
        if workload.mix.is_empty() {
            let help = "add `mix = { read = 1 }`, or `use = \"read-heavy\"`, to [workload] or to this variant's workload";
            return Err(self.at.fail(format!("variant `{}` has no mix", self.name), help));
        }
        for (kind, _) in &workload.mix {
            if !self.capability.operations.contains(kind) {
                let known: Vec<&str> = self.capability.operations.iter().map(|kind| kind.name()).collect();
                let text = format!("{} has no operation `{kind}`", self.capability.name);
                return Err(self.mix_error(*kind, &text, format!("it has {}", known.join(", "))));
            }
        }
        if workload.has(OpKind::FindBy) && workload.schema.attributes == 0 {
            return Err(self.mix_error(
                OpKind::FindBy,
                "`find_by` asks for an attribute, and rows have none",
                "set schema.attributes = 1 or more",
            ));
        }
        if workload.has(OpKind::Aggregate) && workload.schema.groups == 0 {
            return Err(self.mix_error(
                OpKind::Aggregate,
                "`aggregate` needs groups, and rows have none",
                "set schema.groups = 1000, for instance",
            ));
        }
        Ok(())
    }

    fn mix_error(&self, kind: OpKind, text: &str, help: impl Into<String>) -> SpecError {
        let given = self.table.find(&["mix", kind.name()]).is_some();
        if given { self.fail(&["mix", kind.name()], text, help) } else { self.fail(&["mix"], text, help) }
    }
}

/// Why a variant's trials cannot give a metric: what is wrong, and what to write instead.
pub fn metric(metric: Metric, variant: &Variant) -> Option<(String, String)> {
    let name = &variant.name;
    let why = |text: String, help: &str| Some((text, help.to_owned()));
    if let (Some(op), Activity::Load { .. }) = (metric.op, &variant.activity)
        && !variant.workload.has(op)
    {
        return why(format!("the mix of variant `{name}` has no `{op}`"), "add it to the mix, or measure all operations");
    }
    let latency = matches!(metric.quantity, Quantity::Throughput | Quantity::Response(_) | Quantity::Service(_));
    let disk = matches!(metric.quantity, Quantity::DiskBytesPerRow | Quantity::DiskFactor);
    let memory = matches!(metric.quantity, Quantity::MemoryBytesPerRow | Quantity::ObjectsPer128Gb);
    match &variant.activity {
        Activity::Load { .. } if disk || memory => {
            why(format!("`{metric}` is a figure of fills, and variant `{name}` is none"), "give the variant a `fill`")
        }
        Activity::Load { .. } if metric.quantity == Quantity::Bandwidth => {
            why(format!("`{metric}` is a figure of probes, and variant `{name}` is none"), "use `throughput`")
        }
        Activity::Load { target: Target::Store { .. } } if metric.quantity == Quantity::HitRatio => {
            why(format!("variant `{name}` has no cache, so it has no `{metric}`"), "give it a target with `cache = \"aside\"`")
        }
        Activity::Load { .. } => None,
        Activity::Fill { weighed, .. } => {
            let (fits, help) = match weighed {
                Weighed::Disk => (disk, "expected disk.bytes_per_row or disk.factor"),
                Weighed::Memory => (memory, "expected memory.bytes_per_row or memory.objects_per_128gb"),
            };
            if fits { None } else { why(format!("variant `{name}` is a fill that does not give `{metric}`"), help) }
        }
        Activity::Probe(_) if (latency || metric.quantity == Quantity::Bandwidth) && metric.op.is_none() => None,
        Activity::Probe(_) => why(
            format!("variant `{name}` is a probe, which does not give `{metric}`"),
            "expected bandwidth, throughput, response.* or service.*",
        ),
    }
}

/// Why a trial is too short for a percentile, where that is known beforehand: an open loop at a stated rate.
pub fn percentile(metric: Metric, variant: &Variant, scope: &Scope<'_>) -> Option<(String, String)> {
    let (Quantity::Response(point) | Quantity::Service(point)) = metric.quantity else { return None };
    let beyond = match point {
        Point::P50 => 0.5,
        Point::P90 => 0.1,
        Point::P99 => 0.01,
        Point::P999 => 0.001,
        Point::Mean | Point::Max => return None,
    };
    let (Activity::Load { .. }, Load::Open { rate: Rate::PerSecond(rate), .. }) = (&variant.activity, variant.workload.load) else {
        return None;
    };
    let all: f64 = variant.workload.mix.iter().map(|(_, weight)| weight).sum();
    let part =
        metric.op.map_or(1.0, |op| variant.workload.mix.iter().find(|(kind, _)| *kind == op).map_or(0.0, |(_, weight)| weight / all));
    let seconds = variant.workload.duration.unwrap_or(scope.context.profile.trial()).as_secs_f64();
    let samples = seconds * rate * part * beyond;
    if samples >= SAMPLES_BEYOND {
        return None;
    }
    let needed = SAMPLES_BEYOND / (rate * part * beyond);
    let text =
        format!("a trial of variant `{}` gives {samples:.1} samples beyond `{metric}`, and {SAMPLES_BEYOND} are needed", variant.name);
    Some((text, format!("measure {needed:.1} s or more, raise the rate, or ask for a lower percentile")))
}

/// Refuses experiments whose servers need more memory than the machine has. The variants of an experiment are measured in turns,
/// so its distinct topologies are up together; those of different experiments need not be.
///
/// # Errors
/// When an experiment does not fit; the text names its topologies and their sizes.
pub fn check_memory(experiments: &[Experiment], memory_bytes: u64) -> Result<(), SpecError> {
    for experiment in experiments {
        let mut distinct: Vec<&Topology> = Vec::new();
        for topology in experiment.variants.iter().filter_map(Variant::target).flat_map(Target::topologies) {
            if !distinct.iter().any(|other| other.nodes == topology.nodes) {
                distinct.push(topology);
            }
        }
        let size = |topology: &Topology| topology.nodes.iter().map(|node| node.memory_bytes).sum::<u64>();
        let needed: u64 = distinct.iter().map(|topology| size(topology)).sum();
        if needed > memory_bytes {
            let sizes: Vec<String> =
                distinct.iter().map(|topology| format!("{} {}", topology.name, show(size(topology) as f64, Unit::Bytes))).collect();
            let text = format!(
                "`{}` needs {} of memory for its servers ({}), and this machine has {}",
                experiment.rule.id,
                show(needed as f64, Unit::Bytes),
                sizes.join(", "),
                show(memory_bytes as f64, Unit::Bytes)
            );
            return Err(SpecError::without_line(
                experiment.origin.clone(),
                text,
                "leave stores out with --stores, or lower `memory` of the nodes",
            ));
        }
    }
    Ok(())
}

//! The plan: which variants can run here, which share their trials with an earlier rule, and how long it will take.

use std::collections::HashMap;
use std::time::Duration;

use super::{Options, describe, rounds};
use crate::model::experiment::{Activity, Experiment, Variant};
use crate::model::manifest::{PlannedExperiment, PlannedVariant};
use crate::model::target::Target;
use crate::model::topology::{Product, Topology};
use crate::spec::{LeftOut, Loaded};
use crate::topology::{self, Found};

/// What is planned.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Experiments in the order in which they run.
    pub experiments: Vec<PlannedExperiment>,
    /// Expected time, without builds and installation.
    pub expected: Duration,
    /// Memory that the nodes are expected to need together, in bytes.
    pub memory_bytes: u64,
    /// Distinct topologies, in the order of their first use.
    pub topologies: Vec<Topology>,
}

/// Why a product cannot run here, and how to get it; `None` if it can.
type Missing = HashMap<Product, Option<String>>;

/// Makes the plan. Looks for servers on this machine, and starts nothing.
pub fn plan(loaded: Loaded, options: &Options) -> Plan {
    let Loaded { mut experiments, left_out } = loaded;
    let missing: Missing = Product::ALL
        .into_iter()
        .map(|product| match topology::find(product) {
            Found::Missing { how } => (product, Some(format!("{} was not found: {how}", product.title()))),
            Found::Available { .. } => (product, None),
        })
        .collect();
    for variant in experiments.iter_mut().flat_map(|experiment| &mut experiment.variants) {
        prefer_found(&mut variant.activity, &missing);
    }
    let mut planned: Vec<PlannedExperiment> = Vec::new();
    for experiment in experiments {
        let next = plan_experiment(experiment, options, &missing, &planned);
        planned.push(next);
    }
    planned.extend(left_out.into_iter().map(|LeftOut { rule, why }| {
        let experiment =
            Experiment { rule, variants: Vec::new(), criteria: Vec::new(), rounds: None, source: String::new(), origin: String::new() };
        PlannedExperiment { experiment, rounds: 0, not_run: Some(why.to_string()), variants: Vec::new() }
    }));
    let mut topologies: Vec<Topology> = Vec::new();
    for (variant, _) in running(&planned) {
        for topology in variant.target().map(Target::topologies).unwrap_or_default() {
            if !topologies.iter().any(|known| known.nodes == topology.nodes) {
                topologies.push(topology.clone());
            }
        }
    }
    let memory_bytes = topologies.iter().flat_map(|topology| &topology.nodes).map(|node| node.memory_bytes).sum();
    Plan { expected: expected(&planned, &topologies, options), experiments: planned, memory_bytes, topologies }
}

/// Variants that will really run trials of their own.
fn running(planned: &[PlannedExperiment]) -> impl Iterator<Item = (&Variant, &PlannedExperiment)> {
    planned.iter().filter(|planned| planned.not_run.is_none()).flat_map(|planned| {
        let own = planned
            .variants
            .iter()
            .zip(&planned.experiment.variants)
            .filter(|(plan, variant)| plan.not_run.is_none() && plan.trials_dir == own_dir(planned, &variant.name));
        own.map(move |(_, variant)| (variant, planned))
    })
}

fn own_dir(planned: &PlannedExperiment, variant: &str) -> String {
    trials_dir(&planned.experiment, variant)
}

fn trials_dir(experiment: &Experiment, variant: &str) -> String {
    format!("trials/{}/{variant}", experiment.rule.id)
}

/// CQL is spoken by two products: where the one that a file names is missing, untouched settings let the other one stand in. It is named in every figure.
fn prefer_found(activity: &mut Activity, missing: &Missing) {
    fn visit(target: &mut Target, missing: &Missing) {
        match target {
            Target::Cache { near, far, .. } => {
                visit(near, missing);
                visit(far, missing);
            }
            Target::Store { topology: Some(topology), .. } => {
                for node in &mut topology.nodes {
                    let other = match node.product {
                        Product::Cassandra => Product::Scylla,
                        Product::Scylla => Product::Cassandra,
                        Product::Postgres | Product::Redis => continue,
                    };
                    if missing[&node.product].is_some() && missing[&other].is_none() && node.settings.is_empty() {
                        node.product = other;
                    }
                }
            }
            Target::Store { .. } => {}
        }
    }
    if let Activity::Load { target } | Activity::Fill { target, .. } = activity {
        visit(target, missing);
    }
}

fn plan_experiment(experiment: Experiment, options: &Options, missing: &Missing, earlier: &[PlannedExperiment]) -> PlannedExperiment {
    let mut variants: Vec<PlannedVariant> = experiment
        .variants
        .iter()
        .map(|variant| PlannedVariant {
            name: variant.name.clone(),
            trials_dir: trials_dir(&experiment, &variant.name),
            not_run: unavailable(variant, missing),
            load: describe::load(variant, None),
            target: describe::target(variant),
            ..PlannedVariant::default()
        })
        .collect();
    let can = |name: &str| variants.iter().any(|plan| plan.name == name && plan.not_run.is_none());
    let any = experiment.criteria.is_empty() || experiment.criteria.iter().any(|criterion| criterion.test.variants().into_iter().all(can));
    let not_run = (!any).then(|| variants.iter().find_map(|plan| plan.not_run.clone()).unwrap_or_else(|| "no variant can run".to_owned()));
    share(&experiment, &mut variants, rounds(&experiment, options), earlier);
    PlannedExperiment { rounds: rounds(&experiment, options), not_run, variants, experiment }
}

fn unavailable(variant: &Variant, missing: &Missing) -> Option<String> {
    let target = variant.target()?;
    let nodes = target.topologies().into_iter().flat_map(|topology| &topology.nodes);
    nodes.into_iter().find_map(|node| missing[&node.product].clone())
}

/// Lets variants use the trials of an earlier rule that measured the very same thing. Only where every criterion that a variant takes part in
/// can be judged within one earlier rule's rounds, so that pairs stay pairs.
fn share(experiment: &Experiment, variants: &mut [PlannedVariant], rounds: u32, earlier: &[PlannedExperiment]) {
    let same = |a: &Variant, b: &Variant| a.activity == b.activity && a.workload == b.workload;
    for other in earlier.iter().filter(|other| other.not_run.is_none() && other.rounds == rounds) {
        let twin = |name: &str| {
            let variant = experiment.variants.iter().find(|variant| variant.name == name)?;
            let index = other.experiment.variants.iter().position(|candidate| same(candidate, variant))?;
            other.variants.get(index).filter(|plan| plan.not_run.is_none())
        };
        for (variant, plan) in experiment.variants.iter().zip(variants.iter_mut()) {
            let Some(source) = twin(&variant.name) else { continue };
            let involved: Vec<_> =
                experiment.criteria.iter().filter(|criterion| criterion.test.variants().contains(&variant.name.as_str())).collect();
            let within = involved.iter().all(|criterion| criterion.test.variants().into_iter().all(|name| twin(name).is_some()));
            if !involved.is_empty() && within && !variant.workload.changes_row_count() {
                plan.trials_dir.clone_from(&source.trials_dir);
            }
        }
    }
}

fn expected(planned: &[PlannedExperiment], topologies: &[Topology], options: &Options) -> Duration {
    let profile = options.profile;
    let trials: Duration = running(planned)
        .map(|(variant, planned)| {
            let trial = options.duration.or(variant.workload.duration).unwrap_or(profile.trial());
            let warmup = options.warmup.unwrap_or(profile.warmup_limit()) / 2;
            // What a trial needs beside its measured part was measured on two cores: accounts, files, sessions.
            let overhead = Duration::from_millis(60);
            match variant.activity {
                Activity::Load { .. } => warmup + Duration::from_millis(700) + (trial + profile.settle() + overhead) * planned.rounds,
                Activity::Fill { ref rows, .. } => {
                    Duration::from_secs_f64(0.3 + rows.last().copied().unwrap_or(0) as f64 / 100_000.0) * planned.rounds
                }
                Activity::Probe(_) => Duration::from_secs(1) + trial * planned.rounds,
            }
        })
        .sum();
    let nodes: Duration = topologies
        .iter()
        .flat_map(|topology| &topology.nodes)
        .map(|node| match node.product {
            Product::Postgres => Duration::from_secs(2),
            Product::Redis => Duration::from_millis(200),
            Product::Cassandra => Duration::from_secs(10) + profile.jvm_warmup_limit(),
            Product::Scylla => Duration::from_secs(20),
        })
        .sum();
    let floor = profile.trial() * 2 + Duration::from_secs(1);
    trials + nodes + floor
}

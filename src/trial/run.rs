//! Run: every experiment's variants warmed up, then measured in rounds, in counterbalanced random order.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};

use super::plan::Plan;
use super::prepare::{Ready, Stage};
use super::{Options, Progress, Report, analyse};
use crate::base::clock::{Clock, Nanos};
use crate::base::seed::{Seed, below};
use crate::model::experiment::Activity;
use crate::model::manifest::{Manifest, PlannedExperiment};
use crate::model::results::{Floor, HostInfo, Results, RunInfo, SCHEMA};
use crate::model::trial::{SeriesPoint, TrialRecord, Warning};
use crate::probe::{self, disk};
use crate::rundir::RunDir;
use crate::topology::{self, LocalOptions};

/// How a run ended.
pub struct Outcome {
    /// Everything after analysis.
    pub results: Results,
    /// The run directory.
    pub path: PathBuf,
    /// Whether it was interrupted.
    pub interrupted: bool,
    /// Rules that failed for a reason of this machine: a server that did not start, a load that failed.
    pub failures: Vec<String>,
}

pub(super) struct Run<'a> {
    pub(super) options: &'a Options,
    pub(super) dir: RunDir,
    pub(super) manifest: Manifest,
    pub(super) stage: Stage,
    pub(super) files: HashMap<u64, disk::PreparedFile>,
    pub(super) clock: Clock,
}

/// Runs a plan from start to results. What was measured before an interruption is kept and analysed.
///
/// # Errors
/// If the run directory cannot be written or the machine cannot run anything; a rule that fails is told in [`Outcome::failures`].
pub fn run(plan: Plan, options: &Options, report: Report) -> Result<Outcome> {
    let clock = Clock::real();
    let now = jiff::Timestamp::now();
    let id = format!("{}-{}", now.strftime("%Y%m%d-%H%M%S"), options.name);
    let dir = RunDir::create(&options.out, &id, clock)?;
    let trials = plan
        .experiments
        .iter()
        .filter(|planned| planned.not_run.is_none())
        .map(|planned| planned.variants.len() as u64 * u64::from(planned.rounds))
        .sum();
    report(Progress::Started { path: dir.path().to_owned(), trials });
    let (client_cores, server_cores) = probe::split_cores();
    let data_root = dir.path().join("data");
    std::fs::create_dir_all(&data_root).with_context(|| format!("{} could not be made", data_root.display()))?;
    let host = HostInfo {
        client_cores: client_cores.clone(),
        server_cores: server_cores.clone(),
        cgroup: topology::cgroup_kind().to_string(),
        ..probe::host(&data_root)
    };
    let mut warnings = vec![Warning::new(
        "loopback",
        "client and servers talk over loopback: a network adds its round trip to every figure of latency, and hides small differences",
    )];
    if client_cores.iter().any(|core| server_cores.contains(core)) {
        warnings
            .push(Warning::new("shared_cores", "client and servers share their cores; give the machine two or more to keep them apart"));
    }
    let manifest = Manifest {
        schema: SCHEMA,
        run: RunInfo {
            id,
            started: now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            partial: true,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            seed: options.seed,
            profile: options.profile.name().to_owned(),
            command: options.command.clone(),
            ..RunInfo::default()
        },
        profile: options.profile,
        host,
        limits: vec![
            format!(
                "a warm-up ends after {} s at most, that of a JVM after {} s",
                options.profile.warmup_limit().as_secs_f64(),
                options.profile.jvm_warmup_limit().as_secs()
            ),
            "an operation ends as timeout after the workload's deadline".to_owned(),
        ],
        stores: Vec::new(),
        floor: Floor::default(),
        warnings,
        experiments: plan.experiments,
    };
    dir.write_manifest(&manifest)?;
    let local =
        LocalOptions { run_dir: dir.path().to_owned(), data_root: data_root.clone(), cores: Some(server_cores), keep_data: options.keep };
    let cores: Vec<Option<u32>> = client_cores.into_iter().map(Some).collect();
    let stage = Stage::new(local, cores, options.cancel.clone(), clock)?;
    let mut run = Run { options, dir, manifest, stage, files: HashMap::new(), clock };
    let failures = run.all(report)?;
    let Run { dir, mut manifest, stage, files, .. } = run;
    drop(files);
    manifest.stores.clone_from(&stage.stores);
    drop(stage);
    if !options.keep {
        let _ = std::fs::remove_dir_all(&data_root);
    }
    let interrupted = options.cancel.load(Ordering::Relaxed);
    manifest.run.partial = interrupted;
    manifest.run.finished = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    dir.write_manifest(&manifest)?;
    let results = analyse::analyse(&dir)?;
    dir.write_results(&results)?;
    Ok(Outcome { results, path: dir.path().to_owned(), interrupted, failures })
}

impl Run<'_> {
    pub(super) fn cancelled(&self) -> bool {
        self.options.cancel.load(Ordering::Relaxed)
    }

    fn all(&mut self, report: Report) -> Result<Vec<String>> {
        let mut failures = Vec::new();
        report(Progress::Step("measuring the harness's floor".to_owned()));
        self.manifest.floor = self.floor().context("the floor could not be measured")?;
        self.dir.write_manifest(&self.manifest)?;
        let count = self.manifest.experiments.len();
        for index in 0..count {
            if self.cancelled() {
                break;
            }
            if self.manifest.experiments[index].not_run.is_some() {
                continue;
            }
            let id = self.manifest.experiments[index].experiment.rule.id.clone();
            report(Progress::Rule { id: id.clone(), index: index + 1, count });
            self.dir.event("rule", &id);
            if let Err(error) = self.experiment(index, report)
                && !self.cancelled()
            {
                let text = format!("{error:#}");
                self.dir.event("failed", &format!("{id}: {text}"));
                report(Progress::Warning(format!("{id}: {text}")));
                let planned = &mut self.manifest.experiments[index];
                for variant in &mut planned.variants {
                    variant.not_run.get_or_insert(text.clone());
                }
                failures.push(format!("{id}: {text}"));
            }
            self.manifest.stores.clone_from(&self.stage.stores);
            self.dir.write_manifest(&self.manifest)?;
        }
        Ok(failures)
    }

    /// The wall time of a reading of the clock.
    pub(super) fn wall(&self, at: Nanos) -> SystemTime {
        SystemTime::now() - Duration::from_nanos(self.clock.now().saturating_sub(at))
    }

    pub(super) fn seed(&self, label: &str, round: u32) -> Seed {
        Seed(self.options.seed).derive(label).index(u64::from(round))
    }

    fn experiment(&mut self, index: usize, report: Report) -> Result<()> {
        let PlannedExperiment { experiment, rounds, variants: plans, .. } = self.manifest.experiments[index].clone();
        let own = |plan: &crate::model::manifest::PlannedVariant| plan.trials_dir == format!("trials/{}/{}", experiment.rule.id, plan.name);
        let mut ready: Vec<Option<Ready>> = Vec::new();
        let mut runs = Vec::new();
        self.stage.spread(true);
        for (position, (variant, plan)) in experiment.variants.iter().zip(&plans).enumerate() {
            ready.push(None);
            if plan.not_run.is_some() || self.cancelled() {
                continue;
            }
            if !own(plan) {
                // Its trials are an earlier rule's: only the names of its nodes are to be told.
                let source = self
                    .manifest
                    .experiments
                    .iter()
                    .flat_map(|planned| &planned.variants)
                    .find(|other| other.trials_dir == plan.trials_dir);
                let nodes = source.map_or(Vec::new(), |source| source.nodes.clone());
                self.manifest.experiments[index].variants[position].nodes = nodes;
                continue;
            }
            runs.push(position);
            match &variant.activity {
                Activity::Load { .. } => {
                    report(Progress::Step(format!("preparing {}", variant.name)));
                    ready[position] = Some(self.stage.ready(&experiment, variant, report)?);
                }
                Activity::Fill { .. } => {}
                Activity::Probe(probe) => self.prepare_file(probe, report)?,
            }
        }
        self.warm_up(index, &experiment, &mut ready, report)?;
        let mut order: Vec<usize> = runs;
        for round in 1..=rounds {
            // Counterbalanced: every second round runs backwards, so that drift within a round hits both ends alike.
            if round % 2 == 1 {
                shuffle(&mut order, self.seed(&experiment.rule.id, round));
            } else {
                order.reverse();
            }
            for &position in &order {
                if self.cancelled() {
                    return Ok(());
                }
                let variant = &experiment.variants[position];
                let plan = self.manifest.experiments[index].variants[position].clone();
                let trial = match &variant.activity {
                    Activity::Load { .. } => {
                        let Some(ready) = ready[position].as_mut() else { continue };
                        self.load_trial(variant, ready, round, plan.rate_per_s, &experiment.rule.id)?
                    }
                    Activity::Fill { .. } => {
                        let (trial, nodes) = self.fill_trial(&experiment, variant, round, report)?;
                        self.manifest.experiments[index].variants[position].nodes = nodes;
                        Some(trial)
                    }
                    Activity::Probe(probe) => Some(self.probe_trial(variant, *probe, round)?),
                };
                let Some(Trial { record, series, logs }) = trial else { return Ok(()) };
                self.dir.write_trial(&plan.trials_dir, &record, &series, &logs)?;
                report(Progress::Trial {
                    rule: experiment.rule.id.clone(),
                    variant: variant.name.clone(),
                    round,
                    rounds,
                    throughput_per_s: record.throughput_per_s,
                    p50_ns: record.response_ns.p50,
                });
            }
        }
        Ok(())
    }
}

pub(super) struct Trial {
    pub(super) record: TrialRecord,
    pub(super) series: Vec<SeriesPoint>,
    pub(super) logs: Vec<(String, Vec<u8>)>,
}

/// Fisher and Yates.
fn shuffle(order: &mut [usize], seed: Seed) {
    let mut rng = seed.rng();
    for index in (1..order.len()).rev() {
        order.swap(index, below(&mut rng, index as u64 + 1) as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_a_permutation_that_the_seed_decides() {
        let mut order = vec![0, 1, 2, 3, 4];
        shuffle(&mut order, Seed(3));
        let mut again = vec![0, 1, 2, 3, 4];
        shuffle(&mut again, Seed(3));
        assert_eq!(order, again);
        order.sort_unstable();
        assert_eq!(order, [0, 1, 2, 3, 4]);
    }
}

//! Run: every experiment's variants warmed up, then measured in rounds, in counterbalanced random order.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};

use super::figures::{CLIENT_BOUND, IN_PROCESS};
use super::plan::Plan;
use super::prepare::{Ready, Stage};
use super::{Options, Progress, Report, analyse, describe};
use crate::base::clock::{Clock, Nanos, SECOND};
use crate::base::seed::{Seed, below};
use crate::engine::{Measured, Moment, TrialPlan, WarmupPlan};
use crate::model::data::DataSet;
use crate::model::experiment::{Activity, Experiment, Probe, ProbeKind, Variant, Weighed};
use crate::model::manifest::{Manifest, PlannedExperiment};
use crate::model::op::OpKind;
use crate::model::results::{Floor, HostInfo, Results, RunInfo, SCHEMA};
use crate::model::target::{ResolvedTarget, StoreConfig};
use crate::model::topology::Usage;
use crate::model::trial::{OpFigures, SeriesPoint, ServerUsage, TrialRecord, Warning};
use crate::model::workload::{Load, Rate, Warmup, Workload};
use crate::probe::{self, disk};
use crate::recorder::{self, Recording};
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

struct Run<'a> {
    options: &'a Options,
    dir: RunDir,
    manifest: Manifest,
    stage: Stage,
    files: HashMap<u64, disk::PreparedFile>,
    clock: Clock,
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
    fn cancelled(&self) -> bool {
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
    fn wall(&self, at: Nanos) -> SystemTime {
        SystemTime::now() - Duration::from_nanos(self.clock.now().saturating_sub(at))
    }

    fn seed(&self, label: &str, round: u32) -> Seed {
        Seed(self.options.seed).derive(label).index(u64::from(round))
    }

    /// The harness alone, on `null`: what it costs, and how late it is.
    fn floor(&mut self) -> Result<Floor> {
        let data = DataSet {
            table: "null".to_owned(),
            rows: 100_000,
            schema: Default::default(),
            value: crate::model::workload::ValueSize::Fixed(100),
        };
        let resolved = ResolvedTarget::Store(StoreConfig {
            store: "null".to_owned(),
            endpoints: Vec::new(),
            set: BTreeMap::new(),
            data,
            directory: PathBuf::new(),
            deadline: Duration::from_secs(10),
        });
        let mut workload = floor_workload();
        let mut client = self.stage.client(&resolved, 16)?;
        let plan = |workload: &Workload, rate| TrialPlan {
            workload: workload.clone(),
            rate_per_s: rate,
            warmup: WarmupPlan::Fixed(Duration::from_millis(200)),
            duration: self.options.profile.trial().min(Duration::from_secs(2)),
            seed: self.seed("floor", 0),
            first_insert_key: 100_000,
            cancel: self.options.cancel.clone(),
        };
        let closed = client.run(&plan(&workload, None), &mut |_| {})?;
        workload.load = Load::Open { rate: Rate::PerSecond(1_000.0), arrivals: crate::model::workload::Arrivals::Poisson, sessions: 16 };
        let open = client.run(&plan(&workload, Some(1_000.0)), &mut |_| {})?;
        let ops = closed.recording.by_op.values().map(|op| op.outcomes[0]).sum::<u64>().max(1);
        let service = closed.recording.by_op.values().next().map_or(0, |op| op.service.value_at_quantile(0.5));
        Ok(Floor {
            throughput_per_s: ops as f64 * 1e9 / closed.duration_ns.max(1) as f64,
            client_cpu_ns: closed.client_cpu_ns as f64 / ops as f64,
            service_p50_ns: service,
            issue_lag_p50_ns: open.recording.lag.value_at_quantile(0.5),
            issue_lag_p99_ns: open.recording.lag.value_at_quantile(0.99),
        })
    }

    fn experiment(&mut self, index: usize, report: Report) -> Result<()> {
        let PlannedExperiment { experiment, rounds, variants: plans, .. } = self.manifest.experiments[index].clone();
        let own = |plan: &crate::model::manifest::PlannedVariant| plan.trials_dir == format!("trials/{}/{}", experiment.rule.id, plan.name);
        let mut ready: Vec<Option<Ready>> = Vec::new();
        let mut runs = Vec::new();
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

    /// Warms every variant up, finds the rate that relative rates refer to, and fills in the plan what is now known.
    fn warm_up(&mut self, index: usize, experiment: &Experiment, ready: &mut [Option<Ready>], report: Report) -> Result<()> {
        let mut slowest = f64::INFINITY;
        for (position, (variant, ready)) in experiment.variants.iter().zip(ready.iter_mut()).enumerate() {
            let Some(ready) = ready else { continue };
            if self.cancelled() {
                return Ok(());
            }
            self.warm_jvm(variant, ready, report)?;
            let mut workload = variant.workload.clone();
            let relative = matches!(workload.load, Load::Open { rate: Rate::ShareOfSlowest(_), .. });
            if relative {
                workload.load = Load::Closed { sessions: workload.load.sessions() };
            }
            let rate = if let Load::Open { rate: Rate::PerSecond(rate), .. } = workload.load { Some(rate) } else { None };
            let limit = self.options.warmup.unwrap_or(self.options.profile.warmup_limit());
            let warmup = match workload.warmup {
                Warmup::Fixed(duration) => WarmupPlan::Fixed(duration.min(limit)),
                Warmup::UntilSteady => WarmupPlan::Steady { limit, min: limit / 5 },
            };
            let label = format!("{}/{}/warm-up", experiment.rule.id, variant.name);
            let measured = self.measure(ready, workload, rate, warmup, Duration::from_millis(200), self.seed(&label, 0), &mut |_| {})?;
            let Some(measured) = measured else { return Ok(()) };
            let capacity = throughput(&measured);
            let steady = measured.steady_rate_per_s.max(capacity);
            self.dir
                .event("warm", &format!("{label}: {:.1} s, steady: {}, {steady:.0}/s", measured.warmup_ns as f64 / 1e9, measured.steady));
            self.manifest.experiments[index].variants[position].steady_rate_per_s = Some(steady);
            self.manifest.experiments[index].variants[position].nodes.clone_from(&ready.nodes);
            if relative {
                slowest = slowest.min(measured.steady_rate_per_s.min(capacity.max(1.0)));
            }
        }
        for (variant, plan) in experiment.variants.iter().zip(&mut self.manifest.experiments[index].variants) {
            plan.rate_per_s = match variant.workload.load {
                Load::Open { rate: Rate::PerSecond(rate), .. } => Some(rate),
                Load::Open { rate: Rate::ShareOfSlowest(share), .. } if slowest.is_finite() => Some((slowest * share).max(1.0)),
                _ => None,
            };
            plan.load = describe::load(variant, plan.rate_per_s);
        }
        self.dir.write_manifest(&self.manifest)?;
        Ok(())
    }

    /// A JVM compiles while it serves: each of its nodes gets one long warm-up under load before it is measured for the first time.
    fn warm_jvm(&mut self, variant: &Variant, ready: &mut Ready, report: Report) -> Result<()> {
        if ready.jvm.iter().all(|node| self.stage.warm.contains(node)) {
            return Ok(());
        }
        let limit = self.options.profile.jvm_warmup_limit();
        report(Progress::Step(format!(
            "warming up {} under load, {} s at most: a JVM compiles while it serves",
            ready.jvm.join(", "),
            limit.as_secs()
        )));
        let mut workload = variant.workload.clone();
        workload.mix = vec![(OpKind::Read, 1.0), (OpKind::Update, 1.0)];
        workload.load = Load::Closed { sessions: 32 };
        let mut client = self.stage.client(&ready.resolved, 32)?;
        let started = self.clock.now();
        let mut rates: Vec<f64> = Vec::new();
        while self.clock.now() - started < limit.as_nanos() as Nanos && !self.cancelled() && !jvm_is_warm(&rates) {
            let plan = TrialPlan {
                workload: workload.clone(),
                rate_per_s: None,
                warmup: WarmupPlan::Fixed(Duration::from_millis(100)),
                duration: JVM_WINDOW,
                seed: self.seed("jvm", rates.len() as u32),
                first_insert_key: ready.data.rows,
                cancel: self.options.cancel.clone(),
            };
            rates.push(throughput(&client.run(&plan, &mut |_| {})?));
        }
        let text: Vec<String> = rates.iter().map(|rate| format!("{rate:.0}")).collect();
        let seconds = (self.clock.now() - started) as f64 / 1e9;
        let steady = jvm_is_warm(&rates);
        self.dir
            .event("warm", &format!("{}: {seconds:.1} s, steady: {steady}, operations a second: {}", ready.jvm.join(", "), text.join(" ")));
        if !steady && !self.cancelled() {
            let text = format!(
                "{} was still getting faster when its warm-up ended after {seconds:.0} s: its figures are a lower bound; use --profile standard",
                ready.jvm.join(", ")
            );
            self.manifest.warnings.push(Warning::new("jvm_not_warm", text));
        }
        self.stage.warm.extend(ready.jvm.clone());
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "one place puts a trial's plan together")]
    fn measure(
        &self,
        ready: &mut Ready,
        workload: Workload,
        rate_per_s: Option<f64>,
        warmup: WarmupPlan,
        duration: Duration,
        seed: Seed,
        observer: &mut dyn FnMut(Moment),
    ) -> Result<Option<Measured>> {
        let plan = TrialPlan {
            workload,
            rate_per_s,
            warmup,
            duration,
            seed,
            first_insert_key: ready.next_key,
            cancel: self.options.cancel.clone(),
        };
        let measured = ready.client.run(&plan, observer)?;
        ready.next_key += measured.inserted;
        Ok((!measured.cancelled).then_some(measured))
    }

    fn load_trial(&mut self, variant: &Variant, ready: &mut Ready, round: u32, rate: Option<f64>, rule: &str) -> Result<Option<Trial>> {
        let duration = self.options.duration.or(variant.workload.duration).unwrap_or(self.options.profile.trial());
        // The seed names the rule and the round, not the variant: variants of a round draw the same keys.
        let seed = self.seed(rule, round);
        let nodes = ready.nodes.clone();
        let read = |stage: &Stage| -> Vec<Usage> {
            nodes.iter().map(|name| stage.node(name).map_or(Usage::default(), topology::Node::cpu)).collect()
        };
        let (mut before, mut after) = (Vec::new(), Vec::new());
        let (mut process_before, mut process_after) = (0, 0);
        let warmup = WarmupPlan::Fixed(self.options.profile.settle());
        let measured = self.measure(ready, variant.workload.clone(), rate, warmup, duration, seed, &mut |moment| match moment {
            Moment::MeasuredStarts => {
                before = read(&self.stage);
                process_before = process_cpu_ns();
            }
            Moment::MeasuredEnds => {
                after = read(&self.stage);
                process_after = process_cpu_ns();
            }
        })?;
        let Some(measured) = measured else { return Ok(None) };
        let mut servers: Vec<ServerUsage> = nodes
            .iter()
            .zip(before.iter().zip(&after))
            .map(|(name, (before, after))| {
                let sizes = self.stage.node(name).map_or(Usage::default(), topology::Node::usage);
                let after = Usage { rss_bytes: sizes.rss_bytes, disk_bytes: sizes.disk_bytes, ..*after };
                ServerUsage::between(name, *before, after)
            })
            .collect();
        if ready.in_process {
            let cpu_ns = process_after.saturating_sub(process_before).saturating_sub(measured.client_cpu_ns);
            servers.push(ServerUsage { node: IN_PROCESS.to_owned(), cpu_ns, ..ServerUsage::default() });
        }
        let mut record = record(&measured, round, seed)?;
        record.started_ns = self.dir.since_start(measured.started);
        record.sessions = variant.workload.load.sessions();
        record.asked_per_s = rate;
        record.servers = servers;
        judge_trial(&mut record, variant, ready.in_process);
        let logs = measured.recording.logs(self.wall(measured.started))?;
        Ok(Some(Trial { record, series: measured.recording.series.clone(), logs }))
    }

    fn prepare_file(&mut self, probe: &Probe, report: Report) -> Result<()> {
        if !self.files.contains_key(&probe.file) {
            report(Progress::Step(format!("writing {} MiB of random bytes to probe the disk with", probe.file >> 20)));
            let directory = self.dir.path().join("data");
            let file = disk::prepare(&directory, probe.file, Seed(self.options.seed), &mut |_| {}, &self.options.cancel)?;
            self.files.insert(probe.file, file);
        }
        Ok(())
    }

    fn probe_trial(&mut self, variant: &Variant, probe: Probe, round: u32) -> Result<Trial> {
        let duration = self.options.duration.or(variant.workload.duration).unwrap_or(self.options.profile.trial());
        let seed = self.seed(&variant.name, round);
        let file = self.files.get(&probe.file).context("the probe's file was not prepared")?;
        let started = self.clock.now();
        let cpu = process_cpu_ns();
        let outcome = disk::run(&probe, file, duration, seed, self.clock, &self.options.cancel)?;
        let kind =
            if matches!(probe.kind, ProbeKind::DiskRandomRead | ProbeKind::DiskSequentialRead) { OpKind::Read } else { OpKind::Update };
        let recording = Recording::of_probe(kind, &outcome.requests, outcome.duration_ns)?;
        let latency = recording.by_op.get(&kind).map(|op| recorder::latency(&op.response)).unwrap_or_default();
        let seconds = outcome.duration_ns.max(1) as f64 / 1e9;
        let mut record = TrialRecord {
            round,
            seed: seed.0,
            started_ns: self.dir.since_start(started),
            duration_ns: outcome.duration_ns,
            sessions: 1,
            offered: outcome.ops,
            issued: outcome.ops,
            ops: outcome.ops,
            throughput_per_s: outcome.ops as f64 / seconds,
            response_ns: latency,
            service_ns: latency,
            by_op: [(kind.to_string(), OpFigures { ops: outcome.ops, response_ns: latency, service_ns: latency })].into(),
            client_cpu_ns: process_cpu_ns().saturating_sub(cpu),
            client_threads: 1,
            figures: [("bandwidth".to_owned(), outcome.bytes as f64 / seconds)].into(),
            valid: outcome.ops > 0,
            ..TrialRecord::default()
        };
        match outcome.device_bytes_moved {
            Some(moved) if moved < outcome.bytes / 2 => {
                record.valid = false;
                record.invalid_why = Some(format!("the device moved {moved} bytes for {} asked: a cache answered", outcome.bytes));
            }
            Some(_) => {}
            None => record.warnings.push(Warning::new(
                "device_unknown",
                "the device's own counters could not be read, so a cache below the file system would not be noticed",
            )),
        }
        let logs = recording.logs(self.wall(started))?;
        Ok(Trial { record, series: Vec::new(), logs })
    }

    /// Loads rows in steps and weighs the store after each; the slope over the steps leaves fixed costs out.
    fn fill_trial(&mut self, experiment: &Experiment, variant: &Variant, round: u32, report: Report) -> Result<(Trial, Vec<String>)> {
        let Activity::Fill { rows, weighed, target } = &variant.activity else { anyhow::bail!("not a fill") };
        let started = self.clock.now();
        let (resolved, data, nodes) = self.stage.target(experiment, variant, report)?;
        // An allocator keeps what it freed: memory is weighed on servers that have just been started.
        let (resolved, fresh) = match weighed {
            Weighed::Memory => self.stage.fresh(target, &resolved, round)?,
            Weighed::Disk => (resolved, None),
        };
        let node =
            fresh.as_ref().and_then(|cluster| cluster.nodes.first()).or_else(|| nodes.first().and_then(|name| self.stage.node(name)));
        let data = DataSet { table: format!("{}_{round}", data.table), ..data };
        let mut points = Vec::new();
        self.stage.with_store(&resolved, async |store| {
            store.create(&data).await?;
            let mut from = 0;
            for &to in rows {
                store.load(&data, from..to, &|_| {}).await?;
                store.settle(&data).await?;
                let count = store.count(&data).await?;
                anyhow::ensure!(count == to, "{count} rows are stored, {to} were loaded");
                let bytes = match weighed {
                    Weighed::Memory => node.map_or(0, |node| node.usage().rss_bytes),
                    Weighed::Disk => match store.disk_bytes(&data).await? {
                        Some(bytes) => bytes,
                        None => node.map_or(0, |node| node.usage().disk_bytes),
                    },
                };
                points.push((to as f64, bytes as f64));
                from = to;
            }
            store.discard(&data).await?;
            Ok(())
        })?;
        let slope = slope(&points);
        let value_bytes = (0..1_000).map(|key| f64::from(data.value.of_key(key))).sum::<f64>() / 1_000.0;
        let figures = match weighed {
            Weighed::Disk => vec![("disk.bytes_per_row", slope), ("disk.factor", slope / value_bytes)],
            Weighed::Memory => vec![("memory.bytes_per_row", slope), ("memory.objects_per_128gb", 128e9 / slope)],
        };
        let last = rows.last().copied().unwrap_or(0);
        let duration_ns = self.clock.now() - started;
        let record = TrialRecord {
            round,
            started_ns: self.dir.since_start(started),
            duration_ns,
            sessions: 1,
            offered: last,
            issued: last,
            ops: last,
            throughput_per_s: last as f64 * SECOND as f64 / duration_ns.max(1) as f64,
            figures: figures.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            valid: slope > 0.0,
            invalid_why: (slope <= 0.0).then(|| format!("more rows did not take more room: {points:?}")),
            ..TrialRecord::default()
        };
        Ok((Trial { record, series: Vec::new(), logs: Vec::new() }, nodes))
    }
}

/// Length of one window of a JVM's warm-up. Its compiler works in bursts of seconds, so shorter windows agree by chance.
const JVM_WINDOW: Duration = Duration::from_millis(3_900);

/// Whether the last three windows agree within a tenth, and the last is no faster than the first of them by a twentieth.
fn jvm_is_warm(rates: &[f64]) -> bool {
    let [.., first, second, third] = rates else { return false };
    let (least, most) = (first.min(*second).min(*third), first.max(*second).max(*third));
    rates.len() >= 5 && most <= 1.1 * least && *third <= 1.05 * first
}

struct Trial {
    record: TrialRecord,
    series: Vec<SeriesPoint>,
    logs: Vec<(String, Vec<u8>)>,
}

fn floor_workload() -> Workload {
    Workload {
        mix: vec![(OpKind::Read, 1.0)],
        keys: crate::model::workload::Keys { count: 100_000, distribution: crate::model::workload::Distribution::Uniform },
        value: crate::model::workload::ValueSize::Fixed(100),
        schema: Default::default(),
        load: Load::Closed { sessions: 16 },
        scan_limit: 1,
        warmup: Warmup::Fixed(Duration::from_millis(200)),
        duration: None,
        deadline: Duration::from_secs(10),
    }
}

/// CPU time of the whole process in ns.
fn process_cpu_ns() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as u64 * SECOND + time.tv_nsec as u64
}

fn throughput(measured: &Measured) -> f64 {
    measured.recording.ops() as f64 * SECOND as f64 / measured.duration_ns.max(1) as f64
}

fn record(measured: &Measured, round: u32, seed: Seed) -> Result<TrialRecord> {
    let recording = &measured.recording;
    let by_op: BTreeMap<String, OpFigures> = recording
        .by_op
        .iter()
        .map(|(kind, op)| {
            let (response_ns, service_ns) = (recorder::latency(&op.response), recorder::latency(&op.service));
            (kind.to_string(), OpFigures { ops: op.outcomes[0], response_ns, service_ns })
        })
        .collect();
    let all = recording.total()?;
    Ok(TrialRecord {
        round,
        seed: seed.0,
        duration_ns: measured.duration_ns,
        warmup_ns: measured.warmup_ns,
        offered: measured.offered,
        issued: measured.issued,
        ops: recording.ops(),
        errors: recording.errors(),
        error_texts: measured.error_texts.clone(),
        throughput_per_s: throughput(measured),
        response_ns: recorder::latency(&all.response),
        service_ns: recorder::latency(&all.service),
        issue_lag_ns: recorder::lag(&recording.lag),
        by_op,
        client_cpu_ns: measured.client_cpu_ns,
        client_threads: measured.client_threads,
        counters: measured.counters.clone(),
        valid: true,
        ..TrialRecord::default()
    })
}

/// The harness judges itself: a trial in which it was the bottleneck says nothing of the store.
fn judge_trial(record: &mut TrialRecord, variant: &Variant, in_process: bool) {
    let invalid = |record: &mut TrialRecord, why: String| {
        record.valid = false;
        record.invalid_why.get_or_insert(why);
    };
    let busy = record.client_cpu_ns as f64 / (record.duration_ns.max(1) * u64::from(record.client_threads.max(1))) as f64;
    let errors: u64 = record.errors.values().sum();
    if record.ops == 0 {
        let text = record.error_texts.values().next().cloned().unwrap_or_default();
        invalid(record, format!("no operation ended rightly {text}"));
    }
    if record.errors.contains_key("wrong") {
        invalid(record, "answers were wrong".to_owned());
    }
    if errors > 0 {
        let kinds: Vec<String> = record.errors.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        let first = record.error_texts.values().next().cloned().unwrap_or_default();
        record.warnings.push(Warning::new("errors", format!("operations failed: {} {first}", kinds.join(", "))));
    }
    match variant.workload.load {
        Load::Closed { .. } => {
            if busy > CLIENT_BOUND && !in_process {
                let text = format!(
                    "the client used {:.0} % of its CPU: throughput and latency are the client's, not the store's; CPU per operation is still the server's",
                    busy * 100.0
                );
                record.warnings.push(Warning::new("client_bound", text));
            }
        }
        Load::Open { .. } => {
            let offered = record.offered.max(1);
            if (record.issued as f64) < 0.95 * offered as f64 {
                invalid(record, format!("the rate was not held: {} of {offered} operations were started", record.issued));
            }
            if record.issue_lag_ns.p99 > 10_000_000 {
                invalid(record, format!("the harness was late: p99 of the issue lag is {:.1} ms", record.issue_lag_ns.p99 as f64 / 1e6));
            }
        }
    }
}

/// Fisher and Yates.
fn shuffle(order: &mut [usize], seed: Seed) {
    let mut rng = seed.rng();
    for index in (1..order.len()).rev() {
        order.swap(index, below(&mut rng, index as u64 + 1) as usize);
    }
}

/// Least squares.
fn slope(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let (mean_x, mean_y) = (points.iter().map(|point| point.0).sum::<f64>() / n, points.iter().map(|point| point.1).sum::<f64>() / n);
    let covariance: f64 = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let variance: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    covariance / variance
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_leaves_the_fixed_cost_out() {
        assert!((slope(&[(1.0, 103.0), (2.0, 106.0), (3.0, 109.0)]) - 3.0).abs() < 1e-9);
    }

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

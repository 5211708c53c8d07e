//! Before the rounds: the harness's floor, warm-ups, and the rate that relative rates refer to.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use super::describe;
use super::load::throughput;
use super::prepare::Ready;
use super::run::Run;
use super::{Progress, Report};
use crate::base::clock::Nanos;
use crate::engine::{TrialPlan, WarmupPlan};
use crate::model::data::{DataSet, Schema};
use crate::model::experiment::{Experiment, Variant};
use crate::model::op::OpKind;
use crate::model::results::Floor;
use crate::model::target::{ResolvedTarget, StoreConfig};
use crate::model::trial::Warning;
use crate::model::workload::{Arrivals, Distribution, Keys, Load, Rate, ValueSize, Warmup, Workload};

impl Run<'_> {
    /// The harness alone, on `null`: what it costs, and how late it is.
    pub(super) fn floor(&mut self) -> Result<Floor> {
        let data = DataSet { table: "null".to_owned(), rows: 100_000, schema: Schema::default(), value: ValueSize::Fixed(100) };
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
        workload.load = Load::Open { rate: Rate::PerSecond(1_000.0), arrivals: Arrivals::Poisson, sessions: 16 };
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

    /// Warms every variant up, finds the rate that relative rates refer to, and fills in the plan what is now known.
    pub(super) fn warm_up(&mut self, index: usize, experiment: &Experiment, ready: &mut [Option<Ready>], report: Report) -> Result<()> {
        for (variant, ready) in experiment.variants.iter().zip(ready.iter_mut()) {
            if let Some(ready) = ready {
                self.warm_jvm(variant, ready, report)?;
            }
        }
        self.stage.spread(false);
        let mut slowest = f64::INFINITY;
        for (position, (variant, ready)) in experiment.variants.iter().zip(ready.iter_mut()).enumerate() {
            let Some(ready) = ready else { continue };
            if self.cancelled() {
                return Ok(());
            }
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

    fn compiler_cpu_ns(&self, nodes: &[String]) -> u64 {
        nodes.iter().filter_map(|name| self.stage.node(name)).map(crate::topology::Node::compiler_cpu_ns).sum()
    }

    /// A JVM compiles while it serves: each of its nodes gets one long warm-up under load before it is measured for the first time. It may use
    /// all cores meanwhile: on one core that is busy serving, its compiler gets so little time that it needs minutes.
    pub(super) fn warm_jvm(&mut self, variant: &Variant, ready: &mut Ready, report: Report) -> Result<()> {
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
        workload.load = Load::Closed { sessions: JVM_SESSIONS };
        let mut client = self.stage.client(&ready.resolved, JVM_SESSIONS)?;
        let started = self.clock.now();
        let mut windows: Vec<JvmWindow> = Vec::new();
        while self.clock.now() - started < limit.as_nanos() as Nanos && !self.cancelled() && !jvm_is_warm(&windows) {
            let plan = TrialPlan {
                workload: workload.clone(),
                rate_per_s: None,
                warmup: WarmupPlan::Fixed(Duration::from_millis(100)),
                duration: JVM_WINDOW,
                seed: self.seed("jvm", windows.len() as u32),
                first_insert_key: ready.data.rows,
                cancel: self.options.cancel.clone(),
            };
            let before = self.compiler_cpu_ns(&ready.jvm);
            let measured = client.run(&plan, &mut |_| {})?;
            let compiled = self.compiler_cpu_ns(&ready.jvm).saturating_sub(before);
            windows.push(JvmWindow { rate_per_s: throughput(&measured), compiling: compiled as f64 / measured.duration_ns.max(1) as f64 });
        }
        let text: Vec<String> =
            windows.iter().map(|window| format!("{:.0}/s ({:.0} % compiling)", window.rate_per_s, window.compiling * 100.0)).collect();
        let seconds = (self.clock.now() - started) as f64 / 1e9;
        let steady = jvm_is_warm(&windows);
        self.dir.event("warm", &format!("{}: {seconds:.1} s, steady: {steady}; {}", ready.jvm.join(", "), text.join(", ")));
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
}

/// Length of one window of a JVM's warm-up. Its compiler works in bursts, so shorter windows agree by chance.
const JVM_WINDOW: Duration = Duration::from_millis(1_900);

/// Few sessions, so that the compiler, which is one thread among those that serve, gets a core of its own.
const JVM_SESSIONS: u32 = 2;

struct JvmWindow {
    rate_per_s: f64,
    /// CPU of the compiler, in cores.
    compiling: f64,
}

/// Whether in the last two windows the compiler was nearly idle and the rates agree within a tenth.
fn jvm_is_warm(windows: &[JvmWindow]) -> bool {
    let [.., first, second] = windows else { return false };
    let (least, most) = (first.rate_per_s.min(second.rate_per_s), first.rate_per_s.max(second.rate_per_s));
    first.compiling.max(second.compiling) < 0.1 && most <= 1.1 * least
}

fn floor_workload() -> Workload {
    Workload {
        mix: vec![(OpKind::Read, 1.0)],
        keys: Keys { count: 100_000, distribution: Distribution::Uniform },
        value: ValueSize::Fixed(100),
        schema: Schema::default(),
        load: Load::Closed { sessions: 16 },
        scan_limit: 1,
        warmup: Warmup::Fixed(Duration::from_millis(200)),
        duration: None,
        deadline: Duration::from_secs(10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jvm_that_still_compiles_or_gets_faster_is_not_warm() {
        let warm = |windows: &[(f64, f64)]| {
            let windows: Vec<JvmWindow> = windows.iter().map(|&(rate_per_s, compiling)| JvmWindow { rate_per_s, compiling }).collect();
            jvm_is_warm(&windows)
        };
        assert!(!warm(&[(10.0, 0.0)]));
        assert!(!warm(&[(10.0, 0.9), (10.0, 0.5)]));
        assert!(!warm(&[(8.0, 0.05), (10.0, 0.05)]));
        assert!(warm(&[(2.0, 0.9), (9.7, 0.05), (10.0, 0.05)]));
    }
}

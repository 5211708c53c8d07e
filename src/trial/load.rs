//! Trials of a load: what the client recorded, what the servers used, and whether the harness was in the way.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;

use super::figures::{CLIENT_BOUND, IN_PROCESS};
use super::prepare::{Ready, Stage};
use super::run::{Run, Trial};
use crate::base::clock::SECOND;
use crate::base::seed::Seed;
use crate::engine::{Measured, Moment, TrialPlan, WarmupPlan};
use crate::model::experiment::Variant;
use crate::model::topology::Usage;
use crate::model::trial::{OpFigures, ServerUsage, TrialRecord, Warning};
use crate::model::workload::{Load, Workload};
use crate::recorder;
use crate::topology;

impl Run<'_> {
    #[expect(clippy::too_many_arguments, reason = "one place puts a trial's plan together")]
    pub(super) fn measure(
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

    pub(super) fn load_trial(
        &mut self,
        variant: &Variant,
        ready: &mut Ready,
        round: u32,
        rate: Option<f64>,
        rule: &str,
    ) -> Result<Option<Trial>> {
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
}

/// CPU time of the whole process in ns.
pub(super) fn process_cpu_ns() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as u64 * SECOND + time.tv_nsec as u64
}

/// Operations that ended rightly, a second.
pub(super) fn throughput(measured: &Measured) -> f64 {
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

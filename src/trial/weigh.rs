//! Trials without a load: fills, which weigh rows, and probes of the disk.

use anyhow::{Context, Result};

use super::load::process_cpu_ns;
use super::run::{Run, Trial};
use super::{Progress, Report};
use crate::base::clock::SECOND;
use crate::base::seed::Seed;
use crate::model::data::DataSet;
use crate::model::experiment::{Activity, Experiment, Probe, ProbeKind, Variant, Weighed};
use crate::model::op::OpKind;
use crate::model::trial::{OpFigures, TrialRecord, Warning};
use crate::probe::disk;
use crate::recorder::{self, Recording};

impl Run<'_> {
    pub(super) fn prepare_file(&mut self, probe: &Probe, report: Report) -> Result<()> {
        if !self.files.contains_key(&probe.file) {
            report(Progress::Step(format!("writing {} MiB of random bytes to probe the disk with", probe.file >> 20)));
            let directory = self.dir.path().join("data");
            let file = disk::prepare(&directory, probe.file, Seed(self.options.seed), &mut |_| {}, &self.options.cancel)?;
            self.files.insert(probe.file, file);
        }
        Ok(())
    }

    pub(super) fn probe_trial(&mut self, variant: &Variant, probe: Probe, round: u32) -> Result<Trial> {
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
    pub(super) fn fill_trial(
        &mut self,
        experiment: &Experiment,
        variant: &Variant,
        round: u32,
        report: Report,
    ) -> Result<(Trial, Vec<String>)> {
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
}

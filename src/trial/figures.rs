//! Figures: what a criterion's metric comes to in one trial, or why it has none.

use crate::model::metric::{Metric, Point, Quantity};
use crate::model::trial::{Latency, TrialRecord};

/// Share of the client's CPU above which a closed loop measures the client and not the store.
pub const CLIENT_BOUND: f64 = 0.95;

/// Node name under which a store inside the process is accounted.
pub const IN_PROCESS: &str = "in-process";

fn latency(latency: &Latency, point: Point) -> Option<f64> {
    let percentile = |value: Option<u64>| value.map(|value| value as f64);
    match point {
        Point::Mean => (latency.max > 0).then_some(latency.mean),
        Point::P50 => percentile(latency.p50),
        Point::P90 => percentile(latency.p90),
        Point::P99 => percentile(latency.p99),
        Point::P999 => percentile(latency.p999),
        Point::Max => (latency.max > 0).then_some(latency.max as f64),
    }
}

/// CPU of all servers in ns; of a store inside the process the CPU of the whole process, since the two cannot be told apart.
pub fn server_cpu_ns(record: &TrialRecord) -> u64 {
    let inside = record.servers.iter().any(|server| server.node == IN_PROCESS);
    record.servers.iter().map(|server| server.cpu_ns).sum::<u64>() + if inside { record.client_cpu_ns } else { 0 }
}

/// Whether the client's CPU bounded a closed loop.
pub fn client_bound(record: &TrialRecord) -> bool {
    record.warnings.iter().any(|warning| warning.kind == "client_bound")
}

/// The figure of `metric` in a trial. `None` if the trial is invalid, if the harness bounded this figure, or if the sample does not support it.
pub fn figure(record: &TrialRecord, metric: Metric) -> Option<f64> {
    if !record.valid {
        return None;
    }
    if client_bound(record) && matches!(metric.quantity, Quantity::Throughput | Quantity::Response(_) | Quantity::Service(_)) {
        return None;
    }
    let ended = record.ops + record.errors.values().sum::<u64>();
    let per = |total: f64, parts: f64| (parts > 0.0 && total > 0.0).then(|| total / parts);
    let by_op = |kind| record.by_op.get(crate::model::op::OpKind::name(kind));
    let figure = match (metric.quantity, metric.op) {
        (Quantity::Throughput, None) => Some(record.throughput_per_s),
        (Quantity::Throughput, Some(kind)) => per(by_op(kind)?.ops as f64, record.duration_ns as f64 / 1e9),
        (Quantity::Response(point), None) => latency(&record.response_ns, point),
        (Quantity::Response(point), Some(kind)) => latency(&by_op(kind)?.response_ns, point),
        (Quantity::Service(point), None) => latency(&record.service_ns, point),
        (Quantity::Service(point), Some(kind)) => latency(&by_op(kind)?.service_ns, point),
        (Quantity::PerServerCpuSecond, _) => per(record.ops as f64, server_cpu_ns(record) as f64 / 1e9),
        (Quantity::ServerCpuPerOp, _) => per(server_cpu_ns(record) as f64, record.ops as f64),
        (Quantity::ClientCpuPerOp, _) => per(record.client_cpu_ns as f64, record.ops as f64),
        (Quantity::HitRatio, _) => {
            let [hit, miss] = ["hit", "miss"].map(|name| record.counters.get(name).copied().unwrap_or(0) as f64);
            (hit + miss > 0.0).then(|| hit / (hit + miss))
        }
        (Quantity::ErrorShare, _) => (ended > 0).then(|| (ended - record.ops) as f64 / ended as f64),
        (
            Quantity::Bandwidth
            | Quantity::DiskBytesPerRow
            | Quantity::DiskFactor
            | Quantity::MemoryBytesPerRow
            | Quantity::ObjectsPer128Gb,
            _,
        ) => record.figures.get(&metric.to_string()).copied(),
    };
    figure.filter(|figure| figure.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::trial::{ServerUsage, Warning};

    fn record() -> TrialRecord {
        let server = ServerUsage { node: "postgres".to_owned(), cpu_ns: 500_000_000, ..ServerUsage::default() };
        TrialRecord {
            ops: 1_000,
            duration_ns: 1_000_000_000,
            throughput_per_s: 1_000.0,
            client_cpu_ns: 100_000_000,
            servers: vec![server],
            valid: true,
            ..TrialRecord::default()
        }
    }

    fn metric(name: &str) -> Metric {
        name.parse().unwrap()
    }

    #[test]
    fn figures_by_hand() {
        let mut record = record();
        assert_eq!(figure(&record, metric("per_server_cpu_second")), Some(2_000.0));
        assert_eq!(figure(&record, metric("server_cpu_per_op")), Some(500_000.0));
        record.servers[0].node = IN_PROCESS.to_owned();
        assert_eq!(figure(&record, metric("server_cpu_per_op")), Some(600_000.0));
        record.errors.insert("timeout".to_owned(), 1_000);
        assert_eq!(figure(&record, metric("error_share")), Some(0.5));
        record.counters = [("hit".to_owned(), 3), ("miss".to_owned(), 1)].into();
        assert_eq!(figure(&record, metric("hit_ratio")), Some(0.75));
    }

    #[test]
    fn a_bound_client_takes_away_the_figures_that_it_bounds_and_no_others() {
        let mut record = record();
        record.warnings.push(Warning::new("client_bound", ""));
        assert_eq!(figure(&record, metric("throughput")), None);
        assert!(figure(&record, metric("per_server_cpu_second")).is_some());
        record.valid = false;
        assert_eq!(figure(&record, metric("per_server_cpu_second")), None);
    }
}

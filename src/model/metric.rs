//! Metrics: what a criterion can ask of a trial.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::op::OpKind;
use crate::base::units::Unit;

/// A point of a latency distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Point {
    /// Arithmetic mean.
    Mean,
    /// Median.
    P50,
    /// 90th percentile.
    P90,
    /// 99th percentile.
    P99,
    /// 99.9th percentile.
    P999,
    /// Largest value.
    Max,
}

/// A figure of one trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quantity {
    /// Operations completed rightly, a second.
    Throughput,
    /// Completion minus intended start.
    Response(Point),
    /// Completion minus actual start.
    Service(Point),
    /// Operations completed rightly per second of CPU of all servers of the target (of the client, for a store inside it).
    PerServerCpuSecond,
    /// CPU of all servers per operation.
    ServerCpuPerOp,
    /// CPU of the client per operation.
    ClientCpuPerOp,
    /// Reads answered by the cache, as a share of all that asked it.
    HitRatio,
    /// Operations that did not end `ok`, as a share of all.
    ErrorShare,
    /// Bytes moved a second (probes of the disk).
    Bandwidth,
    /// Bytes on disk that one more row costs.
    DiskBytesPerRow,
    /// Bytes on disk that one more row costs, as a multiple of the bytes of its value.
    DiskFactor,
    /// Resident memory that one more row costs.
    MemoryBytesPerRow,
    /// Rows that fit into 128 GB of memory, by that slope.
    ObjectsPer128Gb,
}

/// A quantity, of all operations or of one kind: `response.p99`, `read.response.p99`, `throughput`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Metric {
    /// The kind it is restricted to; only for `response`, `service` and `throughput`.
    pub op: Option<OpKind>,
    /// What is measured.
    pub quantity: Quantity,
}

const POINTS: [(Point, &str); 6] =
    [(Point::Mean, "mean"), (Point::P50, "p50"), (Point::P90, "p90"), (Point::P99, "p99"), (Point::P999, "p999"), (Point::Max, "max")];

const QUANTITIES: [(Quantity, &str); 11] = [
    (Quantity::Throughput, "throughput"),
    (Quantity::PerServerCpuSecond, "per_server_cpu_second"),
    (Quantity::ServerCpuPerOp, "server_cpu_per_op"),
    (Quantity::ClientCpuPerOp, "client_cpu_per_op"),
    (Quantity::HitRatio, "hit_ratio"),
    (Quantity::ErrorShare, "error_share"),
    (Quantity::Bandwidth, "bandwidth"),
    (Quantity::DiskBytesPerRow, "disk.bytes_per_row"),
    (Quantity::DiskFactor, "disk.factor"),
    (Quantity::MemoryBytesPerRow, "memory.bytes_per_row"),
    (Quantity::ObjectsPer128Gb, "memory.objects_per_128gb"),
];

impl Metric {
    /// Every name without the restriction to one kind of operation, for messages and completion.
    pub fn names() -> Vec<String> {
        let latencies = ["response", "service"].iter().flat_map(|what| POINTS.iter().map(move |(_, point)| format!("{what}.{point}")));
        QUANTITIES.iter().map(|(_, name)| (*name).to_owned()).chain(latencies).collect()
    }

    /// What it is measured in.
    pub const fn unit(self) -> Unit {
        match self.quantity {
            Quantity::Throughput => Unit::PerSecond,
            Quantity::Response(_) | Quantity::Service(_) | Quantity::ServerCpuPerOp | Quantity::ClientCpuPerOp => Unit::Ns,
            Quantity::PerServerCpuSecond => Unit::PerCpuSecond,
            Quantity::HitRatio | Quantity::ErrorShare => Unit::Share,
            Quantity::Bandwidth => Unit::BytesPerSecond,
            Quantity::DiskBytesPerRow | Quantity::MemoryBytesPerRow => Unit::Bytes,
            Quantity::DiskFactor => Unit::Ratio,
            Quantity::ObjectsPer128Gb => Unit::Count,
        }
    }

    /// What it is called in prose: `median response time of read`.
    pub fn title(self) -> String {
        let point = |point: Point, what: &str| match point {
            Point::Mean => format!("mean {what} time"),
            Point::P50 => format!("median {what} time"),
            Point::P90 => format!("p90 {what} time"),
            Point::P99 => format!("p99 {what} time"),
            Point::P999 => format!("p99.9 {what} time"),
            Point::Max => format!("longest {what} time"),
        };
        let what = match self.quantity {
            Quantity::Throughput => "throughput".to_owned(),
            Quantity::Response(at) => point(at, "response"),
            Quantity::Service(at) => point(at, "service"),
            Quantity::PerServerCpuSecond => "operations per second of server CPU".to_owned(),
            Quantity::ServerCpuPerOp => "server CPU per operation".to_owned(),
            Quantity::ClientCpuPerOp => "client CPU per operation".to_owned(),
            Quantity::HitRatio => "hit ratio".to_owned(),
            Quantity::ErrorShare => "share of errors".to_owned(),
            Quantity::Bandwidth => "bandwidth".to_owned(),
            Quantity::DiskBytesPerRow => "disk per row".to_owned(),
            Quantity::DiskFactor => "disk per byte of value".to_owned(),
            Quantity::MemoryBytesPerRow => "memory per object".to_owned(),
            Quantity::ObjectsPer128Gb => "objects in 128 GB".to_owned(),
        };
        self.op.map_or(what.clone(), |op| format!("{what} of {op}"))
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(op) = self.op {
            write!(out, "{op}.")?;
        }
        let point = |at: Point| POINTS.iter().find(|(point, _)| *point == at).map_or("", |(_, name)| name);
        match self.quantity {
            Quantity::Response(at) => write!(out, "response.{}", point(at)),
            Quantity::Service(at) => write!(out, "service.{}", point(at)),
            other => out.write_str(QUANTITIES.iter().find(|(quantity, _)| *quantity == other).map_or("", |(_, name)| name)),
        }
    }
}

impl FromStr for Metric {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if let Some((quantity, _)) = QUANTITIES.iter().find(|(_, name)| *name == text).copied() {
            return Ok(Metric { op: None, quantity });
        }
        let (head, tail) = text.split_once('.').ok_or(())?;
        let point = POINTS.iter().find(|(_, name)| *name == tail).map(|(point, _)| *point);
        match (head, point) {
            ("response", Some(at)) => Ok(Metric { op: None, quantity: Quantity::Response(at) }),
            ("service", Some(at)) => Ok(Metric { op: None, quantity: Quantity::Service(at) }),
            _ => {
                let op = head.parse::<OpKind>()?;
                let inner: Metric = tail.parse()?;
                let per_kind = matches!(inner.quantity, Quantity::Throughput | Quantity::Response(_) | Quantity::Service(_));
                (inner.op.is_none() && per_kind).then_some(Metric { op: Some(op), ..inner }).ok_or(())
            }
        }
    }
}

impl Serialize for Metric {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Metric {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|()| serde::de::Error::custom(format!("unknown metric `{text}`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back() {
        for name in Metric::names().into_iter().chain(["read.response.p99".to_owned(), "insert.throughput".to_owned()]) {
            let metric: Metric = name.parse().unwrap();
            assert_eq!(metric.to_string(), name);
        }
        assert!("response.p98".parse::<Metric>().is_err() && "read.hit_ratio".parse::<Metric>().is_err());
    }
}

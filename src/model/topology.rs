//! Topologies: which server processes a target needs. Who starts them is the provider's business.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A server product that a node can run. What a store speaks and what a node runs are two things: CQL is spoken by two products.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Product {
    /// PostgreSQL.
    Postgres,
    /// Redis.
    Redis,
    /// Apache Cassandra.
    Cassandra,
    /// ScyllaDB.
    Scylla,
}

impl Product {
    /// All products.
    pub const ALL: [Product; 4] = [Product::Postgres, Product::Redis, Product::Cassandra, Product::Scylla];

    /// The name in files and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Product::Postgres => "postgres",
            Product::Redis => "redis",
            Product::Cassandra => "cassandra",
            Product::Scylla => "scylla",
        }
    }

    /// The name that its makers use.
    pub const fn title(self) -> &'static str {
        match self {
            Product::Postgres => "PostgreSQL",
            Product::Redis => "Redis",
            Product::Cassandra => "Apache Cassandra",
            Product::Scylla => "ScyllaDB",
        }
    }
}

impl fmt::Display for Product {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// One server process to start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeSpec {
    /// Name within the topology.
    pub name: String,
    /// What it runs.
    pub product: Product,
    /// Settings of the server by their own names (`shared_buffers`, `appendfsync`, `commitlog_sync`), over ballpark's stated defaults.
    pub settings: BTreeMap<String, String>,
    /// CPU that the node may use, in cores; `None` for no limit.
    pub cpu_quota: Option<f64>,
    /// Memory that the node is expected to need, in bytes; used to refuse a plan that does not fit, and as heap size where a product has one.
    pub memory_bytes: u64,
}

/// The nodes that a target needs. Two equal topologies are the same servers: they are started once and shared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Topology {
    /// Name of its file, or of the variant that describes it in place.
    pub name: String,
    /// Its nodes; the first is the one that clients contact first.
    pub nodes: Vec<NodeSpec>,
}

/// Where a running node listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Name of the node.
    pub node: String,
    /// Address, without port.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Directory of its unix socket, where it has one.
    pub socket_dir: Option<PathBuf>,
    /// Its data directory, where it is on this machine.
    pub data_dir: Option<PathBuf>,
}

/// What a node has used. CPU and I/O count from the node's start: subtract two readings.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// CPU time of all its processes, in ns.
    pub cpu_ns: u64,
    /// Resident memory of all its processes in bytes (proportional share where the system tells it).
    pub rss_bytes: u64,
    /// Bytes on disk below its data directory.
    pub disk_bytes: u64,
    /// Time for which a CPU quota kept it waiting, in ns.
    pub throttled_ns: u64,
}

//! Topologies: starts server processes on this machine, finds out when they serve, accounts what they use, and stops them whatever happens.
//!
//! Nodes are child processes on loopback addresses, each with its own process group, log, data directory and control group. A node ends with its
//! [`Cluster`], with a panic (by `Drop`), and with the harness however that ends (by `PR_SET_PDEATHSIG`, see `process`). What a killed
//! harness leaves on disk and in `/sys/fs/cgroup` is swept at the next start.
//! One thing outlives a killed harness for a while: a backend of PostgreSQL that is computing looks for its postmaster only when it next waits, so
//! it ends its statement first.
//! This module starts and finds servers; it loads no data and knows no driver.

mod account;
mod cassandra;
mod cgroup;
mod error;
mod find;
mod install;
pub mod keeper;
mod node;
mod place;
mod postgres;
mod process;
mod ready;
mod redis;
mod scylla;

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

pub use cgroup::kind as cgroup_kind;
pub use error::TopologyError;
pub use find::{CASSANDRA_VERSION, Found, find, find_java, jars_dir};
pub use install::{InstallError, Progress, Step, install, install_plan};
pub use node::Node;

use crate::model::topology::{NodeSpec, Product, Topology};
use node::{Context, Plan, port_key};

/// How often a node is started again on another port when the one chosen for it was taken meanwhile.
const PORT_ATTEMPTS: usize = 3;

/// How the local provider works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalOptions {
    /// Directory of the run: logs go to `nodes/<node>/log` below it.
    pub run_dir: PathBuf,
    /// Directory below which data goes.
    pub data_root: PathBuf,
    /// Cores that the nodes share; `None` for those of the harness.
    pub cores: Option<Vec<u32>>,
    /// Whether data outlives the cluster; servers are then stopped cleanly.
    pub keep_data: bool,
}

/// Running nodes. Dropping it stops them and removes their data.
#[derive(Debug)]
pub struct Cluster {
    /// What was asked for.
    pub topology: Topology,
    /// Its nodes, in that order.
    pub nodes: Vec<Node>,
    /// What the user should know: where data lies if not where it was asked for, how CPU is accounted.
    pub notes: Vec<String>,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // All are asked first, so that they stop side by side.
        self.nodes.iter_mut().for_each(Node::begin_stop);
    }
}

/// Starts the nodes of `topology` and waits until all answer. `id` names them in this run.
///
/// # Errors
/// If a product is missing, a setting cannot be given, a server ends or does not answer in time, or `cancel` was set. Nothing is left running.
pub fn up(topology: &Topology, id: &str, options: &LocalOptions, cancel: &AtomicBool) -> Result<Cluster, TopologyError> {
    cgroup::sweep();
    place::sweep(&options.data_root);
    let mut cluster = Cluster { topology: topology.clone(), nodes: Vec::new(), notes: Vec::new() };
    let ring = cassandra::Ring::of(topology);
    for spec in &topology.nodes {
        let name = node_name(topology, spec, id);
        check_settings(&name, spec)?;
        let number = cluster.nodes.iter().filter(|node| node.product() == spec.product).count();
        let host = host(spec.product, number);
        let context = Context {
            spec,
            name: &name,
            data_root: &options.data_root,
            keep_data: options.keep_data,
            cores: options.cores.as_deref(),
            host,
        };
        let (node, notes) = start_node(&context, options, &ring, number, cancel)?;
        cluster.nodes.push(node);
        cluster.notes.extend(notes);
    }
    Ok(cluster)
}

/// Nodes that speak CQL differ by address, because their drivers contact all of them on one port.
fn host(product: Product, number: usize) -> Ipv4Addr {
    match product {
        Product::Postgres | Product::Redis => Ipv4Addr::LOCALHOST,
        Product::Cassandra | Product::Scylla => Ipv4Addr::new(127, 0, 0, u8::try_from(number + 1).unwrap_or(u8::MAX)),
    }
}

fn node_name(topology: &Topology, spec: &NodeSpec, id: &str) -> String {
    let name = if topology.nodes.len() == 1 { id.to_owned() } else { format!("{id}-{}", spec.name) };
    // It becomes a part of paths.
    name.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@') { c } else { '-' }).collect()
}

/// Settings that ballpark decides itself: addresses, directories, and what would take the server out of its hands.
const fn reserved(product: Product) -> &'static [&'static str] {
    match product {
        Product::Postgres => &[
            "listen_addresses",
            "unix_socket_directories",
            "cluster_name",
            "data_directory",
            "hba_file",
            "config_file",
            "logging_collector",
        ],
        Product::Redis => &["bind", "dir", "daemonize", "logfile", "include", "supervised", "unixsocket"],
        Product::Cassandra | Product::Scylla => &["listen_address", "rpc_address", "seed_provider", "data_file_directories"],
    }
}

fn check_settings(node: &str, spec: &NodeSpec) -> Result<(), TopologyError> {
    let refuse = |key: &str, why: &str| TopologyError::Setting { node: node.to_owned(), key: key.to_owned(), why: why.to_owned() };
    for (key, value) in &spec.settings {
        if key.is_empty() || !key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')) {
            return Err(refuse(key, "is not a name of a setting"));
        }
        if value.chars().any(char::is_control) {
            return Err(refuse(key, "its value has a control character"));
        }
        if reserved(spec.product).contains(&key.as_str()) {
            return Err(refuse(key, "is decided by ballpark, which owns addresses, directories and logs; leave it out"));
        }
    }
    Ok(())
}

/// Port that the settings state, if they do.
fn stated_port(node: &str, spec: &NodeSpec) -> Result<Option<u16>, TopologyError> {
    let key = port_key(spec.product);
    let Some(text) = spec.settings.get(key) else { return Ok(None) };
    match text.parse::<u16>() {
        Ok(port) if port > 0 => Ok(Some(port)),
        _ => Err(TopologyError::Setting { node: node.to_owned(), key: key.to_owned(), why: format!("`{text}` is not a port") }),
    }
}

fn start_node(
    context: &Context,
    options: &LocalOptions,
    ring: &cassandra::Ring,
    number: usize,
    cancel: &AtomicBool,
) -> Result<(Node, Vec<String>), TopologyError> {
    let stated = stated_port(context.name, context.spec)?.or_else(|| ring.port().filter(|_| context.spec.product == Product::Cassandra));
    let in_use = |port| TopologyError::PortInUse {
        node: context.name.to_owned(),
        host: context.host.to_string(),
        port,
        key: port_key(context.spec.product),
    };
    let mut attempt = 1;
    loop {
        let port = match stated {
            Some(port) if !place::is_free(&[context.host], port) => return Err(in_use(port)),
            Some(port) => port,
            None => place::free_port(&[context.host]).ok_or_else(|| in_use(0))?,
        };
        let plan = prepare(context, port, ring, number)?;
        match node::start(context, plan, &options.run_dir, cancel) {
            // Somebody was faster; a free port is as good as another.
            Err(TopologyError::PortInUse { .. }) if stated.is_none() && attempt < PORT_ATTEMPTS => attempt += 1,
            result => return result,
        }
    }
}

fn prepare(context: &Context, port: u16, ring: &cassandra::Ring, number: usize) -> Result<Plan, TopologyError> {
    let product = context.spec.product;
    let path = match find(product) {
        Found::Available { path, .. } => path,
        Found::Missing { how } => return Err(TopologyError::Missing { product, how }),
    };
    match product {
        Product::Postgres => postgres::prepare(context, &path, port),
        Product::Redis => redis::prepare(context, &path, port),
        Product::Cassandra => cassandra::prepare(context, &path, port, ring, number),
        Product::Scylla => scylla::prepare(context, &path, port),
    }
}

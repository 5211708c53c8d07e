//! Why servers could not be started, found or installed.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::model::topology::Product;

/// Why a topology could not be started. The text names the node and what to do.
#[derive(Debug, thiserror::Error)]
pub enum TopologyError {
    /// The server is not installed.
    #[error("{product} is not on this machine: {how}", product = product.title())]
    Missing {
        /// What is missing.
        product: Product,
        /// How to get it.
        how: String,
    },
    /// A file or directory could not be used.
    #[error("cannot {what} {path}: {source}", path = path.display())]
    Io {
        /// What was tried: `create`, `write`, …
        what: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The server could not be run at all.
    #[error("node {node}: cannot run {program}: {source}", program = program.display())]
    Spawn {
        /// Name of the node.
        node: String,
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The server ended before it was ready.
    #[error("node {node}: the server ended before it was ready ({status}); the last lines of {log}:\n{tail}", log = log.display())]
    Exited {
        /// Name of the node.
        node: String,
        /// How it ended.
        status: String,
        /// Its log.
        log: PathBuf,
        /// The end of the log.
        tail: String,
    },
    /// The server runs, but did not answer in time.
    #[error("node {node}: no answer within {limit:?} ({last}); the last lines of {log}:\n{tail}", log = log.display())]
    NotReady {
        /// Name of the node.
        node: String,
        /// The limit.
        limit: Duration,
        /// What the last attempt gave.
        last: String,
        /// Its log.
        log: PathBuf,
        /// The end of the log.
        tail: String,
    },
    /// The port is taken.
    #[error("node {node}: port {port} of {host} is in use by another process; leave `{key}` out to let ballpark choose a free one")]
    PortInUse {
        /// Name of the node.
        node: String,
        /// Address.
        host: String,
        /// Port.
        port: u16,
        /// The setting that states it.
        key: &'static str,
    },
    /// A setting that cannot be given to the server.
    #[error("node {node}: setting `{key}`: {why}")]
    Setting {
        /// Name of the node.
        node: String,
        /// Its key.
        key: String,
        /// What is wrong.
        why: String,
    },
    /// A CPU quota without the means to hold it.
    #[error(
        "node {node}: its CPU quota of {quota} cores cannot be set: {why}; run as root on a machine with writable cgroups, or leave `cpu_quota` out"
    )]
    Quota {
        /// Name of the node.
        node: String,
        /// The quota.
        quota: f64,
        /// What the system said.
        why: String,
    },
    /// A tool of the product failed.
    #[error("node {node}: {tool} failed:\n{output}")]
    Tool {
        /// Name of the node.
        node: String,
        /// The tool: `initdb`.
        tool: String,
        /// What it said.
        output: String,
    },
    /// The caller asked to stop.
    #[error("starting the topology was cancelled")]
    Cancelled,
}

impl TopologyError {
    /// For `map_err`: what was tried on which path.
    pub(super) fn io<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Self + 'a {
        move |source| TopologyError::Io { what, path: path.to_owned(), source }
    }
}

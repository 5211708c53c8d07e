//! Targets: what receives the operations. A tree of stores, and stores made of stores.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::data::DataSet;
use super::op::OpKind;
use super::topology::{Endpoint, Product, Topology};

/// What a kind of store can do; each store's own file declares it.
#[derive(Debug, Clone, Copy)]
pub struct Capability {
    /// Name in files: `postgres`, `redis`, `cql`, `sqlite`, `null`.
    pub name: &'static str,
    /// The name that its makers use, for messages.
    pub title: &'static str,
    /// Operations that it executes natively.
    pub operations: &'static [OpKind],
    /// Keys that `set = { … }` may have, each with the values allowed (empty: any) and what it does.
    pub settings: &'static [Setting],
    /// Products that speak to it, the preferred first; empty for a store inside the process.
    pub products: &'static [Product],
    /// Largest number of attributes and indexes that it supports.
    pub attributes: u8,
    /// Whether a secondary index is supported.
    pub indexes: bool,
}

/// A key of `set = { … }` of a store.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// Values allowed; empty if any text is.
    pub values: &'static [&'static str],
    /// What it does, in one sentence.
    pub about: &'static str,
}

/// Which cache pattern a composition follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CachePattern {
    /// The application reads the cache, on a miss the far store, and then fills the cache; a write goes to the far store and deletes the entry.
    Aside,
}

/// A target as a file describes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// One store.
    Store {
        /// Name of the kind of store.
        store: String,
        /// Its servers; `None` for a store inside the process.
        topology: Option<Topology>,
        /// Settings of the client or session.
        set: BTreeMap<String, String>,
    },
    /// A near store in front of a far one.
    Cache {
        /// How they work together.
        pattern: CachePattern,
        /// Time that an entry lives; `None` for ever.
        ttl: Option<Duration>,
        /// The cache.
        near: Box<Target>,
        /// The store of record.
        far: Box<Target>,
    },
}

impl Target {
    /// Its leaves, from left to right: the near store first.
    pub fn leaves(&self) -> Vec<&Target> {
        match self {
            Target::Store { .. } => vec![self],
            Target::Cache { near, far, .. } => [near.leaves(), far.leaves()].concat(),
        }
    }

    /// The topologies of its leaves.
    pub fn topologies(&self) -> Vec<&Topology> {
        self.leaves()
            .into_iter()
            .filter_map(|leaf| match leaf {
                Target::Store { topology, .. } => topology.as_ref(),
                Target::Cache { .. } => None,
            })
            .collect()
    }

    /// Names of the kinds of store in it.
    pub fn stores(&self) -> Vec<&str> {
        self.leaves()
            .into_iter()
            .filter_map(|leaf| match leaf {
                Target::Store { store, .. } => Some(store.as_str()),
                Target::Cache { .. } => None,
            })
            .collect()
    }
}

/// A store whose servers run: all that is needed to connect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoreConfig {
    /// Name of the kind of store.
    pub store: String,
    /// Servers, the first contact first; empty for a store inside the process.
    pub endpoints: Vec<Endpoint>,
    /// Settings of the client or session.
    pub set: BTreeMap<String, String>,
    /// The rows it works on.
    pub data: DataSet,
    /// Directory for a store inside the process that keeps files.
    pub directory: PathBuf,
    /// Time that the driver waits for an answer; also the engine's deadline.
    pub deadline: Duration,
}

/// A target whose servers run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResolvedTarget {
    /// One store.
    Store(StoreConfig),
    /// A near store in front of a far one.
    Cache {
        /// How they work together.
        pattern: CachePattern,
        /// Time that an entry lives; `None` for ever.
        ttl: Option<Duration>,
        /// The cache.
        near: Box<ResolvedTarget>,
        /// The store of record.
        far: Box<ResolvedTarget>,
    },
}

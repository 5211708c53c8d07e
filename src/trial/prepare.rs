//! Prepare: servers up, data loaded and checked, clients connected.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::{Progress, Report};
use crate::base::clock::Clock;
use crate::base::seed::{Seed, below};
use crate::compose;
use crate::engine::{Client, Opener};
use crate::model::data::{DataSet, is_intact};
use crate::model::experiment::{Experiment, Variant};
use crate::model::results::StoreInfo;
use crate::model::target::{ResolvedTarget, StoreConfig, Target};
use crate::model::topology::{Product, Topology};
use crate::probe;
use crate::store::{self, Store};
use crate::topology::{self, Cluster, LocalOptions, Node};

/// Rows whose content is compared after a load.
const SAMPLED_ROWS: u64 = 50;

/// Everything that runs beside the trials. Dropping it stops the servers.
pub struct Stage {
    pub clusters: Vec<Cluster>,
    runtime: tokio::runtime::Runtime,
    options: LocalOptions,
    cancel: Arc<AtomicBool>,
    client_cores: Vec<Option<u32>>,
    loaded: HashMap<String, DataSet>,
    /// Whether servers may use the client's cores too: while data is loaded and compilers work, and never while something is measured.
    spread: bool,
    directory: PathBuf,
    /// Nodes whose JVM is warm.
    pub warm: Vec<String>,
    pub stores: Vec<StoreInfo>,
    pub clock: Clock,
}

/// A variant that is ready for trials.
pub struct Ready {
    pub client: Client,
    pub nodes: Vec<String>,
    /// Names of nodes that run on a JVM.
    pub jvm: Vec<String>,
    pub in_process: bool,
    pub data: DataSet,
    pub resolved: ResolvedTarget,
    /// Next key that an insert takes.
    pub next_key: u64,
}

impl Stage {
    pub fn new(options: LocalOptions, client_cores: Vec<Option<u32>>, cancel: Arc<AtomicBool>, clock: Clock) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("the runtime could not start")?;
        let directory = options.data_root.join("in-process");
        std::fs::create_dir_all(&directory).with_context(|| format!("{} could not be made", directory.display()))?;
        Ok(Self {
            clusters: Vec::new(),
            runtime,
            options,
            cancel,
            client_cores,
            loaded: HashMap::new(),
            spread: false,
            directory,
            warm: Vec::new(),
            stores: Vec::new(),
            clock,
        })
    }

    /// The running node of this name.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.clusters.iter().flat_map(|cluster| &cluster.nodes).find(|node| node.name() == name)
    }

    /// Lets the servers use all cores, or only their own again.
    pub fn spread(&mut self, on: bool) {
        self.spread = on;
        let cores = if on { probe::allowed_cores() } else { self.options.cores.clone().unwrap_or_default() };
        if !cores.is_empty() {
            self.clusters.iter().flat_map(|cluster| &cluster.nodes).for_each(|node| node.set_cores(&cores));
        }
    }

    /// The cluster of a topology, started at its first use and kept for the run: equal topologies are the same servers.
    fn cluster(&mut self, wanted: &Topology, report: Report) -> Result<usize> {
        if let Some(index) = self.clusters.iter().position(|cluster| cluster.topology.nodes == wanted.nodes) {
            return Ok(index);
        }
        let same_name = self.clusters.iter().filter(|cluster| cluster.topology.name == wanted.name).count();
        let id = if same_name == 0 { wanted.name.clone() } else { format!("{}-{}", wanted.name, same_name + 1) };
        report(Progress::Step(format!("starting {id}")));
        let cluster = topology::up(wanted, &id, &self.options, &self.cancel)?;
        for note in &cluster.notes {
            report(Progress::Warning(note.clone()));
        }
        self.clusters.push(cluster);
        self.spread(self.spread);
        Ok(self.clusters.len() - 1)
    }

    fn resolve(&mut self, target: &Target, data: &DataSet, deadline: Duration, report: Report) -> Result<ResolvedTarget> {
        Ok(match target {
            Target::Store { store, topology, set } => {
                let endpoints = match topology {
                    Some(topology) => {
                        let index = self.cluster(topology, report)?;
                        self.clusters[index].nodes.iter().map(|node| node.endpoint().clone()).collect()
                    }
                    None => Vec::new(),
                };
                let (store, set, data) = (store.clone(), set.clone(), data.clone());
                ResolvedTarget::Store(StoreConfig { store, endpoints, set, data, directory: self.directory.clone(), deadline })
            }
            Target::Cache { pattern, ttl, near, far } => ResolvedTarget::Cache {
                pattern: *pattern,
                ttl: *ttl,
                near: Box::new(self.resolve(near, data, deadline, report)?),
                far: Box::new(self.resolve(far, data, deadline, report)?),
            },
        })
    }

    fn node_names(&self, target: &Target) -> Vec<String> {
        let clusters = target
            .topologies()
            .into_iter()
            .filter_map(|wanted| self.clusters.iter().find(|cluster| cluster.topology.nodes == wanted.nodes));
        clusters.flat_map(|cluster| &cluster.nodes).map(|node| node.name().to_owned()).collect()
    }

    /// Servers up and known, for a variant; the data set is not loaded.
    pub fn target(&mut self, experiment: &Experiment, variant: &Variant, report: Report) -> Result<(ResolvedTarget, DataSet, Vec<String>)> {
        let target = variant.target().context("a probe has no target")?;
        let data = data_set(experiment, variant, target);
        let resolved = self.resolve(target, &data, variant.workload.deadline, report)?;
        self.learn(&resolved)?;
        Ok((resolved, data, self.node_names(target)))
    }

    /// The same target on servers of its own, started now and stopped when the cluster is dropped; a store inside the process stays as it is.
    pub fn fresh(&self, target: &Target, resolved: &ResolvedTarget, round: u32) -> Result<(ResolvedTarget, Option<Cluster>)> {
        let (Some(wanted), ResolvedTarget::Store(config)) = (target.topologies().first().copied(), resolved) else {
            return Ok((resolved.clone(), None));
        };
        let cluster = topology::up(wanted, &format!("{}-fill-{round}", wanted.name), &self.options, &self.cancel)?;
        let endpoints = cluster.nodes.iter().map(|node| node.endpoint().clone()).collect();
        Ok((ResolvedTarget::Store(StoreConfig { endpoints, ..config.clone() }), Some(cluster)))
    }

    /// Asks every new server what it is.
    fn learn(&mut self, resolved: &ResolvedTarget) -> Result<()> {
        match resolved {
            ResolvedTarget::Cache { near, far, .. } => {
                self.learn(near)?;
                self.learn(far)
            }
            ResolvedTarget::Store(config) => {
                let name = config.endpoints.first().map_or(config.store.clone(), |endpoint| endpoint.node.clone());
                let capability = store::driver(&config.store).context("an unknown kind of store")?.capability;
                if self.stores.iter().any(|info| info.node == name) {
                    return Ok(());
                }
                let about = self.runtime.block_on(async {
                    let store = store::open(config).await?;
                    let about = store.about().await?;
                    store.close().await;
                    Ok::<_, store::StoreError>(about)
                })?;
                let provider = if capability.products.is_empty() { "in process" } else { "local" };
                self.stores.push(StoreInfo {
                    node: name,
                    product: about.product,
                    version: about.version,
                    provider: provider.to_owned(),
                    settings: about.settings,
                });
                Ok(())
            }
        }
    }

    /// Runs a piece of work on a store of its own connection, on the calling thread.
    pub fn with_store<T>(&self, resolved: &ResolvedTarget, work: impl AsyncFnOnce(&dyn Store) -> Result<T>) -> Result<T> {
        let local = tokio::task::LocalSet::new();
        local.block_on(&self.runtime, async {
            let store = compose::open(resolved).await?;
            let result = work(store.as_ref()).await;
            store.close().await;
            result
        })
    }

    /// Loads the data set unless it is there already, and checks it by count and by content.
    fn load(&mut self, resolved: &ResolvedTarget, data: &DataSet, report: Report) -> Result<()> {
        let key = format!("{:?}/{}", first_config(resolved).endpoints.first().map(|endpoint| &endpoint.node), identity(resolved, data));
        if self.loaded.contains_key(&key) {
            return Ok(());
        }
        let name = first_config(resolved).store.clone();
        self.with_store(resolved, async |store| {
            store.create(data).await?;
            let done = std::cell::RefCell::new((0, report));
            store
                .load(data, 0..data.rows, &|rows| {
                    let mut state = done.borrow_mut();
                    state.0 = rows.max(state.0);
                    let event = Progress::Loaded { store: name.clone(), done: state.0, total: data.rows };
                    (state.1)(event);
                })
                .await?;
            store.settle(data).await?;
            verify(store, data).await
        })
        .with_context(|| format!("loading {} rows into {name} as `{}`", data.rows, data.table))?;
        self.loaded.insert(key, data.clone());
        Ok(())
    }

    /// Everything that a variant needs for its trials.
    pub fn ready(&mut self, experiment: &Experiment, variant: &Variant, report: Report) -> Result<Ready> {
        let (resolved, data, nodes) = self.target(experiment, variant, report)?;
        self.load(&resolved, &data, report)?;
        let jvm = nodes.iter().filter(|name| self.node(name).is_some_and(|node| node.product() == Product::Cassandra)).cloned().collect();
        let in_process = variant.target().is_some_and(|target| {
            target.stores().iter().any(|name| store::driver(name).is_some_and(|driver| driver.capability.products.is_empty()))
        });
        let client = self.client(&resolved, variant.workload.load.sessions())?;
        Ok(Ready { client, nodes, jvm, in_process, next_key: data.rows, data, resolved })
    }

    /// A client of the target with so many sessions.
    pub fn client(&self, resolved: &ResolvedTarget, sessions: u32) -> Result<Client> {
        let resolved = resolved.clone();
        let opener: Opener = Arc::new(move || {
            let resolved = resolved.clone();
            Box::pin(async move { compose::open(&resolved).await })
        });
        Ok(Client::open(opener, sessions, &self.client_cores, self.clock)?)
    }
}

/// The store of record: the far one of a cache.
fn first_config(resolved: &ResolvedTarget) -> &StoreConfig {
    match resolved {
        ResolvedTarget::Store(config) => config,
        ResolvedTarget::Cache { far, .. } => first_config(far),
    }
}

fn identity(resolved: &ResolvedTarget, data: &DataSet) -> String {
    match resolved {
        ResolvedTarget::Store(config) => format!("{}/{}", config.store, data.table),
        ResolvedTarget::Cache { near, far, .. } => format!("{}+{}", identity(near, data), identity(far, data)),
    }
}

/// The data set of a variant. One that is only read is shared by all rules with the same rows; one that is updated, by the variants of its
/// rule that treat it alike, and so meet the same history in turn; one that grows belongs to its variant alone. Variants with other settings
/// leave other traces: SQLite flushing every commit was four times as fast on the log that its unflushed twin had left.
fn data_set(experiment: &Experiment, variant: &Variant, target: &Target) -> DataSet {
    let workload = &variant.workload;
    let owner = match (workload.changes_row_count(), workload.mix.iter().any(|(kind, _)| kind.writes_value())) {
        (true, _) => format!("{}/{}", experiment.rule.id, variant.name),
        (false, true) => format!("{}/{:?}", experiment.rule.id, settings(target)),
        (false, false) => String::new(),
    };
    let cached = matches!(target, Target::Cache { .. });
    let text = format!("{owner}|{cached}|{}|{:?}|{:?}", workload.keys.count, workload.schema, workload.value);
    let table = format!("t{:012x}", Seed(0).derive(&text).0 >> 16);
    DataSet { table, rows: workload.keys.count, schema: workload.schema, value: workload.value }
}

fn settings(target: &Target) -> Vec<&std::collections::BTreeMap<String, String>> {
    target
        .leaves()
        .into_iter()
        .filter_map(|leaf| match leaf {
            Target::Store { set, .. } => Some(set),
            Target::Cache { .. } => None,
        })
        .collect()
}

/// Checks a load: the count, and every byte of some rows.
async fn verify(store: &dyn Store, data: &DataSet) -> Result<()> {
    let count = store.count(data).await?;
    if count != data.rows {
        bail!("{count} rows are stored, {} were loaded", data.rows);
    }
    let mut rng = Seed(data.rows).rng();
    for _ in 0..SAMPLED_ROWS.min(data.rows) {
        let key = below(&mut rng, data.rows);
        match store.value(data, key).await? {
            Some(value) if is_intact(key, &value) && value.len() == data.value.of_key(key) as usize => {}
            Some(_) => bail!("row {key} does not hold what was loaded"),
            None => bail!("row {key} is missing after the load"),
        }
    }
    Ok(())
}

//! CQL over the scylla driver, for ScyllaDB and Apache Cassandra: one driver session a store (so one a client thread), which all sessions
//! share, with `connections` connections a node (default 2); prepared statements, routing by token, no retries, no speculative
//! execution, no compression. The driver's coalescing of writes is on, as is its default.
//!
//! Tables live in the keyspace `ballpark` (`ballpark_rf3` with `replication = "3"`). Writes are upserts: an insert overwrites, and an
//! update or a delete of a row that is not there cannot be told from another one, so both end as `ok`. A read-modify-write is two
//! requests. There is no `find_by`: without an index the database would ask all nodes for it, and with one each node for its own part.

mod files;
mod session;

use std::num::NonZeroUsize;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session as ScyllaSession;
use scylla::client::session_builder::SessionBuilder;
use scylla::client::{Compression, PoolSize};
use scylla::policies::retry::FallthroughRetryPolicy;
use scylla::response::query_result::QueryRowsResult;
use scylla::statement::{Consistency, Statement};
use tokio::sync::OnceCell;

use self::session::{CqlSession, Insert, Statements, insert, read, update};
use super::answer::{loaded_value, signed, wait_until};
use super::{About, Driver, LocalBoxFuture, Session, Store, StoreError, sql};
use crate::model::data::DataSet;
use crate::model::op::OpKind;
use crate::model::target::{Capability, Setting, StoreConfig};
use crate::model::topology::{Endpoint, Product};

const NAME: &str = "cql";

/// Time that work beside the measured path waits for an answer.
const ADMIN_TIMEOUT: Duration = Duration::from_secs(60);
/// Inserts in flight during a load.
const IN_FLIGHT: usize = 128;
/// Rows between two reports of a load.
const REPORT: u64 = 1_000;
/// Parts of the token ring that are counted one by one, so that no request takes too long.
const COUNT_PARTS: i64 = 64;

/// Settings that decide figures.
const SETTINGS: &[&str] = &[
    "commitlog_sync",
    "commitlog_sync_period",
    "commitlog_sync_group_window",
    "concurrent_compactors",
    "concurrent_reads",
    "concurrent_writes",
    "memtable_allocation_type",
    "memtable_heap_space",
    "memtable_offheap_space",
    "native_transport_max_threads",
    "num_tokens",
];

/// The driver.
pub static DRIVER: Driver = Driver {
    capability: Capability {
        name: NAME,
        title: "CQL (ScyllaDB, Apache Cassandra)",
        operations: &[OpKind::Read, OpKind::Insert, OpKind::Update, OpKind::ReadModifyWrite, OpKind::Delete],
        settings: &[
            Setting {
                name: "consistency",
                values: &["one", "local_one", "two", "quorum", "local_quorum", "all"],
                about: "Replicas that must answer; the default is local_one.",
            },
            Setting { name: "replication", values: &["1", "2", "3", "5"], about: "Replicas of each row; the default is 1." },
            Setting { name: "connections", values: &[], about: "Connections of a client thread to each node; the default is 2." },
        ],
        products: &[Product::Cassandra, Product::Scylla],
        attributes: 32,
        indexes: true,
    },
    open: |config: &StoreConfig| open(config).boxed_local(),
};

fn failed(text: impl Into<String>) -> StoreError {
    StoreError { store: NAME, text: text.into() }
}

fn while_doing<E: std::fmt::Display>(what: &str) -> impl Fn(E) -> StoreError + use<'_, E> {
    move |error| failed(format!("{what}: {error}"))
}

/// Settings of the client, read from `set = { … }`.
struct Client {
    consistency: Consistency,
    replication: u32,
    connections: NonZeroUsize,
}

impl Client {
    fn of(config: &StoreConfig) -> Result<Self, StoreError> {
        let consistency = match config.set.get("consistency").map(String::as_str) {
            None | Some("local_one") => Consistency::LocalOne,
            Some("one") => Consistency::One,
            Some("two") => Consistency::Two,
            Some("quorum") => Consistency::Quorum,
            Some("local_quorum") => Consistency::LocalQuorum,
            Some("all") => Consistency::All,
            Some(other) => return Err(failed(format!("consistency = \"{other}\" is not known: use one, quorum, all or local_quorum"))),
        };
        let bad = |name: &str| failed(format!("{name} must be a whole number above 0"));
        let replication = config.set.get("replication").map_or(Ok(1), |text| text.parse()).map_err(|_| bad("replication"))?;
        let connections = config.set.get("connections").map_or("2", String::as_str);
        let connections = connections.parse().map_err(|_| bad("connections"))?;
        if replication == 0 {
            return Err(bad("replication"));
        }
        Ok(Self { consistency, replication, connections })
    }

    fn keyspace(&self) -> String {
        if self.replication == 1 { "ballpark".to_owned() } else { format!("ballpark_rf{}", self.replication) }
    }
}

async fn open(config: &StoreConfig) -> Result<Box<dyn Store>, StoreError> {
    let client = Client::of(config)?;
    let first = config.endpoints.first().ok_or_else(|| failed("it needs an address: give a topology with a node"))?;
    let profile = |consistency, timeout| {
        ExecutionProfile::builder()
            .consistency(consistency)
            .request_timeout(Some(timeout))
            .retry_policy(Arc::new(FallthroughRetryPolicy::new()))
            .speculative_execution_policy(None)
            .build()
            .into_handle()
    };
    // What is beside the measured path waits for all replicas.
    let driver = SessionBuilder::new()
        .known_nodes(config.endpoints.iter().map(|endpoint| format!("{}:{}", endpoint.host, endpoint.port)))
        .pool_size(PoolSize::PerHost(client.connections))
        .compression(None::<Compression>)
        .default_execution_profile_handle(profile(Consistency::All, ADMIN_TIMEOUT))
        .build()
        .await
        .map_err(|error| failed(format!("node `{}` at {}:{} does not let us in: {error}", first.node, first.host, first.port)))?;
    let keyspace = client.keyspace();
    let store = Cql {
        driver: Rc::new(driver),
        keyspace: keyspace.clone(),
        measured: profile(client.consistency, config.deadline),
        endpoints: config.endpoints.clone(),
        data: config.data.clone(),
        statements: OnceCell::new(),
    };
    let replication = client.replication;
    let create = format!(
        "CREATE KEYSPACE IF NOT EXISTS {keyspace} WITH replication = {{'class': 'NetworkTopologyStrategy', 'replication_factor': {replication}}}"
    );
    store.know_all_nodes().await?;
    // Other client threads do the same at the same time; the fewer changes of the schema cross each other, the better.
    if store.driver.get_cluster_state().get_keyspace(&keyspace).is_none() {
        store.run("create the keyspace", &create).await?;
    }
    Ok(Box::new(store))
}

struct Cql {
    driver: Rc<ScyllaSession>,
    keyspace: String,
    /// How the sessions execute.
    measured: scylla::client::execution_profile::ExecutionProfileHandle,
    endpoints: Vec<Endpoint>,
    data: DataSet,
    /// Prepared when the first session asks, because the table must be there.
    statements: OnceCell<Rc<Statements>>,
}

impl Cql {
    async fn run(&self, what: &str, statement: &str) -> Result<(), StoreError> {
        self.driver.query_unpaged(statement, &[]).await.map_err(while_doing(what))?;
        Ok(())
    }

    async fn rows(&self, what: &str, statement: impl Into<Statement>) -> Result<QueryRowsResult, StoreError> {
        let result = self.driver.query_unpaged(statement, &[]).await.map_err(while_doing(what))?;
        result.into_rows_result().map_err(while_doing(what))
    }

    async fn text(&self, statement: &str) -> Result<String, StoreError> {
        let what = "read the version";
        let (text,): (String,) = self.rows(what, local(statement)).await?.single_row().map_err(while_doing(what))?;
        Ok(text)
    }

    /// Waits until all nodes are known and connected: the driver waits only for those that a change of the schema has reached all nodes.
    async fn know_all_nodes(&self) -> Result<(), StoreError> {
        let connected = || self.driver.get_cluster_state().get_nodes_info().iter().filter(|node| node.is_connected()).count();
        let all = wait_until(ADMIN_TIMEOUT, async || {
            if connected() >= self.endpoints.len() {
                return Ok(true);
            }
            self.driver.refresh_metadata().await.map_err(while_doing("look for the other nodes"))?;
            Ok(false)
        });
        if all.await? {
            return Ok(());
        }
        let (found, limit) = (connected(), ADMIN_TIMEOUT.as_secs());
        Err(failed(format!("only {found} of {} nodes are connected after {limit} s: see the logs of the others", self.endpoints.len())))
    }

    fn is_scylla(&self) -> bool {
        self.driver.get_cluster_state().get_nodes_info().iter().any(|node| node.sharder().is_some())
    }

    async fn about_server(&self) -> Result<About, StoreError> {
        let (product, version, table) = if self.is_scylla() {
            ("ScyllaDB", self.text("SELECT version FROM system.versions WHERE key = 'local'").await?, "system.config")
        } else {
            ("Apache Cassandra", self.text("SELECT release_version FROM system.local WHERE key = 'local'").await?, "system_views.settings")
        };
        let what = "read the settings";
        let rows = self.rows(what, local(&format!("SELECT name, value FROM {table}"))).await?;
        let mut about = About { product: product.to_owned(), version, ..About::default() };
        for row in rows.rows::<(String, Option<String>)>().map_err(while_doing(what))? {
            let (name, value) = row.map_err(while_doing(what))?;
            if let (true, Some(value)) = (SETTINGS.contains(&name.as_str()), value) {
                about.settings.insert(name, value);
            }
        }
        Ok(about)
    }

    fn table(&self, data: &DataSet) -> Result<String, StoreError> {
        sql::check_name(NAME, data)?;
        Ok(format!("{}.{}", self.keyspace, data.table))
    }

    /// Indexes are there from the start: the database builds them as rows come.
    async fn create_table(&self, data: &DataSet) -> Result<(), StoreError> {
        let table = self.table(data)?;
        self.run("drop the former table", &format!("DROP TABLE IF EXISTS {table}")).await?;
        let extra: String = sql::extra_columns(&data.schema).iter().map(|name| format!(", {name} bigint")).collect();
        self.run("create the table", &format!("CREATE TABLE {table} (key bigint PRIMARY KEY, v blob{extra})")).await?;
        for index in 1..=data.schema.indexes.min(data.schema.attributes) {
            let create = format!("CREATE INDEX IF NOT EXISTS {}_a{index} ON {table} (a{index})", data.table);
            self.run("create an index", &create).await?;
        }
        Ok(())
    }

    async fn insert_all(&self, data: &DataSet, keys: Range<u64>, progress: &dyn Fn(u64)) -> Result<(), StoreError> {
        let what = "load rows";
        let insert = self.driver.prepare(insert(&self.table(data)?, &data.schema)).await.map_err(while_doing(what))?;
        let total = keys.end.saturating_sub(keys.start);
        let insert = &insert;
        let mut writes = stream::iter(keys)
            .map(|key| async move {
                let mut value = Vec::new();
                let value = loaded_value(data, key, &mut value);
                self.driver.execute_unpaged(insert, Insert { schema: &data.schema, key, version: 0, value }).await
            })
            .buffer_unordered(IN_FLIGHT);
        let mut done = 0;
        while writes.try_next().await.map_err(while_doing(what))?.is_some() {
            done += 1;
            if done % REPORT == 0 || done == total {
                progress(done);
            }
        }
        Ok(())
    }

    async fn count_rows(&self, data: &DataSet) -> Result<u64, StoreError> {
        let what = "count rows";
        let select = format!("SELECT count(*) FROM {} WHERE token(key) >= ? AND token(key) <= ?", self.table(data)?);
        let select = self.driver.prepare(select).await.map_err(while_doing(what))?;
        let step = (u64::MAX / COUNT_PARTS as u64) as i64;
        let mut count = 0;
        for part in 0..COUNT_PARTS {
            let start = i64::MIN.wrapping_add(part.wrapping_mul(step));
            let end = if part + 1 == COUNT_PARTS { i64::MAX } else { start.wrapping_add(step) - 1 };
            let result = self.driver.execute_unpaged(&select, (start, end)).await.map_err(while_doing(what))?;
            let (rows,): (i64,) = result.into_rows_result().map_err(while_doing(what))?.single_row().map_err(while_doing(what))?;
            count += rows as u64;
        }
        Ok(count)
    }

    async fn read_value(&self, data: &DataSet, key: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let what = "read a row";
        let read = self.driver.prepare(read(&self.table(data)?)).await.map_err(while_doing(what))?;
        let result = self.driver.execute_unpaged(&read, (signed(key),)).await.map_err(while_doing(what))?;
        let rows = result.into_rows_result().map_err(while_doing(what))?;
        let row: Option<(Vec<u8>,)> = rows.maybe_first_row().map_err(while_doing(what))?;
        Ok(row.map(|(value,)| value))
    }

    async fn statements(&self) -> Result<Rc<Statements>, StoreError> {
        let prepare = async || {
            let table = self.table(&self.data)?;
            let schema = &self.data.schema;
            let prepare = async |text: String| {
                let mut statement = Statement::new(text);
                statement.set_execution_profile_handle(Some(self.measured.clone()));
                self.driver.prepare(statement).await.map_err(while_doing("prepare a statement"))
            };
            Ok(Rc::new(Statements {
                read: prepare(read(&table)).await?,
                insert: prepare(insert(&table, schema)).await?,
                update: prepare(update(&table, schema)).await?,
                delete: prepare(format!("DELETE FROM {table} WHERE key = ?")).await?,
            }))
        };
        self.statements.get_or_try_init(prepare).await.cloned()
    }

    async fn open_session(&self) -> Result<Box<dyn Session>, StoreError> {
        let statements = self.statements().await?;
        Ok(Box::new(CqlSession::new(self.driver.clone(), statements, self.data.schema)))
    }
}

/// A statement about one node's own tables, which have no replicas.
fn local(text: &str) -> Statement {
    let mut statement = Statement::new(text);
    statement.set_consistency(Consistency::One);
    statement
}

impl Store for Cql {
    fn about(&self) -> LocalBoxFuture<'_, Result<About, StoreError>> {
        self.about_server().boxed_local()
    }

    fn session(&self) -> LocalBoxFuture<'_, Result<Box<dyn Session>, StoreError>> {
        self.open_session().boxed_local()
    }

    fn create<'a>(&'a self, data: &'a DataSet) -> LocalBoxFuture<'a, Result<(), StoreError>> {
        self.create_table(data).boxed_local()
    }

    fn load<'a>(&'a self, data: &'a DataSet, keys: Range<u64>, progress: &'a dyn Fn(u64)) -> LocalBoxFuture<'a, Result<(), StoreError>> {
        self.insert_all(data, keys, progress).boxed_local()
    }

    fn settle<'a>(&'a self, data: &'a DataSet) -> LocalBoxFuture<'a, Result<(), StoreError>> {
        self.flush(data).boxed_local()
    }

    fn count<'a>(&'a self, data: &'a DataSet) -> LocalBoxFuture<'a, Result<u64, StoreError>> {
        self.count_rows(data).boxed_local()
    }

    fn value<'a>(&'a self, data: &'a DataSet, key: u64) -> LocalBoxFuture<'a, Result<Option<Vec<u8>>, StoreError>> {
        self.read_value(data, key).boxed_local()
    }

    /// Files of the table and its indexes on all nodes, so all replicas together; right after [`Store::settle`].
    fn disk_bytes<'a>(&'a self, data: &'a DataSet) -> LocalBoxFuture<'a, Result<Option<u64>, StoreError>> {
        self.weigh(data).boxed_local()
    }

    fn discard<'a>(&'a self, data: &'a DataSet) -> LocalBoxFuture<'a, Result<(), StoreError>> {
        async move { self.run("drop the table", &format!("DROP TABLE IF EXISTS {}", self.table(data)?)).await }.boxed_local()
    }

    fn close(&self) -> LocalBoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::data::Schema;
    use crate::model::workload::ValueSize;

    fn config(set: &[(&str, &str)]) -> StoreConfig {
        StoreConfig {
            store: NAME.to_owned(),
            endpoints: Vec::new(),
            set: set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            data: DataSet { table: "t".to_owned(), rows: 1, schema: Schema::default(), value: ValueSize::Fixed(100) },
            directory: std::path::PathBuf::new(),
            deadline: Duration::from_secs(1),
        }
    }

    #[test]
    fn settings_are_read_and_wrong_ones_named() {
        let client = Client::of(&config(&[])).unwrap();
        assert_eq!((client.consistency, client.keyspace().as_str(), client.connections.get()), (Consistency::LocalOne, "ballpark", 2));
        let client = Client::of(&config(&[("consistency", "quorum"), ("replication", "3"), ("connections", "4")])).unwrap();
        assert_eq!((client.consistency, client.keyspace().as_str(), client.connections.get()), (Consistency::Quorum, "ballpark_rf3", 4));
        for (name, value) in [("consistency", "most"), ("replication", "0"), ("connections", "0"), ("connections", "x")] {
            let error = Client::of(&config(&[(name, value)])).err().unwrap().to_string();
            assert!(error.contains(name), "{error}");
        }
    }
}

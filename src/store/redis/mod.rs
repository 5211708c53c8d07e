//! Redis: one multiplexed connection a session (or one for all sessions of a store, with `connection = "shared"`), which never
//! reconnects or retries. The driver's time-out is the deadline.
//!
//! A key is 16 bytes: 4 letters from a hash of the table's name, then the row's key as 12 hexadecimal digits, so keys must stay below
//! 2^48. Two data sets of one server collide with probability 2^-24; the answers' check would show it. A group's entry (see
//! [`Entry::Group`](super::Entry::Group)) has other 4 letters. A read-modify-write is GET, then SET: two round trips. An insert is a SET and overwrites.

mod session;

use std::ops::Range;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError};

use self::session::{Names, RedisSession, number};
use super::answer::{loaded_value, wait_until};
use super::{About, Driver, LocalBoxFuture, Session, Store, StoreError};
use crate::model::data::DataSet;
use crate::model::op::OpKind;
use crate::model::target::{Capability, Setting, StoreConfig};
use crate::model::topology::Product;

const NAME: &str = "redis";

/// Time that work beside the measured path waits for an answer.
const ADMIN_TIMEOUT: Duration = Duration::from_secs(60);
/// Time to wait for a snapshot or a rewrite in progress.
const SETTLE_LIMIT: Duration = Duration::from_secs(120);
/// Rows of one pipeline of a load.
const CHUNK: u64 = 500;
/// Pipelines in flight during a load.
const IN_FLIGHT: usize = 4;

/// Settings that decide figures.
const SETTINGS: &[&str] = &["appendonly", "appendfsync", "save", "maxmemory", "maxmemory-policy", "io-threads"];

/// The driver.
pub static DRIVER: Driver = Driver {
    capability: Capability {
        name: NAME,
        title: "Redis",
        operations: &[OpKind::Read, OpKind::Insert, OpKind::Update, OpKind::ReadModifyWrite, OpKind::Delete],
        settings: &[Setting {
            name: "connection",
            values: &["own", "shared"],
            about: "One connection a session, or one for all sessions of a client thread, which then pipelines; the default is own.",
        }],
        products: &[Product::Redis],
        attributes: 0,
        indexes: false,
    },
    open: |config: &StoreConfig| open(config).boxed_local(),
};

fn failed(text: impl Into<String>) -> StoreError {
    StoreError { store: NAME, text: text.into() }
}

fn while_doing(what: &str) -> impl Fn(RedisError) -> StoreError + use<'_> {
    move |error| failed(format!("{what}: {error}"))
}

async fn open(config: &StoreConfig) -> Result<Box<dyn Store>, StoreError> {
    let endpoint = config.endpoints.first().ok_or_else(|| failed("it needs an address: give a topology with a node"))?;
    let connect = || format!("connect to node `{}` at {}:{}", endpoint.node, endpoint.host, endpoint.port);
    let client = Client::open((endpoint.host.as_str(), endpoint.port)).map_err(while_doing(&connect()))?;
    let admin = client.get_multiplexed_async_connection_with_config(&timeout(ADMIN_TIMEOUT)).await.map_err(while_doing(&connect()))?;
    let shared = match config.set.get("connection").map(String::as_str) {
        None | Some("own") => None,
        Some("shared") => {
            let shared = client.get_multiplexed_async_connection_with_config(&timeout(config.deadline)).await;
            Some(shared.map_err(while_doing(&connect()))?)
        }
        Some(other) => return Err(failed(format!("connection = \"{other}\" is not known: use own or shared"))),
    };
    Ok(Box::new(Redis { client, admin, shared, deadline: config.deadline, names: Names::of(&config.data) }))
}

/// Waits so long for an answer; the crate's own default is 500 ms, which would turn slow answers into errors.
fn timeout(limit: Duration) -> AsyncConnectionConfig {
    AsyncConnectionConfig::new().set_response_timeout(Some(limit)).set_connection_timeout(Some(ADMIN_TIMEOUT))
}

struct Redis {
    client: Client,
    admin: MultiplexedConnection,
    shared: Option<MultiplexedConnection>,
    deadline: Duration,
    names: Names,
}

impl Redis {
    async fn info(&self, section: &str) -> Result<String, StoreError> {
        redis::cmd("INFO").arg(section).query_async(&mut self.admin.clone()).await.map_err(while_doing("read INFO"))
    }

    async fn about_server(&self) -> Result<About, StoreError> {
        let info = self.info("server").await?;
        let mut about = About {
            product: if field(&info, "valkey_version").is_some() { "Valkey" } else { "Redis" }.to_owned(),
            version: field(&info, "valkey_version").or(field(&info, "redis_version")).unwrap_or("unknown").to_owned(),
            ..About::default()
        };
        for setting in SETTINGS {
            let pair: Vec<String> = redis::cmd("CONFIG")
                .arg("GET")
                .arg(*setting)
                .query_async(&mut self.admin.clone())
                .await
                .map_err(while_doing("read the configuration"))?;
            if let [name, value] = pair.as_slice() {
                about.settings.insert(name.clone(), value.clone());
            }
        }
        Ok(about)
    }

    /// The names that start so. A scan may give a name twice while the server's table grows, so they are sorted and made unique.
    async fn names_of(&self, prefix: [u8; 4]) -> Result<Vec<[u8; 16]>, StoreError> {
        let mut pattern = prefix.to_vec();
        pattern.push(b'*');
        let (mut cursor, mut names) = (0_u64, Vec::new());
        loop {
            let (next, found): (u64, Vec<Vec<u8>>) = redis::cmd("SCAN")
                .arg(cursor)
                .arg("MATCH")
                .arg(&pattern)
                .arg("COUNT")
                .arg(10_000)
                .query_async(&mut self.admin.clone())
                .await
                .map_err(while_doing("scan the keys"))?;
            names.extend(found.iter().filter_map(|name| <[u8; 16]>::try_from(name.as_slice()).ok()).filter(|name| number(name).is_some()));
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    async fn remove_all(&self, data: &DataSet) -> Result<(), StoreError> {
        let names = Names::of(data);
        for prefix in [names.rows, names.groups] {
            for chunk in self.names_of(prefix).await?.chunks(1_000) {
                let mut unlink = redis::cmd("UNLINK");
                chunk.iter().for_each(|name| {
                    unlink.arg(&name[..]);
                });
                unlink.exec_async(&mut self.admin.clone()).await.map_err(while_doing("remove keys"))?;
            }
        }
        Ok(())
    }

    async fn set_all(&self, data: &DataSet, keys: Range<u64>, progress: &dyn Fn(u64)) -> Result<(), StoreError> {
        if keys.end > 1 << 48 {
            return Err(failed("a key of 2^48 or more does not fit its 12 digits: load fewer rows"));
        }
        let names = Names::of(data);
        let starts = keys.clone().step_by(CHUNK as usize);
        let mut chunks = stream::iter(starts)
            .map(|start| {
                let end = (start + CHUNK).min(keys.end);
                let mut connection = self.admin.clone();
                async move {
                    let mut pipe = redis::pipe();
                    let mut value = Vec::new();
                    for key in start..end {
                        pipe.cmd("SET").arg(&names.row(key)[..]).arg(loaded_value(data, key, &mut value)).ignore();
                    }
                    pipe.exec_async(&mut connection).await.map(|()| end - start)
                }
            })
            .buffer_unordered(IN_FLIGHT);
        let mut done = 0;
        while let Some(rows) = chunks.try_next().await.map_err(while_doing("load rows"))? {
            done += rows;
            progress(done);
        }
        Ok(())
    }

    /// Waits until no snapshot, no rewrite of the append-only file and no loading is in progress. Tables that the server is still
    /// enlarging cannot be seen in all versions; where they can, their end is waited for.
    async fn wait_for_rest(&self) -> Result<(), StoreError> {
        let quiet = async || {
            let persistence = self.info("persistence").await?;
            let memory = self.info("memory").await?;
            let zero = |info: &str, name: &str| field(info, name).is_none_or(|value| value == "0");
            let idle = ["loading", "rdb_bgsave_in_progress", "aof_rewrite_in_progress", "aof_rewrite_scheduled"];
            Ok(idle.iter().all(|name| zero(&persistence, name)) && zero(&memory, "mem_overhead_db_hashtable_rehashing"))
        };
        if wait_until(SETTLE_LIMIT, quiet).await? {
            return Ok(());
        }
        Err(failed(format!("a snapshot or a rewrite of the append-only file did not end within {} s", SETTLE_LIMIT.as_secs())))
    }

    async fn open_session(&self) -> Result<Box<dyn Session>, StoreError> {
        let connection = match &self.shared {
            Some(shared) => shared.clone(),
            None => {
                let own = self.client.get_multiplexed_async_connection_with_config(&timeout(self.deadline)).await;
                own.map_err(while_doing("open a session"))?
            }
        };
        Ok(Box::new(RedisSession::new(connection, self.names)))
    }
}

/// A field of INFO.
fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
}

impl Store for Redis {
    fn about(&self) -> LocalBoxFuture<'_, Result<About, StoreError>> {
        self.about_server().boxed_local()
    }

    fn session(&self) -> LocalBoxFuture<'_, Result<Box<dyn Session>, StoreError>> {
        self.open_session().boxed_local()
    }

    fn create<'a>(&'a self, data: &'a DataSet) -> LocalBoxFuture<'a, Result<(), StoreError>> {
        self.remove_all(data).boxed_local()
    }

    fn load<'a>(&'a self, data: &'a DataSet, keys: Range<u64>, progress: &'a dyn Fn(u64)) -> LocalBoxFuture<'a, Result<(), StoreError>> {
        self.set_all(data, keys, progress).boxed_local()
    }

    fn settle<'a>(&'a self, _: &'a DataSet) -> LocalBoxFuture<'a, Result<(), StoreError>> {
        self.wait_for_rest().boxed_local()
    }

    fn count<'a>(&'a self, data: &'a DataSet) -> LocalBoxFuture<'a, Result<u64, StoreError>> {
        let prefix = Names::of(data).rows;
        async move { Ok(self.names_of(prefix).await?.len() as u64) }.boxed_local()
    }

    fn value<'a>(&'a self, data: &'a DataSet, key: u64) -> LocalBoxFuture<'a, Result<Option<Vec<u8>>, StoreError>> {
        let name = Names::of(data).row(key);
        async move { redis::cmd("GET").arg(&name[..]).query_async(&mut self.admin.clone()).await.map_err(while_doing("read a key")) }
            .boxed_local()
    }

    fn disk_bytes<'a>(&'a self, _: &'a DataSet) -> LocalBoxFuture<'a, Result<Option<u64>, StoreError>> {
        // What Redis keeps on disk is a log or a snapshot of everything.
        Box::pin(async { Ok(None) })
    }

    fn discard<'a>(&'a self, data: &'a DataSet) -> LocalBoxFuture<'a, Result<(), StoreError>> {
        self.remove_all(data).boxed_local()
    }

    fn close(&self) -> LocalBoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_field_of_info() {
        let info = "# Server\r\nredis_version:7.0.15\r\nloading:0\r\n";
        assert_eq!(field(info, "redis_version"), Some("7.0.15"));
        assert_eq!(field(info, "redis"), None);
    }
}

//! Stores: the one dynamic seam. A store does not time, retry, count or log operations: the engine times, the recorder counts.
//!
//! A new store is one file with a [`Driver`], and one line in [`DRIVERS`].

mod answer;
pub mod cql;
pub mod null;
pub mod postgres;
pub mod redis;
#[cfg(test)]
pub mod scripted;
mod sql;
pub mod sqlite;

use std::collections::BTreeMap;
use std::time::Duration;

pub use answer::Summary;
pub use futures_util::future::LocalBoxFuture;

use crate::model::data::DataSet;
use crate::model::op::{Op, Outcome};
use crate::model::target::{Capability, StoreConfig};

/// Why a store could not do what it was asked, outside the measured path. The text names the store, the node and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{store}: {text}")]
pub struct StoreError {
    /// Name of the kind of store.
    pub store: &'static str,
    /// What happened, and what to do about it.
    pub text: String,
}

/// What a server says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// Product as its makers name it.
    pub product: String,
    /// Version.
    pub version: String,
    /// Settings that decide figures (durability, memory, threads), as the server states them.
    pub settings: BTreeMap<String, String>,
}

/// Counters of a session, for compositions: `hit`, `miss`, `fallback`. Rising; subtract two readings.
pub type Counters = BTreeMap<&'static str, u64>;

/// Opens a store of one kind.
pub type Open = for<'a> fn(&'a StoreConfig) -> LocalBoxFuture<'a, Result<Box<dyn Store>, StoreError>>;

/// A kind of store: what it can do, and how to open it.
pub struct Driver {
    /// What it can do.
    pub capability: Capability,
    /// Connects. The store, and everything made from it, lives on the runtime that polled this future.
    pub open: Open,
}

/// All kinds of store.
pub static DRIVERS: [&Driver; 5] = [
    &postgres::DRIVER, //
    &redis::DRIVER,
    &cql::DRIVER,
    &sqlite::DRIVER,
    &null::DRIVER,
];

/// A store that is connected, on one thread. Sessions are cheap to hold and are opened before the load starts.
pub trait Store {
    /// What the server says of itself.
    fn about(&self) -> LocalBoxFuture<'_, Result<About, StoreError>>;

    /// A session of its own: nothing that it uses on the hot path is shared with another one, unless the store's settings say so.
    fn session(&self) -> LocalBoxFuture<'_, Result<Box<dyn Session>, StoreError>>;

    /// Creates the data set's table empty, dropping a former one of the same name.
    fn create<'a>(&'a self, data: &'a DataSet) -> LocalBoxFuture<'a, Result<(), StoreError>>;

    /// Loads the rows of `keys` at version 0, in bulk, in parallel, and reports as it goes how many of them are done so far.
    fn load<'a>(
        &'a self,
        data: &'a DataSet,
        keys: std::ops::Range<u64>,
        progress: &'a dyn Fn(u64),
    ) -> LocalBoxFuture<'a, Result<(), StoreError>>;

    /// Brings the data to rest: indexes built, statistics fresh, caches of writes flushed to disk.
    fn settle<'a>(&'a self, data: &'a DataSet) -> LocalBoxFuture<'a, Result<(), StoreError>>;

    /// Number of rows, counted by the server.
    fn count<'a>(&'a self, data: &'a DataSet) -> LocalBoxFuture<'a, Result<u64, StoreError>>;

    /// The stored value of a row, for the check of a load; `None` if there is no such row.
    fn value<'a>(&'a self, data: &'a DataSet, key: u64) -> LocalBoxFuture<'a, Result<Option<Vec<u8>>, StoreError>>;

    /// Bytes on disk that the data set takes, where the store knows better than its data directory (logs and preallocation left out).
    /// `None`: weigh the data directory.
    fn disk_bytes<'a>(&'a self, data: &'a DataSet) -> LocalBoxFuture<'a, Result<Option<u64>, StoreError>>;

    /// Removes the data set.
    fn discard<'a>(&'a self, data: &'a DataSet) -> LocalBoxFuture<'a, Result<(), StoreError>>;

    /// Ends background work and files of the store. Called once, after the last session is dropped.
    fn close(&self) -> LocalBoxFuture<'_, ()>;
}

/// One worker's own handle. Executes one operation at a time, so no lock is needed.
pub trait Session {
    /// Executes the operation and checks the answer: key and version of every value returned.
    fn execute<'a>(&'a mut self, op: &'a Op<'a>) -> LocalBoxFuture<'a, Outcome>;

    /// As [`Session::execute`], and leaves the answer in `answer` if the outcome is `Ok`: the value of a row ([`OpKind::Read`]), or an
    /// encoded [`Summary`] ([`OpKind::Aggregate`]). Compositions ask for answers; the engine only wants to know whether they are right.
    ///
    /// [`OpKind::Read`]: crate::model::op::OpKind::Read
    /// [`OpKind::Aggregate`]: crate::model::op::OpKind::Aggregate
    fn fetch<'a>(&'a mut self, _op: &'a Op<'a>, _answer: &'a mut Vec<u8>) -> LocalBoxFuture<'a, Outcome> {
        Box::pin(async { Outcome::Failed })
    }

    /// The same connection as a cache; `None` if this kind of store cannot be one.
    fn entries(&mut self) -> Option<&mut dyn Entries> {
        None
    }

    /// The text of the last error, for the record; asked once per kind of error, off the hot path.
    fn last_error(&self) -> Option<String> {
        None
    }

    /// Adds its counters.
    fn count(&self, _counters: &mut Counters) {}
}

/// What a cache keeps an answer under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// The value of the row with this key; the cache's own data set, if it has one, lies in the same place.
    Row(u64),
    /// The [`Summary`] of this group.
    Group(u64),
}

/// A session seen as a cache: bytes under an [`Entry`], not checked.
pub trait Entries {
    /// Leaves what is kept under `entry` in `answer`; `Missing` if nothing is.
    fn get<'a>(&'a mut self, entry: Entry, answer: &'a mut Vec<u8>) -> LocalBoxFuture<'a, Outcome>;

    /// Keeps `value` under `entry`, for `ttl` (whole milliseconds) or for ever.
    fn put<'a>(&'a mut self, entry: Entry, value: &'a [u8], ttl: Option<Duration>) -> LocalBoxFuture<'a, Outcome>;

    /// Drops entries, in one round trip. `Ok` even if there were none.
    fn forget<'a>(&'a mut self, entries: &'a [Entry]) -> LocalBoxFuture<'a, Outcome>;
}

/// The driver of a kind of store.
pub fn driver(name: &str) -> Option<&'static Driver> {
    DRIVERS.into_iter().find(|driver| driver.capability.name == name)
}

/// What all kinds of store can do, for the checks of files.
pub fn capabilities() -> Vec<&'static Capability> {
    DRIVERS.into_iter().map(|driver| &driver.capability).collect()
}

/// Opens one store.
///
/// # Errors
/// When the kind is unknown, the server does not answer, or it refuses the settings.
pub async fn open(config: &StoreConfig) -> Result<Box<dyn Store>, StoreError> {
    let driver =
        driver(&config.store).ok_or_else(|| StoreError { store: "store", text: format!("no store is called `{}`", config.store) })?;
    (driver.open)(config).await
}

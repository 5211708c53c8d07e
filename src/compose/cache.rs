//! Cache-aside: a near store that keeps answers of a far one.
//!
//! A read asks the cache; on a miss it asks the far store, and then fills the cache, all within the operation. A write goes to the far
//! store, and then deletes the row's entry and its group's entry. Scans and `find_by` pass by the cache. The cache starts empty.
//! If the cache does not answer, the far store does, and `fallback` counts it: a broken cache costs time, not errors. Two things that
//! cache-aside cannot prevent are not hidden: a reader that was slow can put an old value back after a write's delete, and a delete
//! that failed, or that the deadline cut off, leaves the old entry until its time is up.

use std::ops::Range;
use std::time::Duration;

use futures_util::FutureExt;

use crate::model::data::{DataSet, group, version_of};
use crate::model::op::{Op, OpKind, Outcome};
use crate::store::{About, Counters, Entries, Entry, LocalBoxFuture, Session, Store, StoreError, Summary};

/// A store with a cache in front.
pub struct CacheStore {
    near: Box<dyn Store>,
    far: Box<dyn Store>,
    groups: u64,
    ttl: Option<Duration>,
}

impl CacheStore {
    /// Puts `near` in front of `far`, whose rows are in so many groups.
    pub fn new(near: Box<dyn Store>, far: Box<dyn Store>, groups: u64, ttl: Option<Duration>) -> Self {
        Self { near, far, groups, ttl }
    }

    async fn about_both(&self) -> Result<About, StoreError> {
        let (near, far) = (self.near.about().await?, self.far.about().await?);
        let mut about = About {
            product: format!("{} in front of {}", near.product, far.product),
            version: format!("{} in front of {}", near.version, far.version),
            ..About::default()
        };
        about.settings.extend(near.settings.into_iter().map(|(name, value)| (format!("near.{name}"), value)));
        about.settings.extend(far.settings.into_iter().map(|(name, value)| (format!("far.{name}"), value)));
        Ok(about)
    }

    async fn open_session(&self) -> Result<Box<dyn Session>, StoreError> {
        let mut near = self.near.session().await?;
        if near.entries().is_none() {
            return Err(StoreError { store: "cache", text: "the near store cannot keep entries: use redis as near".to_owned() });
        }
        let far = self.far.session().await?;
        Ok(Box::new(CacheSession {
            near,
            far,
            groups: self.groups,
            ttl: self.ttl,
            answer: Vec::new(),
            hits: 0,
            misses: 0,
            fallbacks: 0,
            last: Last::Far,
        }))
    }
}

impl Store for CacheStore {
    fn about(&self) -> LocalBoxFuture<'_, Result<About, StoreError>> {
        self.about_both().boxed_local()
    }

    fn session(&self) -> LocalBoxFuture<'_, Result<Box<dyn Session>, StoreError>> {
        self.open_session().boxed_local()
    }

    /// Empties the cache too.
    fn create<'a>(&'a self, data: &'a DataSet) -> LocalBoxFuture<'a, Result<(), StoreError>> {
        async move {
            self.near.create(data).await?;
            self.far.create(data).await
        }
        .boxed_local()
    }

    /// Loads the far store only: the warm-up fills the cache.
    fn load<'a>(&'a self, data: &'a DataSet, keys: Range<u64>, progress: &'a dyn Fn(u64)) -> LocalBoxFuture<'a, Result<(), StoreError>> {
        self.far.load(data, keys, progress)
    }

    fn settle<'a>(&'a self, data: &'a DataSet) -> LocalBoxFuture<'a, Result<(), StoreError>> {
        async move {
            self.near.settle(data).await?;
            self.far.settle(data).await
        }
        .boxed_local()
    }

    fn count<'a>(&'a self, data: &'a DataSet) -> LocalBoxFuture<'a, Result<u64, StoreError>> {
        self.far.count(data)
    }

    fn value<'a>(&'a self, data: &'a DataSet, key: u64) -> LocalBoxFuture<'a, Result<Option<Vec<u8>>, StoreError>> {
        self.far.value(data, key)
    }

    /// Those of the store of record.
    fn disk_bytes<'a>(&'a self, data: &'a DataSet) -> LocalBoxFuture<'a, Result<Option<u64>, StoreError>> {
        self.far.disk_bytes(data)
    }

    fn discard<'a>(&'a self, data: &'a DataSet) -> LocalBoxFuture<'a, Result<(), StoreError>> {
        async move {
            self.near.discard(data).await?;
            self.far.discard(data).await
        }
        .boxed_local()
    }

    fn close(&self) -> LocalBoxFuture<'_, ()> {
        async move {
            self.near.close().await;
            self.far.close().await;
        }
        .boxed_local()
    }
}

/// Who decided the last outcome, for the text of its error.
#[derive(Clone, Copy)]
enum Last {
    Near,
    Far,
}

struct CacheSession {
    near: Box<dyn Session>,
    far: Box<dyn Session>,
    groups: u64,
    ttl: Option<Duration>,
    /// Answers of operations whose caller does not want them; kept for its capacity.
    answer: Vec<u8>,
    hits: u64,
    misses: u64,
    fallbacks: u64,
    last: Last,
}

impl CacheSession {
    /// The near session as a cache, which [`CacheStore::open_session`] made sure that it is.
    async fn cached(&mut self, entry: Entry, answer: &mut Vec<u8>) -> Outcome {
        match self.near.entries() {
            Some(near) => near.get(entry, answer).await,
            None => Outcome::Failed,
        }
    }

    async fn run(&mut self, op: &Op<'_>, answer: &mut Vec<u8>) -> Outcome {
        self.last = Last::Far;
        match op.kind {
            OpKind::Read | OpKind::Aggregate => self.read(op, answer).await,
            OpKind::ReadModifyWrite => {
                let read = Op { kind: OpKind::Read, value: &[], ..*op };
                match self.read(&read, answer).await {
                    Outcome::Ok => self.write(&Op { kind: OpKind::Update, ..*op }).await,
                    other => other,
                }
            }
            OpKind::Insert | OpKind::Update | OpKind::Delete => self.write(op).await,
            OpKind::Scan | OpKind::FindBy => self.far.execute(op).await,
        }
    }

    async fn read(&mut self, op: &Op<'_>, answer: &mut Vec<u8>) -> Outcome {
        let entry = match op.kind {
            OpKind::Aggregate => Entry::Group(group(op.key, self.groups) as u64),
            _ => Entry::Row(op.key),
        };
        match self.cached(entry, answer).await {
            Outcome::Ok => {
                self.hits += 1;
                let outcome = self.check(op, answer);
                if outcome != Outcome::Ok {
                    self.last = Last::Near;
                }
                outcome
            }
            Outcome::Missing => {
                self.misses += 1;
                let outcome = self.far.fetch(op, answer).await;
                if outcome == Outcome::Ok {
                    let ttl = self.ttl;
                    let kept = match self.near.entries() {
                        Some(near) => near.put(entry, answer, ttl).await,
                        None => Outcome::Failed,
                    };
                    self.fallbacks += u64::from(kept != Outcome::Ok);
                }
                outcome
            }
            _ => {
                self.fallbacks += 1;
                self.far.fetch(op, answer).await
            }
        }
    }

    /// What was cached is checked as if it came from the far store.
    fn check(&self, op: &Op<'_>, answer: &[u8]) -> Outcome {
        match op.kind {
            OpKind::Aggregate => Summary::decode(answer).map_or(Outcome::Wrong, |summary| summary.check(op.key, self.groups)),
            _ if version_of(op.key, answer).is_some() => Outcome::Ok,
            _ => Outcome::Wrong,
        }
    }

    /// The entries go whatever the far store says: a write that timed out may have taken effect.
    async fn write(&mut self, op: &Op<'_>) -> Outcome {
        let outcome = self.far.execute(op).await;
        let entries = [Entry::Row(op.key), Entry::Group(group(op.key, self.groups) as u64)];
        let gone = if self.groups > 0 { &entries[..] } else { &entries[..1] };
        let forgotten = match self.near.entries() {
            Some(near) => near.forget(gone).await,
            None => Outcome::Failed,
        };
        self.fallbacks += u64::from(forgotten != Outcome::Ok);
        outcome
    }
}

impl Session for CacheSession {
    fn execute<'a>(&'a mut self, op: &'a Op<'a>) -> LocalBoxFuture<'a, Outcome> {
        async move {
            let mut answer = std::mem::take(&mut self.answer);
            let outcome = self.run(op, &mut answer).await;
            self.answer = answer;
            outcome
        }
        .boxed_local()
    }

    fn fetch<'a>(&'a mut self, op: &'a Op<'a>, answer: &'a mut Vec<u8>) -> LocalBoxFuture<'a, Outcome> {
        self.run(op, answer).boxed_local()
    }

    fn entries(&mut self) -> Option<&mut dyn Entries> {
        // A cache in front of a cache is not a cache: its far store keeps rows.
        None
    }

    fn last_error(&self) -> Option<String> {
        match self.last {
            Last::Near => Some("the cache gave an answer that belongs to another key".to_owned()),
            Last::Far => self.far.last_error().or_else(|| self.near.last_error()),
        }
    }

    fn count(&self, counters: &mut Counters) {
        *counters.entry("hit").or_default() += self.hits;
        *counters.entry("miss").or_default() += self.misses;
        *counters.entry("fallback").or_default() += self.fallbacks;
        self.near.count(counters);
        self.far.count(counters);
    }
}

//! A store for the tests of the engine: a script says how long each operation takes and how it ends, in the time of tokio's clock.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::{About, Counters, LocalBoxFuture, Session, Store, StoreError};
use crate::model::data::DataSet;
use crate::model::op::{Op, OpKind, Outcome};

/// An operation as the store saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// Number of the operation, from 0.
    pub number: u64,
    /// Number of the session, from 0; a session that was opened anew has a number of its own.
    pub session: u64,
    /// Time since the store was made.
    pub at: Duration,
    /// What was asked.
    pub kind: OpKind,
    /// Of which row.
    pub key: u64,
    /// Which version.
    pub version: u64,
}

/// What the store does about it.
#[derive(Debug, Clone, Copy)]
pub enum Answer {
    /// Ends at this time since the store was made, this way.
    At(Duration, Outcome),
    /// Ends at once, without ever waiting.
    Now(Outcome),
    /// Never ends.
    Never,
    /// Panics.
    Panic,
}

/// How the store behaves.
pub type Script = dyn Fn(&Call) -> Answer;

struct Shared {
    start: Instant,
    script: Box<Script>,
    calls: RefCell<Vec<Call>>,
    sessions: Cell<u64>,
    refuse_sessions: Cell<bool>,
}

/// The store. A clone is the same store.
#[derive(Clone)]
pub struct Scripted(Rc<Shared>);

impl Scripted {
    /// A store that behaves as `script` says; its time starts now.
    pub fn new(script: impl Fn(&Call) -> Answer + 'static) -> Self {
        Self(Rc::new(Shared {
            start: Instant::now(),
            script: Box::new(script),
            calls: RefCell::default(),
            sessions: Cell::new(0),
            refuse_sessions: Cell::new(false),
        }))
    }

    /// All operations so far, in the order in which they began.
    pub fn calls(&self) -> Vec<Call> {
        self.0.calls.borrow().clone()
    }

    /// Sessions opened so far.
    pub fn sessions(&self) -> u64 {
        self.0.sessions.get()
    }

    /// Whether the store opens no more sessions.
    pub fn refuse_sessions(&self, refuse: bool) {
        self.0.refuse_sessions.set(refuse);
    }
}

impl Store for Scripted {
    fn about(&self) -> LocalBoxFuture<'_, Result<About, StoreError>> {
        Box::pin(async { Ok(About::default()) })
    }

    fn session(&self) -> LocalBoxFuture<'_, Result<Box<dyn Session>, StoreError>> {
        Box::pin(async {
            if self.0.refuse_sessions.get() {
                return Err(StoreError { store: "scripted", text: "no more sessions".to_owned() });
            }
            let number = self.0.sessions.replace(self.0.sessions.get() + 1);
            Ok(Box::new(ScriptedSession { shared: Rc::clone(&self.0), number, executed: 0 }) as Box<dyn Session>)
        })
    }

    fn create<'a>(&'a self, _: &'a DataSet) -> LocalBoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }

    fn load<'a>(&'a self, _: &'a DataSet, _: std::ops::Range<u64>, _: &'a dyn Fn(u64)) -> LocalBoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }

    fn settle<'a>(&'a self, _: &'a DataSet) -> LocalBoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }

    fn count<'a>(&'a self, data: &'a DataSet) -> LocalBoxFuture<'a, Result<u64, StoreError>> {
        Box::pin(async { Ok(data.rows) })
    }

    fn value<'a>(&'a self, _: &'a DataSet, _: u64) -> LocalBoxFuture<'a, Result<Option<Vec<u8>>, StoreError>> {
        Box::pin(async { Ok(None) })
    }

    fn disk_bytes<'a>(&'a self, _: &'a DataSet) -> LocalBoxFuture<'a, Result<Option<u64>, StoreError>> {
        Box::pin(async { Ok(None) })
    }

    fn discard<'a>(&'a self, _: &'a DataSet) -> LocalBoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }

    fn close(&self) -> LocalBoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

struct ScriptedSession {
    shared: Rc<Shared>,
    number: u64,
    executed: u64,
}

impl Session for ScriptedSession {
    fn execute<'a>(&'a mut self, op: &'a Op<'a>) -> LocalBoxFuture<'a, Outcome> {
        self.executed += 1;
        let shared = &self.shared;
        let number = shared.calls.borrow().len() as u64;
        let Op { kind, key, version, .. } = *op;
        let call = Call { number, session: self.number, at: shared.start.elapsed(), kind, key, version };
        shared.calls.borrow_mut().push(call);
        let answer = (shared.script)(&call);
        let start = shared.start;
        Box::pin(async move {
            match answer {
                Answer::At(at, outcome) => {
                    sleep_until(start + at).await;
                    outcome
                }
                Answer::Now(outcome) => outcome,
                Answer::Never => std::future::pending().await,
                Answer::Panic => panic!("the script says so"),
            }
        })
    }

    fn last_error(&self) -> Option<String> {
        Some("scripted error".to_owned())
    }

    fn count(&self, counters: &mut Counters) {
        *counters.entry("executed").or_default() += self.executed;
    }
}

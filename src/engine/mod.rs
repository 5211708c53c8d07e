//! Load: worker threads, pacing, warm-up and the measured part of a trial. Knows stores only through their one seam, and never prints.
//!
//! # What is counted
//! - **Closed loop**: operations that *end* in the measured part, whose length is that of the plan. Operations under way at its end are
//!   completed, or timed out, but not counted.
//! - **Open loop**: operations whose *intended start* lies in the measured part. Those under way or waiting at its end are completed, or
//!   timed out, and counted; the duration reaches to the last of them.
//! - The deadline holds twice: for the answer, from the actual start; and for the wait for a free session, from the intended start. An
//!   operation that gives up while it waits ends as `timeout`, with a response time and without a service time. (One deadline for both
//!   would let an overloaded loop start only operations that are about to give up, and none of them would end well.) So an open loop ends
//!   two deadlines after its measured part at the latest.
//! - `offered = issued + never started`, and `issued = ops + errors`. Never started are arrivals that found the queue of waiting operations
//!   full (1,000,000 for all threads together), or were still waiting when a trial was cancelled.
//! - **Issue lag** is the harness's own: from the intended start to the actual one if a session was free, and to the moment the operation
//!   was due for hand-over if none was. Waiting for a busy session is response time, not lag. A closed loop has none.
//!
//! # Sessions after a timeout
//! An operation that runs into its deadline is dropped in the middle of its exchange with the server, so its session is closed and opened
//! anew before it is used again; so is one that lost its connection. If that fails, the next operation of that session ends as
//! `disconnected`: errors are samples, never gaps.

mod client;
mod lane;
mod open;
mod pacer;
mod part;
mod steady;
#[cfg(test)]
mod tests;
mod worker;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

pub use client::Client;
use futures_util::future::LocalBoxFuture;

use crate::base::clock::Nanos;
use crate::base::seed::Seed;
use crate::generate::SourceError;
use crate::model::workload::Workload;
use crate::recorder::{RecorderError, Recording};
use crate::store::{Store, StoreError};

/// Opens the target; called once on every client thread.
pub type Opener = Arc<dyn Fn() -> LocalBoxFuture<'static, Result<Box<dyn Store>, StoreError>> + Send + Sync>;

/// Load before the measured part. It goes over into the measured part without a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WarmupPlan {
    /// Until the rate is steady.
    Steady {
        /// So long at most.
        limit: Duration,
        /// So long at least.
        min: Duration,
    },
    /// So long.
    Fixed(Duration),
}

/// What a trial sends.
#[derive(Debug, Clone)]
pub struct TrialPlan {
    /// Operations.
    pub workload: Workload,
    /// Operations a second of an open loop. `None`: a closed loop with the sessions of the workload, even if that asks for an open one
    /// (to find out what it can reach).
    pub rate_per_s: Option<f64>,
    /// Load before the measured part.
    pub warmup: WarmupPlan,
    /// Length of the measured part; above 0.
    pub duration: Duration,
    /// Decides every random choice.
    pub seed: Seed,
    /// First key that no row has had yet; new rows get keys from here on.
    pub first_insert_key: u64,
    /// Set from outside to end the trial early; looked at every 50 ms at least.
    pub cancel: Arc<AtomicBool>,
}

/// A moment of a trial at which the caller may read what the servers used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The measured part starts.
    MeasuredStarts,
    /// The measured part ends; in an open loop, after the last operation that counts.
    MeasuredEnds,
}

/// What a trial gave.
pub struct Measured {
    /// Latencies and outcomes.
    pub recording: Recording,
    /// Length of the warm-up in ns.
    pub warmup_ns: Nanos,
    /// Whether the rate was steady when the measured part started. A fixed warm-up is taken at its word.
    pub steady: bool,
    /// Start of the measured part on the client's clock; of the trial, if it was cancelled before.
    pub started: Nanos,
    /// Length of the measured part in ns.
    pub duration_ns: Nanos,
    /// Operations that were due. In a closed loop the same as `issued`.
    pub offered: u64,
    /// Operations that ended, rightly or not.
    pub issued: u64,
    /// CPU time of the client's threads in the measured part, in ns.
    pub client_cpu_ns: Nanos,
    /// Client threads that took part.
    pub client_threads: u32,
    /// Counters of the sessions in the measured part.
    pub counters: BTreeMap<String, u64>,
    /// The first message of each kind of error, by the name of the outcome.
    pub error_texts: BTreeMap<String, String>,
    /// Keys used up from `first_insert_key` on, a few of them perhaps without a row; the next trial starts behind them.
    pub inserted: u64,
    /// Operations a second at the end of the warm-up; of the measured part if there was no warm-up.
    pub steady_rate_per_s: f64,
    /// Whether the trial was cancelled.
    pub cancelled: bool,
    /// What paced an open loop: `timerfd`, or `tokio` (the fall-back, 1–2 ms late); `none` for a closed loop.
    pub pacer: &'static str,
}

/// Why a client could not be opened, or a trial not be run. Failed operations are no such errors: they are samples.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The plan asks for something that the client cannot do.
    #[error("the trial's plan: {0}")]
    Plan(String),
    /// The workload gives no operations.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The system refused a thread, a core or a timer.
    #[error("client thread {thread}: {what}: {source}")]
    System {
        /// Number of the thread.
        thread: u32,
        /// What was tried.
        what: String,
        /// Why it was refused.
        source: std::io::Error,
    },
    /// The target could not be opened.
    #[error("client thread {thread}: {source}")]
    Store {
        /// Number of the thread.
        thread: u32,
        /// What the store says.
        source: StoreError,
    },
    /// A thread did not answer in time.
    #[error("client thread {thread} did not {what} within {limit_s} s; the store's driver blocks it, or the server does not answer")]
    Stuck {
        /// Number of the thread.
        thread: u32,
        /// What it should have done.
        what: &'static str,
        /// How long it was waited for, in seconds.
        limit_s: u64,
    },
    /// Code of a client thread panicked.
    #[error("client thread {thread} panicked: {text}")]
    Panicked {
        /// Number of the thread.
        thread: u32,
        /// Text of the panic.
        text: String,
    },
    /// A histogram could not be handled.
    #[error(transparent)]
    Recorder(#[from] RecorderError),
}

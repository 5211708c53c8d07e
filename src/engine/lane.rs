//! One session and its task.

use std::future::Future;
use std::task::Poll;
use std::time::Duration;

use super::pacer::sleep;
use super::part::{Job, Part, Slot, next_job};
use crate::base::clock::Nanos;
use crate::generate::Draw;
use crate::model::op::{Op, OpKind, Outcome};
use crate::recorder::Sample;
use crate::store::{Counters, Session};

/// So long a session may take to open anew, in ns, if the deadline of operations is not shorter.
pub(super) const REOPEN: Nanos = 2_000_000_000;
/// Pause after a session could not be opened anew, in ns: a server that is down must not be hammered.
const BACK_OFF: Nanos = 50_000_000;
/// Operations that may end without waiting for anything before other tasks get their turn.
const STREAK: u32 = 16;

/// A session, kept from one trial to the next.
#[derive(Default)]
pub(super) struct Lane {
    /// `None` after a timeout or a lost connection.
    session: Option<Box<dyn Session>>,
    buffer: Vec<u8>,
    /// Counters of the session when the measured part started; `None` before.
    counted: Option<Counters>,
}

/// How an operation went, as far as the task's loop needs it.
struct Done {
    ended: Nanos,
    /// Whether it ended without ever waiting.
    at_once: bool,
}

impl Lane {
    pub(super) fn new(session: Box<dyn Session>) -> Self {
        Self { session: Some(session), ..Self::default() }
    }

    fn counters(&self) -> Counters {
        let mut counters = Counters::new();
        if let Some(session) = &self.session {
            session.count(&mut counters);
        }
        counters
    }

    /// Adds what the session counted in the measured part.
    fn settle_counters(&mut self, part: &Part) {
        let counters = self.counters();
        let Some(before) = &mut self.counted else { return };
        let mut sums = part.counters.borrow_mut();
        for (name, count) in counters {
            *sums.entry(name.to_owned()).or_default() += count.saturating_sub(before.get(name).copied().unwrap_or(0));
        }
        // A session that follows starts to count from 0.
        before.clear();
    }

    fn lose_session(&mut self, part: &Part) {
        self.settle_counters(part);
        self.session = None;
    }

    async fn reopen(&mut self, part: &Part) -> Result<(), String> {
        let limit = Duration::from_nanos(REOPEN.min(part.deadline));
        match tokio::time::timeout(limit, part.store.session()).await {
            Ok(Ok(session)) => {
                self.session = Some(session);
                Ok(())
            }
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("a new session did not open within {} ms", limit.as_millis())),
        }
    }
}

/// Runs a session's operations until its part of the trial is over.
pub(super) async fn run(part: &Part, index: usize, lane: &mut Lane) {
    lane.counted = None;
    let mut streak = 0;
    while !part.plan.control.is_stopped() {
        let job = if part.is_open() {
            let Some(job) = next_job(part, index).await else { break };
            Some(job)
        } else {
            None
        };
        let done = perform(part, index, lane, job).await;
        if !part.is_open() && done.ended >= part.plan.control.measured().1 {
            break;
        }
        if lane.session.is_none() && !part.plan.control.is_stopped() && lane.reopen(part).await.is_err() {
            sleep(BACK_OFF).await;
        }
        streak = if done.at_once { streak + 1 } else { 0 };
        if streak == STREAK {
            streak = 0;
            tokio::task::yield_now().await;
        }
    }
    lane.settle_counters(part);
}

/// Draws an operation, executes it, and counts it. Reads the clock twice.
async fn perform(part: &Part, index: usize, lane: &mut Lane, job: Option<Job>) -> Done {
    let draw = part.source.borrow_mut().next(&mut lane.buffer);
    let mut started = part.clock.now();
    let intended = job.map_or(started, |job| job.intended);
    let (from, to) = part.plan.control.measured();
    if from <= intended && intended < to {
        if job.is_some_and(|job| job.direct) {
            part.recorded(from, |recorder| recorder.record_lag(started - intended));
        }
        if lane.counted.is_none() {
            lane.counted = Some(lane.counters());
        }
    }
    if lane.session.is_none() {
        if let Err(text) = lane.reopen(part).await {
            let ended = part.clock.now();
            let sample = Sample { kind: draw.kind, outcome: Outcome::Disconnected, intended, started: Some(started), ended };
            if part.ended(&sample) {
                part.note_error(sample.outcome, || Some(text));
            }
            return Done { ended, at_once: false };
        }
        started = part.clock.now();
    }
    if started >= intended.saturating_add(part.deadline) {
        out_of_time(part, &draw, intended, started);
        return Done { ended: started, at_once: true };
    }
    execute(part, index, lane, &draw, intended, started).await
}

async fn execute(part: &Part, index: usize, lane: &mut Lane, draw: &Draw, intended: Nanos, started: Nanos) -> Done {
    let Some(session) = lane.session.as_mut() else { return Done { ended: started, at_once: false } };
    let op = Op { kind: draw.kind, key: draw.key, version: draw.version, value: &lane.buffer, limit: draw.limit };
    let slot = &part.slots[index];
    slot.due.set(started.saturating_add(part.deadline));
    let (answer, at_once) = unless_expired(slot, session.execute(&op)).await;
    slot.due.set(0);
    let ended = part.clock.now();
    let outcome = answer.unwrap_or(Outcome::Timeout);
    if outcome == Outcome::Ok && draw.kind == OpKind::Insert {
        part.source.borrow_mut().acknowledge(draw.key);
    }
    if part.ended(&Sample { kind: draw.kind, outcome, intended, started: Some(started), ended }) && outcome != Outcome::Ok {
        match answer {
            Some(_) => part.note_error(outcome, || session.last_error()),
            None => part.note_error(outcome, || Some(no_answer(part))),
        }
    }
    // Dropped in the middle of its exchange, or without a connection: what comes next on this session could be the answer to this one.
    if answer.is_none() || matches!(outcome, Outcome::Timeout | Outcome::Disconnected) {
        lane.lose_session(part);
    }
    Done { ended, at_once }
}

/// Counts an operation whose deadline passed before any session was free for it.
pub(super) fn out_of_time(part: &Part, draw: &Draw, intended: Nanos, now: Nanos) {
    if part.ended(&Sample { kind: draw.kind, outcome: Outcome::Timeout, intended, started: None, ended: now }) {
        part.note_error(Outcome::Timeout, || Some(format!("no session was free within {} ms", part.deadline / 1_000_000)));
    }
}

fn no_answer(part: &Part) -> String {
    format!("no answer within {} ms", part.deadline / 1_000_000)
}

/// The answer, or `None` once the keeper has marked the slot as expired; and whether it was there at the first look. Instead of a timer for
/// every operation, the thread's one keeper looks at all deadlines.
async fn unless_expired(slot: &Slot, mut answer: impl Future<Output = Outcome> + Unpin) -> (Option<Outcome>, bool) {
    let mut at_once = true;
    slot.expired.set(false);
    let outcome = std::future::poll_fn(|context| {
        if let Poll::Ready(outcome) = std::pin::Pin::new(&mut answer).poll(context) {
            return Poll::Ready(Some(outcome));
        }
        at_once = false;
        if slot.expired.get() {
            return Poll::Ready(None);
        }
        slot.park(context.waker());
        Poll::Pending
    })
    .await;
    (outcome, at_once)
}

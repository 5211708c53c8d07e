//! One thread's part of a trial: what its sessions share, and what it counts.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Poll, Waker};

use super::EngineError;
use super::lane::{self, Lane};
use super::open;
use super::pacer::{Pacer, sleep};
use crate::base::clock::{Clock, Nanos};
use crate::base::seed::Seed;
use crate::generate::{OpSource, SourceSetup};
use crate::model::op::Outcome;
use crate::model::workload::{Arrivals, Workload};
use crate::recorder::{RecorderError, Sample, ThreadRecorder, ThreadRecording};
use crate::store::Store;

/// Between two looks at deadlines and at the wish to cancel, in ns at most.
pub(super) const LOOK: Nanos = 20_000_000;
/// So long an operation under way may still take when its trial is cancelled, in ns.
const GRACE: Nanos = 200_000_000;
/// Operations of all threads together that may wait for a session; arrivals beyond are counted as never started. 8 bytes each.
pub(super) const QUEUE: usize = 1_000_000;

/// What the caller and all client threads share during a trial.
pub(super) struct Control {
    from: AtomicU64,
    to: AtomicU64,
    stop: AtomicBool,
    cancel: Arc<AtomicBool>,
    /// One for each thread, which alone writes it.
    pub(super) progress: Vec<Progress>,
}

/// Sums of one thread since the start of the trial; on a cache line of their own.
#[derive(Default)]
#[repr(align(128))]
pub(super) struct Progress {
    pub(super) ended: AtomicU64,
    pub(super) errors: AtomicU64,
    pub(super) service: AtomicU64,
}

impl Control {
    pub(super) fn new(threads: usize, cancel: Arc<AtomicBool>) -> Self {
        let progress = (0..threads).map(|_| Progress::default()).collect();
        Self { from: AtomicU64::new(Nanos::MAX), to: AtomicU64::new(Nanos::MAX), stop: AtomicBool::new(false), cancel, progress }
    }

    /// Sets when the measured part is; `from` must lie in the future.
    pub(super) fn measure(&self, from: Nanos, to: Nanos) {
        self.to.store(to, Ordering::Relaxed);
        self.from.store(from, Ordering::Release);
    }

    /// Ends the trial at once; a measured part that has started ends `now`.
    pub(super) fn stop(&self, now: Nanos) {
        self.to.fetch_min(now, Ordering::Relaxed);
        self.stop.store(true, Ordering::Release);
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Start and end of the measured part; `Nanos::MAX` as long as they are not known.
    #[inline]
    pub(super) fn measured(&self) -> (Nanos, Nanos) {
        let from = self.from.load(Ordering::Acquire);
        (from, self.to.load(Ordering::Relaxed))
    }
}

/// How operations start.
#[derive(Debug, Clone, Copy)]
pub(super) enum Mode {
    /// Each session starts the next one when the last has ended.
    Closed,
    /// By a schedule.
    Open { rate_per_s: f64, arrivals: Arrivals, shift: f64 },
}

/// What a thread is to do.
#[derive(Clone)]
pub(super) struct PartPlan {
    pub(super) workload: Arc<Workload>,
    pub(super) mode: Mode,
    pub(super) seed: Seed,
    pub(super) worker: u32,
    pub(super) workers: u32,
    pub(super) epoch: u32,
    pub(super) first_insert_key: u64,
    pub(super) duration: Nanos,
    pub(super) sessions: usize,
    /// Operations that may wait for a session.
    pub(super) queue: usize,
    pub(super) control: Arc<Control>,
}

/// What a thread counted.
#[derive(Default)]
pub(super) struct PartResult {
    pub(super) recording: Option<ThreadRecording>,
    pub(super) offered: u64,
    pub(super) cpu: Nanos,
    pub(super) counters: BTreeMap<String, u64>,
    pub(super) error_texts: BTreeMap<String, String>,
    pub(super) inserts: u64,
    pub(super) pacer: &'static str,
}

/// An arrival handed to a session that was free for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Job {
    pub(super) intended: Nanos,
    /// Whether it never waited for a session, so that any delay of its start is the harness's.
    pub(super) direct: bool,
}

/// What the thread's other tasks see of a session.
#[derive(Default)]
pub(super) struct Slot {
    /// When the operation under way runs out of time; 0 for none under way.
    pub(super) due: Cell<Nanos>,
    pub(super) expired: Cell<bool>,
    pub(super) job: Cell<Option<Job>>,
    waker: RefCell<Option<Waker>>,
}

impl Slot {
    /// Has the session's task woken by [`Slot::wake`]. Cheap: a task's waker changes only between trials.
    pub(super) fn park(&self, waker: &Waker) {
        let mut parked = self.waker.borrow_mut();
        if !parked.as_ref().is_some_and(|parked| parked.will_wake(waker)) {
            *parked = Some(waker.clone());
        }
    }

    pub(super) fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }
}

/// State of a part while it runs. All of it stays on one thread.
pub(super) struct Part {
    pub(super) clock: Clock,
    pub(super) plan: PartPlan,
    pub(super) deadline: Nanos,
    pub(super) store: Rc<dyn Store>,
    pub(super) source: RefCell<OpSource>,
    pub(super) slots: Vec<Slot>,
    /// Intended starts of operations that wait for a session, oldest first.
    pub(super) queue: RefCell<VecDeque<Nanos>>,
    /// Sessions that wait for an operation, the longest idle first, so that all take part.
    pub(super) idle: RefCell<VecDeque<usize>>,
    /// No arrival comes any more.
    pub(super) closing: Cell<bool>,
    pub(super) offered: Cell<u64>,
    pub(super) counters: RefCell<BTreeMap<String, u64>>,
    recorder: RefCell<Option<ThreadRecorder>>,
    failed: RefCell<Option<RecorderError>>,
    error_texts: RefCell<[Option<String>; Outcome::ALL.len()]>,
    cpu_start: Cell<Option<Nanos>>,
    cpu_end: Cell<Option<Nanos>>,
}

impl Part {
    fn new(store: Rc<dyn Store>, plan: PartPlan, clock: Clock) -> Result<Self, EngineError> {
        let setup = SourceSetup {
            workload: &plan.workload,
            seed: plan.seed,
            worker: plan.worker,
            workers: plan.workers,
            epoch: plan.epoch,
            first_insert_key: plan.first_insert_key,
        };
        Ok(Self {
            clock,
            deadline: plan.workload.deadline.as_nanos() as Nanos,
            store,
            source: RefCell::new(OpSource::new(&setup)?),
            slots: (0..plan.sessions).map(|_| Slot::default()).collect(),
            queue: RefCell::default(),
            idle: RefCell::default(),
            closing: Cell::new(false),
            offered: Cell::new(0),
            counters: RefCell::default(),
            recorder: RefCell::default(),
            failed: RefCell::default(),
            error_texts: RefCell::default(),
            cpu_start: Cell::new(None),
            cpu_end: Cell::new(None),
            plan,
        })
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.plan.mode, Mode::Open { .. })
    }

    /// Counts an operation that ended, and records it if it belongs to the measured part. Returns whether it does.
    #[inline]
    pub(super) fn ended(&self, sample: &Sample) -> bool {
        let add = |sum: &AtomicU64, more: u64| sum.store(sum.load(Ordering::Relaxed) + more, Ordering::Relaxed);
        let progress = &self.plan.control.progress[self.plan.worker as usize];
        add(&progress.ended, 1);
        add(&progress.service, sample.started.map_or(0, |started| sample.ended.saturating_sub(started)));
        if sample.outcome != Outcome::Ok {
            add(&progress.errors, 1);
        }
        self.look(sample.ended);
        let (from, to) = self.plan.control.measured();
        let counts_from = if self.is_open() { sample.intended } else { sample.ended };
        let measured = from <= counts_from && counts_from < to;
        if measured {
            self.recorded(from, |recorder| recorder.record(sample));
        }
        measured
    }

    /// Lets `record` write, if there is a recorder or one can be made.
    #[inline]
    pub(super) fn recorded(&self, from: Nanos, record: impl FnOnce(&mut ThreadRecorder)) {
        let mut recorder = self.recorder.borrow_mut();
        if recorder.is_none() {
            match ThreadRecorder::new(from, self.plan.duration) {
                Ok(made) => *recorder = Some(made),
                Err(error) => *self.failed.borrow_mut() = Some(error),
            }
        }
        if let Some(recorder) = recorder.as_mut() {
            record(recorder);
        }
    }

    /// Keeps the first text of each kind of error.
    pub(super) fn note_error(&self, outcome: Outcome, text: impl FnOnce() -> Option<String>) {
        let first = &mut self.error_texts.borrow_mut()[outcome.index()];
        if first.is_none() {
            *first = text();
        }
    }

    /// Reads the thread's CPU time when the measured part starts, and when it ends.
    #[inline]
    fn look(&self, now: Nanos) {
        let (from, to) = self.plan.control.measured();
        if now >= from && self.cpu_start.get().is_none() {
            self.cpu_start.set(Some(thread_cpu()));
        }
        if now >= to && !self.is_open() && self.cpu_end.get().is_none() {
            self.cpu_end.set(Some(thread_cpu()));
        }
    }

    /// Ends what is overdue, and everything soon if the trial is stopped. Returns when to look again, in ns from now.
    fn expire(&self) -> Nanos {
        let now = self.clock.now();
        self.look(now);
        let control = &self.plan.control;
        if control.is_cancelled() && !control.is_stopped() {
            control.stop(now);
        }
        let stopped = control.is_stopped();
        let mut next = now + LOOK;
        for slot in &self.slots {
            if slot.due.get() == 0 {
                continue;
            }
            if stopped {
                slot.due.set(slot.due.get().min(now + GRACE));
            }
            if slot.due.get() <= now {
                slot.expired.set(true);
                slot.wake();
            } else {
                next = next.min(slot.due.get());
            }
        }
        if stopped {
            self.close();
            self.queue.borrow_mut().clear();
        }
        next.min(open::expire_waiting(self, now)) - now
    }

    /// No arrival comes any more: idle sessions end.
    pub(super) fn close(&self) {
        self.closing.set(true);
        self.idle.borrow_mut().drain(..).for_each(|slot| self.slots[slot].wake());
    }

    fn finish(&self, pacer: &'static str) -> Result<PartResult, EngineError> {
        if let Some(error) = self.failed.take() {
            return Err(error.into());
        }
        let cpu = self.cpu_start.get().map_or(0, |start| self.cpu_end.get().unwrap_or_else(thread_cpu).saturating_sub(start));
        let texts = Outcome::ALL.into_iter().zip(self.error_texts.take());
        Ok(PartResult {
            recording: self.recorder.take().map(ThreadRecorder::finish).transpose()?,
            offered: self.offered.get(),
            cpu,
            counters: self.counters.take(),
            error_texts: texts.filter_map(|(outcome, text)| Some((outcome.name().to_owned(), text?))).collect(),
            inserts: self.source.borrow().inserts(),
            pacer,
        })
    }
}

/// CPU time of the calling thread in ns.
fn thread_cpu() -> Nanos {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as Nanos * 1_000_000_000 + time.tv_nsec as Nanos
}

/// Runs a part to its end; to be called within a `LocalSet`. The first `plan.sessions` lanes take part. All come back; if it fails, those
/// that took part may be lost.
pub(super) async fn run(
    store: Rc<dyn Store>,
    lanes: &mut Vec<Lane>,
    plan: PartPlan,
    clock: Clock,
    pacer: &Pacer,
) -> Result<PartResult, EngineError> {
    let thread = plan.worker;
    let part = Rc::new(Part::new(store, plan, clock)?);
    let mut tasks = tokio::task::JoinSet::new();
    for (index, mut lane) in lanes.drain(..part.plan.sessions).enumerate() {
        let part = Rc::clone(&part);
        tasks.spawn_local(async move {
            lane::run(&part, index, &mut lane).await;
            (index, lane)
        });
    }
    let mut back = Vec::new();
    let sessions = async {
        while let Some(ended) = tasks.join_next().await {
            back.push(ended.map_err(|error| EngineError::Panicked { thread, text: panic_text(error) })?);
        }
        Ok::<(), EngineError>(())
    };
    let keeper = async {
        loop {
            sleep(part.expire()).await;
        }
    };
    let arrivals = async {
        if let Mode::Open { rate_per_s, arrivals, shift } = part.plan.mode {
            open::dispatch(&part, pacer, rate_per_s, arrivals, shift).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        biased;
        () = arrivals => {}
        ended = sessions => ended?,
        () = keeper => {}
    }
    back.sort_by_key(|(index, _)| *index);
    lanes.splice(0..0, back.into_iter().map(|(_, lane)| lane));
    part.finish(if part.is_open() { pacer.name() } else { "none" })
}

fn panic_text(error: tokio::task::JoinError) -> String {
    match error.try_into_panic() {
        Ok(payload) => text_of(&*payload),
        Err(error) => error.to_string(),
    }
}

/// The text of a panic.
pub(super) fn text_of(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a text".to_owned())
}

/// Waits until `slot` has a job, or none will come.
pub(super) async fn next_job(part: &Part, index: usize) -> Option<Job> {
    if let Some(intended) = part.queue.borrow_mut().pop_front() {
        return Some(Job { intended, direct: false });
    }
    let slot = &part.slots[index];
    let mut listed = false;
    std::future::poll_fn(|context| {
        if let Some(job) = slot.job.take() {
            return Poll::Ready(Some(job));
        }
        if part.closing.get() {
            return Poll::Ready(None);
        }
        slot.park(context.waker());
        if !std::mem::replace(&mut listed, true) {
            part.idle.borrow_mut().push_back(index);
        }
        Poll::Pending
    })
    .await
}

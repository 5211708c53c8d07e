//! The client: its threads, and the course of a trial as the caller's thread sees it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::lane::REOPEN;
use super::part::{Control, Mode, PartPlan, PartResult, Progress, QUEUE};
use super::steady::{self, WINDOW, Window};
use super::worker::{CLOSE_LIMIT, Command, OPEN_LIMIT, Report, Setup, live};
use super::{EngineError, Measured, Moment, Opener, TrialPlan, WarmupPlan};
use crate::base::clock::{Clock, Nanos, SECOND};
use crate::model::trial::SeriesPoint;
use crate::model::workload::{Arrivals, Load};
use crate::recorder::{Recording, ThreadRecording};

/// The caller's thread looks around so often, in ns.
const TICK: Nanos = 20_000_000;
/// The measured part is announced so long before it starts, in ns, so that every thread sees it in time even if the system is busy.
const LEAD: Nanos = 50_000_000;
/// So long a thread may take beyond all known limits, in ns, before it counts as stuck.
const PATIENCE: Nanos = 10 * SECOND;

struct Worker {
    commands: UnboundedSender<Command>,
    handle: Option<JoinHandle<()>>,
    sessions: u32,
}

/// Client threads with their sessions, kept open from one trial to the next. After an error it cannot be used any more.
pub struct Client {
    workers: Vec<Worker>,
    reports: Receiver<(u32, Report)>,
    clock: Clock,
    epoch: u32,
}

impl Client {
    /// Starts one thread for each of `cores` (pinned to that core if it is `Some`), but no more than `sessions`, and opens the target and
    /// its share of the sessions on each. Takes 60 s at most.
    ///
    /// # Errors
    /// When there is no core or session, a thread cannot be started or pinned, or the target does not open in time.
    pub fn open(opener: Opener, sessions: u32, cores: &[Option<u32>], clock: Clock) -> Result<Client, EngineError> {
        if sessions == 0 || cores.is_empty() {
            return Err(EngineError::Plan("a client needs at least one session and one core".to_owned()));
        }
        let threads = u32::try_from(cores.len()).unwrap_or(u32::MAX).min(sessions);
        let (sender, reports) = channel();
        let mut client = Client { workers: Vec::new(), reports, clock, epoch: 0 };
        for (thread, core) in (0..threads).zip(cores) {
            let sessions = share(sessions, threads, thread);
            let (commands, receiver) = unbounded_channel();
            let setup = Setup { thread, core: *core, sessions, opener: Arc::clone(&opener), clock };
            let sender = sender.clone();
            let handle = std::thread::Builder::new()
                .name(format!("ballpark-client-{thread}"))
                .spawn(move || live(&setup, receiver, &sender))
                .map_err(|source| EngineError::System { thread, what: "start".to_owned(), source })?;
            client.workers.push(Worker { commands, handle: Some(handle), sessions });
        }
        let limit = OPEN_LIMIT.as_nanos() as Nanos + PATIENCE;
        client.await_all("open the target and its sessions", limit, |report| matches!(report, Report::Opened))?;
        Ok(client)
    }

    /// Sessions of all threads.
    pub fn sessions(&self) -> u32 {
        self.workers.iter().map(|worker| worker.sessions).sum()
    }

    /// Waits until every thread has sent a report that `wanted` accepts.
    fn await_all(&self, what: &'static str, limit: Nanos, wanted: impl Fn(&Report) -> bool) -> Result<(), EngineError> {
        let end = self.clock.now() + limit;
        let mut missing: Vec<u32> = (0..).take(self.workers.len()).collect();
        while let Some(first) = missing.first() {
            let left = end.saturating_sub(self.clock.now());
            match self.reports.recv_timeout(Duration::from_nanos(left)) {
                Ok((_, Report::Failed(error))) => return Err(error),
                Ok((thread, report)) if wanted(&report) => missing.retain(|other| *other != thread),
                Ok(_) => {}
                Err(_) => return Err(EngineError::Stuck { thread: *first, what, limit_s: limit / SECOND }),
            }
        }
        Ok(())
    }

    /// Runs a trial. `observer` is called on the caller's thread.
    ///
    /// # Errors
    /// When the plan does not fit the client, or a thread panics or does not answer. Operations that fail are samples, not errors.
    pub fn run(&mut self, plan: &TrialPlan, observer: &mut dyn FnMut(Moment)) -> Result<Measured, EngineError> {
        let mode = mode(plan)?;
        let sessions = plan.workload.load.sessions();
        if sessions == 0 || sessions > self.sessions() {
            return Err(EngineError::Plan(format!("{sessions} sessions are asked for, and {} are open", self.sessions())));
        }
        if plan.duration.is_zero() {
            return Err(EngineError::Plan("the measured part has no length".to_owned()));
        }
        self.epoch += 1;
        let threads = u32::try_from(self.workers.len()).unwrap_or(u32::MAX).min(sessions);
        let control = Arc::new(Control::new(threads as usize, Arc::clone(&plan.cancel)));
        let workload = Arc::new(plan.workload.clone());
        let started = self.clock.now();
        for (thread, worker) in (0..threads).zip(&self.workers) {
            let own = share(sessions, threads, thread);
            let part = PartPlan {
                workload: Arc::clone(&workload),
                mode: mode.of_thread(thread, threads, f64::from(own) / f64::from(sessions)),
                seed: plan.seed,
                worker: thread,
                workers: threads,
                epoch: self.epoch,
                first_insert_key: plan.first_insert_key,
                duration: plan.duration.as_nanos() as Nanos,
                sessions: own as usize,
                queue: QUEUE / threads as usize,
                control: Arc::clone(&control),
            };
            // A thread that is gone has said why; the report is read below.
            let _ = worker.commands.send(Command::Run(Box::new(part)));
        }
        let open = matches!(mode, Mode::Open { .. });
        let mut course =
            Course { client: self, plan, control, open, started, windows: Vec::new(), last: (started, [0; 3]), done: Vec::new() };
        let outcome = course.follow(observer);
        if outcome.is_err() {
            // The other threads must not go on with a trial that nobody waits for.
            course.control.stop(course.client.clock.now());
        }
        outcome
    }
}

/// Sessions of one thread.
const fn share(sessions: u32, threads: u32, thread: u32) -> u32 {
    sessions / threads + (thread < sessions % threads) as u32
}

fn mode(plan: &TrialPlan) -> Result<Mode, EngineError> {
    match (plan.rate_per_s, plan.workload.load) {
        (None, _) => Ok(Mode::Closed),
        (Some(rate), Load::Open { arrivals, .. }) if rate.is_finite() && rate > 0.0 => {
            Ok(Mode::Open { rate_per_s: rate, arrivals, shift: 0.0 })
        }
        (Some(rate), Load::Open { .. }) => Err(EngineError::Plan(format!("a rate of {rate} a second cannot be kept"))),
        (Some(_), Load::Closed { .. }) => Err(EngineError::Plan("a closed loop has no rate".to_owned())),
    }
}

impl Mode {
    /// The part of one thread: its share of the rate; the threads of a constant schedule take turns.
    fn of_thread(self, thread: u32, threads: u32, share: f64) -> Mode {
        match self {
            Mode::Closed => Mode::Closed,
            Mode::Open { rate_per_s, arrivals, .. } => {
                let shift = if arrivals == Arrivals::Constant { f64::from(thread) / f64::from(threads) } else { 0.0 };
                Mode::Open { rate_per_s: rate_per_s * share, arrivals, shift }
            }
        }
    }
}

/// A trial under way.
struct Course<'a> {
    client: &'a Client,
    plan: &'a TrialPlan,
    control: Arc<Control>,
    open: bool,
    started: Nanos,
    windows: Vec<Window>,
    /// When the last window ended, and the sums at that time: ended, errors, service time.
    last: (Nanos, [u64; 3]),
    done: Vec<PartResult>,
}

impl Course<'_> {
    fn follow(&mut self, observer: &mut dyn FnMut(Moment)) -> Result<Measured, EngineError> {
        let clock = self.client.clock;
        let steady = self.warm_up()?;
        let Some(steady) = steady else { return self.finish(None, false) };
        let from = clock.now() + LEAD;
        let to = from + self.plan.duration.as_nanos() as Nanos;
        self.control.measure(from, to);
        self.wait_until(from)?;
        observer(Moment::MeasuredStarts);
        self.wait_until(to)?;
        if self.open {
            self.wait_for_all()?;
            observer(Moment::MeasuredEnds);
        } else {
            observer(Moment::MeasuredEnds);
            self.wait_for_all()?;
        }
        self.finish(Some(from), steady)
    }

    /// Whether the load was steady in the end; `None` if the trial was cancelled.
    fn warm_up(&mut self) -> Result<Option<bool>, EngineError> {
        let nanos = |duration: Duration| duration.as_nanos() as Nanos;
        let (min, limit, fixed) = match self.plan.warmup {
            WarmupPlan::Steady { limit, min } => (nanos(min), nanos(limit), false),
            WarmupPlan::Fixed(length) => (nanos(length), nanos(length), true),
        };
        loop {
            let now = self.client.clock.now();
            if self.control.is_cancelled() {
                self.control.stop(now);
                self.wait_for_all()?;
                return Ok(None);
            }
            let elapsed = now - self.started;
            let steady = !fixed && steady::is_steady(&self.windows, self.open);
            if elapsed >= min && steady || elapsed >= limit {
                return Ok(Some(steady || fixed));
            }
            let next = (self.last.0 + WINDOW).min(self.started + limit).min(now + TICK);
            self.listen(next)?;
            self.close_window();
        }
    }

    fn close_window(&mut self) {
        let now = self.client.clock.now();
        if now < self.last.0 + WINDOW {
            return;
        }
        let sum = |pick: fn(&Progress) -> &std::sync::atomic::AtomicU64| {
            self.control.progress.iter().map(|progress| pick(progress).load(Ordering::Relaxed)).sum::<u64>()
        };
        let sums = [sum(|progress| &progress.ended), sum(|progress| &progress.errors), sum(|progress| &progress.service)];
        let (start, before) = self.last;
        // The three sums are not read at one instant, so a difference may be off by an operation or two.
        let [ended, errors, service] = [0, 1, 2].map(|index| sums[index].saturating_sub(before[index]));
        self.windows.push(Window { end: now, length: now - start, ended, errors, service });
        self.last = (now, sums);
    }

    /// Takes reports until `end`. A thread that fails ends the trial.
    fn listen(&mut self, end: Nanos) -> Result<(), EngineError> {
        loop {
            let left = end.saturating_sub(self.client.clock.now());
            match self.client.reports.recv_timeout(Duration::from_nanos(left)) {
                Ok((_, Report::Done(result))) => {
                    self.done.push(*result);
                    // Waiting for the last one: no reason to wait until `end`.
                    if self.done.len() == self.control.progress.len() {
                        return Ok(());
                    }
                }
                Ok((_, Report::Failed(error))) => return Err(error),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => return Ok(()),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(EngineError::Stuck { thread: 0, what: "stay alive", limit_s: 0 });
                }
            }
        }
    }

    /// Waits for a moment of the plan, or until the trial is cancelled.
    fn wait_until(&mut self, moment: Nanos) -> Result<(), EngineError> {
        loop {
            let now = self.client.clock.now();
            if self.control.is_cancelled() {
                self.control.stop(now);
            }
            if now >= moment || self.control.is_stopped() || self.done.len() == self.control.progress.len() {
                return Ok(());
            }
            self.listen(moment.min(now + TICK))?;
        }
    }

    fn wait_for_all(&mut self) -> Result<(), EngineError> {
        let limit = 2 * self.plan.workload.deadline.as_nanos() as Nanos + REOPEN + PATIENCE;
        let mut end = self.client.clock.now() + limit;
        while self.done.len() < self.control.progress.len() {
            let now = self.client.clock.now();
            if self.control.is_cancelled() && !self.control.is_stopped() {
                self.control.stop(now);
                end = end.min(now + REOPEN + PATIENCE);
            }
            if now >= end {
                let thread = u32::try_from(self.done.len()).unwrap_or(u32::MAX);
                return Err(EngineError::Stuck { thread, what: "end the trial", limit_s: limit / SECOND });
            }
            self.listen(end.min(now + TICK))?;
        }
        Ok(())
    }

    fn finish(&mut self, from: Option<Nanos>, steady: bool) -> Result<Measured, EngineError> {
        let mut done = std::mem::take(&mut self.done);
        let threads = self.control.progress.len();
        let parts: Vec<ThreadRecording> = done.iter_mut().filter_map(|part| part.recording.take()).collect();
        let to = self.control.measured().1;
        let last = parts.iter().map(ThreadRecording::last_end).max().unwrap_or(0);
        let end = if self.open { to.max(last) } else { to };
        let duration_ns = from.map_or(0, |from| end.saturating_sub(from));
        let mut recording = Recording::merge(parts, duration_ns)?;
        let issued = recording.issued();
        let warmup = self.windows.iter().map(|window| warmup_point(window, from.unwrap_or(window.end)));
        recording.series.splice(0..0, warmup);
        let measured_rate = if duration_ns == 0 { 0.0 } else { issued as f64 * SECOND as f64 / duration_ns as f64 };
        let mut measured = Measured {
            recording,
            warmup_ns: from.unwrap_or_else(|| self.client.clock.now()) - self.started,
            steady,
            started: from.unwrap_or(self.started),
            duration_ns,
            offered: if self.open { done.iter().map(|part| part.offered).sum() } else { issued },
            issued,
            client_cpu_ns: done.iter().map(|part| part.cpu).sum(),
            client_threads: u32::try_from(threads).unwrap_or(u32::MAX),
            counters: Default::default(),
            error_texts: Default::default(),
            inserted: done.iter().map(|part| part.inserts).max().unwrap_or(0) * threads as u64,
            steady_rate_per_s: steady::rate_per_s(&self.windows).unwrap_or(measured_rate),
            cancelled: self.control.is_stopped(),
            pacer: done.first().map_or("none", |part| part.pacer),
        };
        for part in done {
            part.counters.into_iter().for_each(|(name, count)| *measured.counters.entry(name).or_default() += count);
            for (outcome, text) in part.error_texts {
                measured.error_texts.entry(outcome).or_insert(text);
            }
        }
        Ok(measured)
    }
}

/// A window of the warm-up in the time series: its time is negative.
fn warmup_point(window: &Window, from: Nanos) -> SeriesPoint {
    let seconds = |ns: Nanos| ns as f64 / SECOND as f64;
    let per_s = |count: u64| count as f64 / seconds(window.length);
    SeriesPoint {
        at_s: -seconds(from.saturating_sub(window.end)),
        length_s: seconds(window.length),
        throughput_per_s: per_s(window.ended.saturating_sub(window.errors)),
        errors_per_s: per_s(window.errors),
        p50_ns: None,
        p99_ns: None,
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        for worker in &self.workers {
            let _ = worker.commands.send(Command::Close);
        }
        // A thread that does not end in time is left to the end of the process: waiting for it could last for ever.
        let end = self.clock.now() + CLOSE_LIMIT.as_nanos() as Nanos + SECOND;
        for worker in &mut self.workers {
            let Some(handle) = worker.handle.take() else { continue };
            while !handle.is_finished() && self.clock.now() < end {
                match self.reports.recv_timeout(Duration::from_millis(5)) {
                    Err(RecvTimeoutError::Disconnected) => break,
                    Ok(_) | Err(RecvTimeoutError::Timeout) => {}
                }
            }
            if handle.is_finished() {
                let _ = handle.join();
            }
        }
    }
}

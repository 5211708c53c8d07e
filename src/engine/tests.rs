//! The inner part of the engine against a scripted store under tokio's paused clock, and the whole of it against `null`.
//!
//! tokio's paused timers fire on whole milliseconds, so the schedules here are in whole milliseconds too.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::lane::Lane;
use super::pacer::{Pacer, sleep};
use super::part::{Control, Mode, PartPlan, PartResult, run};
use super::*;
use crate::base::clock::{Clock, SECOND};
use crate::base::seed::Seed;
use crate::model::data::{DataSet, Schema};
use crate::model::op::{OpKind, Outcome};
use crate::model::target::StoreConfig;
use crate::model::workload::{Arrivals, Distribution, Keys, Load, Rate, ValueSize, Warmup};
use crate::store::scripted::{Answer, Call, Scripted};
use crate::store::{self, Store as _};

const MS: Nanos = 1_000_000;

thread_local! {
    static ORIGIN: Cell<Option<tokio::time::Instant>> = const { Cell::new(None) };
}

/// Time by tokio's clock, which the tests pause; starts at a second so that 0 is not a time.
fn paused_now() -> Nanos {
    let now = tokio::time::Instant::now();
    let origin = ORIGIN.get().unwrap_or_else(|| {
        ORIGIN.set(Some(now));
        now
    });
    SECOND + (now - origin).as_nanos() as Nanos
}

fn workload(sessions: u32, deadline: Duration) -> Workload {
    Workload {
        mix: vec![(OpKind::Read, 1.0), (OpKind::Insert, 1.0)],
        keys: Keys { count: 100, distribution: Distribution::Uniform },
        value: ValueSize::Fixed(32),
        schema: Schema::default(),
        load: Load::Open { rate: Rate::PerSecond(1.0), arrivals: Arrivals::Constant, sessions },
        scan_limit: 10,
        warmup: Warmup::UntilSteady,
        duration: None,
        deadline,
    }
}

/// How a part is run in a test. Times in ms from the start of the load.
struct Case {
    sessions: u32,
    rate_per_s: Option<f64>,
    deadline: u64,
    from: u64,
    to: u64,
    cancel_at: Option<u64>,
    queue: usize,
    seed: u64,
}

const OPEN: Case =
    Case { sessions: 10, rate_per_s: Some(1_000.0), deadline: 10_000, from: 1_000, to: 6_000, cancel_at: None, queue: 10_000, seed: 1 };
const CLOSED: Case = Case { sessions: 4, rate_per_s: None, ..OPEN };

struct Outcomes {
    store: Scripted,
    result: PartResult,
    recording: Recording,
    issued: u64,
    /// Time at which the part came back, in ms from the start of the load.
    back_at: u64,
}

impl Outcomes {
    fn count(&self, outcome: Outcome) -> u64 {
        self.recording.by_op.values().map(|op| op.outcomes[outcome.index()]).sum()
    }
}

fn try_play(case: &Case, script: impl Fn(&Call) -> Answer + 'static, prepare: impl FnOnce(&Scripted)) -> Result<Outcomes, EngineError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let local = tokio::task::LocalSet::new();
    runtime.block_on(local.run_until(async {
        ORIGIN.set(None);
        let clock = Clock::from_fn(paused_now);
        let store = Scripted::new(script);
        let start = clock.now();
        let cancel = Arc::new(AtomicBool::new(false));
        let control = Arc::new(Control::new(1, Arc::clone(&cancel)));
        control.measure(start + case.from * MS, start + case.to * MS);
        if let Some(at) = case.cancel_at {
            tokio::task::spawn_local(async move {
                sleep(at * MS).await;
                cancel.store(true, Ordering::Relaxed);
            });
        }
        let plan = PartPlan {
            workload: Arc::new(workload(case.sessions, Duration::from_millis(case.deadline))),
            mode: case.rate_per_s.map_or(Mode::Closed, |rate_per_s| Mode::Open { rate_per_s, arrivals: Arrivals::Constant, shift: 0.0 }),
            seed: Seed(case.seed),
            worker: 0,
            workers: 1,
            epoch: 1,
            first_insert_key: 100,
            duration: (case.to - case.from) * MS,
            sessions: case.sessions as usize,
            queue: case.queue,
            control,
        };
        let mut lanes = Vec::new();
        for _ in 0..case.sessions {
            lanes.push(Lane::new(store.session().await.unwrap()));
        }
        prepare(&store);
        let mut result = run(Rc::new(store.clone()), &mut lanes, plan, clock, &Pacer::Tokio).await?;
        assert_eq!(lanes.len(), case.sessions as usize, "every session comes back");
        let back_at = (clock.now() - start) / MS;
        let parts = result.recording.take().into_iter().collect();
        let recording = Recording::merge(parts, (case.to - case.from) * MS)?;
        Ok(Outcomes { store, issued: recording.issued(), recording, result, back_at })
    }))
}

fn play(case: &Case, script: impl Fn(&Call) -> Answer + 'static) -> Outcomes {
    try_play(case, script, |_| ()).unwrap()
}

fn millis(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Takes `latency` ms, but nothing ends while the store is stalled.
fn stalled(latency: u64, stall: std::ops::Range<u64>) -> impl Fn(&Call) -> Answer {
    move |call| {
        let mut end = call.at + millis(latency);
        if end > millis(stall.start) && call.at < millis(stall.end) {
            end = millis(stall.end) + millis(latency);
        }
        Answer::At(end, Outcome::Ok)
    }
}

#[test]
fn a_stalled_store_shows_in_the_response_time_of_every_operation_that_was_due() {
    let played = play(&OPEN, stalled(2, 3_000..4_000));
    let total = played.recording.total().unwrap();
    assert_eq!((played.result.offered, played.issued, played.recording.ops()), (5_000, 5_000, 5_000));
    // Due d ms after the stall began: it waits 1,000 − d ms for the stall to end, and then d/5 ms for its turn, as ten sessions of 2 ms
    // serve five a ms. So 1,000 − 0.8 d is above 500 for d up to 625, above 900 for d up to 125; and who comes after the stall waits too.
    let above = |histogram: &hdrhistogram::Histogram<u64>, ms: u64| histogram.count_between(ms * MS, SECOND * 100);
    let (half, tenth) = (above(&total.response, 500), above(&total.response, 900));
    assert!((620..=632).contains(&half), "{half} responses took 500 ms and more");
    assert!((120..=132).contains(&tenth), "{tenth} responses took 900 ms and more");
    assert!(above(&total.response, 10) >= 1_200);
    let longest = total.response.max() / MS;
    assert!((1_000..=1_006).contains(&longest), "{longest} ms");
    // The store itself was slow once per session: those were under way.
    assert_eq!(above(&total.service, 500), 10);
    // And the harness was not late.
    assert_eq!(played.recording.lag.len(), 5_000);
    assert!(played.recording.lag.max() <= 2 * MS, "{}", played.recording.lag.max());
}

#[test]
fn without_a_stall_response_and_service_time_are_alike() {
    let played = play(&OPEN, stalled(2, 0..0));
    let total = played.recording.total().unwrap();
    assert!(total.response.max() <= 5 * MS && total.service.max() <= 4 * MS);
    assert_eq!(played.issued, 5_000);
    assert!(played.back_at <= 6_010);
}

#[test]
fn an_overloaded_open_loop_counts_what_it_offered_and_ends_within_the_deadline() {
    // Ten sessions of 20 ms serve 500/s of the 1,000/s; whoever waits for a second gives up.
    let case = Case { deadline: 1_000, ..OPEN };
    let played = play(&case, |call| Answer::At(call.at + millis(20), Outcome::Ok));
    let (offered, ok, late) = (played.result.offered, played.count(Outcome::Ok), played.count(Outcome::Timeout));
    assert_eq!((offered, ok + late), (5_000, 5_000));
    // 500 wait when the measured part starts, so its first operation ends a second later; its last one starts at 7 s: 5 s at 500/s.
    assert!((2_450..=2_550).contains(&ok), "{ok} ok, {late} timed out");
    let total = played.recording.total().unwrap();
    assert!(total.response.max() <= 1_030 * MS, "nobody waits beyond the deadline for more than the service itself");
    assert!(total.service.len() < total.response.len(), "who never got a session has no service time");
    assert!(played.back_at <= 7_030, "back after {} ms", played.back_at);
}

#[test]
fn arrivals_that_find_the_queue_full_are_counted_as_never_started() {
    let played = play(&Case { queue: 100, ..OPEN }, |call| Answer::At(call.at + millis(20), Outcome::Ok));
    assert_eq!(played.result.offered, 5_000);
    // 500/s are served in the 5 s, and those that waited at the end.
    assert!((2_500..=2_620).contains(&played.issued), "{}", played.issued);
    assert_eq!(played.recording.ops(), played.issued);
    // A full queue of 100 at 500/s.
    let longest = played.recording.total().unwrap().response.max() / MS;
    assert!((200..=225).contains(&longest), "{longest} ms");
}

#[test]
fn operations_without_an_answer_end_as_timeouts_with_their_latency() {
    let case = Case { deadline: 200, ..CLOSED };
    let played = play(&case, |_| Answer::Never);
    // Four sessions, an operation each 200 ms, for 5 s.
    let timeouts = played.count(Outcome::Timeout);
    assert!((92..=104).contains(&timeouts), "{timeouts}");
    assert_eq!(timeouts, played.issued);
    let total = played.recording.total().unwrap();
    assert!(total.response.min() >= 199 * MS && total.response.max() <= 203 * MS);
    assert!(played.result.error_texts["timeout"].contains("200 ms"));
    // None of them is used again: what it still owes an answer for could answer the next.
    let sessions: std::collections::BTreeSet<u64> = played.store.calls().iter().map(|call| call.session).collect();
    assert_eq!(sessions.len(), played.store.calls().len());
}

#[test]
fn a_closed_loop_counts_what_ends_in_the_measured_part() {
    let played = play(&CLOSED, |call| Answer::At(call.at + millis(10), Outcome::Ok));
    assert_eq!(played.issued, 2_000, "4 sessions, 100 a second each, 5 s");
    let total = played.recording.total().unwrap();
    assert!(total.response.min() >= 9 * MS && total.response.max() <= 11 * MS);
    assert_eq!(total.response, total.service);
    assert_eq!(played.recording.lag.len(), 0);
    assert_eq!(played.recording.series.len(), 5);
    assert!(played.recording.series.iter().all(|point| point.throughput_per_s == 400.0));
}

#[test]
fn errors_are_samples() {
    let played = play(&CLOSED, |call| {
        let outcome = if call.number % 10 == 0 { Outcome::Conflict } else { Outcome::Ok };
        Answer::At(call.at + millis(10), outcome)
    });
    assert_eq!((played.issued, played.count(Outcome::Conflict)), (2_000, 200));
    assert_eq!(played.recording.total().unwrap().response.len(), 2_000);
    assert_eq!(played.result.error_texts["conflict"], "scripted error");
    assert_eq!(played.store.sessions(), 4, "a refused operation does not cost the session");
}

#[test]
fn a_lost_connection_is_opened_anew_and_a_server_that_is_gone_gives_errors_not_silence() {
    let lose = |call: &Call| Answer::At(call.at + millis(10), if call.number == 600 { Outcome::Disconnected } else { Outcome::Ok });
    let played = play(&CLOSED, lose);
    assert_eq!((played.store.sessions(), played.count(Outcome::Disconnected)), (5, 1));
    let gone = |call: &Call| Answer::At(call.at + millis(10), if call.at > millis(2_000) { Outcome::Disconnected } else { Outcome::Ok });
    let played = try_play(&CLOSED, gone, |store| store.refuse_sessions(true)).unwrap();
    // 4 s without a server: each session reports an error every 50 ms instead of hammering it.
    let errors = played.count(Outcome::Disconnected);
    assert!((100..=400).contains(&errors), "{errors}");
    assert!(played.recording.ops() >= 390);
}

#[test]
fn a_store_that_never_waits_starves_nobody() {
    let number = Rc::new(Cell::new(0_u64));
    let counted = Rc::clone(&number);
    let case = Case { to: 1_200, ..CLOSED };
    // Every 64th operation takes a ms, else the paused clock would not move.
    let played = play(&case, move |call| {
        counted.set(counted.get() + 1);
        if counted.get().is_multiple_of(64) { Answer::At(call.at + millis(1), Outcome::Ok) } else { Answer::Now(Outcome::Ok) }
    });
    let mut by_session = std::collections::BTreeMap::new();
    for call in played.store.calls() {
        *by_session.entry(call.session).or_insert(0_u64) += 1;
    }
    assert_eq!(by_session.len(), 4);
    let (least, most) = (by_session.values().min().unwrap(), by_session.values().max().unwrap());
    assert!(least * 3 > *most, "{by_session:?}");
}

#[test]
fn cancelling_ends_a_trial_soon_even_if_nothing_answers() {
    for case in [Case { cancel_at: Some(2_000), ..OPEN }, Case { cancel_at: Some(2_000), ..CLOSED }] {
        let played = play(&case, |_| Answer::Never);
        assert!(played.back_at <= 2_250, "back after {} ms", played.back_at);
        assert!(played.result.offered >= played.issued || case.rate_per_s.is_none());
    }
}

#[test]
fn a_panic_in_a_session_is_an_error_not_a_hang() {
    let panics = |call: &Call| if call.number == 50 { Answer::Panic } else { Answer::At(call.at + millis(10), Outcome::Ok) };
    let error = try_play(&CLOSED, panics, |_| ()).err().unwrap();
    assert!(matches!(&error, EngineError::Panicked { thread: 0, text } if text == "the script says so"), "{error}");
}

#[test]
fn the_same_seed_sends_the_same_operations() {
    let sent = |seed| {
        let case = Case { seed, to: 2_000, ..OPEN };
        let played = play(&case, |call| Answer::At(call.at + millis(2 + call.key % 20), Outcome::Ok));
        played.store.calls().iter().map(|call| (call.kind, call.key, call.version)).collect::<Vec<_>>()
    };
    assert_eq!(sent(1), sent(1));
    assert_ne!(sent(1), sent(2));
}

#[test]
fn counters_and_new_keys_are_those_of_the_measured_part_and_of_the_trial() {
    let played = play(&OPEN, stalled(2, 0..0));
    assert_eq!(played.result.counters["executed"], 5_000);
    let inserts = played.store.calls().iter().filter(|call| call.kind == OpKind::Insert).count() as u64;
    assert_eq!(played.result.inserts, inserts);
}

fn null() -> Opener {
    Arc::new(|| {
        Box::pin(async {
            let config = StoreConfig {
                store: "null".to_owned(),
                endpoints: Vec::new(),
                set: Default::default(),
                data: DataSet { table: "t".to_owned(), rows: 100, schema: Schema::default(), value: ValueSize::Fixed(32) },
                directory: std::path::PathBuf::new(),
                deadline: Duration::from_secs(1),
            };
            store::open(&config).await
        })
    })
}

fn trial(load: Load, rate_per_s: Option<f64>) -> TrialPlan {
    TrialPlan {
        workload: Workload { load, ..workload(4, Duration::from_secs(5)) },
        rate_per_s,
        warmup: WarmupPlan::Fixed(Duration::from_millis(300)),
        duration: Duration::from_millis(300),
        seed: Seed(1),
        first_insert_key: 100,
        cancel: Arc::new(AtomicBool::new(false)),
    }
}

#[test]
fn real_threads_run_trial_after_trial_on_the_same_sessions() {
    let mut client = Client::open(null(), 5, &[None, None], Clock::real()).unwrap();
    let mut moments = Vec::new();
    let closed = client.run(&trial(Load::Closed { sessions: 5 }, None), &mut |moment| moments.push(moment)).unwrap();
    assert_eq!(moments, [Moment::MeasuredStarts, Moment::MeasuredEnds]);
    assert_eq!((closed.offered, closed.client_threads, closed.pacer), (closed.issued, 2, "none"));
    assert!(closed.issued > 0 && closed.recording.ops() == closed.issued && !closed.cancelled && closed.steady);
    assert_eq!(closed.duration_ns, 300 * MS);
    assert!(closed.client_cpu_ns > 0 && closed.inserted > 0 && closed.steady_rate_per_s > 0.0);
    assert!(closed.warmup_ns >= 300 * MS);
    assert!(closed.recording.series.first().is_some_and(|point| point.at_s < 0.0));
    let load = Load::Open { rate: Rate::PerSecond(2_000.0), arrivals: Arrivals::Constant, sessions: 5 };
    let open = client.run(&trial(load, Some(2_000.0)), &mut |_| ()).unwrap();
    assert!((1..=601).contains(&open.offered), "{}", open.offered);
    assert_eq!((open.issued, open.recording.ops()), (open.offered, open.offered));
    assert_eq!(open.recording.lag.len(), open.offered);
    assert!(open.duration_ns >= 300 * MS);
    let steady = WarmupPlan::Steady { limit: Duration::from_secs(2), min: Duration::from_millis(700) };
    let plan = TrialPlan { warmup: steady, ..trial(Load::Closed { sessions: 5 }, None) };
    let steady = client.run(&plan, &mut |_| ()).unwrap();
    assert!(steady.warmup_ns >= 700 * MS && steady.steady_rate_per_s > 0.0 && steady.issued > 0);
    assert_eq!(open.pacer, if cfg!(target_os = "linux") { "timerfd" } else { "tokio" });
}

#[test]
fn a_plan_that_does_not_fit_is_refused_before_anything_is_sent() {
    assert!(matches!(Client::open(null(), 0, &[None], Clock::real()), Err(EngineError::Plan(_))));
    let mut client = Client::open(null(), 2, &[None, None, None], Clock::real()).unwrap();
    let load = Load::Open { rate: Rate::PerSecond(1.0), arrivals: Arrivals::Poisson, sessions: 2 };
    let plans = [
        trial(Load::Closed { sessions: 3 }, None),
        trial(Load::Closed { sessions: 2 }, Some(5.0)),
        trial(load, Some(0.0)),
        TrialPlan { duration: Duration::ZERO, ..trial(load, Some(5.0)) },
    ];
    for plan in plans {
        assert!(matches!(client.run(&plan, &mut |_| ()), Err(EngineError::Plan(_))));
    }
    assert!(client.run(&trial(Load::Closed { sessions: 1 }, None), &mut |_| ()).is_ok_and(|measured| measured.client_threads == 1));
}

#[test]
fn a_cancelled_trial_comes_back_and_says_so() {
    let mut client = Client::open(null(), 2, &[None], Clock::real()).unwrap();
    let plan = TrialPlan {
        warmup: WarmupPlan::Steady { limit: Duration::from_secs(600), min: Duration::from_secs(600) },
        ..trial(Load::Closed { sessions: 2 }, None)
    };
    plan.cancel.store(true, Ordering::Relaxed);
    let measured = client.run(&plan, &mut |_| ()).unwrap();
    assert!(measured.cancelled && measured.issued == 0 && measured.duration_ns == 0);
    let plan = TrialPlan { duration: Duration::from_secs(600), ..trial(Load::Closed { sessions: 2 }, None) };
    let cancel = Arc::clone(&plan.cancel);
    let measured = client.run(&plan, &mut |_| cancel.store(true, Ordering::Relaxed)).unwrap();
    assert!(measured.cancelled && measured.duration_ns < 600 * SECOND);
}

#[test]
fn a_target_that_does_not_open_or_panics_is_an_error() {
    let refuses: Opener = Arc::new(|| Box::pin(async { Err(StoreError { store: "test", text: "no server".to_owned() }) }));
    assert!(matches!(Client::open(refuses, 1, &[None], Clock::real()), Err(EngineError::Store { thread: 0, .. })));
    let panics: Opener = Arc::new(|| panic!("opener"));
    let error = Client::open(panics, 2, &[None, None], Clock::real()).err().unwrap();
    assert!(matches!(&error, EngineError::Panicked { text, .. } if text == "opener"), "{error}");
}

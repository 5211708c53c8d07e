//! ballpark puts the rules of thumb of system design to the test, on real stores, on the user's own machine.
//!
//! # The way of the data
//!
//! ```text
//! workloads/*.toml ─spec─▶ Experiment ─trial::plan─▶ rounds of trials, every topology started once
//!                                         │
//!                  topology::up ─▶ nodes ─┤─▶ compose::open ─▶ target (a store, or a store made of stores)
//!                                         │                        ▲ one session a worker
//!                                         │        generate ─▶ engine (intended start, actual start, end, outcome)
//!                                         │                        │ samples
//!                                         ▼                        ▼
//!     manifest, events, nodes' logs ◀─ run directory ◀──────── recorder (HDR by operation, per second)
//!     ──────────────── the run directory is the border: below it no store, no clock, no network ────────────────
//!     trial::analyse ─▶ stats (paired rounds, intervals) ─▶ rules::judge ─▶ results.json ─▶ report
//! ```
//!
//! # Layers
//!
//! A module uses lower layers only, never its own. `tests/tidy.rs` reads the `use` lines and holds it to that.
//!
//! | layer | modules | what they own |
//! |---|---|---|
//! | L0 | [`base`] | units, the clock, seeds |
//! | L1 | [`model`] | plain data: operations, workloads, targets, topologies, criteria, trials, results |
//! | L2 | [`spec`], [`generate`], [`stats`], [`rules`], [`report`] | files to model; keys and values; intervals; verdicts; pages. Pure: no runtime, no I/O beyond reading a named file, no clock |
//! | L3 | [`store`], [`topology`], [`probe`], [`rundir`] | drivers behind one seam; server processes; the machine; the run directory |
//! | L4 | [`compose`], [`recorder`] | stores made of stores; histograms |
//! | L5 | [`engine`] | pacing, sessions, warm-up |
//! | L6 | [`trial`] | plan, prepare, run, analyse |
//! | L7 | [`cli`] | arguments, progress, exit codes; the only module that prints |
//!
//! # Invariants
//!
//! - [`store::Store`] and [`store::Session`] are the only trait objects. A store does not time, retry, count or log operations.
//! - Errors are samples: an operation that fails has an outcome and a latency, and `offered = issued + never started`, `issued = ok + errors`.
//! - Response time counts from the intended start; a percentile with fewer than ten samples beyond it does not exist; percentiles are never averaged.
//! - The unit of statistics is the round, which holds one trial of each variant. A verdict needs five valid rounds.
//! - Everything that decides a verdict is in the rule's file; no rule is known to the code.
//! - Nodes die with the process that started them, also when it is killed.

pub mod base;
pub mod cli;
pub mod compose;
pub mod engine;
pub mod generate;
pub mod model;
pub mod probe;
pub mod recorder;
pub mod report;
pub mod rules;
pub mod rundir;
pub mod spec;
pub mod stats;
pub mod store;
pub mod topology;
pub mod trial;

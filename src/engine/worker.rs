//! A client thread: its runtime, its store, its sessions.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use futures_util::stream::{StreamExt as _, TryStreamExt as _};
use tokio::sync::mpsc::UnboundedReceiver;

use super::lane::Lane;
use super::pacer::Pacer;
use super::part::{PartPlan, PartResult, run, text_of};
use super::{EngineError, Opener};
use crate::base::clock::Clock;
use crate::store::{Store, StoreError};

/// So long the target and all sessions of a thread may take to open. A cluster that elects is slow; one that hangs must not hang the trial.
pub(super) const OPEN_LIMIT: Duration = Duration::from_secs(60);
/// So long a store may take to close.
pub(super) const CLOSE_LIMIT: Duration = Duration::from_secs(5);
/// Sessions opened at the same time: more would look like an attack to some servers.
const OPENING: usize = 32;

/// What a client thread is made from.
pub(super) struct Setup {
    pub(super) thread: u32,
    pub(super) core: Option<u32>,
    pub(super) sessions: u32,
    pub(super) opener: Opener,
    pub(super) clock: Clock,
}

/// What a client thread is asked to do.
pub(super) enum Command {
    Run(Box<PartPlan>),
    Close,
}

/// What a client thread answers.
pub(super) enum Report {
    Opened,
    Done(Box<PartResult>),
    Closed,
    Failed(EngineError),
}

/// The thread's whole life. Every way out is reported, a panic too.
pub(super) fn live(setup: &Setup, commands: UnboundedReceiver<Command>, reports: &Sender<(u32, Report)>) {
    let thread = setup.thread;
    let send = |report| {
        // Nobody listens any more: the client is gone, and this thread ends anyway.
        let _ = reports.send((thread, report));
    };
    let lived = catch_unwind(AssertUnwindSafe(|| {
        pin_to(setup)?;
        let system = |source| EngineError::System { thread, what: "start a runtime".to_owned(), source };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(system)?;
        let local = tokio::task::LocalSet::new();
        runtime.block_on(local.run_until(serve(setup, commands, &send)))
    }));
    match lived {
        Ok(Ok(())) => send(Report::Closed),
        Ok(Err(error)) => send(Report::Failed(error)),
        Err(payload) => send(Report::Failed(EngineError::Panicked { thread, text: text_of(&*payload) })),
    }
}

#[cfg(target_os = "linux")]
fn pin_to(setup: &Setup) -> Result<(), EngineError> {
    let Some(core) = setup.core else { return Ok(()) };
    let refused = |source: std::io::Error| EngineError::System { thread: setup.thread, what: format!("pin to core {core}"), source };
    if core as usize >= rustix::thread::CpuSet::MAX_CPU {
        return Err(refused(std::io::ErrorKind::InvalidInput.into()));
    }
    let mut cores = rustix::thread::CpuSet::new();
    cores.set(core as usize);
    rustix::thread::sched_setaffinity(None, &cores).map_err(|error| refused(error.into()))
}

#[cfg(not(target_os = "linux"))]
fn pin_to(_: &Setup) -> Result<(), EngineError> {
    Ok(())
}

async fn serve(setup: &Setup, mut commands: UnboundedReceiver<Command>, send: &dyn Fn(Report)) -> Result<(), EngineError> {
    let thread = setup.thread;
    let pacer = Pacer::new().map_err(|source| EngineError::System { thread, what: "create a timer".to_owned(), source })?;
    let opened = tokio::time::timeout(OPEN_LIMIT, open(setup)).await;
    let (store, mut lanes) = opened
        .map_err(|_| EngineError::Stuck { thread, what: "open the target and its sessions", limit_s: OPEN_LIMIT.as_secs() })?
        .map_err(|source| EngineError::Store { thread, source })?;
    send(Report::Opened);
    while let Some(Command::Run(plan)) = commands.recv().await {
        let result = run(Rc::clone(&store), &mut lanes, *plan, setup.clock, &pacer).await?;
        send(Report::Done(Box::new(result)));
    }
    drop(lanes);
    // A store that does not close in time is left to the end of the process.
    let _ = tokio::time::timeout(CLOSE_LIMIT, store.close()).await;
    Ok(())
}

/// Opens the store and the sessions of this thread.
pub(super) async fn open(setup: &Setup) -> Result<(Rc<dyn Store>, Vec<Lane>), StoreError> {
    let store: Rc<dyn Store> = Rc::from((setup.opener)().await?);
    let sessions = futures_util::stream::iter(0..setup.sessions).map(|_| store.session()).buffered(OPENING).try_collect::<Vec<_>>();
    let lanes = sessions.await?.into_iter().map(Lane::new).collect();
    Ok((store, lanes))
}

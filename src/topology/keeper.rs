//! Topologies that outlive a command: `up` starts a keeper in the background that holds the nodes until it is told to stop.
//!
//! The keeper is this same program with a hidden subcommand whose body is [`hold`]. It is a session of its own, so it survives the terminal;
//! its nodes die with it like those of any harness. What runs is in `<state directory>/<id>.json`; `<id>/` beside it has logs and data.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use super::error::TopologyError;
use super::{LocalOptions, find, node, place, process, up};
use crate::base::clock::Clock;
use crate::model::topology::{Endpoint, Topology};

/// Time for all nodes of a topology to start.
const START_LIMIT: Duration = Duration::from_secs(300);

/// Time for a keeper to stop its nodes; then it is killed, and they with it.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// Pause between two looks at a keeper, and of a keeper at its nodes.
const POLL: Duration = Duration::from_millis(50);

/// What runs under a keeper.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Its id: the topology's name and a number.
    pub id: String,
    /// What was asked for.
    pub topology: Topology,
    /// Process id of the keeper.
    pub pid: u32,
    /// Start of the keeper in clock ticks after boot; with the pid it names the process for good.
    pub start_time: u64,
    /// When the nodes were ready, RFC 3339, UTC.
    pub started: String,
    /// Where they listen.
    pub endpoints: Vec<Endpoint>,
    /// What the user should know.
    pub notes: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Request {
    topology: Topology,
    cores: Option<Vec<u32>>,
}

/// Why a keeper could not start, hold or stop a topology.
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    /// The nodes could not be started.
    #[error(transparent)]
    Topology(#[from] TopologyError),
    /// A file or program could not be used.
    #[error("cannot {what} {path}: {source}", path = path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file or program.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is not what a keeper writes.
    #[error("{path} is damaged: {source}; remove it", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// The keeper ended before its nodes were ready.
    #[error("`{id}` did not start:\n{log}")]
    Ended {
        /// The id.
        id: String,
        /// What it said.
        log: String,
    },
    /// There is no such topology.
    #[error("nothing runs under the id `{id}`; running: {running}")]
    Unknown {
        /// The id.
        id: String,
        /// Ids that exist.
        running: String,
    },
    /// All nodes of a keeper have ended.
    #[error("all nodes of `{0}` have ended; see their logs")]
    NodesEnded(String),
}

impl KeeperError {
    fn io<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Self + 'a {
        move |source| KeeperError::Io { what, path: path.to_owned(), source }
    }
}

/// Directory of the states: `$XDG_STATE_HOME/ballpark`, by default `~/.local/state/ballpark`.
pub fn state_dir() -> PathBuf {
    find::xdg("XDG_STATE_HOME", ".local/state").join("ballpark")
}

fn state_file(dir: &Path, id: &str) -> PathBuf {
    dir.join(format!("{id}.json"))
}

fn request_file(dir: &Path, id: &str) -> PathBuf {
    dir.join(format!("{id}.request"))
}

fn read_json<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<T, KeeperError> {
    let bytes = fs::read(path).map_err(KeeperError::io("read", path))?;
    serde_json::from_slice(&bytes).map_err(|source| KeeperError::Damaged { path: path.to_owned(), source })
}

fn to_json<T: Serialize>(path: &Path, value: &T) -> Result<Vec<u8>, KeeperError> {
    serde_json::to_vec_pretty(value).map_err(|source| KeeperError::Damaged { path: path.to_owned(), source })
}

/// Forgets an id with its logs and data.
fn forget(dir: &Path, id: &str) {
    let _ = fs::remove_file(state_file(dir, id));
    let _ = fs::remove_file(request_file(dir, id));
    let _ = fs::remove_dir_all(dir.join(id));
}

/// Takes the first free id of a topology by writing its request.
fn reserve(dir: &Path, request: &Request) -> Result<String, KeeperError> {
    fs::create_dir_all(dir).map_err(KeeperError::io("create", dir))?;
    let name: String = request.topology.name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let mut number = 1;
    loop {
        let id = format!("{name}-{number}");
        let file = request_file(dir, &id);
        match OpenOptions::new().write(true).create_new(true).open(&file) {
            Ok(mut open) => {
                open.write_all(&to_json(&file, request)?).map_err(KeeperError::io("write", &file))?;
                return Ok(id);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(KeeperError::io("create", &file)(error)),
        }
    }
}

/// Starts `topology` in the background and waits until its nodes answer. The keeper is this program, called with the arguments `hidden`, the
/// directory and the id; it must call [`hold`] with the latter two.
///
/// # Errors
/// If the keeper ends before its nodes are ready; its log is quoted. `cancel` stops it.
pub fn start(
    dir: &Path,
    topology: &Topology,
    cores: Option<Vec<u32>>,
    hidden: &[OsString],
    cancel: &AtomicBool,
) -> Result<State, KeeperError> {
    list(dir)?; // drops the dead, whose ids are free again
    let id = reserve(dir, &Request { topology: topology.clone(), cores })?;
    let started = spawn(dir, &id, hidden).and_then(|mut child| wait_for_state(dir, &id, &mut child, cancel));
    if started.is_err() {
        forget(dir, &id);
    }
    started
}

#[expect(clippy::disallowed_methods, reason = "topology is the one place that starts processes")]
fn spawn(dir: &Path, id: &str, hidden: &[OsString]) -> Result<Child, KeeperError> {
    let home = dir.join(id);
    fs::create_dir_all(&home).map_err(KeeperError::io("create", &home))?;
    let path = home.join("log");
    let log = OpenOptions::new().create(true).append(true).open(&path).map_err(KeeperError::io("open", &path))?;
    let errors = log.try_clone().map_err(KeeperError::io("open", &path))?;
    let program = std::env::current_exe().map_err(KeeperError::io("find", Path::new("ballpark")))?;
    let mut command = Command::new(&program);
    command.args(hidden).arg(dir).arg(id).current_dir("/").stdin(Stdio::null()).stdout(log).stderr(errors);
    let own_session = || rustix::process::setsid().map(|_| ()).map_err(io::Error::from);
    #[expect(unsafe_code, reason = "runs between fork and exec: one system call that allocates nothing")]
    // SAFETY: as above.
    unsafe {
        command.pre_exec(own_session);
    }
    command.spawn().map_err(KeeperError::io("run", &program))
}

fn wait_for_state(dir: &Path, id: &str, child: &mut Child, cancel: &AtomicBool) -> Result<State, KeeperError> {
    let clock = Clock::real();
    let begin = clock.now();
    let file = state_file(dir, id);
    loop {
        if file.exists() {
            return read_json(&file);
        }
        let ended = child.try_wait().ok().flatten().is_some();
        let late = u128::from(clock.now() - begin) > START_LIMIT.as_nanos();
        if !ended && (late || cancel.load(Ordering::Relaxed)) {
            end(child.id(), place::start_time(child.id()));
            let _ = child.wait();
        }
        if cancel.load(Ordering::Relaxed) {
            return Err(TopologyError::Cancelled.into());
        }
        if ended || late {
            let log = fs::read_to_string(dir.join(id).join("log")).unwrap_or_default();
            return Err(KeeperError::Ended { id: id.to_owned(), log: log.trim_end().to_owned() });
        }
        thread::sleep(POLL);
    }
}

/// Asks a process to end, waits, and kills it if it does not.
fn end(pid: u32, started: Option<u64>) {
    let Some(started) = started else { return };
    for (signal, limit) in [(Signal::TERM, STOP_LIMIT), (Signal::KILL, Duration::from_secs(2))] {
        if place::is_dead(pid, started) {
            return;
        }
        process::signal(pid, signal);
        node::wait_until(&Clock::real(), limit, || place::is_dead(pid, started));
    }
}

/// What runs, by id. States whose keeper is dead are dropped, with what they left.
///
/// # Errors
/// If the directory cannot be read or a file in it is damaged.
pub fn list(dir: &Path) -> Result<Vec<State>, KeeperError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(KeeperError::io("read", dir)(error)),
    };
    let mut states = Vec::new();
    for entry in entries.flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let state: State = match read_json(&path) {
            Ok(state) => state,
            // It was stopped meanwhile.
            Err(KeeperError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if place::is_dead(state.pid, state.start_time) {
            forget(dir, &state.id);
        } else {
            states.push(state);
        }
    }
    states.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(states)
}

/// Stops what runs under `id` and waits until it is gone.
///
/// # Errors
/// If nothing runs under it.
pub fn stop(dir: &Path, id: &str) -> Result<(), KeeperError> {
    let states = list(dir)?;
    let Some(state) = states.iter().find(|state| state.id == id) else {
        let ids: Vec<&str> = states.iter().map(|state| state.id.as_str()).collect();
        let running = if ids.is_empty() { "nothing".to_owned() } else { ids.join(", ") };
        return Err(KeeperError::Unknown { id: id.to_owned(), running });
    };
    end(state.pid, Some(state.start_time));
    forget(dir, id);
    Ok(())
}

/// The body of the keeper: starts the nodes, says so in the state file, and stops them when it gets SIGTERM, SIGINT or SIGHUP.
///
/// # Errors
/// If the nodes do not start, or all of them end.
pub fn hold(dir: &Path, id: &str) -> Result<(), KeeperError> {
    let cancel = Arc::new(AtomicBool::new(false));
    let told = watch_signals(Arc::clone(&cancel)).map_err(KeeperError::io("watch signals of", dir))?;
    let result = hold_until(dir, id, &cancel, &told);
    let _ = fs::remove_file(state_file(dir, id));
    let _ = fs::remove_file(request_file(dir, id));
    result
}

fn hold_until(dir: &Path, id: &str, cancel: &AtomicBool, told: &mpsc::Receiver<()>) -> Result<(), KeeperError> {
    let request: Request = read_json(&request_file(dir, id))?;
    let home = dir.join(id);
    let options = LocalOptions { data_root: home.join("data"), run_dir: home, cores: request.cores, keep_data: false };
    let cluster = up(&request.topology, id, &options, cancel)?;
    let pid = std::process::id();
    let state = State {
        id: id.to_owned(),
        topology: request.topology,
        pid,
        start_time: place::start_time(pid).unwrap_or_default(),
        started: jiff::Timestamp::now().to_string(),
        endpoints: cluster.nodes.iter().map(|node| node.endpoint().clone()).collect(),
        notes: cluster.notes.clone(),
    };
    // Whoever waits must not see half a file.
    let (file, new) = (state_file(dir, id), dir.join(format!("{id}.new")));
    fs::write(&new, to_json(&file, &state)?).map_err(KeeperError::io("write", &new))?;
    fs::rename(&new, &file).map_err(KeeperError::io("write", &file))?;
    while told.recv_timeout(POLL * 10) == Err(RecvTimeoutError::Timeout) {
        if cluster.nodes.iter().all(|node| !node.is_alive()) {
            return Err(KeeperError::NodesEnded(id.to_owned()));
        }
    }
    Ok(())
}

/// A thread that sets `cancel` and sends when a signal asks this process to end.
fn watch_signals(cancel: Arc<AtomicBool>) -> io::Result<mpsc::Receiver<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let guard = runtime.enter();
    let kinds = [
        tokio::signal::unix::SignalKind::terminate(),
        tokio::signal::unix::SignalKind::interrupt(),
        tokio::signal::unix::SignalKind::hangup(),
    ];
    let [mut terminate, mut interrupt, mut hangup] = {
        let [a, b, c] = kinds.map(tokio::signal::unix::signal);
        [a?, b?, c?]
    };
    drop(guard);
    let (sender, receiver) = mpsc::channel();
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                _ = hangup.recv() => {}
            }
        });
        cancel.store(true, Ordering::Relaxed);
        let _ = sender.send(());
    })?;
    Ok(receiver)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(id: &str, pid: u32) -> State {
        State {
            id: id.to_owned(),
            topology: Topology { name: "t".to_owned(), nodes: Vec::new() },
            pid,
            start_time: place::start_time(pid).unwrap_or(1),
            started: String::new(),
            endpoints: Vec::new(),
            notes: Vec::new(),
        }
    }

    #[test]
    fn the_dead_are_dropped_from_the_list() {
        let dir = tempfile::tempdir().unwrap();
        assert!(list(&dir.path().join("none")).unwrap().is_empty());
        for state in [state("live-1", std::process::id()), state("dead-1", 4_194_305)] {
            fs::write(state_file(dir.path(), &state.id), serde_json::to_vec(&state).unwrap()).unwrap();
            fs::create_dir(dir.path().join(&state.id)).unwrap();
        }
        let ids: Vec<String> = list(dir.path()).unwrap().into_iter().map(|state| state.id).collect();
        assert_eq!(ids, ["live-1"]);
        assert!(!dir.path().join("dead-1").exists());
        let error = stop(dir.path(), "dead-1").unwrap_err().to_string();
        assert!(error.contains("live-1"), "{error}");
    }

    #[test]
    fn ids_are_numbered() {
        let dir = tempfile::tempdir().unwrap();
        let request = Request { topology: Topology { name: "a b".to_owned(), nodes: Vec::new() }, cores: None };
        assert_eq!(reserve(dir.path(), &request).unwrap(), "a-b-1");
        assert_eq!(reserve(dir.path(), &request).unwrap(), "a-b-2");
    }

    #[test]
    fn a_damaged_state_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("x-1.json"), "{").unwrap();
        assert!(list(dir.path()).unwrap_err().to_string().contains("x-1.json"));
    }
}

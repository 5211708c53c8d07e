//! One running server: started, watched until it answers, accounted, and stopped with all that it left.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use super::cgroup::Group;
use super::error::TopologyError;
use super::postgres::Template;
use super::process::{self, Launch, User};
use super::ready::Protocol;
use super::{account, place};
use crate::base::clock::Clock;
use crate::model::topology::{Endpoint, NodeSpec, Product, Usage};

/// Pause between two questions to a server that is starting, and between two looks at one that is stopping.
const POLL: Duration = Duration::from_millis(10);

/// Lines of a log that an error quotes.
const TAIL_LINES: usize = 15;

/// Time that a server may take to stop when its data is kept.
const CLEAN_STOP: Duration = Duration::from_secs(20);

/// Time that a server may take to stop when its data is removed.
const QUICK_STOP: Duration = Duration::from_secs(2);

/// What a product needs to know to prepare a node.
pub(super) struct Context<'a> {
    /// What to start.
    pub spec: &'a NodeSpec,
    /// Its name, unique in the run.
    pub name: &'a str,
    /// Directory below which its data goes.
    pub data_root: &'a Path,
    /// Whether the data outlives the node.
    pub keep_data: bool,
    /// Cores that it may use.
    pub cores: Option<&'a [u32]>,
    /// Its address.
    pub host: Ipv4Addr,
}

/// How a product is asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// SIGINT is a clean stop, SIGQUIT a quick one; both take the backends along, which are in sessions of their own.
    Postgres,
    /// SIGTERM is a clean stop; a quick one is SIGKILL.
    Term,
}

/// A server ready to be started.
pub(super) struct Plan {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Its environment, beside the allow-list.
    pub env: Vec<(&'static str, OsString)>,
    /// Account, if not the harness's.
    pub user: Option<User>,
    /// Its directory: removed with the node.
    pub dir: PathBuf,
    /// Its data, below `dir`.
    pub data_dir: PathBuf,
    /// Another directory to remove.
    pub spare_dir: Option<PathBuf>,
    /// Where its socket is.
    pub socket_dir: Option<PathBuf>,
    /// Address.
    pub host: Ipv4Addr,
    /// Port.
    pub port: u16,
    /// All settings given to it.
    pub settings: BTreeMap<String, String>,
    /// How it is asked whether it serves.
    pub protocol: Protocol,
    /// How it is stopped.
    pub stop: Stop,
    /// What the user should know.
    pub notes: Vec<String>,
    /// Keeps the template for the next node.
    pub template: Option<Arc<Template>>,
}

/// Settings over stated defaults.
pub(super) fn overlay(defaults: &[(&str, &str)], over: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut settings: BTreeMap<String, String> = defaults.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    settings.extend(over.iter().map(|(key, value)| (key.clone(), value.clone())));
    settings
}

/// A running server. Dropping it stops the server and, unless it is to be kept, removes its data.
#[derive(Debug)]
pub struct Node {
    name: String,
    product: Product,
    endpoint: Endpoint,
    settings: BTreeMap<String, String>,
    pid: u32,
    child: Mutex<Child>,
    /// Dropped after [`Drop::drop`] has seen to it that the group is empty.
    group: Option<Group>,
    dir: PathBuf,
    data_dir: PathBuf,
    spare_dir: Option<PathBuf>,
    keep_data: bool,
    stop: Stop,
    /// Processes without a group, with their start times, as they were when the stop began.
    doomed: Vec<(u32, Option<u64>)>,
    stopping: bool,
    _template: Option<Arc<Template>>,
}

impl Node {
    /// Its name, unique in the run: the id of its topology, followed by its name there if that has several nodes.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it runs.
    pub fn product(&self) -> Product {
        self.product
    }

    /// Where it listens.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// All settings given to the server: ballpark's stated defaults, the topology's own, addresses and ports.
    pub fn settings(&self) -> &BTreeMap<String, String> {
        &self.settings
    }

    /// Process id of its first process.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// All its processes.
    pub fn pids(&self) -> Vec<u32> {
        self.group.as_ref().map_or_else(|| account::tree(self.pid), Group::members)
    }

    /// Lets all its threads run on these cores, and the threads that they start. Best effort: threads that end meanwhile are passed over.
    pub fn set_cores(&self, cores: &[u32]) {
        let mut set = rustix::thread::CpuSet::new();
        cores.iter().for_each(|core| set.set(*core as usize));
        // Twice: a thread that was started during the first pass by one that was not reached yet has the old cores.
        for _ in 0..2 {
            for thread in self.pids().into_iter().flat_map(account::threads) {
                let _ = rustix::thread::sched_setaffinity(rustix::process::Pid::from_raw(thread.cast_signed()), &set);
            }
        }
    }

    /// CPU time that a JVM's compiler has used so far, in ns (by ticks of 10 ms); 0 for other products. While it grows, the server still gets faster.
    pub fn compiler_cpu_ns(&self) -> u64 {
        account::threads(self.pid).into_iter().filter_map(|thread| account::compiler_cpu_ns(self.pid, thread)).sum()
    }

    /// CPU time and throttling since its start, the other figures 0: cheap enough to read at both ends of every trial.
    pub fn cpu(&self) -> Usage {
        let grouped = self.group.as_ref().and_then(|group| Some((group.cpu_ns()?, group.throttled_ns())));
        let (cpu_ns, throttled_ns) = grouped.unwrap_or_else(|| (account::tree_cpu_ns(self.pid), 0));
        Usage { cpu_ns, throttled_ns, ..Usage::default() }
    }

    /// All it uses. Memory and disk take a walk over its processes' mappings and its files: not for the measured part of a trial.
    pub fn usage(&self) -> Usage {
        Usage { rss_bytes: account::memory_bytes(&self.pids()), disk_bytes: account::disk_bytes(&self.data_dir), ..self.cpu() }
    }

    /// Whether its first process still runs.
    pub fn is_alive(&self) -> bool {
        self.exit_status().is_none()
    }

    fn exit_status(&self) -> Option<ExitStatus> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner).try_wait().ok().flatten()
    }

    /// Asks the server to stop, without waiting for it.
    pub(super) fn begin_stop(&mut self) {
        if self.stopping {
            return;
        }
        self.stopping = true;
        if self.group.is_none() {
            self.doomed = account::tree(self.pid).into_iter().map(|pid| (pid, place::start_time(pid))).collect();
        }
        // A pid whose end was seen is free for others, so it is not signalled.
        if self.is_alive() {
            let first = match (self.stop, self.keep_data) {
                (Stop::Postgres, true) => Signal::INT,
                (Stop::Postgres, false) => Signal::QUIT,
                (Stop::Term, true) => Signal::TERM,
                (Stop::Term, false) => Signal::KILL,
            };
            process::signal(self.pid, first);
        }
    }

    fn finish_stop(&mut self) {
        let clock = Clock::real();
        let limit = if self.keep_data { CLEAN_STOP } else { QUICK_STOP };
        wait_until(&clock, limit, || !self.is_alive());
        if self.is_alive() {
            process::signal_group(self.pid, Signal::KILL);
            wait_until(&clock, QUICK_STOP, || !self.is_alive());
        }
        wait_until(&clock, QUICK_STOP, || {
            let left = self.left();
            left.iter().for_each(|pid| process::signal(*pid, Signal::KILL));
            left.is_empty()
        });
    }

    /// Processes of the node that still run, its first one excepted.
    fn left(&self) -> Vec<u32> {
        match &self.group {
            Some(group) => group.members(),
            None => {
                let lives =
                    |(pid, started): &&(u32, Option<u64>)| *pid != self.pid && started.is_some() && place::start_time(*pid) == *started;
                self.doomed.iter().filter(lives).map(|(pid, _)| *pid).collect()
            }
        }
    }

    pub(super) fn set_quota(&self, quota: f64) -> Result<(), TopologyError> {
        let refuse = |why: String| TopologyError::Quota { node: self.name.clone(), quota, why };
        let group = self.group.as_ref().ok_or_else(|| refuse("no control group can be made".to_owned()))?;
        group.set_quota(quota).map_err(|error| refuse(error.to_string()))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.begin_stop();
        self.finish_stop();
        if !self.keep_data {
            let _ = fs::remove_dir_all(&self.dir);
        }
        if let Some(dir) = &self.spare_dir {
            let _ = fs::remove_dir_all(dir);
        }
    }
}

/// Looks again and again until `done` or the limit is over.
pub(super) fn wait_until(clock: &Clock, limit: Duration, mut done: impl FnMut() -> bool) {
    let started = clock.now();
    while !done() && u128::from(clock.now() - started) < limit.as_nanos() {
        thread::sleep(POLL);
    }
}

/// The log of a node, to which this start of it writes from `from` on.
struct Log {
    path: PathBuf,
    from: u64,
}

impl Log {
    fn open(run_dir: &Path, name: &str) -> Result<(Log, File), TopologyError> {
        let dir = run_dir.join("nodes").join(name);
        fs::create_dir_all(&dir).map_err(TopologyError::io("create", &dir))?;
        let path = dir.join("log");
        let file = OpenOptions::new().create(true).append(true).open(&path).map_err(TopologyError::io("open", &path))?;
        let from = file.metadata().map_err(TopologyError::io("read", &path))?.len();
        Ok((Log { path, from }, file))
    }

    /// The last lines that this start wrote.
    fn tail(&self) -> String {
        let read = || {
            let mut file = File::open(&self.path).ok()?;
            let length = file.metadata().ok()?.len();
            file.seek(SeekFrom::Start(self.from.max(length.saturating_sub(16 * 1024)))).ok()?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).ok()?;
            Some(String::from_utf8_lossy(&bytes).into_owned())
        };
        let text = read().unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
    }

    fn says_port_in_use(&self) -> bool {
        let tail = self.tail();
        tail.contains("ddress already in use") || tail.contains("in use by another process")
    }
}

/// Starts what `plan` says and waits until it answers. The notes are what the user should know.
pub(super) fn start(context: &Context, plan: Plan, run_dir: &Path, cancel: &AtomicBool) -> Result<(Node, Vec<String>), TopologyError> {
    let (log, file) = Log::open(run_dir, context.name)?;
    let group = Group::make();
    let mut notes = plan.notes;
    if group.is_none() {
        notes.push(format!("{}: no control group can be made here, so its CPU is read from /proc, in steps of 10 ms", context.name));
    }
    let join = group.as_ref().map_or_else(|| Ok(Vec::new()), Group::joins).map_err(TopologyError::io("open the group of", &plan.dir))?;
    let launch = Launch {
        program: plan.program.clone(),
        args: plan.args,
        env: plan.env,
        dir: plan.dir.clone(),
        user: plan.user,
        cores: context.cores.map(<[u32]>::to_vec),
        log: file,
        join,
    };
    let child = process::spawn(launch);
    let child = child.map_err(|source| TopologyError::Spawn { node: context.name.to_owned(), program: plan.program, source })?;
    let endpoint = Endpoint {
        node: context.name.to_owned(),
        host: plan.host.to_string(),
        port: plan.port,
        socket_dir: plan.socket_dir,
        data_dir: Some(plan.data_dir.clone()),
    };
    let node = Node {
        name: context.name.to_owned(),
        product: context.spec.product,
        endpoint,
        settings: plan.settings,
        pid: child.id(),
        child: Mutex::new(child),
        group,
        dir: plan.dir,
        data_dir: plan.data_dir,
        spare_dir: plan.spare_dir,
        keep_data: context.keep_data,
        stop: plan.stop,
        doomed: Vec::new(),
        stopping: false,
        _template: plan.template,
    };
    wait_ready(&node, plan.protocol, SocketAddr::from((plan.host, plan.port)), &log, cancel)?;
    // The start is not limited: it would take a JVM minutes on a tenth of a core.
    if let Some(quota) = context.spec.cpu_quota {
        node.set_quota(quota)?;
    }
    Ok((node, notes))
}

fn wait_ready(node: &Node, protocol: Protocol, address: SocketAddr, log: &Log, cancel: &AtomicBool) -> Result<(), TopologyError> {
    let clock = Clock::real();
    let (started, limit) = (clock.now(), protocol.limit());
    loop {
        if cancel.load(Ordering::Relaxed) {
            return Err(TopologyError::Cancelled);
        }
        if let Some(status) = node.exit_status() {
            return Err(ended(node, status, address.port(), log));
        }
        let last = match protocol.ask(address) {
            Ok(()) => return Ok(()),
            Err(error) => error.to_string(),
        };
        if u128::from(clock.now() - started) > limit.as_nanos() {
            return Err(TopologyError::NotReady { node: node.name.clone(), limit, last, log: log.path.clone(), tail: log.tail() });
        }
        thread::sleep(if protocol == Protocol::Cql { POLL * 10 } else { POLL });
    }
}

fn ended(node: &Node, status: ExitStatus, port: u16, log: &Log) -> TopologyError {
    if log.says_port_in_use() {
        return TopologyError::PortInUse { node: node.name.clone(), host: node.endpoint.host.clone(), port, key: port_key(node.product) };
    }
    TopologyError::Exited { node: node.name.clone(), status: status.to_string(), log: log.path.clone(), tail: log.tail() }
}

/// The setting that states a product's port.
pub(super) fn port_key(product: Product) -> &'static str {
    match product {
        Product::Postgres | Product::Redis => "port",
        Product::Cassandra | Product::Scylla => "native_transport_port",
    }
}

//! Starts and signals processes; the only place of the crate that does.
//!
//! Servers must not outlive the harness, however it ends. Each gets `PR_SET_PDEATHSIG = SIGKILL`. The kernel sends that signal when the *thread*
//! that forked the child ends, not the process, so all servers are forked by one thread that lives as long as the process.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;

use rustix::process::{Pid, Signal};
use rustix::thread::CpuSet;

/// An account that servers run under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct User {
    /// Its name.
    pub name: String,
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

impl User {
    /// The account called `name` of a passwd file's text.
    pub fn parse(passwd: &str, name: &str) -> Option<User> {
        passwd.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            match fields.as_slice() {
                [account, _, uid, gid, ..] if *account == name => {
                    Some(User { name: name.to_owned(), uid: uid.parse().ok()?, gid: gid.parse().ok()? })
                }
                _ => None,
            }
        })
    }

    /// The account for servers that refuse to run as root: `postgres`, else `nobody`. `None` if the harness itself is not root.
    pub fn unprivileged() -> Option<User> {
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let fallback = || User { name: "nobody".to_owned(), uid: 65534, gid: 65534 };
        Some(User::parse(&passwd, "postgres").or_else(|| User::parse(&passwd, "nobody")).unwrap_or_else(fallback))
    }
}

/// A server process to start.
#[derive(Debug)]
pub(super) struct Launch {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Its environment, beside the allow-list.
    pub env: Vec<(&'static str, OsString)>,
    /// Working directory, also `HOME`.
    pub dir: PathBuf,
    /// Account, if not the harness's.
    pub user: Option<User>,
    /// Cores that it may use; `None` for those of the harness.
    pub cores: Option<Vec<u32>>,
    /// Receives standard output and standard error.
    pub log: File,
    /// `cgroup.procs` files to join, open for writing.
    pub join: Vec<File>,
}

/// A command with the environment that all our children get: nothing of ours but what is listed here.
#[expect(clippy::disallowed_methods, reason = "topology is the one place that starts processes")]
pub(super) fn command(program: &Path, home: &Path, user: Option<&User>) -> Command {
    let mut command = Command::new(program);
    let path = std::env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"));
    command.env_clear().env("PATH", path).env("LANG", "C.UTF-8").env("LC_ALL", "C.UTF-8").env("HOME", home);
    command.stdin(Stdio::null());
    if let Some(user) = user {
        command.uid(user.uid).gid(user.gid);
    }
    command
}

/// Runs a tool to its end and returns what it printed.
pub(super) fn run(program: &Path, args: &[OsString], dir: &Path, user: Option<&User>) -> io::Result<Output> {
    command(program, dir, user).args(args).current_dir(dir).output()
}

/// What a tool printed, both streams.
pub(super) fn printed(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)).trim().to_owned()
}

struct Job {
    command: Command,
    reply: mpsc::SyncSender<io::Result<Child>>,
}

fn spawner() -> Result<mpsc::Sender<Job>, io::Error> {
    static SPAWNER: OnceLock<Mutex<Option<mpsc::Sender<Job>>>> = OnceLock::new();
    let mut slot = SPAWNER.get_or_init(|| Mutex::new(None)).lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(sender) = slot.as_ref() {
        return Ok(sender.clone());
    }
    let (sender, jobs) = mpsc::channel::<Job>();
    thread::Builder::new().name("spawner".to_owned()).spawn(move || {
        // The static keeps a sender, so this ends only with the process.
        for mut job in jobs {
            let child = job.command.spawn();
            let _ = job.reply.send(child);
        }
    })?;
    *slot = Some(sender.clone());
    Ok(sender)
}

/// Starts a server: own process group, dies with the harness, pinned and accounted from its first instruction.
pub(super) fn spawn(launch: Launch) -> io::Result<Child> {
    let mut command = command(&launch.program, &launch.dir, launch.user.as_ref());
    command.args(&launch.args).envs(launch.env.iter().map(|(key, value)| (*key, value))).current_dir(&launch.dir);
    command.stdout(launch.log.try_clone()?).stderr(launch.log).process_group(0);
    let cores = launch.cores.map(|cores| {
        let mut set = CpuSet::new();
        cores.iter().for_each(|&core| set.set(core as usize));
        set
    });
    let join = launch.join;
    let parent = rustix::process::getpid();
    let before_exec = move || {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        // The harness may have died between fork and the call above; then the signal never comes.
        if rustix::process::getppid() != Some(parent) {
            return Err(io::Error::from(rustix::io::Errno::SRCH));
        }
        for mut procs in &join {
            procs.write_all(b"0")?;
        }
        if let Some(set) = &cores {
            rustix::thread::sched_setaffinity(None, set)?;
        }
        Ok(())
    };
    #[expect(unsafe_code, reason = "runs between fork and exec: the closure only makes system calls and allocates nothing")]
    // SAFETY: as above; the files and the set were made before the fork.
    unsafe {
        command.pre_exec(before_exec);
    }
    let (reply, answer) = mpsc::sync_channel(1);
    let gone = || io::Error::other("the spawner thread has ended");
    spawner()?.send(Job { command, reply }).map_err(|_| gone())?;
    answer.recv().map_err(|_| gone())?
}

/// A process id, if it is one that may be signalled: never 0 or 1.
pub(super) fn pid(id: u32) -> Option<Pid> {
    i32::try_from(id).ok().filter(|id| *id > 1).and_then(Pid::from_raw)
}

/// Signals one process; it may be gone already.
pub(super) fn signal(id: u32, signal: Signal) {
    if let Some(pid) = pid(id) {
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// Signals a process group; it may be gone already.
pub(super) fn signal_group(id: u32, signal: Signal) {
    if let Some(pid) = pid(id) {
        let _ = rustix::process::kill_process_group(pid, signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_an_account_by_its_whole_name() {
        let passwd = "root:x:0:0::/root:/bin/sh\npostgres2:x:7:8::/:/bin/sh\npostgres:x:101:104:,,,:/var/lib/postgresql:/bin/bash\n";
        assert_eq!(User::parse(passwd, "postgres"), Some(User { name: "postgres".to_owned(), uid: 101, gid: 104 }));
        assert_eq!(User::parse(passwd, "redis"), None);
    }

    #[test]
    fn never_signals_init_or_a_group_of_its_own() {
        assert!(pid(0).is_none() && pid(1).is_none() && pid(u32::MAX).is_none() && pid(2).is_some());
    }
}

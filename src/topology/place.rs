//! Where nodes live: directories named after the harness's process, ports, and the sweep of what dead harnesses left.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{Gid, Uid};

use super::error::TopologyError;
use super::process::User;

/// Where data goes when the server's account cannot reach the data root.
const FALLBACK_ROOT: &str = "/var/tmp";

/// Ports are taken below the range from which the kernel gives ports to outgoing connections (32768 on by default), so that none of the
/// client's connections can take one between choice and use.
const PORTS: std::ops::Range<u32> = 20_000..32_000;

/// Start of a process in clock ticks after boot; with the pid it names a process for good. `None` if there is no such process.
pub(super) fn start_time(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold spaces and parentheses, so the fields are counted from the last `)`.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    if fields.next()? == "Z" {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

/// Whether the process that had this pid and start time is gone.
pub(super) fn is_dead(pid: u32, started: u64) -> bool {
    start_time(pid) != Some(started)
}

/// The prefix of everything that this process makes outside its run directory: `ballpark-<pid>-<start>`.
pub(super) fn tag() -> String {
    let pid = std::process::id();
    format!("ballpark-{pid}-{}", start_time(pid).unwrap_or_default())
}

/// A number that no other node of this process has.
pub(super) fn serial() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The process whose tag a name begins with.
pub(super) fn owner(name: &str) -> Option<(u32, u64)> {
    let mut parts = name.strip_prefix("ballpark-")?.split('-');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Whether `name` was made by a harness that is dead now.
pub(super) fn is_stale(name: &str) -> bool {
    owner(name).is_some_and(|(pid, started)| is_dead(pid, started))
}

/// Removes what dead harnesses left in `root` and in the fallback root. Best effort: what cannot be removed stays for the next time.
pub(super) fn sweep(root: &Path) {
    for root in [root, Path::new(FALLBACK_ROOT)] {
        let Ok(entries) = fs::read_dir(root) else { continue };
        for entry in entries.flatten() {
            let ours = entry.metadata().is_ok_and(|meta| meta.is_dir());
            if ours && entry.file_name().to_str().is_some_and(is_stale) {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
}

/// Whether `user` can search `path` and all its parents.
fn reachable(path: &Path, user: &User) -> bool {
    path.ancestors().all(|part| {
        fs::metadata(part).is_ok_and(|meta| {
            let bit = if meta.uid() == user.uid {
                0o100
            } else if meta.gid() == user.gid {
                0o010
            } else {
                0o001
            };
            meta.mode() & bit != 0
        })
    })
}

/// A fresh directory with mode 0700 for one node, below `root`. The note says why it lies elsewhere, if it does.
pub(super) fn node_dir(root: &Path, name: &str, keep: bool, user: Option<&User>) -> Result<(PathBuf, Option<String>), TopologyError> {
    fs::create_dir_all(root).map_err(TopologyError::io("create", root))?;
    let root = fs::canonicalize(root).map_err(TopologyError::io("find", root))?;
    let (base, note) = match user {
        Some(user) if !reachable(&root, user) => {
            let text = format!(
                "{name}: its data lies below {FALLBACK_ROOT}, because the account `{}` that the server runs under cannot reach {}",
                user.name,
                root.display()
            );
            (PathBuf::from(FALLBACK_ROOT), Some(text))
        }
        _ => (root, None),
    };
    // What is kept has no owner in its name, so the sweep leaves it alone.
    let prefix = if keep { format!("ballpark-kept-{}", std::process::id()) } else { tag() };
    let dir = base.join(format!("{prefix}-{}-{name}", serial()));
    make_dir(&dir, user)?;
    Ok((dir, note))
}

/// Makes a directory with mode 0700 that belongs to `user`.
pub(super) fn make_dir(dir: &Path, user: Option<&User>) -> Result<(), TopologyError> {
    fs::DirBuilder::new().mode(0o700).create(dir).map_err(TopologyError::io("create", dir))?;
    give(dir, user)
}

/// Gives a file or directory to `user`.
pub(super) fn give(path: &Path, user: Option<&User>) -> Result<(), TopologyError> {
    let Some(user) = user else { return Ok(()) };
    rustix::fs::chown(path, Some(Uid::from_raw(user.uid)), Some(Gid::from_raw(user.gid)))
        .map_err(io::Error::from)
        .map_err(TopologyError::io("change the owner of", path))
}

/// Whether nobody listens on a port of any of these addresses.
pub(super) fn is_free(hosts: &[Ipv4Addr], port: u16) -> bool {
    hosts.iter().all(|host| TcpListener::bind((*host, port)).is_ok())
}

/// A port that is free on all of `hosts`, and that this process has not given out lately.
pub(super) fn free_port(hosts: &[Ipv4Addr]) -> Option<u16> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let span = PORTS.end - PORTS.start;
    // Harnesses that run at the same time begin at different ports.
    let offset = std::process::id().wrapping_mul(0x9E37_79B1) % span;
    (0..span).find_map(|_| {
        let port = PORTS.start + (offset + NEXT.fetch_add(1, Ordering::Relaxed)) % span;
        let port = u16::try_from(port).ok()?;
        is_free(hosts, port).then_some(port)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_names_this_process_and_is_not_stale() {
        let name = format!("{}-7-main", tag());
        assert_eq!(owner(&name).map(|(pid, _)| pid), Some(std::process::id()));
        assert!(!is_stale(&name));
        let (pid, started) = owner(&name).unwrap();
        assert!(is_stale(&format!("ballpark-{pid}-{}-7-main", started + 1)), "a re-used pid has another start time");
        assert!(!is_stale("ballpark-kept-12-0-main") && !is_stale("other-1-2"));
    }

    #[test]
    fn the_sweep_removes_only_what_dead_harnesses_left() {
        let root = tempfile::tempdir().unwrap();
        let live = root.path().join(format!("{}-1-x", tag()));
        let dead = root.path().join("ballpark-4194305-1-1-x");
        let kept = root.path().join("ballpark-kept-4194305-1-x");
        let other = root.path().join("notes");
        for dir in [&live, &dead, &kept, &other] {
            fs::create_dir_all(dir.join("data")).unwrap();
        }
        sweep(root.path());
        assert!(live.exists() && kept.exists() && other.exists() && !dead.exists());
    }

    #[test]
    fn a_free_port_is_not_one_that_is_taken() {
        let port = free_port(&[Ipv4Addr::LOCALHOST]).unwrap();
        let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        assert!(!is_free(&[Ipv4Addr::LOCALHOST], port));
        assert_ne!(free_port(&[Ipv4Addr::LOCALHOST]), Some(port));
    }

    #[test]
    fn a_private_parent_is_out_of_reach() {
        let root = tempfile::tempdir().unwrap();
        let stranger = User { name: "x".to_owned(), uid: 64_999, gid: 64_999 };
        let private = root.path().join("private");
        make_dir(&private, None).unwrap();
        fs::create_dir(private.join("open")).unwrap();
        assert!(!reachable(&private.join("open"), &stranger));
        assert!(reachable(Path::new("/"), &stranger));
    }
}

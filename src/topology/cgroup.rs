//! A control group for every node: exact CPU accounting for the whole process tree, and quotas. Versions 1 and 2, split mounts included.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rustix::process::Signal;

use super::{place, process};

/// Length of a quota's period. With the usual 100 ms a throttled node stalls for tens of milliseconds; with 10 ms it looks like a slower machine.
const PERIOD_US: u64 = 10_000;

/// Directories below which groups are made: where CPU time is counted, and where it is limited. One and the same in version 2.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Roots {
    v2: bool,
    account: PathBuf,
    limit: Option<PathBuf>,
}

/// Where the hierarchies are mounted: `(root within the hierarchy, mount point, kind, options)` of every cgroup mount.
fn mounts(mountinfo: &str) -> Vec<(String, PathBuf, bool, String)> {
    let parse = |line: &str| {
        let (left, right) = line.split_once(" - ")?;
        let left: Vec<&str> = left.split(' ').collect();
        let right: Vec<&str> = right.split(' ').collect();
        let v2 = match *right.first()? {
            "cgroup" => false,
            "cgroup2" => true,
            _ => return None,
        };
        Some(((*left.get(3)?).to_owned(), PathBuf::from(left.get(4)?), v2, (*right.get(2)?).to_owned()))
    };
    mountinfo.lines().filter_map(parse).collect()
}

/// Own group in the version 1 hierarchy of `controller`, from `/proc/self/cgroup`.
fn own_group<'a>(groups: &'a str, controller: &str) -> Option<&'a str> {
    groups.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':');
        let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        controllers.split(',').any(|one| one == controller).then_some(path)
    })
}

fn v1_root(mountinfo: &str, groups: &str, controller: &str) -> Option<PathBuf> {
    let mounts = mounts(mountinfo);
    let (root, point, ..) = mounts.iter().find(|(_, _, v2, options)| !v2 && options.split(',').any(|one| one == controller))?;
    let own = own_group(groups, controller)?;
    // Within a container the mount shows only a part of the hierarchy.
    let below = own.strip_prefix(root.trim_end_matches('/')).unwrap_or(own);
    let path = point.join(below.trim_start_matches('/'));
    Some(if path.is_dir() { path } else { point.clone() })
}

fn can_make_groups(root: &Path) -> bool {
    let trial = root.join(format!("{}-trial-{}", place::tag(), place::serial()));
    fs::create_dir(&trial).is_ok() && fs::remove_dir(&trial).is_ok()
}

/// Version 2: groups are made below the mount point, because a group that holds processes (ours) cannot hand controllers down; below our own
/// group if that is not allowed, without quotas.
fn v2_roots(mountinfo: &str, groups: &str) -> Option<Roots> {
    let (_, point, ..) = mounts(mountinfo).into_iter().find(|(_, _, v2, _)| *v2)?;
    let has_cpu = |file: &str| fs::read_to_string(point.join(file)).is_ok_and(|text| text.split_whitespace().any(|one| one == "cpu"));
    if !has_cpu("cgroup.controllers") {
        return None;
    }
    if can_make_groups(&point) {
        if !has_cpu("cgroup.subtree_control") {
            let _ = fs::write(point.join("cgroup.subtree_control"), "+cpu");
        }
        let limit = has_cpu("cgroup.subtree_control").then(|| point.clone());
        return Some(Roots { v2: true, account: point, limit });
    }
    let own = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    let own = point.join(own.trim_start_matches('/'));
    (own.is_dir() && can_make_groups(&own)).then_some(Roots { v2: true, account: own, limit: None })
}

fn detect() -> Option<Roots> {
    let mountinfo = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    if let Some(roots) = v2_roots(&mountinfo, &groups) {
        return Some(roots);
    }
    let account = v1_root(&mountinfo, &groups, "cpuacct").filter(|root| can_make_groups(root))?;
    let limit = v1_root(&mountinfo, &groups, "cpu").filter(|root| can_make_groups(root));
    Some(Roots { v2: false, account, limit })
}

fn roots() -> Option<&'static Roots> {
    static ROOTS: OnceLock<Option<Roots>> = OnceLock::new();
    ROOTS.get_or_init(detect).as_ref()
}

/// How nodes are accounted on this machine: `v1`, `v2`, or `none` if no group can be made.
pub fn kind() -> &'static str {
    match roots() {
        Some(roots) if roots.v2 => "v2",
        Some(_) => "v1",
        None => "none",
    }
}

/// Removes the groups of dead harnesses. A process that is still in one is a server that nobody owns any more: it is killed.
pub(super) fn sweep() {
    let Some(roots) = roots() else { return };
    for root in [Some(&roots.account), roots.limit.as_ref()].into_iter().flatten() {
        let Ok(entries) = fs::read_dir(root) else { continue };
        for entry in entries.flatten() {
            if entry.file_name().to_str().is_some_and(place::is_stale) {
                members(&entry.path()).into_iter().for_each(|pid| process::signal(pid, Signal::KILL));
                let _ = fs::remove_dir(entry.path());
            }
        }
    }
}

/// Processes of a group. Those of other pid namespaces are shown as 0 and left out.
fn members(dir: &Path) -> Vec<u32> {
    let text = fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).filter(|pid| *pid > 1).collect()
}

/// The value of `key` in a file of `key value` lines.
fn field(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok())
}

/// The group of one node; removed when dropped, which works only after its processes have ended.
#[derive(Debug)]
pub(super) struct Group {
    v2: bool,
    account: PathBuf,
    limit: Option<PathBuf>,
}

impl Group {
    /// Makes a group; `None` if this machine does not let us.
    pub fn make() -> Option<Group> {
        let roots = roots()?;
        let name = format!("{}-{}", place::tag(), place::serial());
        let account = roots.account.join(&name);
        fs::create_dir(&account).ok()?;
        let limit = roots.limit.as_ref().map(|root| root.join(&name));
        let limit = limit.filter(|dir| *dir == account || fs::create_dir(dir).is_ok());
        Some(Group { v2: roots.v2, account, limit })
    }

    fn dirs(&self) -> impl Iterator<Item = &PathBuf> {
        std::iter::once(&self.account).chain(self.limit.as_ref().filter(|dir| **dir != self.account))
    }

    /// The `cgroup.procs` files to which a child writes `0` to join. Opened here, because the child may have given up the right to.
    pub fn joins(&self) -> io::Result<Vec<File>> {
        self.dirs().map(|dir| OpenOptions::new().write(true).open(dir.join("cgroup.procs"))).collect()
    }

    /// Limits the CPU to `cores` cores.
    pub fn set_quota(&self, cores: f64) -> io::Result<()> {
        let dir = self.limit.as_ref().ok_or_else(|| io::Error::other("the cpu controller is not available"))?;
        let quota = ((cores * PERIOD_US as f64).round() as u64).max(1_000);
        if self.v2 {
            return fs::write(dir.join("cpu.max"), format!("{quota} {PERIOD_US}"));
        }
        fs::write(dir.join("cpu.cfs_period_us"), PERIOD_US.to_string())?;
        fs::write(dir.join("cpu.cfs_quota_us"), quota.to_string())
    }

    /// CPU time of all that ran in it, in ns.
    pub fn cpu_ns(&self) -> Option<u64> {
        if self.v2 {
            let text = fs::read_to_string(self.account.join("cpu.stat")).ok()?;
            return field(&text, "usage_usec").map(|us| us * 1_000);
        }
        fs::read_to_string(self.account.join("cpuacct.usage")).ok()?.trim().parse().ok()
    }

    /// Time for which the quota kept it waiting, in ns; 0 without a quota.
    pub fn throttled_ns(&self) -> u64 {
        let Some(text) = self.limit.as_ref().and_then(|dir| fs::read_to_string(dir.join("cpu.stat")).ok()) else { return 0 };
        if self.v2 { field(&text, "throttled_usec").map_or(0, |us| us * 1_000) } else { field(&text, "throttled_time").unwrap_or(0) }
    }

    /// Its processes.
    pub fn members(&self) -> Vec<u32> {
        members(&self.account)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for dir in self.dirs() {
            let _ = fs::remove_dir(dir);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPLIT: &str = "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n\
        32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct\n\
        33 31 0:31 /docker/x /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n\
        41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";

    #[test]
    fn reads_the_mounts_of_both_versions() {
        let found = mounts(SPLIT);
        assert_eq!(found.len(), 3);
        assert_eq!(found[0].1, Path::new("/sys/fs/cgroup/cpu,cpuacct"));
        assert_eq!(found[1].0, "/docker/x");
        assert!(found[2].2);
    }

    #[test]
    fn finds_the_own_group_by_controller() {
        let groups = "4:cpu,cpuacct:/docker/abc\n3:cpuset:/\n0::/user.slice\n";
        assert_eq!(own_group(groups, "cpuacct"), Some("/docker/abc"));
        assert_eq!(own_group(groups, "acct"), None);
    }

    #[test]
    fn reads_the_fields_of_cpu_stat() {
        let text = "nr_periods 4\nnr_throttled 2\nthrottled_time 12345\n";
        assert_eq!(field(text, "throttled_time"), Some(12_345));
        assert_eq!(field(text, "throttled"), None);
    }
}

//! Facts about the machine, read from `/proc`, `/sys` and `/etc`. What the system does not tell stays empty.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::model::results::HostInfo;

/// The machine, with the disk below `data_dir` (or its nearest parent that exists).
pub fn host(data_dir: &Path) -> HostInfo {
    let uname = rustix::system::uname();
    let (client_cores, server_cores) = split_cores();
    let disk = Disk::below(data_dir);
    let mut facts = BTreeMap::new();
    let mut fact = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            facts.insert(name.to_owned(), value);
        }
    };
    fact("architecture", Some(uname.machine().to_string_lossy().into_owned()));
    fact("smt", read("/sys/devices/system/cpu/smt/control"));
    fact("transparent_hugepage", read("/sys/kernel/mm/transparent_hugepage/enabled").map(|text| chosen(&text)));
    fact("clock_source", read("/sys/devices/system/clocksource/clocksource0/current_clocksource"));
    fact("load_average", read("/proc/loadavg").map(|text| text.split(' ').take(3).collect::<Vec<_>>().join(" ")));
    fact("nice", own_nice().filter(|nice| *nice != 0).map(|nice| nice.to_string()));
    fact("disk_write_cache", disk.as_ref().and_then(|disk| disk.queue("write_cache")));
    fact("disk_scheduler", disk.as_ref().and_then(|disk| disk.queue("scheduler")).map(|text| chosen(&text)));
    fact("disk_mount", disk.as_ref().map(|disk| disk.mount.point.display().to_string()));
    HostInfo {
        cpu: read("/proc/cpuinfo").map_or_else(String::new, |text| cpu_model(&text)),
        cores: allowed_cores().len() as u32,
        memory_bytes: read("/proc/meminfo").and_then(|text| meminfo(&text, "MemTotal")).unwrap_or(0),
        kernel: format!("{} {}", uname.sysname().to_string_lossy(), uname.release().to_string_lossy()),
        os: read("/etc/os-release").map_or_else(String::new, |text| os_name(&text)),
        cgroup: cgroup(&read("/proc/self/mountinfo").unwrap_or_default()).to_owned(),
        disk: disk.map_or_else(String::new, |disk| disk.describe()),
        governor: read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").unwrap_or_default(),
        virtualization: virtualization(),
        client_cores,
        server_cores,
        facts,
    }
}

/// A small file's text, trimmed.
pub(super) fn read(path: impl AsRef<Path>) -> Option<String> {
    let bytes = fs::read(path).ok()?;
    Some(String::from_utf8_lossy(&bytes).trim_matches(|c: char| c.is_whitespace() || c == '\0').to_owned())
}

/// Bytes of a line of `/proc/meminfo`.
pub(super) fn meminfo(text: &str, key: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    rest.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
}

/// The word in brackets: `always [madvise] never` → `madvise`.
fn chosen(text: &str) -> String {
    text.split(['[', ']']).nth(1).unwrap_or(text).to_owned()
}

fn cpu_model(cpuinfo: &str) -> String {
    let value = |key: &str| {
        let mut fields = cpuinfo.lines().filter_map(|line| line.split_once(':'));
        fields.find(|(name, _)| name.trim() == key).map(|(_, value)| value.trim().to_owned())
    };
    // ARM has no name, only numbers of maker and part.
    let arm = || Some(format!("implementer {} part {}", value("CPU implementer")?, value("CPU part")?));
    value("model name").or_else(|| read("/proc/device-tree/model")).or_else(arm).unwrap_or_default()
}

fn os_name(os_release: &str) -> String {
    let line = os_release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    line.unwrap_or_default().trim_matches('"').to_owned()
}

fn own_nice() -> Option<i64> {
    let stat = read("/proc/self/stat")?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(16)?.parse().ok()
}

/// `v1`, `v2` or `none`: which hierarchy counts CPU, by its mount.
fn cgroup(mountinfo: &str) -> &'static str {
    let has_cpu = |controllers: &str| controllers.split_whitespace().any(|one| one == "cpu");
    let mounted = mountinfo.lines().filter_map(|line| line.split_once(" - "));
    let mut kind = "none";
    for (place, system) in mounted {
        let point = place.split(' ').nth(4).unwrap_or_default();
        let controllers = || read(Path::new(point).join("cgroup.controllers")).is_some_and(|text| has_cpu(&text));
        if system.starts_with("cgroup2 ") && controllers() {
            return "v2";
        }
        if system.starts_with("cgroup ") && system.rsplit(' ').next().is_some_and(|options| options.split(',').any(|one| one == "cpuacct"))
        {
            kind = "v1";
        }
    }
    kind
}

fn virtualization() -> String {
    let mut hints = Vec::new();
    if Path::new("/.dockerenv").exists() || Path::new("/run/.containerenv").exists() {
        hints.push("container".to_owned());
    }
    let flagged = read("/proc/cpuinfo")
        .is_some_and(|text| text.lines().any(|line| line.starts_with("flags") && line.split_whitespace().any(|flag| flag == "hypervisor")));
    let maker = ["sys_vendor", "product_name"].map(|file| read(format!("/sys/class/dmi/id/{file}")).unwrap_or_default()).join(" ");
    let hypervisor = read("/sys/hypervisor/type");
    if flagged || hypervisor.is_some() {
        let name = hypervisor.or_else(|| Some(maker.trim().to_owned()).filter(|name| !name.is_empty()));
        hints.push(name.map_or_else(|| "virtual machine".to_owned(), |name| format!("virtual machine ({name})")));
    }
    hints.join(", ")
}

/// Cores that this process may use, rising. Those of its first thread: a worker that is pinned does not narrow them.
pub fn allowed_cores() -> Vec<u32> {
    let set = rustix::thread::sched_getaffinity(Some(rustix::process::getpid())).unwrap_or_default();
    let most = rustix::thread::CpuSet::MAX_CPU;
    let cores: Vec<u32> = (0..most).filter(|core| set.is_set(*core)).map(|core| core as u32).collect();
    if cores.is_empty() { vec![0] } else { cores }
}

/// Cores for the client and for the servers: see [`split`].
pub fn split_cores() -> (Vec<u32>, Vec<u32>) {
    split(&allowed_cores())
}

/// Splits cores: with two or more the client gets the last third, at least one; with one both share it.
pub fn split(cores: &[u32]) -> (Vec<u32>, Vec<u32>) {
    if cores.len() < 2 {
        return (cores.to_vec(), cores.to_vec());
    }
    let client = (cores.len() / 3).max(1);
    let (servers, client) = cores.split_at(cores.len() - client);
    (client.to_vec(), servers.to_vec())
}

/// A line of `/proc/self/mountinfo`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mount {
    device: (u32, u32),
    point: PathBuf,
    kind: String,
    source: String,
}

fn unescape(text: &str) -> String {
    // The kernel writes space, tab, newline and backslash as octal.
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// The mount that `path` lies on: the longest mount point above it, the last of equals.
fn mount_of(mountinfo: &str, path: &Path) -> Option<Mount> {
    let parse = |line: &str| {
        let (left, right) = line.split_once(" - ")?;
        let left: Vec<&str> = left.split(' ').collect();
        let mut right = right.split(' ');
        let (major, minor) = left.get(2)?.split_once(':')?;
        Some(Mount {
            device: (major.parse().ok()?, minor.parse().ok()?),
            point: PathBuf::from(unescape(left.get(4)?)),
            kind: right.next()?.to_owned(),
            source: unescape(right.next()?),
        })
    };
    let above = mountinfo.lines().filter_map(parse).filter(|mount| path.starts_with(&mount.point));
    above.max_by_key(|mount| mount.point.components().count())
}

struct Disk {
    mount: Mount,
    /// Directory of the whole device in `/sys`, if it has one.
    device: Option<PathBuf>,
}

impl Disk {
    fn below(dir: &Path) -> Option<Disk> {
        let existing =
            dir.ancestors().find_map(|part| fs::canonicalize(if part.as_os_str().is_empty() { Path::new(".") } else { part }).ok())?;
        let mount = mount_of(&read("/proc/self/mountinfo")?, &existing)?;
        let id = fs::metadata(&existing).ok()?.dev();
        let numbers = [(rustix::fs::major(id), rustix::fs::minor(id)), mount.device];
        let device = numbers.iter().find_map(|(major, minor)| fs::canonicalize(format!("/sys/dev/block/{major}:{minor}")).ok());
        // A partition is a directory within its device.
        let device = device.map(|path| match path.join("partition").exists() {
            true => path.parent().map_or_else(|| path.clone(), Path::to_owned),
            false => path,
        });
        Some(Disk { mount, device })
    }

    fn queue(&self, file: &str) -> Option<String> {
        read(self.device.as_ref()?.join("queue").join(file))
    }

    fn describe(&self) -> String {
        let mut text = format!("{} on {}", self.mount.kind, self.mount.source);
        if let Some(model) = self.device.as_ref().and_then(|device| read(device.join("device/model"))) {
            text.push_str(&format!(" ({model})"));
        }
        match self.queue("rotational").as_deref() {
            Some("0") => text.push_str(", reported as not rotating"),
            Some("1") => text.push_str(", reported as rotating"),
            _ => {}
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_gets_a_third_and_at_least_one_core() {
        let split_of = |n: u32| split(&(0..n).collect::<Vec<_>>());
        assert_eq!(split_of(1), (vec![0], vec![0]));
        assert_eq!(split_of(2), (vec![1], vec![0]));
        assert_eq!(split_of(3), (vec![2], vec![0, 1]));
        assert_eq!(split_of(8), (vec![6, 7], vec![0, 1, 2, 3, 4, 5]));
        assert_eq!(split(&[3, 9]), (vec![9], vec![3]));
    }

    #[test]
    fn the_longest_mount_point_wins() {
        let text = "22 27 0:21 / /proc rw - proc proc rw\n27 1 254:0 / / rw - ext4 /dev/vda rw\n\
            30 27 0:27 / /mnt/a\\040b rw shared:1 - tmpfs tmpfs rw\n";
        assert_eq!(mount_of(text, Path::new("/mnt/a b/c")).unwrap().kind, "tmpfs");
        let root = mount_of(text, Path::new("/mnt/a")).unwrap();
        assert_eq!((root.source.as_str(), root.device), ("/dev/vda", (254, 0)));
    }

    #[test]
    fn reads_what_the_system_files_look_like() {
        assert_eq!(cpu_model("processor : 0\nmodel name\t: Some CPU @ 2 GHz\n"), "Some CPU @ 2 GHz");
        assert_eq!(os_name("ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"), "Debian GNU/Linux 12 (bookworm)");
        assert_eq!(meminfo("MemTotal:       100 kB\nSwapTotal: 0 kB\n", "MemTotal"), Some(102_400));
        assert_eq!(chosen("always [madvise] never"), "madvise");
        assert_eq!(cgroup("33 31 0:30 / /none rw - cgroup cgroup rw,cpu,cpuacct"), "v1");
        assert_eq!(cgroup("41 31 0:38 / /none/unified rw - cgroup2 cgroup2 rw"), "none");
    }

    #[test]
    fn this_machine_has_a_kernel_memory_and_cores() {
        let host = host(Path::new("/var/tmp/not/there"));
        assert!(host.memory_bytes > 1 << 20 && !host.kernel.is_empty() && host.cores >= 1 && !host.disk.is_empty(), "{host:?}");
    }
}

//! What a node uses: CPU from its control group or, without one, from `/proc`; memory from `/proc`; disk from its directory.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Fields of `/proc/PID/stat` that accounting needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stat {
    parent: u32,
    /// CPU of the process and of its children that have ended and were waited for, in clock ticks.
    ticks: u64,
}

fn parse_stat(text: &str) -> Option<Stat> {
    // The name may hold spaces and parentheses: count from the last `)`, after which the third field of proc(5) comes first.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |field: usize| fields.get(field - 3).and_then(|text| text.parse::<u64>().ok());
    let ticks = number(14)? + number(15)? + number(16)? + number(17)?;
    Some(Stat { parent: number(4)? as u32, ticks })
}

fn all_stats() -> BTreeMap<u32, Stat> {
    let Ok(entries) = fs::read_dir("/proc") else { return BTreeMap::new() };
    let read = |entry: fs::DirEntry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        Some((pid, parse_stat(&fs::read_to_string(entry.path().join("stat")).ok()?)?))
    };
    entries.flatten().filter_map(read).collect()
}

fn descendants(stats: &BTreeMap<u32, Stat>, root: u32) -> Vec<u32> {
    let mut found = vec![root];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(stats.iter().filter(|(pid, stat)| stat.parent == parent && **pid != parent).map(|(pid, _)| *pid));
        next += 1;
    }
    found
}

/// A process and all that descend from it.
pub(super) fn tree(root: u32) -> Vec<u32> {
    descendants(&all_stats(), root)
}

/// CPU time of a process tree in ns, to the clock tick (10 ms); misses processes that ended after their parent.
pub(super) fn tree_cpu_ns(root: u32) -> u64 {
    let stats = all_stats();
    let ticks: u64 = descendants(&stats, root).iter().filter_map(|pid| stats.get(pid)).map(|stat| stat.ticks).sum();
    ticks * (1_000_000_000 / rustix::param::clock_ticks_per_second().max(1))
}

fn kib(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key)?.split_whitespace().next()?.parse().ok())
}

/// Memory of processes in bytes: each page counted once, shared ones by share (PSS); resident pages where the system does not tell.
pub(super) fn memory_bytes(pids: &[u32]) -> u64 {
    let one = |pid: &u32| {
        let share = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok().and_then(|text| kib(&text, "Pss:"));
        let resident = || fs::read_to_string(format!("/proc/{pid}/status")).ok().and_then(|text| kib(&text, "VmRSS:"));
        share.or_else(resident).unwrap_or(0) * 1024
    };
    pids.iter().map(one).sum()
}

/// Bytes allocated on disk below `dir`; a file with several names counts once. Files that vanish meanwhile are left out.
pub(super) fn disk_bytes(dir: &Path) -> u64 {
    let mut seen = HashSet::new();
    let mut open = vec![dir.to_owned()];
    let mut bytes = 0;
    while let Some(dir) = open.pop() {
        let Ok(entries) = fs::read_dir(&dir) else { continue };
        for entry in entries.flatten() {
            let Ok(meta) = entry.metadata() else { continue };
            if meta.nlink() == 1 || meta.is_dir() || seen.insert((meta.dev(), meta.ino())) {
                bytes += meta.blocks() * 512;
            }
            if meta.is_dir() {
                open.push(entry.path());
            }
        }
    }
    bytes
}

/// The threads of a process.
pub fn threads(pid: u32) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// CPU time in ns of a thread, if it is one of the compilers of HotSpot (`C1 CompilerThre`, `C2 CompilerThre`).
pub fn compiler_cpu_ns(pid: u32, thread: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/task/{thread}/stat")).ok()?;
    let (head, fields) = stat.rsplit_once(')')?;
    let (_, name) = head.split_once('(')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    // utime and stime are fields 14 and 15 of the line, 12 and 13 behind the name.
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    (name.starts_with("C1 Compiler") || name.starts_with("C2 Compiler"))
        .then_some(ticks * 1_000_000_000 / rustix::param::clock_ticks_per_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_stat_line_whose_name_has_parentheses() {
        let line = "42 (a) b) (c) S 7 42 42 0 -1 4194560 100 200 0 0 11 22 33 44 20 0 1 0 12345 1000 10";
        assert_eq!(parse_stat(line), Some(Stat { parent: 7, ticks: 110 }));
    }

    #[test]
    fn finds_grandchildren_and_nobody_else() {
        let stat = |parent| Stat { parent, ticks: 1 };
        let stats = BTreeMap::from([(10, stat(1)), (11, stat(10)), (12, stat(11)), (13, stat(1))]);
        assert_eq!(descendants(&stats, 10), [10, 11, 12]);
    }

    #[test]
    fn weighs_this_process() {
        let pid = std::process::id();
        assert!(tree(pid).contains(&pid));
        assert!(memory_bytes(&[pid]) > 100_000);
    }

    #[test]
    fn counts_a_hard_link_once() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a"), vec![1_u8; 100_000]).unwrap();
        fs::File::open(dir.path().join("a")).unwrap().sync_all().unwrap();
        let alone = disk_bytes(dir.path());
        fs::hard_link(dir.path().join("a"), dir.path().join("b")).unwrap();
        assert!(alone >= 100_000, "{alone}");
        assert_eq!(disk_bytes(dir.path()), alone);
    }
}

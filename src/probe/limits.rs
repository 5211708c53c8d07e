//! Limits of the system that servers and clients run into.

use rustix::process::{Resource, getrlimit};

use super::host::{meminfo, read};

/// Limits, as far as the system tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Files (and sockets) that a process may have open; `None` for no limit.
    pub open_files: Option<u64>,
    /// The limit up to which a process may raise that itself; `None` for no limit.
    pub open_files_most: Option<u64>,
    /// `vm.max_map_count`: memory mappings of a process. Cassandra asks for 1,048,575.
    pub max_map_count: Option<u64>,
    /// `fs.aio-max-nr`: asynchronous requests of the whole machine. ScyllaDB needs about 11,000 a shard.
    pub aio_max_nr: Option<u64>,
    /// Swap in bytes. A server that swaps measures the disk.
    pub swap_bytes: Option<u64>,
    /// Memory that could be had now without swapping, in bytes.
    pub memory_available_bytes: Option<u64>,
    /// `vm.overcommit_memory`. Redis wants 1 for snapshots.
    pub overcommit_memory: Option<u64>,
    /// `net.core.somaxconn`: connections that wait to be accepted.
    pub somaxconn: Option<u64>,
}

/// Reads the limits.
pub fn limits() -> Limits {
    let number = |path: &str| read(path)?.parse().ok();
    let memory = read("/proc/meminfo").unwrap_or_default();
    let files = getrlimit(Resource::Nofile);
    Limits {
        open_files: files.current,
        open_files_most: files.maximum,
        max_map_count: number("/proc/sys/vm/max_map_count"),
        aio_max_nr: number("/proc/sys/fs/aio-max-nr"),
        swap_bytes: meminfo(&memory, "SwapTotal"),
        memory_available_bytes: meminfo(&memory, "MemAvailable"),
        overcommit_memory: number("/proc/sys/vm/overcommit_memory"),
        somaxconn: number("/proc/sys/net/core/somaxconn"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_may_open_files() {
        let limits = limits();
        assert!(limits.open_files.is_none_or(|files| files > 2) && limits.memory_available_bytes.is_some(), "{limits:?}");
    }
}

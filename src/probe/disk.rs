//! How fast the disk below a directory is, without a store in between.
//!
//! Three things would answer instead of the disk, and are ruled out: the page cache (O_DIRECT), holes in a sparse file (the file is filled before),
//! and compression (it is filled with random bytes). Whether the device really moved the bytes is read from its own counters.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use hdrhistogram::Histogram;
use rand_xoshiro::rand_core::Rng as _;
use rustix::fs::OFlags;

use crate::base::clock::{Clock, Nanos, SECOND};
use crate::base::seed::{Rng, Seed, below};
use crate::model::experiment::{Probe, ProbeKind};

/// Alignment of buffers, offsets and lengths that every O_DIRECT device takes.
const ALIGNMENT: usize = 4096;

/// Bytes of one request while the file is filled.
const FILL_BLOCK: usize = 1 << 20;

/// Free space that is left on the disk, in bytes.
const RESERVE: u64 = 1 << 30;

/// Largest length of the file that flushes append to; then it begins anew.
const APPEND_LIMIT: u64 = 256 << 20;

/// Different blocks that writes take in turn, so that nothing can find them equal.
const POOL_BLOCKS: usize = 16;

/// Longest request that is told apart, in ns.
const LONGEST: u64 = 60 * SECOND;

/// Why the disk could not be probed.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The file system cannot bypass the page cache.
    #[error("the file system below {dir} ({why}) does not let requests past the page cache, so its disk cannot be measured; choose a directory on a disk", dir = dir.display())]
    NoDirect {
        /// The directory.
        dir: PathBuf,
        /// Why.
        why: &'static str,
    },
    /// Not enough space.
    #[error("{dir} has {free} bytes free, and the probe needs {needed} (its file and a reserve of 1 GiB)", dir = dir.display())]
    Full {
        /// The directory.
        dir: PathBuf,
        /// Bytes free.
        free: u64,
        /// Bytes needed.
        needed: u64,
    },
    /// Sizes that cannot be probed.
    #[error(
        "block of {block} bytes in a file of {file}: a block must be a multiple of 4096 (of 1 for flushes) and not larger than the file"
    )]
    Sizes {
        /// Bytes of a request.
        block: u64,
        /// Bytes of the file.
        file: u64,
    },
    /// A request failed.
    #[error("cannot {what} a probe file below {dir}: {source}", dir = dir.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// The directory.
        dir: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The caller asked to stop.
    #[error("the probe was cancelled")]
    Cancelled,
}

/// A file full of random bytes. It has no name any more, so it vanishes however the harness ends.
#[derive(Debug)]
pub struct PreparedFile {
    dir: PathBuf,
    direct: File,
    /// Another file, without O_DIRECT, for appends as a log makes them.
    append: File,
    bytes: u64,
}

/// What a probe gave.
#[derive(Debug, Clone)]
pub struct ProbeRun {
    /// Time of every request in ns.
    pub requests: Histogram<u64>,
    /// Requests.
    pub ops: u64,
    /// Bytes asked for or written.
    pub bytes: u64,
    /// Time of the run in ns, to the end of its last request.
    pub duration_ns: Nanos,
    /// Bytes that the device says it moved meanwhile in the same direction, for whomever; `None` if it does not tell. Less than `bytes`
    /// means that something else answered.
    pub device_bytes_moved: Option<u64>,
}

/// A buffer whose bytes begin at a multiple of [`ALIGNMENT`].
struct Aligned {
    bytes: Vec<u8>,
    start: usize,
    length: usize,
}

impl Aligned {
    fn new(length: usize) -> Self {
        let bytes = vec![0; length + ALIGNMENT];
        // The vector is never grown, so its bytes stay where they are.
        let start = bytes.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        Self { bytes, start, length }
    }

    fn random(length: usize, rng: &mut Rng) -> Self {
        let mut buffer = Self::new(length);
        rng.fill_bytes(buffer.get_mut());
        buffer
    }

    fn get(&self) -> &[u8] {
        &self.bytes[self.start..self.start + self.length]
    }

    fn get_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.start + self.length]
    }
}

fn failed<'a>(what: &'static str, dir: &'a Path) -> impl Fn(io::Error) -> ProbeError + 'a {
    move |source| ProbeError::Io { what, dir: dir.to_owned(), source }
}

/// Makes a file of `bytes` bytes (rounded up to a mebibyte) below `dir` and fills it with random bytes past the page cache. `progress` gets the
/// bytes written so far.
///
/// # Errors
/// If the disk is too full, the file system cannot do it, or `cancel` was set. Nothing is left.
pub fn prepare(dir: &Path, bytes: u64, seed: Seed, progress: &mut dyn FnMut(u64), cancel: &AtomicBool) -> Result<PreparedFile, ProbeError> {
    fs::create_dir_all(dir).map_err(failed("create", dir))?;
    refuse_memory(dir)?;
    let bytes = bytes.max(1).next_multiple_of(FILL_BLOCK as u64);
    refuse_full(dir, bytes + APPEND_LIMIT.min(bytes))?;
    let (direct, append) = (open(dir, true)?, open(dir, false)?);
    let mut rng = seed.derive("fill").rng();
    let mut block = Aligned::new(FILL_BLOCK);
    let mut offset = 0;
    while offset < bytes {
        if cancel.load(Ordering::Relaxed) {
            return Err(ProbeError::Cancelled);
        }
        rng.fill_bytes(block.get_mut());
        direct.write_all_at(block.get(), offset).map_err(failed("fill", dir))?;
        offset += FILL_BLOCK as u64;
        progress(offset);
    }
    direct.sync_all().map_err(failed("flush", dir))?;
    Ok(PreparedFile { dir: dir.to_owned(), direct, append, bytes })
}

/// Newer kernels accept O_DIRECT on file systems in memory, where it means nothing.
fn refuse_memory(dir: &Path) -> Result<(), ProbeError> {
    const TMPFS: u64 = 0x0102_1994;
    const RAMFS: u64 = 0x8584_58F6;
    let system = rustix::fs::statfs(dir).map_err(io::Error::from).map_err(failed("look at", dir))?;
    match u64::try_from(system.f_type).unwrap_or(0) & 0xFFFF_FFFF {
        TMPFS | RAMFS => Err(ProbeError::NoDirect { dir: dir.to_owned(), why: "it is in memory" }),
        _ => Ok(()),
    }
}

fn refuse_full(dir: &Path, needed: u64) -> Result<(), ProbeError> {
    let system = rustix::fs::statvfs(dir).map_err(io::Error::from).map_err(failed("look at", dir))?;
    let free = system.f_bavail.saturating_mul(system.f_frsize);
    let needed = needed.saturating_add(RESERVE);
    if free < needed { Err(ProbeError::Full { dir: dir.to_owned(), free, needed }) } else { Ok(()) }
}

/// Opens a new file and removes its name at once.
fn open(dir: &Path, direct: bool) -> Result<File, ProbeError> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let path = dir.join(format!("ballpark-probe-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    if direct {
        options.custom_flags(OFlags::DIRECT.bits().cast_signed());
    }
    let opened = options.open(&path);
    // Linux makes the file before it finds that the file system refuses the flag.
    let removed = fs::remove_file(&path);
    let file = opened.map_err(|error| match error.raw_os_error() {
        Some(code) if direct && code == rustix::io::Errno::INVAL.raw_os_error() => {
            ProbeError::NoDirect { dir: dir.to_owned(), why: "it refuses O_DIRECT" }
        }
        _ => failed("open", dir)(error),
    })?;
    removed.map_err(failed("remove the name of", dir))?;
    Ok(file)
}

/// Bytes (read, written) that the device below a file says it has moved since it is there.
fn device_bytes(file: &File) -> Option<(u64, u64)> {
    let id = file.metadata().ok()?.dev();
    let path = format!("/sys/dev/block/{}:{}/stat", rustix::fs::major(id), rustix::fs::minor(id));
    parse_stat(&fs::read_to_string(path).ok()?)
}

/// Sectors of a block device's `stat` are always 512 bytes (kernel documentation, block/stat).
fn parse_stat(text: &str) -> Option<(u64, u64)> {
    let fields: Vec<u64> = text.split_whitespace().filter_map(|field| field.parse().ok()).collect();
    Some((fields.get(2)? * 512, fields.get(6)? * 512))
}

/// One request after the other, until `duration` is over or `cancel` is set. `seed` decides places and contents.
///
/// # Errors
/// If the sizes do not fit or a request fails.
pub fn run(
    probe: &Probe,
    file: &PreparedFile,
    duration: Duration,
    seed: Seed,
    clock: Clock,
    cancel: &AtomicBool,
) -> Result<ProbeRun, ProbeError> {
    let mut requests = Requests::new(probe, file, seed)?;
    let mut histogram = Histogram::new_with_bounds(1, LONGEST, 3).map_err(|error| ProbeError::Io {
        what: "count the requests of",
        dir: file.dir.clone(),
        source: io::Error::other(error),
    })?;
    let before = device_bytes(&file.direct);
    let limit = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    let begin = clock.now();
    let mut now = begin;
    let mut ops = 0;
    while now - begin < limit && !cancel.load(Ordering::Relaxed) {
        requests.prepare().map_err(failed("empty", &file.dir))?;
        let start = clock.now();
        requests.make().map_err(failed(requests.what(), &file.dir))?;
        now = clock.now();
        histogram.saturating_record((now - start).max(1));
        ops += 1;
    }
    let moved = before.zip(device_bytes(&file.direct)).map(|((read, written), after)| match requests.reads() {
        true => after.0.saturating_sub(read),
        false => after.1.saturating_sub(written),
    });
    Ok(ProbeRun { requests: histogram, ops, bytes: ops * probe.block, duration_ns: now - begin, device_bytes_moved: moved })
}

struct Requests<'a> {
    kind: ProbeKind,
    file: &'a PreparedFile,
    /// Bytes of a request.
    block: usize,
    /// Requests that the file has room for.
    places: u64,
    place: u64,
    made: u64,
    pool: Vec<Aligned>,
    rng: Rng,
}

impl<'a> Requests<'a> {
    fn new(probe: &Probe, file: &'a PreparedFile, seed: Seed) -> Result<Self, ProbeError> {
        let size = probe.file.min(file.bytes);
        let aligned = probe.kind == ProbeKind::DiskFlush || probe.block.is_multiple_of(ALIGNMENT as u64);
        let block = usize::try_from(probe.block).unwrap_or(0);
        if block == 0 || !aligned || probe.block > size {
            return Err(ProbeError::Sizes { block: probe.block, file: size });
        }
        let size = if probe.kind == ProbeKind::DiskFlush { size.min(APPEND_LIMIT).max(probe.block) } else { size };
        let mut rng = seed.derive("contents").rng();
        let mut requests = Self {
            kind: probe.kind,
            file,
            block,
            places: size / probe.block,
            place: 0,
            made: 0,
            pool: Vec::new(),
            rng: seed.derive("places").rng(),
        };
        let blocks = if requests.reads() { 1 } else { POOL_BLOCKS };
        requests.pool = (0..blocks).map(|_| Aligned::random(block, &mut rng)).collect();
        Ok(requests)
    }

    fn reads(&self) -> bool {
        matches!(self.kind, ProbeKind::DiskRandomRead | ProbeKind::DiskSequentialRead)
    }

    fn what(&self) -> &'static str {
        if self.reads() { "read" } else { "write" }
    }

    /// Chooses place and content; not timed.
    fn prepare(&mut self) -> io::Result<()> {
        self.place = match self.kind {
            ProbeKind::DiskRandomRead | ProbeKind::DiskRandomWrite => below(&mut self.rng, self.places),
            _ => self.made % self.places,
        };
        self.made += 1;
        if self.reads() {
            return Ok(());
        }
        if self.kind == ProbeKind::DiskFlush && self.place == 0 {
            self.file.append.set_len(0)?;
        }
        self.pool.rotate_left(1);
        let stamp = self.made.to_le_bytes();
        let block = self.pool[0].get_mut();
        let length = block.len().min(stamp.len());
        block[..length].copy_from_slice(&stamp[..length]);
        Ok(())
    }

    fn make(&mut self) -> io::Result<()> {
        let offset = self.place * self.block as u64;
        let buffer = &mut self.pool[0];
        match self.kind {
            ProbeKind::DiskRandomRead | ProbeKind::DiskSequentialRead => self.file.direct.read_exact_at(buffer.get_mut(), offset),
            ProbeKind::DiskRandomWrite | ProbeKind::DiskSequentialWrite => self.file.direct.write_all_at(buffer.get(), offset),
            ProbeKind::DiskFlush => {
                self.file.append.write_all_at(buffer.get(), offset)?;
                self.file.append.sync_data()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static GO: AtomicBool = AtomicBool::new(false);
    const KINDS: [ProbeKind; 5] = [
        ProbeKind::DiskRandomRead,
        ProbeKind::DiskRandomWrite,
        ProbeKind::DiskFlush,
        ProbeKind::DiskSequentialRead,
        ProbeKind::DiskSequentialWrite,
    ];

    /// A clock that advances a millisecond with every look, so that runs have a known length.
    fn steady() -> Clock {
        thread_local! { static NOW: std::cell::Cell<u64> = const { std::cell::Cell::new(0) } }
        Clock::from_fn(|| NOW.with(|now| now.replace(now.get() + 1_000_000)))
    }

    #[test]
    fn buffers_are_aligned() {
        for length in [4096, 8192, 1 << 20] {
            let buffer = Aligned::new(length);
            assert_eq!((buffer.get().as_ptr() as usize % ALIGNMENT, buffer.get().len()), (0, length));
        }
    }

    #[test]
    fn reads_the_counters_of_a_device() {
        let text = "    100  0   800  50  200  10  1600  70  0  90  120";
        assert_eq!(parse_stat(text), Some((409_600, 819_200)));
        assert_eq!(parse_stat(""), None);
    }

    #[test]
    fn every_kind_runs_and_counts_its_requests() {
        let dir = tempfile::tempdir_in("/var/tmp").unwrap();
        let file = match prepare(dir.path(), 4 << 20, Seed(1), &mut |_| {}, &GO) {
            Err(ProbeError::NoDirect { .. }) => return,
            file => file.unwrap(),
        };
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "the file has no name");
        for kind in KINDS {
            let probe = Probe { kind, block: 4096, file: 4 << 20 };
            let run = run(&probe, &file, Duration::from_millis(100), Seed(2), steady(), &GO).unwrap();
            assert!(run.ops > 10 && run.requests.len() == run.ops && run.bytes == run.ops * 4096, "{kind:?}: {run:?}");
            assert!(run.device_bytes_moved.is_none_or(|moved| moved >= run.bytes), "{kind:?}: {run:?}");
        }
    }

    #[test]
    fn the_file_is_random_all_over() {
        let dir = tempfile::tempdir_in("/var/tmp").unwrap();
        let Ok(file) = prepare(dir.path(), 2 << 20, Seed(1), &mut |_| {}, &GO) else { return };
        let mut block = Aligned::new(2 << 20);
        file.direct.read_exact_at(block.get_mut(), 0).unwrap();
        assert!(block.get().chunks(4096).all(|page| page.iter().filter(|byte| **byte == 0).count() < 100));
    }

    #[test]
    fn odd_sizes_are_refused() {
        let dir = tempfile::tempdir_in("/var/tmp").unwrap();
        let Ok(file) = prepare(dir.path(), 1 << 20, Seed(1), &mut |_| {}, &GO) else { return };
        for (kind, block) in [(ProbeKind::DiskRandomRead, 100), (ProbeKind::DiskRandomRead, 2 << 20), (ProbeKind::DiskFlush, 0)] {
            let probe = Probe { kind, block, file: 1 << 20 };
            assert!(matches!(Requests::new(&probe, &file, Seed(1)), Err(ProbeError::Sizes { .. })), "{probe:?}");
        }
        assert!(Requests::new(&Probe { kind: ProbeKind::DiskFlush, block: 100, file: 1 << 20 }, &file, Seed(1)).is_ok());
    }

    #[test]
    fn memory_and_full_disks_are_refused_and_cancelling_works() {
        let shared = Path::new("/dev/shm");
        if shared.is_dir() && refuse_memory(shared).is_err() {
            let error = prepare(&shared.join("ballpark-probe-test"), 1 << 20, Seed(1), &mut |_| {}, &GO).unwrap_err();
            assert!(matches!(error, ProbeError::NoDirect { .. }), "{error}");
            fs::remove_dir(shared.join("ballpark-probe-test")).unwrap();
        }
        let dir = tempfile::tempdir_in("/var/tmp").unwrap();
        let full = prepare(dir.path(), 1 << 60, Seed(1), &mut |_| {}, &GO).unwrap_err();
        assert!(matches!(full, ProbeError::Full { .. } | ProbeError::NoDirect { .. }), "{full}");
        let stopped = prepare(dir.path(), 1 << 20, Seed(1), &mut |_| {}, &AtomicBool::new(true)).unwrap_err();
        assert!(matches!(stopped, ProbeError::Cancelled | ProbeError::NoDirect { .. }), "{stopped}");
    }
}

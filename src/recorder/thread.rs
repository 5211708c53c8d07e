//! The part of one client thread: written on the hot path.

use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2Serializer};

use super::{RecorderError, histogram, interval_ns};
use crate::base::clock::Nanos;
use crate::model::op::{OpKind, Outcome};

/// One operation that ended, whichever way.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// What it was.
    pub kind: OpKind,
    /// How it ended.
    pub outcome: Outcome,
    /// When it should have started.
    pub intended: Nanos,
    /// When it started; `None` if its deadline passed while it waited for a session, so that there is no service time.
    pub started: Option<Nanos>,
    /// When it ended.
    pub ended: Nanos,
}

/// Histograms of one kind in the current interval. Counts of 32 bits: half the cache, and an interval cannot overflow them.
struct Cell {
    response: Histogram<u32>,
    service: Histogram<u32>,
    outcomes: [u64; 9],
}

/// Histograms of one kind in an interval that is over, in the V2 encoding.
pub(super) struct PackedCell {
    pub(super) kind: OpKind,
    pub(super) response: Vec<u8>,
    pub(super) service: Vec<u8>,
    pub(super) outcomes: [u64; 9],
}

/// An interval that is over.
pub(super) struct PackedInterval {
    pub(super) index: u64,
    pub(super) cells: Vec<PackedCell>,
    pub(super) lag: Vec<u8>,
}

/// What a thread hands over after the trial.
pub struct ThreadRecording {
    pub(super) start: Nanos,
    pub(super) interval: Nanos,
    pub(super) last_index: u64,
    pub(super) intervals: Vec<PackedInterval>,
    pub(super) last_end: Nanos,
}

/// Records the operations of one thread. Times must not go backwards from one sample to the next.
pub struct ThreadRecorder {
    start: Nanos,
    interval: Nanos,
    last_index: u64,
    index: u64,
    /// Where the current interval ends. The last one takes everything that ends later, so that the tail of an open loop is not lost.
    boundary: Nanos,
    cells: [Option<Box<Cell>>; OpKind::ALL.len()],
    lag: Histogram<u32>,
    intervals: Vec<PackedInterval>,
    last_end: Nanos,
    failed: Option<RecorderError>,
}

impl ThreadRecorder {
    /// A recorder of a measured part that starts at `start` and is planned to last `duration` ns (above 0).
    ///
    /// # Errors
    /// Never in practice: see [`histogram`].
    pub fn new(start: Nanos, duration: Nanos) -> Result<Self, RecorderError> {
        let interval = interval_ns(duration);
        let mut recorder = Self {
            start,
            interval,
            last_index: duration.saturating_sub(1) / interval,
            index: 0,
            boundary: 0,
            cells: Default::default(),
            lag: histogram()?,
            intervals: Vec::new(),
            last_end: start,
            failed: None,
        };
        recorder.enter(0);
        Ok(recorder)
    }

    fn enter(&mut self, index: u64) {
        self.index = index.min(self.last_index);
        self.boundary = if self.index == self.last_index { Nanos::MAX } else { self.start + (self.index + 1) * self.interval };
    }

    /// Records an operation that ended in the measured part, or belongs to it.
    #[inline]
    pub fn record(&mut self, sample: &Sample) {
        if sample.ended >= self.boundary {
            self.roll(sample.ended);
        }
        self.last_end = sample.ended;
        let slot = &mut self.cells[sample.kind.index()];
        let cell = match slot {
            Some(cell) => cell,
            None => match Cell::new() {
                Ok(cell) => slot.insert(Box::new(cell)),
                Err(error) => {
                    self.failed = Some(error);
                    return;
                }
            },
        };
        cell.response.saturating_record(sample.ended.saturating_sub(sample.intended));
        if let Some(started) = sample.started {
            cell.service.saturating_record(sample.ended.saturating_sub(started));
        }
        cell.outcomes[sample.outcome.index()] += 1;
    }

    /// Records the harness's own lateness with one operation, in ns.
    #[inline]
    pub fn record_lag(&mut self, lag: Nanos) {
        self.lag.saturating_record(lag);
    }

    #[cold]
    fn roll(&mut self, now: Nanos) {
        self.pack();
        self.enter(now.saturating_sub(self.start) / self.interval);
    }

    /// Packs the current interval away and empties the histograms.
    fn pack(&mut self) {
        let mut serializer = V2Serializer::new();
        match self.try_pack(&mut serializer) {
            Ok(packed) if packed.cells.is_empty() && packed.lag.is_empty() => {}
            Ok(packed) => self.intervals.push(packed),
            Err(error) => self.failed = Some(error),
        }
    }

    fn try_pack(&mut self, serializer: &mut V2Serializer) -> Result<PackedInterval, RecorderError> {
        let mut cells = Vec::new();
        for (kind, cell) in OpKind::ALL.into_iter().zip(&mut self.cells) {
            let Some(cell) = cell.as_mut().filter(|cell| !cell.response.is_empty()) else { continue };
            cells.push(PackedCell {
                kind,
                response: packed(&mut cell.response, serializer)?,
                service: packed(&mut cell.service, serializer)?,
                outcomes: std::mem::take(&mut cell.outcomes),
            });
        }
        Ok(PackedInterval { index: self.index, cells, lag: packed(&mut self.lag, serializer)? })
    }

    /// Ends the recording.
    ///
    /// # Errors
    /// When a histogram could not be packed.
    pub fn finish(mut self) -> Result<ThreadRecording, RecorderError> {
        self.pack();
        match self.failed {
            Some(error) => Err(error),
            None => Ok(ThreadRecording {
                start: self.start,
                interval: self.interval,
                last_index: self.last_index,
                intervals: self.intervals,
                last_end: self.last_end,
            }),
        }
    }
}

impl Cell {
    fn new() -> Result<Self, RecorderError> {
        Ok(Self { response: histogram()?, service: histogram()?, outcomes: [0; 9] })
    }
}

/// The encoded histogram, which is then emptied; no bytes for an empty one.
fn packed(histogram: &mut Histogram<u32>, serializer: &mut V2Serializer) -> Result<Vec<u8>, RecorderError> {
    let mut bytes = Vec::new();
    if !histogram.is_empty() {
        serializer.serialize(histogram, &mut bytes).map_err(|error| RecorderError::new("pack", error))?;
        bytes.shrink_to_fit();
        histogram.reset();
    }
    Ok(bytes)
}

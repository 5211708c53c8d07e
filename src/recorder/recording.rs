//! The parts of all threads together.

use std::collections::BTreeMap;
use std::time::SystemTime;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2Serializer};

use super::log::LogWriter;
use super::thread::{PackedCell, PackedInterval, ThreadRecording};
use super::{RecorderError, histogram, interval_ns, latency};
use crate::base::clock::{Nanos, SECOND};
use crate::model::op::{OpKind, Outcome};
use crate::model::trial::SeriesPoint;

/// One kind of operation.
#[derive(Debug, Clone)]
pub struct OpRecording {
    /// Completion minus intended start, in ns, of all that ended.
    pub response: Histogram<u64>,
    /// Completion minus actual start, in ns, of all that were started.
    pub service: Histogram<u64>,
    /// How many ended each way, by [`Outcome::index`].
    pub outcomes: [u64; 9],
}

/// Everything that a trial recorded.
pub struct Recording {
    /// By kind of operation; only kinds that occurred.
    pub by_op: BTreeMap<OpKind, OpRecording>,
    /// The harness's own lateness in ns; empty for a closed loop.
    pub lag: Histogram<u64>,
    /// Throughput and response times by interval.
    pub series: Vec<SeriesPoint>,
    interval: Nanos,
    intervals: BTreeMap<u64, Vec<PackedInterval>>,
}

impl OpRecording {
    fn new() -> Result<Self, RecorderError> {
        Ok(Self { response: histogram()?, service: histogram()?, outcomes: [0; 9] })
    }

    /// Operations that ended, whichever way.
    pub fn total(&self) -> u64 {
        self.outcomes.iter().sum()
    }

    fn add(&mut self, cell: &PackedCell, unpacker: &mut Unpacker) -> Result<(), RecorderError> {
        unpacker.add(&cell.response, &mut self.response)?;
        unpacker.add(&cell.service, &mut self.service)?;
        self.outcomes.iter_mut().zip(cell.outcomes).for_each(|(sum, count)| *sum += count);
        Ok(())
    }
}

#[derive(Default)]
struct Unpacker(Deserializer);

impl Unpacker {
    fn add(&mut self, packed: &[u8], sum: &mut Histogram<u64>) -> Result<(), RecorderError> {
        if packed.is_empty() {
            return Ok(());
        }
        let part: Histogram<u64> = self.0.deserialize(&mut &packed[..]).map_err(|error| RecorderError::new("unpack", error))?;
        sum.add(part).map_err(|error| RecorderError::new("merge", error))
    }
}

impl Recording {
    /// A recording without any operation, of a trial that was stopped before its measured part.
    ///
    /// # Errors
    /// Never in practice: see [`histogram`].
    pub fn empty() -> Result<Self, RecorderError> {
        Self::merge(Vec::new(), 0)
    }

    /// Adds up the parts of all threads, which must have been started with the same times. `duration` is the length of the measured part
    /// in ns, to the last completion that counts.
    ///
    /// # Errors
    /// When a part cannot be unpacked.
    pub fn merge(parts: Vec<ThreadRecording>, duration: Nanos) -> Result<Self, RecorderError> {
        let interval = parts.first().map_or(interval_ns(duration), |part| part.interval);
        let planned_last = parts.first().map_or(u64::MAX, |part| part.last_index);
        let mut recording = Self { by_op: BTreeMap::new(), lag: histogram()?, series: Vec::new(), interval, intervals: BTreeMap::new() };
        for packed in parts.into_iter().flat_map(|part| part.intervals) {
            recording.intervals.entry(packed.index).or_default().push(packed);
        }
        let last = planned_last.min(duration.saturating_sub(1) / interval);
        let mut unpacker = Unpacker::default();
        let (mut start, mut index) = (0, 0);
        while start < duration {
            let packed = recording.intervals.get(&index);
            // What ended after the planned end is in the last planned interval.
            let end = if index == last { duration } else { (start + interval).min(duration) };
            let point = series_point(packed.map_or(&[], Vec::as_slice), end, end - start, &mut unpacker)?;
            recording.series.push(point);
            (start, index) = (end, index + 1);
        }
        for packed in recording.intervals.values().flatten() {
            unpacker.add(&packed.lag, &mut recording.lag)?;
            for cell in &packed.cells {
                let sum = match recording.by_op.entry(cell.kind) {
                    std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                    std::collections::btree_map::Entry::Vacant(entry) => entry.insert(OpRecording::new()?),
                };
                sum.add(cell, &mut unpacker)?;
            }
        }
        Ok(recording)
    }

    /// The requests of a probe, all ended `ok`, in one interval of `duration` ns.
    ///
    /// # Errors
    /// When the requests were counted with bounds that do not fit the recorder's.
    pub fn of_probe(kind: OpKind, requests: &Histogram<u64>, duration: Nanos) -> Result<Self, RecorderError> {
        let mut sum = histogram()?;
        sum.add(requests).map_err(|error| RecorderError::new("merge", error))?;
        let mut bytes = Vec::new();
        V2Serializer::new().serialize(&sum, &mut bytes).map_err(|error| RecorderError::new("pack", error))?;
        let mut outcomes = [0; 9];
        outcomes[Outcome::Ok.index()] = requests.len();
        let cell = PackedCell { kind, response: bytes.clone(), service: bytes, outcomes };
        let packed = PackedInterval { index: 0, cells: vec![cell], lag: Vec::new() };
        let interval = duration.max(1);
        let part = ThreadRecording { start: 0, interval, last_index: 0, intervals: vec![packed], last_end: duration };
        Self::merge(vec![part], interval)
    }

    /// All kinds together; the histograms of a trial.
    ///
    /// # Errors
    /// Never in practice: all histograms have one layout.
    pub fn total(&self) -> Result<OpRecording, RecorderError> {
        let mut total = OpRecording::new()?;
        for op in self.by_op.values() {
            total.response.add(&op.response).map_err(|error| RecorderError::new("merge", error))?;
            total.service.add(&op.service).map_err(|error| RecorderError::new("merge", error))?;
            total.outcomes.iter_mut().zip(op.outcomes).for_each(|(sum, count)| *sum += count);
        }
        Ok(total)
    }

    /// Operations that ended `ok`.
    pub fn ops(&self) -> u64 {
        self.by_op.values().map(|op| op.outcomes[Outcome::Ok.index()]).sum()
    }

    /// Operations that ended, whichever way.
    pub fn issued(&self) -> u64 {
        self.by_op.values().map(OpRecording::total).sum()
    }

    /// Operations that ended otherwise than `ok`, by the name of the outcome; only those that occurred.
    pub fn errors(&self) -> BTreeMap<String, u64> {
        let count = |outcome: Outcome| self.by_op.values().map(|op| op.outcomes[outcome.index()]).sum();
        let errors = Outcome::ALL.into_iter().skip(1).map(|outcome| (outcome.name().to_owned(), count(outcome)));
        errors.filter(|(_, count)| *count > 0).collect()
    }

    /// Interval logs in the HdrHistogram V2 format, in ns, by file name: `read.response.hlog`, `read.service.hlog`, …, and
    /// `issue_lag.hlog` if there was any. `base` is the wall time at which the measured part started.
    ///
    /// # Errors
    /// When an interval cannot be unpacked or written.
    pub fn logs(&self, base: SystemTime) -> Result<Vec<(String, Vec<u8>)>, RecorderError> {
        let mut logs = Vec::new();
        for kind in self.by_op.keys().copied() {
            let cells = move |packed: &'_ PackedInterval| packed.cells.iter().position(|cell| cell.kind == kind);
            let response = |packed: &PackedInterval| cells(packed).map(|at| packed.cells[at].response.clone());
            let service = |packed: &PackedInterval| cells(packed).map(|at| packed.cells[at].service.clone());
            logs.push((format!("{kind}.response.hlog"), self.log(base, &response)?));
            logs.push((format!("{kind}.service.hlog"), self.log(base, &service)?));
        }
        if !self.lag.is_empty() {
            logs.push(("issue_lag.hlog".to_owned(), self.log(base, &|packed| Some(packed.lag.clone()))?));
        }
        Ok(logs)
    }

    fn log(&self, base: SystemTime, pick: &dyn Fn(&PackedInterval) -> Option<Vec<u8>>) -> Result<Vec<u8>, RecorderError> {
        let mut writer = LogWriter::new(base)?;
        let mut unpacker = Unpacker::default();
        for (index, packed) in &self.intervals {
            let mut sum = histogram()?;
            for part in packed.iter().filter_map(pick) {
                unpacker.add(&part, &mut sum)?;
            }
            if !sum.is_empty() {
                writer.write(index * self.interval, self.interval, &sum)?;
            }
        }
        Ok(writer.finish())
    }
}

fn series_point(packed: &[PackedInterval], end: Nanos, length: Nanos, unpacker: &mut Unpacker) -> Result<SeriesPoint, RecorderError> {
    let mut sum = OpRecording::new()?;
    for cell in packed.iter().flat_map(|packed| &packed.cells) {
        sum.add(cell, unpacker)?;
    }
    let seconds = |ns: Nanos| ns as f64 / SECOND as f64;
    let ok = sum.outcomes[Outcome::Ok.index()];
    let figures = latency(&sum.response);
    Ok(SeriesPoint {
        at_s: seconds(end),
        length_s: seconds(length),
        throughput_per_s: ok as f64 / seconds(length),
        errors_per_s: (sum.total() - ok) as f64 / seconds(length),
        p50_ns: figures.p50,
        p99_ns: figures.p99,
    })
}

impl ThreadRecording {
    /// When the last recorded operation ended; the start of the measured part if there was none.
    pub fn last_end(&self) -> Nanos {
        self.last_end.max(self.start)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Sample, ThreadRecorder, read_log};
    use super::*;

    const MS: Nanos = 1_000_000;

    fn sample(kind: OpKind, outcome: Outcome, intended: Nanos, started: Option<Nanos>, ended: Nanos) -> Sample {
        Sample { kind, outcome, intended, started, ended }
    }

    /// Two threads; 10 reads a ms on each for 4 s, of 50 µs, the first of them an error; one update that ends 1 s after the planned end.
    fn recording() -> Recording {
        let start = 7 * SECOND;
        let mut parts = Vec::new();
        for thread in 0..2 {
            let mut recorder = ThreadRecorder::new(start, 4 * SECOND).unwrap();
            for index in 0..40_000_u64 {
                let begin = start + index * MS / 10;
                let outcome = if index == 0 { Outcome::Wrong } else { Outcome::Ok };
                recorder.record_lag(10_000);
                recorder.record(&sample(OpKind::Read, outcome, begin - 10_000, Some(begin), begin + 40_000));
            }
            if thread == 0 {
                let begin = start + 3 * SECOND;
                recorder.record(&sample(OpKind::Update, Outcome::Ok, begin, None, begin + 2 * SECOND));
            }
            parts.push(recorder.finish().unwrap());
        }
        assert_eq!(parts[0].last_end(), start + 5 * SECOND);
        Recording::merge(parts, 5 * SECOND).unwrap()
    }

    #[test]
    fn nothing_is_lost_between_threads_and_intervals() {
        let recording = recording();
        let read = &recording.by_op[&OpKind::Read];
        assert_eq!((read.response.len(), read.service.len(), read.total()), (80_000, 80_000, 80_000));
        let at = |histogram: &Histogram<u64>, ns| histogram.equivalent(histogram.max(), ns) && histogram.equivalent(histogram.min(), ns);
        assert!(at(&read.response, 50_000) && at(&read.service, 40_000) && at(&recording.lag, 10_000));
        let update = &recording.by_op[&OpKind::Update];
        assert_eq!((update.response.len(), update.service.len()), (1, 0));
        assert!(at(&update.response, 2 * SECOND));
        assert_eq!((recording.issued(), recording.ops(), recording.lag.len()), (80_001, 79_999, 80_000));
        assert_eq!(recording.errors(), BTreeMap::from([("wrong".to_owned(), 2)]));
        assert_eq!(recording.total().unwrap().response.len(), 80_001);
    }

    #[test]
    fn the_series_adds_up_to_the_whole_and_its_last_interval_takes_the_tail() {
        let recording = recording();
        let lengths: Vec<f64> = recording.series.iter().map(|point| point.length_s).collect();
        assert_eq!(lengths, [1.0, 1.0, 1.0, 2.0]);
        let ops: f64 = recording.series.iter().map(|point| point.throughput_per_s * point.length_s).sum();
        let errors: f64 = recording.series.iter().map(|point| point.errors_per_s * point.length_s).sum();
        assert_eq!((ops.round(), errors.round()), (79_999.0, 2.0));
        assert_eq!(recording.series[1].throughput_per_s, 20_000.0);
        assert_eq!(recording.series[3].at_s, 5.0);
        assert_eq!(recording.series[0].p99_ns.map(|ns| ns / 1_000), Some(50));
    }

    #[test]
    fn an_interval_without_operations_shows_as_a_gap() {
        let mut recorder = ThreadRecorder::new(0, 4 * SECOND).unwrap();
        recorder.record(&sample(OpKind::Read, Outcome::Ok, 0, Some(0), 10));
        recorder.record(&sample(OpKind::Read, Outcome::Ok, 0, Some(0), 3 * SECOND));
        let recording = Recording::merge(vec![recorder.finish().unwrap()], 4 * SECOND).unwrap();
        let ops: Vec<f64> = recording.series.iter().map(|point| point.throughput_per_s).collect();
        assert_eq!(ops, [1.0, 0.0, 0.0, 1.0]);
        assert_eq!(Recording::empty().unwrap().issued(), 0);
    }

    #[test]
    fn logs_read_back_to_the_same_histograms() {
        let recording = recording();
        let base = SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(1_700_000_000_250);
        let logs: BTreeMap<String, Vec<u8>> = recording.logs(base).unwrap().into_iter().collect();
        let names: Vec<&str> = logs.keys().map(String::as_str).collect();
        assert_eq!(names, ["issue_lag.hlog", "read.response.hlog", "read.service.hlog", "update.response.hlog", "update.service.hlog"]);
        assert_eq!(read_log(&logs["read.response.hlog"]).unwrap(), recording.by_op[&OpKind::Read].response);
        assert_eq!(read_log(&logs["issue_lag.hlog"]).unwrap(), recording.lag);
        assert_eq!(read_log(&logs["update.service.hlog"]).unwrap().len(), 0);
        let text = std::str::from_utf8(&logs["read.response.hlog"]).unwrap();
        assert!(text.contains("#[StartTime: 1700000000.250 (seconds since epoch)]\n"), "{text}");
        // The compressed encoding, which other tools expect in a log, starts with this cookie.
        assert_eq!(text.lines().filter(|line| line.contains(",HISTF")).count(), 4);
    }
}

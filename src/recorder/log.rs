//! HdrHistogram interval logs, format version 1.3: what HistogramLogAnalyzer and the Java HistogramLogReader read.

use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, IntervalLogWriterBuilder, LogEntry};
use hdrhistogram::serialization::{Deserializer, V2DeflateSerializer};

use super::{RecorderError, histogram};
use crate::base::clock::Nanos;

/// Divides the maximum that stands beside each interval for people: ns to ms, as the Java writer does.
const NS_PER_MS: f64 = 1e6;

/// Writes one log. Intervals are relative to the start time of its header.
pub(super) struct LogWriter {
    bytes: Vec<u8>,
    serializer: V2DeflateSerializer,
}

impl LogWriter {
    pub(super) fn new(base: SystemTime) -> Result<Self, RecorderError> {
        let mut writer = Self { bytes: Vec::new(), serializer: V2DeflateSerializer::new() };
        // Both times: readers disagree on whether intervals count from the one or the other.
        IntervalLogWriterBuilder::new()
            .add_comment("[Histogram log format version 1.3]")
            .add_comment("latencies in ns, maxima in ms")
            .with_base_time(base)
            .with_start_time(base)
            .begin_log_with(&mut writer.bytes, &mut writer.serializer)
            .map_err(|error| RecorderError::new("begin log", error))?;
        Ok(writer)
    }

    /// Adds an interval; both times in ns, the first from the start of the measured part.
    pub(super) fn write(&mut self, start: Nanos, length: Nanos, histogram: &Histogram<u64>) -> Result<(), RecorderError> {
        let mut line = Vec::new();
        // The divisor belongs to a header; a header of its own for every line, which is then cut off.
        IntervalLogWriterBuilder::new()
            .with_max_value_divisor(NS_PER_MS)
            .begin_log_with(&mut line, &mut self.serializer)
            .map_err(|error| RecorderError::new("write log", error))?
            .write_histogram(histogram, Duration::from_nanos(start), Duration::from_nanos(length), None)
            .map_err(|error| RecorderError::new("write log", error))?;
        let header = line.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        self.bytes.extend_from_slice(&line[header..]);
        Ok(())
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// All intervals of a log added up.
///
/// # Errors
/// When the bytes are not an interval log, or a histogram of it is damaged or of another layout.
pub fn read_log(bytes: &[u8]) -> Result<Histogram<u64>, RecorderError> {
    let mut sum = histogram()?;
    let mut deserializer = Deserializer::new();
    for entry in IntervalLogIterator::new(bytes) {
        let LogEntry::Interval(interval) = entry.map_err(|error| RecorderError::new("read log", error))? else { continue };
        let packed = from_base64(interval.encoded_histogram()).ok_or_else(|| RecorderError::new("read log", "not base64"))?;
        let part: Histogram<u64> = deserializer.deserialize(&mut &packed[..]).map_err(|error| RecorderError::new("read log", error))?;
        sum.add(part).map_err(|error| RecorderError::new("merge log", error))?;
    }
    Ok(sum)
}

/// Standard base64 (RFC 4648, section 4); `None` if a character is none of its alphabet.
fn from_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for character in text.trim_end_matches('=').bytes() {
        let value = match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_has_the_vectors_of_its_standard() {
        for (text, bytes) in [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYmFy", "foobar")] {
            assert_eq!(from_base64(text).unwrap(), bytes.as_bytes());
        }
        assert_eq!(from_base64("+/8="), Some(vec![0xFB, 0xFF]));
        assert_eq!(from_base64("a b"), None);
    }

    #[test]
    fn what_is_no_log_is_refused() {
        assert!(read_log(b"not a log").is_err());
        assert!(read_log(b"0.000,1.000,0.1,HISTFAAAA\n").is_err());
    }
}

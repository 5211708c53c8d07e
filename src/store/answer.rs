//! What all drivers do alike: checks of answers, the text of the last error, waiting for background work.

use std::fmt::Display;
use std::time::Duration;

use super::StoreError;
use crate::model::data::{DataSet, fill_value, group, version_of};
use crate::model::op::Outcome;

/// How often a server's background work is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Whether `value` is what a read of `key` must give.
#[inline]
pub(super) fn row(key: u64, value: Option<&[u8]>) -> Outcome {
    match value {
        Some(value) if version_of(key, value).is_some() => Outcome::Ok,
        Some(_) => Outcome::Wrong,
        None => Outcome::Missing,
    }
}

/// A key as the stores' signed integer keeps it; keys of data sets stay below 2^63.
#[inline]
pub(super) fn signed(key: u64) -> i64 {
    key as i64
}

/// What a write that touched `rows` rows says.
#[inline]
pub(super) fn touched(rows: u64) -> Outcome {
    if rows == 0 { Outcome::Missing } else { Outcome::Ok }
}

/// Checks the rows of a scan one by one: they start at the key asked for, rise, and carry their own keys.
pub(super) struct ScanCheck {
    next: u64,
    limit: u32,
    seen: u32,
    outcome: Outcome,
}

impl ScanCheck {
    pub(super) fn new(key: u64, limit: u32) -> Self {
        Self { next: key, limit, seen: 0, outcome: Outcome::Ok }
    }

    pub(super) fn row(&mut self, key: i64, value: &[u8]) {
        let key = key as u64;
        if self.seen == 0 && key > self.next {
            self.outcome = Outcome::Missing;
        }
        if key < self.next || self.seen == self.limit || version_of(key, value).is_none() {
            self.outcome = Outcome::Wrong;
        }
        self.seen += 1;
        self.next = key.saturating_add(1);
    }

    pub(super) fn outcome(&self) -> Outcome {
        if self.seen == 0 { Outcome::Missing } else { self.outcome }
    }
}

/// The answer to an aggregate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Rows of the group.
    pub rows: i64,
    /// Bytes of their values together.
    pub bytes: i64,
    /// The largest key among them.
    pub largest_key: i64,
}

impl Summary {
    /// Appends it to `buffer`: three little-endian integers of 8 bytes.
    pub fn encode(&self, buffer: &mut Vec<u8>) {
        for number in [self.rows, self.bytes, self.largest_key] {
            buffer.extend_from_slice(&number.to_le_bytes());
        }
    }

    /// Reads what [`Summary::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; 24] = bytes.try_into().ok()?;
        let number = |index: usize| bytes[index..].first_chunk().map(|chunk| i64::from_le_bytes(*chunk));
        Some(Self { rows: number(0)?, bytes: number(8)?, largest_key: number(16)? })
    }

    /// Whether it can be the summary of the group of `key`: it is not empty, and its largest key belongs to that group.
    pub fn check(&self, key: u64, groups: u64) -> Outcome {
        if self.rows == 0 {
            Outcome::Missing
        } else if self.rows < 0 || self.bytes <= 0 || group(self.largest_key as u64, groups) != group(key, groups) {
            Outcome::Wrong
        } else {
            Outcome::Ok
        }
    }
}

/// The last error of a session. It keeps the driver's value, so that nothing is formatted on the hot path.
pub(super) enum LastError<E> {
    None,
    Text(&'static str),
    Driver(E),
}

impl<E: Display> LastError<E> {
    /// Notes that the session was asked for something that the store does not do.
    pub(super) fn unsupported(&mut self, text: &'static str) -> Outcome {
        *self = LastError::Text(text);
        Outcome::Failed
    }

    pub(super) fn text(&self) -> Option<String> {
        match self {
            LastError::None => None,
            LastError::Text(text) => Some((*text).to_owned()),
            LastError::Driver(error) => Some(error.to_string()),
        }
    }
}

/// The value of a loaded row, in `buffer`.
pub(super) fn loaded_value<'a>(data: &DataSet, key: u64, buffer: &'a mut Vec<u8>) -> &'a [u8] {
    buffer.resize(data.value.of_key(key) as usize, 0);
    fill_value(key, 0, buffer);
    buffer
}

/// Waits until `done` says so, and looks every 200 ms; `false` if `limit` passed before.
pub(super) async fn wait_until(limit: Duration, mut done: impl AsyncFnMut() -> Result<bool, StoreError>) -> Result<bool, StoreError> {
    let mut look = tokio::time::interval(LOOK_AGAIN);
    for _ in 0..=limit.as_nanos() / LOOK_AGAIN.as_nanos() {
        look.tick().await;
        if done().await? {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(key: u64) -> Vec<u8> {
        let mut value = vec![0; 20];
        fill_value(key, 3, &mut value);
        value
    }

    fn scan(key: u64, limit: u32, rows: &[u64]) -> Outcome {
        let mut check = ScanCheck::new(key, limit);
        rows.iter().for_each(|key| check.row(*key as i64, &value(*key)));
        check.outcome()
    }

    #[test]
    fn a_read_must_carry_its_key() {
        assert_eq!(row(5, Some(&value(5))), Outcome::Ok);
        assert_eq!(row(5, Some(&value(6))), Outcome::Wrong);
        assert_eq!(row(5, Some(b"short")), Outcome::Wrong);
        assert_eq!(row(5, None), Outcome::Missing);
    }

    #[test]
    fn a_scan_starts_at_its_key_and_rises() {
        assert_eq!(scan(5, 3, &[5, 6, 9]), Outcome::Ok);
        assert_eq!(scan(5, 3, &[]), Outcome::Missing);
        assert_eq!(scan(5, 3, &[6, 7]), Outcome::Missing);
        assert_eq!(scan(5, 3, &[5, 5]), Outcome::Wrong);
        assert_eq!(scan(5, 3, &[4, 5]), Outcome::Wrong);
        assert_eq!(scan(5, 1, &[5, 6]), Outcome::Wrong);
        let mut check = ScanCheck::new(5, 3);
        check.row(5, &value(6));
        assert_eq!(check.outcome(), Outcome::Wrong);
    }

    #[test]
    fn a_summary_survives_its_encoding_and_belongs_to_one_group() {
        let summary = Summary { rows: 10, bytes: 1_000, largest_key: 93 };
        let mut bytes = Vec::new();
        summary.encode(&mut bytes);
        assert_eq!(Summary::decode(&bytes), Some(summary));
        assert_eq!(Summary::decode(&bytes[1..]), None);
        assert_eq!(summary.check(3, 10), Outcome::Ok);
        assert_eq!(summary.check(4, 10), Outcome::Wrong);
        assert_eq!(Summary { rows: 0, ..summary }.check(3, 10), Outcome::Missing);
    }
}

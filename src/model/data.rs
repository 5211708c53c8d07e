//! The data set: every row is a function of its key and version, so that any answer can be checked without a copy.
//!
//! A row has a key (64 bits), a value (bytes), and optionally integer attributes `a1 … aN` and a group `grp`.
//! A value starts with its key and its version (8 bytes each, little endian); the rest is filler that does not compress.

use serde::{Deserialize, Serialize};

use super::workload::ValueSize;
use crate::base::seed::mix64;

/// Bytes at the start of a value that carry key and version.
pub const VALUE_HEADER: usize = 16;

/// Columns beside key and value, and the indexes on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Schema {
    /// Integer attributes `a1 … aN`. `a1` depends on the key alone, so that `find_by` can ask for it; the others change with every version.
    pub attributes: u8,
    /// Secondary indexes: on `a1 … aM`, so at most `attributes`.
    pub indexes: u8,
    /// Number of groups; 0 for none. The column `grp` is key modulo this number, and has an index.
    pub groups: u64,
}

/// Which rows a store holds, and how they look. Several data sets can live in one server, each in a table (or key prefix) of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DataSet {
    /// Name of the table, or prefix of the keys: letters, digits and `_`, at most 40 long.
    pub table: String,
    /// Rows loaded before the trials; keys 0 … rows − 1, all at version 0.
    pub rows: u64,
    /// Columns and indexes.
    pub schema: Schema,
    /// Size of each value; for a loaded row drawn from the key, so that loading twice gives the same rows.
    pub value: ValueSize,
}

/// Fills `buffer` with the value of `key` at `version`: the header, then filler of high entropy.
///
/// # Panics
/// If `buffer` is shorter than [`VALUE_HEADER`].
#[inline]
pub fn fill_value(key: u64, version: u64, buffer: &mut [u8]) {
    let (header, filler) = buffer.split_at_mut(VALUE_HEADER);
    header[..8].copy_from_slice(&key.to_le_bytes());
    header[8..].copy_from_slice(&version.to_le_bytes());
    let mut state = mix64(key ^ version.rotate_left(32));
    for chunk in filler.chunks_mut(8) {
        state = mix64(state);
        chunk.copy_from_slice(&state.to_le_bytes()[..chunk.len()]);
    }
}

/// What a value says of itself: `Some(version)` if it carries `key`, `None` if it belongs to another key or is too short.
/// Reads the header only; [`is_intact`] compares every byte.
#[inline]
pub fn version_of(key: u64, value: &[u8]) -> Option<u64> {
    let header: &[u8; VALUE_HEADER] = value.first_chunk()?;
    let (stored_key, version) = header.split_at(8);
    (stored_key == key.to_le_bytes()).then(|| u64::from_le_bytes(version.try_into().unwrap_or_default()))
}

/// Whether every byte of `value` is what [`fill_value`] wrote for the key and the version that it carries.
pub fn is_intact(key: u64, value: &[u8]) -> bool {
    version_of(key, value).is_some_and(|version| {
        let mut expected = vec![0; value.len()];
        fill_value(key, version, &mut expected);
        expected == value
    })
}

/// Attribute number `index` (1 for `a1`) of a row: non-negative, and unique for `a1` in practice (63 bits of a bijection).
#[inline]
pub fn attribute(key: u64, version: u64, index: u8) -> i64 {
    let version = if index <= 1 { 0 } else { version };
    (mix64(mix64(key).wrapping_add(u64::from(index)) ^ version.rotate_left(24)) >> 1) as i64
}

/// The group of a row, 0 … groups − 1.
#[inline]
pub fn group(key: u64, groups: u64) -> i64 {
    (key % groups.max(1)) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_carries_its_key_and_version() {
        let mut value = [0; 100];
        fill_value(7, 3, &mut value);
        assert_eq!(version_of(7, &value), Some(3));
        assert_eq!(version_of(8, &value), None);
        assert!(is_intact(7, &value));
        value[99] ^= 1;
        assert!(!is_intact(7, &value));
        assert_eq!(version_of(7, &value[..10]), None);
    }

    #[test]
    fn only_the_first_attribute_survives_an_update() {
        assert_eq!(attribute(5, 0, 1), attribute(5, 9, 1));
        assert_ne!(attribute(5, 0, 2), attribute(5, 9, 2));
        assert_ne!(attribute(5, 0, 1), attribute(6, 0, 1));
    }
}

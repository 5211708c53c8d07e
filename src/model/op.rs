//! Operations: the closed set that a session executes, and how each of them can end.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What an operation does. The set is closed; a store declares which kinds it executes natively.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OpKind {
    /// One row by its key.
    Read,
    /// A new row.
    Insert,
    /// A new value (and attributes) for an existing key.
    Update,
    /// A read and an update of the same key, timed as one (YCSB workload F).
    ReadModifyWrite,
    /// Removes one row by its key.
    Delete,
    /// Up to `limit` rows in key order from a key on (YCSB workload E).
    Scan,
    /// The rows whose first attribute has a given value: one row, found with or without an index.
    FindBy,
    /// Count, sum and maximum over one group of rows.
    Aggregate,
}

impl OpKind {
    /// All kinds, in the order in which reports list them.
    pub const ALL: [OpKind; 8] = [
        OpKind::Read,
        OpKind::Insert,
        OpKind::Update,
        OpKind::ReadModifyWrite,
        OpKind::Delete,
        OpKind::Scan,
        OpKind::FindBy,
        OpKind::Aggregate,
    ];

    /// The name in files and figures.
    pub const fn name(self) -> &'static str {
        match self {
            OpKind::Read => "read",
            OpKind::Insert => "insert",
            OpKind::Update => "update",
            OpKind::ReadModifyWrite => "read_modify_write",
            OpKind::Delete => "delete",
            OpKind::Scan => "scan",
            OpKind::FindBy => "find_by",
            OpKind::Aggregate => "aggregate",
        }
    }

    /// Position in [`OpKind::ALL`], for tables indexed by kind.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Whether the operation sends a value.
    pub const fn writes_value(self) -> bool {
        matches!(self, OpKind::Insert | OpKind::Update | OpKind::ReadModifyWrite)
    }

    /// Whether the operation changes which rows exist, so that a data set cannot be shared with other trials.
    pub const fn changes_row_count(self) -> bool {
        matches!(self, OpKind::Insert | OpKind::Delete)
    }
}

impl fmt::Display for OpKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

impl FromStr for OpKind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        OpKind::ALL.into_iter().find(|kind| kind.name() == text).ok_or(())
    }
}

/// One operation, made by the generator before the clock starts and executed by a session.
#[derive(Debug, Clone, Copy)]
pub struct Op<'a> {
    /// What to do.
    pub kind: OpKind,
    /// Which row; for [`OpKind::Aggregate`] any row of the group.
    pub key: u64,
    /// Version to write; a reader finds it again in the value.
    pub version: u64,
    /// Value to write, filled by [`super::data::fill_value`]; empty for operations that do not write.
    pub value: &'a [u8],
    /// Rows that a scan may return.
    pub limit: u32,
}

/// How an operation ended. Everything but `Ok` is an error sample: it has a latency and is counted, never left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The answer came and was the right one.
    Ok,
    /// A row that must exist was not found.
    Missing,
    /// The answer belonged to another key or was damaged.
    Wrong,
    /// The answer was older than an acknowledged write.
    Stale,
    /// No answer before the deadline; whether it took effect is not known.
    Timeout,
    /// The store refused: overload, read-only, not enough replicas.
    Refused,
    /// The write met a competing one.
    Conflict,
    /// The connection broke.
    Disconnected,
    /// Any other error of the store.
    Failed,
}

impl Outcome {
    /// All outcomes; `Ok` first.
    pub const ALL: [Outcome; 9] = [
        Outcome::Ok,
        Outcome::Missing,
        Outcome::Wrong,
        Outcome::Stale,
        Outcome::Timeout,
        Outcome::Refused,
        Outcome::Conflict,
        Outcome::Disconnected,
        Outcome::Failed,
    ];

    /// The name in `errors` of `results.json`.
    pub const fn name(self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::Missing => "missing",
            Outcome::Wrong => "wrong",
            Outcome::Stale => "stale",
            Outcome::Timeout => "timeout",
            Outcome::Refused => "refused",
            Outcome::Conflict => "conflict",
            Outcome::Disconnected => "disconnected",
            Outcome::Failed => "failed",
        }
    }

    /// Position in [`Outcome::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }
}

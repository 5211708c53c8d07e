//! What this machine is and can do: facts for the report, cores for client and servers, limits, and the disk's own speed.
//!
//! Probes are measurements without a store: they tell whether a figure is the store's or the machine's.

pub mod disk;
mod host;
mod limits;

pub use host::{allowed_cores, host, split, split_cores};
pub use limits::{Limits, limits};

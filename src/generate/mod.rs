//! Which operations are sent, and when: keys, sizes, mix and arrivals, drawn from a seed. Pure: no clock, no runtime, no store.
//!
//! The same seed gives the same operations: everything random comes from generators that are derived from it by name, one per concern,
//! so that a change of the mix does not change which keys are drawn.

pub mod arrivals;
pub mod keys;
pub mod source;
pub mod zipf;

pub use arrivals::Schedule;
pub use keys::{Acknowledged, KeyChooser};
pub use source::{Draw, OpSource, SourceError, SourceSetup};

//! Units, clock and seeds: what every other module may use, and nothing more.

pub mod clock;
pub mod seed;
pub mod units;

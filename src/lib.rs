//! ballpark: rules of thumb of system design, measured.
pub mod base;
pub mod engine;
pub mod generate;
pub mod model;
pub mod recorder;
pub mod store;

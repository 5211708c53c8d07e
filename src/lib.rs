//! ballpark: rules of thumb of system design, measured.
pub mod base;
pub mod model;
pub mod report;
pub mod store;

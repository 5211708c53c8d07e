//! ballpark: rules of thumb of system design, measured.
pub mod base;
pub mod model;
pub mod spec;
pub mod store;

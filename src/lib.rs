//! ballpark: rules of thumb of system design, measured.
pub mod base;
pub mod compose;
pub mod model;
pub mod probe;
pub mod store;
pub mod topology;

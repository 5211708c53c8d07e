//! Plain data that the layers hand to each other. Nothing here reads a clock, a file or a socket.

pub mod criterion;
pub mod data;
pub mod experiment;
pub mod manifest;
pub mod metric;
pub mod op;
pub mod results;
pub mod target;
pub mod topology;
pub mod trial;
pub mod workload;

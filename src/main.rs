//! The command `ballpark`.
fn main() {}

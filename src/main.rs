//! The command `ballpark`: parse, call, map the outcome to an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    ballpark::cli::main()
}

//! `report`: below the border, no store and no clock.

use std::io::IsTerminal;
use std::path::PathBuf;

use super::{Code, Ended, Failure, color, out};
use crate::model::results::Results;
use crate::report;
use crate::rundir::RunDir;
use crate::trial::analyse;

/// Writes all files of a report.
pub fn write(results: &Results, run: &RunDir) -> Result<(), Failure> {
    run.write_results(results)?;
    for artifact in report::render(results)? {
        run.write(&artifact.path, &artifact.bytes)?;
    }
    Ok(())
}

pub fn report(runs: &[PathBuf]) -> Ended {
    for path in runs {
        let run = RunDir::open(path).map_err(Failure::input)?;
        let results = analyse::analyse(&run).map_err(Failure::input)?;
        write(&results, &run)?;
        out(&report::scorecard(&results, width(), color(std::io::stdout().is_terminal())));
        eprintln!("report {}", path.join("index.html").display());
    }
    Ok(Code::Ok)
}

/// Columns of the terminal; 100 where there is none.
pub fn width() -> usize {
    if !std::io::stdout().is_terminal() {
        return 100;
    }
    rustix::termios::tcgetwinsize(std::io::stdout()).map_or(100, |size| usize::from(size.ws_col).clamp(40, 200))
}

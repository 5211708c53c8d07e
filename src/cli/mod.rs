//! The command line: arguments, one file a subcommand, progress, exit codes. The only module that prints.

#![expect(clippy::print_stderr, reason = "this is the module that prints")]

mod args;
mod catalogue;
mod machine;
mod progress;
mod report;
mod run;
mod up;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Parser;

use args::{Args, Command};

/// Exit codes of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// Everything asked for was judged.
    Ok = 0,
    /// `--strict`, and a rule was refuted.
    Refuted = 1,
    /// Bad input.
    Input = 2,
    /// A store is missing, or a topology could not start.
    Missing = 3,
    /// No valid trial.
    Invalid = 4,
    /// Interrupted; a partial result is kept.
    Interrupted = 130,
}

/// What ends a command early: an error, and its code.
pub(crate) struct Failure {
    code: Code,
    error: anyhow::Error,
}

impl Failure {
    pub(crate) fn input(error: impl Into<anyhow::Error>) -> Self {
        Self { code: Code::Input, error: error.into() }
    }

    pub(crate) fn missing(error: impl Into<anyhow::Error>) -> Self {
        Self { code: Code::Missing, error: error.into() }
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { code: Code::Missing, error: error.into() }
    }
}

pub(crate) type Ended = Result<Code, Failure>;

/// Runs the command line.
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { Code::Input as u8 } else { Code::Ok as u8 });
        }
    };
    let cancel = Arc::new(AtomicBool::new(false));
    if let Err(error) = watch_signals(&cancel) {
        eprintln!("ballpark: signals cannot be watched: {error}");
    }
    let ended = match args.command {
        Command::Quick(quick) => run::quick(quick, cancel.clone()),
        Command::Run(options) => run::run(&options, cancel.clone()),
        Command::List(list) => catalogue::list(&list),
        Command::Show { rule } => catalogue::show(&rule),
        Command::Check { files } => catalogue::check(&files),
        Command::Schema { what } => catalogue::schema(what),
        Command::Report { runs } => report::report(&runs),
        Command::Doctor { json } => machine::doctor(json),
        Command::Install { stores } => machine::install(&stores),
        Command::Up { topology, json } => up::up(&topology, json, &cancel),
        Command::Ps { json } => up::ps(json),
        Command::Down { id, all } => up::down(id.as_deref(), all),
        Command::Hold { directory, id } => up::hold(&directory, &id),
        Command::Completions { shell } => catalogue::completions(shell),
    };
    match ended {
        Ok(code) => ExitCode::from(code as u8),
        Err(Failure { code, error }) => {
            if cancel.load(Ordering::Relaxed) {
                eprintln!("ballpark: interrupted");
                return ExitCode::from(Code::Interrupted as u8);
            }
            eprintln!("ballpark: {error:#}");
            ExitCode::from(code as u8)
        }
    }
}

/// The first Ctrl-C or SIGTERM asks for an orderly end; the second does not wait for it. Servers end with the process in either case.
fn watch_signals(cancel: &Arc<AtomicBool>) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let cancel = cancel.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut terminate) = {
        let _guard = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    std::thread::Builder::new().name("ballpark-signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if cancel.swap(true, Ordering::Relaxed) {
                    #[expect(
                        clippy::exit,
                        reason = "a second Ctrl-C must work even if the orderly end hangs; nodes die with this process"
                    )]
                    std::process::exit(Code::Interrupted as i32);
                }
                eprintln!("\nballpark: ending; what is measured is kept (once more to end at once)");
            }
        });
    })?;
    Ok(())
}

/// Prints to stdout, and does not mind a reader that went away (`ballpark list | head`).
pub(crate) fn out(text: &str) {
    use std::io::Write;
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

/// A value as JSON on stdout.
pub(crate) fn out_json<T: serde::Serialize>(value: &T) -> Ended {
    out(&format!("{}\n", serde_json::to_string_pretty(value)?));
    Ok(Code::Ok)
}

/// Whether to colour what goes to a stream.
pub(crate) fn color(terminal: bool) -> bool {
    terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && std::env::var("TERM").is_ok_and(|term| term != "dumb")
}

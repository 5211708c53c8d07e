//! Progress: bars on a terminal, plain lines elsewhere. All of it goes to stderr.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::base::units::{Unit, show};
use crate::trial::Progress;

/// Shows what a run tells.
pub struct Display {
    bar: Option<ProgressBar>,
    rule: String,
    last_round: u32,
}

impl Display {
    pub fn new() -> Self {
        Self { bar: None, rule: String::new(), last_round: 0 }
    }

    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => eprintln!("{text}"),
        }
    }

    pub fn show(&mut self, event: Progress) {
        match event {
            Progress::Started { path, trials } => {
                eprintln!("run directory {}", path.display());
                if std::io::stderr().is_terminal() {
                    let style = ProgressStyle::with_template("{elapsed_precise} {bar:30} {pos}/{len} {wide_msg}");
                    let bar = ProgressBar::with_draw_target(Some(trials), ProgressDrawTarget::stderr_with_hz(10));
                    if let Ok(style) = style {
                        bar.set_style(style);
                    }
                    bar.enable_steady_tick(Duration::from_millis(500));
                    self.bar = Some(bar);
                }
            }
            Progress::Step(text) => match &self.bar {
                Some(bar) => bar.set_message(text),
                None => eprintln!("  {text}"),
            },
            Progress::Loaded { store, done, total } => {
                if let Some(bar) = &self.bar {
                    bar.set_message(format!(
                        "loading {store}: {} of {} rows",
                        show(done as f64, Unit::Count),
                        show(total as f64, Unit::Count)
                    ));
                }
            }
            Progress::Rule { id, index, count } => {
                self.line(&format!("[{index}/{count}] {id}"));
                self.rule = id;
                self.last_round = 0;
            }
            Progress::Trial { rule, variant, round, rounds, throughput_per_s, p50_ns } => {
                let p50 = p50_ns.map_or(String::new(), |p50| format!(", p50 {}", show(p50 as f64, Unit::Ns)));
                match &self.bar {
                    Some(bar) => {
                        bar.inc(1);
                        bar.set_message(format!("{rule}: {variant} {round}/{rounds} {}{p50}", show(throughput_per_s, Unit::PerSecond)));
                    }
                    None if round != self.last_round => {
                        eprintln!("  round {round} of {rounds}");
                        self.last_round = round;
                    }
                    None => {}
                }
            }
            Progress::Warning(text) => self.line(&format!("  warning: {text}")),
        }
    }

    pub fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

//! `quick` and `run`.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::anyhow;

use super::args::{Common, ProfileArg, Quick, Run};
use super::progress::Display;
use super::{Code, Ended, Failure, color, machine, out};
use crate::base::units::{Elapsed, Unit, show};
use crate::model::criterion::Verdict;
use crate::model::experiment::Profile;
use crate::model::results::Results;
use crate::model::topology::Product;
use crate::spec::Loaded;
use crate::trial::{self, Options, plan::Plan};
use crate::{probe, report, rundir, spec, store};

pub fn quick(quick: Quick, cancel: Arc<AtomicBool>) -> Ended {
    if quick.install {
        machine::install_missing(&[Product::Postgres, Product::Redis, Product::Cassandra])?;
    }
    start(&["quick".to_owned()], Profile::Quick, &quick.common, "ballpark quick", cancel)
}

pub fn run(options: &Run, cancel: Arc<AtomicBool>) -> Ended {
    let profile = options.profile.profile();
    let command = format!("ballpark run {} --profile {}", options.targets.join(" "), ProfileArg::profile(options.profile).name());
    start(&options.targets, profile, &options.common, &command, cancel)
}

fn experiments(targets: &[String], profile: Profile, common: &Common) -> Result<Loaded, Failure> {
    let sets = common.set.iter().map(|text| spec::split_set(text)).collect::<Result<Vec<_>, _>>().map_err(Failure::input)?;
    let context = spec::Context { capabilities: store::capabilities(), profile, stores: common.stores.clone(), sets };
    let sources = spec::catalogue::resolve_all(targets).map_err(Failure::input)?;
    spec::parse_all(&sources, &context).map_err(Failure::input)
}

fn start(targets: &[String], profile: Profile, common: &Common, command: &str, cancel: Arc<AtomicBool>) -> Ended {
    let loaded = experiments(targets, profile, common)?;
    let here = probe::host(std::path::Path::new("."));
    spec::check_memory(&loaded.experiments, here.memory_bytes).map_err(Failure::input)?;
    let name: String = targets[0].rsplit('/').next().unwrap_or("run").trim_end_matches(".toml").chars().take(40).collect();
    let options = Options {
        profile,
        rounds: common.trials,
        duration: common.duration,
        warmup: common.warmup,
        seed: common.seed,
        out: common.out.clone(),
        keep: common.keep,
        command: command_line(command, common),
        name,
        cancel,
    };
    let plan = trial::plan::plan(loaded, &options);
    print_plan(&plan, common.dry_run);
    if plan.memory_bytes > here.memory_bytes {
        let (needed, there) = (show(plan.memory_bytes as f64, Unit::Bytes), show(here.memory_bytes as f64, Unit::Bytes));
        let remedy = "name fewer rules, or leave a store out with --stores";
        return Err(Failure::input(anyhow!(
            "the servers of all rules need about {needed} together, and this machine has {there}: {remedy}"
        )));
    }
    if common.dry_run {
        return Ok(Code::Ok);
    }
    if plan.experiments.iter().all(|planned| planned.not_run.is_some()) {
        let reasons: Vec<&str> = plan.experiments.iter().filter_map(|planned| planned.not_run.as_deref()).collect();
        return Err(Failure::missing(anyhow!("nothing can run here: {}", reasons.first().unwrap_or(&"no rule was found"))));
    }
    let mut display = Display::new();
    let outcome = trial::run(plan, &options, &mut |event| display.show(event));
    display.finish();
    let outcome = outcome?;
    super::report::write(&outcome.results, &rundir::RunDir::open(&outcome.path)?)?;
    let terminal = std::io::stdout().is_terminal();
    out(&report::scorecard(&outcome.results, super::report::width(), color(terminal)));
    eprintln!("report {}", outcome.path.join("index.html").display());
    if outcome.interrupted {
        eprintln!("interrupted: the report is partial");
        return Ok(Code::Interrupted);
    }
    for failure in &outcome.failures {
        eprintln!("failed: {failure}");
    }
    Ok(exit_code(&outcome.results, !outcome.failures.is_empty(), common.strict))
}

/// The code of a finished run. A rule whose store is missing is `not-run`, and no failure: `quick` runs what it finds.
fn exit_code(results: &Results, failed: bool, strict: bool) -> Code {
    let trials = || results.rules.iter().flat_map(|rule| &rule.variants).flat_map(|variant| &variant.trials);
    if failed {
        Code::Missing
    } else if trials().count() > 0 && !trials().any(|trial| trial.record.valid) {
        Code::Invalid
    } else if strict && results.rules.iter().any(|rule| rule.verdict == Verdict::Refuted) {
        Code::Refuted
    } else {
        Code::Ok
    }
}

/// The command that runs the same again: only what differs from the defaults.
fn command_line(command: &str, common: &Common) -> String {
    let mut text = command.to_owned();
    let mut add = |part: String| text.push_str(&format!(" {part}"));
    if let Some(trials) = common.trials {
        add(format!("--trials {trials}"));
    }
    if let Some(duration) = common.duration {
        add(format!("--duration {}ms", duration.as_millis()));
    }
    if let Some(warmup) = common.warmup {
        add(format!("--warmup {}ms", warmup.as_millis()));
    }
    if let Some(stores) = &common.stores {
        add(format!("--stores {}", stores.join(",")));
    }
    for set in &common.set {
        add(format!("--set '{set}'"));
    }
    add(format!("--seed {}", common.seed));
    text
}

fn print_plan(plan: &Plan, dry_run: bool) {
    let mut text = String::new();
    for planned in &plan.experiments {
        let id = &planned.experiment.rule.id;
        if let Some(reason) = &planned.not_run {
            text.push_str(&format!("  {id}: not run: {reason}\n"));
            continue;
        }
        for variant in planned.variants.iter().filter(|variant| variant.not_run.is_some()) {
            text.push_str(&format!("  {id}: without {}: {}\n", variant.name, variant.not_run.as_deref().unwrap_or_default()));
        }
        if dry_run {
            text.push_str(&format!("  {id}: {} rounds\n", planned.rounds));
            for variant in planned.variants.iter().filter(|variant| variant.not_run.is_none()) {
                let shared = if variant.trials_dir.starts_with(&format!("trials/{id}/")) {
                    String::new()
                } else {
                    format!(" (trials of {})", variant.trials_dir)
                };
                text.push_str(&format!("    {}: {}; {}{shared}\n", variant.name, variant.target, variant.load));
            }
        }
    }
    let nodes: Vec<&str> = plan.topologies.iter().map(|topology| topology.name.as_str()).collect();
    let trials: usize = plan
        .experiments
        .iter()
        .filter(|planned| planned.not_run.is_none())
        .map(|planned| planned.variants.len() * planned.rounds as usize)
        .sum();
    let head = format!(
        "{}, {trials} trials at most; servers: {}; memory about {}; expected time {}\n",
        if plan.experiments.len() == 1 { "1 rule".to_owned() } else { format!("{} rules", plan.experiments.len()) },
        if nodes.is_empty() { "none".to_owned() } else { nodes.join(", ") },
        show(plan.memory_bytes as f64, Unit::Bytes),
        Elapsed(plan.expected),
    );
    if dry_run {
        out(&(head + &text));
    } else {
        eprint!("{head}{text}");
    }
}

//! Analysis: from a run directory to results. Reads no clock and no store, so it gives the same bytes again.

use std::collections::{BTreeMap, HashMap};

use hdrhistogram::Histogram;

use super::figures::figure;
use crate::base::units::{show, significant};
use crate::model::criterion::{Criterion, Verdict};
use crate::model::manifest::{Manifest, PlannedExperiment};
use crate::model::metric::Metric;
use crate::model::results::{Evidence, Judgement, PercentilePoint, Results, RuleResult, SCHEMA, TrialResult, VariantResult};
use crate::model::trial::Warning;
use crate::recorder;
use crate::rules;
use crate::rundir::{RunDir, RunDirError, StoredTrial};

/// Analyses a run.
///
/// # Errors
/// If the run directory is damaged.
pub fn analyse(run: &RunDir) -> Result<Results, RunDirError> {
    let manifest = run.manifest()?;
    let rules = manifest.experiments.iter().map(|planned| rule(run, planned)).collect::<Result<Vec<_>, _>>()?;
    let Manifest { run: info, host, stores, floor, warnings, .. } = manifest;
    Ok(Results { schema: SCHEMA, run: info, host, stores, floor, warnings, rules })
}

fn rule(run: &RunDir, planned: &PlannedExperiment) -> Result<RuleResult, RunDirError> {
    let experiment = &planned.experiment;
    let mut variants = Vec::new();
    let mut trials: HashMap<&str, Vec<StoredTrial>> = HashMap::new();
    for (variant, plan) in experiment.variants.iter().zip(&planned.variants) {
        let stored = run.trials(&plan.trials_dir)?;
        let mut result = variant_result(run, &stored)?;
        result.name.clone_from(&variant.name);
        result.title.clone_from(&variant.title);
        result.nodes.clone_from(&plan.nodes);
        result.load.clone_from(&plan.load);
        result.target.clone_from(&plan.target);
        result.trials_dir.clone_from(&plan.trials_dir);
        variants.push(result);
        trials.insert(&variant.name, stored);
    }
    let figures = |variant: &str, metric: Metric| by_round(trials.get(variant).map_or(&[], Vec::as_slice), planned.rounds, metric);
    let judgements: Vec<Judgement> = experiment.criteria.iter().map(|criterion| judge(planned, criterion, &trials, &figures)).collect();
    let headline = judgements.get(rules::headline(&judgements));
    let text = &experiment.rule;
    let warnings = gather_warnings(trials.values().flatten(), headline, experiment.criteria.first());
    let verdict = headline.map_or(Verdict::NotRun, |judgement| judgement.verdict);
    let why = match (&planned.not_run, headline) {
        (Some(reason), _) => reason.clone(),
        (None, Some(judgement)) => judgement.why.clone(),
        (None, None) => "the file states no criterion: it only compares".to_owned(),
    };
    Ok(RuleResult {
        id: text.id.clone(),
        group: text.group.clone(),
        title: text.title.clone(),
        sections: text.sections.clone(),
        claim: text.claim.clone(),
        because: text.because.clone(),
        confounders: text.confounders.clone(),
        if_refuted: text.if_refuted.clone(),
        meaning: headline.map_or(String::new(), |judgement| meaning(&text.meaning, judgement)),
        verdict,
        why,
        criterion: headline.map(|judgement| judgement.criterion.clone()),
        estimate: headline.and_then(|judgement| judgement.estimate),
        rounds: headline.map_or(0, |judgement| judgement.rounds),
        judgements,
        warnings,
        variants,
    })
}

/// The figures of rounds 1 … `rounds`, in order; `None` where a round has none.
fn by_round(trials: &[StoredTrial], rounds: u32, metric: Metric) -> Vec<Option<f64>> {
    (1..=rounds)
        .map(|round| trials.iter().find(|trial| trial.record.round == round).and_then(|trial| figure(&trial.record, metric)))
        .collect()
}

fn judge(
    planned: &PlannedExperiment,
    criterion: &Criterion,
    trials: &HashMap<&str, Vec<StoredTrial>>,
    figures: &dyn Fn(&str, Metric) -> Vec<Option<f64>>,
) -> Judgement {
    let mut judgement = rules::judge(criterion, figures);
    if judgement.verdict != Verdict::NotRun {
        return judgement;
    }
    // What the judge cannot know: why a variant has no figures.
    let reason = planned.not_run.clone().or_else(|| {
        criterion.test.variants().into_iter().find_map(|name| {
            let plan = planned.variants.iter().find(|plan| plan.name == name)?;
            let stored = trials.get(name).map_or(&[][..], Vec::as_slice);
            plan.not_run.clone().or_else(|| {
                let bound = stored.iter().all(|trial| super::figures::client_bound(&trial.record));
                let invalid = stored.iter().find_map(|trial| trial.record.invalid_why.clone());
                match (stored.is_empty(), bound, invalid) {
                    (true, ..) => Some(format!("no trial of `{name}` was finished")),
                    (_, _, Some(why)) => Some(format!("no valid trial of `{name}`: {why}")),
                    (_, true, _) => Some(format!(
                        "the client was the bottleneck in every trial of `{name}`, so its {} says nothing",
                        criterion.test.metric().title()
                    )),
                    _ => None,
                }
            })
        })
    });
    if let Some(reason) = reason {
        judgement.why = reason;
    }
    judgement.evidence = Evidence::default();
    judgement
}

fn meaning(template: &str, judgement: &Judgement) -> String {
    let Some(estimate) = judgement.estimate else { return String::new() };
    let text = |value: f64| show(value, estimate.unit);
    template.replace("{value}", &text(estimate.value)).replace("{low}", &text(estimate.low)).replace("{high}", &text(estimate.high))
}

/// Caveats of a rule: one of each kind, with the number of trials that it touches.
fn gather_warnings<'a>(
    trials: impl Iterator<Item = &'a StoredTrial>,
    headline: Option<&Judgement>,
    first: Option<&Criterion>,
) -> Vec<Warning> {
    let mut kinds: BTreeMap<String, (String, u32)> = BTreeMap::new();
    let mut total = 0;
    for trial in trials {
        total += 1;
        let invalid = trial.record.invalid_why.as_ref().map(|why| Warning::new("invalid_trial", why.clone()));
        for warning in trial.record.warnings.iter().chain(&invalid) {
            let entry = kinds.entry(warning.kind.clone()).or_insert_with(|| (warning.text.clone(), 0));
            entry.0 = entry.0.clone().min(warning.text.clone());
            entry.1 += 1;
        }
    }
    let mut warnings: Vec<Warning> =
        kinds.into_iter().map(|(kind, (text, count))| Warning::new(&kind, format!("{text} ({count} of {total} trials)"))).collect();
    if let (Some(headline), Some(first)) = (headline, first)
        && headline.criterion != *first
    {
        let text = format!("the headline could not be measured; the verdict is that of “{}”", headline.criterion.name);
        warnings.push(Warning::new("other_headline", text));
    }
    warnings
}

fn variant_result(run: &RunDir, stored: &[StoredTrial]) -> Result<VariantResult, RunDirError> {
    let bad = |error: recorder::RecorderError| RunDirError::Content { path: run.path().to_owned(), text: error.to_string() };
    let mut response = recorder::histogram().map_err(bad)?;
    let mut service = recorder::histogram().map_err(bad)?;
    let mut throughput = Vec::new();
    let mut logs: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for trial in stored.iter().filter(|trial| trial.record.valid) {
        throughput.push(trial.record.throughput_per_s);
        for (name, value) in &trial.record.figures {
            logs.entry(name.clone()).or_default().push(value.max(f64::MIN_POSITIVE).ln());
        }
        merge(run, trial, ".response.hlog", &mut response)?;
        merge(run, trial, ".service.hlog", &mut service)?;
    }
    let mean = |values: &[f64]| if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 };
    Ok(VariantResult {
        trials: stored.iter().map(|trial| TrialResult { record: trial.record.clone(), series: trial.series.clone() }).collect(),
        throughput_per_s: mean(&throughput),
        response_ns: recorder::latency(&response),
        percentiles: percentiles(&response, &service),
        figures: logs.iter().map(|(name, logs)| (name.clone(), mean(logs).exp())).collect(),
        ..VariantResult::default()
    })
}

fn merge(run: &RunDir, trial: &StoredTrial, suffix: &str, into: &mut Histogram<u64>) -> Result<(), RunDirError> {
    let content = |path: &std::path::Path, text: String| RunDirError::Content { path: path.to_owned(), text };
    for kind in trial.record.by_op.keys() {
        let path = trial.path.join(format!("{kind}{suffix}"));
        let histogram = recorder::read_log(&run.read(&path)?).map_err(|error| content(&path, error.to_string()))?;
        into.add(&histogram).map_err(|error| content(&path, error.to_string()))?;
    }
    Ok(())
}

/// Points of the curve, evenly spread on the axis of HdrHistogram (by the logarithm of what lies beyond), as far as ten samples lie beyond.
fn percentiles(response: &Histogram<u64>, service: &Histogram<u64>) -> Vec<PercentilePoint> {
    let count = response.len();
    if count < 20 {
        return Vec::new();
    }
    let supported = (count as f64 / 10.0).log10();
    let steps = (supported * 12.0).floor() as u32;
    (0..=steps)
        .map(|step| {
            let percentile = 100.0 * (1.0 - 10_f64.powf(-f64::from(step) / 12.0));
            PercentilePoint {
                percentile: significant(percentile, 6).parse().unwrap_or(percentile),
                response_ns: response.value_at_percentile(percentile),
                service_ns: service.value_at_percentile(percentile),
            }
        })
        .collect()
}

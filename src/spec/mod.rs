//! Rule files, mixes, topologies and suites: from text to [`crate::model::experiment::Experiment`].
//!
//! A file is read into a tree that knows where everything was written (`tree`); the mix, the options and the variants' changes are put
//! into it (`workload`); then it is read strictly (`fields`). So one error, the first, always names its line, also when what is wrong
//! came from another file. This module starts nothing and asks no clock; only [`catalogue::resolve`] reads files.

pub mod catalogue;
mod checks;
mod criterion;
mod error;
mod fields;
mod keys;
mod library;
pub mod schema;
mod target;
mod tree;
mod variant;
mod workload;

#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use catalogue::Source;
pub use checks::check_memory;
pub use error::{SpecError, nearest, suggest};

use crate::model::criterion::Criterion;
use crate::model::experiment::{Activity, Experiment, Profile, RuleText};
use crate::model::target::Capability;
use criterion::Read;
use fields::{Field, Fields, open};
use library::Library;
use tree::{At, Node, Table, Text, Value};
use variant::Built;

/// What decides how a file is read, beside the file.
#[derive(Debug, Clone)]
pub struct Context {
    /// The kinds of store that this program has.
    pub capabilities: Vec<&'static Capability>,
    /// Variants of other profiles are left out.
    pub profile: Profile,
    /// Variants that use another store are left out; `None` for no limit.
    pub stores: Option<Vec<String>>,
    /// `--set`: paths such as `keys.count`, `workload.keys.count`, `experiment.rounds` or `variants.NAME.workload.keys.count`, with values.
    /// They replace what `[workload]` and its mix say; what a variant or a sweep states itself stays.
    pub sets: Vec<(String, String)>,
}

/// A rule that these options leave nothing of.
#[derive(Debug, Clone, PartialEq)]
pub struct LeftOut {
    /// What it says of itself.
    pub rule: RuleText,
    /// Why nothing is left.
    pub why: SpecError,
}

/// Several files, read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Loaded {
    /// What can be measured.
    pub experiments: Vec<Experiment>,
    /// What the profile or `--stores` leaves nothing of.
    pub left_out: Vec<LeftOut>,
}

/// Context and catalogue together.
#[derive(Debug)]
struct Scope<'a> {
    library: &'a Library,
    context: &'a Context,
}

impl Scope<'_> {
    fn capability(&self, store: &str) -> Option<&'static Capability> {
        self.context.capabilities.iter().copied().find(|capability| capability.name == store)
    }
}

/// Splits the text of an option `--set KEY=VALUE`.
///
/// # Errors
/// When there is no `=`, or nothing before it.
pub fn split_set(text: &str) -> Result<(String, String), SpecError> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.trim().to_owned())),
        _ => Err(SpecError::without_line(format!("--set {text}"), "not KEY=VALUE", "write such as `--set keys.count=50k`")),
    }
}

/// Reads one rule or experiment file.
///
/// # Errors
/// The first thing that is wrong with it, or that the options leave nothing of it, or that an option changes nothing.
pub fn parse(source: &Source, context: &Context) -> Result<Experiment, SpecError> {
    let mut loaded = parse_all(std::slice::from_ref(source), context)?;
    match (loaded.experiments.pop(), loaded.left_out.pop()) {
        (Some(experiment), _) => Ok(experiment),
        (None, Some(left_out)) => Err(left_out.why),
        (None, None) => Err(SpecError::without_line(source.name.clone(), "nothing read", "")),
    }
}

/// Reads several files. Those that the profile or `--stores` leaves nothing of are set apart.
///
/// # Errors
/// The first thing that is wrong with one of them, or an option that changes nothing in any of them.
pub fn parse_all(sources: &[Source], context: &Context) -> Result<Loaded, SpecError> {
    parse_with(sources, &Scope { library: &catalogue::BUILT_IN, context })
}

fn parse_with(sources: &[Source], scope: &Scope<'_>) -> Result<Loaded, SpecError> {
    check_stores(scope)?;
    let sets: Vec<Set> = scope.context.sets.iter().map(|(key, value)| Set::new(key, value)).collect::<Result<_, _>>()?;
    let mut loaded = Loaded::default();
    let mut used = vec![false; sets.len()];
    let mut ids: Vec<(String, &str)> = Vec::new();
    for source in sources {
        let one = read(source, &sets, scope)?;
        used.iter_mut().zip(&one.used).for_each(|(all, one)| *all |= one);
        // The id names the experiment's directory in a run.
        if let Some((_, other)) = ids.iter().find(|(id, _)| *id == one.experiment.rule.id) {
            let text = format!("the id `{}` is also that of {other}", one.experiment.rule.id);
            return Err(SpecError::without_line(source.name.clone(), text, "give every rule an id of its own"));
        }
        ids.push((one.experiment.rule.id.clone(), &source.name));
        match one.empty {
            Some(why) => loaded.left_out.push(LeftOut { rule: one.experiment.rule, why }),
            None => loaded.experiments.push(one.experiment),
        }
    }
    match sets.iter().zip(used).find(|(_, used)| !used) {
        Some((set, _)) if !loaded.experiments.is_empty() => {
            let help = "its variants state this themselves, or have none; set `variants.NAME.workload.…` instead";
            Err(set.node.at.fail("this option changes nothing", help))
        }
        _ => Ok(loaded),
    }
}

fn check_stores(scope: &Scope<'_>) -> Result<(), SpecError> {
    let known: Vec<&str> = scope.context.capabilities.iter().map(|capability| capability.name).collect();
    let unknown = scope.context.stores.iter().flatten().find(|store| !known.contains(&store.as_str()));
    unknown.map_or(Ok(()), |store| {
        Err(SpecError::without_line(format!("--stores {store}"), format!("unknown store `{store}`"), suggest(store, &known)))
    })
}

/// An option `--set`, taken apart.
struct Set {
    path: Vec<String>,
    node: Node,
}

impl Set {
    fn new(key: &str, value: &str) -> Result<Self, SpecError> {
        let node = tree::parse_option(&format!("--set {key}={value}"), value);
        let mut path: Vec<String> = key.split('.').map(str::to_owned).collect();
        if path.iter().any(String::is_empty) {
            return Err(node.at.fail(format!("`{key}` is no path"), "write such as `keys.count`"));
        }
        // `keys.count` is short for `workload.keys.count`.
        if keys::WORKLOAD.contains(&path[0].as_str()) {
            path.insert(0, "workload".to_owned());
        }
        let tops = ["workload", "experiment", "variants"];
        if path.len() < 2 || !tops.contains(&path[0].as_str()) {
            let known: Vec<&str> = keys::SWEEPS.iter().map(|(path, _)| *path).chain(["trial.duration", "experiment.rounds"]).collect();
            return Err(node.at.fail(format!("nothing is called `{key}`"), suggest(key, &known)));
        }
        Ok(Self { path, node })
    }

    /// Path below its first step.
    fn steps(&self) -> Vec<&str> {
        self.path[1..].iter().map(String::as_str).collect()
    }

    fn is_in(&self, table: &Table) -> bool {
        // The name of a mix is replaced by its keys, so it cannot be found again.
        if self.path[1] == "use" {
            return true;
        }
        let entry = table.find(&self.steps());
        entry.is_some_and(|entry| Arc::ptr_eq(text_of(&entry.node.at), text_of(&self.node.at)))
    }
}

fn text_of(at: &At) -> &Arc<Text> {
    &at.of
}

struct One {
    experiment: Experiment,
    /// Why nothing is left of it, if nothing is.
    empty: Option<SpecError>,
    /// Which of the options changed something.
    used: Vec<bool>,
}

fn read(source: &Source, sets: &[Set], scope: &Scope<'_>) -> Result<One, SpecError> {
    let (node, mut root) = library::top(&source.name, &source.text)?;
    let mut used = set_outside_workload(&mut root, sets)?;
    let fields = open(&root, &node.at, "", keys::ROOT)?;
    let rule = read_rule(&fields)?;
    let rounds = match fields.get("experiment") {
        Some(field) => field.table(keys::EXPERIMENT)?.get("rounds").map(|rounds| rounds.count(1, 1000)).transpose()?,
        None => None,
    };
    let base = base_workload(&fields, sets, scope)?;
    let variants = variant::read_all(&fields.need("variants", "{ a = { target = \"null\" } }")?, &base, scope)?;
    for (set, used) in sets.iter().zip(&mut used) {
        let touches = |built: &Built| !matches!(built.variant.activity, Activity::Probe(_)) && set.is_in(&built.table);
        *used |= set.path[0] == "workload" && variants.iter().any(touches);
    }
    let read = fields.get("criterion").map_or(Ok(Vec::new()), |field| criterion::read_all(&field, &variants, scope))?;
    if let (Some(_), "") = (read.first(), rule.claim.as_str()) {
        return Err(fields.need("rule", "{ … }")?.fail_key("a rule with a criterion needs a claim", "add `claim = \"…\"` to [rule]"));
    }
    let (criteria, empty) = keep(read, &variants);
    let experiment = Experiment {
        rule,
        variants: variants.into_iter().filter(|built| built.dropped.is_none()).map(|built| built.variant).collect(),
        criteria,
        rounds: rounds.map(|rounds| rounds as u32),
        source: source.text.clone(),
        origin: source.origin.clone(),
    };
    Ok(One { experiment, empty, used })
}

/// The criteria all of whose variants are kept, and why there is nothing to do if there is not.
fn keep(read: Vec<criterion::Read>, variants: &[Built]) -> (Vec<Criterion>, Option<SpecError>) {
    let dropped = |name: &str| variants.iter().find(|built| built.variant.name == name).and_then(|built| built.dropped.as_deref());
    let mut why = None;
    if let (true, Some(first)) = (variants.iter().all(|built| built.dropped.is_some()), variants.first()) {
        let reason = first.dropped.as_deref().unwrap_or_default();
        why = Some(first.at.fail(format!("no variant is left: {reason} leaves `{}` out", first.variant.name), REMEDY));
    }
    let mut kept = Vec::new();
    let mut lost = None;
    for Read { criterion, at } in read {
        match criterion.test.variants().into_iter().find_map(|name| dropped(name).map(|reason| (name, reason))) {
            None => kept.push(criterion),
            Some((name, reason)) => {
                let text = format!("no criterion is left: {reason} leaves variant `{name}` out");
                lost = lost.or_else(|| Some(at.fail(text, REMEDY)));
            }
        }
    }
    if kept.is_empty() {
        why = why.or(lost);
    }
    (kept, why)
}

const REMEDY: &str = "choose another profile, or name its stores in --stores";

/// Applies the options that are not about `[workload]`; says of each option whether it changed something.
fn set_outside_workload(root: &mut Table, sets: &[Set]) -> Result<Vec<bool>, SpecError> {
    let mut used = Vec::with_capacity(sets.len());
    for set in sets {
        let steps: Vec<&str> = set.path.iter().map(String::as_str).collect();
        used.push(match steps.as_slice() {
            ["experiment", ..] => {
                root.put_path(&steps, &set.node)?;
                true
            }
            ["variants", name, ..] if root.find(&["variants", name]).is_some() => {
                set_variant(root, name, &steps, &set.node)?;
                true
            }
            _ => false,
        });
    }
    Ok(used)
}

fn set_variant(root: &mut Table, name: &str, steps: &[&str], node: &Node) -> Result<(), SpecError> {
    let (Some(&"workload"), rest) = (steps.get(2), steps.get(3..).unwrap_or_default()) else {
        return root.put_path(steps, node);
    };
    // What it pushes out (`load.open` for `load.closed`) is looked for in the variant's own table.
    let mut inner = match root.find(&["variants", name, "workload"]).map(|entry| &entry.node.value) {
        Some(Value::Table(inner)) => inner.clone(),
        _ => Table::default(),
    };
    workload::set(&mut inner, rest, node)?;
    root.put_path(&steps[..3], &Node { at: node.at.clone(), value: Value::Table(inner) })
}

/// `[workload]` with its mix and the options put into it, checked on its own.
fn base_workload(fields: &Fields<'_>, sets: &[Set], scope: &Scope<'_>) -> Result<Node, SpecError> {
    let given = fields.get("workload");
    let at = given.as_ref().map_or(fields.at(), |field| field.key_at).clone();
    let mut own = given.map_or(Ok(Table::default()), |field| field.raw_table().cloned())?;
    let ours = || sets.iter().filter(|set| set.path[0] == "workload");
    for set in ours().filter(|set| set.path[1] == "use") {
        own.put_path(&set.steps(), &set.node)?;
    }
    let mut table = variant::with_mix(&own, scope)?;
    for set in ours().filter(|set| set.path[1] != "use") {
        workload::set(&mut table, &set.steps(), &set.node)?;
    }
    workload::read(&table, &at)?;
    Ok(Node { at, value: Value::Table(table) })
}

fn read_rule(fields: &Fields<'_>) -> Result<RuleText, SpecError> {
    let fields = fields.need("rule", "{ id = \"…\", title = \"…\" }")?.table(keys::RULE)?;
    let id_field = fields.need("id", "\"group-name\"")?;
    let id = id_field.text()?;
    let part = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    if !id.split('-').all(part) {
        return Err(
            id_field.fail(format!("`{id}` is no id"), "expected small letters and digits with `-` between, such as cache-read-latency")
        );
    }
    let optional = |key: &str| fields.get(key).map_or(Ok(String::new()), |field| field.words());
    let list = |key: &str| fields.get(key).map_or(Ok(Vec::new()), |field| field.texts());
    let meaning = optional("meaning")?;
    if let Some(field) = fields.get("meaning") {
        check_meaning(&field, &meaning)?;
    }
    Ok(RuleText {
        id: id.to_owned(),
        group: id.split('-').next().unwrap_or(id).to_owned(),
        title: fields.need("title", "\"…\"")?.words()?,
        sections: list("sections")?,
        claim: optional("claim")?,
        because: optional("because")?,
        confounders: list("confounders")?,
        if_refuted: optional("if_refuted")?,
        meaning,
    })
}

/// Refuses places for figures that nobody fills in.
fn check_meaning(field: &Field<'_>, text: &str) -> Result<(), SpecError> {
    const FIGURES: [&str; 3] = ["value", "low", "high"];
    for rest in text.split('{').skip(1) {
        let name = rest.split('}').next().unwrap_or(rest);
        if !FIGURES.contains(&name) || !rest.contains('}') {
            return Err(field.fail(format!("unknown figure `{{{name}}}` in rule.meaning"), suggest(name, &FIGURES)));
        }
    }
    Ok(())
}

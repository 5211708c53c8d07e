//! The catalogue: the files of `workloads/`, embedded in the binary so that an installed program works anywhere. A path wins.

use std::path::Path;

use super::error::{SpecError, suggest};
use super::fields::open;
use super::keys;
use super::library::{self, File, Library, by_name, names};
use crate::model::topology::Topology;

macro_rules! files {
    ($($path:literal),* $(,)?) => {
        &[$(File { path: concat!("workloads/", $path), text: include_str!(concat!("../../workloads/", $path)) }),*]
    };
}

/// All files. A new one is one line here.
pub(super) static BUILT_IN: Library = Library {
    rules: files![
        "rules/machine/machine-disk-latency.toml",
        "rules/machine/machine-disk-throughput.toml",
        "rules/machine/machine-objects-in-memory.toml",
        "rules/capacity/capacity-core-lookup.toml",
        "rules/capacity/capacity-read-write-ratio.toml",
        "rules/storage/storage-writes-times-size.toml",
        "rules/sql/sql-nosql-lookup.toml",
        "rules/sql/sql-nosql-write.toml",
        "rules/schema/schema-index-reads.toml",
        "rules/schema/schema-index-writes.toml",
        "rules/durability/durability-fsync.toml",
        "rules/cache/cache-read-latency.toml",
        "rules/self/self-comparison.toml",
    ],
    mixes: files![
        "mixes/balanced.toml",
        "mixes/five-to-one.toml",
        "mixes/hundred-to-one.toml",
        "mixes/read-heavy.toml",
        "mixes/read-mostly.toml",
        "mixes/read-only.toml",
        "mixes/write-heavy.toml",
        "mixes/write-only.toml",
        "mixes/ycsb-a.toml",
        "mixes/ycsb-b.toml",
        "mixes/ycsb-c.toml",
        "mixes/ycsb-d.toml",
        "mixes/ycsb-e.toml",
        "mixes/ycsb-f.toml",
    ],
    topologies: files![
        "topologies/cassandra-batch.toml",
        "topologies/cassandra-single.toml",
        "topologies/postgres-single.toml",
        "topologies/redis-aof-always.toml",
        "topologies/redis-aof-everysec.toml",
        "topologies/redis-single.toml",
        "topologies/scylla-single.toml",
    ],
    suites: files![
        "suites/all.toml",
        "suites/capacity.toml",
        "suites/machine.toml",
        "suites/quick.toml",
        "suites/schema.toml",
        "suites/sql-vs-nosql.toml",
        "suites/storage.toml",
    ],
};

/// The origin of files that are embedded.
const EMBEDDED: &str = "built in";

/// A file to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// What messages call it: its path.
    pub name: String,
    /// Where it was read: its path, or `built in`.
    pub origin: String,
    /// Its text.
    pub text: String,
}

impl Source {
    fn built_in(file: &File) -> Self {
        Self { name: file.path.to_owned(), origin: EMBEDDED.to_owned(), text: file.text.to_owned() }
    }

    /// A text that was read from `path`.
    pub fn read_from(path: &str, text: String) -> Self {
        Self { name: path.to_owned(), origin: path.to_owned(), text }
    }
}

/// A suite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suite {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub about: String,
    /// Ids of its rules, in its order.
    pub rules: Vec<String>,
}

/// Ids of all rules, in the order of the catalogue.
pub fn rules() -> Vec<&'static str> {
    names(BUILT_IN.rules)
}

/// The file of a rule.
pub fn rule(id: &str) -> Option<Source> {
    by_name(BUILT_IN.rules, id).map(Source::built_in)
}

/// Group of a rule: the part of its id before the first `-`.
fn group_of(id: &str) -> &str {
    id.split('-').next().unwrap_or(id)
}

/// Names of all groups, in the order of the catalogue.
pub fn groups() -> Vec<&'static str> {
    let mut groups: Vec<&str> = Vec::new();
    for group in rules().into_iter().map(group_of) {
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    groups
}

/// The suite of a name; `None` if there is none.
pub fn suite(name: &str) -> Option<Result<Suite, SpecError>> {
    by_name(BUILT_IN.suites, name).map(|file| read_suite(file, &BUILT_IN))
}

/// All suites.
///
/// # Errors
/// When a file of the catalogue is wrong.
pub fn suites() -> Result<Vec<Suite>, SpecError> {
    BUILT_IN.suites.iter().map(|file| read_suite(file, &BUILT_IN)).collect()
}

/// Names of all mixes.
pub fn mixes() -> Vec<&'static str> {
    names(BUILT_IN.mixes)
}

/// The topology of a name.
///
/// # Errors
/// When there is none, with the nearest name; or its file is wrong.
pub fn topology(name: &str) -> Result<Topology, SpecError> {
    let unknown = || SpecError::without_line(name, "unknown topology", suggest(name, &names(BUILT_IN.topologies)));
    BUILT_IN.topology_named(name).ok_or_else(unknown)?
}

/// All topologies, each with what it is for.
///
/// # Errors
/// When a file of the catalogue is wrong.
pub fn topologies() -> Result<Vec<(Topology, String)>, SpecError> {
    BUILT_IN.topologies.iter().map(library::topology_file).collect()
}

/// The files that a word on the command line means: a rule's id, a group, a suite, or a path to a file.
///
/// # Errors
/// When nothing is called so, with the nearest name; or the file cannot be read.
pub fn resolve(target: &str) -> Result<Vec<Source>, SpecError> {
    if is_path(target) {
        let text = std::fs::read_to_string(target)
            .map_err(|error| SpecError::without_line(target, format!("cannot read the file: {error}"), "give the path of a rule file"))?;
        return Ok(vec![Source::read_from(target, text)]);
    }
    resolve_in(target, &BUILT_IN)
}

fn is_path(target: &str) -> bool {
    target.contains(['/', '\\']) || Path::new(target).extension().is_some_and(|ending| ending == "toml")
}

pub(super) fn resolve_in(target: &str, library: &Library) -> Result<Vec<Source>, SpecError> {
    if let Some(file) = by_name(library.rules, target) {
        return Ok(vec![Source::built_in(file)]);
    }
    if let Some(file) = by_name(library.suites, target) {
        let suite = read_suite(file, library)?;
        return Ok(suite.rules.iter().filter_map(|id| by_name(library.rules, id)).map(Source::built_in).collect());
    }
    let group: Vec<Source> = library.rules.iter().filter(|file| group_of(file.stem()) == target).map(Source::built_in).collect();
    if !group.is_empty() {
        return Ok(group);
    }
    let mut known: Vec<&str> = names(library.suites);
    for file in library.rules {
        known.push(file.stem());
        if !known.contains(&group_of(file.stem())) {
            known.push(group_of(file.stem()));
        }
    }
    let help = format!("{}, or the path of a TOML file", suggest(target, &known));
    Err(SpecError::without_line(target, "no rule, group or suite is called so", help))
}

/// The files that several words mean, each once.
///
/// # Errors
/// As [`resolve`].
pub fn resolve_all(targets: &[String]) -> Result<Vec<Source>, SpecError> {
    let mut all: Vec<Source> = Vec::new();
    for target in targets {
        for source in resolve(target)? {
            if !all.contains(&source) {
                all.push(source);
            }
        }
    }
    Ok(all)
}

pub(super) fn read_suite(file: &File, library: &Library) -> Result<Suite, SpecError> {
    let (node, table) = library::top(file.path, file.text)?;
    let fields = open(&table, &node.at, "", keys::SUITE_FILE)?;
    let about = fields.need("about", "\"…\"")?.words()?;
    let field = fields.need("rules", "[\"…\"]")?;
    let known = names(library.rules);
    let mut rules: Vec<String> = Vec::new();
    for item in field.list()? {
        let id = item.text()?;
        if !known.contains(&id) {
            return Err(item.fail(format!("unknown rule `{id}`"), suggest(id, &known)));
        }
        if rules.iter().any(|other| other == id) {
            return Err(item.fail(format!("rule `{id}` is listed twice"), "keep one of them"));
        }
        rules.push(id.to_owned());
    }
    if rules.is_empty() {
        return Err(field.fail("the suite has no rules", "name one or more"));
    }
    Ok(Suite { name: file.stem().to_owned(), about, rules })
}

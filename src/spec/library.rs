//! Mixes and topologies by name: the files that other files refer to.

use std::collections::BTreeMap;

use super::error::{SpecError, suggest};
use super::fields::{Field, Fields, open};
use super::keys;
use super::tree::{Node, Table, Value, parse};
use crate::model::topology::{NodeSpec, Product, Topology};

const MIB: u64 = 1 << 20;

/// A file of the catalogue: its path from the top of the repository, and its text.
#[derive(Debug, Clone, Copy)]
pub struct File {
    /// Such as `workloads/rules/cache/cache-read-latency.toml`.
    pub path: &'static str,
    /// Its text.
    pub text: &'static str,
}

impl File {
    /// Name of the file without directory and ending.
    pub fn stem(&self) -> &'static str {
        let name = self.path.rsplit('/').next().unwrap_or(self.path);
        name.strip_suffix(".toml").unwrap_or(name)
    }
}

/// Files by kind.
#[derive(Debug, Clone, Copy)]
pub struct Library {
    /// Rules.
    pub rules: &'static [File],
    /// Mixes.
    pub mixes: &'static [File],
    /// Topologies.
    pub topologies: &'static [File],
    /// Suites.
    pub suites: &'static [File],
}

/// The file of a name, or `None`.
pub fn by_name(files: &'static [File], name: &str) -> Option<&'static File> {
    files.iter().find(|file| file.stem() == name)
}

/// The names of files.
pub fn names(files: &'static [File]) -> Vec<&'static str> {
    files.iter().map(File::stem).collect()
}

/// Parses a file and gives its top table.
///
/// # Errors
/// When it is no TOML.
pub fn top(name: &str, text: &str) -> Result<(Node, Table), SpecError> {
    let node = parse(name, text)?;
    let table = match &node.value {
        Value::Table(table) => table.clone(),
        _ => Table::default(),
    };
    Ok((node, table))
}

impl Library {
    /// The `[workload]` of the mix that `field` names.
    ///
    /// # Errors
    /// When there is no such mix, or its file is wrong.
    pub fn mix(&self, field: &Field<'_>) -> Result<Table, SpecError> {
        let name = field.text()?;
        let file =
            by_name(self.mixes, name).ok_or_else(|| field.fail(format!("unknown mix `{name}`"), suggest(name, &names(self.mixes))))?;
        mix_file(file)
    }

    /// The topology that `field` names.
    ///
    /// # Errors
    /// When there is no such topology, or its file is wrong.
    pub fn topology(&self, field: &Field<'_>) -> Result<Topology, SpecError> {
        let name = field.text()?;
        self.topology_named(name).ok_or_else(|| field.fail(format!("unknown topology `{name}`"), suggest(name, &names(self.topologies))))?
    }

    /// The topology of a name; `None` if there is none.
    pub fn topology_named(&self, name: &str) -> Option<Result<Topology, SpecError>> {
        by_name(self.topologies, name).map(|file| topology_file(file).map(|(topology, _)| topology))
    }
}

/// Reads a mix: its workload.
///
/// # Errors
/// When the file is wrong.
pub fn mix_file(file: &File) -> Result<Table, SpecError> {
    let (node, table) = top(file.path, file.text)?;
    let fields = open(&table, &node.at, "", keys::MIX_FILE)?;
    fields.need("about", "\"…\"")?.words()?;
    let workload = fields.need("workload", "{ mix = { read = 1 } }")?;
    let inner = workload.raw_table()?;
    if let Some(nested) = inner.get("use") {
        return Err(nested.at.fail("a mix cannot use another one", "write its keys here"));
    }
    super::workload::read(inner, &workload.node.at)?;
    Ok(inner.clone())
}

/// Reads a topology and what it is for.
///
/// # Errors
/// When the file is wrong.
pub fn topology_file(file: &File) -> Result<(Topology, String), SpecError> {
    let (node, table) = top(file.path, file.text)?;
    let fields = open(&table, &node.at, "", keys::TOPOLOGY_FILE)?;
    let about = fields.need("about", "\"…\"")?.words()?;
    let nodes = read_nodes(&fields.need("nodes", "{ main = { product = \"redis\" } }")?)?;
    Ok((Topology { name: file.stem().to_owned(), nodes }, about))
}

/// A topology in place, called `name` if it changes anything, or by name.
///
/// # Errors
/// When it is wrong.
pub fn read_topology(field: &Field<'_>, name: &str, library: &Library) -> Result<Topology, SpecError> {
    if let Value::Text(_) = field.node.value {
        return library.topology(field);
    }
    if !matches!(field.node.value, Value::Table(_)) {
        return Err(field.wrong_type("the name of a topology, or a table with `use` or `nodes`"));
    }
    let fields = field.table(keys::TOPOLOGY)?;
    let (kind, inner) = fields.one_of(&["use", "nodes"])?;
    if kind == "nodes" {
        fields.alone("nodes", &["settings"])?;
        return Ok(Topology { name: name.to_owned(), nodes: read_nodes(&inner)? });
    }
    let mut topology = library.topology(&inner)?;
    let settings = fields.get("settings").map_or(Ok(BTreeMap::new()), |settings| read_settings(&settings))?;
    if !settings.is_empty() {
        name.clone_into(&mut topology.name);
    }
    topology.nodes.iter_mut().for_each(|node| node.settings.extend(settings.clone()));
    Ok(topology)
}

fn read_nodes(field: &Field<'_>) -> Result<Vec<NodeSpec>, SpecError> {
    let fields = field.any_table()?;
    if fields.is_empty() {
        return Err(fields.fail("`nodes` is empty", "add `main = { product = \"redis\" }`"));
    }
    fields.iter().map(|(name, node)| read_node(name, &node)).collect()
}

fn read_node(name: &str, field: &Field<'_>) -> Result<NodeSpec, SpecError> {
    check_name(name, field)?;
    let fields: Fields<'_> = field.table(keys::NODE)?;
    let product = fields.need("product", "\"redis\"")?.choice(&Product::ALL.map(|product| (product.name(), product)))?;
    Ok(NodeSpec {
        name: name.to_owned(),
        product,
        settings: fields.get("settings").map_or(Ok(BTreeMap::new()), |settings| read_settings(&settings))?,
        cpu_quota: fields.get("cpu_quota").map(|quota| quota.positive()).transpose()?,
        memory_bytes: fields.get("memory").map_or(Ok(default_memory(product)), |memory| memory.bytes(MIB, u64::MAX))?,
    })
}

/// Memory that a node of a product needs, if nothing is said, in bytes.
pub const fn default_memory(product: Product) -> u64 {
    match product {
        Product::Postgres => 384 * MIB,
        Product::Redis => 256 * MIB,
        Product::Cassandra | Product::Scylla => 1536 * MIB,
    }
}

fn read_settings(field: &Field<'_>) -> Result<BTreeMap<String, String>, SpecError> {
    let one = |(key, field): (&str, Field<'_>)| match &field.node.value {
        Value::Text(text) => Ok((key.to_owned(), text.clone())),
        Value::Integer(number) => Ok((key.to_owned(), number.to_string())),
        _ => Err(field.wrong_type("a text, as the server itself spells it: \"on\", \"yes\", \"64MB\"")),
    };
    field.any_table()?.iter().map(one).collect()
}

/// Refuses a name that could not be part of a path or of a table in a report.
///
/// # Errors
/// When it is one.
pub fn check_name(name: &str, field: &Field<'_>) -> Result<(), SpecError> {
    let good = !name.is_empty()
        && name.len() <= 60
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    let help = "expected letters, digits, `-`, `_` and `.`, beginning with a letter or digit, at most 60";
    if good { Ok(()) } else { Err(field.fail_key(format!("`{name}` is no name"), help)) }
}

//! Targets: a store, or a cache in front of one, with their servers.

use std::collections::BTreeMap;

use super::Scope;
use super::error::{SpecError, suggest};
use super::fields::Field;
use super::keys;
use super::library::{names, read_topology};
use super::tree::Value;
use crate::model::target::{CachePattern, Capability, Target};
use crate::model::topology::Topology;

/// Reads a target.
///
/// # Errors
/// When it is wrong, or names a store, topology or setting that does not exist.
pub fn read(field: &Field<'_>, topology: Option<&Field<'_>>, name: &str, scope: &Scope<'_>) -> Result<Target, SpecError> {
    match &field.node.value {
        Value::Text(_) => read_store(field, None, topology, name, scope),
        Value::Table(table) if table.get("cache").is_some() || table.get("near").is_some() => {
            if let Some(topology) = topology {
                let help = "put it into near and far: `near = { store = \"redis\", topology = … }`";
                return Err(topology.fail_key("a cache has no topology of its own", help));
            }
            read_cache(field, name, scope)
        }
        Value::Table(_) => {
            let fields = field.table(keys::STORE)?;
            let store = fields.need("store", "\"postgres\"")?;
            let inner = fields.get("topology");
            if let (Some(inner), Some(outer)) = (&inner, topology) {
                let mut error = inner.fail_key("`topology` is given twice", "keep one of them");
                if outer.key_at.offset > inner.key_at.offset {
                    error = outer.fail_key("`topology` is given twice", "keep one of them");
                }
                return Err(error);
            }
            read_store(&store, fields.get("set").as_ref(), inner.as_ref().or(topology), name, scope)
        }
        _ => Err(field.wrong_type("the name of a store, or a table with `store` or `cache`")),
    }
}

fn read_cache(field: &Field<'_>, name: &str, scope: &Scope<'_>) -> Result<Target, SpecError> {
    let fields = field.table(keys::CACHE)?;
    let pattern = fields.need("cache", "\"aside\"")?.choice(&[("aside", CachePattern::Aside)])?;
    let ttl = fields.get("ttl").map(|ttl| ttl.duration()).transpose()?;
    let near = read(&fields.need("near", "\"redis\"")?, None, &format!("{name}-near"), scope)?;
    let far = read(&fields.need("far", "\"postgres\"")?, None, &format!("{name}-far"), scope)?;
    Ok(Target::Cache { pattern, ttl, near: Box::new(near), far: Box::new(far) })
}

fn read_store(
    store: &Field<'_>,
    set: Option<&Field<'_>>,
    topology: Option<&Field<'_>>,
    name: &str,
    scope: &Scope<'_>,
) -> Result<Target, SpecError> {
    let word = store.text()?;
    let capability = scope.capability(word).ok_or_else(|| {
        let known: Vec<&str> = scope.context.capabilities.iter().map(|capability| capability.name).collect();
        store.fail(format!("unknown store `{word}`"), suggest(word, &known))
    })?;
    let set = set.map_or(Ok(BTreeMap::new()), |set| read_set(set, capability))?;
    let topology = match topology {
        Some(field) if capability.products.is_empty() => {
            return Err(field.fail_key(format!("`{word}` has no servers"), "leave `topology` out"));
        }
        Some(field) => Some(speaks(read_topology(field, name, scope.library)?, capability, field)?),
        None if capability.products.is_empty() => None,
        None => Some(default_topology(store, capability, scope)?),
    };
    Ok(Target::Store { store: word.to_owned(), topology, set })
}

fn default_topology(store: &Field<'_>, capability: &Capability, scope: &Scope<'_>) -> Result<Topology, SpecError> {
    let product = if capability.name == "cql" { "cassandra" } else { capability.name };
    let name = format!("{product}-single");
    scope.library.topology_named(&name).ok_or_else(|| {
        let help = format!("give a topology; {}", suggest(&name, &names(scope.library.topologies)));
        store.fail(format!("`{}` needs servers, and there is no topology `{name}`", capability.name), help)
    })?
}

/// Refuses nodes whose product does not speak what the store speaks.
fn speaks(topology: Topology, capability: &Capability, field: &Field<'_>) -> Result<Topology, SpecError> {
    match topology.nodes.iter().find(|node| !capability.products.contains(&node.product)) {
        Some(node) => {
            let products = capability.products.iter().map(|product| product.name()).collect::<Vec<_>>().join(" or ");
            let text = format!("node `{}` of this topology runs {}, which does not speak `{}`", node.name, node.product, capability.name);
            Err(field.fail(text, format!("expected {products}")))
        }
        None => Ok(topology),
    }
}

fn read_set(field: &Field<'_>, capability: &Capability) -> Result<BTreeMap<String, String>, SpecError> {
    let known: Vec<&str> = capability.settings.iter().map(|setting| setting.name).collect();
    let one = |(key, value): (&str, Field<'_>)| {
        let setting = capability
            .settings
            .iter()
            .find(|setting| setting.name == key)
            .ok_or_else(|| value.fail_key(format!("unknown setting `{key}` of {}", capability.name), suggest(key, &known)))?;
        let text = value.text()?;
        if setting.values.is_empty() || setting.values.contains(&text) {
            return Ok((key.to_owned(), text.to_owned()));
        }
        Err(value.fail(format!("unknown {key} `{text}` of {}", capability.name), suggest(text, setting.values)))
    };
    field.any_table()?.iter().map(one).collect()
}

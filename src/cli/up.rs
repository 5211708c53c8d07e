//! `up`, `ps`, `down`: servers to look at by hand.

use std::sync::atomic::AtomicBool;

use anyhow::anyhow;

use super::{Code, Ended, Failure, out, out_json};
use crate::base::units::{Unit, show};
use crate::model::topology::{Endpoint, Product, Topology};
use crate::spec;
use crate::topology::keeper::{self, Kept};

/// How a person connects to a node.
fn connect(product: Product, endpoint: &Endpoint) -> String {
    let Endpoint { host, port, .. } = endpoint;
    match product {
        Product::Postgres => format!("psql -h {host} -p {port} -U postgres postgres"),
        Product::Redis => format!("redis-cli -h {host} -p {port}"),
        Product::Cassandra | Product::Scylla => format!("cqlsh {host} {port}"),
    }
}

fn lines(kept: &Kept) -> String {
    let mut text = String::new();
    for (node, endpoint) in kept.topology.nodes.iter().zip(&kept.endpoints) {
        text.push_str(&format!("{}  {}  {}:{}  {}\n", kept.id, node.product, endpoint.host, endpoint.port, connect(node.product, endpoint)));
    }
    text
}

pub fn up(name: &str, json: bool) -> Ended {
    let topology: Topology = spec::topology(name).map_err(Failure::input)?;
    eprintln!("starting {name}: about {} of memory", show(topology.nodes.iter().map(|node| node.memory_bytes).sum::<u64>() as f64, Unit::Bytes));
    let arguments = |spec: &str| vec!["hold".to_owned(), spec.to_owned()];
    let kept = keeper::start(&topology, &arguments)?;
    if json {
        return out_json(&kept);
    }
    out(&lines(&kept));
    eprintln!("`ballpark down {}` ends it", kept.id);
    Ok(Code::Ok)
}

pub fn ps(json: bool) -> Ended {
    let all = keeper::list()?;
    if json {
        return out_json(&all);
    }
    for kept in &all {
        out(&lines(kept));
    }
    if all.is_empty() {
        eprintln!("nothing is running; `ballpark up TOPOLOGY` starts servers");
    }
    Ok(Code::Ok)
}

pub fn down(id: Option<&str>, all: bool) -> Ended {
    let running = keeper::list()?;
    let chosen: Vec<&Kept> = running.iter().filter(|kept| all || Some(kept.id.as_str()) == id).collect();
    if chosen.is_empty() && !all {
        let ids: Vec<&str> = running.iter().map(|kept| kept.id.as_str()).collect();
        return Err(Failure::input(anyhow!("nothing called {} is running; there is {}", id.unwrap_or_default(), if ids.is_empty() { "nothing".to_owned() } else { ids.join(", ") })));
    }
    for kept in chosen {
        keeper::stop(&kept.id)?;
        eprintln!("ended {}", kept.id);
    }
    Ok(Code::Ok)
}

/// The body of the keeper's process.
pub fn hold(spec: &str, cancel: &AtomicBool) -> Ended {
    keeper::hold(spec, cancel)?;
    Ok(Code::Ok)
}


//! `up`, `ps`, `down`: servers to look at by hand.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use anyhow::anyhow;

use super::{Code, Ended, Failure, out, out_json};
use crate::base::units::{Unit, show};
use crate::model::topology::{Endpoint, Product, Topology};
use crate::topology::keeper::{self, State};
use crate::{probe, spec};

/// How a person connects to a node.
fn connect(product: Product, endpoint: &Endpoint) -> String {
    let Endpoint { host, port, .. } = endpoint;
    match product {
        Product::Postgres => format!("psql -h {host} -p {port} -U postgres postgres"),
        Product::Redis => format!("redis-cli -h {host} -p {port}"),
        Product::Cassandra | Product::Scylla => format!("cqlsh {host} {port}"),
    }
}

fn lines(kept: &State) -> String {
    let mut text = String::new();
    for (node, endpoint) in kept.topology.nodes.iter().zip(&kept.endpoints) {
        text.push_str(&format!(
            "{}  {}  {}:{}  {}\n",
            kept.id,
            node.product,
            endpoint.host,
            endpoint.port,
            connect(node.product, endpoint)
        ));
    }
    text
}

pub fn up(name: &str, json: bool, cancel: &AtomicBool) -> Ended {
    let topology: Topology = spec::catalogue::topology(name).map_err(Failure::input)?;
    eprintln!(
        "starting {name}: about {} of memory",
        show(topology.nodes.iter().map(|node| node.memory_bytes).sum::<u64>() as f64, Unit::Bytes)
    );
    let (_, servers) = probe::split_cores();
    let kept = keeper::start(&keeper::state_dir(), &topology, Some(servers), &["hold".into()], cancel)?;
    for note in &kept.notes {
        eprintln!("{note}");
    }
    if json {
        return out_json(&kept);
    }
    out(&lines(&kept));
    eprintln!("`ballpark down {}` ends it", kept.id);
    Ok(Code::Ok)
}

pub fn ps(json: bool) -> Ended {
    let all = keeper::list(&keeper::state_dir())?;
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
    let running = keeper::list(&keeper::state_dir())?;
    let chosen: Vec<&State> = running.iter().filter(|kept| all || Some(kept.id.as_str()) == id).collect();
    if chosen.is_empty() && !all {
        let ids: Vec<&str> = running.iter().map(|kept| kept.id.as_str()).collect();
        return Err(Failure::input(anyhow!(
            "nothing called {} is running; there is {}",
            id.unwrap_or_default(),
            if ids.is_empty() { "nothing".to_owned() } else { ids.join(", ") }
        )));
    }
    for kept in chosen {
        keeper::stop(&keeper::state_dir(), &kept.id)?;
        eprintln!("ended {}", kept.id);
    }
    Ok(Code::Ok)
}

/// The body of the keeper's process.
pub fn hold(directory: &Path, id: &str) -> Ended {
    keeper::hold(directory, id)?;
    Ok(Code::Ok)
}

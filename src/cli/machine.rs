//! `doctor` and `install`.

use anyhow::anyhow;

use super::{Code, Ended, Failure, out, out_json};
use crate::base::units::{Unit, show};
use crate::model::results::HostInfo;
use crate::model::topology::Product;
use crate::probe;
use crate::topology::{self, Found};

#[derive(serde::Serialize)]
struct Diagnosis {
    host: HostInfo,
    stores: Vec<FoundStore>,
    advice: Vec<String>,
}

#[derive(serde::Serialize)]
struct FoundStore {
    product: Product,
    title: &'static str,
    found: bool,
    version: String,
    path: String,
    how: String,
}

pub fn doctor(json: bool) -> Ended {
    let here = std::env::current_dir()?;
    let (client_cores, server_cores) = probe::split_cores();
    let host = HostInfo { client_cores, server_cores, cgroup: topology::cgroup_kind().to_string(), ..probe::host(&here) };
    let stores: Vec<FoundStore> = Product::ALL
        .into_iter()
        .map(|product| {
            let title = product.title();
            match topology::find(product) {
                Found::Available { path, version } => {
                    FoundStore { product, title, found: true, version, path: path.display().to_string(), how: String::new() }
                }
                Found::Missing { how } => FoundStore { product, title, found: false, version: String::new(), path: String::new(), how },
            }
        })
        .collect();
    let diagnosis = Diagnosis { advice: advice(&host), host, stores };
    if json {
        return out_json(&diagnosis);
    }
    let host = &diagnosis.host;
    let cores = |cores: &[u32]| cores.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    let mut text = String::new();
    let mut row = |name: &str, value: String| text.push_str(&format!("{name:<24}{value}\n"));
    row("cpu", host.cpu.clone());
    row("cores", format!("{} (client {}, servers {})", host.cores, cores(&host.client_cores), cores(&host.server_cores)));
    row("memory", show(host.memory_bytes as f64, Unit::Bytes));
    row("system", format!("{}, {}", host.os, host.kernel));
    row("accounting", if host.cgroup == "none" { "by /proc: no cgroup is writable".to_owned() } else { format!("cgroup {}", host.cgroup) });
    row("disk", host.disk.clone());
    for (name, value) in &host.facts {
        row(name, value.clone());
    }
    for store in &diagnosis.stores {
        let state = if store.found { format!("{} at {}", store.version, store.path) } else { format!("missing: {}", store.how) };
        row(store.title, state);
    }
    row("SQLite", "built in".to_owned());
    for advice in &diagnosis.advice {
        text.push_str(&format!("to mend: {advice}\n"));
    }
    out(&text);
    Ok(Code::Ok)
}

pub fn install(stores: &[String]) -> Ended {
    let all = [Product::Postgres, Product::Redis, Product::Cassandra];
    let wanted = stores
        .iter()
        .map(|name| {
            all.into_iter().find(|product| product.name() == name).ok_or_else(|| anyhow!("{name} is none of postgres, redis, cassandra"))
        })
        .collect::<Result<Vec<_>, _>>()
        .map_err(Failure::input)?;
    install_missing(if wanted.is_empty() { &all } else { &wanted })?;
    Ok(Code::Ok)
}

/// Says what it will install, and installs it. Nothing happens where nothing is missing.
pub fn install_missing(products: &[Product]) -> Result<(), Failure> {
    let missing: Vec<Product> =
        products.iter().copied().filter(|product| matches!(topology::find(*product), Found::Missing { .. })).collect();
    if missing.is_empty() {
        eprintln!("nothing to install: {} found", products.iter().map(|product| product.title()).collect::<Vec<_>>().join(", "));
        return Ok(());
    }
    let steps = topology::install_plan(&missing);
    eprintln!("to install:");
    for step in &steps {
        eprintln!("  {}: {}", step.what, step.command.join(" "));
    }
    topology::install(&steps, &mut |progress| match progress {
        topology::Progress::Step(step) => eprintln!("{}", step.what),
        topology::Progress::Line(line) => eprintln!("  {line}"),
    })?;
    Ok(())
}

/// What could be mended, with the command.
fn advice(host: &HostInfo) -> Vec<String> {
    let limits = probe::limits();
    let mut advice = Vec::new();
    if host.cores < 2 {
        advice.push("one core: client and servers share it, and every capacity is that of both together".to_owned());
    }
    if limits.open_files.is_some_and(|files| files < 4096) {
        advice.push("few open files are allowed; raise it with `ulimit -n 65536`".to_owned());
    }
    if limits.swap_bytes.is_some_and(|bytes| bytes > 0) {
        advice.push("swap is on: a server that swaps measures the disk; `swapoff -a` while measuring".to_owned());
    }
    if !host.governor.is_empty() && host.governor != "performance" && host.governor != "unknown" {
        advice.push(format!("the frequency governor is {}; `cpupower frequency-set -g performance` steadies figures", host.governor));
    }
    if limits.memory_available_bytes.is_some_and(|bytes| bytes < 3 << 30) {
        advice.push("less than 3 GB of memory is free; Cassandra will not fit beside the others".to_owned());
    }
    advice
}

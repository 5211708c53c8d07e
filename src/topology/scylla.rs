//! ScyllaDB as a child process, where its makers' package is installed.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use super::error::TopologyError;
use super::node::{Context, Plan, Stop, overlay};
use super::place;
use super::ready::Protocol;

/// The stated settings of scylla.yaml. What a topology file sets wins.
const DEFAULTS: &[(&str, &str)] = &[
    ("cluster_name", "ballpark"),
    ("endpoint_snitch", "SimpleSnitch"),
    ("commitlog_sync", "periodic"),
    ("commitlog_sync_period_in_ms", "10000"),
    ("auto_snapshot", "false"),
    ("developer_mode", "true"),
];

/// Least memory that ScyllaDB starts with.
const LEAST_MEMORY: u64 = 512 * 1024 * 1024;

/// Prepares a node: directory, configuration, command. One shard for each core that it may use, at least one.
pub(super) fn prepare(context: &Context, scylla: &Path, port: u16) -> Result<Plan, TopologyError> {
    let (dir, note) = place::node_dir(context.data_root, context.name, context.keep_data, None)?;
    let data = dir.join("data");
    place::make_dir(&data, None)?;
    let storage = place::free_port(&[context.host]).unwrap_or(7000);
    let api = place::free_port(&[context.host]).unwrap_or(10_000);
    let mut settings = overlay(DEFAULTS, &context.spec.settings);
    let own = [
        ("listen_address", context.host.to_string()),
        ("rpc_address", context.host.to_string()),
        ("api_address", context.host.to_string()),
        ("api_port", api.to_string()),
        ("prometheus_port", "0".to_owned()),
        ("storage_port", storage.to_string()),
        ("native_transport_port", port.to_string()),
        ("workdir", data.display().to_string()),
    ];
    settings.extend(own.map(|(key, value)| (key.to_owned(), value)));
    let mut yaml: String = settings.iter().map(|(key, value)| format!("{key}: {value}\n")).collect();
    yaml.push_str("seed_provider:\n  - class_name: org.apache.cassandra.locator.SimpleSeedProvider\n");
    yaml.push_str(&format!("    parameters: [{{seeds: \"{}\"}}]\n", context.host));
    let file = dir.join("scylla.yaml");
    fs::write(&file, yaml).map_err(TopologyError::io("write", &file))?;
    let shards = context.cores.map_or(1, <[u32]>::len).max(1).to_string();
    let memory = context.spec.memory_bytes.max(LEAST_MEMORY).to_string();
    let mut args = vec![OsString::from("--options-file"), file.into()];
    let flags =
        ["--smp", &shards, "--memory", &memory, "--overprovisioned", "--skip-wait-for-gossip-to-settle", "0", "--ring-delay-ms", "0"];
    args.extend(flags.map(OsString::from));
    Ok(Plan {
        program: scylla.to_owned(),
        args,
        env: Vec::new(),
        user: None,
        dir,
        data_dir: data,
        spare_dir: None,
        socket_dir: None,
        host: context.host,
        port,
        settings,
        protocol: Protocol::Cql,
        stop: Stop::Term,
        notes: note.into_iter().collect(),
        template: None,
    })
}

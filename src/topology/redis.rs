//! Redis as a child process: no persistence unless a topology asks for it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::error::TopologyError;
use super::node::{Context, Plan, Stop, overlay};
use super::place;
use super::ready::Protocol;

/// The stated settings. What a topology file sets wins.
const DEFAULTS: &[(&str, &str)] = &[
    ("save", ""),
    ("appendonly", "no"),
    ("appendfsync", "everysec"),
    ("maxmemory", "0"),
    ("maxclients", "4096"),
    ("protected-mode", "no"),
    ("tcp-backlog", "511"),
    ("timeout", "0"),
    ("io-threads", "1"),
    ("hz", "10"),
];

/// A line of redis.conf. Values of several words stay several arguments (`save 3600 1`), unless a quote keeps them together.
fn line(key: &str, value: &str) -> String {
    let together = value.is_empty() || (matches!(key, "dir" | "unixsocket" | "dbfilename") && value.contains(' '));
    if together { format!("{key} \"{}\"\n", value.replace('\\', "\\\\").replace('"', "\\\"")) } else { format!("{key} {value}\n") }
}

fn config(settings: &BTreeMap<String, String>) -> String {
    settings.iter().map(|(key, value)| line(key, value)).collect()
}

/// Prepares a node: directory, configuration, command.
pub(super) fn prepare(context: &Context, redis: &Path, port: u16) -> Result<Plan, TopologyError> {
    let (dir, note) = place::node_dir(context.data_root, context.name, context.keep_data, None)?;
    let data = dir.join("data");
    place::make_dir(&data, None)?;
    let mut settings = overlay(DEFAULTS, &context.spec.settings);
    let own = [
        ("bind", context.host.to_string()),
        ("port", port.to_string()),
        ("dir", data.display().to_string()),
        ("daemonize", "no".to_owned()),
        ("logfile", String::new()),
    ];
    settings.extend(own.map(|(key, value)| (key.to_owned(), value)));
    let file = dir.join("redis.conf");
    fs::write(&file, config(&settings)).map_err(TopologyError::io("write", &file))?;
    Ok(Plan {
        program: redis.to_owned(),
        args: vec![file.into()],
        env: Vec::new(),
        user: None,
        dir,
        data_dir: data,
        spare_dir: None,
        socket_dir: None,
        host: context.host,
        port,
        settings,
        protocol: Protocol::Redis,
        stop: Stop::Term,
        notes: note.into_iter().collect(),
        template: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_value_is_quoted_and_a_list_is_not() {
        assert_eq!(line("save", ""), "save \"\"\n");
        assert_eq!(line("save", "3600 1 300 100"), "save 3600 1 300 100\n");
        assert_eq!(line("dir", "/a b"), "dir \"/a b\"\n");
        assert_eq!(line("appendonly", "yes"), "appendonly yes\n");
    }
}

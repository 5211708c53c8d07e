//! PostgreSQL as a child process: settings that are all stated, and a data directory copied from one that was initialised once.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::error::TopologyError;
use super::find::in_path;
use super::node::{Context, Plan, Stop, overlay};
use super::process::{self, User};
use super::ready::Protocol;
use super::{place, process::printed};

/// The stated settings. What a topology file sets wins.
const DEFAULTS: &[(&str, &str)] = &[
    ("fsync", "on"),
    ("synchronous_commit", "on"),
    ("full_page_writes", "on"),
    ("shared_buffers", "256MB"),
    ("max_connections", "200"),
    ("max_wal_size", "4GB"),
    ("checkpoint_timeout", "15min"),
    ("autovacuum", "on"),
    ("wal_level", "replica"),
    ("huge_pages", "off"),
    ("shared_memory_type", "mmap"),
    ("dynamic_shared_memory_type", "posix"),
    ("jit", "off"),
    ("log_checkpoints", "off"),
    ("log_autovacuum_min_duration", "-1"),
    ("log_min_messages", "warning"),
    ("logging_collector", "off"),
    ("ssl", "off"),
];

/// Longest directory of a socket: its path with `/.s.PGSQL.65535` must stay below 108 bytes.
const SOCKET_DIR_LIMIT: usize = 90;

/// An initialised data directory from which others are copied; removed with the last cluster that holds it.
#[derive(Debug)]
pub(super) struct Template {
    initdb: PathBuf,
    dir: PathBuf,
}

impl Drop for Template {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Template of this process for this `initdb`, made if no cluster holds one.
fn template(initdb: &Path, context: &Context, user: Option<&User>) -> Result<Arc<Template>, TopologyError> {
    static TEMPLATE: Mutex<Weak<Template>> = Mutex::new(Weak::new());
    let mut slot = TEMPLATE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(template) = slot.upgrade().filter(|template| template.initdb == initdb) {
        return Ok(template);
    }
    let (dir, _) = place::node_dir(context.data_root, "initdb", false, user)?;
    let template = Arc::new(Template { initdb: initdb.to_owned(), dir });
    let data = template.dir.join("data");
    let args = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "-D"].map(OsString::from);
    let args: Vec<OsString> = args.into_iter().chain([data.into_os_string()]).collect();
    tool(context, initdb, &args, &template.dir, user)?;
    *slot = Arc::downgrade(&template);
    Ok(template)
}

fn tool(context: &Context, program: &Path, args: &[OsString], dir: &Path, user: Option<&User>) -> Result<(), TopologyError> {
    let node = context.name.to_owned();
    let output = process::run(program, args, dir, user).map_err(|source| TopologyError::Spawn {
        node: node.clone(),
        program: program.to_owned(),
        source,
    })?;
    if output.status.success() {
        return Ok(());
    }
    Err(TopologyError::Tool { node, tool: program.display().to_string(), output: printed(&output) })
}

/// A value of postgresql.conf: every type may be quoted.
fn quote(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "''"))
}

fn config(settings: &BTreeMap<String, String>) -> String {
    settings.iter().map(|(key, value)| format!("{key} = {}\n", quote(value))).collect()
}

/// Prepares a node: data directory, configuration, command.
pub(super) fn prepare(context: &Context, postgres: &Path, port: u16) -> Result<Plan, TopologyError> {
    let user = User::unprivileged();
    let user = user.as_ref();
    let template = template(&postgres.with_file_name("initdb"), context, user)?;
    let (dir, note) = place::node_dir(context.data_root, context.name, context.keep_data, user)?;
    let data = dir.join("data");
    let copy = in_path("cp").unwrap_or_else(|| PathBuf::from("/bin/cp"));
    let args = [OsString::from("-a"), "--reflink=auto".into(), template.dir.join("data").into(), data.clone().into()];
    tool(context, &copy, &args, &dir, None)?;
    let mut spare_dir = None;
    let mut socket_dir = dir.clone();
    if socket_dir.as_os_str().len() > SOCKET_DIR_LIMIT {
        socket_dir = Path::new("/var/tmp").join(format!("{}-{}-s", place::tag(), place::serial()));
        place::make_dir(&socket_dir, user)?;
        spare_dir = Some(socket_dir.clone());
    }
    let mut settings = overlay(DEFAULTS, &context.spec.settings);
    let own = [("listen_addresses", context.host.to_string()), ("port", port.to_string())];
    settings.extend(own.map(|(key, value)| (key.to_owned(), value)));
    settings.insert("unix_socket_directories".to_owned(), socket_dir.display().to_string());
    settings.insert("cluster_name".to_owned(), context.name.chars().take(60).collect());
    let file = data.join("postgresql.conf");
    fs::write(&file, config(&settings)).map_err(TopologyError::io("write", &file))?;
    let file = data.join("pg_hba.conf");
    let trust =
        "local all all trust\nhost all all 127.0.0.1/32 trust\nlocal replication all trust\nhost replication all 127.0.0.1/32 trust\n";
    fs::write(&file, trust).map_err(TopologyError::io("write", &file))?;
    Ok(Plan {
        program: postgres.to_owned(),
        args: vec!["-D".into(), data.clone().into()],
        env: Vec::new(),
        user: user.cloned(),
        dir,
        data_dir: data,
        spare_dir,
        socket_dir: Some(socket_dir),
        host: context.host,
        port,
        settings,
        protocol: Protocol::Postgres,
        stop: Stop::Postgres,
        notes: note.into_iter().collect(),
        template: Some(template),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_values_so_that_they_stay_one_value() {
        let settings = BTreeMap::from([("a".to_owned(), "it's\\".to_owned()), ("b".to_owned(), "256MB".to_owned())]);
        assert_eq!(config(&settings), "a = 'it''s\\\\'\nb = '256MB'\n");
    }
}

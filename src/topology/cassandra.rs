//! Apache Cassandra as a child process: a Java 17 (or 11), the jars, and a configuration that is all stated.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::thread;

use super::error::TopologyError;
use super::find::{Found, find_java, jar};
use super::node::{Context, Plan, Stop, overlay};
use super::place;
use super::ready::Protocol;
use crate::model::topology::{Product, Topology};

/// Flags of Cassandra 5.0's own `jvm17-server.options` and start script, without those for large heaps and for assertions.
const JVM_ARGS: &str = include_str!("cassandra-java17.args");

const LOGBACK: &str = r#"<configuration>
  <appender name="OUT" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%-5level [%thread] %date{ISO8601} %F:%L - %msg%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="OUT"/></root>
</configuration>
"#;

const MIB: u64 = 1024 * 1024;

/// The stated settings, beside addresses, ports, tokens and what follows from the heap. What a topology file sets wins.
const DEFAULTS: &[(&str, &str)] = &[
    ("cluster_name", "ballpark"),
    ("num_tokens", "1"),
    ("auto_bootstrap", "false"),
    ("partitioner", "org.apache.cassandra.dht.Murmur3Partitioner"),
    ("endpoint_snitch", "SimpleSnitch"),
    ("start_native_transport", "true"),
    ("commitlog_sync", "periodic"),
    ("commitlog_segment_size", "16MiB"),
    ("commitlog_total_space", "256MiB"),
    ("cdc_enabled", "false"),
    ("auto_snapshot", "false"),
    ("incremental_backups", "false"),
    ("file_cache_size", "64MiB"),
    ("key_cache_size", "16MiB"),
    ("counter_cache_size", "2MiB"),
    ("prepared_statements_cache_size", "10MiB"),
    ("concurrent_reads", "16"),
    ("concurrent_writes", "16"),
    ("native_transport_max_threads", "32"),
    // The defaults are a 10th and a 40th of the heap, the latter per client address: all our load comes from one.
    ("native_transport_max_request_data_in_flight", "64MiB"),
    ("native_transport_max_request_data_in_flight_per_ip", "64MiB"),
    ("concurrent_compactors", "1"),
    ("compaction_throughput", "16MiB/s"),
    ("materialized_views_enabled", "false"),
    ("storage_compatibility_mode", "NONE"),
];

/// Nodes of a topology that form one ring. They share their ports, because drivers contact all nodes on the port of the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ring {
    size: usize,
    native_port: Option<u16>,
    storage_port: Option<u16>,
}

impl Ring {
    /// The ring of a topology; of size 0 without Cassandra.
    pub fn of(topology: &Topology) -> Ring {
        let size = topology.nodes.iter().filter(|node| node.product == Product::Cassandra).count();
        if size < 2 {
            return Ring { size, native_port: None, storage_port: None };
        }
        let hosts: Vec<Ipv4Addr> = (0..size).map(|number| super::host(Product::Cassandra, number)).collect();
        Ring { size, native_port: place::free_port(&hosts), storage_port: place::free_port(&hosts) }
    }

    /// The port of all its nodes, if it has several.
    pub fn port(&self) -> Option<u16> {
        self.native_port
    }

    /// Token of a node, so that all own equal parts: 0 for a single one.
    fn token(&self, number: usize) -> i64 {
        let size = self.size.max(1) as i128;
        let step = (1_i128 << 64) / size;
        // The middles of equal parts of the whole range of 64 bits.
        let token = i128::from(i64::MIN) + step / 2 + step * number as i128;
        i64::try_from(token).unwrap_or(0)
    }
}

/// Heap for a node that may use `memory` bytes: about half, because Cassandra needs almost as much outside of it.
fn heap_bytes(memory: u64) -> u64 {
    (memory / 2 / MIB * MIB).clamp(512 * MIB, 1024 * MIB)
}

fn mib(bytes: u64) -> String {
    format!("{}MiB", bytes / MIB)
}

/// Keys that the chosen `commitlog_sync` needs and the others refuse.
fn complete_commitlog(settings: &mut BTreeMap<String, String>) {
    let companion = match settings.get("commitlog_sync").map(String::as_str) {
        Some("periodic") => ("commitlog_sync_period", "10000ms"),
        Some("group") => ("commitlog_sync_group_window", "10ms"),
        _ => return,
    };
    settings.entry(companion.0.to_owned()).or_insert_with(|| companion.1.to_owned());
}

fn yaml(settings: &BTreeMap<String, String>, seed: &str) -> String {
    let mut text: String = settings
        .iter()
        .map(|(key, value)| if key == "initial_token" { format!("{key}: \"{value}\"\n") } else { format!("{key}: {value}\n") })
        .collect();
    text.push_str("seed_provider:\n  - class_name: org.apache.cassandra.locator.SimpleSeedProvider\n");
    text.push_str(&format!("    parameters: [{{seeds: \"{seed}\"}}]\n"));
    text
}

fn all_settings(context: &Context, port: u16, storage_port: u16, token: i64, heap: u64) -> BTreeMap<String, String> {
    let mut settings = overlay(DEFAULTS, &context.spec.settings);
    complete_commitlog(&mut settings);
    for (key, value) in
        [("memtable_heap_space", mib(heap / 4)), ("memtable_offheap_space", mib(heap / 4)), ("initial_token", token.to_string())]
    {
        settings.entry(key.to_owned()).or_insert(value);
    }
    let own = [
        ("listen_address", context.host.to_string()),
        ("rpc_address", context.host.to_string()),
        ("storage_port", storage_port.to_string()),
        ("native_transport_port", port.to_string()),
    ];
    settings.extend(own.map(|(key, value)| (key.to_owned(), value)));
    settings
}

/// Prepares a node: directories, configuration, command.
pub(super) fn prepare(context: &Context, jars: &Path, port: u16, ring: &Ring, number: usize) -> Result<Plan, TopologyError> {
    let missing = |how: String| TopologyError::Missing { product: Product::Cassandra, how };
    let java = match find_java() {
        Found::Available { path, .. } => path,
        Found::Missing { how } => return Err(missing(how)),
    };
    let agent = jar(jars, "jamm-").map(|(path, _)| path).ok_or_else(|| missing(format!("jamm-*.jar is not in {}", jars.display())))?;
    let storage = ring.storage_port.or_else(|| place::free_port(&[context.host]));
    let storage = storage.ok_or_else(|| missing(format!("no free port on {}", context.host)))?;
    let (dir, note) = place::node_dir(context.data_root, context.name, context.keep_data, None)?;
    for part in ["conf", "tmp", "log", "data"] {
        place::make_dir(&dir.join(part), None)?;
    }
    let heap = heap_bytes(context.spec.memory_bytes);
    let mut settings = all_settings(context, port, storage, ring.token(number), heap);
    let write = |name: &str, text: &str| {
        let file = dir.join("conf").join(name);
        fs::write(&file, text).map_err(TopologyError::io("write", &file))
    };
    let seed = super::host(Product::Cassandra, 0).to_string();
    write("cassandra.yaml", &yaml(&settings, &seed))?;
    write("logback.xml", LOGBACK)?;
    write("jvm.args", JVM_ARGS)?;
    // Not in the yaml, but as decisive as what is.
    settings.insert("heap".to_owned(), mib(heap));
    let args = arguments(&dir, jars, &agent, heap, context.cores);
    Ok(Plan {
        program: java,
        args,
        env: vec![("MALLOC_ARENA_MAX", "4".into())],
        user: None,
        data_dir: dir.join("data"),
        dir,
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

fn with_path(before: &str, path: PathBuf) -> OsString {
    let mut text = OsString::from(before);
    text.push(path);
    text
}

fn arguments(dir: &Path, jars: &Path, agent: &Path, heap: u64, cores: Option<&[u32]>) -> Vec<OsString> {
    let conf = dir.join("conf");
    let processors = cores.map_or_else(|| thread::available_parallelism().map_or(1, usize::from), <[u32]>::len);
    let mut args = vec![
        with_path("@", conf.join("jvm.args")),
        format!("-Xms{}m", heap / MIB).into(),
        format!("-Xmx{}m", heap / MIB).into(),
        format!("-XX:ActiveProcessorCount={}", processors.max(1)).into(),
        with_path("-Djava.io.tmpdir=", dir.join("tmp")),
        with_path("-javaagent:", agent.to_owned()),
        with_path("-Dcassandra.config=file://", conf.join("cassandra.yaml")),
        with_path("-Dcassandra.storagedir=", dir.join("data")),
        with_path("-Dcassandra.logdir=", dir.join("log")),
        with_path("-Dlogback.configurationFile=", conf.join("logback.xml")),
    ];
    let fixed = [
        "-Dcassandra-foreground=yes",
        // The waits of a node that joins a ring of strangers; ours are started in order on addresses of our own.
        "-Dcassandra.skip_wait_for_gossip_to_settle=0",
        "-Dcassandra.ring_delay_ms=2000",
        "-Dcassandra.schema_delay_ms=2000",
        "-Dcassandra.superuser_setup_delay_ms=0",
        "-Dcassandra.shutdown_announce_in_ms=0",
        // Tables of the system are not flushed after each change of schema; those of the user are not affected.
        "-Dcassandra.unsafesystem=true",
        "-Dcassandra.libjemalloc=-",
        "-cp",
    ];
    args.extend(fixed.map(OsString::from));
    let mut classes = conf.into_os_string();
    classes.push(":");
    classes.push(jars.join("*"));
    args.extend([classes, "org.apache.cassandra.service.CassandraDaemon".into()]);
    args
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_cut_the_ring_into_equal_parts() {
        let ring = |size| Ring { size, native_port: None, storage_port: None };
        assert_eq!(ring(1).token(0), 0);
        let tokens: Vec<i64> = (0..3).map(|number| ring(3).token(number)).collect();
        // Thirds of 2^64, to the rounding of one: the last part closes the circle.
        let third = 6_148_914_691_236_517_205;
        assert_eq!([tokens[1].wrapping_sub(tokens[0]), tokens[2].wrapping_sub(tokens[1])], [third, third]);
        assert_eq!(tokens[0].wrapping_sub(tokens[2]), third + 1);
    }

    #[test]
    fn the_heap_is_half_within_bounds() {
        assert_eq!(heap_bytes(0), 512 * MIB);
        assert_eq!(heap_bytes(1536 * MIB), 768 * MIB);
        assert_eq!(heap_bytes(64 * 1024 * MIB), 1024 * MIB);
    }

    #[test]
    fn the_commit_log_has_the_key_that_its_mode_needs_and_no_other() {
        let keys = |mode: &str| {
            let mut settings = overlay(DEFAULTS, &BTreeMap::from([("commitlog_sync".to_owned(), mode.to_owned())]));
            complete_commitlog(&mut settings);
            settings.into_keys().filter(|key| key.starts_with("commitlog_sync_")).collect::<Vec<_>>()
        };
        assert_eq!(keys("periodic"), ["commitlog_sync_period"]);
        assert_eq!(keys("group"), ["commitlog_sync_group_window"]);
        assert!(keys("batch").is_empty());
    }

    #[test]
    fn the_token_is_text_and_the_seed_is_named() {
        let text = yaml(&BTreeMap::from([("initial_token".to_owned(), "0".to_owned())]), "127.0.0.1");
        assert!(text.starts_with("initial_token: \"0\"\nseed_provider:\n") && text.contains("seeds: \"127.0.0.1\""), "{text}");
    }
}

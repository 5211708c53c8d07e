//! The local provider with real servers. A test whose server is not installed says so and passes.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests start helpers, and may panic"
)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use ballpark::base::clock::Clock;
use ballpark::model::topology::{Endpoint, NodeSpec, Product, Topology};
use ballpark::topology::{self, Cluster, Found, LocalOptions, TopologyError};

static GO: AtomicBool = AtomicBool::new(false);

fn node(name: &str, product: Product, settings: &[(&str, &str)]) -> NodeSpec {
    let settings = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    NodeSpec { name: name.to_owned(), product, settings, cpu_quota: None, memory_bytes: 1 << 30 }
}

fn one(product: Product, settings: &[(&str, &str)]) -> Topology {
    Topology { name: product.name().to_owned(), nodes: vec![node("main", product, settings)] }
}

fn options(dir: &Path) -> LocalOptions {
    LocalOptions { run_dir: dir.join("run"), data_root: dir.join("data"), cores: None, keep_data: false }
}

fn up(topology: &Topology, dir: &Path) -> Result<Cluster, TopologyError> {
    topology::up(topology, "test", &options(dir), &GO)
}

/// Whether the servers of a test are here; a test without them fails, and says how to get them.
fn have(products: &[Product]) -> bool {
    products.iter().all(|product| match topology::find(*product) {
        Found::Available { .. } => true,
        Found::Missing { how } => {
            panic!("{product} is missing: {how}");
        }
    })
}

fn exists(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // A zombie has ended; its parent has not looked yet.
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

fn wait_for(limit: Duration, mut done: impl FnMut() -> bool) -> bool {
    let clock = Clock::real();
    let start = clock.now();
    while u128::from(clock.now() - start) < limit.as_nanos() {
        if done() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    done()
}

fn redis(endpoint: &Endpoint, command: &str) -> String {
    let mut stream = TcpStream::connect((endpoint.host.as_str(), endpoint.port)).unwrap();
    stream.write_all(format!("{command}\r\nQUIT\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// One simple query; the columns of all rows as text.
fn postgres(endpoint: &Endpoint, query: &str) -> Vec<String> {
    let mut stream = TcpStream::connect((endpoint.host.as_str(), endpoint.port)).unwrap();
    let body = b"\0\x03\0\0user\0postgres\0\0";
    stream.write_all(&(body.len() as u32 + 4).to_be_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut columns = Vec::new();
    let mut asked = false;
    loop {
        let mut head = [0; 5];
        stream.read_exact(&mut head).unwrap();
        let mut message = vec![0; u32::from_be_bytes(head[1..].try_into().unwrap()) as usize - 4];
        stream.read_exact(&mut message).unwrap();
        match head[0] {
            b'E' => panic!("{}", String::from_utf8_lossy(&message)),
            b'Z' if asked => return columns,
            b'Z' => {
                asked = true;
                let packet = [&b"Q"[..], &(query.len() as u32 + 5).to_be_bytes(), query.as_bytes(), b"\0"].concat();
                stream.write_all(&packet).unwrap();
            }
            b'D' => {
                let mut rest = &message[2..];
                while rest.len() >= 4 {
                    let length = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
                    columns.push(String::from_utf8_lossy(&rest[4..4 + length]).into_owned());
                    rest = &rest[4 + length..];
                }
            }
            _ => {}
        }
    }
}

#[test]
fn redis_starts_with_its_settings_and_leaves_nothing() {
    if !have(&[Product::Redis]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let cluster = up(&one(Product::Redis, &[("maxmemory", "100mb"), ("appendonly", "yes")]), dir.path()).unwrap();
    let server = &cluster.nodes[0];
    assert!(server.is_alive());
    assert_eq!(server.settings()["maxmemory"], "100mb");
    assert!(redis(server.endpoint(), "CONFIG GET maxmemory").contains("104857600"));
    assert!(redis(server.endpoint(), "CONFIG GET appendonly").contains("yes"));
    assert!(redis(server.endpoint(), "CONFIG GET save").contains("$0"), "no snapshots unless asked for");
    // More than a clock tick, in which CPU is counted where there are no control groups.
    redis(server.endpoint(), "EVAL \"local x = 0; for i = 1, 20000000 do x = x + i end; return x\" 0");
    let usage = server.usage();
    assert!(usage.cpu_ns > 0 && usage.rss_bytes > 500_000 && usage.disk_bytes > 0, "{usage:?}");
    let (pid, data) = (server.pid(), server.endpoint().data_dir.clone().unwrap());
    assert!(dir.path().join("run/nodes/test/log").metadata().unwrap().len() > 0);
    drop(cluster);
    assert!(!exists(pid) && !data.exists());
    assert_eq!(std::fs::read_dir(dir.path().join("data")).unwrap().count(), 0);
}

#[test]
fn postgres_starts_with_its_settings_and_leaves_nothing() {
    if !have(&[Product::Postgres]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let cluster = up(&one(Product::Postgres, &[("synchronous_commit", "off"), ("work_mem", "8MB")]), dir.path()).unwrap();
    let server = &cluster.nodes[0];
    let settings = ["fsync", "synchronous_commit", "shared_buffers", "work_mem", "full_page_writes", "listen_addresses"];
    let said: Vec<String> = settings.iter().flat_map(|name| postgres(server.endpoint(), &format!("SHOW {name}"))).collect();
    assert_eq!(said, ["on", "off", "256MB", "8MB", "on", "127.0.0.1"]);
    let before = server.cpu();
    postgres(server.endpoint(), "SELECT sum(x) FROM generate_series(1, 300000) x");
    let after = server.usage();
    assert!(after.cpu_ns > before.cpu_ns, "the backend has ended, its CPU counts");
    assert!(after.disk_bytes > 10_000_000 && after.rss_bytes > 5_000_000, "{after:?}");
    let socket = server.endpoint().socket_dir.clone().unwrap().join(format!(".s.PGSQL.{}", server.endpoint().port));
    assert!(socket.exists());
    let (pids, data) = (server.pids(), server.endpoint().data_dir.clone().unwrap());
    assert!(pids.len() > 3, "{pids:?}");
    // An idle client must not hold up the stop.
    let _client = TcpStream::connect((server.endpoint().host.as_str(), server.endpoint().port)).unwrap();
    drop(cluster);
    assert!(!pids.iter().any(|pid| exists(*pid)) && !data.exists());
}

#[test]
fn several_nodes_have_their_own_names_and_ports() {
    if !have(&[Product::Redis]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let pair = Topology { name: "pair".to_owned(), nodes: vec![node("a", Product::Redis, &[]), node("b", Product::Redis, &[])] };
    let cluster = up(&pair, dir.path()).unwrap();
    let names: Vec<&str> = cluster.nodes.iter().map(|node| node.name()).collect();
    assert_eq!(names, ["test-a", "test-b"]);
    assert_ne!(cluster.nodes[0].endpoint().port, cluster.nodes[1].endpoint().port);
}

#[test]
fn a_server_that_ends_is_told_with_its_log() {
    if !have(&[Product::Redis]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let error = up(&one(Product::Redis, &[("appendfsync", "sometimes")]), dir.path()).unwrap_err();
    assert!(matches!(error, TopologyError::Exited { .. }), "{error:?}");
    assert!(error.to_string().contains("appendfsync"), "{error}");
    assert_eq!(std::fs::read_dir(dir.path().join("data")).unwrap().count(), 0, "nothing is left");
}

#[test]
fn a_taken_port_is_told() {
    if !have(&[Product::Redis]) {
        return;
    }
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let dir = tempfile::tempdir().unwrap();
    let error = up(&one(Product::Redis, &[("port", &port.to_string())]), dir.path()).unwrap_err();
    assert!(matches!(error, TopologyError::PortInUse { port: told, .. } if told == port), "{error:?}");
}

#[test]
fn settings_that_are_ours_and_injections_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    for (key, value) in [("bind", "0.0.0.0"), ("save", "1 1\nbind 0.0.0.0"), ("save x", "1")] {
        let error = up(&one(Product::Redis, &[(key, value)]), dir.path()).unwrap_err();
        assert!(matches!(&error, TopologyError::Setting { key: told, .. } if told == key), "{error:?}");
    }
}

#[test]
fn cancelling_stops_the_start() {
    if !have(&[Product::Postgres]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let error = topology::up(&one(Product::Postgres, &[]), "test", &options(dir.path()), &AtomicBool::new(true)).unwrap_err();
    assert!(matches!(error, TopologyError::Cancelled), "{error:?}");
}

#[test]
fn kept_data_outlives_the_cluster() {
    if !have(&[Product::Redis]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let options = LocalOptions { keep_data: true, ..options(dir.path()) };
    let cluster = topology::up(&one(Product::Redis, &[("appendonly", "yes")]), "test", &options, &GO).unwrap();
    redis(cluster.nodes[0].endpoint(), "SET kept yes");
    let data = cluster.nodes[0].endpoint().data_dir.clone().unwrap();
    drop(cluster);
    assert!(data.join("appendonlydir").is_dir());
    drop(up(&one(Product::Redis, &[]), dir.path()).unwrap());
    assert!(data.is_dir(), "the sweep leaves it alone");
}

#[test]
fn a_quota_throttles() {
    if !have(&[Product::Redis]) || topology::cgroup_kind() == "none" {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut small = one(Product::Redis, &[]);
    small.nodes[0].cpu_quota = Some(0.1);
    let cluster = up(&small, dir.path()).unwrap();
    let server = &cluster.nodes[0];
    // Some tens of milliseconds of work against one millisecond in every ten.
    redis(server.endpoint(), "EVAL \"local x = 0; for i = 1, 20000000 do x = x + i end; return x\" 0");
    let usage = server.cpu();
    assert!(usage.throttled_ns > 10_000_000, "{usage:?}");
}

/// Runs in a process of its own, see below: starts servers, says which processes they are, and waits to be killed.
#[test]
#[ignore = "a helper of servers_die_with_a_killed_harness"]
fn helper_that_gets_killed() {
    let Some(dir) = std::env::var_os("BALLPARK_TEST_DIR").map(PathBuf::from) else { return };
    let both = Topology { name: "both".to_owned(), nodes: vec![node("p", Product::Postgres, &[]), node("r", Product::Redis, &[])] };
    let cluster = up(&both, &dir).unwrap();
    let pids: Vec<String> = cluster.nodes.iter().flat_map(|node| node.pids()).map(|pid| pid.to_string()).collect();
    eprintln!("pids {}", pids.join(" "));
    for node in &cluster.nodes {
        eprintln!("data {}", node.endpoint().data_dir.as_ref().unwrap().display());
    }
    eprintln!("done");
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn servers_die_with_a_killed_harness() {
    if !have(&[Product::Postgres, Product::Redis]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut helper = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "helper_that_gets_killed", "--ignored", "--nocapture"])
        .env("BALLPARK_TEST_DIR", dir.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut facts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in BufReader::new(helper.stderr.take().unwrap()).lines() {
        let line = line.unwrap();
        if line == "done" {
            break;
        }
        if let Some((kind, rest)) = line.split_once(' ') {
            facts.entry(kind.to_owned()).or_default().extend(rest.split(' ').map(str::to_owned));
        }
    }
    let pids: Vec<u32> = facts["pids"].iter().map(|pid| pid.parse().unwrap()).collect();
    assert!(pids.len() > 4 && pids.iter().all(|pid| exists(*pid)), "{facts:?}");
    helper.kill().unwrap();
    helper.wait().unwrap();
    assert!(wait_for(Duration::from_secs(2), || !pids.iter().any(|pid| exists(*pid))), "servers outlive a killed harness");
    // What it left is swept at the next start in the same place.
    assert!(facts["data"].iter().any(|data| Path::new(data).exists()));
    drop(up(&one(Product::Redis, &[]), dir.path()).unwrap());
    assert!(!facts["data"].iter().any(|data| Path::new(data).exists()), "{facts:?}");
}

#[test]
fn cassandra_starts_and_tells_its_options() {
    if !have(&[Product::Cassandra]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let cluster = up(&one(Product::Cassandra, &[("commitlog_sync", "group")]), dir.path()).unwrap();
    let server = &cluster.nodes[0];
    let mut stream = TcpStream::connect((server.endpoint().host.as_str(), server.endpoint().port)).unwrap();
    stream.write_all(&[4, 0, 0, 0, 5, 0, 0, 0, 0]).unwrap();
    let mut head = [0; 9];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(head[4], 6, "SUPPORTED");
    let usage = server.usage();
    assert!(usage.cpu_ns > 1_000_000_000 && usage.rss_bytes > 200_000_000 && usage.disk_bytes > 0, "{usage:?}");
    assert_eq!(server.settings()["heap"], "512MiB");
    let pid = server.pid();
    drop(cluster);
    assert!(!exists(pid));
}

/// Runs in a process of its own, see below: a keeper, whose last two arguments are its directory and its id.
#[test]
#[ignore = "a helper of a_keeper_holds_what_it_started"]
fn helper_that_keeps() {
    let arguments: Vec<String> = std::env::args().collect();
    let [.., dir, id] = arguments.as_slice() else { return };
    if arguments.len() > 3 {
        topology::keeper::hold(Path::new(dir), id).unwrap();
    }
}

#[test]
fn a_keeper_holds_what_it_started() {
    if !have(&[Product::Redis]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let hidden = ["--exact", "helper_that_keeps", "--ignored", "--nocapture"].map(Into::into);
    let state = topology::keeper::start(dir.path(), &one(Product::Redis, &[]), None, &hidden, &GO).unwrap();
    assert_eq!(state.id, "redis-1");
    assert!(redis(&state.endpoints[0], "PING").contains("PONG"));
    assert_eq!(topology::keeper::list(dir.path()).unwrap(), std::slice::from_ref(&state));
    topology::keeper::stop(dir.path(), &state.id).unwrap();
    assert!(TcpStream::connect((state.endpoints[0].host.as_str(), state.endpoints[0].port)).is_err());
    assert!(topology::keeper::list(dir.path()).unwrap().is_empty());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is left");
    let error = topology::keeper::start(dir.path(), &one(Product::Redis, &[("maxmemory", "much")]), None, &hidden, &GO).unwrap_err();
    assert!(error.to_string().contains("maxmemory"), "{error}");
}

#[test]
#[ignore = "takes 3 GB of memory and half a minute"]
fn a_ring_of_cassandra_forms() {
    let dir = tempfile::tempdir().unwrap();
    let nodes = ["a", "b", "c"].map(|name| node(name, Product::Cassandra, &[])).into();
    let cluster = up(&Topology { name: "ring".to_owned(), nodes }, dir.path()).unwrap();
    let hosts: Vec<&str> = cluster.nodes.iter().map(|node| node.endpoint().host.as_str()).collect();
    assert_eq!(hosts, ["127.0.0.1", "127.0.0.2", "127.0.0.3"]);
    assert!(cluster.nodes.iter().all(|node| node.endpoint().port == cluster.nodes[0].endpoint().port));
    let log = dir.path().join("run/nodes/test-a/log");
    let joined = || std::fs::read_to_string(&log).unwrap().matches("is now UP").count() >= 2;
    assert!(wait_for(Duration::from_secs(30), joined), "{}", std::fs::read_to_string(&log).unwrap());
}

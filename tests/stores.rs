//! One contract for all stores, on real servers, and for cache-aside in front of one. A test whose server is not installed fails, and says how to get it.
#![expect(clippy::print_stderr, clippy::unwrap_used, reason = "tests say what they skip and may panic")]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use ballpark::compose;
use ballpark::model::data::{DataSet, Schema, fill_value, is_intact, version_of};
use ballpark::model::op::{Op, OpKind, Outcome};
use ballpark::model::target::{CachePattern, ResolvedTarget, StoreConfig};
use ballpark::model::topology::{Endpoint, NodeSpec, Product, Topology};
use ballpark::model::workload::ValueSize;
use ballpark::store::{self, Counters, Session, Store, Summary};
use ballpark::topology::{self, Cluster, Found, LocalOptions};
use futures_util::FutureExt;

const ROWS: u64 = 2_500;
const ALL: Schema = Schema { attributes: 3, indexes: 2, groups: 20 };

/// What the stores differ in.
#[derive(Clone, Copy)]
struct Traits {
    /// Whether an update or a delete of a row that is not there is told from another one.
    tells_missing: bool,
    /// Outcome of an insert of a key that exists.
    second_insert: Outcome,
    /// Whether the store weighs the data set itself.
    weighs: bool,
    schema: Schema,
    operations: &'static [OpKind],
}

fn traits(name: &str) -> Traits {
    let operations = store::driver(name).unwrap().capability.operations;
    let sql = Traits { tells_missing: true, second_insert: Outcome::Conflict, weighs: true, schema: ALL, operations };
    match name {
        "redis" => Traits { second_insert: Outcome::Ok, weighs: false, schema: Schema::default(), ..sql },
        "cql" => Traits { tells_missing: false, second_insert: Outcome::Ok, ..sql },
        _ => sql,
    }
}

fn up(product: Product, settings: &[(&str, &str)], dir: &Path) -> Option<Cluster> {
    if let Found::Missing { how } = topology::find(product) {
        panic!("{product} is missing: {how}");
    }
    let settings = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let node = NodeSpec { name: "main".to_owned(), product, settings, cpu_quota: None, memory_bytes: 1 << 30 };
    let topology = Topology { name: product.name().to_owned(), nodes: vec![node] };
    // One root for all: the local provider keeps what it can use again there, for as long as the process lives.
    let data_root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("stores");
    let options = LocalOptions { run_dir: dir.join("run"), data_root, cores: None, keep_data: false };
    Some(topology::up(&topology, product.name(), &options, &AtomicBool::new(false)).unwrap())
}

fn config(store: &str, endpoints: Vec<Endpoint>, set: &[(&str, &str)], dir: &Path, schema: Schema) -> StoreConfig {
    StoreConfig {
        store: store.to_owned(),
        endpoints,
        set: set.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect::<BTreeMap<_, _>>(),
        data: DataSet { table: "contract".to_owned(), rows: ROWS, schema, value: ValueSize::Uniform { min: 50, max: 150 } },
        directory: dir.join("files"),
        deadline: Duration::from_secs(20),
    }
}

fn endpoints(cluster: &Cluster) -> Vec<Endpoint> {
    cluster.nodes.iter().map(|node| node.endpoint().clone()).collect()
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// One operation; `carries` is the key that its value carries, which differs from `key` to plant a wrong row.
async fn send_as(session: &mut dyn Session, kind: OpKind, key: u64, version: u64, carries: u64) -> Outcome {
    let mut value = vec![0; if kind.writes_value() { 80 } else { 16 }];
    fill_value(carries, version, &mut value);
    let value = if kind.writes_value() { &value[..] } else { &[] };
    session.execute(&Op { kind, key, version, value, limit: 10 }).await
}

async fn send(session: &mut dyn Session, kind: OpKind, key: u64, version: u64) -> Outcome {
    send_as(session, kind, key, version, key).await
}

async fn fetch(session: &mut dyn Session, kind: OpKind, key: u64) -> (Outcome, Vec<u8>) {
    let mut answer = b"left over".to_vec();
    let outcome = session.fetch(&Op { kind, key, version: 0, value: &[], limit: 1 }, &mut answer).await;
    (outcome, answer)
}

/// The whole contract, on an open store.
async fn contract(store: &dyn Store, data: &DataSet, traits: Traits) {
    let about = store.about().await.unwrap();
    eprintln!("{about:?}");
    assert!(!about.product.is_empty() && about.version.starts_with(|first: char| first.is_ascii_digit()), "{about:?}");
    assert!(!about.settings.is_empty());
    loading(store, data, traits).await;
    let mut session = store.session().await.unwrap();
    operations(store, data, &mut *session, traits).await;
    if traits.operations.contains(&OpKind::Scan) {
        questions(data, &mut *session).await;
    }
    for kind in OpKind::ALL.into_iter().filter(|kind| !traits.operations.contains(kind)) {
        assert_eq!(send(&mut *session, kind, 1, 0).await, Outcome::Failed, "{kind}");
        assert!(session.last_error().is_some());
    }
    abandoned(&mut *session).await;
    store.create(data).await.unwrap();
    assert_eq!(store.count(data).await.unwrap(), 0, "created again");
    assert_eq!(send(&mut *session, OpKind::Read, 1, 0).await, Outcome::Missing, "{:?}", session.last_error());
    store.load(data, 0..10, &|_| ()).await.unwrap();
    for kind in [OpKind::Read, OpKind::Update, OpKind::ReadModifyWrite, OpKind::Delete] {
        assert_eq!(send(&mut *session, kind, 1, 1).await, Outcome::Ok, "a session outlives its table: {:?}", session.last_error());
    }
    drop(session);
    store.discard(data).await.unwrap();
    store.discard(data).await.unwrap();
    store.close().await;
}

async fn loading(store: &dyn Store, data: &DataSet, traits: Traits) {
    store.create(data).await.unwrap();
    assert_eq!(store.count(data).await.unwrap(), 0);
    let progress = Cell::new(0);
    store
        .load(data, 0..ROWS, &|rows| {
            assert!(rows >= progress.get(), "progress is rows so far");
            progress.set(rows);
        })
        .await
        .unwrap();
    assert_eq!(progress.get(), ROWS);
    store.settle(data).await.unwrap();
    assert_eq!(store.count(data).await.unwrap(), ROWS);
    for key in [0, 1, 499, 500, ROWS / 2, ROWS - 1] {
        let value = store.value(data, key).await.unwrap().unwrap();
        assert!(is_intact(key, &value) && version_of(key, &value) == Some(0), "{key}");
        assert_eq!(value.len(), data.value.of_key(key) as usize);
    }
    assert_eq!(store.value(data, ROWS).await.unwrap(), None);
    let bytes: u64 = (0..ROWS).map(|key| u64::from(data.value.of_key(key))).sum();
    let weight = store.disk_bytes(data).await.unwrap();
    eprintln!("{bytes} bytes of values weigh {weight:?}");
    assert_eq!(weight.is_some(), traits.weighs);
    // Fillers do not compress, so a store that holds all rows on disk cannot take less.
    assert!(weight.is_none_or(|weight| weight >= bytes && weight < 20 * bytes));
}

async fn operations(store: &dyn Store, data: &DataSet, session: &mut dyn Session, traits: Traits) {
    let absent = if traits.tells_missing { Outcome::Missing } else { Outcome::Ok };
    for key in 0..ROWS {
        assert_eq!(send(session, OpKind::Read, key, 0).await, Outcome::Ok);
    }
    assert_eq!(send(session, OpKind::Read, ROWS, 0).await, Outcome::Missing);
    let (outcome, answer) = fetch(session, OpKind::Read, 3).await;
    assert!(outcome == Outcome::Ok && is_intact(3, &answer) && answer.len() == data.value.of_key(3) as usize);

    assert_eq!(send(session, OpKind::Update, 3, 7).await, Outcome::Ok);
    assert_eq!(version_of(3, &store.value(data, 3).await.unwrap().unwrap()), Some(7));
    assert_eq!(send(session, OpKind::ReadModifyWrite, 3, 8).await, Outcome::Ok);
    let value = store.value(data, 3).await.unwrap().unwrap();
    assert!(is_intact(3, &value) && version_of(3, &value) == Some(8) && value.len() == 80);
    assert_eq!(send(session, OpKind::ReadModifyWrite, ROWS, 1).await, Outcome::Missing);
    assert_eq!(send(session, OpKind::Update, ROWS + 1, 1).await, absent);

    assert_eq!(send(session, OpKind::Insert, ROWS + 2, 1).await, Outcome::Ok);
    assert_eq!(send(session, OpKind::Read, ROWS + 2, 0).await, Outcome::Ok);
    assert_eq!(send(session, OpKind::Insert, ROWS + 2, 2).await, traits.second_insert);
    let mut other = store.session().await.unwrap();
    assert_eq!(send(&mut *other, OpKind::Read, ROWS + 2, 0).await, Outcome::Ok, "another session sees it");
    assert_eq!(send(&mut *other, OpKind::Delete, ROWS + 2, 0).await, Outcome::Ok);
    assert_eq!(send(session, OpKind::Read, ROWS + 2, 0).await, Outcome::Missing);
    assert_eq!(send(session, OpKind::Delete, ROWS + 2, 0).await, absent);
    assert_eq!(send(session, OpKind::Delete, ROWS + 1, 0).await, absent);
    assert_eq!(store.count(data).await.unwrap(), ROWS);

    assert_eq!(send_as(session, OpKind::Update, 4, 1, 5).await, Outcome::Ok);
    assert_eq!(send(session, OpKind::Read, 4, 0).await, Outcome::Wrong, "the value of another key");
    assert_eq!(send(session, OpKind::Update, 4, 1).await, Outcome::Ok);
    assert_eq!(send(session, OpKind::Read, 4, 0).await, Outcome::Ok);
}

/// Operations that only the SQL stores have. Row 3 has version 8 and 80 bytes by now, row 4 version 1.
async fn questions(data: &DataSet, session: &mut dyn Session) {
    for key in [0, 3, ROWS - 1] {
        assert_eq!(send(session, OpKind::FindBy, key, 0).await, Outcome::Ok);
        assert_eq!(send(session, OpKind::Scan, key, 0).await, Outcome::Ok);
        assert_eq!(send(session, OpKind::Aggregate, key, 0).await, Outcome::Ok);
    }
    assert_eq!(send(session, OpKind::FindBy, ROWS, 0).await, Outcome::Missing);
    assert_eq!(send(session, OpKind::Scan, ROWS, 0).await, Outcome::Missing);
    assert_eq!(send(session, OpKind::Insert, ROWS, 1).await, Outcome::Ok);
    assert_eq!(send(session, OpKind::FindBy, ROWS, 0).await, Outcome::Ok, "indexes follow inserts");
    assert_eq!(send(session, OpKind::Delete, ROWS, 0).await, Outcome::Ok);
    let (outcome, answer) = fetch(session, OpKind::Aggregate, 3).await;
    assert_eq!(outcome, Outcome::Ok);
    let keys: Vec<u64> = (0..ROWS).filter(|key| key % 20 == 3).collect();
    let size = |key: &u64| if *key == 3 { 80 } else { i64::from(data.value.of_key(*key)) };
    let expected = Summary { rows: keys.len() as i64, bytes: keys.iter().map(size).sum(), largest_key: *keys.last().unwrap() as i64 };
    assert_eq!(Summary::decode(&answer), Some(expected));
}

/// An operation that its deadline cut off must not give its answer to the next one.
async fn abandoned(session: &mut dyn Session) {
    for key in 10..60 {
        let read = Op { kind: OpKind::Read, key, version: 0, value: &[], limit: 1 };
        assert!(session.execute(&read).now_or_never().is_none_or(|outcome| outcome == Outcome::Ok));
        if key % 3 == 0 {
            // Sometimes the request is sent, and sometimes the answer is there, before it is given up.
            tokio::task::yield_now().await;
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(send(session, OpKind::Read, key + 1, 0).await, Outcome::Ok, "{:?}", session.last_error());
    }
}

fn check(name: &str, product: Product, set: &[(&str, &str)]) {
    let dir = tempfile::tempdir().unwrap();
    let Some(cluster) = up(product, &[], dir.path()) else { return };
    let traits = traits(name);
    run(async {
        let config = config(name, endpoints(&cluster), set, dir.path(), traits.schema);
        contract(&*store::open(&config).await.unwrap(), &config.data, traits).await;
    });
}

#[test]
fn postgres_keeps_the_contract() {
    check("postgres", Product::Postgres, &[]);
}

#[test]
fn postgres_over_its_socket_without_waiting_for_the_disk_too() {
    check("postgres", Product::Postgres, &[("transport", "unix"), ("synchronous_commit", "off")]);
}

#[test]
fn redis_keeps_the_contract() {
    check("redis", Product::Redis, &[]);
}

#[test]
fn redis_with_one_connection_for_all_sessions_too() {
    check("redis", Product::Redis, &[("connection", "shared")]);
}

#[test]
fn cassandra_keeps_the_contract() {
    check("cql", Product::Cassandra, &[("consistency", "quorum")]);
}

#[test]
fn sqlite_keeps_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    let config = config("sqlite", Vec::new(), &[], dir.path(), ALL);
    run(async { contract(&*store::open(&config).await.unwrap(), &config.data, traits("sqlite")).await });
    let left: Vec<_> = std::fs::read_dir(&config.directory).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn settings_reach_the_session() {
    let dir = tempfile::tempdir().unwrap();
    let setting =
        |config: &StoreConfig, name: &str| run(async { store::open(config).await.unwrap().about().await.unwrap().settings[name].clone() });
    assert_eq!(setting(&config("sqlite", Vec::new(), &[("synchronous", "full")], dir.path(), ALL), "synchronous"), "full");
    let Some(cluster) = up(Product::Postgres, &[], dir.path()) else { return };
    let config = config("postgres", endpoints(&cluster), &[("synchronous_commit", "off")], dir.path(), ALL);
    assert_eq!(setting(&config, "synchronous_commit"), "off");
    assert_eq!(setting(&config, "fsync"), "on");
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let endpoint = Endpoint { node: "main-7".to_owned(), host: "127.0.0.1".to_owned(), port: 1, socket_dir: None, data_dir: None };
    for name in ["postgres", "redis", "cql"] {
        let nowhere = config(name, vec![endpoint.clone()], &[], Path::new("/nowhere"), ALL);
        let error = run(async { store::open(&nowhere).await.err().unwrap().to_string() });
        assert!(error.contains(name) && error.contains("main-7") && error.contains("127.0.0.1:1"), "{error}");
    }
    let wrong = config("sqlite", Vec::new(), &[("synchronous", "maybe")], Path::new("/nowhere"), ALL);
    let error = run(async { store::open(&wrong).await.err().unwrap().to_string() });
    assert!(error.contains("maybe") && error.contains("normal"), "{error}");
}

/// Opens a store on one server, loads it, and gives a session.
async fn opened(config: &StoreConfig) -> (Box<dyn Store>, Box<dyn Session>) {
    let store = store::open(config).await.unwrap();
    store.create(&config.data).await.unwrap();
    store.load(&config.data, 0..10, &|_| ()).await.unwrap();
    let session = store.session().await.unwrap();
    (store, session)
}

#[test]
fn a_server_that_dies_disconnects() {
    for (name, product) in [("postgres", Product::Postgres), ("redis", Product::Redis)] {
        let dir = tempfile::tempdir().unwrap();
        let Some(cluster) = up(product, &[], dir.path()) else { continue };
        run(async {
            let (_store, mut session) = opened(&config(name, endpoints(&cluster), &[], dir.path(), Schema::default())).await;
            assert_eq!(send(&mut *session, OpKind::Read, 1, 0).await, Outcome::Ok);
            drop(cluster);
            for _ in 0..3 {
                assert_eq!(send(&mut *session, OpKind::Read, 1, 0).await, Outcome::Disconnected, "{name}: {:?}", session.last_error());
            }
            assert!(session.last_error().is_some());
        });
    }
}

fn tell_redis(endpoint: &Endpoint, command: &str) -> String {
    let mut stream = TcpStream::connect((endpoint.host.as_str(), endpoint.port)).unwrap();
    stream.write_all(format!("{command}\r\nQUIT\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn redis_out_of_memory_refuses_and_a_stalled_one_times_out() {
    let dir = tempfile::tempdir().unwrap();
    let Some(cluster) = up(Product::Redis, &[], dir.path()) else { return };
    let endpoint = cluster.nodes[0].endpoint();
    let config =
        StoreConfig { deadline: Duration::from_millis(300), ..config("redis", endpoints(&cluster), &[], dir.path(), Schema::default()) };
    run(async {
        let (_store, mut session) = opened(&config).await;
        tell_redis(endpoint, "CONFIG SET maxmemory 1");
        assert_eq!(send(&mut *session, OpKind::Update, 1, 1).await, Outcome::Refused);
        assert!(session.last_error().unwrap().contains("OOM"));
        tell_redis(endpoint, "CONFIG SET maxmemory 0");
        assert_eq!(send(&mut *session, OpKind::Update, 1, 1).await, Outcome::Ok);
        tell_redis(endpoint, "CLIENT PAUSE 60000 WRITE");
        assert_eq!(send(&mut *session, OpKind::Update, 1, 2).await, Outcome::Timeout);
        tell_redis(endpoint, "CLIENT UNPAUSE");
    });
}

fn counters(session: &dyn Session) -> (u64, u64, u64) {
    let mut counters = Counters::new();
    session.count(&mut counters);
    (counters["hit"], counters["miss"], counters["fallback"])
}

fn aside(near: StoreConfig, far: StoreConfig, ttl: Option<Duration>) -> ResolvedTarget {
    ResolvedTarget::Cache {
        pattern: CachePattern::Aside,
        ttl,
        near: Box::new(ResolvedTarget::Store(near)),
        far: Box::new(ResolvedTarget::Store(far)),
    }
}

fn sqlite(dir: &Path) -> StoreConfig {
    config("sqlite", Vec::new(), &[], dir, ALL)
}

#[test]
fn a_cache_in_front_keeps_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    let Some(redis) = up(Product::Redis, &[], &dir.path().join("near")) else { return };
    let Some(postgres) = up(Product::Postgres, &[], &dir.path().join("far")) else { return };
    let near = config("redis", endpoints(&redis), &[], dir.path(), ALL);
    let far = config("postgres", endpoints(&postgres), &[], dir.path(), ALL);
    run(async {
        let store = compose::open(&aside(near, far.clone(), Some(Duration::from_secs(60)))).await.unwrap();
        assert!(store.about().await.unwrap().settings.contains_key("near.maxmemory"));
        contract(&*store, &far.data, traits("postgres")).await;
    });
    assert!(tell_redis(redis.nodes[0].endpoint(), "DBSIZE").contains(":0"), "discard empties the cache");
}

#[test]
fn a_cache_answers_what_it_has_and_forgets_what_changed() {
    let dir = tempfile::tempdir().unwrap();
    let Some(redis) = up(Product::Redis, &[], dir.path()) else { return };
    let near = config("redis", endpoints(&redis), &[], dir.path(), ALL);
    run(async {
        let target = aside(near, sqlite(dir.path()), None);
        let store = compose::open(&target).await.unwrap();
        let data = sqlite(dir.path()).data;
        store.create(&data).await.unwrap();
        store.load(&data, 0..100, &|_| ()).await.unwrap();
        let mut session = store.session().await.unwrap();
        let session = &mut *session;
        for (kind, expected) in [
            (OpKind::Read, (0, 1, 0)),
            (OpKind::Read, (1, 1, 0)),
            (OpKind::Aggregate, (1, 2, 0)),
            (OpKind::Aggregate, (2, 2, 0)),
            (OpKind::Update, (2, 2, 0)),
            (OpKind::Read, (2, 3, 0)),
            (OpKind::Aggregate, (2, 4, 0)),
            (OpKind::ReadModifyWrite, (3, 4, 0)),
            (OpKind::Read, (3, 5, 0)),
            (OpKind::Scan, (3, 5, 0)),
            (OpKind::FindBy, (3, 5, 0)),
            (OpKind::Delete, (3, 5, 0)),
        ] {
            assert_eq!(send(session, kind, 5, 1).await, Outcome::Ok, "{kind}: {:?}", session.last_error());
            assert_eq!(counters(session), expected, "{kind}");
        }
        assert_eq!(send(session, OpKind::Read, 5, 0).await, Outcome::Missing, "nothing is cached for a row that is gone");
        assert_eq!(send(session, OpKind::Update, 6, 9).await, Outcome::Ok);
        for _ in 0..2 {
            let (outcome, answer) = fetch(session, OpKind::Read, 6).await;
            assert_eq!((outcome, version_of(6, &answer)), (Outcome::Ok, Some(9)), "far and near give the new value");
        }
        store.discard(&data).await.unwrap();
    });
}

#[test]
fn an_entry_lives_as_long_as_its_ttl() {
    let dir = tempfile::tempdir().unwrap();
    let Some(redis) = up(Product::Redis, &[], dir.path()) else { return };
    let near = config("redis", endpoints(&redis), &[], dir.path(), ALL);
    run(async {
        let store = compose::open(&aside(near, sqlite(dir.path()), Some(Duration::from_millis(20)))).await.unwrap();
        let data = sqlite(dir.path()).data;
        store.create(&data).await.unwrap();
        store.load(&data, 0..10, &|_| ()).await.unwrap();
        let mut session = store.session().await.unwrap();
        for misses in 1..3 {
            assert_eq!(send(&mut *session, OpKind::Read, 5, 0).await, Outcome::Ok);
            assert_eq!(counters(&*session).1, misses);
            std::thread::sleep(Duration::from_millis(60));
        }
    });
}

#[test]
fn a_dead_cache_costs_no_answers() {
    let dir = tempfile::tempdir().unwrap();
    let Some(redis) = up(Product::Redis, &[], dir.path()) else { return };
    let near = config("redis", endpoints(&redis), &[], dir.path(), ALL);
    run(async {
        let store = compose::open(&aside(near, sqlite(dir.path()), None)).await.unwrap();
        let data = sqlite(dir.path()).data;
        store.create(&data).await.unwrap();
        store.load(&data, 0..40, &|_| ()).await.unwrap();
        let mut session = store.session().await.unwrap();
        assert_eq!(send(&mut *session, OpKind::Read, 5, 0).await, Outcome::Ok);
        drop(redis);
        for kind in [OpKind::Read, OpKind::Update, OpKind::Aggregate, OpKind::ReadModifyWrite] {
            assert_eq!(send(&mut *session, kind, 5, 1).await, Outcome::Ok, "{kind}");
        }
        let (hits, misses, fallbacks) = counters(&*session);
        assert_eq!((hits, misses), (0, 1));
        assert_eq!(fallbacks, 5, "one for each use of the cache; a read-modify-write has two");
    });
}

#[test]
fn only_a_store_that_keeps_entries_can_be_near() {
    let dir: PathBuf = tempfile::tempdir().unwrap().keep();
    run(async {
        let store = compose::open(&aside(sqlite(&dir), sqlite(&dir), None)).await.unwrap();
        let error = store.session().await.err().unwrap().to_string();
        assert!(error.contains("redis"), "{error}");
    });
    std::fs::remove_dir_all(dir).unwrap();
}

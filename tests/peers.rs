//! Agreement with the field's own tools: the same server, work and number of connections, in pairs that alternate. Run it by hand, since it
//! measures: `cargo test --release --test peers -- --ignored --nocapture`.
#![expect(clippy::print_stdout, clippy::unwrap_used, clippy::disallowed_methods, reason = "a measurement run by hand prints and may panic")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use ballpark::base::clock::Clock;
use ballpark::base::seed::Seed;
use ballpark::compose;
use ballpark::engine::{Client, Opener, TrialPlan, WarmupPlan};
use ballpark::model::data::{DataSet, Schema};
use ballpark::model::op::OpKind;
use ballpark::model::target::{ResolvedTarget, StoreConfig};
use ballpark::model::workload::{Distribution, Keys, Load, ValueSize, Warmup, Workload};
use ballpark::stats;
use ballpark::topology::{self, Cluster, LocalOptions};
use ballpark::{probe, recorder, spec};

/// One connection: both wait for the server. Sixteen: the server, or the client's one core, is busy.
const SESSIONS: [u32; 2] = [1, 16];
const PAIRS: u64 = 7;
const SECONDS: u64 = 3;

fn workload(rows: u64, kind: OpKind, sessions: u32) -> Workload {
    Workload {
        mix: vec![(kind, 1.0)],
        keys: Keys { count: rows, distribution: Distribution::Uniform },
        value: ValueSize::Fixed(100),
        schema: Schema::default(),
        load: Load::Closed { sessions },
        scan_limit: 1,
        warmup: Warmup::Fixed(Duration::from_millis(300)),
        duration: None,
        deadline: Duration::from_secs(10),
    }
}

/// A figure of one tool: operations a second and mean latency in ns.
type Figure = (f64, f64);

fn pairs(name: &str, resolved: &ResolvedTarget, (kind, rows, sessions): (OpKind, u64, u32), peer: &dyn Fn(&str) -> Figure) {
    let (client_cores, _) = probe::split_cores();
    let cpu = client_cores[0].to_string();
    let target = resolved.clone();
    let opener: Opener = Arc::new(move || {
        let target = target.clone();
        Box::pin(async move { compose::open(&target).await })
    });
    let mut client = Client::open(opener, sessions, &[Some(client_cores[0])], Clock::real()).unwrap();
    let mut ours = |round: u64| -> Figure {
        let plan = TrialPlan {
            workload: workload(rows, kind, sessions),
            rate_per_s: None,
            warmup: WarmupPlan::Fixed(Duration::from_millis(300)),
            duration: Duration::from_secs(SECONDS),
            seed: Seed(round),
            first_insert_key: rows,
            cancel: Arc::new(AtomicBool::new(false)),
        };
        let measured = client.run(&plan, &mut |_| {}).unwrap();
        assert!(measured.recording.errors().is_empty(), "{:?}", measured.error_texts);
        let total = measured.recording.total().unwrap();
        (measured.recording.ops() as f64 * 1e9 / measured.duration_ns as f64, recorder::latency(&total.response).mean)
    };
    let (mut a, mut b): (Vec<Figure>, Vec<Figure>) = (Vec::new(), Vec::new());
    for round in 0..PAIRS {
        // Alternate which of the two goes first.
        if round % 2 == 0 {
            a.push(ours(round));
            b.push(peer(&cpu));
        } else {
            b.push(peer(&cpu));
            a.push(ours(round));
        }
    }
    let column = |figures: &[Figure], mean: bool| figures.iter().map(|figure| if mean { figure.1 } else { figure.0 }).collect::<Vec<f64>>();
    for (what, mean) in [("throughput", false), ("mean latency", true)] {
        let (ours, theirs) = (column(&a, mean), column(&b, mean));
        let ratio = stats::ratio(&ours, &theirs).unwrap();
        let mut ratios: Vec<f64> = ours.iter().zip(&theirs).map(|(a, b)| a / b).collect();
        ratios.sort_by(f64::total_cmp);
        println!(
            "{name} | {what} | median ratio {:.3} | mean {:.3} ({:.3}–{:.3})",
            ratios[ratios.len() / 2],
            ratio.value,
            ratio.low,
            ratio.high
        );
    }
}

fn start(name: &str, directory: &Path) -> Cluster {
    let (_, servers) = probe::split_cores();
    let data_root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("peers");
    let options = LocalOptions { run_dir: directory.to_owned(), data_root, cores: Some(servers), keep_data: false };
    topology::up(&spec::catalogue::topology(name).unwrap(), name, &options, &AtomicBool::new(false)).unwrap()
}

fn loaded(store: &str, cluster: &Cluster, rows: u64, directory: &Path) -> ResolvedTarget {
    let data = DataSet { table: "peers".to_owned(), rows, schema: Schema::default(), value: ValueSize::Fixed(100) };
    let endpoints = cluster.nodes.iter().map(|node| node.endpoint().clone()).collect();
    let (set, deadline) = (BTreeMap::new(), Duration::from_secs(10));
    let config = StoreConfig { store: store.to_owned(), endpoints, set, data: data.clone(), directory: directory.to_owned(), deadline };
    let resolved = ResolvedTarget::Store(config);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = compose::open(&resolved).await.unwrap();
        store.create(&data).await.unwrap();
        store.load(&data, 0..rows, &|_| {}).await.unwrap();
        store.settle(&data).await.unwrap();
        store.close().await;
    });
    resolved
}

fn output(command: &str) -> String {
    let mut words = command.split_whitespace();
    let output = Command::new(words.next().unwrap()).args(words).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

fn number_after(text: &str, label: &str) -> f64 {
    let rest = text.split_once(label).unwrap_or_else(|| panic!("no `{label}` in {text}")).1;
    rest.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
#[ignore = "a measurement"]
fn pgbench_agrees() {
    let directory = tempfile::tempdir().unwrap();
    let cluster = start("postgres-single", directory.path());
    let rows = 100_000;
    let resolved = loaded("postgres", &cluster, rows, directory.path());
    let endpoint = cluster.nodes[0].endpoint();
    let postgres = topology::find(ballpark::model::topology::Product::Postgres);
    let pgbench = postgres.path().unwrap().canonicalize().unwrap().with_file_name("pgbench");
    let port = endpoint.port;
    let update = "UPDATE ballpark.peers SET v = convert_to(repeat(md5(:k::text), 3) || 'abcd', 'UTF8') WHERE key = :k;";
    let works = [(OpKind::Read, "SELECT v FROM ballpark.peers WHERE key = :k;"), (OpKind::Update, update)];
    for (kind, statement, sessions) in works.into_iter().flat_map(|(kind, text)| SESSIONS.map(|sessions| (kind, text, sessions))) {
        let script = directory.path().join("script.sql");
        std::fs::write(&script, format!("\\set k random(0, {})\n{statement}\n", rows - 1)).unwrap();
        let peer = |cpu: &str| {
            let (pgbench, script, host) = (pgbench.display(), script.display(), &endpoint.host);
            let command = format!(
                "taskset -c {cpu} {pgbench} -h {host} -p {port} -U postgres -n -M prepared -c {sessions} -j 1 -T {SECONDS} -f {script} postgres"
            );
            let text = output(&command);
            (number_after(&text, "tps ="), number_after(&text, "latency average =") * 1e6)
        };
        pairs(&format!("pgbench, {kind}, {sessions} connections"), &resolved, (kind, rows, sessions), &peer);
    }
}

#[test]
#[ignore = "a measurement"]
fn redis_benchmark_agrees() {
    let directory = tempfile::tempdir().unwrap();
    let cluster = start("redis-single", directory.path());
    let rows = 100_000;
    let resolved = loaded("redis", &cluster, rows, directory.path());
    let endpoint = cluster.nodes[0].endpoint();
    for (kind, test, sessions) in [(OpKind::Read, "get"), (OpKind::Update, "set")]
        .into_iter()
        .flat_map(|(kind, test)| SESSIONS.map(|sessions| (kind, test, sessions)))
    {
        // Its own keys: 16 bytes too (`key:` and 12 digits), as many, of the same size; filled by a run that does not count.
        let base = format!("redis-benchmark -h {} -p {} -c {sessions} -d 100 -r {rows} --csv", endpoint.host, endpoint.port);
        output(&format!("{base} -n {} -t set", rows * 10));
        let requests = if sessions == 1 { 50_000 } else { 150_000 };
        let peer = |cpu: &str| {
            let text = output(&format!("taskset -c {cpu} {base} -n {requests} -t {test}"));
            let cells: Vec<f64> =
                text.lines().nth(1).unwrap().split(',').skip(1).map(|cell| cell.trim_matches('"').parse().unwrap()).collect();
            (cells[0], cells[1] * 1e6)
        };
        pairs(&format!("redis-benchmark, {kind}, {sessions} connections"), &resolved, (kind, rows, sessions), &peer);
    }
}

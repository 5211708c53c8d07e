//! Results for tests: every verdict and criterion, long names, extreme numbers, variants without trials, a partial run.

use std::collections::BTreeMap;

use crate::base::seed::mix64;
use crate::base::units::{Unit, show, show_interval, significant};
use crate::model::criterion::{Bound, Criterion, Direction, SweepPoint, Test, Verdict};
use crate::model::metric::Metric;
use crate::model::results::*;
use crate::model::trial::*;

/// A factor around 1, the same for the same seed.
fn noise(seed: u64, spread: f64) -> f64 {
    1.0 + spread * ((mix64(seed) >> 11) as f64 / (1_u64 << 53) as f64 - 0.5)
}

fn metric(name: &str) -> Metric {
    name.parse().unwrap()
}

fn estimate(value: f64, spread: f64, unit: Unit) -> Estimate {
    Estimate { value, low: value / (1.0 + spread), high: value * (1.0 + spread), unit }
}

fn judged(name: &str, test: Test, verdict: Verdict, estimate: Option<Estimate>, asked: String) -> Judgement {
    let rounds: Vec<f64> =
        estimate.map_or_else(Vec::new, |at| (0..7).map(|i| at.value * noise(i, 1.6 * (at.high / at.low).ln())).collect());
    let figure = estimate.map_or_else(String::new, |at| show_interval(at.value, at.low, at.high, at.unit));
    let why = match verdict {
        Verdict::NotRun => "Cassandra was not found: `ballpark install cassandra` gets it, with Java 17".to_owned(),
        Verdict::Confirmed => format!("{} is {figure}, wholly where the rule says ({asked})", test.metric().title()),
        Verdict::Refuted => format!("{} is {figure}, wholly away from what the rule says ({asked})", test.metric().title()),
        Verdict::Inconclusive => format!("{} is {figure}, not clear of what the rule says ({asked})", test.metric().title()),
    };
    let criterion = Criterion { name: name.to_owned(), test };
    let rounds_count = rounds.len() as u32;
    Judgement { criterion, verdict, why, asked, estimate, evidence: Evidence { rounds, ..Evidence::default() }, rounds: rounds_count }
}

fn ratio(name: &str, of: &str, pair: (&str, &str), bound: Bound, value: Option<(f64, f64)>, verdict: Verdict) -> Judgement {
    let asked = match bound {
        Bound::Above(at) => format!("above {}", show(at, Unit::Ratio)),
        Bound::Below(at) => format!("below {}", show(at, Unit::Ratio)),
    };
    let test = Test::Ratio { of: metric(of), variant: pair.0.to_owned(), against: pair.1.to_owned(), bound };
    judged(name, test, verdict, value.map(|(value, spread)| estimate(value, spread, Unit::Ratio)), asked)
}

fn range(name: &str, of: &str, variant: &str, (low, high): (f64, f64), value: Option<(f64, f64)>, verdict: Verdict) -> Judgement {
    let unit = metric(of).unit();
    let test = Test::Range { of: metric(of), variant: variant.to_owned(), low, high };
    judged(
        name,
        test,
        verdict,
        value.map(|(value, spread)| estimate(value, spread, unit)),
        format!("{} to {}", show(low, unit), show(high, unit)),
    )
}

fn ballpark(name: &str, of: &str, variant: &str, stated: f64, value: (f64, f64), verdict: Verdict) -> Judgement {
    let (unit, factor) = (metric(of).unit(), 10_f64.sqrt());
    let test = Test::Ballpark { of: metric(of), variant: variant.to_owned(), value: stated, factor };
    let asked = format!("{} within a factor of {}", show(stated, unit), significant(factor, 2));
    judged(name, test, verdict, Some(estimate(value.0, value.1, unit)), asked)
}

fn curve(name: &str, base: &str, unit: Unit, points: &[(f64, f64)]) -> Curve {
    let point = |(x, y): &(f64, f64)| CurvePoint {
        x: *x,
        variant: format!("{base}@{x}"),
        estimate: estimate(*y, noise(x.to_bits(), 0.8) * 0.06, unit),
    };
    Curve { name: name.to_owned(), points: points.iter().map(point).collect() }
}

fn sweep(curve: &Curve) -> Vec<SweepPoint> {
    curve.points.iter().map(|point| SweepPoint { variant: point.variant.clone(), x: point.x }).collect()
}

fn monotonic(name: &str, of: &str, over: &str, direction: Direction, points: &[(f64, f64)], steps: &[Verdict]) -> Judgement {
    let curve = curve("", name, metric(of).unit(), points);
    let test = Test::Monotonic { of: metric(of), over: over.to_owned(), points: sweep(&curve), direction };
    let verdict = if steps.contains(&Verdict::Refuted) { Verdict::Refuted } else { Verdict::Confirmed };
    let way = if direction == Direction::Rising { "rises" } else { "falls" };
    let ends = points[points.len() - 1].1 / points[0].1;
    let mut judgement = judged(name, test, verdict, Some(estimate(ends, 0.05, Unit::Ratio)), format!("{way} with {over}"));
    let step = |(index, verdict): (usize, &Verdict)| {
        let ratio = estimate(points[index + 1].1 / points[index].1, 0.04, Unit::Ratio);
        Step { index: index + 1, ratio, verdict: *verdict }
    };
    judgement.evidence = Evidence { rounds: Vec::new(), curves: vec![curve], steps: steps.iter().enumerate().map(step).collect() };
    judgement
}

fn crossover(over: &str, first: (&str, &[(f64, f64)]), second: (&str, &[(f64, f64)]), at: Option<f64>, verdict: Verdict) -> Judgement {
    let of = metric("throughput");
    let curves = [first, second].map(|(name, points)| curve(name, name, of.unit(), points));
    let test = Test::Crossover {
        of,
        over: over.to_owned(),
        first_name: first.0.to_owned(),
        first: sweep(&curves[0]),
        second_name: second.0.to_owned(),
        second: sweep(&curves[1]),
    };
    let asked = format!("{} and {} change places over {over}", first.0, second.0);
    let mut judgement = judged("", test, verdict, at.map(|at| estimate(at, 0.09, Unit::Count)), asked);
    judgement.evidence.curves = curves.into();
    judgement.rounds = 7;
    judgement
}

fn latency(p50: f64) -> Latency {
    let at = |factor: f64| Some((p50 * factor) as u64);
    Latency { mean: p50 * 1.2, p50: at(1.0), p90: at(1.9), p99: at(4.6), p999: at(11.0), max: (p50 * 40.0) as u64 }
}

fn series(seed: u64, rate: f64, p50: f64) -> Vec<SeriesPoint> {
    (-4..10)
        .map(|step| SeriesPoint {
            at_s: f64::from(step + 1) * 0.5,
            length_s: 0.5,
            throughput_per_s: rate * noise(seed + (step + 4) as u64, 0.1) * if step < 0 { 0.7 } else { 1.0 },
            errors_per_s: 0.0,
            p50_ns: Some((p50 * noise(seed + 50 + (step + 4) as u64, 0.1)) as u64),
            p99_ns: Some((p50 * 4.6 * noise(seed + 90 + (step + 4) as u64, 0.5)) as u64),
        })
        .collect()
}

fn trial(seed: u64, round: u32, rate: f64, p50: f64) -> TrialResult {
    let rate = rate * noise(seed + u64::from(round), 0.06);
    let ops = (rate * 5.0) as u64;
    let figures = OpFigures { ops, response_ns: latency(p50), service_ns: latency(p50 * 0.93) };
    let valid = round != 3 || !seed.is_multiple_of(5);
    let record = TrialRecord {
        round,
        seed: mix64(seed + u64::from(round)),
        started_ns: u64::from(round) * 7_000_000_000,
        duration_ns: 5_000_000_000,
        warmup_ns: 2_000_000_000,
        sessions: 16,
        offered: ops,
        issued: ops,
        ops,
        errors: if seed.is_multiple_of(3) { BTreeMap::from([("timeout".to_owned(), 3)]) } else { BTreeMap::new() },
        throughput_per_s: rate,
        response_ns: figures.response_ns,
        service_ns: figures.service_ns,
        issue_lag_ns: Lag { p50: 9_000, p99: 61_000, max: 1_200_000 },
        by_op: BTreeMap::from([("read".to_owned(), figures)]),
        client_cpu_ns: ops * 12_000,
        client_threads: 1,
        servers: vec![ServerUsage {
            node: "postgres".to_owned(),
            cpu_ns: ops * 61_000,
            rss_bytes: 412_000_000,
            disk_bytes: 77_300_000,
            throttled_ns: 0,
        }],
        valid,
        invalid_why: (!valid).then(|| "the rate was not held: 8.1 k/s of 10.0 k/s".to_owned()),
        ..TrialRecord::default()
    };
    TrialResult { record, series: series(seed * 1_000 + u64::from(round) * 100, rate, p50) }
}

/// A variant with `p50` in ns. `waits` makes its response times longer than its service times.
fn variant(name: &str, title: &str, rate: f64, p50: f64, waits: f64) -> VariantResult {
    let seed = name.bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte))) % 10_000;
    let percentiles = (0..=48).map(|step| {
        let nines = f64::from(step) / 12.0;
        let service = p50 * (0.7 + 0.3 * nines + 0.35 * nines.powi(3));
        PercentilePoint {
            percentile: 100.0 * (1.0 - 10_f64.powf(-nines)),
            response_ns: (service * (1.0 + waits * nines)) as u64,
            service_ns: service as u64,
        }
    });
    VariantResult {
        name: name.to_owned(),
        title: title.to_owned(),
        nodes: vec!["postgres-single-main".to_owned()],
        load: "100 % read; closed loop, 16 sessions".to_owned(),
        target: format!("{title}; 200 k rows of 100 B"),
        trials_dir: format!("trials/rule/{name}"),
        trials: (1..=5).map(|round| trial(seed, round, rate, p50)).collect(),
        throughput_per_s: rate,
        response_ns: latency(p50),
        percentiles: percentiles.collect(),
        figures: BTreeMap::new(),
    }
}

fn probe(name: &str, title: &str, figures: &[(&str, f64)]) -> VariantResult {
    let figures: BTreeMap<String, f64> = figures.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    let record = TrialRecord { round: 1, valid: true, figures: figures.clone(), ..TrialRecord::default() };
    VariantResult {
        name: name.to_owned(),
        title: title.to_owned(),
        load: "one request at a time".to_owned(),
        target: "sequential reads, O_DIRECT, 1024 KiB each, file of 1024 MiB".to_owned(),
        trials_dir: format!("trials/probe/{name}"),
        trials: (1..=5).map(|round| TrialResult { record: TrialRecord { round, ..record.clone() }, series: Vec::new() }).collect(),
        figures,
        ..VariantResult::default()
    }
}

fn rule(id: &str, title: &str, claim: &str, judgements: Vec<Judgement>, variants: Vec<VariantResult>) -> RuleResult {
    let headline = judgements.iter().find(|judgement| judgement.verdict != Verdict::NotRun).or(judgements.first());
    let estimate = headline.and_then(|judgement| judgement.estimate);
    RuleResult {
        id: id.to_owned(),
        group: id.split('-').next().unwrap_or(id).to_owned(),
        title: title.to_owned(),
        sections: vec!["2.5".to_owned(), "6.2.1".to_owned()],
        claim: claim.to_owned(),
        because: "The work that is left out costs more than the detour that replaces it.".to_owned(),
        confounders: vec![
            "both run on one machine, so the network costs nothing".to_owned(),
            "the working set fits into memory".to_owned(),
        ],
        if_refuted: "On one machine the detour is as long as the way it saves; with a network between, it need not be.".to_owned(),
        meaning: estimate.map_or_else(String::new, |at| {
            format!("Plan with {} where the rule of thumb would have you plan with a guess.", show(at.value, at.unit))
        }),
        verdict: headline.map_or(Verdict::NotRun, |judgement| judgement.verdict),
        why: headline.map_or_else(|| "the file states no criterion: it only compares".to_owned(), |judgement| judgement.why.clone()),
        criterion: headline.map(|judgement| judgement.criterion.clone()),
        estimate,
        rounds: headline.map_or(0, |judgement| judgement.rounds),
        judgements,
        warnings: Vec::new(),
        variants,
    }
}

fn cache_rules() -> Vec<RuleResult> {
    use Verdict::{Confirmed, Inconclusive, Refuted};
    let pair = ("aggregate-cached", "aggregate-plain");
    let point = ("point-cached", "point-plain");
    let below = Bound::Below(0.8);
    let mut first = rule(
        "cache-read-latency",
        "A cache shortens reads of an expensive query",
        "Reads that a cache answers take less time than those that the store of record answers",
        vec![
            ratio("aggregate, mean", "response.mean", pair, below, Some((0.41, 0.11)), Confirmed),
            ratio("aggregate, p50", "response.p50", pair, below, Some((0.09, 0.04)), Confirmed),
            ratio("point read, mean", "response.mean", point, below, Some((0.86, 0.12)), Inconclusive),
            ratio(
                "point read, p50 with the cache on the far side of a slow link",
                "response.p50",
                point,
                below,
                Some((1.21, 0.05)),
                Refuted,
            ),
        ],
        vec![
            variant("aggregate-cached", "aggregate, Redis in front", 3_200.0, 310e3, 0.4),
            variant("aggregate-plain", "aggregate, PostgreSQL", 3_200.0, 3_400e3, 0.9),
            variant("point-cached", "point read, Redis in front", 3_200.0, 92e3, 0.1),
            variant("point-plain", "point read, PostgreSQL", 3_200.0, 88e3, 0.1),
        ],
    );
    first.warnings = vec![
        Warning::new(
            "loopback",
            "client and servers talk over loopback, so distance costs nothing; put them on two machines to see it (20 of 20 trials)",
        ),
        Warning::new("shared_cores", "client and servers share 2 cores; give each its own with --cores (20 of 20 trials)"),
    ];
    let hit = range("", "hit_ratio", "aside", (0.8, 1.0), Some((0.93, 0.01)), Confirmed);
    vec![
        first,
        rule(
            "cache-hit-ratio",
            "A fifth of the keys in memory answers most reads",
            "Caching a fifth of the keys gives a hit ratio above 80 %",
            vec![hit],
            vec![variant("aside", "cache-aside", 21e3, 140e3, 0.0)],
        ),
    ]
}

fn store_rules() -> Vec<RuleResult> {
    use Verdict::{Confirmed, Inconclusive, NotRun, Refuted};
    let core = |name: &str, title: &str, rate: f64| variant(name, title, rate, 1e9 / rate * 12.0, 0.0);
    vec![
        rule(
            "capacity-core-lookup",
            "A core answers a thousand to ten thousand look-ups a second",
            "One core of a store answers 1 000 to 10 000 point reads a second",
            vec![
                range("PostgreSQL", "per_server_cpu_second", "postgres", (1e3, 1e4), Some((15_800.0, 0.04)), Refuted),
                range("Redis", "per_server_cpu_second", "redis", (1e3, 1e4), Some((184_000.0, 0.07)), Refuted),
                range("CQL", "per_server_cpu_second", "cql", (1e3, 1e4), None, NotRun),
                range("SQLite", "per_server_cpu_second", "sqlite", (1e3, 1e4), Some((9_800.0, 0.09)), Inconclusive),
            ],
            vec![
                core("postgres", "PostgreSQL", 15_800.0),
                core("redis", "Redis", 84_000.0),
                VariantResult { name: "cql".to_owned(), title: "Apache Cassandra".to_owned(), ..VariantResult::default() },
                core("sqlite", "SQLite", 61_000.0),
            ],
        ),
        rule(
            "sql-nosql-lookup",
            "Key-value stores do more look-ups than relational ones",
            "For the same look-ups, Redis needs less than a fifth of the CPU",
            vec![ratio("", "per_server_cpu_second", ("redis", "postgres"), Bound::Above(5.0), Some((4.31, 0.06)), Refuted)],
            vec![core("redis", "Redis", 84_000.0), core("postgres", "PostgreSQL", 15_800.0)],
        ),
        rule(
            "sql-nosql-write",
            "Log-structured stores write faster",
            "Cassandra takes more updates a core than PostgreSQL",
            vec![ratio("", "per_server_cpu_second", ("cql", "postgres"), Bound::Above(1.5), None, NotRun)],
            vec![VariantResult { name: "cql".to_owned(), title: "Apache Cassandra".to_owned(), ..VariantResult::default() }],
        ),
        rule(
            "sql-extreme",
            "A rule whose title is far longer than any table on a narrow screen could ever hold in a single line of text",
            "Extreme figures, <script>alert('markup')</script> & long_names_without_a_blank_that_could_break_a_line are shown",
            vec![
                ratio(
                    "smallest",
                    "read.response.p99",
                    ("an-extremely-long-name-of-a-variant", "b"),
                    Bound::Below(0.5),
                    Some((0.000_042, 0.3)),
                    Confirmed,
                ),
                ratio(
                    "largest, with an interval that says nothing at all",
                    "response.p999",
                    ("b", "an-extremely-long-name-of-a-variant"),
                    Bound::Above(2.0),
                    Some((23_500.0, 5e5)),
                    Inconclusive,
                ),
            ],
            vec![
                variant(
                    "an-extremely-long-name-of-a-variant",
                    "PostgreSQL with synchronous_commit=remote_apply, two replicas | and a pipe",
                    12.0,
                    8.2e9,
                    3.0,
                ),
                variant("b", "b", 2_400_000.0, 900.0, 0.0),
            ],
        ),
    ]
}

fn machine_rules() -> Vec<RuleResult> {
    use Verdict::{Confirmed, Refuted};
    vec![
        rule(
            "machine-disk-latency",
            "A random read from disk takes 100 µs to 1 ms",
            "An SSD answers a random read of 4 KiB in 100 µs to 1 ms",
            vec![range("", "response.p50", "read", (100e3, 1e6), Some((181e3, 0.05)), Confirmed)],
            vec![VariantResult {
                trials: vec![trial(1, 1, 5_000.0, 181e3)],
                ..variant("read", "4 KiB at random, O_DIRECT", 5_300.0, 181e3, 0.0)
            }],
        ),
        rule(
            "machine-disk-throughput",
            "A disk moves 500 MB a second",
            "Sequential reads and writes move about 500 MB a second",
            vec![
                ballpark("sequential read", "bandwidth", "read", 500e6, (2.71e9, 0.08), Refuted),
                ballpark("sequential write", "bandwidth", "write", 500e6, (910e6, 0.14), Confirmed),
            ],
            vec![probe("read", "sequential read", &[("bandwidth", 2.71e9)]), probe("write", "sequential write", &[("bandwidth", 910e6)])],
        ),
        rule(
            "machine-objects-in-memory",
            "A server holds hundreds of millions of small objects",
            "128 GB hold about 250 million objects of 300 bytes",
            vec![ballpark("", "memory.objects_per_128gb", "fill", 250e6, (291e6, 0.01), Confirmed)],
            vec![probe("fill", "Redis, 300 B", &[("memory.objects_per_128gb", 291e6), ("memory.bytes_per_row", 440.0)])],
        ),
    ]
}

fn curve_rules() -> Vec<RuleResult> {
    use Verdict::{Confirmed, Inconclusive, Refuted};
    let indexes = [(0.0, 9_100.0), (1.0, 7_900.0), (3.0, 5_200.0), (5.0, 4_900.0)];
    let shares = [(0.5, 6_100.0), (0.8, 9_800.0), (0.9, 12_100.0), (0.95, 11_200.0), (0.98, 14_800.0), (0.99, 15_100.0)];
    let many = |base: &str, points: &[(f64, f64)]| -> Vec<VariantResult> {
        points.iter().map(|(x, rate)| variant(&format!("{base}@{x}"), &format!("{base}, {x}"), *rate, 16e9 / rate, 0.0)).collect()
    };
    let rows = |rates: [f64; 5]| [16.0, 256.0, 4_096.0, 16_384.0, 65_536.0].into_iter().zip(rates).collect::<Vec<_>>();
    let (tree, log) = (rows([31_000.0, 29_500.0, 21_000.0, 9_000.0, 3_100.0]), rows([24_000.0, 23_800.0, 21_900.0, 14_700.0, 6_900.0]));
    let sqlite = [(0.5, 11_000.0), (0.8, 17_000.0), (0.99, 61_000.0)];
    vec![
        rule(
            "schema-index-writes",
            "Every index makes writes slower",
            "Inserts get slower with every secondary index",
            vec![monotonic(
                "postgres",
                "throughput",
                "schema.indexes",
                Direction::Falling,
                &indexes,
                &[Confirmed, Confirmed, Inconclusive],
            )],
            many("postgres", &indexes),
        ),
        rule(
            "capacity-read-write-ratio",
            "The more reads, the more requests",
            "A larger share of reads gives more requests a second",
            vec![
                monotonic(
                    "PostgreSQL",
                    "throughput",
                    "mix.read_share",
                    Direction::Rising,
                    &shares,
                    &[Confirmed, Confirmed, Refuted, Confirmed, Inconclusive],
                ),
                ratio(
                    "PostgreSQL, 100:1 against 1:1",
                    "throughput",
                    ("PostgreSQL@0.99", "PostgreSQL@0.5"),
                    Bound::Above(1.2),
                    Some((2.47, 0.05)),
                    Confirmed,
                ),
                monotonic("SQLite", "throughput", "mix.read_share", Direction::Rising, &sqlite, &[Confirmed, Confirmed]),
            ],
            [many("PostgreSQL", &shares), many("SQLite", &sqlite)].concat(),
        ),
        rule(
            "storage-large-values",
            "Large values belong in a log",
            "From some size of the value on, a log takes more writes than a tree",
            vec![crossover("value.bytes", ("tree", &tree), ("log", &log), Some(3_410.0), Confirmed)],
            [many("tree", &tree), many("log", &log)].concat(),
        ),
        rule(
            "storage-small-values",
            "Small values belong in a tree",
            "Below some size of the value, a tree takes more writes than a log",
            vec![crossover("value.bytes", ("tree", &tree[..2]), ("log", &log[..2]), None, Refuted)],
            many("tree", &tree[..2]),
        ),
    ]
}

/// A partial run with rules of every kind.
pub fn results() -> Results {
    let few = ratio("", "response.p50", ("a", "b"), Bound::Below(1.0), Some((0.97, 0.9)), Verdict::Inconclusive);
    let others = vec![
        rule(
            "self-comparison",
            "Two equal variants are equal",
            "The same thing measured twice differs by less than 10 %",
            Vec::new(),
            vec![variant("a", "a", 15e3, 1e6, 0.0), variant("b", "b", 15e3, 1e6, 0.0)],
        ),
        rule("self-few", "Too few rounds decide nothing", "One is faster than the other", vec![few], Vec::new()),
    ];
    let settings = [("fsync", "on"), ("full_page_writes", "on"), ("shared_buffers", "256MB"), ("synchronous_commit", "on")];
    let store = |node: &str, product: &str, version: &str| StoreInfo {
        node: node.to_owned(),
        product: product.to_owned(),
        version: version.to_owned(),
        provider: "local".to_owned(),
        settings: settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
    };
    Results {
        schema: SCHEMA,
        run: RunInfo {
            id: "2026-11-24-0131-quick".to_owned(),
            started: "2026-11-24T01:31:07Z".to_owned(),
            finished: "2026-11-24T01:43:12Z".to_owned(),
            partial: true,
            version: "0.1.0".to_owned(),
            seed: 42,
            profile: "quick".to_owned(),
            command: "ballpark run all --profile quick --seed 42 --stores postgres,redis,sqlite".to_owned(),
        },
        host: HostInfo {
            cpu: "AMD EPYC 7763 64-Core Processor".to_owned(),
            cores: 4,
            memory_bytes: 16_780_000_000,
            kernel: "6.8.0-45-generic".to_owned(),
            os: "Ubuntu 24.04.1 LTS".to_owned(),
            cgroup: "v2".to_owned(),
            disk: "ext4 on nvme0n1".to_owned(),
            virtualization: "kvm".to_owned(),
            client_cores: vec![0],
            server_cores: vec![1, 2, 3],
            facts: BTreeMap::from([("transparent_huge_pages".to_owned(), "madvise".to_owned())]),
            ..HostInfo::default()
        },
        stores: vec![store("postgres-single-main", "PostgreSQL", "16.4"), store("redis-single-main", "Redis", "7.2.5")],
        floor: Floor {
            throughput_per_s: 1_240_000.0,
            client_cpu_ns: 790.0,
            service_p50_ns: 120,
            issue_lag_p50_ns: 8_100,
            issue_lag_p99_ns: 64_000,
        },
        warnings: vec![Warning::new("virtual", "this machine is virtual: neighbours can take CPU; repeat at another time and compare")],
        rules: [cache_rules(), store_rules(), machine_rules(), curve_rules(), others].concat(),
    }
}

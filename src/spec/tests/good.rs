//! Good files give the model that they say.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{context, error, experiment, load, with_set};
use crate::model::criterion::{Bound, Direction, SweepPoint, Test};
use crate::model::data::Schema;
use crate::model::experiment::{Activity, Probe, ProbeKind, Profile, Weighed};
use crate::model::op::OpKind;
use crate::model::target::{CachePattern, Target};
use crate::model::workload::{Arrivals, Distribution, Keys, Load, Rate, ValueSize, Warmup, Workload};
use crate::spec::{Context, SpecError, check_memory, split_set};

/// A file with most of what a file can have.
pub(super) const FULL: &str = r#"
[rule]
id = "cache-read-latency"
title = "A cache answers faster"
sections = ["6.2.1"]
claim = "It is faster."
because = "It has less to do."
confounders = ["loopback"]
if_refuted = "Look at the hit ratio."
meaning = "{value} ({low} to {high})"

[experiment]
rounds = 7

[workload]
use = "half"
keys = { theta = 0.8, method = "gray", scrambled = false, count = "200k" }
value = { median = 100, sigma = 0.5, max = "1KiB" }
load = { open = { rate = "50% of slowest", arrivals = "constant", sessions = 32 } }
scan_limit = 10
trial = { warmup = "2s", duration = "5s", deadline = "1s" }

[variants.cached]
title = "with a cache"
target = { cache = "aside", ttl = "60s", near = { store = "redis", set = { connection = "shared" } }, far = "postgres" }

[variants.direct]
target = { store = "postgres", set = { synchronous_commit = "off" } }
topology = { use = "postgres-single", settings = { fsync = "off", work_mem = 64 } }
workload = { keys = { distribution = "uniform" }, mix = { read_share = 0.75 }, load = { closed = {} } }

[variants.weighed]
target = "redis"
topology = { nodes = { main = { product = "redis", cpu_quota = 0.5, memory = "512MiB" } } }
fill = { rows = ["20k", 40_000], weigh = "memory" }

[variants.disk]
probe = { kind = "disk_flush", block = "4KiB", file = "1GiB" }

[[criterion]]
name = "with a cache"
ratio = { of = "response.p50", variant = "cached", against = "direct", below = 0.5 }
[[criterion]]
ballpark = { of = "hit_ratio", variant = "cached", value = "80%" }
[[criterion]]
range = { of = "memory.bytes_per_row", variant = "weighed", low = 100, high = "1kB" }
[[criterion]]
ballpark = { of = "bandwidth", variant = "disk", value = "500MB/s", factor = 2 }
"#;

fn store(target: &Target) -> (&str, &str, &BTreeMap<String, String>) {
    let Target::Store { store, topology, set } = target else { panic!("no store: {target:?}") };
    (store, topology.as_ref().map_or("", |topology| topology.name.as_str()), set)
}

#[test]
fn a_full_file_gives_the_model_that_it_says() {
    let full = experiment(FULL, &context());
    assert_eq!((full.rule.group.as_str(), full.rounds, full.origin.as_str()), ("cache", Some(7), "x.toml"));
    assert_eq!(full.variants.iter().map(|variant| variant.name.as_str()).collect::<Vec<_>>(), ["cached", "direct", "weighed", "disk"]);
    let expected = Workload {
        mix: vec![(OpKind::Read, 1.0), (OpKind::Update, 1.0)],
        keys: Keys { count: 200_000, distribution: Distribution::Zipfian { theta: 0.8, scrambled: false, gray: true } },
        value: ValueSize::LogNormal { median: 100, sigma: 0.5, max: 1024 },
        schema: Schema::default(),
        load: Load::Open { rate: Rate::ShareOfSlowest(0.5), arrivals: Arrivals::Constant, sessions: 32 },
        scan_limit: 10,
        warmup: Warmup::Fixed(Duration::from_secs(2)),
        duration: Some(Duration::from_secs(5)),
        deadline: Duration::from_secs(1),
    };
    let cached = &full.variants[0];
    assert_eq!((cached.title.as_str(), &cached.workload), ("with a cache", &expected));
    let Activity::Load { target: Target::Cache { pattern: CachePattern::Aside, ttl, near, far } } = &cached.activity else { panic!() };
    assert_eq!(*ttl, Some(Duration::from_secs(60)));
    assert_eq!(store(near), ("redis", "redis-single", &BTreeMap::from([("connection".to_owned(), "shared".to_owned())])));
    assert_eq!(store(far), ("postgres", "postgres-single", &BTreeMap::new()));

    let direct = &full.variants[1];
    assert_eq!(direct.workload.mix, [(OpKind::Read, 0.75), (OpKind::Update, 0.25)]);
    assert_eq!(direct.workload.keys, Keys { count: 200_000, distribution: Distribution::Uniform });
    assert_eq!(direct.workload.load, Load::Closed { sessions: 16 });
    let topology = direct.target().unwrap().topologies()[0];
    assert_eq!((topology.name.as_str(), topology.nodes[0].memory_bytes), ("direct", 384 << 20));
    assert_eq!(topology.nodes[0].settings.get("work_mem").map(String::as_str), Some("64"));

    let Activity::Fill { target, rows, weighed: Weighed::Memory } = &full.variants[2].activity else { panic!() };
    assert_eq!(rows, &[20_000, 40_000]);
    assert_eq!((target.topologies()[0].nodes[0].cpu_quota, target.topologies()[0].nodes[0].memory_bytes), (Some(0.5), 512 << 20));
    assert_eq!(full.variants[3].activity, Activity::Probe(Probe { kind: ProbeKind::DiskFlush, block: 4096, file: 1 << 30 }));

    assert_eq!(full.criteria[0].name, "with a cache");
    assert!(matches!(&full.criteria[0].test, Test::Ratio { bound: Bound::Below(half), .. } if *half == 0.5));
    assert_eq!(full.criteria[1].name, "hit ratio");
    assert!(matches!(full.criteria[1].test, Test::Ballpark { value, factor, .. } if value == 0.8 && factor * factor - 10.0 < 1e-9));
    assert!(matches!(full.criteria[2].test, Test::Range { low, high, .. } if low == 100.0 && high == 1000.0));
    assert!(matches!(full.criteria[3].test, Test::Ballpark { value, factor, .. } if value == 5e8 && factor == 2.0));
}

fn small(rest: &str) -> String {
    format!("[rule]\nid = \"a\"\ntitle = \"t\"\nclaim = \"c\"\n[workload]\nmix = {{ read = 1 }}\n{rest}")
}

#[test]
fn what_is_left_out_has_the_stated_defaults() {
    let text = small("[variants.a]\ntarget = \"cql\"\n[variants.b]\ntarget = \"sqlite\"");
    let experiment = experiment(&text, &context());
    let workload = &experiment.variants[0].workload;
    assert_eq!(workload, &Workload { mix: vec![(OpKind::Read, 1.0)], ..crate::spec::workload::defaults() });
    assert_eq!(workload.keys, Keys { count: 100_000, distribution: Distribution::Uniform });
    assert_eq!((workload.value, workload.load, workload.scan_limit), (ValueSize::Fixed(100), Load::Closed { sessions: 16 }, 100));
    assert_eq!((workload.warmup, workload.duration, workload.deadline), (Warmup::UntilSteady, None, Duration::from_secs(10)));
    assert_eq!(store(experiment.variants[0].target().unwrap()).1, "cassandra-single");
    assert_eq!(experiment.variants[1].target().unwrap().topologies().len(), 0);
    assert!(experiment.criteria.is_empty() && experiment.rounds.is_none());
}

#[test]
fn a_sweep_makes_variants_and_feeds_the_curves_in_order() {
    let text = small(
        "schema = { attributes = 5 }\n[variants.pg]\ntitle = \"PostgreSQL\"\ntarget = \"postgres\"\nsweep = { \"schema.indexes\" = [3, 0, 5] }\n\
         [variants.lite]\ntarget = \"sqlite\"\nsweep = { \"schema.indexes\" = [0, 3, 5] }\n\
         [[criterion]]\nmonotonic = { of = \"throughput\", over = \"pg\", direction = \"falling\" }\n\
         [[criterion]]\ncrossover = { of = \"throughput\", first = \"pg\", second = \"lite\" }\n\
         [[criterion]]\nratio = { of = \"throughput\", variant = \"pg@0\", against = \"pg@5\", above = 2 }\n",
    );
    let experiment = experiment(&text, &context());
    let first = &experiment.variants[0];
    assert_eq!((first.name.as_str(), first.title.as_str(), first.parameter), ("pg@3", "PostgreSQL, schema.indexes = 3", Some(3.0)));
    assert_eq!((first.workload.schema.attributes, first.workload.schema.indexes), (5, 3));
    let point = |variant: &str, x: f64| SweepPoint { variant: variant.to_owned(), x };
    let Test::Monotonic { over, points, direction: Direction::Falling, .. } = &experiment.criteria[0].test else { panic!() };
    assert_eq!((over.as_str(), points.as_slice()), ("schema.indexes", &[point("pg@0", 0.0), point("pg@3", 3.0), point("pg@5", 5.0)][..]));
    let Test::Crossover { first_name, second, .. } = &experiment.criteria[1].test else { panic!() };
    assert_eq!((first_name.as_str(), second.len()), ("PostgreSQL", 3));
}

#[test]
fn a_sweep_replaces_what_it_cannot_stand_beside() {
    let text = small(
        "load = { open = { rate = 100 } }\n[variants.a]\ntarget = \"null\"\nsweep = { \"load.closed.sessions\" = [1, 8] }\n\
         [variants.b]\ntarget = \"null\"\nsweep = { \"mix.read_share\" = [0, 0.5, 1] }\n\
         [variants.c]\ntarget = \"null\"\nsweep = { \"value.bytes\" = [\"1KiB\", \"1MiB\"] }\n\
         [variants.d]\ntarget = \"null\"\nsweep = { \"load.open.rate\" = [\"2k/s\", \"4k/s\"] }\n",
    );
    let variants = experiment(&text, &context()).variants;
    assert_eq!(variants[1].workload.load, Load::Closed { sessions: 8 });
    assert_eq!(variants[2].workload.mix, [(OpKind::Update, 1.0)]);
    assert_eq!(variants[4].workload.mix, [(OpKind::Read, 1.0)]);
    assert_eq!((variants[6].name.as_str(), variants[6].parameter), ("c@1MiB", Some(1_048_576.0)));
    assert_eq!((variants[8].name.as_str(), variants[8].parameter), ("d@4k", Some(4000.0)));
}

#[test]
fn equal_topologies_in_place_get_one_name_so_that_they_are_shared() {
    let place = "{ use = \"redis-single\", settings = { appendonly = \"yes\" } }";
    let text =
        small(&format!("[variants]\na = {{ target = \"redis\", topology = {place} }}\nb = {{ target = \"redis\", topology = {place} }}\n"));
    let variants = experiment(&text, &context()).variants;
    assert_eq!(variants[0].target().unwrap().topologies(), variants[1].target().unwrap().topologies());
    let plain = small("[variants.a]\ntarget = \"redis\"\ntopology = { nodes = { main = { product = \"redis\" } } }\n");
    assert_eq!(store(experiment(&plain, &context()).variants[0].target().unwrap()).1, "redis-single");
}

#[test]
fn an_option_replaces_what_the_workload_says_but_not_what_a_variant_says() {
    let text = small(
        "keys = { count = 10 }\nload = { open = { rate = 1 } }\n[variants.a]\ntarget = \"null\"\n\
         [variants.b]\ntarget = \"null\"\nworkload = { keys = { count = 20 } }\n",
    );
    let counts =
        |context: &Context| experiment(&text, context).variants.iter().map(|variant| variant.workload.keys.count).collect::<Vec<_>>();
    assert_eq!(counts(&with_set("keys.count", "50k")), [50_000, 20]);
    assert_eq!(counts(&with_set("workload.keys.count", "5")), [5, 20]);
    assert_eq!(counts(&with_set("variants.b.workload.keys.count", "5")), [10, 5]);
    let closed = experiment(&text, &with_set("load.closed.sessions", "3"));
    assert_eq!(closed.variants[0].workload.load, Load::Closed { sessions: 3 });
    let of_one = experiment(&text, &with_set("variants.a.workload.load.closed.sessions", "3"));
    assert_eq!(of_one.variants[0].workload.load, Load::Closed { sessions: 3 });
    assert_eq!(experiment(&text, &with_set("trial.duration", "2s")).variants[1].workload.duration, Some(Duration::from_secs(2)));
    assert_eq!(experiment(&text, &with_set("experiment.rounds", "3")).rounds, Some(3));
    let mix = experiment(&text, &with_set("use", "half"));
    assert!(matches!(mix.variants[0].workload.keys.distribution, Distribution::Zipfian { .. }));
    let value = experiment(&text, &with_set("value.bytes", "1KiB"));
    assert_eq!(value.variants[0].workload.value, ValueSize::Fixed(1024));
}

#[test]
fn an_option_that_changes_nothing_is_an_error_once_it_changes_nothing_anywhere() {
    let probe = "[rule]\nid = \"p\"\ntitle = \"t\"\n[variants.p]\nprobe = { kind = \"disk_flush\", block = 512, file = \"1MiB\" }\n";
    let store = small("[variants.a]\ntarget = \"null\"\n");
    let option = with_set("keys.count", "5");
    assert!(error(probe, &option).to_string().contains("changes nothing"));
    assert_eq!(load(&[probe, &store], &option).map(|loaded| loaded.experiments.len()), Ok(2));
    assert_eq!(split_set("a.b = 5"), Ok(("a.b".to_owned(), "5".to_owned())));
    assert!(
        split_set("a.b")
            .is_err_and(|error: SpecError| error.to_string() == "--set a.b: not KEY=VALUE: write such as `--set keys.count=50k`")
    );
}

#[test]
fn variants_of_other_profiles_go_and_take_their_criteria_along() {
    let text = small(
        "[variants.a]\ntarget = \"null\"\n[variants.b]\ntarget = \"postgres\"\n[variants.c]\nprofiles = [\"thorough\"]\ntarget = \"sqlite\"\n\
         [[criterion]]\nratio = { of = \"throughput\", variant = \"a\", against = \"c\", above = 1 }\n\
         [[criterion]]\nratio = { of = \"throughput\", variant = \"a\", against = \"b\", above = 1 }\n",
    );
    let standard = experiment(&text, &context());
    assert_eq!((standard.variants.len(), standard.criteria.len()), (2, 1));
    let thorough = experiment(&text, &Context { profile: Profile::Thorough, ..context() });
    assert_eq!((thorough.variants.len(), thorough.criteria.len()), (3, 2));

    let nobody = Context { stores: Some(vec!["null".to_owned()]), ..context() };
    let why = error(&text, &nobody);
    assert_eq!((why.line, why.column), (14, 1));
    assert!(why.to_string().contains("no criterion is left: profile standard leaves variant `c` out"), "{why}");
    let other = small("[variants.a]\ntarget = \"redis\"\n").replacen("\"a\"", "\"other\"", 1);
    let loaded = load(&[&other, &text], &Context { stores: Some(vec!["redis".to_owned()]), ..context() }).unwrap();
    assert_eq!((loaded.experiments.len(), loaded.left_out.len()), (1, 1));
}

#[test]
fn more_memory_than_the_machine_has_is_refused_and_a_shared_topology_counts_once() {
    let text = small(
        "[variants]\na = { target = \"redis\" }\nb = { target = \"redis\" }\nc = { target = \"cql\", topology = \"scylla-single\" }\n",
    );
    let experiments = [experiment(&text, &context())];
    let needed = (256 + 1024) << 20;
    assert_eq!(check_memory(&experiments, needed), Ok(()));
    let error = check_memory(&experiments, needed - 1).unwrap_err().to_string();
    assert!(error.contains("redis-single 268 MB") && error.contains("1.34 GB"), "{error}");
}

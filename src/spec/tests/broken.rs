//! Broken files: each with the place and the words that its error must have.

use super::{context, error, load, with_set};
use crate::spec::Context;

/// The files of the table begin with these two lines; so line 3 is the first of its own.
const HEAD: &str = "[rule]\nid = \"a-b\"\ntitle = \"t\"\nclaim = \"c\"\n";

/// Own text (from line 5 on), line, column, words of the message.
type Case = (&'static str, usize, usize, &'static [&'static str]);

const VARIANTS: &[Case] = &[
    ("[workload]\nuse = \"haff\"\n[variants.a]\ntarget = \"null\"", 6, 7, &["unknown mix `haff`", "did you mean `half`?"]),
    ("[workload]\nmix = { read = 1 }", 1, 1, &["missing key `variants`"]),
    ("[variants]", 5, 2, &["there are no variants"]),
    ("[workload]\nmix = { read = 1 }\n[variants.a]", 7, 1, &["missing key `target` in variants.a"]),
    ("[workload]\n[variants.a]\ntarget = \"null\"", 6, 11, &["variant `a` has no mix", "read-heavy"]),
    ("[workload]\nmix = { read = 1 }\n[variants.a]\ntarget = \"postgre\"", 8, 10, &["unknown store `postgre`", "did you mean `postgres`?"]),
    ("[workload]\nmix = { read = 1 }\n[variants.a]\ntarget = 3", 8, 10, &["`variants.a.target` is a whole number", "name of a store"]),
    (
        "[workload]\nmix = { read = 1 }\n[variants.a]\ntarget = \"redis\"\ntopology = \"redis-singel\"",
        9,
        12,
        &["unknown topology `redis-singel`", "did you mean `redis-single`?"],
    ),
    (
        "[workload]\nmix = { read = 1 }\n[variants.a]\ntarget = \"redis\"\ntopology = \"postgres-single\"",
        9,
        12,
        &["runs postgres", "does not speak `redis`"],
    ),
    ("[workload]\nmix = { read = 1 }\n[variants.a]\ntarget = \"sqlite\"\ntopology = \"redis-single\"", 9, 1, &["`sqlite` has no servers"]),
    (
        "[workload]\nmix = { read = 1 }\n[variants.a]\ntarget = { store = \"postgres\", set = { sinchronous_commit = \"on\" } }",
        8,
        40,
        &["unknown setting `sinchronous_commit` of postgres", "`synchronous_commit`"],
    ),
    (
        "[workload]\nmix = { read = 1 }\n[variants.a]\ntarget = { store = \"cql\", set = { consistency = \"qorum\" } }",
        8,
        49,
        &["unknown consistency `qorum` of cql", "did you mean `quorum`?"],
    ),
    (
        "[workload]\nmix = { read = 1 }\n[variants.a]\ntarget = { cache = \"aside\", near = \"redis\" }",
        8,
        10,
        &["missing key `far` in variants.a.target"],
    ),
    (
        "[workload]\nmix = { scan = 1 }\n[variants.a]\ntarget = \"redis\"",
        6,
        9,
        &["variant `a`: redis has no operation `scan`", "it has read"],
    ),
    (
        "[workload]\nmix = { find_by = 1 }\nschema = { attributes = 1 }\n[variants.a]\ntarget = { cache = \"aside\", near = \"postgres\", far = \"redis\" }",
        7,
        12,
        &["redis supports 0 attributes, not 1"],
    ),
    ("[workload]\nmix = { read = 1 }\nschema = { attributes = 9 }\n[variants.a]\ntarget = \"postgres\"", 7, 12, &["supports 8 attributes"]),
    (
        "[workload]\nmix = { read = 1 }\nschema = { attributes = 1, indexes = 2 }\n[variants.a]\ntarget = \"postgres\"",
        7,
        28,
        &["2 indexes on 1 attributes"],
    ),
    ("[workload]\nmix = { find_by = 1 }\n[variants.a]\ntarget = \"postgres\"", 6, 9, &["`find_by` asks for an attribute"]),
    ("[workload]\nmix = { read = 1, aggregate = 1 }\n[variants.a]\ntarget = \"postgres\"", 6, 19, &["`aggregate` needs groups"]),
    ("[variants.a]\ntarget = \"redis\"\nfill = { rows = [\"2k\", \"1k\"], weigh = \"disk\" }", 7, 17, &["rows of a fill must rise"]),
    ("[variants.a]\ntarget = \"redis\"\nfill = { rows = [\"2k\"], weigh = \"disk\" }", 7, 17, &["two or more"]),
    ("[variants.a]\ntarget = \"redis\"\nfill = { rows = [1, 2], weigh = \"disc\" }", 7, 33, &["`disc`", "did you mean `disk`?"]),
    ("[variants.a]\ntarget = \"redis\"\nfill = { rows = [1, 2], weigh = \"disk\" }\nworkload = { load = {} }", 8, 14, &["`a` is a fill"]),
    (
        "[variants.a]\ntarget = \"redis\"\nprobe = { kind = \"disk_flush\", block = 512, file = \"1MiB\" }",
        6,
        1,
        &["`target` cannot stand beside `probe`"],
    ),
    ("[variants.a]\nprobe = { kind = \"disk_flash\", block = 512, file = \"1MiB\" }", 6, 18, &["did you mean `disk_flush`?"]),
    ("[variants.a]\nprobe = { kind = \"disk_random_read\", block = 100, file = \"1MiB\" }", 6, 46, &["multiple of 512"]),
    ("[variants.a]\ntarget = \"null\"\nprofiles = [\"quik\"]", 7, 13, &["did you mean `quick`?"]),
    (
        "[workload]\nmix = { read = 1 }\n[variants.a]\ntarget = \"null\"\nsweep = { \"schema.index\" = [1] }",
        9,
        11,
        &["`schema.index` cannot be swept", "did you mean `schema.indexes`?"],
    ),
    (
        "[workload]\nmix = { read = 1 }\n[variants.a]\ntarget = \"null\"\nsweep = { keys.theta = [1] }",
        9,
        11,
        &["cannot be swept", "into quotes"],
    ),
    (
        "[workload]\nmix = { read = 1 }\n[variants.a]\ntarget = \"null\"\nsweep = { \"keys.count\" = [\"1k\", 1000] }",
        9,
        33,
        &["keys.count = 1000 is given twice"],
    ),
    (
        "[workload]\nmix = { read = 1 }\n[variants.a]\ntarget = \"redis\"\ntopology = { nodes = { main = { product = \"redis\", memory = \"1G\" } } }",
        9,
        61,
        &["`1G` is not a size", "MiB"],
    ),
];

const WORKLOADS: &[Case] = &[
    ("load = { closed = { sesions = 4 } }", 6, 21, &["x.toml:6:21: unknown key `sesions` in load.closed: did you mean `sessions`?"]),
    ("mixx = { read = 1 }", 6, 1, &["unknown key `mixx` in workload", "did you mean `mix`?"]),
    ("mix = { reed = 1 }", 6, 9, &["unknown key `reed` in mix", "did you mean `read`?"]),
    ("mix = { read = 0 }", 6, 16, &["`mix.read` is 0", "above 0"]),
    ("mix = { read = -1.5 }", 6, 16, &["`mix.read` is -1.5"]),
    ("mix = { read_share = 0.5, read = 1 }", 6, 27, &["`read` cannot stand beside `read_share`"]),
    ("mix = { read_share = 1.5 }", 6, 22, &["0 to 1"]),
    ("mix = { read = 1 }\nmix = { read = 2 }", 7, 1, &["duplicate key `mix`", "keep one"]),
    ("keys = { distribution = \"zipfan\" }", 6, 25, &["unknown keys.distribution `zipfan`", "did you mean `zipfian`?"]),
    ("keys = { distribution = \"zipfian\", theta = 1.2, method = \"gray\" }", 6, 44, &["`keys.theta` is 1.2", "0 <= theta < 1"]),
    ("keys = { distribution = \"zipfian\", theta = -1 }", 6, 44, &["`keys.theta` is -1"]),
    ("keys = { theta = 0.5 }", 6, 10, &["`theta` does not belong to the distribution uniform"]),
    ("keys = { count = 0 }", 6, 18, &["`keys.count` is 0", "expected 1 or more"]),
    ("keys = { count = \"5x\" }", 6, 18, &["`5x` is not a count"]),
    ("keys = { count = true }", 6, 18, &["`keys.count` is true or false"]),
    ("value = { bytes = 8 }", 6, 19, &["`value.bytes` is 8", "expected 16 bytes or more"]),
    ("value = { bytes = 100, min = 50 }", 6, 24, &["`min` cannot stand beside `bytes`"]),
    ("value = { min = 200, max = 100 }", 6, 9, &["value.min 200 is above value.max 100"]),
    ("value = { min = 200 }", 6, 9, &["missing key `max` in value"]),
    ("value = { bytes = \"1Kib\" }", 6, 19, &["`1Kib` is not a size", "KiB"]),
    ("load = { closed = {}, open = { rate = 1 } }", 6, 23, &["`open` cannot stand beside `closed` in load"]),
    ("load = { closed = { sessions = 0 } }", 6, 32, &["`load.closed.sessions` is 0"]),
    ("load = { open = { arrivals = \"poisson\" } }", 6, 17, &["missing key `rate` in load.open"]),
    ("load = { open = { rate = \"50% of fastest\" } }", 6, 26, &["50% of slowest"]),
    ("load = { open = { rate = \"5/min\" } }", 6, 26, &["`5/min` is not a rate"]),
    ("trial = { duration = \"5sec\" }", 6, 22, &["`5sec` is not a duration", "ms"]),
    ("trial = { duration = 5 }", 6, 22, &["`trial.duration` is a whole number", "\"5s\""]),
    ("trial = { warmup = \"until-stedy\" }", 6, 20, &["did you mean `until-steady`?"]),
    ("scan_limit = 0", 6, 14, &["`scan_limit` is 0"]),
    ("scan_limit = = 1", 6, 14, &["x.toml:6:14: not TOML"]),
];

const CRITERIA: &[Case] = &[
    ("ratio = { of = \"respons.p50\", variant = \"a\", against = \"b\", above = 1 }", 20, 16, &["did you mean `response.p50`?"]),
    ("ratio = { of = \"raed.response.p50\", variant = \"a\", against = \"b\", above = 1 }", 20, 16, &["did you mean `read.response.p50`?"]),
    ("ratio = { of = \"scan.throughput\", variant = \"a\", against = \"b\", above = 1 }", 20, 16, &["mix of variant `a` has no `scan`"]),
    ("ratio = { of = \"throughput\", variant = \"a\", against = \"bee\", above = 1 }", 20, 55, &["unknown variant `bee`"]),
    ("ratio = { of = \"throughput\", variant = \"a\", against = \"a\", above = 1 }", 20, 55, &["compared with itself"]),
    ("ratio = { of = \"throughput\", variant = \"a\", against = \"b\", above = 1, below = 2 }", 20, 71, &["`below` cannot stand"]),
    ("ratio = { of = \"throughput\", variant = \"a\", against = \"b\" }", 20, 9, &["needs `above` or `below`"]),
    ("ratio = { of = \"throughput\", variant = \"s\", against = \"b\", above = 1 }", 20, 40, &["variant `s` is swept", "`s@1`"]),
    ("ballpark = { of = \"throughput\", variant = \"a\", value = \"1k/s\", factor = 1 }", 20, 73, &["`ballpark.factor` is 1"]),
    ("ballpark = { of = \"response.p50\", variant = \"a\", value = \"1MB\" }", 20, 58, &["`1MB` is not a duration", "response.p50"]),
    ("ballpark = { of = \"bandwidth\", variant = \"a\", value = 1 }", 20, 19, &["`bandwidth` is a figure of probes"]),
    ("ballpark = { of = \"bandwidth\", variant = \"p\", value = \"500MB\" }", 20, 55, &["500MB/s"]),
    ("ballpark = { of = \"hit_ratio\", variant = \"p\", value = 1 }", 20, 19, &["variant `p` is a probe"]),
    ("ballpark = { of = \"hit_ratio\", variant = \"a\", value = 1 }", 20, 19, &["variant `a` has no cache"]),
    ("ballpark = { of = \"disk.factor\", variant = \"a\", value = 1 }", 20, 19, &["`disk.factor` is a figure of fills"]),
    ("ballpark = { of = \"throughput\", variant = \"f\", value = 1 }", 20, 19, &["variant `f` is a fill", "memory.bytes_per_row"]),
    ("ballpark = { of = \"disk.factor\", variant = \"f\", value = 1 }", 20, 19, &["variant `f` is a fill"]),
    ("range = { of = \"response.p50\", variant = \"a\", low = \"1ms\", high = \"1us\" }", 20, 67, &["range.high is not above"]),
    ("monotonic = { of = \"throughput\", over = \"a\", direction = \"rising\" }", 20, 41, &["variant `a` is not swept"]),
    ("monotonic = { of = \"throughput\", over = \"s\", direction = \"down\" }", 20, 58, &["rising, falling"]),
    ("crossover = { of = \"throughput\", first = \"s\", second = \"s\" }", 20, 56, &["cannot cross itself"]),
    ("crossover = { of = \"throughput\", first = \"s\", second = \"r\" }", 20, 56, &["not swept over the same values"]),
    ("ratio = {}\nrange = {}", 21, 1, &["`range` cannot stand beside `ratio`"]),
    ("name = \"x\"", 19, 1, &["nothing given", "ratio, ballpark"]),
    ("name = \"\"", 20, 8, &["`criterion.name` is empty"]),
    ("ballpark = { of = \"response.p999\", variant = \"o\", value = 1 }", 20, 19, &["5.0 samples beyond", "10.0 s or more"]),
    ("shape = {}", 20, 1, &["unknown key `shape` in criterion"]),
];

/// Lines 5–18 of the files with a broken criterion; `[criterion]` is line 19.
const COMPARED: &str = "\
[workload]
mix = { read = 1 }
[variants]
a = { target = \"null\" }
b = { target = \"sqlite\" }
s = { target = \"null\", sweep = { scan_limit = [1, 2] } }
r = { target = \"null\", sweep = { scan_limit = [1, 3] } }
f = { target = \"redis\", fill = { rows = [1, 2], weigh = \"memory\" } }
p = { probe = { kind = \"disk_flush\", block = 512, file = \"1MiB\" } }
[variants.o]
target = \"null\"
workload.load.open.rate = \"1k/s\"


[criterion]
";

/// What differs between the error of a text and the one expected, if anything does.
fn differs(text: &str, (line, column, words): (usize, usize, &[&str])) -> Option<String> {
    let error = error(text, &context());
    let told = words.iter().all(|word| error.to_string().contains(word));
    let same = (error.line, error.column) == (line, column) && told;
    (!same).then(|| format!("expected {line}:{column} {words:?}\n     got {error}\n"))
}

fn check_all(head: &str, cases: &[Case], tail: &str) {
    let text = |own: &str| format!("{HEAD}{head}{own}\n{tail}");
    let wrong: String = cases.iter().filter_map(|(own, line, column, words)| differs(&text(own), (*line, *column, words))).collect();
    assert!(wrong.is_empty(), "{wrong}");
}

fn check(text: &str, line: usize, column: usize, words: &[&str]) {
    assert_eq!(differs(text, (line, column, words)), None);
}

#[test]
fn a_broken_variant_is_told_with_its_place() {
    check_all("", VARIANTS, "");
}

#[test]
fn a_broken_workload_is_told_with_its_place() {
    check_all("[workload]\n", WORKLOADS, "[variants.a]\ntarget = \"null\"\n");
}

#[test]
fn a_broken_criterion_is_told_with_its_place() {
    check_all(COMPARED, CRITERIA, "");
}

#[test]
fn a_broken_rule_is_told_with_its_place() {
    check("", 1, 1, &["missing key `rule`"]);
    check("[rule]\ntitle = \"t\"", 1, 1, &["missing key `id` in rule"]);
    check("[rule]\nid = \"A b\"\ntitle = \"t\"", 2, 6, &["`A b` is no id"]);
    check("[rule]\nid = \"a\"\ntitle = \"t\"\nmeaning = \"{valu} ops\"", 4, 11, &["unknown figure `{valu}`", "did you mean `value`?"]);
    check("[rules]\nid = \"a\"", 1, 2, &["unknown key `rules`", "did you mean `rule`?"]);
    let claimless = "[rule]\nid = \"a\"\ntitle = \"t\"\n[workload]\nmix = { read = 1 }\n[variants.a]\ntarget = \"null\"\n\
        [criterion]\nballpark = { of = \"throughput\", variant = \"a\", value = 1 }";
    check(claimless, 1, 2, &["needs a claim"]);
}

#[test]
fn an_error_of_an_option_names_the_option() {
    let text = format!("{HEAD}[workload]\nmix = {{ read = 1 }}\n[variants.a]\ntarget = \"null\"\n");
    let cases = [
        ("keys.cout", "5", "--set keys.cout=5: unknown key `cout` in keys: did you mean `count`?"),
        ("keys.count", "5x", "--set keys.count=5x: `keys.count`: `5x` is not a count"),
        ("workload.value.bytes", "3", "--set workload.value.bytes=3: `value.bytes` is 3"),
        ("kees.count", "5", "--set kees.count=5: nothing is called `kees.count`: did you mean `keys.count`?"),
        ("experiment.round", "5", "--set experiment.round=5: unknown key `round` in experiment: did you mean `rounds`?"),
        ("variants.b.target", "redis", "--set variants.b.target=redis: this option changes nothing"),
        ("keys.count.low", "5", "--set keys.count.low=5: `keys.count` is a table"),
        ("keys..count", "5", "--set keys..count=5: `keys..count` is no path"),
    ];
    for (key, value, expected) in cases {
        let error = error(&text, &with_set(key, value));
        assert!(error.to_string().starts_with(expected), "{error}");
        assert_eq!((error.line, error.column), (0, 0));
    }
    let stores = Context { stores: Some(vec!["postgrs".to_owned()]), ..context() };
    let error = error(&text, &stores).to_string();
    assert!(error.starts_with("--stores postgrs: unknown store `postgrs`: did you mean `postgres`?"), "{error}");
}

#[test]
fn any_damage_to_a_file_gives_an_error_with_a_line_and_no_panic() {
    let text = super::good::FULL;
    let damaged = |damaged: &str| match load(&[damaged], &context()) {
        Ok(loaded) => assert_eq!(loaded.experiments.len() + loaded.left_out.len(), 1),
        Err(error) => assert!(error.line > 0 && error.column > 0 && !error.text.is_empty(), "{error}\n{damaged}"),
    };
    for (index, _) in text.char_indices() {
        damaged(&text[..index]);
        damaged(&format!("{}#{}", &text[..index], &text[index + 1..]));
        damaged(&format!("{}-{}", &text[..index], &text[index..]));
    }
    let lines: Vec<&str> = text.lines().collect();
    for gone in 0..lines.len() {
        damaged(&[&lines[..gone], &lines[gone + 1..]].concat().join("\n"));
    }
}

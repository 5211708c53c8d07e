//! The catalogue and the schema agree with each other and with the files on disk.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{LIBRARY, context};
use crate::model::experiment::{Experiment, Profile};
use crate::spec::catalogue::{
    BUILT_IN, Source, groups, mixes, read_suite, resolve, resolve_all, resolve_in, rule, rules, suites, topologies, topology,
};
use crate::spec::library::{File, mix_file};
use crate::spec::schema::{results_schema, schema};
use crate::spec::{Context, keys, parse};

fn all_files() -> impl Iterator<Item = &'static File> {
    [BUILT_IN.rules, BUILT_IN.mixes, BUILT_IN.topologies, BUILT_IN.suites].into_iter().flatten()
}

fn on_disk(directory: &Path, found: &mut BTreeSet<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
        match entry.path() {
            path if path.is_dir() => on_disk(&path, found),
            path if path.extension().is_some_and(|ending| ending == "toml") => drop(found.insert(path)),
            _ => {}
        }
    }
}

#[test]
fn the_table_lists_the_files_on_disk() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut disk = BTreeSet::new();
    let workloads = top.join("workloads");
    if workloads.is_dir() {
        on_disk(&workloads, &mut disk);
    }
    let table: BTreeSet<PathBuf> = all_files().map(|file| top.join(file.path)).collect();
    let lines = |paths: &mut dyn Iterator<Item = &PathBuf>| -> String {
        paths.filter_map(|path| path.strip_prefix(&workloads).ok()).map(|path| format!("        \"{}\",\n", path.display())).collect()
    };
    let missing = lines(&mut disk.difference(&table));
    assert!(missing.is_empty(), "add these lines to src/spec/catalogue.rs:\n{missing}");
    assert_eq!(all_files().count(), table.len(), "a file is listed twice");
    for (kind, files) in
        [("rules", BUILT_IN.rules), ("mixes", BUILT_IN.mixes), ("topologies", BUILT_IN.topologies), ("suites", BUILT_IN.suites)]
    {
        assert!(files.iter().all(|file| file.path.starts_with(&format!("workloads/{kind}/"))));
    }
}

fn read(id: &str, profile: Profile) -> Experiment {
    parse(&rule(id).unwrap(), &Context { profile, ..context() }).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_rule_reads_in_every_profile_and_says_all_that_a_report_shows() {
    for id in rules() {
        for profile in Profile::ALL {
            let experiment = read(id, profile);
            assert_eq!(experiment.rule.id, id, "the file is called as its id");
            assert_eq!(experiment.origin, "built in");
        }
        let rule = read(id, Profile::Standard).rule;
        for text in [&rule.claim, &rule.because, &rule.if_refuted, &rule.meaning] {
            assert!(!text.is_empty(), "{id} says too little: {rule:?}");
        }
    }
}

#[test]
fn every_mix_topology_and_suite_reads() {
    assert!(mixes().len() == BUILT_IN.mixes.len() && BUILT_IN.mixes.iter().all(|file| mix_file(file).is_ok()));
    for (one, about) in topologies().unwrap() {
        assert!(!about.is_empty() && topology(&one.name).is_ok_and(|again| again == one));
    }
    for one in suites().unwrap() {
        assert_eq!(resolve(&one.name).unwrap().len(), one.rules.len());
    }
}

#[test]
fn a_word_is_a_rule_a_group_or_a_suite_and_a_wrong_one_is_told_the_nearest() {
    let names = |target: &str| -> Vec<String> {
        let path = |source: Source| source.name.rsplit('/').next().unwrap_or_default().trim_end_matches(".toml").to_owned();
        resolve_in(target, &LIBRARY).unwrap().into_iter().map(path).collect()
    };
    assert_eq!(names("cache-read-latency"), ["cache-read-latency"]);
    assert_eq!(names("cache"), ["cache-read-latency", "cache-ttl"]);
    assert_eq!(names("both"), ["sql-write", "cache-ttl"]);
    let error = resolve_in("cache-reed-latency", &LIBRARY).unwrap_err().to_string();
    assert!(error.contains("did you mean `cache-read-latency`?"), "{error}");
    assert!(resolve_in("boht", &LIBRARY).is_err_and(|error| error.to_string().contains("did you mean `both`?")));
}

#[test]
fn a_broken_suite_is_told_with_its_place() {
    let fails = |text: &'static str, line: usize, column: usize, words: &str| {
        let error = read_suite(&File { path: "suites/x.toml", text }, &LIBRARY).unwrap_err();
        assert_eq!((error.line, error.column), (line, column), "{error}");
        assert!(error.to_string().contains(words), "{error}");
    };
    fails("about = \"x\"\nrules = [\"cache-tll\"]", 2, 10, "did you mean `cache-ttl`?");
    fails("about = \"x\"\nrules = [\"cache-ttl\", \"cache-ttl\"]", 2, 23, "listed twice");
    fails("about = \"x\"\nrules = []", 2, 9, "no rules");
    fails("rules = [\"cache-ttl\"]", 1, 1, "missing key `about`");
}

#[test]
fn a_path_wins_and_a_name_of_the_catalogue_reads_back() {
    assert!(resolve("./none.toml").is_err_and(|error| error.to_string().starts_with("./none.toml: cannot read the file")));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("own.toml").display().to_string();
    std::fs::write(&path, "x = 1").unwrap();
    let own = Source::read_from(&path, "x = 1".to_owned());
    assert_eq!(resolve_all(&[path.clone(), path]).unwrap(), [own]);
    assert!(topology("redis-singel").is_err_and(|error| error.to_string().contains("unknown topology")));
    for id in rules() {
        assert_eq!(resolve(id).unwrap(), [rule(id).unwrap()]);
    }
    for group in groups() {
        assert!(resolve(group).unwrap().iter().all(|source| source.name.contains(&format!("/{group}-")) || source.name.contains(group)));
    }
}

fn known_keys() -> Vec<(&'static str, &'static [&'static str])> {
    vec![
        ("rule", keys::RULE),
        ("experiment", keys::EXPERIMENT),
        ("workload", keys::WORKLOAD),
        ("mix", keys::MIX),
        ("keys", keys::KEYS),
        ("value", keys::VALUE),
        ("schema", keys::SCHEMA),
        ("load", keys::LOAD),
        ("closed", keys::CLOSED),
        ("open", keys::OPEN),
        ("trial", keys::TRIAL),
        ("variant", keys::VARIANT),
        ("store", keys::STORE),
        ("cache", keys::CACHE),
        ("topology_in_place", keys::TOPOLOGY),
        ("topology_file", keys::TOPOLOGY_FILE),
        ("node", keys::NODE),
        ("fill", keys::FILL),
        ("probe", keys::PROBE),
        ("criterion", keys::CRITERION),
        ("ratio", keys::RATIO),
        ("ballpark", keys::BALLPARK),
        ("range", keys::RANGE),
        ("monotonic", keys::MONOTONIC),
        ("crossover", keys::CROSSOVER),
        ("mix_file", keys::MIX_FILE),
        ("suite_file", keys::SUITE_FILE),
    ]
}

fn properties(schema: &Value) -> BTreeSet<&str> {
    schema["properties"].as_object().map(|map| map.keys().map(String::as_str).collect()).unwrap_or_default()
}

#[test]
fn the_schema_knows_the_keys_that_the_reader_knows() {
    let schema = schema().unwrap();
    assert_eq!(properties(&schema), keys::ROOT.iter().copied().collect());
    let known = known_keys();
    for (name, keys) in &known {
        assert_eq!(properties(&schema["$defs"][name]), keys.iter().copied().collect(), "{name}");
        assert_eq!(schema["$defs"][name]["additionalProperties"], false, "{name}");
    }
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        assert!(definition.get("properties").is_none() || known.iter().any(|(other, _)| other == name), "{name} is not compared");
    }
}

fn assert_valid(schema: &Value, file: &File) {
    let validator = jsonschema::validator_for(schema).unwrap();
    let json = serde_json::to_value(toml::from_str::<toml::Value>(file.text).unwrap()).unwrap();
    let errors: Vec<String> = validator.iter_errors(&json).map(|error| format!("{error} at {}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{}: {errors:?}", file.path);
}

/// The schema of one of the definitions, with all others beside it.
fn of_definition(schema: &Value, name: &str) -> Value {
    serde_json::json!({ "$ref": format!("#/$defs/{name}"), "$defs": schema["$defs"] })
}

#[test]
fn every_file_is_valid_by_the_schema() {
    let schema = schema().unwrap();
    BUILT_IN.rules.iter().for_each(|file| assert_valid(&schema, file));
    for (name, files) in [("mix_file", BUILT_IN.mixes), ("topology_file", BUILT_IN.topologies), ("suite_file", BUILT_IN.suites)] {
        let schema = of_definition(&schema, name);
        files.iter().for_each(|file| assert_valid(&schema, file));
    }
}

#[test]
fn the_schema_refuses_what_the_reader_refuses() {
    let validator = jsonschema::validator_for(&schema().unwrap()).unwrap();
    let valid = |text: &str| validator.is_valid(&serde_json::to_value(toml::from_str::<toml::Value>(text).unwrap()).unwrap());
    let good = "rule = { id = \"a\", title = \"t\" }\nvariants.a.target = \"null\"\n";
    assert!(valid(good));
    for bad in [
        "workload.load = { closed = { sesions = 1 } }",
        "workload.trial.duration = 5",
        "criterion = { name = \"x\" }",
        "workload.value = {}",
    ] {
        assert!(!valid(&format!("{good}{bad}\n")), "{bad}");
    }
}

#[test]
fn the_schema_of_results_has_the_fields_of_the_contract() {
    let schema = results_schema();
    assert!(jsonschema::meta::is_valid(&schema));
    assert!(["schema", "run", "host", "rules"].iter().all(|name| properties(&schema).contains(name)), "{:?}", properties(&schema));
}

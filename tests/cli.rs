//! The command line by exit code and message: what scripts rely on. Nothing here needs a server.

use std::path::Path;
use std::process::{Command, Output};

#[expect(clippy::disallowed_methods, reason = "the tests run the product as a user does")]
fn ballpark(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ballpark")).args(arguments).env("NO_COLOR", "1").output().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn write(directory: &Path, name: &str, content: &str) -> String {
    let path = directory.join(name);
    std::fs::write(&path, content).expect("a temporary file can be written");
    path.display().to_string()
}

const RULE: &str = r#"
[rule]
id = "null-itself"
title = "The harness is as fast as itself"
sections = ["0"]
claim = "Two identical variants of the null store do not differ."
because = "They are the same."
confounders = []
if_refuted = "The harness is not fair."
meaning = "{value} ({low} to {high})"

[workload]
mix = { read = 100 }
keys = { distribution = "uniform", count = 1000 }
load = { open = { rate = "1k/s", arrivals = "poisson", sessions = 16 } }
trial = { warmup = "50ms", duration = "200ms" }

[variants.one]
target = "null"
[variants.other]
target = "null"

[criterion]
ratio = { of = "throughput", variant = "one", against = "other", above = 1.5 }
"#;

#[test]
fn help_teaches_and_goes_to_stdout() {
    let output = ballpark(&["--help"]);
    assert!(output.status.success());
    let help = text(&output.stdout);
    for phrase in ["ballpark quick --install", "Exit codes", "doctor"] {
        assert!(help.contains(phrase), "{help}");
    }
    assert_eq!(ballpark(&[]).status.code(), Some(2));
}

#[test]
fn bad_input_exits_with_2_names_the_place_and_starts_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("reports");
    let cases: [(&str, String, &str); 6] = [
        ("run", RULE.replace("sessions = 16", "sesions = 16"), "sessions"),
        ("run", RULE.replace("\"1k/s\"", "\"1k/min\""), "1k/min"),
        ("run", RULE.replace("variant = \"one\"", "variant = \"on\""), "one"),
        ("run", RULE.replace("target = \"null\"\n[variants.other]", "target = \"nul\"\n[variants.other]"), "null"),
        ("check", RULE.replace("read = 100", "raed = 100"), "read"),
        ("check", "[rule\n".to_owned(), "unclosed table"),
    ];
    for (index, (command, content, phrase)) in cases.iter().enumerate() {
        let file = write(directory.path(), &format!("{index}.toml"), content);
        let output =
            if *command == "run" { ballpark(&["run", &file, "--out", &out.display().to_string()]) } else { ballpark(&["check", &file]) };
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{content}\n{message}");
        assert!(message.contains(&format!("{index}.toml:")) && message.contains(phrase), "{message}");
    }
    assert!(!out.exists());
    for arguments in [
        &["run", "cache-read-latncy"][..],
        &["run", "quick", "--set", "keys"],
        &["run", "quick", "--stores", "oracle"],
        &["show", "nothing"],
    ] {
        let output = ballpark(arguments);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    }
}

#[test]
fn a_run_writes_the_contract_and_a_report_gives_the_same_bytes_again() {
    let directory = tempfile::tempdir().unwrap();
    let file = write(directory.path(), "null.toml", RULE);
    let out = directory.path().join("reports");
    let output = ballpark(&["run", &file, "--out", &out.display().to_string(), "--profile", "quick"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("refuted"), "{}", text(&output.stdout));
    let run = std::fs::read_dir(&out).unwrap().next().unwrap().unwrap().path();
    for name in
        ["manifest.json", "events.jsonl", "results.json", "results.csv", "index.html", "report.md", "trials/null-itself/one/5/trial.json"]
    {
        assert!(run.join(name).exists(), "{name}");
    }
    let read = || ["results.json", "results.csv", "index.html", "report.md"].map(|name| std::fs::read(run.join(name)).unwrap());
    let before = read();
    assert!(ballpark(&["report", &run.display().to_string()]).status.success());
    assert!(before == read());
    let results: serde_json::Value = serde_json::from_slice(&before[0]).unwrap();
    let schema: serde_json::Value = serde_json::from_slice(&ballpark(&["schema", "results"]).stdout).unwrap();
    if let Err(error) = jsonschema::validate(&schema, &results) {
        panic!("{error}");
    }
    let rule = &results["rules"][0];
    assert_ne!(rule["verdict"], "confirmed");
    for trial in rule["variants"][0]["trials"].as_array().unwrap() {
        let errors: u64 = trial["errors"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
        assert_eq!(trial["issued"].as_u64().unwrap(), trial["ops"].as_u64().unwrap() + errors);
    }
}

#[test]
fn lists_and_dry_runs_start_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("reports").display().to_string();
    for (arguments, phrase) in [
        (&["list"][..], "durability-fsync"),
        (&["list", "suites"], "quick"),
        (&["list", "topologies", "--json"], "postgres-single"),
        (&["list", "stores"], "sqlite"),
        (&["show", "durability-fsync"], "[rule]"),
        (&["schema"], "$schema"),
        (&["completions", "bash"], "ballpark"),
        (&["run", "quick", "--profile", "quick", "--dry-run", "--out", &out], "expected time"),
    ] {
        let output = ballpark(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        assert!(text(&output.stdout).contains(phrase), "{arguments:?}: {}", text(&output.stdout));
    }
    assert!(!Path::new(&out).exists());
}

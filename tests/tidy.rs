//! The rules that the compiler does not know: who may use whom, which outside crate lives where, and what no file may say.
//!
//! The checks read the sources as text: comments and literals are left out, and so are items and files that only tests compile.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The layers, lowest first. A module uses modules of lower layers, and itself.
const LAYERS: [&[&str]; 8] = [
    &["base"],
    &["model"],
    &["spec", "generate", "stats", "rules", "report"],
    &["store", "topology", "probe", "rundir"],
    &["compose", "recorder"],
    &["engine"],
    &["trial"],
    &["cli"],
];

/// The one use within a layer: verdicts rest on intervals.
const WITHIN_A_LAYER: (&str, &str) = ("rules", "stats");

/// Layers below this one are pure: no runtime in them.
const FIRST_WITH_RUNTIME: usize = 3;

/// Outside crates that have a home, as beginnings of paths below `src`.
const HOMES: [(&str, &[&str]); 8] = [
    ("sqlx", &["store/postgres", "store/sqlite", "store/sql/"]),
    ("redis", &["store/redis"]),
    ("scylla", &["store/cql"]),
    ("plotters", &["report/charts"]),
    ("clap", &["cli/"]),
    ("clap_complete", &["cli/"]),
    ("indicatif", &["cli/"]),
    // In `trial` only for the CPU time of the process itself.
    ("rustix", &["topology/", "probe/", "engine/", "cli/", "trial/load.rs"]),
];

/// What no file may say, each in two halves so that this file does not say it: paths and notes of the machine that it was written on.
const UNSAID: [(&str, &str); 5] = [("/wo", "rk/"), ("sha", "red/"), ("/fa", "rm/"), ("/tmp/", "wt"), ("helper ", "session")];

/// One source file: its path below `src`, and its code as the product compiles it.
struct Source {
    path: String,
    code: String,
}

impl Source {
    /// The module of the crate's root that it belongs to.
    fn module(&self) -> &str {
        self.path.split('/').next().unwrap_or_default().trim_end_matches(".rs")
    }

    /// How deep its module lies below the crate's root: 1 for `store/mod.rs`, 2 for `store/redis.rs`.
    fn depth(&self) -> usize {
        self.path.split('/').count() - usize::from(self.path.ends_with("/mod.rs"))
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The code without comments, and with literals emptied.
fn without_comments(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some(length) = literal(rest, out.chars().next_back().is_some_and(is_word)) {
            out.push_str("\"\"");
            length
        } else {
            out.push(c);
            c.len_utf8()
        };
        rest = &rest[length..];
    }
    out
}

/// Length of the comment that `text` starts with; comments nest.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        let step = match &text.as_bytes()[at..] {
            [b'/', b'*', ..] => {
                depth += 1;
                2
            }
            [b'*', b'/', ..] => {
                depth -= 1;
                2
            }
            _ => 1,
        };
        at += step;
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// Length of the string or character that `text` starts with; `None` if it starts with neither.
fn literal(text: &str, after_word: bool) -> Option<usize> {
    if !after_word && let Some(raw) = text.strip_prefix("br").or_else(|| text.strip_prefix('r')) {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let start = text.len() - raw.len() + hashes + 1;
            return Some(text[start..].find(&end).map_or(text.len(), |at| start + at + end.len()));
        }
    }
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let mut characters = text.char_indices().skip(1);
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' => drop(characters.next()),
            c if c == quote => return Some(at + 1),
            // A quote that does not close after one character is a lifetime.
            _ if quote == '\'' && !text[at + c.len_utf8()..].starts_with('\'') && !text.starts_with("'\\") => return None,
            _ => {}
        }
    }
    (quote == '"').then_some(text.len())
}

/// `code` without the items below `#[cfg(test)]`, and the names of the modules in files of their own among them.
fn without_tests(code: &str) -> (String, Vec<String>) {
    const MARK: &str = "#[cfg(test)]";
    let (mut out, mut files, mut rest) = (String::new(), Vec::new(), code);
    while let Some(at) = rest.find(MARK) {
        out.push_str(&rest[..at]);
        let item = &rest[at + MARK.len()..];
        let mut depth = 0;
        let end = item.char_indices().find(|(_, c)| {
            depth += i32::from(*c == '{') - i32::from(*c == '}');
            depth == 0 && matches!(c, ';' | '}')
        });
        let length = end.map_or(item.len(), |(at, _)| at + 1);
        let words: Vec<&str> = item[..length].split(|c| !is_word(c)).filter(|word| !word.is_empty()).collect();
        if item[..length].ends_with(';') && words.contains(&"mod") {
            files.extend(words.last().map(|name| (*name).to_owned()));
        }
        rest = &item[length..];
    }
    out.push_str(rest);
    (out, files)
}

/// Where `needle` stands in `code` as the start of a path: not within a word, and not after another part of a path.
fn starts<'a>(code: &'a str, needle: &'a str) -> impl Iterator<Item = &'a str> {
    code.match_indices(needle).filter_map(move |(at, _)| {
        let before = code[..at].strip_suffix("::").unwrap_or(&code[..at]);
        // `::name` is a path of its own, `other::name` is not; `name` within a word is neither.
        let free = !before.ends_with(|c: char| is_word(c) || c == '>') || (before.len() == at && before.ends_with(char::is_whitespace));
        free.then(|| &code[at + needle.len()..])
    })
}

/// The first names of what follows `crate::`: one, or several in braces.
fn first_names(path: &str) -> Vec<&str> {
    let name = |text: &'_ str| -> usize { text.find(|c| !is_word(c)).unwrap_or(text.len()) };
    let Some(group) = path.strip_prefix('{') else { return vec![&path[..name(path)]] };
    let (mut names, mut depth, mut expecting) = (Vec::new(), 0, true);
    for (at, c) in group.char_indices() {
        match c {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => expecting = true,
            c if expecting && is_word(c) => {
                names.push(&group[at..at + name(&group[at..])]);
                expecting = false;
            }
            _ => {}
        }
    }
    names
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|modules| modules.contains(&module))
}

/// Uses of a module of the same layer or a higher one.
fn check_layers(source: &Source) -> Vec<String> {
    let own = source.module();
    let Some(own_layer) = layer(own) else { return vec![format!("{}: the module has no layer: add it to the table", source.path)] };
    let root = "super::".repeat(source.depth());
    let used = starts(&source.code, "crate::").chain(starts(&source.code, &root)).flat_map(first_names);
    let allowed = |name: &str| name == own || (own, name) == WITHIN_A_LAYER || layer(name).is_none_or(|layer| layer < own_layer);
    let mut wrong: Vec<&str> = used.filter(|name| !allowed(name)).collect();
    wrong.sort_unstable();
    wrong.dedup();
    let told = |name: &str| format!("{}: uses `{name}`, which is not below `{own}`", source.path);
    wrong.into_iter().map(told).collect()
}

/// Whether the code names the outside crate, and not a module of its own with the same name.
fn names_crate(code: &str, name: &str) -> bool {
    let shadowed = starts(code, "mod ").any(|rest| first_names(rest) == [name]);
    let by_path = starts(code, &format!("{name}::")).next().is_some();
    let by_use = starts(code, &format!("use {name}")).any(|rest| rest.starts_with([';', ' ']));
    (by_path || by_use) && !shadowed
}

/// Uses of an outside crate away from its home.
fn check_homes(source: &Source) -> Vec<String> {
    let pure = layer(source.module()).is_some_and(|layer| layer < FIRST_WITH_RUNTIME);
    let runtime = (pure && names_crate(&source.code, "tokio")).then(|| format!("{}: uses `tokio` in a pure layer", source.path));
    let strays = HOMES.iter().filter(|(name, homes)| {
        let at_home = homes.iter().any(|home| source.path.starts_with(home));
        !at_home && names_crate(&source.code, name)
    });
    runtime.into_iter().chain(strays.map(|(name, homes)| format!("{}: uses `{name}`, whose home is {homes:?}", source.path))).collect()
}

/// Lines that say what no file may say.
fn check_words(path: &str, text: &str) -> Vec<String> {
    let unsaid: Vec<String> = UNSAID.iter().map(|(head, tail)| format!("{head}{tail}")).collect();
    let bad = |line: &str| unsaid.iter().any(|word| line.to_lowercase().contains(word.as_str()));
    text.lines().zip(1..).filter(|(line, _)| bad(line)).map(|(line, number)| format!("{path}:{number}: {}", line.trim())).collect()
}

/// Packages of a lock file that come from elsewhere than the public registry.
fn check_lock(text: &str) -> Vec<String> {
    let public = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
    text.lines().filter(|line| line.starts_with("source = ") && *line != public).map(str::to_owned).collect()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files_below(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).expect("the directory can be read") {
        let path = entry.expect("the entry can be read").path();
        if path.is_dir() {
            files_below(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// All sources below `src` but the crate's two roots and what only tests compile.
fn sources() -> Vec<Source> {
    let src = root().join("src");
    let mut files = Vec::new();
    files_below(&src, &mut files);
    files.sort();
    let (mut sources, mut tests) = (Vec::new(), Vec::new());
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "rs")) {
        let text = std::fs::read_to_string(file).expect("the file can be read");
        let (code, test_modules) = without_tests(&without_comments(&text));
        // The modules of `a/mod.rs` lie in `a/`, those of `a/b.rs` in `a/b/`.
        let is_root = file.file_name().is_some_and(|name| ["mod.rs", "lib.rs", "main.rs"].iter().any(|root| name == *root));
        let home = if is_root { file.parent().expect("a file has a parent").to_path_buf() } else { file.with_extension("") };
        tests.extend(test_modules.into_iter().map(|name| home.join(name)));
        let path = file.strip_prefix(&src).expect("it lies below src").to_string_lossy().replace('\\', "/");
        sources.push((file.clone(), Source { path, code }));
    }
    let only_test = |file: &Path| tests.iter().any(|test| file.starts_with(test) || file.with_extension("") == *test);
    let is_root = |source: &Source| matches!(source.path.as_str(), "lib.rs" | "main.rs");
    sources.into_iter().filter(|(file, source)| !only_test(file) && !is_root(source)).map(|(_, source)| source).collect()
}

/// The files of the repository; where there is no git, those of its directories.
#[expect(clippy::disallowed_methods, reason = "git knows which files are part of the repository")]
fn repository() -> Vec<PathBuf> {
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output().ok().filter(|output| output.status.success());
    if let Some(output) = listed
        && !output.stdout.is_empty()
    {
        return String::from_utf8_lossy(&output.stdout).split_terminator('\0').map(|name| root().join(name)).collect();
    }
    let mut files = vec![root().join("Cargo.toml"), root().join("Cargo.lock")];
    for directory in ["src", "tests", "workloads"] {
        files_below(&root().join(directory), &mut files);
    }
    files
}

fn report(problems: &[String]) {
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

#[test]
fn modules_use_lower_layers_only() {
    let sources = sources();
    assert!(sources.len() > 30, "the sources were found: {}", sources.len());
    for source in &sources {
        // What is left of a file is whole, or a literal or an item was cut at the wrong place.
        assert_eq!(source.code.matches('{').count(), source.code.matches('}').count(), "{}: braces", source.path);
    }
    report(&sources.iter().flat_map(check_layers).collect::<Vec<_>>());
}

#[test]
fn outside_crates_stay_in_their_homes() {
    report(&sources().iter().flat_map(check_homes).collect::<Vec<_>>());
}

#[test]
fn no_file_speaks_of_the_machine_it_was_written_on() {
    let read = |file: &PathBuf| Some((file.strip_prefix(root()).ok()?.display().to_string(), std::fs::read_to_string(file).ok()?));
    let texts: Vec<(String, String)> = repository().iter().filter_map(read).collect();
    assert!(texts.iter().any(|(path, _)| path.ends_with("tidy.rs")) && texts.len() > 50, "the files were found: {}", texts.len());
    let mut problems: Vec<String> = texts.iter().flat_map(|(path, text)| check_words(path, text)).collect();
    problems.extend(texts.iter().filter(|(path, _)| path == "Cargo.lock").flat_map(|(_, text)| check_lock(text)));
    report(&problems);
}

fn source(path: &str, text: &str) -> Source {
    Source { path: path.to_owned(), code: without_tests(&without_comments(text)).0 }
}

#[test]
fn a_broken_layer_is_found_however_it_is_written() {
    for (path, text) in [
        ("stats/mod.rs", "use crate::store::Store;"),
        ("stats/mod.rs", "use crate::rules::judge;"),
        ("store/redis.rs", "use crate::{base::units, engine::{Client, part}};"),
        ("store/redis.rs", "fn f() { let c = crate::engine::Client::new(); }"),
        ("store/redis.rs", "use super::super::compose::open;"),
        ("model/mod.rs", "pub use super::stats::Interval;"),
        ("model/op.rs", "use\n    crate::{\n        base, cli\n    };"),
        ("engine/mod.rs", "#[cfg(test)]\nmod tests;\nuse crate::trial::plan;"),
        ("unknown/mod.rs", "fn f() {}"),
    ] {
        assert_eq!(check_layers(&source(path, text)).len(), 1, "{path}: {text}");
    }
    let two = check_layers(&source("spec/mod.rs", "use crate::{store, stats, model};"));
    assert!(two.len() == 2 && two[0].contains("`stats`") && two[1].contains("spec/mod.rs"), "{two:?}");
}

#[test]
fn what_is_allowed_is_not_found() {
    for (path, text) in [
        ("stats/mod.rs", "use crate::base::seed::Seed; use crate::stats::level;"),
        (
            "stats/mod.rs",
            "//! [`crate::store`]\n/* crate::engine */ const A: &str = \"crate::engine\"; const B: &str = r#\"\"crate::cli\"#;",
        ),
        ("stats/mod.rs", "fn f<'a>(x: &'a str) -> char { '\"' } // use crate::engine"),
        ("stats/mod.rs", "#[cfg(test)]\nmod tests { use crate::engine::Client; fn f() { {} } }\nuse crate::model;"),
        ("store/redis.rs", "use super::{Store, StoreError}; use super::null;"),
        ("rules/mod.rs", "use crate::stats::{self, Interval};"),
        ("trial/load.rs", "use crate::{engine, compose, rundir, report};"),
        ("recorder/log.rs", "use crate::{base::{clock, units}, model::op};"),
    ] {
        assert_eq!(check_layers(&source(path, text)), Vec::<String>::new(), "{path}: {text}");
    }
}

#[test]
fn an_outside_crate_away_from_home_is_found() {
    for (path, text) in [
        ("engine/mod.rs", "use redis::Client;"),
        ("store/postgres.rs", "fn f() -> ::redis::Value { todo() }"),
        ("trial/plan.rs", "#[derive(clap::Args)] struct A;"),
        ("store/redis.rs", "use sqlx;"),
        ("store/redis.rs", "use scylla as s;"),
        ("report/page.rs", "use plotters::prelude::*;"),
        ("compose/cache.rs", "let fd = rustix::fs::open();"),
        ("rules/mod.rs", "use {tokio::time, serde::Serialize};"),
        ("generate/keys.rs", "async fn f() { tokio::task::yield_now().await }"),
    ] {
        assert_eq!(check_homes(&source(path, text)).len(), 1, "{path}: {text}");
    }
    for (path, text) in [
        ("store/redis.rs", "use redis::aio::ConnectionLike;"),
        ("store/mod.rs", "pub mod redis; static D: [&Driver; 1] = [&redis::DRIVER];"),
        ("store/mod.rs", "use crate::store::redis::DRIVER; use self::redis::DRIVER as D;"),
        ("report/charts/canvas.rs", "use plotters::prelude::*;"),
        ("cli/args.rs", "use clap::Parser;"),
        ("engine/worker.rs", "use tokio::time; use rustix::time::Timespec;"),
        ("rules/mod.rs", "// tokio::time\nfn not_tokio() { my_tokio::run() }"),
    ] {
        assert_eq!(check_homes(&source(path, text)), Vec::<String>::new(), "{path}: {text}");
    }
}

#[test]
fn words_and_registries_of_one_machine_are_found() {
    for (head, tail) in UNSAID {
        let line = format!("first\nsee {head}{tail}x for more");
        let found = check_words("README.md", &line);
        assert!(found.len() == 1 && found[0].starts_with("README.md:2:"), "{found:?}");
        assert_eq!(check_words("README.md", &line.to_uppercase()).len(), 1);
    }
    assert_eq!(check_words("README.md", "workloads/rules, shared memory, framework/x, a helper, a session"), Vec::<String>::new());
    assert_eq!(check_lock("source = \"registry+https://example.org/index\"\nname = \"x\"").len(), 1);
    assert_eq!(check_lock("source = \"registry+https://github.com/rust-lang/crates.io-index\""), Vec::<String>::new());
}

#[test]
fn items_and_files_that_only_tests_compile_are_left_out() {
    let (code, files) = without_tests("#[cfg(test)]\npub mod scripted;\nuse a::b;\n#[cfg(test)]\nmod tests { fn f() { } }\nfn g() {}");
    assert_eq!(files, ["scripted"]);
    assert!(code.contains("use a::b;") && code.contains("fn g()") && !code.contains("fn f()"), "{code}");
    assert!(sources().iter().all(|source| source.path != "stats/tests.rs"), "files of tests are left out");
    assert!(sources().iter().any(|source| source.path == "stats/mod.rs"));
}

//! Which servers are on this machine, and where.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::process;
use crate::model::topology::Product;

/// The Cassandra release that `install` fetches.
pub const CASSANDRA_VERSION: &str = "5.0.9";

/// Whether a server can be started here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It can.
    Available {
        /// The program; of Cassandra the directory of its jars.
        path: PathBuf,
        /// Its version, as the program says.
        version: String,
    },
    /// It cannot.
    Missing {
        /// How to get it.
        how: String,
    },
}

impl Found {
    /// The path, if it is there.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Found::Available { path, .. } => Some(path),
            Found::Missing { .. } => None,
        }
    }
}

/// Looks for a server: PostgreSQL in `BALLPARK_POSTGRES_BIN` (a directory), `PATH`, `/usr/lib/postgresql/*/bin`; Redis and ScyllaDB in `PATH`;
/// Cassandra as jars in `BALLPARK_CASSANDRA_JARS` or the cache directory, with a Java 17 or 11.
pub fn find(product: Product) -> Found {
    match product {
        Product::Postgres => find_postgres(),
        Product::Redis => find_program("redis-server", "install the package redis-server (`ballpark install redis`)"),
        Product::Cassandra => find_cassandra(),
        Product::Scylla => find_program("scylla", "install ScyllaDB from its makers' package repository, so that `scylla` is in PATH"),
    }
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// A program in `PATH`.
pub(super) fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).filter(|dir| dir.is_absolute()).map(|dir| dir.join(name)).find(|file| is_program(file))
}

fn output_of(program: &Path, argument: &str) -> Option<String> {
    let output = process::run(program, &[OsString::from(argument)], Path::new("/"), None).ok()?;
    output.status.success().then(|| process::printed(&output))
}

/// The first word that begins with a digit: `postgres (PostgreSQL) 15.18 (Debian …)` → `15.18`.
fn version_in(text: &str) -> Option<String> {
    let words = text.split(|c: char| c.is_whitespace() || matches!(c, '"' | '='));
    words.into_iter().find(|word| word.starts_with(|c: char| c.is_ascii_digit())).map(str::to_owned)
}

fn find_program(name: &str, how: &str) -> Found {
    let missing = |why: String| Found::Missing { how: why };
    let Some(path) = in_path(name) else { return missing(how.to_owned()) };
    match output_of(&path, "--version").as_deref().and_then(version_in) {
        Some(version) => Found::Available { path, version },
        None => missing(format!("{} does not tell its version; {how}", path.display())),
    }
}

/// Numbers of a version, for comparison: `9.6` < `15`.
fn numbers(version: &str) -> Vec<u32> {
    version.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
}

fn newest_postgres() -> Option<PathBuf> {
    let entries = fs::read_dir("/usr/lib/postgresql").ok()?;
    let complete = entries.flatten().filter(|entry| is_program(&entry.path().join("bin/postgres")));
    let newest = complete.max_by_key(|entry| numbers(&entry.file_name().to_string_lossy()))?;
    Some(newest.path().join("bin/postgres"))
}

fn find_postgres() -> Found {
    let how = "install the package postgresql (`ballpark install postgres`), or name its directory of programs in BALLPARK_POSTGRES_BIN";
    let named = std::env::var_os("BALLPARK_POSTGRES_BIN").map(|dir| PathBuf::from(dir).join("postgres"));
    let path = match named {
        Some(path) if !is_program(&path) => {
            return Found::Missing {
                how: format!("BALLPARK_POSTGRES_BIN names a directory without a program `postgres`: {}", path.display()),
            };
        }
        Some(path) => Some(path),
        None => in_path("postgres").or_else(newest_postgres),
    };
    let Some(path) = path else { return Found::Missing { how: how.to_owned() } };
    if !is_program(&path.with_file_name("initdb")) {
        return Found::Missing { how: format!("{} has no `initdb` beside it; {how}", path.display()) };
    }
    match output_of(&path, "--version").as_deref().and_then(version_in) {
        Some(version) => Found::Available { path, version },
        None => Found::Missing { how: format!("{} does not tell its version; {how}", path.display()) },
    }
}

/// The major version in what `java -version` prints.
fn java_major(text: &str) -> Option<u32> {
    let version = text.lines().find(|line| line.contains("version"))?.split('"').nth(1)?;
    match numbers(version).as_slice() {
        [1, major, ..] | [major, ..] => Some(*major),
        [] => None,
    }
}

/// A Java that Cassandra 5.0 runs on: 17, else 11. Newer ones refuse its security manager.
pub fn find_java() -> Found {
    let mut candidates: Vec<PathBuf> = Vec::new();
    candidates.extend(std::env::var_os("JAVA_HOME").map(|home| PathBuf::from(home).join("bin/java")));
    candidates.extend(in_path("java"));
    if let Ok(entries) = fs::read_dir("/usr/lib/jvm") {
        let mut installed: Vec<PathBuf> = entries.flatten().map(|entry| entry.path().join("bin/java")).collect();
        installed.sort();
        candidates.extend(installed);
    }
    candidates.retain(|path| is_program(path));
    let known: Vec<(u32, PathBuf)> =
        candidates.into_iter().filter_map(|path| Some((java_major(&output_of(&path, "-version")?)?, path))).collect();
    for wanted in [17, 11] {
        if let Some((major, path)) = known.iter().find(|(major, _)| *major == wanted) {
            return Found::Available { path: path.clone(), version: major.to_string() };
        }
    }
    let others: Vec<String> = known.iter().map(|(major, path)| format!("{} is Java {major}", path.display())).collect();
    let others = if others.is_empty() { String::new() } else { format!(" ({})", others.join(", ")) };
    Found::Missing {
        how: format!("Cassandra needs Java 17 or 11{others}: install openjdk-17-jre-headless, or name the directory of one in JAVA_HOME"),
    }
}

/// Directory that `install` puts the jars into: `$XDG_CACHE_HOME/ballpark/cassandra-<version>`, by default below `~/.cache`.
pub fn jars_dir() -> PathBuf {
    if let Some(dir) = std::env::var_os("BALLPARK_CASSANDRA_JARS") {
        return PathBuf::from(dir);
    }
    xdg("XDG_CACHE_HOME", ".cache").join("ballpark").join(format!("cassandra-{CASSANDRA_VERSION}"))
}

/// A base directory of the XDG specification.
pub(super) fn xdg(variable: &str, below_home: &str) -> PathBuf {
    let set = std::env::var_os(variable).map(PathBuf::from).filter(|dir| dir.is_absolute());
    set.unwrap_or_else(|| PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| OsString::from("/var/tmp"))).join(below_home))
}

/// The jar whose name begins with `prefix`, and its version.
pub(super) fn jar(dir: &Path, prefix: &str) -> Option<(PathBuf, String)> {
    fs::read_dir(dir).ok()?.flatten().find_map(|entry| {
        let name = entry.file_name();
        let version = name.to_str()?.strip_prefix(prefix)?.strip_suffix(".jar")?;
        version.starts_with(|c: char| c.is_ascii_digit()).then(|| (entry.path(), version.to_owned()))
    })
}

fn find_cassandra() -> Found {
    let dir = jars_dir();
    let (Some((_, version)), Some(_)) = (jar(&dir, "cassandra-all-"), jar(&dir, "jamm-")) else {
        return Found::Missing {
            how: format!(
                "its jars are not in {}: `ballpark install cassandra` fetches them, or name their directory in BALLPARK_CASSANDRA_JARS",
                dir.display()
            ),
        };
    };
    match find_java() {
        Found::Available { .. } => Found::Available { path: dir, version },
        missing @ Found::Missing { .. } => missing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_versions_that_programs_print() {
        assert_eq!(version_in("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)").as_deref(), Some("15.18"));
        assert_eq!(version_in("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc").as_deref(), Some("7.0.15"));
        assert_eq!(java_major("Picked up X\nopenjdk version \"17.0.15\" 2025-04-15\n"), Some(17));
        assert_eq!(java_major("java version \"1.8.0_292\""), Some(8));
        assert_eq!(java_major("openjdk version \"25\" 2025-09-16"), Some(25));
        assert!(numbers("9.6") < numbers("15"));
    }

    #[test]
    fn knows_a_jar_by_name_and_version() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("jamm-tests.jar"), "").unwrap();
        assert_eq!(jar(dir.path(), "jamm-"), None);
        fs::write(dir.path().join("jamm-0.4.0.jar"), "").unwrap();
        assert_eq!(jar(dir.path(), "jamm-").map(|(_, version)| version).as_deref(), Some("0.4.0"));
    }
}

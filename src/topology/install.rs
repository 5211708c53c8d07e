//! Gets missing servers: packages by apt, the jars of Cassandra by Maven. Nothing happens without the plan having been made first.

use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::find::{CASSANDRA_VERSION, Found, find, find_java, in_path, jar, jars_dir};
use super::place;
use crate::model::topology::Product;

/// Plug-in that copies jars; stated, so that the same jars come next year.
const COPY_JARS: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";

/// Asked by Debian's packages before they start a service; 101 means: do not.
const POLICY: &str = "/usr/sbin/policy-rc.d";
const POLICY_TEXT: &str =
    "#!/bin/sh\n# Written by ballpark: no services are started while it installs servers. Removed afterwards.\nexit 101\n";

/// Lines of output that an error quotes.
const TAIL_LINES: usize = 20;

/// One command of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What it does, for people.
    pub what: String,
    /// The command and its arguments; empty if it has to be done by hand.
    pub command: Vec<String>,
    work: Work,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Work {
    Packages,
    Jars { staging: PathBuf, target: PathBuf },
    ByHand,
}

/// What happens during an installation.
#[derive(Debug, Clone, Copy)]
pub enum Progress<'a> {
    /// A step begins.
    Step(&'a Step),
    /// A line of its output.
    Line(&'a str),
}

/// Why servers could not be installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// It takes another account or another system.
    #[error("{why}; run by hand:\n{commands}")]
    ByHand {
        /// What is in the way.
        why: String,
        /// The commands, one a line.
        commands: String,
    },
    /// A command failed.
    #[error("`{command}` failed ({status}):\n{tail}")]
    Failed {
        /// The command.
        command: String,
        /// How it ended.
        status: String,
        /// The end of its output.
        tail: String,
    },
    /// A file or program could not be used.
    #[error("cannot {what} {path}: {source}", path = path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file or program.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The download ended without what was wanted.
    #[error("{path} has no {wanted} after the download", path = path.display())]
    Incomplete {
        /// Directory of the jars.
        path: PathBuf,
        /// What is missing.
        wanted: &'static str,
    },
}

impl InstallError {
    fn io<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Self + 'a {
        move |source| InstallError::Io { what, path: path.to_owned(), source }
    }
}

/// What is needed to have `products` here; empty if nothing is missing.
pub fn install_plan(products: &[Product]) -> Vec<Step> {
    let missing = |product: Product| products.contains(&product) && find(product).path().is_none();
    let no_jars = missing(Product::Cassandra) && {
        let dir = jars_dir();
        jar(&dir, "cassandra-all-").is_none() || jar(&dir, "jamm-").is_none()
    };
    let mut packages = Vec::new();
    if missing(Product::Postgres) {
        packages.push("postgresql");
    }
    if missing(Product::Redis) {
        packages.push("redis-server");
    }
    if missing(Product::Cassandra) && matches!(find_java(), Found::Missing { .. }) {
        packages.push("openjdk-17-jre-headless");
    }
    if no_jars && in_path("mvn").is_none() {
        packages.push("maven");
    }
    let mut plan = package_steps(&packages);
    if no_jars {
        plan.push(jars_step());
    }
    if missing(Product::Scylla)
        && let Found::Missing { how } = find(Product::Scylla)
    {
        plan.push(Step { what: format!("{}: {how}", Product::Scylla.title()), command: Vec::new(), work: Work::ByHand });
    }
    plan
}

fn package_steps(packages: &[&str]) -> Vec<Step> {
    if packages.is_empty() {
        return Vec::new();
    }
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<String>>();
    let mut install = words(&["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "--no-install-recommends"]);
    install.extend(words(packages));
    vec![
        Step { what: "fetch the list of packages".to_owned(), command: words(&["apt-get", "update"]), work: Work::Packages },
        Step { what: format!("install {}", packages.join(", ")), command: install, work: Work::Packages },
    ]
}

fn jars_step() -> Step {
    let target = jars_dir();
    let name = target.file_name().map_or_else(|| "cassandra".into(), |name| name.to_string_lossy().into_owned());
    let staging = target.with_file_name(format!("{}-{name}.partial", place::tag()));
    let mut command: Vec<String> = ["mvn", "-B", "-q", "-f"].map(str::to_owned).into();
    command.push(staging.join("pom.xml").display().to_string());
    command.extend([COPY_JARS.to_owned(), "-DincludeScope=runtime".to_owned()]);
    command.push(format!("-DoutputDirectory={}", staging.join("jars").display()));
    let what = format!("fetch Apache Cassandra {CASSANDRA_VERSION} (about 70 MB) into {}", target.display());
    Step { what, command, work: Work::Jars { staging, target } }
}

fn pom() -> String {
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">\n  <modelVersion>4.0.0</modelVersion>\n  \
         <groupId>ballpark</groupId><artifactId>cassandra-jars</artifactId><version>1</version><packaging>pom</packaging>\n  \
         <dependencies><dependency>\n    <groupId>org.apache.cassandra</groupId><artifactId>cassandra-all</artifactId>\
         <version>{CASSANDRA_VERSION}</version>\n  </dependency></dependencies>\n</project>\n"
    )
}

/// Carries out a plan. Steps to do by hand are only reported.
///
/// # Errors
/// If packages are to be installed without root or without apt (the text has the commands), or a command fails.
pub fn install(plan: &[Step], progress: &mut dyn FnMut(Progress<'_>)) -> Result<(), InstallError> {
    if plan.iter().any(|step| step.work == Work::Packages) {
        check_apt(plan)?;
    }
    for step in plan {
        progress(Progress::Step(step));
        match &step.work {
            Work::ByHand => {}
            Work::Packages => {
                let _quiet = NoServices::arrange(Path::new(POLICY))?;
                run(&step.command, None, progress)?;
            }
            Work::Jars { staging, target } => fetch_jars(&step.command, staging, target, progress)?,
        }
    }
    Ok(())
}

fn check_apt(plan: &[Step]) -> Result<(), InstallError> {
    let why = match (in_path("apt-get"), rustix::process::geteuid().is_root()) {
        (None, _) => "packages are installed with apt-get, which this system does not have",
        (Some(_), false) => "installing packages takes root",
        (Some(_), true) => return Ok(()),
    };
    let commands: Vec<String> =
        plan.iter().filter(|step| step.work == Work::Packages).map(|step| format!("  sudo {}", step.command.join(" "))).collect();
    Err(InstallError::ByHand { why: why.to_owned(), commands: commands.join("\n") })
}

/// Keeps freshly installed packages from starting their services on the default ports; an existing policy is left alone.
struct NoServices<'a> {
    path: Option<&'a Path>,
}

impl<'a> NoServices<'a> {
    fn arrange(path: &'a Path) -> Result<Self, InstallError> {
        // One that was left by an interrupted installation is ours to remove.
        let foreign = fs::read_to_string(path).map_or_else(|error| error.kind() != io::ErrorKind::NotFound, |text| text != POLICY_TEXT);
        if foreign {
            return Ok(Self { path: None });
        }
        fs::write(path, POLICY_TEXT).map_err(InstallError::io("write", path))?;
        let guard = Self { path: Some(path) };
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).map_err(InstallError::io("make executable", path))?;
        Ok(guard)
    }
}

impl Drop for NoServices<'_> {
    fn drop(&mut self) {
        if let Some(path) = self.path {
            let _ = fs::remove_file(path);
        }
    }
}

fn fetch_jars(command: &[String], staging: &Path, target: &Path, progress: &mut dyn FnMut(Progress<'_>)) -> Result<(), InstallError> {
    fs::create_dir_all(staging).map_err(InstallError::io("create", staging))?;
    let result = fetch_into(command, staging, target, progress);
    let _ = fs::remove_dir_all(staging);
    result
}

fn fetch_into(command: &[String], staging: &Path, target: &Path, progress: &mut dyn FnMut(Progress<'_>)) -> Result<(), InstallError> {
    if let Some(parent) = staging.parent() {
        place::sweep(parent);
    }
    let file = staging.join("pom.xml");
    fs::write(&file, pom()).map_err(InstallError::io("write", &file))?;
    // Maven runs on the Java that Cassandra needs, if only because that one is surely there.
    let home = find_java().path().and_then(|java| Some(fs::canonicalize(java).ok()?.parent()?.parent()?.to_owned()));
    run(command, home, progress)?;
    let jars = staging.join("jars");
    for (prefix, wanted) in [("cassandra-all-", "cassandra-all"), ("jamm-", "jamm")] {
        if jar(&jars, prefix).is_none() {
            return Err(InstallError::Incomplete { path: jars, wanted });
        }
    }
    // A directory that was there was incomplete, else there were nothing to fetch. The rename makes it whole at once.
    let _ = fs::remove_dir_all(target);
    fs::rename(&jars, target).map_err(InstallError::io("create", target))
}

/// Runs a command with our own environment (proxies, `HOME`), handing on what it prints.
#[expect(clippy::disallowed_methods, reason = "topology is the one place that starts processes")]
fn run(command: &[String], java_home: Option<PathBuf>, progress: &mut dyn FnMut(Progress<'_>)) -> Result<(), InstallError> {
    let Some((program, arguments)) = command.split_first() else { return Ok(()) };
    let failed = InstallError::io("run", Path::new(program));
    let (reader, writer) = io::pipe().map_err(InstallError::io("run", Path::new(program)))?;
    let start = || {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
        command.envs(java_home.map(|home| (OsString::from("JAVA_HOME"), home)));
        // Our ends of the pipe close with the command, so that the reader sees the end.
        command.spawn()
    };
    let mut child = start().map_err(failed)?;
    let mut tail: Vec<String> = Vec::new();
    for line in BufReader::new(reader).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        progress(Progress::Line(&line));
        tail.push(line);
        if tail.len() > TAIL_LINES {
            tail.remove(0);
        }
    }
    let status = child.wait().map_err(InstallError::io("wait for", Path::new(program)))?;
    if status.success() {
        return Ok(());
    }
    Err(InstallError::Failed { command: command.join(" "), status: status.to_string(), tail: tail.join("\n") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_take_an_update_and_one_install() {
        assert!(package_steps(&[]).is_empty());
        let steps = package_steps(&["postgresql", "maven"]);
        assert_eq!(steps[0].command, ["apt-get", "update"]);
        assert_eq!(steps[1].command[2..4], ["apt-get", "install"]);
        assert_eq!(steps[1].command[6..], ["postgresql", "maven"]);
    }

    #[test]
    fn jars_are_staged_beside_their_target() {
        let step = jars_step();
        let Work::Jars { staging, target } = &step.work else { panic!("{step:?}") };
        assert_eq!(staging.parent(), target.parent());
        assert!(!place::is_stale(&staging.file_name().unwrap().to_string_lossy()));
        assert!(step.command.iter().any(|word| word.ends_with("3.8.1:copy-dependencies")));
        assert!(pom().contains(CASSANDRA_VERSION));
    }

    #[test]
    fn a_policy_of_the_system_is_left_alone_and_ours_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("policy-rc.d");
        drop(NoServices::arrange(&path).unwrap());
        assert!(!path.exists());
        let guard = NoServices::arrange(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o755);
        drop(guard);
        fs::write(&path, "#!/bin/sh\nexit 0\n").unwrap();
        drop(NoServices::arrange(&path).unwrap());
        assert!(path.exists());
    }

    #[test]
    fn output_is_handed_on_and_a_failure_is_told_with_it() {
        let mut lines = Vec::new();
        let command = ["sh", "-c", "echo out; echo err >&2; exit 3"].map(str::to_owned);
        let error = run(&command, None, &mut |progress| {
            if let Progress::Line(line) = progress {
                lines.push(line.to_owned());
            }
        })
        .unwrap_err();
        assert_eq!(lines, ["out", "err"]);
        assert!(matches!(&error, InstallError::Failed { status, tail, .. } if status.contains('3') && tail == "out\nerr"), "{error:?}");
    }

    #[test]
    fn an_incomplete_download_is_not_taken() {
        let dir = tempfile::tempdir().unwrap();
        let (staging, target) = (dir.path().join("x.partial"), dir.path().join("x"));
        let command = vec!["true".to_owned()];
        let error = fetch_jars(&command, &staging, &target, &mut |_| {}).unwrap_err();
        assert!(matches!(error, InstallError::Incomplete { .. }) && !staging.exists() && !target.exists());
        let make = format!("mkdir {0}/jars; touch {0}/jars/cassandra-all-5.jar {0}/jars/jamm-1.jar", staging.display());
        fetch_jars(&["sh".to_owned(), "-c".to_owned(), make], &staging, &target, &mut |_| {}).unwrap();
        assert!(target.join("jamm-1.jar").exists() && !staging.exists());
    }
}

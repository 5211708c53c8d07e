//! The run directory: the border between measuring and analysis, and the only writer below `reports/`.
//!
//! ```text
//! <run>/manifest.json  events.jsonl  trials/<experiment>/<variant>/<round>/{trial.json,series.csv,*.hlog}
//!      nodes/<node>/log  results.json  results.csv  index.html  report.md  charts/*.svg
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::base::clock::{Clock, Nanos};
use crate::model::manifest::Manifest;
use crate::model::results::{Results, SCHEMA};
use crate::model::trial::{SeriesPoint, TrialRecord};

/// Why a run directory could not be read or written. The text names the file and what to do.
#[derive(Debug, thiserror::Error)]
pub enum RunDirError {
    /// The file system refused.
    #[error("{path}: {source}{}", remedy(source))]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("{path}: {text}")]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        text: String,
    },
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull => "; make room on this disk, or name another directory with --out",
        io::ErrorKind::PermissionDenied => "; name a directory that you may write to with --out",
        io::ErrorKind::NotFound => "; `ballpark report` takes a run directory, such as reports/20260102-150405-quick",
        _ => "",
    }
}

/// A run directory.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    events: Option<Mutex<File>>,
    clock: Clock,
    origin: Nanos,
}

/// A trial as it was read back.
#[derive(Debug, Clone)]
pub struct StoredTrial {
    /// Its record.
    pub record: TrialRecord,
    /// Its time series.
    pub series: Vec<SeriesPoint>,
    /// Its directory.
    pub path: PathBuf,
}

impl RunDir {
    /// Creates the directory `root/id`.
    ///
    /// # Errors
    /// If it exists or cannot be made.
    pub fn create(root: &Path, id: &str, clock: Clock) -> Result<Self, RunDirError> {
        fs::create_dir_all(root).map_err(|source| RunDirError::Io { path: root.to_owned(), source })?;
        let path = root.join(id);
        fs::create_dir(&path).map_err(|source| RunDirError::Io { path: path.clone(), source })?;
        let events_path = path.join("events.jsonl");
        let events = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&events_path)
            .map_err(|source| RunDirError::Io { path: events_path, source })?;
        let path = path.canonicalize().unwrap_or(path);
        Ok(Self { path, events: Some(Mutex::new(events)), clock, origin: clock.now() })
    }

    /// Opens a finished run for reading.
    ///
    /// # Errors
    /// If there is no manifest, or it is of another version.
    pub fn open(path: &Path) -> Result<Self, RunDirError> {
        let manifest = path.join("manifest.json");
        fs::metadata(&manifest).map_err(|source| RunDirError::Io { path: manifest, source })?;
        let clock = Clock::real();
        Ok(Self { path: path.to_owned(), events: None, clock, origin: clock.now() })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Nanoseconds since the run began.
    pub fn elapsed(&self) -> Nanos {
        self.clock.now().saturating_sub(self.origin)
    }

    /// Nanoseconds from the start of the run to `at`, a reading of the same clock.
    pub fn since_start(&self, at: Nanos) -> Nanos {
        at.saturating_sub(self.origin)
    }

    /// Appends an event. Best effort: a run is not lost for want of a line of its log.
    pub fn event(&self, kind: &str, text: &str) {
        let line = serde_json::json!({ "at_s": self.elapsed() as f64 / 1e9, "kind": kind, "text": text });
        if let Some(events) = &self.events
            && let Ok(mut file) = events.lock()
        {
            let _ = writeln!(file, "{line}");
        }
    }

    /// Writes the manifest.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn write_manifest(&self, manifest: &Manifest) -> Result<(), RunDirError> {
        self.write_json("manifest.json", manifest)
    }

    /// Reads the manifest.
    ///
    /// # Errors
    /// If it is missing, damaged or of another version.
    pub fn manifest(&self) -> Result<Manifest, RunDirError> {
        let manifest: Manifest = read_json(&self.path.join("manifest.json"))?;
        if manifest.schema != SCHEMA {
            let text = format!(
                "is of layout {}, and this version reads {SCHEMA}; use the version that wrote it ({})",
                manifest.schema, manifest.run.version
            );
            return Err(RunDirError::Content { path: self.path.join("manifest.json"), text });
        }
        Ok(manifest)
    }

    /// Writes a trial: record, series and histogram logs.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn write_trial(
        &self,
        trials_dir: &str,
        record: &TrialRecord,
        series: &[SeriesPoint],
        logs: &[(String, Vec<u8>)],
    ) -> Result<(), RunDirError> {
        let relative = format!("{trials_dir}/{}", record.round);
        let directory = self.path.join(&relative);
        fs::create_dir_all(&directory).map_err(|source| RunDirError::Io { path: directory, source })?;
        for (name, bytes) in logs {
            self.write(&format!("{relative}/{name}"), bytes)?;
        }
        self.write(&format!("{relative}/series.csv"), series_csv(series).as_bytes())?;
        self.write_json(&format!("{relative}/trial.json"), record)
    }

    /// Reads the trials of a variant in the order of rounds; those without a record (interrupted) are left out.
    ///
    /// # Errors
    /// If a record is damaged.
    pub fn trials(&self, trials_dir: &str) -> Result<Vec<StoredTrial>, RunDirError> {
        let directory = self.path.join(trials_dir);
        let Ok(entries) = fs::read_dir(&directory) else { return Ok(Vec::new()) };
        let mut trials = Vec::new();
        for entry in entries.flatten() {
            let path = entry.path();
            let file = path.join("trial.json");
            if !file.exists() {
                continue;
            }
            let record: TrialRecord = read_json(&file)?;
            let series_path = path.join("series.csv");
            let text = fs::read_to_string(&series_path).map_err(|source| RunDirError::Io { path: series_path.clone(), source })?;
            let series = parse_series(&text).ok_or_else(|| RunDirError::Content { path: series_path, text: "is damaged".to_owned() })?;
            trials.push(StoredTrial { record, series, path });
        }
        trials.sort_by_key(|trial| trial.record.round);
        Ok(trials)
    }

    /// Reads a file of a trial.
    ///
    /// # Errors
    /// If it is missing.
    pub fn read(&self, path: &Path) -> Result<Vec<u8>, RunDirError> {
        fs::read(path).map_err(|source| RunDirError::Io { path: path.to_owned(), source })
    }

    /// Writes `results.json`.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn write_results(&self, results: &Results) -> Result<(), RunDirError> {
        self.write_json("results.json", results)
    }

    /// Writes a file of the report whole or not at all: to a temporary name, flushed, renamed.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn write(&self, relative: &str, bytes: &[u8]) -> Result<(), RunDirError> {
        let path = self.path.join(relative);
        let result = (|| {
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            let temporary = path.with_extension("part");
            let mut file = File::create(&temporary)?;
            file.write_all(bytes)?;
            // The trials are many and small; a flush of each would disturb the disk that is being measured. A manifest or a result is flushed.
            if !relative.starts_with("trials/") {
                file.sync_data()?;
            }
            fs::rename(&temporary, &path)
        })();
        result.map_err(|source| RunDirError::Io { path, source })
    }

    fn write_json<T: Serialize>(&self, relative: &str, value: &T) -> Result<(), RunDirError> {
        let mut text = serde_json::to_vec_pretty(value).map_err(|error| RunDirError::Content {
            path: self.path.join(relative),
            text: format!("cannot be written as JSON: {error}"),
        })?;
        text.push(b'\n');
        self.write(relative, &text)
    }
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, RunDirError> {
    let text = fs::read(path).map_err(|source| RunDirError::Io { path: path.to_owned(), source })?;
    serde_json::from_slice(&text).map_err(|error| RunDirError::Content { path: path.to_owned(), text: format!("is damaged: {error}") })
}

const SERIES_HEAD: &str = "at_s,length_s,throughput_per_s,errors_per_s,p50_ns,p99_ns";

fn series_csv(series: &[SeriesPoint]) -> String {
    let cell = |value: Option<u64>| value.map_or(String::new(), |value| value.to_string());
    let mut text = format!("{SERIES_HEAD}\n");
    for point in series {
        let SeriesPoint { at_s, length_s, throughput_per_s, errors_per_s, p50_ns, p99_ns } = point;
        text.push_str(&format!("{at_s},{length_s},{throughput_per_s},{errors_per_s},{},{}\n", cell(*p50_ns), cell(*p99_ns)));
    }
    text
}

fn parse_series(text: &str) -> Option<Vec<SeriesPoint>> {
    let mut lines = text.lines();
    (lines.next()? == SERIES_HEAD).then_some(())?;
    lines
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            let [at_s, length_s, throughput, errors, p50, p99] = cells[..] else { return None };
            let optional = |cell: &str| if cell.is_empty() { Some(None) } else { cell.parse().ok().map(Some) };
            Some(SeriesPoint {
                at_s: at_s.parse().ok()?,
                length_s: length_s.parse().ok()?,
                throughput_per_s: throughput.parse().ok()?,
                errors_per_s: errors.parse().ok()?,
                p50_ns: optional(p50)?,
                p99_ns: optional(p99)?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_reads_back_as_it_was_written() {
        let root = tempfile::tempdir().unwrap();
        let run = RunDir::create(root.path(), "run", Clock::real()).unwrap();
        let series =
            vec![SeriesPoint { at_s: 0.1, length_s: 0.1, throughput_per_s: 12.5, errors_per_s: 0.0, p50_ns: Some(7), p99_ns: None }];
        for round in [2, 1] {
            let record = TrialRecord { round, ops: 10, ..TrialRecord::default() };
            run.write_trial("trials/rule/a@0.5", &record, &series, &[("read.response.hlog".to_owned(), b"x".to_vec())]).unwrap();
        }
        fs::create_dir_all(run.path().join("trials/rule/a@0.5/3")).unwrap();
        let trials = run.trials("trials/rule/a@0.5").unwrap();
        assert_eq!(trials.iter().map(|trial| trial.record.round).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(trials[0].series, series);
        assert_eq!(run.read(&trials[0].path.join("read.response.hlog")).unwrap(), b"x");
    }

    #[test]
    fn a_directory_that_is_no_run_is_told() {
        let root = tempfile::tempdir().unwrap();
        let error = RunDir::open(root.path()).unwrap_err().to_string();
        assert!(error.contains("manifest.json") && error.contains("run directory"), "{error}");
        assert!(RunDir::create(root.path(), "a", Clock::real()).is_ok() && RunDir::create(root.path(), "a", Clock::real()).is_err());
    }
}

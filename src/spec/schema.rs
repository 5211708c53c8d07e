//! The published JSON schemas: of rule files, written by hand beside the reader's own tables of keys, and of `results.json`, from its types.

use serde_json::Value;

const EXPERIMENT: &str = include_str!("schema/experiment.json");

/// The schema of rule files (a TOML file is checked as the JSON of the same tables).
///
/// # Errors
/// Never in a tested build: the text is part of the binary.
pub fn schema() -> Result<Value, serde_json::Error> {
    serde_json::from_str(EXPERIMENT)
}

/// The schema of `results.json`.
pub fn results_schema() -> Value {
    schemars::schema_for!(crate::model::results::Results).to_value()
}

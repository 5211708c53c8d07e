//! `list`, `show`, `check`, `schema`, `completions`.

use std::path::PathBuf;

use clap::CommandFactory;

use super::args::{Args, List, Listed, SchemaOf};
use super::{Code, Ended, Failure, out, out_json};
use crate::model::experiment::Profile;
use crate::spec::catalogue;
use crate::{spec, store};

#[derive(serde::Serialize)]
struct Row {
    name: String,
    about: String,
}

fn context(profile: Profile) -> spec::Context {
    spec::Context { capabilities: store::capabilities(), profile, stores: None, sets: Vec::new() }
}

pub fn list(list: &List) -> Ended {
    let rows: Vec<Row> = match list.what {
        Listed::Rules => {
            let sources: Vec<spec::Source> = catalogue::rules().into_iter().filter_map(catalogue::rule).collect();
            let parsed = sources.iter().map(|source| spec::parse(source, &context(Profile::Standard))).collect::<Result<Vec<_>, _>>()?;
            parsed.into_iter().map(|experiment| Row { name: experiment.rule.id, about: experiment.rule.title }).collect()
        }
        Listed::Suites => catalogue::suites()?
            .into_iter()
            .map(|suite| Row { about: format!("{} ({} rules)", suite.about, suite.rules.len()), name: suite.name })
            .collect(),
        Listed::Topologies => catalogue::topologies()?.into_iter().map(|(topology, about)| Row { name: topology.name, about }).collect(),
        Listed::Stores => store::capabilities()
            .into_iter()
            .map(|capability| {
                let operations: Vec<&str> = capability.operations.iter().map(|kind| kind.name()).collect();
                Row { name: capability.name.to_owned(), about: format!("{}: {}", capability.title, operations.join(" ")) }
            })
            .collect(),
    };
    if list.json {
        return out_json(&rows);
    }
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
    for row in &rows {
        out(&format!("{:<width$}  {}\n", row.name, row.about));
    }
    Ok(Code::Ok)
}

pub fn show(rule: &str) -> Ended {
    for source in catalogue::resolve(rule).map_err(Failure::input)? {
        out(&format!("# {}\n{}\n", source.origin, source.text.trim_end()));
    }
    Ok(Code::Ok)
}

pub fn check(files: &[PathBuf]) -> Ended {
    let mut code = Code::Ok;
    for file in files {
        let path = file.display().to_string();
        let checked = std::fs::read_to_string(file).map_err(|error| format!("{path}: {error}")).and_then(|text| {
            let source = spec::Source::read_from(&path, text);
            spec::parse(&source, &context(Profile::Standard)).map_err(|error| error.to_string())
        });
        match checked {
            Ok(experiment) => {
                out(&format!("{path}: {} variants, {} criteria, good\n", experiment.variants.len(), experiment.criteria.len()))
            }
            Err(error) => {
                eprintln!("ballpark: {error}");
                code = Code::Input;
            }
        }
    }
    Ok(code)
}

pub fn schema(what: SchemaOf) -> Ended {
    match what {
        SchemaOf::Rules => out_json(&spec::schema::schema()?),
        SchemaOf::Results => out_json(&spec::schema::results_schema()),
    }
}

pub fn completions(shell: clap_complete::Shell) -> Ended {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "ballpark", &mut script);
    out(&String::from_utf8_lossy(&script));
    Ok(Code::Ok)
}

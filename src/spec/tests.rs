//! Tests of the whole reader, on a small library of their own, and of the catalogue.

mod broken;
mod catalogue;
mod good;

use super::catalogue::Source;
use super::error::SpecError;
use super::library::{File, Library};
use super::{Context, Loaded, Scope, parse_with};
use crate::model::experiment::{Experiment, Profile};
use crate::model::op::OpKind;
use crate::model::target::{Capability, Setting};
use crate::model::topology::Product;

const SETTING: Setting = Setting { name: "", values: &[], about: "" };

static POSTGRES: Capability = Capability {
    name: "postgres",
    title: "PostgreSQL",
    operations: &OpKind::ALL,
    settings: &[
        Setting { name: "synchronous_commit", values: &["on", "off", "local", "remote_write", "remote_apply"], ..SETTING },
        Setting { name: "transport", values: &["tcp", "unix"], ..SETTING },
    ],
    products: &[Product::Postgres],
    attributes: 8,
    indexes: true,
};

static REDIS: Capability = Capability {
    name: "redis",
    title: "Redis",
    operations: &[OpKind::Read, OpKind::Insert, OpKind::Update, OpKind::ReadModifyWrite, OpKind::Delete],
    settings: &[Setting { name: "connection", values: &["own", "shared"], ..SETTING }],
    products: &[Product::Redis],
    attributes: 0,
    indexes: false,
};

static CQL: Capability = Capability {
    name: "cql",
    title: "CQL",
    operations: &[OpKind::Read, OpKind::Insert, OpKind::Update, OpKind::ReadModifyWrite, OpKind::Delete, OpKind::FindBy],
    settings: &[Setting { name: "consistency", values: &["one", "quorum", "all", "local_quorum"], ..SETTING }],
    products: &[Product::Scylla, Product::Cassandra],
    attributes: 8,
    indexes: true,
};

static SQLITE: Capability = Capability {
    name: "sqlite",
    title: "SQLite",
    operations: &OpKind::ALL,
    settings: &[Setting { name: "synchronous", values: &["off", "normal", "full", "extra"], ..SETTING }],
    products: &[],
    attributes: 8,
    indexes: true,
};

static LIBRARY: Library = Library {
    rules: &[
        File { path: "rules/sql/sql-write.toml", text: "" },
        File { path: "rules/cache/cache-read-latency.toml", text: "" },
        File { path: "rules/cache/cache-ttl.toml", text: "" },
    ],
    mixes: &[File {
        path: "mixes/half.toml",
        text: "about = \"half\"\n[workload]\nmix = { read = 1, update = 1 }\nkeys = { distribution = \"zipfian\" }\n",
    }],
    topologies: &[
        File { path: "topologies/postgres-single.toml", text: "about = \"one\"\n[nodes.main]\nproduct = \"postgres\"\n" },
        File { path: "topologies/redis-single.toml", text: "about = \"one\"\n[nodes.main]\nproduct = \"redis\"\n" },
        File { path: "topologies/cassandra-single.toml", text: "about = \"one\"\n[nodes.main]\nproduct = \"cassandra\"\n" },
        File { path: "topologies/scylla-single.toml", text: "about = \"one\"\n[nodes.main]\nproduct = \"scylla\"\nmemory = \"1GiB\"\n" },
    ],
    suites: &[File { path: "suites/both.toml", text: "about = \"two\"\nrules = [\"sql-write\", \"cache-ttl\"]\n" }],
};

fn context() -> Context {
    Context {
        capabilities: vec![&POSTGRES, &REDIS, &CQL, &SQLITE, &crate::store::null::DRIVER.capability],
        profile: Profile::Standard,
        stores: None,
        sets: Vec::new(),
    }
}

fn source(text: &str) -> Source {
    Source::read_from("x.toml", text.to_owned())
}

fn load(texts: &[&str], context: &Context) -> Result<Loaded, SpecError> {
    let sources: Vec<Source> = texts.iter().map(|text| source(text)).collect();
    parse_with(&sources, &Scope { library: &LIBRARY, context })
}

/// What is wrong with a text: of a text that the options leave nothing of, that.
fn error(text: &str, context: &Context) -> SpecError {
    let loaded = load(&[text], context);
    loaded.map_or_else(|error| error, |mut loaded| loaded.left_out.pop().unwrap_or_else(|| panic!("no error in:\n{text}")).why)
}

fn experiment(text: &str, context: &Context) -> Experiment {
    load(&[text], context).unwrap_or_else(|error| panic!("{error}")).experiments.pop().unwrap()
}

/// Options with one `--set`.
fn with_set(key: &str, value: &str) -> Context {
    Context { sets: vec![(key.to_owned(), value.to_owned())], ..context() }
}

//! PostgreSQL over sqlx: one connection a session, statements prepared once and kept, no pool, no TLS, no log of statements.
//!
//! User and database are `postgres`; tables live in the schema `ballpark`. A read-modify-write is two statements and two round trips,
//! without a transaction around them. The driver has no time-out of its own: the engine's deadline ends an operation, and the
//! connection drops the late answer before its next statement.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::Range;

use futures_util::FutureExt;
use futures_util::future::try_join_all;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgQueryResult, PgSslMode};
use sqlx::{ConnectOptions, Connection, Row, SqlStr};
use tokio::sync::Mutex;

use super::answer::{loaded_value, signed};
use super::sql::{self, Dialect, SqlSession, Statements};
use super::{About, Driver, LocalBoxFuture, Session, Store, StoreError};
use crate::model::data::DataSet;
use crate::model::op::{OpKind, Outcome};
use crate::model::target::{Capability, Setting, StoreConfig};
use crate::model::topology::Product;

const NAME: &str = "postgres";

/// Connections that load at the same time.
const LOADERS: usize = 4;
/// Rows of one COPY: each is a transaction of its own.
const CHUNK: u64 = 20_000;
/// Bytes that are collected before they are sent.
const SEND: usize = 1 << 20;

const DIALECT: Dialect = Dialect { store: NAME, key: "bigint PRIMARY KEY", integer: "bigint", bytes: "bytea" };

/// Settings of the server that decide figures.
const SETTINGS: &[&str] = &[
    "autovacuum",
    "effective_io_concurrency",
    "fsync",
    "full_page_writes",
    "max_connections",
    "max_wal_size",
    "shared_buffers",
    "synchronous_commit",
    "synchronous_standby_names",
    "wal_compression",
    "wal_level",
    "wal_sync_method",
];

/// The driver.
pub static DRIVER: Driver = Driver {
    capability: Capability {
        name: NAME,
        title: "PostgreSQL",
        operations: &OpKind::ALL,
        settings: &[
            Setting {
                name: "synchronous_commit",
                values: &["on", "off", "local", "remote_write", "remote_apply"],
                about: "What a session waits for at a commit; the server's default is on.",
            },
            Setting { name: "transport", values: &["tcp", "unix"], about: "How sessions reach the server; the default is tcp." },
        ],
        products: &[Product::Postgres],
        attributes: 32,
        indexes: true,
    },
    open: |config: &StoreConfig| open(config).boxed_local(),
};

fn failed(text: impl Into<String>) -> StoreError {
    StoreError { store: NAME, text: text.into() }
}

/// An error with what was being done.
fn while_doing(what: &str) -> impl FnOnce(sqlx::Error) -> StoreError + use<'_> {
    move |error| failed(format!("{what}: {error}"))
}

async fn open(config: &StoreConfig) -> Result<Box<dyn Store>, StoreError> {
    let options = options(config)?;
    let endpoint = &config.endpoints[0];
    let mut admin = options
        .connect()
        .await
        .map_err(|error| failed(format!("node `{}` at {}:{} does not let us in: {error}", endpoint.node, endpoint.host, endpoint.port)))?;
    run(&mut admin, "create the schema `ballpark`", sqlx::SqlSafeStr::into_sql_str(CREATE_SCHEMA)).await?;
    Ok(Box::new(Postgres { options, data: config.data.clone(), admin: Mutex::new(admin) }))
}

/// `IF NOT EXISTS` alone fails when two connections create it at once.
const CREATE_SCHEMA: &str = "DO $$ BEGIN CREATE SCHEMA IF NOT EXISTS ballpark; EXCEPTION WHEN unique_violation THEN NULL; END $$";

fn options(config: &StoreConfig) -> Result<PgConnectOptions, StoreError> {
    let endpoint = config.endpoints.first().ok_or_else(|| failed("it needs an address: give a topology with a node"))?;
    let mut settings = vec![("search_path", "ballpark")];
    if let Some(level) = config.set.get("synchronous_commit") {
        settings.push(("synchronous_commit", level.as_str()));
    }
    let options = PgConnectOptions::new_without_pgpass()
        .host(&endpoint.host)
        .port(endpoint.port)
        .username("postgres")
        .database("postgres")
        .application_name("ballpark")
        .ssl_mode(PgSslMode::Disable)
        .options(settings)
        .disable_statement_logging();
    match config.set.get("transport").map(String::as_str) {
        None | Some("tcp") => Ok(options),
        Some("unix") => {
            let socket = endpoint.socket_dir.as_ref();
            let socket =
                socket.ok_or_else(|| failed(format!("node `{}` has no unix socket here: use transport = \"tcp\"", endpoint.node)))?;
            Ok(options.socket(socket))
        }
        Some(other) => Err(failed(format!("transport = \"{other}\" is not known: use tcp or unix"))),
    }
}

/// Runs a statement by the simple protocol.
async fn run(connection: &mut PgConnection, what: &str, sql: SqlStr) -> Result<(), StoreError> {
    sqlx::raw_sql(sql).execute(connection).await.map_err(while_doing(what))?;
    Ok(())
}

struct Postgres {
    options: PgConnectOptions,
    data: DataSet,
    admin: Mutex<PgConnection>,
}

impl Postgres {
    async fn run(&self, what: &str, sql: String) -> Result<(), StoreError> {
        run(&mut *self.admin.lock().await, what, sql::text(sql)).await
    }

    async fn about_server(&self) -> Result<About, StoreError> {
        let mut admin = self.admin.lock().await;
        let names: Vec<String> = SETTINGS.iter().map(|name| (*name).to_owned()).collect();
        let rows: Vec<(String, String)> = sqlx::query_as("SELECT name, current_setting(name) FROM pg_settings WHERE name = ANY($1)")
            .bind(&names)
            .fetch_all(&mut *admin)
            .await
            .map_err(while_doing("read the settings"))?;
        let (version,): (String,) = sqlx::query_as("SELECT current_setting('server_version')")
            .fetch_one(&mut *admin)
            .await
            .map_err(while_doing("read the version"))?;
        Ok(About { product: "PostgreSQL".to_owned(), version, settings: BTreeMap::from_iter(rows) })
    }

    async fn create_table(&self, data: &DataSet) -> Result<(), StoreError> {
        let create = sql::create_table(&DIALECT, data)?;
        self.run("drop the former table", format!("DROP TABLE IF EXISTS {}", data.table)).await?;
        run(&mut *self.admin.lock().await, "create the table", create).await
    }

    /// COPY in binary format over several connections, which take chunks of keys in turn.
    async fn copy_all(&self, data: &DataSet, keys: Range<u64>, progress: &dyn Fn(u64)) -> Result<(), StoreError> {
        sql::check_name(NAME, data)?;
        let next = Cell::new(keys.start);
        let done = Cell::new(0);
        let add = |rows| {
            done.set(done.get() + rows);
            progress(done.get());
        };
        let loaders = usize::try_from((keys.end - keys.start).div_ceil(CHUNK)).unwrap_or(LOADERS).min(LOADERS);
        let load = async |()| {
            let mut connection = self.options.connect().await.map_err(while_doing("connect to load"))?;
            while next.get() < keys.end {
                let start = next.get();
                let end = (start + CHUNK).min(keys.end);
                next.set(end);
                copy(&mut connection, data, start..end, &add).await.map_err(while_doing("load rows"))?;
            }
            connection.close().await.map_err(while_doing("end a connection"))
        };
        try_join_all((0..loaders).map(|_| load(()))).await?;
        Ok(())
    }

    /// VACUUM must stand alone, so each statement is sent by itself.
    async fn settle_table(&self, data: &DataSet) -> Result<(), StoreError> {
        sql::check_name(NAME, data)?;
        for index in sql::create_indexes(data) {
            run(&mut *self.admin.lock().await, "create an index", index).await?;
        }
        self.run("vacuum", format!("VACUUM (ANALYZE) {}", data.table)).await?;
        self.run("write a checkpoint (this needs a superuser, or the role pg_checkpoint)", "CHECKPOINT".to_owned()).await
    }

    async fn number(&self, what: &str, sql: String) -> Result<u64, StoreError> {
        let row = sqlx::query(sql::text(sql)).persistent(false).fetch_one(&mut *self.admin.lock().await).await;
        let number: i64 = row.and_then(|row| row.try_get(0)).map_err(while_doing(what))?;
        Ok(number as u64)
    }

    async fn read_value(&self, data: &DataSet, key: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let statements = Statements::new(NAME, data)?;
        let query = sqlx::query(statements.read).bind(signed(key));
        let row = query.fetch_optional(&mut *self.admin.lock().await).await.map_err(while_doing("read a row"))?;
        row.map(|row| row.try_get(0)).transpose().map_err(while_doing("read a row"))
    }

    async fn open_session(&self) -> Result<Box<dyn Session>, StoreError> {
        let connection = self.options.connect().await.map_err(while_doing("open a session"))?;
        Ok(Box::new(SqlSession::<sqlx::Postgres>::new(NAME, connection, &self.data)?))
    }
}

/// Sends rows of one COPY. A row: number of fields, then each field with its length.
async fn copy(connection: &mut PgConnection, data: &DataSet, keys: Range<u64>, add: &dyn Fn(u64)) -> Result<(), sqlx::Error> {
    let columns: String = sql::extra_columns(&data.schema).iter().map(|name| format!(", {name}")).collect();
    let statement = format!("COPY {} (key, v{columns}) FROM STDIN (FORMAT binary)", data.table);
    let mut copy = connection.copy_in_raw(&statement).await?;
    let mut buffer = Vec::with_capacity(SEND + 64 * 1024);
    buffer.extend_from_slice(b"PGCOPY\n\xff\r\n\0");
    buffer.extend_from_slice(&[0; 8]);
    let mut value = Vec::new();
    let fields = 2 + i16::from(data.schema.attributes) + i16::from(data.schema.groups > 0);
    let mut unsent = 0;
    for key in keys {
        buffer.extend_from_slice(&fields.to_be_bytes());
        let integer = |buffer: &mut Vec<u8>, number: i64| {
            buffer.extend_from_slice(&8_i32.to_be_bytes());
            buffer.extend_from_slice(&number.to_be_bytes());
        };
        integer(&mut buffer, signed(key));
        let value = loaded_value(data, key, &mut value);
        buffer.extend_from_slice(&(value.len() as i32).to_be_bytes());
        buffer.extend_from_slice(value);
        sql::extra(&data.schema, key, 0).for_each(|number| integer(&mut buffer, number));
        unsent += 1;
        if buffer.len() >= SEND {
            copy.send(buffer.as_slice()).await?;
            buffer.clear();
            add(std::mem::take(&mut unsent));
        }
    }
    buffer.extend_from_slice(&(-1_i16).to_be_bytes());
    copy.send(buffer.as_slice()).await?;
    copy.finish().await?;
    add(unsent);
    Ok(())
}

impl Store for Postgres {
    fn about(&self) -> LocalBoxFuture<'_, Result<About, StoreError>> {
        self.about_server().boxed_local()
    }

    fn session(&self) -> LocalBoxFuture<'_, Result<Box<dyn Session>, StoreError>> {
        self.open_session().boxed_local()
    }

    fn create<'a>(&'a self, data: &'a DataSet) -> LocalBoxFuture<'a, Result<(), StoreError>> {
        self.create_table(data).boxed_local()
    }

    fn load<'a>(&'a self, data: &'a DataSet, keys: Range<u64>, progress: &'a dyn Fn(u64)) -> LocalBoxFuture<'a, Result<(), StoreError>> {
        self.copy_all(data, keys, progress).boxed_local()
    }

    /// Builds the indexes that are missing, then VACUUM ANALYZE and CHECKPOINT.
    fn settle<'a>(&'a self, data: &'a DataSet) -> LocalBoxFuture<'a, Result<(), StoreError>> {
        self.settle_table(data).boxed_local()
    }

    fn count<'a>(&'a self, data: &'a DataSet) -> LocalBoxFuture<'a, Result<u64, StoreError>> {
        self.number("count rows", format!("SELECT count(*) FROM {}", data.table)).boxed_local()
    }

    fn value<'a>(&'a self, data: &'a DataSet, key: u64) -> LocalBoxFuture<'a, Result<Option<Vec<u8>>, StoreError>> {
        self.read_value(data, key).boxed_local()
    }

    /// The table with its indexes, its TOAST table and its maps.
    fn disk_bytes<'a>(&'a self, data: &'a DataSet) -> LocalBoxFuture<'a, Result<Option<u64>, StoreError>> {
        self.number("weigh the table", format!("SELECT pg_total_relation_size('{}')", data.table))
            .map(|bytes| bytes.map(Some))
            .boxed_local()
    }

    fn discard<'a>(&'a self, data: &'a DataSet) -> LocalBoxFuture<'a, Result<(), StoreError>> {
        self.run("drop the table", format!("DROP TABLE IF EXISTS {}", data.table)).boxed_local()
    }

    fn close(&self) -> LocalBoxFuture<'_, ()> {
        // The connection ends with the store; the server ends its process when the socket closes.
        Box::pin(async {})
    }
}

impl sql::Product for sqlx::Postgres {
    fn rows_affected(result: &PgQueryResult) -> u64 {
        result.rows_affected()
    }

    fn outcome_of(error: &sqlx::Error) -> Outcome {
        outcome_of(error)
    }
}

/// What an error means, by SQLSTATE.
fn outcome_of(error: &sqlx::Error) -> Outcome {
    match error {
        sqlx::Error::Database(database) => outcome_of_state(database.code().as_deref().unwrap_or_default()),
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) => Outcome::Disconnected,
        _ => Outcome::Failed,
    }
}

fn outcome_of_state(state: &str) -> Outcome {
    match state {
        // Serialization failure, deadlock, lock not available, a key that exists.
        "40001" | "40P01" | "55P03" | "23505" => Outcome::Conflict,
        // Statement cancelled by a time-out.
        "57014" => Outcome::Timeout,
        // The server ends the connection.
        "57P01" | "57P02" => Outcome::Disconnected,
        // Read-only transaction.
        "25006" => Outcome::Refused,
        _ => match state.get(..2) {
            Some("53" | "57") => Outcome::Refused,
            Some("08") => Outcome::Disconnected,
            _ => Outcome::Failed,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_become_outcomes() {
        for (state, outcome) in [
            ("40001", Outcome::Conflict),
            ("40P01", Outcome::Conflict),
            ("23505", Outcome::Conflict),
            ("53300", Outcome::Refused),
            ("57P03", Outcome::Refused),
            ("57P01", Outcome::Disconnected),
            ("57014", Outcome::Timeout),
            ("08006", Outcome::Disconnected),
            ("25006", Outcome::Refused),
            ("42P01", Outcome::Failed),
            ("", Outcome::Failed),
        ] {
            assert_eq!(outcome_of_state(state), outcome, "{state}");
        }
        assert_eq!(outcome_of(&sqlx::Error::Io(std::io::ErrorKind::BrokenPipe.into())), Outcome::Disconnected);
    }
}

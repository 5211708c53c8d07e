//! SQLite over sqlx, in the client's own process: each data set is a file of its own, in WAL mode, and each session a connection to it.
//!
//! A connection of this driver runs on a thread of its own and talks to its session by a channel, so an operation costs two switches of
//! threads, and all its CPU belongs to the client: there is no server. The thread runs on the cores of the client's thread that opened
//! it. A read-modify-write is two statements without a transaction. A writer waits for another one until the deadline (`busy_timeout`).

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::FutureExt;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteQueryResult, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Row, SqlStr};

use super::answer::{loaded_value, signed};
use super::sql::{self, Dialect, SqlSession, Statements};
use super::{About, Driver, LocalBoxFuture, Session, Store, StoreError};
use crate::model::data::DataSet;
use crate::model::op::{OpKind, Outcome};
use crate::model::target::{Capability, Setting, StoreConfig};

const NAME: &str = "sqlite";

/// Cache of each connection, as `cache_size` takes it: KiB, negative.
const CACHE_SIZE: &str = "-16384";
/// Rows of one transaction of a load.
const CHUNK: u64 = 10_000;
/// Parameters of one insert of a load; SQLite takes 32 766.
const PARAMETERS: usize = 500;
/// Time that work beside the measured path waits for a lock.
const ADMIN_TIMEOUT: Duration = Duration::from_secs(60);

const DIALECT: Dialect = Dialect { store: NAME, key: "INTEGER PRIMARY KEY", integer: "INTEGER", bytes: "BLOB" };

/// Pragmas that decide figures.
const PRAGMAS: &[&str] = &["journal_mode", "synchronous", "page_size", "cache_size", "wal_autocheckpoint", "mmap_size"];

/// The driver.
pub static DRIVER: Driver = Driver {
    capability: Capability {
        name: NAME,
        title: "SQLite",
        operations: &OpKind::ALL,
        settings: &[Setting {
            name: "synchronous",
            values: &["off", "normal", "full", "extra"],
            about: "When a commit is forced to disk; the default is normal: at checkpoints only, as is usual with WAL.",
        }],
        products: &[],
        attributes: 32,
        indexes: true,
    },
    open: |config: &StoreConfig| open(config).boxed_local(),
};

fn failed(text: impl Into<String>) -> StoreError {
    StoreError { store: NAME, text: text.into() }
}

fn while_doing(what: &str) -> impl Fn(sqlx::Error) -> StoreError + use<'_> {
    move |error| failed(format!("{what}: {error}"))
}

async fn open(config: &StoreConfig) -> Result<Box<dyn Store>, StoreError> {
    let synchronous = match config.set.get("synchronous").map(String::as_str) {
        Some("off") => SqliteSynchronous::Off,
        None | Some("normal") => SqliteSynchronous::Normal,
        Some("full") => SqliteSynchronous::Full,
        Some("extra") => SqliteSynchronous::Extra,
        Some(other) => return Err(failed(format!("synchronous = \"{other}\" is not known: use off, normal, full or extra"))),
    };
    std::fs::create_dir_all(&config.directory).map_err(|error| failed(format!("create {}: {error}", config.directory.display())))?;
    Ok(Box::new(Sqlite { directory: config.directory.clone(), synchronous, deadline: config.deadline, data: config.data.clone() }))
}

struct Sqlite {
    directory: PathBuf,
    synchronous: SqliteSynchronous,
    deadline: Duration,
    data: DataSet,
}

impl Sqlite {
    fn file(&self, data: &DataSet) -> PathBuf {
        self.directory.join(format!("{}.sqlite", data.table))
    }

    async fn connect(&self, data: &DataSet, timeout: Duration) -> Result<SqliteConnection, StoreError> {
        sql::check_name(NAME, data)?;
        let file = self.file(data);
        let options = SqliteConnectOptions::new()
            .filename(&file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(self.synchronous)
            .busy_timeout(timeout)
            .foreign_keys(false)
            .pragma("cache_size", CACHE_SIZE)
            .disable_statement_logging();
        options.connect().await.map_err(while_doing(&format!("open {}", file.display())))
    }

    /// Runs statements one by one on a connection of their own.
    async fn run(&self, data: &DataSet, what: &str, statements: Vec<SqlStr>) -> Result<(), StoreError> {
        let mut connection = self.connect(data, ADMIN_TIMEOUT).await?;
        for statement in statements {
            sqlx::raw_sql(statement).execute(&mut connection).await.map_err(while_doing(what))?;
        }
        connection.close().await.map_err(while_doing(what))
    }

    async fn about_library(&self) -> Result<About, StoreError> {
        let what = "read the settings";
        let mut connection = self.connect(&self.data, ADMIN_TIMEOUT).await?;
        let (version,): (String,) =
            sqlx::query_as("SELECT sqlite_version()").fetch_one(&mut connection).await.map_err(while_doing(what))?;
        let mut about = About { product: "SQLite".to_owned(), version, ..About::default() };
        for pragma in PRAGMAS {
            let row = sqlx::query(sql::text(format!("PRAGMA {pragma}"))).fetch_one(&mut connection).await.map_err(while_doing(what))?;
            let number = row.try_get::<i64, _>(0).map(|number| number.to_string());
            let text = number.or_else(|_| row.try_get::<String, _>(0)).map_err(while_doing(what))?;
            about.settings.insert((*pragma).to_owned(), named(pragma, text));
        }
        connection.close().await.map_err(while_doing(what))?;
        Ok(about)
    }

    async fn create_table(&self, data: &DataSet) -> Result<(), StoreError> {
        let create = sql::create_table(&DIALECT, data)?;
        let drop = sql::text(format!("DROP TABLE IF EXISTS {}", data.table));
        // A file that held rows is made small again.
        self.run(data, "create the table", vec![drop, sql::text("VACUUM".to_owned()), create]).await
    }

    async fn insert_all(&self, data: &DataSet, keys: Range<u64>, progress: &dyn Fn(u64)) -> Result<(), StoreError> {
        let mut connection = self.connect(data, ADMIN_TIMEOUT).await?;
        let width = 2 + sql::extra_columns(&data.schema).len();
        let batch = (PARAMETERS / width) as u64;
        let (many, one) = (sql::insert(data, batch as usize), sql::insert(data, 1));
        let mut key = keys.start;
        while key < keys.end {
            let end = (key + CHUNK).min(keys.end);
            let mut transaction = connection.begin().await.map_err(while_doing("load rows"))?;
            while key < end {
                let (statement, rows) = if key + batch <= end { (many.clone(), batch) } else { (one.clone(), 1) };
                let query = (key..key + rows).fold(sqlx::query(statement), |query, key| {
                    let mut value = Vec::new();
                    loaded_value(data, key, &mut value);
                    sql::extra(&data.schema, key, 0).fold(query.bind(signed(key)).bind(value), |query, number| query.bind(number))
                });
                query.execute(&mut *transaction).await.map_err(while_doing("load rows"))?;
                key += rows;
            }
            transaction.commit().await.map_err(while_doing("load rows"))?;
            progress(key - keys.start);
        }
        connection.close().await.map_err(while_doing("load rows"))
    }

    async fn settle_file(&self, data: &DataSet) -> Result<(), StoreError> {
        let mut statements = sql::create_indexes(data);
        statements.extend(["ANALYZE", "PRAGMA wal_checkpoint(TRUNCATE)"].map(|sql| sql::text(sql.to_owned())));
        self.run(data, "build indexes and write a checkpoint", statements).await
    }

    async fn count_rows(&self, data: &DataSet) -> Result<u64, StoreError> {
        let mut connection = self.connect(data, ADMIN_TIMEOUT).await?;
        let query = sqlx::query(Statements::new(NAME, data)?.count);
        let count = query.fetch_one(&mut connection).await.and_then(|row| row.try_get::<i64, _>(0));
        connection.close().await.map_err(while_doing("count rows"))?;
        Ok(count.map_err(while_doing("count rows"))? as u64)
    }

    async fn read_value(&self, data: &DataSet, key: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let mut connection = self.connect(data, ADMIN_TIMEOUT).await?;
        let query = sqlx::query(Statements::new(NAME, data)?.read).bind(signed(key));
        let value = query.fetch_optional(&mut connection).await.and_then(|row| row.map(|row| row.try_get(0)).transpose());
        connection.close().await.map_err(while_doing("read a row"))?;
        value.map_err(while_doing("read a row"))
    }

    /// The file without its log, which is emptied into it first as far as sessions let it.
    async fn weigh(&self, data: &DataSet) -> Result<Option<u64>, StoreError> {
        let checkpoint = sql::text("PRAGMA wal_checkpoint(PASSIVE)".to_owned());
        self.run(data, "write a checkpoint", vec![checkpoint]).await?;
        let file = self.file(data);
        let meta = std::fs::metadata(&file).map_err(|error| failed(format!("weigh {}: {error}", file.display())))?;
        Ok(Some(meta.len()))
    }

    async fn remove(&self, data: &DataSet) -> Result<(), StoreError> {
        sql::check_name(NAME, data)?;
        for suffix in ["", "-wal", "-shm"] {
            let mut file = self.file(data).into_os_string();
            file.push(suffix);
            match std::fs::remove_file(&file) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(failed(format!("remove {}: {error}", file.to_string_lossy())));
                }
                _ => {}
            }
        }
        Ok(())
    }

    async fn open_session(&self) -> Result<Box<dyn Session>, StoreError> {
        let connection = self.connect(&self.data, self.deadline).await?;
        Ok(Box::new(SqlSession::<sqlx::Sqlite>::new(NAME, connection, &self.data)?))
    }
}

/// The name of a level that SQLite gives as a number.
fn named(pragma: &str, value: String) -> String {
    match (pragma, value.as_str()) {
        ("synchronous", "0") => "off".to_owned(),
        ("synchronous", "1") => "normal".to_owned(),
        ("synchronous", "2") => "full".to_owned(),
        ("synchronous", "3") => "extra".to_owned(),
        _ => value,
    }
}

impl Store for Sqlite {
    fn about(&self) -> LocalBoxFuture<'_, Result<About, StoreError>> {
        self.about_library().boxed_local()
    }

    fn session(&self) -> LocalBoxFuture<'_, Result<Box<dyn Session>, StoreError>> {
        self.open_session().boxed_local()
    }

    fn create<'a>(&'a self, data: &'a DataSet) -> LocalBoxFuture<'a, Result<(), StoreError>> {
        self.create_table(data).boxed_local()
    }

    /// One writer is all that SQLite has, so the load is not parallel.
    fn load<'a>(&'a self, data: &'a DataSet, keys: Range<u64>, progress: &'a dyn Fn(u64)) -> LocalBoxFuture<'a, Result<(), StoreError>> {
        self.insert_all(data, keys, progress).boxed_local()
    }

    fn settle<'a>(&'a self, data: &'a DataSet) -> LocalBoxFuture<'a, Result<(), StoreError>> {
        self.settle_file(data).boxed_local()
    }

    fn count<'a>(&'a self, data: &'a DataSet) -> LocalBoxFuture<'a, Result<u64, StoreError>> {
        self.count_rows(data).boxed_local()
    }

    fn value<'a>(&'a self, data: &'a DataSet, key: u64) -> LocalBoxFuture<'a, Result<Option<Vec<u8>>, StoreError>> {
        self.read_value(data, key).boxed_local()
    }

    fn disk_bytes<'a>(&'a self, data: &'a DataSet) -> LocalBoxFuture<'a, Result<Option<u64>, StoreError>> {
        self.weigh(data).boxed_local()
    }

    fn discard<'a>(&'a self, data: &'a DataSet) -> LocalBoxFuture<'a, Result<(), StoreError>> {
        self.remove(data).boxed_local()
    }

    fn close(&self) -> LocalBoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

impl sql::Product for sqlx::Sqlite {
    fn rows_affected(result: &SqliteQueryResult) -> u64 {
        result.rows_affected()
    }

    fn outcome_of(error: &sqlx::Error) -> Outcome {
        outcome_of(error)
    }
}

/// What an error means, by SQLite's extended result code.
fn outcome_of(error: &sqlx::Error) -> Outcome {
    match error {
        sqlx::Error::Database(database) => outcome_of_code(database.code().and_then(|code| code.parse().ok()).unwrap_or_default()),
        sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed => Outcome::Disconnected,
        _ => Outcome::Failed,
    }
}

fn outcome_of_code(code: u32) -> Outcome {
    match code {
        // SQLITE_BUSY_SNAPSHOT: another writer was faster; a constraint of the primary key or of uniqueness.
        517 | 1555 | 2067 => Outcome::Conflict,
        _ => match code & 0xFF {
            // SQLITE_BUSY: the lock was not free before the deadline.
            5 => Outcome::Timeout,
            // SQLITE_LOCKED.
            6 => Outcome::Conflict,
            // SQLITE_READONLY, SQLITE_FULL.
            8 | 13 => Outcome::Refused,
            _ => Outcome::Failed,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_become_outcomes() {
        for (code, outcome) in [
            (5, Outcome::Timeout),
            (517, Outcome::Conflict),
            (6, Outcome::Conflict),
            (1555, Outcome::Conflict),
            (13, Outcome::Refused),
            (1, Outcome::Failed),
        ] {
            assert_eq!(outcome_of_code(code), outcome, "{code}");
        }
    }
}

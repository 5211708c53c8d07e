//! The statements of a session, their parameters, and what their errors mean.

use std::rc::Rc;

use futures_util::FutureExt;
use scylla::client::session::Session as ScyllaSession;
use scylla::errors::{DbError, ExecutionError, RequestAttemptError};
use scylla::serialize::SerializationError;
use scylla::serialize::row::{RowSerializationContext, SerializeRow};
use scylla::serialize::value::SerializeValue;
use scylla::serialize::writers::RowWriter;
use scylla::statement::prepared::PreparedStatement;

use crate::model::data::Schema;
use crate::model::op::{Op, OpKind, Outcome};
use crate::store::answer::{self, LastError, signed};
use crate::store::{LocalBoxFuture, Session, sql};

pub(super) fn read(table: &str) -> String {
    format!("SELECT v FROM {table} WHERE key = ?")
}

pub(super) fn insert(table: &str, schema: &Schema) -> String {
    let extra = sql::extra_columns(schema);
    let names: String = extra.iter().map(|name| format!(", {name}")).collect();
    format!("INSERT INTO {table} (key, v{names}) VALUES (?, ?{})", ", ?".repeat(extra.len()))
}

pub(super) fn update(table: &str, schema: &Schema) -> String {
    let changes: String = (2..=schema.attributes).map(|index| format!(", a{index} = ?")).collect();
    format!("UPDATE {table} SET v = ?{changes} WHERE key = ?")
}

pub(super) struct Statements {
    pub(super) read: PreparedStatement,
    pub(super) insert: PreparedStatement,
    pub(super) update: PreparedStatement,
    pub(super) delete: PreparedStatement,
}

/// The parameters of [`insert`], written without a list in between.
pub(super) struct Insert<'a> {
    pub(super) schema: &'a Schema,
    pub(super) key: u64,
    pub(super) version: u64,
    pub(super) value: &'a [u8],
}

/// The parameters of [`update`].
struct Update<'a>(Insert<'a>);

/// Writes parameters one after the other, each as the type of its column.
struct Cells<'a, 'b, 'c> {
    context: &'a RowSerializationContext<'a>,
    writer: &'b mut RowWriter<'c>,
    next: usize,
}

impl Cells<'_, '_, '_> {
    fn add(&mut self, value: &dyn SerializeValue) -> Result<(), SerializationError> {
        let Some(column) = self.context.columns().get(self.next) else {
            return Err(SerializationError::new(std::fmt::Error));
        };
        self.next += 1;
        value.serialize(column.typ(), self.writer.make_cell_writer()).map(|_| ())
    }
}

impl SerializeRow for Insert<'_> {
    fn serialize(&self, context: &RowSerializationContext<'_>, writer: &mut RowWriter<'_>) -> Result<(), SerializationError> {
        let mut cells = Cells { context, writer, next: 0 };
        cells.add(&signed(self.key))?;
        cells.add(&self.value)?;
        sql::extra(self.schema, self.key, self.version).try_for_each(|number| cells.add(&number))
    }

    fn is_empty(&self) -> bool {
        false
    }
}

impl SerializeRow for Update<'_> {
    fn serialize(&self, context: &RowSerializationContext<'_>, writer: &mut RowWriter<'_>) -> Result<(), SerializationError> {
        let row = &self.0;
        let mut cells = Cells { context, writer, next: 0 };
        cells.add(&row.value)?;
        sql::changing(row.schema, row.key, row.version).try_for_each(|number| cells.add(&number))?;
        cells.add(&signed(row.key))
    }

    fn is_empty(&self) -> bool {
        false
    }
}

pub(super) struct CqlSession {
    driver: Rc<ScyllaSession>,
    statements: Rc<Statements>,
    schema: Schema,
    error: LastError<Box<dyn std::error::Error>>,
}

impl CqlSession {
    pub(super) fn new(driver: Rc<ScyllaSession>, statements: Rc<Statements>, schema: Schema) -> Self {
        Self { driver, statements, schema, error: LastError::None }
    }

    async fn run(&mut self, op: &Op<'_>, answer: Option<&mut Vec<u8>>) -> Outcome {
        let result = match op.kind {
            OpKind::Read => self.read(op, answer).await,
            OpKind::Insert => self.write(&self.statements.insert, self.row(op)).await,
            OpKind::Update => self.write(&self.statements.update, Update(self.row(op))).await,
            OpKind::ReadModifyWrite => match self.read(op, answer).await {
                Ok(Outcome::Ok) => self.write(&self.statements.update, Update(self.row(op))).await,
                other => other,
            },
            OpKind::Delete => self.write(&self.statements.delete, (signed(op.key),)).await,
            OpKind::Scan | OpKind::FindBy | OpKind::Aggregate => Ok(self.error.unsupported("cql has no scan, find_by or aggregate")),
        };
        result.unwrap_or_else(|(outcome, error)| {
            self.error = LastError::Driver(error);
            outcome
        })
    }

    fn row<'a>(&'a self, op: &Op<'a>) -> Insert<'a> {
        Insert { schema: &self.schema, key: op.key, version: op.version, value: op.value }
    }

    async fn read(&self, op: &Op<'_>, answer: Option<&mut Vec<u8>>) -> Result<Outcome, Failure> {
        let result = self.driver.execute_unpaged(&self.statements.read, (signed(op.key),)).await.map_err(execution)?;
        let rows = result.into_rows_result().map_err(|error| (Outcome::Failed, error.into()))?;
        let row: Option<(Option<&[u8]>,)> = rows.maybe_first_row().map_err(|error| (Outcome::Failed, Box::from(error)))?;
        let value = row.and_then(|(value,)| value);
        if let (Some(value), Some(answer)) = (value, answer) {
            answer.clear();
            answer.extend_from_slice(value);
        }
        Ok(answer::row(op.key, value))
    }

    async fn write(&self, statement: &PreparedStatement, row: impl SerializeRow) -> Result<Outcome, Failure> {
        self.driver.execute_unpaged(statement, row).await.map_err(execution)?;
        Ok(Outcome::Ok)
    }
}

type Failure = (Outcome, Box<dyn std::error::Error>);

fn execution(error: ExecutionError) -> Failure {
    (outcome_of(&error), error.into())
}

/// What an error means.
fn outcome_of(error: &ExecutionError) -> Outcome {
    match error {
        ExecutionError::RequestTimeout(_) => Outcome::Timeout,
        ExecutionError::EmptyPlan | ExecutionError::ConnectionPoolError(_) => Outcome::Disconnected,
        ExecutionError::LastAttemptError(attempt) => match attempt {
            RequestAttemptError::BrokenConnectionError(_) => Outcome::Disconnected,
            RequestAttemptError::UnableToAllocStreamId => Outcome::Refused,
            RequestAttemptError::DbError(error, _) => match error {
                DbError::ReadTimeout { .. } | DbError::WriteTimeout { .. } => Outcome::Timeout,
                DbError::Unavailable { .. } | DbError::Overloaded | DbError::IsBootstrapping | DbError::RateLimitReached { .. } => {
                    Outcome::Refused
                }
                _ => Outcome::Failed,
            },
            _ => Outcome::Failed,
        },
        _ => Outcome::Failed,
    }
}

impl Session for CqlSession {
    fn execute<'a>(&'a mut self, op: &'a Op<'a>) -> LocalBoxFuture<'a, Outcome> {
        self.run(op, None).boxed_local()
    }

    fn fetch<'a>(&'a mut self, op: &'a Op<'a>, answer: &'a mut Vec<u8>) -> LocalBoxFuture<'a, Outcome> {
        self.run(op, Some(answer)).boxed_local()
    }

    fn last_error(&self) -> Option<String> {
        self.error.text()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use scylla::statement::Consistency;

    use super::*;

    #[test]
    fn statements_follow_the_schema() {
        let schema = Schema { attributes: 2, indexes: 0, groups: 5 };
        assert_eq!(insert("k.t", &schema), "INSERT INTO k.t (key, v, a1, a2, grp) VALUES (?, ?, ?, ?, ?)");
        assert_eq!(update("k.t", &schema), "UPDATE k.t SET v = ?, a2 = ? WHERE key = ?");
        assert_eq!(update("k.t", &Schema::default()), "UPDATE k.t SET v = ? WHERE key = ?");
    }

    #[test]
    fn errors_become_outcomes() {
        let server = |error| ExecutionError::LastAttemptError(RequestAttemptError::DbError(error, String::new()));
        assert_eq!(outcome_of(&ExecutionError::RequestTimeout(Duration::from_secs(1))), Outcome::Timeout);
        assert_eq!(outcome_of(&ExecutionError::EmptyPlan), Outcome::Disconnected);
        let unavailable = DbError::Unavailable { consistency: Consistency::All, required: 3, alive: 2 };
        assert_eq!(outcome_of(&server(unavailable)), Outcome::Refused);
        assert_eq!(outcome_of(&server(DbError::Overloaded)), Outcome::Refused);
        assert_eq!(outcome_of(&server(DbError::SyntaxError)), Outcome::Failed);
    }
}

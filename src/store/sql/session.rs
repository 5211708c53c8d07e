//! A session that speaks SQL: the same statements and checks for every product.

use futures_util::{FutureExt, TryStreamExt};
use sqlx::{ColumnIndex, Database, Decode, Encode, Executor, IntoArguments, Row, Type};

use super::Statements;
use crate::model::data::{DataSet, Schema, attribute, group};
use crate::model::op::{Op, OpKind, Outcome};
use crate::store::answer::{self, LastError, ScanCheck, Summary, signed};
use crate::store::{LocalBoxFuture, Session, StoreError};

/// What the products differ in.
pub(in crate::store) trait Product: Database {
    /// Rows that a statement touched.
    fn rows_affected(result: &Self::QueryResult) -> u64;

    /// What an error means.
    fn outcome_of(error: &sqlx::Error) -> Outcome;
}

/// One connection and the statements that it executes.
pub(in crate::store) struct SqlSession<P: Product> {
    connection: P::Connection,
    statements: Statements,
    schema: Schema,
    error: LastError<sqlx::Error>,
}

impl<P: Product> SqlSession<P> {
    pub(in crate::store) fn new(store: &'static str, connection: P::Connection, data: &DataSet) -> Result<Self, StoreError> {
        Ok(Self { connection, statements: Statements::new(store, data)?, schema: data.schema, error: LastError::None })
    }
}

impl<P> SqlSession<P>
where
    P: Product,
    P::Arguments: IntoArguments<P>,
    for<'c> &'c mut P::Connection: Executor<'c, Database = P>,
    for<'v> i64: Type<P> + Encode<'v, P> + Decode<'v, P>,
    for<'v> &'v [u8]: Type<P> + Encode<'v, P> + Decode<'v, P>,
    usize: ColumnIndex<P::Row>,
{
    async fn run(&mut self, op: &Op<'_>, answer: Option<&mut Vec<u8>>) -> Outcome {
        let outcome = match op.kind {
            OpKind::Read => self.read(op, answer).await,
            OpKind::Insert => self.insert(op).await,
            OpKind::Update => self.update(op).await,
            OpKind::ReadModifyWrite => match self.read(op, answer).await {
                Ok(Outcome::Ok) => self.update(op).await,
                other => other,
            },
            OpKind::Delete => self.delete(op).await,
            OpKind::Scan => self.scan(op).await,
            OpKind::FindBy => self.find_by(op).await,
            OpKind::Aggregate if self.schema.groups == 0 => Ok(self.error.unsupported("aggregate needs schema.groups above 0")),
            OpKind::Aggregate => self.aggregate(op, answer).await,
        };
        outcome.unwrap_or_else(|error| {
            let outcome = P::outcome_of(&error);
            self.error = LastError::Driver(error);
            outcome
        })
    }

    async fn read(&mut self, op: &Op<'_>, answer: Option<&mut Vec<u8>>) -> Result<Outcome, sqlx::Error> {
        let query = sqlx::query(self.statements.read.clone()).bind(signed(op.key));
        let row = query.fetch_optional(&mut self.connection).await?;
        let value: Option<&[u8]> = row.as_ref().map(|row| row.try_get(0)).transpose()?;
        if let (Some(value), Some(answer)) = (value, answer) {
            answer.clear();
            answer.extend_from_slice(value);
        }
        Ok(answer::row(op.key, value))
    }

    async fn insert(&mut self, op: &Op<'_>) -> Result<Outcome, sqlx::Error> {
        let query = sqlx::query(self.statements.insert.clone()).bind(signed(op.key)).bind(op.value);
        let query = super::extra(&self.schema, op.key, op.version).fold(query, |query, number| query.bind(number));
        Ok(answer::touched(P::rows_affected(&query.execute(&mut self.connection).await?)))
    }

    async fn update(&mut self, op: &Op<'_>) -> Result<Outcome, sqlx::Error> {
        let query = sqlx::query(self.statements.update.clone()).bind(signed(op.key)).bind(op.value);
        let query = super::changing(&self.schema, op.key, op.version).fold(query, |query, number| query.bind(number));
        Ok(answer::touched(P::rows_affected(&query.execute(&mut self.connection).await?)))
    }

    async fn delete(&mut self, op: &Op<'_>) -> Result<Outcome, sqlx::Error> {
        let query = sqlx::query(self.statements.delete.clone()).bind(signed(op.key));
        Ok(answer::touched(P::rows_affected(&query.execute(&mut self.connection).await?)))
    }

    async fn scan(&mut self, op: &Op<'_>) -> Result<Outcome, sqlx::Error> {
        let query = sqlx::query(self.statements.scan.clone()).bind(signed(op.key)).bind(i64::from(op.limit));
        let mut check = ScanCheck::new(op.key, op.limit);
        let mut rows = query.fetch(&mut self.connection);
        while let Some(row) = rows.try_next().await? {
            check.row(row.try_get(0)?, row.try_get(1)?);
        }
        Ok(check.outcome())
    }

    async fn find_by(&mut self, op: &Op<'_>) -> Result<Outcome, sqlx::Error> {
        let query = sqlx::query(self.statements.find_by.clone()).bind(attribute(op.key, 0, 1));
        // One row, with this very key: what a scan of limit 1 must give.
        let mut check = ScanCheck::new(op.key, 1);
        let mut rows = query.fetch(&mut self.connection);
        while let Some(row) = rows.try_next().await? {
            check.row(row.try_get(0)?, row.try_get(1)?);
        }
        Ok(check.outcome())
    }

    async fn aggregate(&mut self, op: &Op<'_>, answer: Option<&mut Vec<u8>>) -> Result<Outcome, sqlx::Error> {
        let query = sqlx::query(self.statements.aggregate.clone()).bind(group(op.key, self.schema.groups));
        let row = query.fetch_one(&mut self.connection).await?;
        let summary = Summary { rows: row.try_get(0)?, bytes: row.try_get(1)?, largest_key: row.try_get(2)? };
        if let Some(answer) = answer {
            answer.clear();
            summary.encode(answer);
        }
        Ok(summary.check(op.key, self.schema.groups))
    }
}

impl<P> Session for SqlSession<P>
where
    P: Product,
    P::Arguments: IntoArguments<P>,
    for<'c> &'c mut P::Connection: Executor<'c, Database = P>,
    for<'v> i64: Type<P> + Encode<'v, P> + Decode<'v, P>,
    for<'v> &'v [u8]: Type<P> + Encode<'v, P> + Decode<'v, P>,
    usize: ColumnIndex<P::Row>,
{
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

//! Names of keys, the commands of a session, and what their errors mean.

use std::time::Duration;

use futures_util::FutureExt;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, RedisError, Value};

use crate::base::seed::{Seed, mix64};
use crate::model::data::DataSet;
use crate::model::op::{Op, OpKind, Outcome};
use crate::store::answer::{self, LastError};
use crate::store::{Entries, Entry, LocalBoxFuture, Session};

/// The 4 letters that start the keys of `label`: 24 bits of a hash, none of them special in a pattern.
fn prefix(label: &str) -> [u8; 4] {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    let hash = mix64(Seed(0).derive(label).0);
    std::array::from_fn(|index| LETTERS[(hash >> (6 * index)) as usize % 64])
}

/// Where the keys of a data set lie.
#[derive(Clone, Copy)]
pub(super) struct Names {
    pub(super) rows: [u8; 4],
    pub(super) groups: [u8; 4],
}

impl Names {
    pub(super) fn of(data: &DataSet) -> Self {
        Self { rows: prefix(&data.table), groups: prefix(&format!("{}/groups", data.table)) }
    }

    #[inline]
    pub(super) fn row(&self, key: u64) -> [u8; 16] {
        name(self.rows, key)
    }

    #[inline]
    fn entry(&self, entry: Entry) -> [u8; 16] {
        match entry {
            Entry::Row(key) => self.row(key),
            Entry::Group(group) => name(self.groups, group),
        }
    }
}

#[inline]
fn name(prefix: [u8; 4], number: u64) -> [u8; 16] {
    let mut name = [0; 16];
    name[..4].copy_from_slice(&prefix);
    for (index, digit) in name[4..].iter_mut().enumerate() {
        *digit = b"0123456789abcdef"[(number >> (44 - 4 * index)) as usize & 15];
    }
    name
}

pub(super) fn number(name: &[u8]) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(name.get(4..16)?).ok()?, 16).ok()
}

pub(super) struct RedisSession {
    connection: MultiplexedConnection,
    /// Reused, so that it keeps its buffers.
    command: Cmd,
    names: Names,
    error: LastError<RedisError>,
}

impl RedisSession {
    pub(super) fn new(connection: MultiplexedConnection, names: Names) -> Self {
        Self { connection, command: Cmd::new(), names, error: LastError::None }
    }

    /// Starts a command.
    fn start(&mut self, name: &str) -> &mut Cmd {
        self.command.clear();
        self.command.arg(name)
    }

    /// Sends the command; an error becomes its outcome.
    async fn send(&mut self) -> Result<Value, Outcome> {
        match self.connection.send_packed_command(&self.command).await {
            Ok(Value::ServerError(error)) => Err(self.note(error.into())),
            Ok(value) => Ok(value),
            Err(error) => Err(self.note(error)),
        }
    }

    fn note(&mut self, error: RedisError) -> Outcome {
        let outcome = outcome_of(&error);
        self.error = LastError::Driver(error);
        outcome
    }

    async fn run(&mut self, op: &Op<'_>, answer: Option<&mut Vec<u8>>) -> Outcome {
        let result = match op.kind {
            OpKind::Read => self.read(op, answer).await,
            OpKind::Insert => self.set(op, false).await,
            OpKind::Update => self.set(op, true).await,
            OpKind::ReadModifyWrite => match self.read(op, answer).await {
                Ok(Outcome::Ok) => self.set(op, false).await,
                other => other,
            },
            OpKind::Delete => self.delete(op).await,
            OpKind::Scan | OpKind::FindBy | OpKind::Aggregate => Ok(self.error.unsupported("redis has no scan, find_by or aggregate")),
        };
        result.unwrap_or_else(|outcome| outcome)
    }

    async fn read(&mut self, op: &Op<'_>, answer: Option<&mut Vec<u8>>) -> Result<Outcome, Outcome> {
        let name = self.names.row(op.key);
        self.start("GET").arg(&name[..]);
        match self.send().await? {
            Value::BulkString(value) => {
                let outcome = answer::row(op.key, Some(&value));
                if let Some(answer) = answer {
                    *answer = value;
                }
                Ok(outcome)
            }
            Value::Nil => Ok(Outcome::Missing),
            _ => Err(self.error.unsupported("GET gave something that is not a string")),
        }
    }

    async fn set(&mut self, op: &Op<'_>, only_if_there: bool) -> Result<Outcome, Outcome> {
        let name = self.names.row(op.key);
        let set = self.start("SET").arg(&name[..]).arg(op.value);
        if only_if_there {
            set.arg("XX");
        }
        Ok(if self.send().await? == Value::Nil { Outcome::Missing } else { Outcome::Ok })
    }

    async fn delete(&mut self, op: &Op<'_>) -> Result<Outcome, Outcome> {
        let name = self.names.row(op.key);
        self.start("DEL").arg(&name[..]);
        Ok(if self.send().await? == Value::Int(0) { Outcome::Missing } else { Outcome::Ok })
    }

    async fn get_entry(&mut self, entry: Entry, answer: &mut Vec<u8>) -> Result<Outcome, Outcome> {
        let name = self.names.entry(entry);
        self.start("GET").arg(&name[..]);
        match self.send().await? {
            Value::BulkString(value) => {
                *answer = value;
                Ok(Outcome::Ok)
            }
            Value::Nil => Ok(Outcome::Missing),
            _ => Err(self.error.unsupported("GET gave something that is not a string")),
        }
    }

    async fn put_entry(&mut self, entry: Entry, value: &[u8], ttl: Option<Duration>) -> Result<Outcome, Outcome> {
        let name = self.names.entry(entry);
        let set = self.start("SET").arg(&name[..]).arg(value);
        if let Some(ttl) = ttl {
            // Redis refuses an expiry of 0.
            set.arg("PX").arg(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1));
        }
        self.send().await?;
        Ok(Outcome::Ok)
    }

    async fn forget_entries(&mut self, entries: &[Entry]) -> Result<Outcome, Outcome> {
        let names = self.names;
        let del = self.start("DEL");
        for entry in entries {
            del.arg(&names.entry(*entry)[..]);
        }
        self.send().await?;
        Ok(Outcome::Ok)
    }
}

/// What an error means.
fn outcome_of(error: &RedisError) -> Outcome {
    match error.code() {
        Some(
            "OOM" | "READONLY" | "LOADING" | "BUSY" | "MASTERDOWN" | "NOREPLICAS" | "CLUSTERDOWN" | "TRYAGAIN" | "MISCONF" | "NOAUTH"
            | "NOPERM",
        ) => Outcome::Refused,
        Some("EXECABORT") => Outcome::Conflict,
        _ if error.is_timeout() => Outcome::Timeout,
        _ if error.is_connection_dropped() || error.is_connection_refusal() || error.is_io_error() => Outcome::Disconnected,
        _ => Outcome::Failed,
    }
}

impl Session for RedisSession {
    fn execute<'a>(&'a mut self, op: &'a Op<'a>) -> LocalBoxFuture<'a, Outcome> {
        self.run(op, None).boxed_local()
    }

    fn fetch<'a>(&'a mut self, op: &'a Op<'a>, answer: &'a mut Vec<u8>) -> LocalBoxFuture<'a, Outcome> {
        self.run(op, Some(answer)).boxed_local()
    }

    fn entries(&mut self) -> Option<&mut dyn Entries> {
        Some(self)
    }

    fn last_error(&self) -> Option<String> {
        self.error.text()
    }
}

impl Entries for RedisSession {
    fn get<'a>(&'a mut self, entry: Entry, answer: &'a mut Vec<u8>) -> LocalBoxFuture<'a, Outcome> {
        async move { self.get_entry(entry, answer).await.unwrap_or_else(|outcome| outcome) }.boxed_local()
    }

    fn put<'a>(&'a mut self, entry: Entry, value: &'a [u8], ttl: Option<Duration>) -> LocalBoxFuture<'a, Outcome> {
        async move { self.put_entry(entry, value, ttl).await.unwrap_or_else(|outcome| outcome) }.boxed_local()
    }

    fn forget<'a>(&'a mut self, entries: &'a [Entry]) -> LocalBoxFuture<'a, Outcome> {
        async move { self.forget_entries(entries).await.unwrap_or_else(|outcome| outcome) }.boxed_local()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_16_bytes_and_gives_its_key_back() {
        for key in [0, 1, 0xABCD, (1 << 48) - 1] {
            let name = name(prefix("t"), key);
            assert_eq!(number(&name), Some(key));
            assert!(name.iter().all(|byte| byte.is_ascii_graphic() && !b"*?[\\".contains(byte)), "{name:?}");
        }
        assert_ne!(prefix("t"), prefix("t2"));
        assert_ne!(prefix("t"), prefix("t/groups"));
        assert_eq!(number(b"short"), None);
    }

    #[test]
    fn errors_become_outcomes() {
        let server = |code: &str| redis::make_extension_error(code.to_owned(), None);
        assert_eq!(outcome_of(&server("OOM")), Outcome::Refused);
        assert_eq!(outcome_of(&server("WRONGTYPE")), Outcome::Failed);
        assert_eq!(outcome_of(&std::io::Error::from(std::io::ErrorKind::TimedOut).into()), Outcome::Timeout);
        assert_eq!(outcome_of(&std::io::Error::from(std::io::ErrorKind::BrokenPipe).into()), Outcome::Disconnected);
    }
}

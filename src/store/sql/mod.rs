//! SQL that PostgreSQL and SQLite share: tables, indexes and the statements of a session. Both take `$1` as a parameter.

mod session;

pub(super) use session::{Product, SqlSession};
use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use super::StoreError;
use crate::model::data::{DataSet, Schema, attribute, group};

/// Types as a product names them.
pub(super) struct Dialect {
    /// Kind of store, for errors.
    pub(super) store: &'static str,
    /// The column `key`, with its constraint.
    pub(super) key: &'static str,
    /// An integer of 64 bits.
    pub(super) integer: &'static str,
    /// Bytes.
    pub(super) bytes: &'static str,
}

/// Text that was put together from checked names.
pub(super) fn text(sql: String) -> SqlStr {
    AssertSqlSafe(std::sync::Arc::<str>::from(sql)).into_sql_str()
}

/// Refuses a name of a table that would have to be quoted.
pub(super) fn check_name(store: &'static str, data: &DataSet) -> Result<(), StoreError> {
    let name = &data.table;
    let plain = !name.is_empty() && name.len() <= 40 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if plain && !name.starts_with(|first: char| first.is_ascii_digit()) {
        return Ok(());
    }
    Err(StoreError { store, text: format!("`{name}` cannot name a table: use at most 40 letters, digits and `_`, a letter first") })
}

/// Names of the columns beside `key` and `v`, in the order in which [`extra`] gives their values.
pub(super) fn extra_columns(schema: &Schema) -> Vec<String> {
    let attributes = (1..=schema.attributes).map(|index| format!("a{index}"));
    attributes.chain((schema.groups > 0).then(|| "grp".to_owned())).collect()
}

/// Values of the columns beside `key` and `v`.
pub(super) fn extra(schema: &Schema, key: u64, version: u64) -> impl Iterator<Item = i64> + use<> {
    let groups = schema.groups;
    (1..=schema.attributes).map(move |index| attribute(key, version, index)).chain((groups > 0).then(|| group(key, groups)))
}

/// Values of the columns that an update changes: `a2 …`, because `a1` and `grp` depend on the key alone.
pub(super) fn changing(schema: &Schema, key: u64, version: u64) -> impl Iterator<Item = i64> + use<> {
    (2..=schema.attributes).map(move |index| attribute(key, version, index))
}

/// Creates the table.
pub(super) fn create_table(dialect: &Dialect, data: &DataSet) -> Result<SqlStr, StoreError> {
    check_name(dialect.store, data)?;
    let integer = dialect.integer;
    let extra: String = extra_columns(&data.schema).iter().map(|name| format!(", {name} {integer} NOT NULL")).collect();
    Ok(text(format!("CREATE TABLE {} (key {}, v {} NOT NULL{extra})", data.table, dialect.key, dialect.bytes)))
}

/// Creates the secondary indexes that are not there yet.
pub(super) fn create_indexes(data: &DataSet) -> Vec<SqlStr> {
    let table = &data.table;
    let columns = (1..=data.schema.indexes.min(data.schema.attributes)).map(|index| format!("a{index}"));
    let columns = columns.chain((data.schema.groups > 0).then(|| "grp".to_owned()));
    columns.map(|column| text(format!("CREATE INDEX IF NOT EXISTS {table}_{column} ON {table} ({column})"))).collect()
}

/// A parameterised multi-row insert.
pub(super) fn insert(data: &DataSet, rows: usize) -> SqlStr {
    let extra = extra_columns(&data.schema);
    let width = 2 + extra.len();
    let names: String = extra.iter().map(|name| format!(", {name}")).collect();
    let row = |row: usize| {
        let parameters: Vec<String> = (1..=width).map(|column| format!("${}", row * width + column)).collect();
        format!("({})", parameters.join(", "))
    };
    let rows: Vec<String> = (0..rows).map(row).collect();
    text(format!("INSERT INTO {} (key, v{names}) VALUES {}", data.table, rows.join(", ")))
}

/// The statements of a session. Each is prepared once by the driver and then found by its text.
pub(super) struct Statements {
    pub(super) read: SqlStr,
    pub(super) insert: SqlStr,
    pub(super) update: SqlStr,
    pub(super) delete: SqlStr,
    pub(super) scan: SqlStr,
    pub(super) find_by: SqlStr,
    pub(super) aggregate: SqlStr,
    pub(super) count: SqlStr,
}

impl Statements {
    pub(super) fn new(store: &'static str, data: &DataSet) -> Result<Self, StoreError> {
        check_name(store, data)?;
        let table = &data.table;
        let changes: String = (2..=data.schema.attributes).map(|index| format!(", a{index} = ${}", index + 1)).collect();
        Ok(Self {
            read: text(format!("SELECT v FROM {table} WHERE key = $1")),
            insert: insert(data, 1),
            update: text(format!("UPDATE {table} SET v = $2{changes} WHERE key = $1")),
            delete: text(format!("DELETE FROM {table} WHERE key = $1")),
            scan: text(format!("SELECT key, v FROM {table} WHERE key >= $1 ORDER BY key LIMIT $2")),
            find_by: text(format!("SELECT key, v FROM {table} WHERE a1 = $1")),
            aggregate: text(format!("SELECT count(*), coalesce(sum(length(v)), 0), coalesce(max(key), 0) FROM {table} WHERE grp = $1")),
            count: text(format!("SELECT count(*) FROM {table}")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::workload::ValueSize;

    fn data(attributes: u8, indexes: u8, groups: u64) -> DataSet {
        DataSet { table: "t".to_owned(), rows: 10, schema: Schema { attributes, indexes, groups }, value: ValueSize::Fixed(100) }
    }

    #[test]
    fn statements_follow_the_schema() {
        let plain = Statements::new("test", &data(0, 0, 0)).unwrap();
        assert_eq!(plain.insert.as_str(), "INSERT INTO t (key, v) VALUES ($1, $2)");
        assert_eq!(plain.update.as_str(), "UPDATE t SET v = $2 WHERE key = $1");
        let wide = Statements::new("test", &data(3, 2, 7)).unwrap();
        assert_eq!(wide.insert.as_str(), "INSERT INTO t (key, v, a1, a2, a3, grp) VALUES ($1, $2, $3, $4, $5, $6)");
        assert_eq!(wide.update.as_str(), "UPDATE t SET v = $2, a2 = $3, a3 = $4 WHERE key = $1");
        assert_eq!(insert(&data(1, 0, 0), 2).as_str(), "INSERT INTO t (key, v, a1) VALUES ($1, $2, $3), ($4, $5, $6)");
        let indexes: Vec<_> = create_indexes(&data(3, 2, 7)).iter().map(|sql| sql.as_str().to_owned()).collect();
        assert_eq!(indexes.len(), 3);
        assert!(indexes[2].ends_with("t_grp ON t (grp)"), "{indexes:?}");
    }

    #[test]
    fn values_come_in_the_order_of_the_columns() {
        let schema = data(3, 0, 7).schema;
        assert_eq!(extra(&schema, 9, 4).count(), extra_columns(&schema).len());
        assert_eq!(extra(&schema, 9, 4).last(), Some(2));
        assert_eq!(changing(&schema, 9, 4).collect::<Vec<_>>(), extra(&schema, 9, 4).skip(1).take(2).collect::<Vec<_>>());
    }

    #[test]
    fn a_name_that_needs_quotes_is_refused() {
        for table in ["", "1t", "t;drop", "a-b"] {
            let data = DataSet { table: table.to_owned(), ..data(0, 0, 0) };
            assert!(check_name("test", &data).is_err(), "{table}");
        }
    }
}

//! A TOML file as a tree that remembers where every key and value was written, also after parts of several files are put together.

use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::SpecError;

/// A text that was read, and the name under which messages call it.
#[derive(Debug)]
pub struct Text {
    /// Path, or the option as it was given.
    pub name: String,
    /// Its text; empty for an option, whose name says all.
    pub text: String,
}

/// A place in a text.
#[derive(Debug, Clone)]
pub struct At {
    /// Which text.
    pub of: Arc<Text>,
    /// Byte from its start.
    pub offset: usize,
}

impl At {
    /// An error at this place.
    pub fn fail(&self, text: impl Into<String>, help: impl Into<String>) -> SpecError {
        let mut error = SpecError::without_line(self.of.name.clone(), text, help);
        if !self.of.text.is_empty() {
            let before = self.of.text.get(..self.offset).unwrap_or(&self.of.text);
            error.line = before.matches('\n').count() + 1;
            error.column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        }
        error
    }
}

/// A value with its place.
#[derive(Debug, Clone)]
pub struct Node {
    /// Where it was written.
    pub at: At,
    /// What it is.
    pub value: Value,
}

/// What a value is.
#[derive(Debug, Clone)]
pub enum Value {
    /// A text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A finite number with a fraction.
    Float(f64),
    /// `true` or `false`.
    Bool(bool),
    /// A list.
    List(Vec<Node>),
    /// A table.
    Table(Table),
    /// A date, or a number that is too large or not finite: no key takes one.
    Other(&'static str),
}

impl Value {
    /// What it is, for messages.
    pub const fn kind(&self) -> &'static str {
        match self {
            Value::Text(_) => "a text",
            Value::Integer(_) => "a whole number",
            Value::Float(_) => "a number",
            Value::Bool(_) => "true or false",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
            Value::Other(kind) => kind,
        }
    }
}

/// A key, its place, and its value.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key was written.
    pub at: At,
    /// The value.
    pub node: Node,
}

/// Keys and values in the order of the file.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// Its entries.
    pub entries: Vec<Entry>,
}

impl Table {
    /// The entry of a key.
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// Replaces the entry of the same key in its place, or appends it.
    pub fn put(&mut self, entry: Entry) {
        match self.entries.iter_mut().find(|old| old.key == entry.key) {
            Some(old) => *old = entry,
            None => self.entries.push(entry),
        }
    }

    /// Removes entries whose keys meet a condition.
    pub fn drop_if(&mut self, condition: impl Fn(&str) -> bool) {
        self.entries.retain(|entry| !condition(&entry.key));
    }

    /// The entry at the end of a path.
    pub fn find(&self, path: &[&str]) -> Option<&Entry> {
        let (first, rest) = path.split_first()?;
        let entry = self.get(first)?;
        match (&entry.node.value, rest) {
            (_, []) => Some(entry),
            (Value::Table(table), rest) => table.find(rest),
            _ => None,
        }
    }

    /// Puts `node` at the end of a path, making tables on the way.
    ///
    /// # Errors
    /// When something on the way is no table.
    pub fn put_path(&mut self, path: &[&str], node: &Node) -> Result<(), SpecError> {
        let Some((first, rest)) = path.split_first() else { return Ok(()) };
        let entry = |node: Node| Entry { key: (*first).to_owned(), at: node.at.clone(), node };
        if rest.is_empty() {
            self.put(entry(node.clone()));
            return Ok(());
        }
        if self.get(first).is_none() {
            self.put(entry(Node { at: node.at.clone(), value: Value::Table(Table::default()) }));
        }
        match self.entries.iter_mut().find(|entry| entry.key == *first).map(|entry| &mut entry.node.value) {
            Some(Value::Table(table)) => table.put_path(rest, node),
            _ => Err(node.at.fail(format!("`{first}` is no table, so it has no `{}`", rest.join(".")), "")),
        }
    }
}

/// Reads a TOML text.
///
/// # Errors
/// When it is no TOML, or a key is given twice.
pub fn parse(name: &str, text: &str) -> Result<Node, SpecError> {
    // An empty text has no line 1 to point at; a blank one has.
    let text = if text.is_empty() { "\n" } else { text };
    let of = Arc::new(Text { name: name.to_owned(), text: text.to_owned() });
    match DeTable::parse(text) {
        Ok(table) => Ok(Node { at: At { of: Arc::clone(&of), offset: 0 }, value: Value::Table(own_table(table.get_ref(), &of)) }),
        Err(error) => {
            let span = error.span().unwrap_or_default();
            let at = At { of, offset: span.start };
            if error.message() == "duplicate key" {
                let key = text.get(span).unwrap_or_default();
                return Err(at.fail(format!("duplicate key `{key}`"), "keep one of them"));
            }
            Err(at.fail(format!("not TOML: {}", error.message()), ""))
        }
    }
}

/// Reads the value of an option: TOML if it is TOML, else a text, so that `50k` needs no quotes.
pub fn parse_option(name: &str, value: &str) -> Node {
    let of = Arc::new(Text { name: name.to_owned(), text: String::new() });
    let value = match DeValue::parse(value) {
        Ok(parsed) => own_value(parsed.get_ref(), &of),
        Err(_) => Value::Text(value.to_owned()),
    };
    Node { at: At { of, offset: 0 }, value }
}

fn own_table(table: &DeTable<'_>, of: &Arc<Text>) -> Table {
    let entries = table.iter().map(|(key, value)| Entry {
        key: key.get_ref().to_string(),
        at: At { of: Arc::clone(of), offset: key.span().start },
        node: own_node(value, of),
    });
    Table { entries: entries.collect() }
}

fn own_node(node: &Spanned<DeValue<'_>>, of: &Arc<Text>) -> Node {
    Node { at: At { of: Arc::clone(of), offset: node.span().start }, value: own_value(node.get_ref(), of) }
}

fn own_value(value: &DeValue<'_>, of: &Arc<Text>) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).map_or(Value::Other("too large a number"), Value::Integer)
        }
        DeValue::Float(number) => match number.as_str().parse::<f64>() {
            Ok(number) if number.is_finite() => Value::Float(number),
            _ => Value::Other("no finite number"),
        },
        DeValue::Boolean(value) => Value::Bool(*value),
        DeValue::Datetime(_) => Value::Other("a date"),
        DeValue::Array(items) => Value::List(items.iter().map(|item| own_node(item, of)).collect()),
        DeValue::Table(table) => Value::Table(own_table(table, of)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_lines_and_columns_of_characters() {
        let node = parse("x.toml", "a = 1\n\"é\" = { b = 'µ', c = 2 }\n[t]\nd = 3\n").unwrap();
        let Value::Table(table) = &node.value else { panic!("no table") };
        let place = |path: &[&str]| {
            let error = table.find(path).unwrap().at.fail("", "");
            (error.line, error.column)
        };
        assert_eq!(place(&["a"]), (1, 1));
        assert_eq!(place(&["é", "c"]), (2, 18));
        assert_eq!(place(&["t", "d"]), (4, 1));
    }

    #[test]
    fn a_path_is_made_and_an_option_needs_no_quotes() {
        let mut table = Table::default();
        let node = parse_option("--set keys.count=50k", "50k");
        table.put_path(&["keys", "count"], &node).unwrap();
        assert!(matches!(&table.find(&["keys", "count"]).unwrap().node.value, Value::Text(text) if text == "50k"));
        let error = table.put_path(&["keys", "count", "x"], &node).unwrap_err().to_string();
        assert_eq!(error, "--set keys.count=50k: `count` is no table, so it has no `x`");
        assert!(matches!(parse_option("", "0.5").value, Value::Float(half) if half == 0.5));
    }
}

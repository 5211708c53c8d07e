//! Typed and strict reading of the tree: every reader says what it expected, and no key is overlooked.

use std::time::Duration;

use super::error::{SpecError, suggest};
use super::tree::{At, Entry, Node, Table, Value};
use crate::base::units::{QuantityError, parse_bytes, parse_count, parse_duration};

/// A value with the path that messages call it by.
#[derive(Debug, Clone)]
pub struct Field<'t> {
    /// The value.
    pub node: &'t Node,
    /// Where its key is.
    pub key_at: &'t At,
    /// Such as `load.closed.sessions`.
    pub path: String,
}

/// A table all of whose keys are known.
#[derive(Debug, Clone)]
pub struct Fields<'t> {
    table: &'t Table,
    at: &'t At,
    path: String,
}

impl<'t> Fields<'t> {
    /// The field of a key, if it is given.
    pub fn get(&self, key: &str) -> Option<Field<'t>> {
        self.table.get(key).map(|entry| self.field(entry))
    }

    /// The field of a key that must be given.
    ///
    /// # Errors
    /// When it is not.
    pub fn need(&self, key: &str, example: &str) -> Result<Field<'t>, SpecError> {
        self.get(key).ok_or_else(|| self.at.fail(format!("missing key `{key}`{}", self.inside()), format!("add `{key} = {example}`")))
    }

    /// All fields in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = (&'t str, Field<'t>)> {
        self.table.entries.iter().map(|entry| (entry.key.as_str(), self.field(entry)))
    }

    /// Whether it has no keys.
    pub fn is_empty(&self) -> bool {
        self.table.entries.is_empty()
    }

    /// An error about the whole table.
    pub fn fail(&self, text: impl Into<String>, help: impl Into<String>) -> SpecError {
        self.at.fail(text, help)
    }

    /// Where the table begins.
    pub fn at(&self) -> &'t At {
        self.at
    }

    /// Refuses the keys of `others` beside the key `with`.
    ///
    /// # Errors
    /// When one of them is given.
    pub fn alone(&self, with: &str, others: &[&str]) -> Result<(), SpecError> {
        match others.iter().find_map(|other| self.table.get(other)) {
            Some(entry) => Err(entry.at.fail(format!("`{}` cannot stand beside `{with}`{}", entry.key, self.inside()), "keep one of them")),
            None => Ok(()),
        }
    }

    /// The one key of `choices` that is given.
    ///
    /// # Errors
    /// When none or several are.
    pub fn one_of(&self, choices: &[&str]) -> Result<(&'t str, Field<'t>), SpecError> {
        let mut given = self.table.entries.iter().filter(|entry| choices.contains(&entry.key.as_str()));
        let Some(first) = given.next() else {
            return Err(self.at.fail(format!("nothing given{}", self.inside()), format!("expected one of {}", choices.join(", "))));
        };
        match given.next() {
            Some(second) => {
                let text = format!("`{}` cannot stand beside `{}`{}", second.key, first.key, self.inside());
                Err(second.at.fail(text, "keep one of them"))
            }
            None => Ok((first.key.as_str(), self.field(first))),
        }
    }

    fn field(&self, entry: &'t Entry) -> Field<'t> {
        let path = if self.path.is_empty() { entry.key.clone() } else { format!("{}.{}", self.path, entry.key) };
        Field { node: &entry.node, key_at: &entry.at, path }
    }

    fn inside(&self) -> String {
        if self.path.is_empty() { String::new() } else { format!(" in {}", self.path) }
    }
}

/// Opens a table whose keys are all in `known`.
///
/// # Errors
/// When the table has another key.
pub fn open<'t>(table: &'t Table, at: &'t At, path: &str, known: &[&str]) -> Result<Fields<'t>, SpecError> {
    let fields = open_any(table, at, path);
    match table.entries.iter().find(|entry| !known.contains(&entry.key.as_str())) {
        Some(entry) => Err(entry.at.fail(format!("unknown key `{}`{}", entry.key, fields.inside()), suggest(&entry.key, known))),
        None => Ok(fields),
    }
}

/// Opens a table whose keys are names that its author chose.
pub fn open_any<'t>(table: &'t Table, at: &'t At, path: &str) -> Fields<'t> {
    Fields { table, at, path: path.to_owned() }
}

impl<'t> Field<'t> {
    /// An error at the value.
    pub fn fail(&self, text: impl Into<String>, help: impl Into<String>) -> SpecError {
        self.node.at.fail(text, help)
    }

    /// An error at the key.
    pub fn fail_key(&self, text: impl Into<String>, help: impl Into<String>) -> SpecError {
        self.key_at.fail(text, help)
    }

    /// The error that the value is of another type.
    pub fn wrong_type(&self, expected: &str) -> SpecError {
        self.fail(format!("`{}` is {}", self.path, self.node.value.kind()), format!("expected {expected}"))
    }

    /// A text.
    ///
    /// # Errors
    /// When it is of another type.
    pub fn text(&self) -> Result<&'t str, SpecError> {
        match &self.node.value {
            Value::Text(text) => Ok(text),
            _ => Err(self.wrong_type("a text in quotes")),
        }
    }

    /// A text that says something.
    ///
    /// # Errors
    /// When it is of another type, or blank.
    pub fn words(&self) -> Result<String, SpecError> {
        match self.text()? {
            blank if blank.trim().is_empty() => {
                Err(self.fail(format!("`{}` is empty", self.path), "write a sentence or leave the key out"))
            }
            text => Ok(text.to_owned()),
        }
    }

    /// One of several words.
    ///
    /// # Errors
    /// When it is another one.
    pub fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Result<T, SpecError> {
        let text = self.text()?;
        choices.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).ok_or_else(|| {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            self.fail(format!("unknown {} `{text}`", self.path), suggest(text, &words))
        })
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// When it is of another type.
    pub fn flag(&self) -> Result<bool, SpecError> {
        match self.node.value {
            Value::Bool(value) => Ok(value),
            _ => Err(self.wrong_type("true or false")),
        }
    }

    /// A finite number.
    ///
    /// # Errors
    /// When it is of another type.
    pub fn number(&self) -> Result<f64, SpecError> {
        match self.node.value {
            Value::Integer(number) => Ok(number as f64),
            Value::Float(number) => Ok(number),
            _ => Err(self.wrong_type("a number")),
        }
    }

    /// A finite number above 0.
    ///
    /// # Errors
    /// When it is of another type, or not above 0.
    pub fn positive(&self) -> Result<f64, SpecError> {
        match self.number()? {
            number if number > 0.0 => Ok(number),
            number => Err(self.fail(format!("`{}` is {number}", self.path), "expected a number above 0")),
        }
    }

    /// A count from `low` to `high`: a whole number, or a text such as `200k`.
    ///
    /// # Errors
    /// When it is of another type, is not written like that, or lies outside.
    pub fn count(&self, low: u64, high: u64) -> Result<u64, SpecError> {
        self.whole(low, high, "a whole number, or a text such as \"200k\"", parse_count)
    }

    /// A number of bytes from `low` to `high`: a whole number, or a text such as `4KiB`.
    ///
    /// # Errors
    /// When it is of another type, is not written like that, or lies outside.
    pub fn bytes(&self, low: u64, high: u64) -> Result<u64, SpecError> {
        self.whole(low, high, "a whole number of bytes, or a text such as \"4KiB\"", parse_bytes)
    }

    fn whole(&self, low: u64, high: u64, expected: &str, parse: impl Fn(&str) -> Result<u64, QuantityError>) -> Result<u64, SpecError> {
        let number = match &self.node.value {
            Value::Integer(number) => u64::try_from(*number).ok(),
            Value::Text(text) => Some(parse(text).map_err(|error| self.fail(format!("`{}`: {error}", self.path), ""))?),
            _ => return Err(self.wrong_type(expected)),
        };
        let shown = match &self.node.value {
            Value::Integer(number) => number.to_string(),
            Value::Text(text) => text.clone(),
            _ => String::new(),
        };
        number.filter(|number| (low..=high).contains(number)).ok_or_else(|| {
            let help = if high >= u64::from(u32::MAX) { format!("expected {low} or more") } else { format!("expected {low} to {high}") };
            self.fail(format!("`{}` is {shown}", self.path), help)
        })
    }

    /// A number of 32 bits, as [`Field::count`].
    ///
    /// # Errors
    /// As [`Field::count`].
    pub fn count32(&self, low: u32) -> Result<u32, SpecError> {
        let count = self.count(u64::from(low), u64::MAX)?;
        u32::try_from(count).map_err(|_| self.fail(format!("`{}` is {count}", self.path), format!("expected at most {}", u32::MAX)))
    }

    /// A duration above 0: a text such as `5s`.
    ///
    /// # Errors
    /// When it is of another type, is not written like that, or is 0.
    pub fn duration(&self) -> Result<Duration, SpecError> {
        let Value::Text(text) = &self.node.value else { return Err(self.wrong_type("a text such as \"5s\" or \"200ms\"")) };
        match parse_duration(text) {
            Ok(Duration::ZERO) => Err(self.fail(format!("`{}` is 0", self.path), "expected a duration above 0")),
            Ok(duration) => Ok(duration),
            Err(error) => Err(self.fail(format!("`{}`: {error}", self.path), "")),
        }
    }

    /// A table, with the path that its own errors begin with.
    ///
    /// # Errors
    /// When it is of another type, or has a key that is not in `known`.
    pub fn table(&self, known: &[&str]) -> Result<Fields<'t>, SpecError> {
        open(self.raw_table()?, &self.node.at, &self.path, known)
    }

    /// A table whose keys its author chose.
    ///
    /// # Errors
    /// When it is of another type.
    pub fn any_table(&self) -> Result<Fields<'t>, SpecError> {
        Ok(open_any(self.raw_table()?, &self.node.at, &self.path))
    }

    /// A table, unread.
    ///
    /// # Errors
    /// When it is of another type.
    pub fn raw_table(&self) -> Result<&'t Table, SpecError> {
        match &self.node.value {
            Value::Table(table) => Ok(table),
            _ => Err(self.wrong_type("a table")),
        }
    }

    /// The items of a list.
    ///
    /// # Errors
    /// When it is of another type.
    pub fn list(&self) -> Result<Vec<Field<'t>>, SpecError> {
        match &self.node.value {
            Value::List(items) => Ok(items.iter().map(|node| Field { node, key_at: &node.at, path: self.path.clone() }).collect()),
            _ => Err(self.wrong_type("a list in [ ]")),
        }
    }

    /// A list of texts.
    ///
    /// # Errors
    /// When it is of another type.
    pub fn texts(&self) -> Result<Vec<String>, SpecError> {
        self.list()?.iter().map(Field::words).collect()
    }
}

//! The one error of this module: where, what was expected, and what the nearest valid spelling is.

use std::fmt;

/// What is wrong with a file or an option, where, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct SpecError {
    /// File as the user knows it, or the option (`--set keys.count=5x`).
    pub file: String,
    /// Line from 1; 0 if the error belongs to no line.
    pub line: usize,
    /// Column from 1, in characters; 0 if the error belongs to no line.
    pub column: usize,
    /// What is wrong.
    pub text: String,
    /// What to write instead; may be empty.
    pub help: String,
}

impl SpecError {
    /// An error that belongs to no line of a file.
    pub fn without_line(file: impl Into<String>, text: impl Into<String>, help: impl Into<String>) -> Self {
        Self { file: file.into(), line: 0, column: 0, text: text.into(), help: help.into() }
    }
}

impl fmt::Display for SpecError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.file)?;
        if self.line > 0 {
            write!(out, ":{}:{}", self.line, self.column)?;
        }
        write!(out, ": {}", self.text)?;
        if !self.help.is_empty() {
            write!(out, ": {}", self.help)?;
        }
        Ok(())
    }
}

/// The spelling of `known` that is nearest to `word`, if one is near enough to be meant.
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let word = word.to_lowercase();
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&word, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= 1 + name.chars().count().max(word.chars().count()) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Help for a word that is none of `known`: the nearest one, and all of them as long as they fit into a line.
pub fn suggest(word: &str, known: &[&str]) -> String {
    const SHOWN: usize = 16;
    let mut help = nearest(word, known.iter().copied()).map_or_else(String::new, |name| format!("did you mean `{name}`? "));
    let shown = known.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    match known.len() {
        0 => help.push_str("there is none"),
        1 => help.push_str(&format!("expected `{shown}`")),
        more if more <= SHOWN => help.push_str(&format!("expected one of {shown}")),
        more => help.push_str(&format!("expected one of {shown}, and {} more", more - SHOWN)),
    }
    help
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_near_word_is_suggested() {
        assert_eq!(nearest("sesions", ["sessions", "rate"]), Some("sessions"));
        assert_eq!(nearest("Zipf", ["zipfian", "uniform"]), None);
        assert_eq!(nearest("zipfan", ["zipfian", "uniform"]), Some("zipfian"));
        assert_eq!(nearest("colour", ["sessions", "rate"]), None);
        assert!(suggest("x", &["a"]).ends_with("expected `a`"));
    }
}

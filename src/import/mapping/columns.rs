//! Names of columns: a register calls the same column otherwise in another edition, and writes the same value otherwise.
//! In a pattern one `*` stands for any text.

use std::collections::BTreeMap;

use crate::import::template::Template;

/// Other names of columns.
#[derive(Clone, Debug, Default)]
pub struct Aliases {
    /// Pattern and name; a `*` of the name is what that of the pattern stood for.
    names: Vec<(String, String)>,
}

/// Columns that are brought into one spelling as they are read.
#[derive(Clone, Debug)]
pub struct Spelling {
    /// Patterns of their names.
    pub columns: Vec<String>,
    /// The spelling of `$cell`; where it gives nothing, the cell stays as it is.
    pub value: Template,
}

impl Aliases {
    /// Aliases from names and their patterns.
    pub fn new(names: BTreeMap<String, Vec<String>>) -> Self {
        let each = names.into_iter().flat_map(|(name, patterns)| {
            patterns.into_iter().map(move |pattern| (pattern, name.clone())).collect::<Vec<_>>()
        });
        Self { names: each.collect() }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The name of a column that may go by another.
    pub fn name(&self, column: &str) -> Option<String> {
        self.names.iter().find_map(|(pattern, name)| Some(name.replacen('*', matched(pattern, column)?, 1)))
    }
}

impl Spelling {
    /// Whether it is about a column.
    pub fn is_about(&self, column: &str) -> bool {
        is_among(&self.columns, column)
    }
}

/// Whether a column goes by one of these patterns.
pub fn is_among(patterns: &[String], column: &str) -> bool {
    patterns.iter().any(|pattern| matched(pattern, column).is_some())
}

/// What the `*` of a pattern stands for in a text, where they fit: nothing in a pattern without one.
fn matched<'t>(pattern: &str, text: &'t str) -> Option<&'t str> {
    match pattern.split_once('*') {
        None => (pattern == text).then_some(""),
        Some((head, tail)) => text.strip_prefix(head)?.strip_suffix(tail),
    }
}

#[cfg(test)]
mod tests;

//! Texts with holes: `Complaint {Complaint Id!}`, `{filed-date|date:us}`, `{$officer}`.
//!
//! A hole is a column, or with `$` a name of the mapping; a `!` after it says that the row is refused without it; `|`
//! passes what is in it through a filter. `{{` is a brace. A text that is one hole and nothing else gives the value
//! itself, a list or a date for example; any other text gives a text, in which nothing is an empty text.

use serde_json::Value;

use crate::import::error::Refusal;
use crate::import::filter;
use crate::import::filter::Filter;
use crate::import::scope::Scope;

/// A text with holes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// As it is written in the mapping.
    pub written: String,
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Hole(Hole),
}

/// What stands between braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hole {
    /// Where the value comes from.
    pub from: From,
    required: bool,
    /// What is done to it, in order.
    pub filters: Vec<Filter>,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    /// A column of the row, or with dots a place inside one.
    Column(String),
    /// A name of the mapping, and a place inside it.
    Name {
        /// The name, without the `$`.
        name: String,
        /// What follows its first dot.
        path: Option<String>,
    },
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    ///
    /// What is wrong, in words.
    pub fn parse(written: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut text = String::new();
        let mut rest = written;
        while let Some(open) = rest.find('{') {
            text.push_str(&rest[..open]);
            rest = &rest[open + 1..];
            if let Some(after) = rest.strip_prefix('{') {
                text.push('{');
                rest = after;
                continue;
            }
            let close = rest.find('}').ok_or("a brace is not closed")?;
            if !text.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut text)));
            }
            pieces.push(Piece::Hole(Hole::parse(&rest[..close])?));
            rest = &rest[close + 1..];
        }
        text.push_str(rest);
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        Ok(Self { written: written.to_owned(), pieces })
    }

    /// Its holes.
    pub fn holes(&self) -> impl Iterator<Item = &Hole> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Hole(hole) => Some(hole),
            Piece::Text(_) => None,
        })
    }

    /// Whether it is the same for every row.
    pub fn is_constant(&self) -> bool {
        self.holes().next().is_none()
    }

    /// The text, where it has no hole.
    pub fn constant(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Its value for a row; null where there is none.
    ///
    /// # Errors
    ///
    /// Why the row is refused.
    pub fn value(&self, scope: &Scope<'_>) -> Result<Value, Refusal> {
        if let [Piece::Hole(hole)] = self.pieces.as_slice() {
            // The proto mapping reads a number that is written as a text, and no text that is written as a number.
            return Ok(match hole.value(scope)? {
                Value::Number(number) => Value::String(number.to_string()),
                value => value,
            });
        }
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Hole(hole) => {
                    if let Some(piece) = filter::text_of(&hole.value(scope)?) {
                        text.push_str(&piece);
                    }
                }
            }
        }
        Ok(Value::String(text))
    }

    /// Its text for a row; empty where there is none.
    ///
    /// # Errors
    ///
    /// Why the row is refused.
    pub fn text(&self, scope: &Scope<'_>) -> Result<String, Refusal> {
        Ok(filter::text_of(&self.value(scope)?).unwrap_or_default())
    }
}

impl Hole {
    fn parse(text: &str) -> Result<Self, String> {
        let mut steps = text.split('|');
        let from = steps.next().unwrap_or_default().trim();
        let (from, required) = from.strip_suffix('!').map_or((from, false), |from| (from, true));
        let from = match from.strip_prefix('$') {
            _ if from.is_empty() || from == "$" => return Err(format!("{{{text}}} names nothing")),
            None => From::Column(from.to_owned()),
            Some(name) => match name.split_once('.') {
                None => From::Name { name: name.to_owned(), path: None },
                Some((name, path)) => From::Name { name: name.to_owned(), path: Some(path.to_owned()) },
            },
        };
        let filters = steps.map(Filter::parse).collect::<Result<_, _>>()?;
        Ok(Self { from, required, filters })
    }

    fn value(&self, scope: &Scope<'_>) -> Result<Value, Refusal> {
        let mut value = match &self.from {
            From::Column(column) => scope.column(column),
            From::Name { name, path } => scope.name(name, path.as_deref())?,
        };
        if filter::text_of(&value).is_none() {
            value = Value::Null;
        }
        if self.required && value.is_null() {
            let what = match &self.from {
                From::Column(column) => format!("column {column:?} is empty"),
                From::Name { name, .. } => format!("{name:?} is empty"),
            };
            return Err(Refusal::new("VALUE_ABSENT", what));
        }
        for filter in &self.filters {
            value = scope.filter(filter, value)?;
        }
        Ok(value)
    }
}

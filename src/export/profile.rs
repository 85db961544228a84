//! Redaction profiles: which tables, columns and rows are written for whom. A profile is data; what it does not name
//! is not written, so that a table or column that is new is in no export until somebody says so.
//!
//! ```toml
//! name = "sanctions-in-force"
//! about = "what is in force, for the personnel body"
//! entries = false                              # whether the entries of the log may go along
//! all = false                                  # true: every table with every column, and nothing below
//!
//! [tables.sanctions]
//! columns = ["form_code", "stated_from"]       # what is written, in this order
//! rows = { standing = ["IN_FORCE"] }           # only rows that have one of these words in each of these columns
//! dates = "month"                              # day, month or year: dates are cut to it
//! counted = true                               # rows that are alike are one row, with their count
//! at_least = 5                                 # fewer alike are summed up in one row without words
//! ```

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use data_encoding::HEXLOWER;
use serde::Deserialize;
use sha2::Digest;
use sha2::Sha256;
use thiserror::Error;
use toml::Spanned;

use crate::export::cell::Cell;
use crate::export::cell::Type;
use crate::export::table::Class;
use crate::export::table::Described;
use crate::export::table::DescribedColumn;
use crate::export::table::described;

/// The profiles that every program has, each with the name of its file.
const SHIPPED: [(&str, &str); 3] = [
    ("internal.toml", include_str!("profiles/internal.toml")),
    ("clearance.toml", include_str!("profiles/clearance.toml")),
    ("statistics.toml", include_str!("profiles/statistics.toml")),
];

/// The profile that writes everything.
pub const INTERNAL: &str = "internal";

/// A name of a profile, or of an export, is at most so long.
const NAME_BYTES_MAX: usize = 64;

const COUNT: DescribedColumn = DescribedColumn {
    name: "count",
    of: Type::Whole,
    meaning: "how many rows there are with these values; where every other cell is empty, of how many the values \
              were held back because too few are alike",
    class: Class::Anonymous,
    joins: false,
};

/// What is written, for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    name: String,
    about: String,
    entries: bool,
    tables: Vec<TableRule>,
    text: String,
}

/// What of one table is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TableRule {
    /// As its readers see it.
    pub(super) described: Described,
    /// Places of the columns among all of the table.
    columns: Vec<usize>,
    /// Words that a row must have, by place of the column.
    rows: Vec<(usize, BTreeSet<String>)>,
    dates: Dates,
    /// Rows that are alike are one; the least that are told apart.
    pub(super) counted: Option<u64>,
}

/// How much of a date is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Dates {
    #[default]
    Day,
    Month,
    Year,
}

/// Why a text is no profile.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{file}, line {line}: {what}")]
pub struct ProfileError {
    /// The file.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// What is wrong there.
    pub what: String,
}

/// A profile as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: Spanned<String>,
    about: String,
    entries: bool,
    #[serde(default)]
    all: Option<Spanned<bool>>,
    #[serde(default)]
    tables: BTreeMap<Spanned<String>, WrittenTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTable {
    columns: Spanned<Vec<Spanned<String>>>,
    #[serde(default)]
    rows: BTreeMap<Spanned<String>, Vec<String>>,
    #[serde(default)]
    dates: Dates,
    #[serde(default)]
    counted: bool,
    #[serde(default)]
    at_least: Option<Spanned<u64>>,
}

/// What is wrong, and where in the text.
type Fault = (usize, String);

impl Profile {
    /// Reads a profile. `file` names it in errors.
    ///
    /// # Errors
    ///
    /// It is no profile, or names a table or column that there is not: in which line.
    pub fn parse(file: &str, text: &str) -> Result<Self, ProfileError> {
        Self::read(text).map_err(|(at, what)| {
            let line = 1 + text.char_indices().filter(|(place, letter)| *place < at && *letter == '\n').count();
            ProfileError { file: file.to_owned(), line, what }
        })
    }

    fn read(text: &str) -> Result<Self, Fault> {
        let written: Written = toml::from_str(text)
            .map_err(|error| (error.span().map_or(0, |span| span.start), error.message().to_owned()))?;
        let name = written.name.get_ref().clone();
        if !is_name(&name) {
            return Err((written.name.span().start, format!("name: {NAME_RULE}")));
        }
        let all = written.all.as_ref().is_some_and(|all| *all.get_ref());
        if all && let Some(table) = written.tables.keys().next() {
            return Err((table.span().start, "tables: with all = true no table is named".to_owned()));
        }
        let known = described();
        let tables = if all {
            known.into_iter().map(TableRule::whole).collect()
        } else {
            if let Some(unknown) = written.tables.keys().find(|name| !known.iter().any(|it| it.name == *name.get_ref()))
            {
                return Err((unknown.span().start, format!("tables.{}: there is no such table", unknown.get_ref())));
            }
            let named = known.into_iter().filter_map(|known| {
                let table = written.tables.iter().find(|(name, _)| known.name == *name.get_ref())?.1;
                Some(TableRule::read(&known, table))
            });
            named.collect::<Result<Vec<_>, _>>()?
        };
        if tables.is_empty() {
            return Err((0, "tables: it names no table, so that nothing would be written".to_owned()));
        }
        if written.entries && !all {
            return Err((
                0,
                "entries: the entries hold everything, so that they go along with all = true alone".into(),
            ));
        }
        Ok(Self { name, about: written.about, entries: written.entries, tables, text: text.to_owned() })
    }

    /// The profile of this name that every program has.
    pub fn shipped(name: &str) -> Option<Self> {
        shipped().remove(name)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is for.
    pub fn about(&self) -> &str {
        &self.about
    }

    /// Whether the entries of the log may go along.
    pub const fn entries(&self) -> bool {
        self.entries
    }

    /// As it is written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// SHA-256 of its text, 64 hexadecimal digits.
    pub fn sha256(&self) -> String {
        HEXLOWER.encode(&Sha256::digest(&self.text))
    }

    /// Whether a row of a thing can be there in one export and not in the next, though the thing still is.
    pub fn chooses_rows(&self) -> bool {
        self.tables.iter().any(|table| table.counted.is_none() && !table.rows.is_empty())
    }

    /// The tables that are written, as their readers see them.
    pub(super) fn tables(&self) -> &[TableRule] {
        &self.tables
    }
}

/// The profiles that every program has, by name.
pub fn shipped() -> BTreeMap<String, Profile> {
    let read = |(file, text): &(&str, &str)| Profile::parse(file, text).expect("the profiles shipped are tested");
    SHIPPED.iter().map(read).map(|profile| (profile.name.clone(), profile)).collect()
}

/// What a name of a profile or an export is.
pub const NAME_RULE: &str = "1 to 64 lower-case letters, digits and single hyphens, a letter first";

/// Whether a text can name a profile or an export.
pub fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=NAME_BYTES_MAX).contains(&text.len())
        && text.bytes().all(plain)
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && !text.ends_with('-')
        && !text.contains("--")
}

impl TableRule {
    fn whole(described: Described) -> Self {
        let columns = (0..described.columns.len()).collect();
        Self { described, columns, rows: Vec::new(), dates: Dates::Day, counted: None }
    }

    fn read(known: &Described, written: &WrittenTable) -> Result<Self, Fault> {
        let table = known.name;
        let place = |name: &Spanned<String>, key: &str| {
            let place = known.columns.iter().position(|column| column.name == name.get_ref());
            let what = || format!("tables.{table}.{key}: there is no column {} in it", name.get_ref());
            place.ok_or_else(|| (name.span().start, what()))
        };
        let mut columns = Vec::new();
        for name in written.columns.get_ref() {
            let place = place(name, "columns")?;
            if columns.contains(&place) {
                return Err((
                    name.span().start,
                    format!("tables.{table}.columns: {} stands there twice", name.get_ref()),
                ));
            }
            columns.push(place);
        }
        if columns.is_empty() {
            return Err((written.columns.span().start, format!("tables.{table}.columns: it names none")));
        }
        let mut rows = Vec::new();
        for (name, words) in &written.rows {
            let place = place(name, "rows")?;
            if known.columns[place].of != Type::Word {
                let what = format!("tables.{table}.rows: {} does not hold a word of a list", name.get_ref());
                return Err((name.span().start, what));
            }
            rows.push((place, words.iter().cloned().collect()));
        }
        let counted = match (&written.at_least, written.counted) {
            (Some(least), false) => {
                return Err((least.span().start, format!("tables.{table}.at_least: it needs counted = true")));
            }
            (least, counted) => counted.then(|| least.as_ref().map_or(1, |least| *least.get_ref())),
        };
        let columns_written = columns.iter().map(|place| known.columns[*place]).collect();
        let mut described = Described { name: known.name, about: known.about, columns: columns_written };
        if counted.is_some() {
            for column in &mut described.columns {
                column.class = Class::Anonymous;
            }
            described.columns.push(COUNT);
        }
        Ok(Self { described, columns, rows, dates: written.dates, counted })
    }

    /// The cells of a row that are written; `None` where it is not.
    pub(super) fn cells(&self, row: &[Cell]) -> Option<Vec<Cell>> {
        let holds = |(place, words): &(usize, BTreeSet<String>)| match &row[*place] {
            Cell::Text(word) => words.contains(word),
            _ => false,
        };
        if !self.rows.iter().all(holds) {
            return None;
        }
        let cut = |(place, column): (&usize, &DescribedColumn)| match (&row[*place], column.of) {
            (Cell::Text(date), Type::Date) => Cell::Text(date.chars().take(self.dates.length()).collect()),
            (cell, _) => cell.clone(),
        };
        Some(self.columns.iter().zip(&self.described.columns).map(cut).collect())
    }
}

impl Dates {
    /// Characters of a date.
    const fn length(self) -> usize {
        match self {
            Self::Day => 10,
            Self::Month => 7,
            Self::Year => 4,
        }
    }
}

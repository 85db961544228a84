//! Tables and columns: each column is defined once, with its meaning and with how its cell is made.

use crate::export::cell;
use crate::export::cell::Cell;
use crate::export::cell::Type;
use crate::export::tables;
use crate::views::Recorded;

/// A table of rows made from `T`.
pub(super) struct Table<T: 'static> {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) columns: &'static [Column<T>],
}

/// A column: its name, type and meaning, and the cell of a row.
pub(super) struct Column<T>(
    pub(super) &'static str,
    pub(super) Type,
    pub(super) &'static str,
    pub(super) fn(&T) -> Cell,
);

/// A thing that has a stream of its own, with what its entries say.
#[derive(Debug)]
pub(super) struct Line<T> {
    pub(super) what: T,
    first: u64,
    recorded_at_ms: u64,
    erased_by: Option<u64>,
    last: u64,
    erased: usize,
}

impl<T> Line<T> {
    /// From all entries of the stream; there is at least one.
    pub(super) fn new(what: T, entries: &[Recorded]) -> Option<Self> {
        let first = entries.first()?;
        Some(Self {
            what,
            first: first.index,
            recorded_at_ms: first.recorded_at_ms,
            erased_by: first.erased_by(),
            last: entries.last().map_or(first.index, |last| last.index),
            erased: entries.iter().filter(|entry| entry.erased_by().is_some()).count(),
        })
    }

    /// What every table of such things ends with.
    const COMMON: [Column<Self>; 5] = [
        Column("position", Type::Whole, "position of the first entry about it", |line| Cell::Whole(line.first)),
        Column("recorded_at", Type::Time, "when that entry was recorded, UTC", |line| {
            Cell::Text(cell::written(line.recorded_at_ms))
        }),
        Column("last_position", Type::Whole, "position of the last entry that changed it", |line| {
            Cell::Whole(line.last)
        }),
        Column(
            "erased_by",
            Type::Whole,
            "position of the entry that erased the first entry; what that one said is gone, and cells are empty",
            |line| cell::optional(line.erased_by),
        ),
        Column(
            "erased_entries",
            Type::Whole,
            "how many of its entries were erased as a whole; where there are any, cells may be empty or older",
            |line| cell::count(line.erased),
        ),
    ];
}

/// A table as its readers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// Its name, and that of its files.
    pub name: &'static str,
    /// What a row is.
    pub about: &'static str,
    /// In order.
    pub columns: Vec<DescribedColumn>,
}

/// A column as its readers see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DescribedColumn {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub of: Type,
    /// What that means.
    pub meaning: &'static str,
    /// How personal it is.
    pub class: Class,
    /// Whether a value belongs to one thing alone, so that rows about it can be joined.
    pub joins: bool,
}

/// How personal a column is. What is more personal than this is sealed in the log, and in no table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// P0: of public bodies, or of nobody.
    Anonymous,
    /// P1: of a person under a pseudonym.
    Pseudonymous,
}

impl Class {
    /// Its name in the dictionary.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Anonymous => "P0",
            Self::Pseudonymous => "P1",
        }
    }
}

/// The table of what is of no person.
const OF_BODIES: &str = "organisations";

/// Columns with the name of a public body: the one that acts, or in which a post is.
const BODIES: [&str; 8] =
    ["organisation", "parent", "body", "opened_by", "issued_by", "ordered_by", "received_by", "resolved_by"];

/// Columns of other types than names that tell one thing from all others.
const TELLING: [&str; 6] = ["reference", "row", "ids", "subjects", "respondents", "declarations"];

impl DescribedColumn {
    fn new(table: &str, name: &'static str, of: Type, meaning: &'static str) -> Self {
        let class = if table == OF_BODIES { Class::Anonymous } else { Class::Pseudonymous };
        let telling = |name: &str| {
            let place = name.ends_with("position")
                || name.ends_with("erased_by")
                || name == "voided_by"
                || name.ends_with("_number");
            place || TELLING.contains(&name)
        };
        let joins = match of {
            Type::Name => !BODIES.contains(&name),
            Type::Time => true,
            _ => telling(name),
        };
        Self { name, of, meaning, class, joins }
    }
}

/// A row for one of the tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// Name of the table.
    pub(super) table: &'static str,
    /// One for each column.
    pub(super) cells: Vec<Cell>,
}

impl<T> Table<T> {
    pub(super) fn described(&self) -> Described {
        Described { name: self.name, about: self.about, columns: describe(self.name, self.columns) }
    }

    pub(super) fn row(&self, what: &T) -> Row {
        Row { table: self.name, cells: self.columns.iter().map(|column| (column.3)(what)).collect() }
    }
}

/// A table of things that have streams of their own.
pub(super) struct Lines<T: 'static>(pub(super) Table<Line<T>>);

impl<T> Lines<T> {
    pub(super) fn described(&self) -> Described {
        let mut described = self.0.described();
        described.columns.extend(describe(self.0.name, &Line::<T>::COMMON));
        described
    }

    pub(super) fn row(&self, line: &Line<T>) -> Row {
        let mut row = self.0.row(line);
        row.cells.extend(Line::<T>::COMMON.iter().map(|column| (column.3)(line)));
        row
    }
}

fn describe<T>(table: &str, columns: &[Column<T>]) -> Vec<DescribedColumn> {
    columns.iter().map(|Column(name, of, meaning, _)| DescribedColumn::new(table, name, *of, meaning)).collect()
}

/// Every table, in the order of the manifest.
pub fn described() -> Vec<Described> {
    tables::described()
}

//! From a row to what is sent for it: nothing, with the reason, or requests. Does no I/O and asks the service nothing:
//! the same inputs under the same key give the same requests, whatever has been recorded.
//!
//! Registrations go in requests of their own before the row's. Their ids are made from their content, so that one
//! that was recorded before is answered as replayed; and they ask that the stream be absent, so that one that another
//! register made, with other words, counts as made. A row's own request asks the same of its record's stream. So it
//! is the ledger that says what is there, and the importer's memory can be lost without anything coming in twice.

use std::path::Path;

use crate::import::error::ImportError;
use crate::import::error::Refusal;
use crate::import::ids::ImportKey;
use crate::import::mapped::Mapped;
use crate::import::mapping::Mapping;
use crate::import::native::Native;
use crate::import::source::Place;
use crate::import::source::Row;
use crate::import::source::Rows;
use crate::proto::v1::AppendRequest;

/// What becomes of a row.
#[derive(Clone, Debug)]
pub enum Plan {
    /// These are sent, in this order; the last is the row's own.
    Send(Vec<Step>),
    /// Nothing is sent, and nothing is wrong.
    Skip(String),
    /// It is refused before it is sent.
    Reject(Refusal),
}

/// A request, and what its refusal means.
#[derive(Clone, Debug)]
pub struct Step {
    /// What is sent.
    pub request: AppendRequest,
    /// Whether a conflict says that it is there already.
    pub conflict_is_there: bool,
}

/// Rows to plans.
#[derive(Debug)]
pub enum Planner {
    /// Rows are events.
    Native(Native),
    /// Rows become events.
    Mapped(Box<Mapped>),
}

impl Planner {
    /// A planner for a mapping, or for native input without one.
    pub fn new(mapping: Option<Mapping>, key: ImportKey) -> Self {
        match mapping {
            None => Self::Native(Native::new(key)),
            Some(mapping) => Self::Mapped(Box::new(Mapped::new(mapping, key))),
        }
    }

    /// The mapping, if there is one.
    pub fn mapping(&self) -> Option<&Mapping> {
        match self {
            Self::Native(_) => None,
            Self::Mapped(mapped) => Some(mapped.mapping()),
        }
    }

    /// A file begins.
    ///
    /// # Errors
    ///
    /// `AbsentColumn`, `RepeatedColumn`, `NoEdition`, `PartedEdition`.
    pub fn begin(&mut self, rows: &mut Rows) -> Result<(), ImportError> {
        match self {
            Self::Native(_) => Ok(()),
            Self::Mapped(mapped) => mapped.begin(rows),
        }
    }

    /// Whether rows tell something of others, so that all are read before any is planned.
    pub fn has_notes(&self) -> bool {
        self.mapping().is_some_and(|mapping| !mapping.notes.is_empty())
    }

    /// A file begins whose rows are read for what they tell of others.
    ///
    /// # Errors
    ///
    /// `RepeatedColumn`.
    pub fn begin_notes(&mut self, rows: &mut Rows) -> Result<(), ImportError> {
        match self {
            Self::Native(_) => Ok(()),
            Self::Mapped(mapped) => mapped.begin_notes(rows),
        }
    }

    /// Takes what a row tells of others.
    pub fn note(&mut self, row: &Row) {
        if let Self::Mapped(mapped) = self {
            mapped.note(row);
        }
    }

    /// Plans a row.
    pub fn row(&mut self, row: &Row) -> Plan {
        match self {
            Self::Native(native) => native.row(row),
            Self::Mapped(mapped) => mapped.row(row),
        }
    }

    /// Whether rows of a file are planned together.
    pub fn groups(&self) -> bool {
        self.mapping().is_some_and(|mapping| mapping.group.is_some())
    }

    /// Plans all rows of a file; each is in one of the plans.
    pub fn group(&mut self, rows: Vec<Row>) -> Vec<(Vec<Row>, Plan)> {
        match self {
            Self::Native(native) => {
                rows.into_iter().map(|row| (native.row(&row), row)).map(|(plan, row)| (vec![row], plan)).collect()
            }
            Self::Mapped(mapped) => mapped.group(rows),
        }
    }

    /// Whether an edition is whole with this file, when that one comes next.
    pub fn ends_edition(&self, file: &Path, next: Option<&Path>) -> bool {
        match self {
            Self::Native(_) => true,
            Self::Mapped(mapped) => mapped.ends_edition(file, next),
        }
    }

    /// An edition ends: what it shows by showing nothing.
    pub fn end(&mut self, place: &Place) -> Gone {
        match self {
            Self::Native(_) => Gone::Plans(Vec::new()),
            Self::Mapped(mapped) => mapped.end(place),
        }
    }

    /// What rows are sorted by.
    ///
    /// # Errors
    ///
    /// Why the row is refused.
    pub fn sort_key(&self, row: &Row) -> Result<Vec<String>, Refusal> {
        match self {
            Self::Native(_) => Ok(Vec::new()),
            Self::Mapped(mapped) => mapped.sort_key(row),
        }
    }
}

/// What a snapshot says of the keys that it does not have.
#[derive(Debug)]
pub enum Gone {
    /// They are gone.
    Plans(Vec<Plan>),
    /// Nothing: some of its rows could not be read, and could be they. The name of the edition, or of its file.
    Unknown(String),
}

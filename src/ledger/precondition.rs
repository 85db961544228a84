//! What must hold before an append, independent of what is written.

use crate::log::Key;

/// The entries in a stream, or about a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// The name, as the client gave it.
    pub name: String,
    /// Its key.
    pub key: Key,
}

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Of a history's length.
    Revision {
        /// Whose.
        history: History,
        /// What is expected.
        expected: Expected,
    },
    /// That nothing of some types is recorded.
    NoMatchingEvents(NoMatchingEvents),
}

/// That a history has no event of some types after a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoMatchingEvents {
    /// Whose.
    pub history: History,
    /// Event types, 1 to 16.
    pub event_types: Vec<String>,
    /// Only entries after it count.
    pub after: Option<u64>,
}

/// What is expected of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Nothing is recorded.
    Absent,
    /// Something is.
    Exists,
    /// The revision of the last entry.
    Revision(u64),
}

/// A condition that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// The history is in another state.
    Revision {
        /// Its number among the request's conditions, from 0.
        condition: usize,
        /// The history's name.
        name: String,
        /// What was expected.
        expected: Expected,
        /// The revision of its last entry; `None` where nothing is recorded.
        actual: Option<u64>,
    },
    /// There is such an event.
    Matching {
        /// Its number among the request's conditions, from 0.
        condition: usize,
        /// The history's name.
        name: String,
        /// Position of the first that matches.
        position: u64,
    },
}

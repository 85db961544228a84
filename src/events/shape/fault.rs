//! What can be wrong with a field.

use std::fmt;

use thiserror::Error;

use crate::events::shape::field::IdFault;

/// A field at fault: where, which rule, and the shape of what stood there, never its value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{path}: {rule}")]
pub struct FieldFault {
    /// For example `items[2].form.code`; empty for the message itself.
    pub path: String,
    /// What it breaks.
    pub rule: FieldRule,
}

impl FieldFault {
    pub(super) const fn of(rule: FieldRule) -> Self {
        Self { path: String::new(), rule }
    }

    pub(super) fn within(mut self, name: &str, index: Option<usize>) -> Self {
        let dot = if self.path.is_empty() { "" } else { "." };
        self.path = match index {
            Some(index) => format!("{name}[{index}]{dot}{}", self.path),
            None => format!("{name}{dot}{}", self.path),
        };
        self
    }
}

/// The rule that a value breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldRule {
    /// The message has a field that this server does not know.
    Unknown {
        /// Its number.
        number: u32,
    },
    /// The bytes are not a message of this type.
    Undecodable {
        /// What is wrong.
        what: &'static str,
    },
    /// It must be set.
    Required,
    /// It is longer than allowed.
    TooLong {
        /// Bytes.
        found: usize,
        /// Bytes.
        max: usize,
    },
    /// It has more elements than allowed.
    TooMany {
        /// Elements.
        found: usize,
        /// Elements.
        max: usize,
    },
    /// It is not an id.
    NotAnId {
        /// Why.
        why: IdFault,
    },
    /// It does not have its format.
    Format {
        /// The format in words.
        expected: &'static str,
        /// Bytes.
        found_len: usize,
    },
    /// It is no value of its enum.
    UndefinedEnum {
        /// The number that stood there.
        found: i64,
    },
    /// A second spelling of something that has one.
    NotCanonical {
        /// What is wrong.
        what: &'static str,
    },
    /// A personal field where only the open payload may stand.
    Personal,
}

impl FieldRule {
    /// A short name of the rule, for machines.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "UNKNOWN",
            Self::Undecodable { .. } => "UNDECODABLE",
            Self::Required => "REQUIRED",
            Self::TooLong { .. } => "TOO_LONG",
            Self::TooMany { .. } => "TOO_MANY",
            Self::NotAnId { .. } => "NOT_AN_ID",
            Self::Format { .. } => "FORMAT",
            Self::UndefinedEnum { .. } => "UNDEFINED_ENUM",
            Self::NotCanonical { .. } => "NOT_CANONICAL",
            Self::Personal => "PERSONAL",
        }
    }
}

impl fmt::Display for FieldRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { number } => write!(f, "field number {number} is unknown to this server"),
            Self::Undecodable { what } => write!(f, "not decodable: {what}"),
            Self::Required => f.write_str("must be set"),
            Self::TooLong { found, max } => write!(f, "{found} bytes, at most {max}"),
            Self::TooMany { found, max } => write!(f, "{found} elements, at most {max}"),
            Self::NotAnId { why } => write!(f, "not an id: {why}"),
            Self::Format { expected, found_len } => write!(f, "must be {expected}; this has {found_len} bytes"),
            Self::UndefinedEnum { found } => write!(f, "{found} is no value of this enum"),
            Self::NotCanonical { what } => write!(f, "not in its only spelling: {what}"),
            Self::Personal => f.write_str("a personal field in an open payload"),
        }
    }
}

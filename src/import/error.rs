//! What can go wrong with an import as a whole, and with one row of it.

use std::io;
use std::path::PathBuf;

/// Why an import could not run to its end. What was acknowledged until then is durable in the ledger and remembered:
/// run the same command again, and nothing comes in twice.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The mapping is wrong. Nothing was sent.
    #[error("{file}:{line}: {key}: {what}")]
    Mapping {
        /// The mapping's file, or its name where it is shipped.
        file: String,
        /// The line at fault, from 1; 1 where no line can be named.
        line: usize,
        /// The key at fault, for example `events[2].case_id`.
        key: String,
        /// What is wrong and what would be right.
        what: String,
    },
    /// The mapping names a column that an input does not have.
    #[error("{mapping}:{line}: column {column:?} is not in {input}, which has: {}", found.join(", "))]
    AbsentColumn {
        /// The mapping's file or name.
        mapping: String,
        /// The line that names the column, from 1.
        line: usize,
        /// The column.
        column: String,
        /// The input.
        input: PathBuf,
        /// The columns that the input has.
        found: Vec<String>,
    },
    /// Two columns of an input go by the same name.
    #[error("{}: two columns are called {column:?}, by the header or by source.aliases of {mapping}", input.display())]
    RepeatedColumn {
        /// The mapping's file or name.
        mapping: String,
        /// The column.
        column: String,
        /// The input.
        input: PathBuf,
    },
    /// A file of which the mapping cannot tell the edition: what is gone could not be told.
    #[error("{mapping}:{line}: {}: snapshots.edition gives nothing for this file", input.display())]
    NoEdition {
        /// The mapping's file or name.
        mapping: String,
        /// The line that should tell the edition, from 1.
        line: usize,
        /// The file.
        input: PathBuf,
    },
    /// Files of one edition, and between them files of another: what is gone could not be told.
    #[error("{}: other files stand between those of edition {edition:?}; give an edition's files together", input.display())]
    PartedEdition {
        /// The edition.
        edition: String,
        /// The first file that stands apart.
        input: PathBuf,
    },
    /// No mapping of this name is shipped and no file of this name exists.
    #[error("no mapping {name:?}: neither a file nor one of {shipped}")]
    NoMapping {
        /// What was asked for.
        name: String,
        /// The names of the shipped ones.
        shipped: String,
    },
    /// A file or folder cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An input whose name does not tell what it is.
    #[error("{}: neither .csv, .tsv, .jsonl, .ndjson, .json, .yaml nor .yml (each also with .gz)", path.display())]
    UnknownFormat {
        /// Which.
        path: PathBuf,
    },
    /// There is nothing to read.
    #[error("no input: give files, or folders that hold some")]
    NoInput,
    /// A key file of another length than 32 bytes.
    #[error("{}: an import key has 32 bytes, this file has {len_bytes}", path.display())]
    Key {
        /// Which.
        path: PathBuf,
        /// How long it is.
        len_bytes: usize,
    },
    /// The service cannot be reached, or not any more.
    #[error("the service does not answer after {attempts} attempts: {what}")]
    Unreachable {
        /// How often it was tried since the last answer.
        attempts: u32,
        /// What the last attempt said.
        what: String,
    },
    /// The service refuses to go on, for a reason that is not the row's.
    #[error("the service refuses to go on: {what}")]
    Service {
        /// Its words.
        what: String,
    },
    /// The counts do not add up: a defect of the importer.
    #[error("{rows} rows were read and {settled} are accounted for")]
    Unaccounted {
        /// Rows read.
        rows: u64,
        /// Rows imported, skipped or rejected.
        settled: u64,
    },
}

/// Why one row is refused. It goes to the rejects file as it stands; only `reason` goes anywhere else, since `detail`
/// may quote the row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The reason, a word of a catalogue: upper case, never a value of the row.
    pub reason: String,
    /// Where: a key of the mapping, a field of an event, or a column. Empty where the row as a whole is meant.
    pub at: String,
    /// The whole story.
    pub detail: String,
}

impl Refusal {
    /// A refusal of the row as a whole.
    pub fn new(reason: &str, detail: impl Into<String>) -> Self {
        Self { reason: reason.to_owned(), at: String::new(), detail: detail.into() }
    }

    /// The same, and what the place that is known is in.
    #[must_use]
    pub fn within(mut self, place: &str) -> Self {
        self.at = if self.at.is_empty() { place.to_owned() } else { format!("{place}.{}", self.at) };
        self
    }

    /// The same, and where.
    #[must_use]
    pub fn at(mut self, place: &str) -> Self {
        if self.at.is_empty() {
            place.clone_into(&mut self.at);
        }
        self
    }
}

//! Current state as files that can be checked without the service: tables of what was recorded, a dictionary of
//! their columns, the entries themselves where they are wanted, and a manifest over all of it.
//!
//! The same position, day and program give the same bytes. Tables are folds of the log and hold references to
//! sealed parts, never their content: no name of a human being is in an export. Who reads it needs no key.
//!
//! What a manifest alone shows is that the files belong together. Which log they come from is shown by the entries,
//! from which the tables can be made again, and by a head that was kept elsewhere.

mod cell;
mod count;
mod dictionary;
mod files;
mod format;
mod manifest;
mod parquet;
mod profile;
mod run;
mod table;
mod tables;

pub use cell::Cell;
pub use cell::Type;
pub use count::Rows;
pub use count::RowsFault;
pub use files::ENTRIES_FILE;
pub use files::PROFILE_FILE;
pub use files::file_names;
pub use format::Format;
pub use manifest::Digester;
pub use manifest::Entries;
pub use manifest::FileEntry;
pub use manifest::MANIFEST_FILE;
pub use manifest::Manifest;
pub use manifest::ManifestFault;
pub use manifest::ProfileRef;
pub use manifest::Since;
pub use manifest::TABLES_VERSION;
pub use manifest::digested;
pub use profile::INTERNAL;
pub use profile::NAME_RULE;
pub use profile::Profile;
pub use profile::ProfileError;
pub use profile::is_name;
pub use profile::shipped;
pub use run::Amendments;
pub use run::EntryRead;
pub use run::ExportError;
pub use run::Sink;
pub use run::Source;
pub use run::Wanted;
pub use run::amended;
pub use run::end_of_request;
pub use run::write;
pub use table::Class;
pub use table::Described;
pub use table::DescribedColumn;
pub use table::described;

#[cfg(test)]
mod tests;

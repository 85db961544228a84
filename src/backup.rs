//! A log outside its store: backups that grow by what is new, and the way back.
//!
//! A backup is logical: entries in files of their own, with a manifest over them; never a copy of a database. What is
//! written was verified on its way, what is read is verified before it counts, and neither needs a key: a backup holds
//! none. How keys are kept is another room's.
//!
//! ```text
//! BACKUP/manifest.json                   what the backup holds; written last, under another name, and renamed
//! BACKUP/<first index, 20 digits>.entries  a segment: entries in a row, never changed
//! BACKUP/….partial                       being written, or left by a run that was interrupted
//! ```
//!
//! A crash at any moment leaves the backup that the manifest names; files of ours that it does not name are ignored,
//! and the next run removes them.

mod entries_file;
mod error;
mod folder;
mod manifest;
mod pass;
mod restore;
mod segments;
mod write;

pub use entries_file::EntriesFile;
pub use entries_file::EntriesWriter;
pub use error::BackupError;
pub use folder::read_manifest;
pub use manifest::MANIFEST_FILE;
pub use manifest::Manifest;
pub use manifest::ManifestFault;
pub use manifest::Segment;
pub use restore::restore;
pub use segments::Segments;
pub use write::SEGMENT_BYTES;
pub use write::Written;
pub use write::write;

#[cfg(test)]
mod tests;

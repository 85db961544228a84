//! The manifest of a backup: whose entries it holds, and which segments they are in. Written last: a file that it does
//! not name is none of the backup's.

use serde::Deserialize;
use serde::Serialize;
use thiserror::Error;

use crate::export::FileEntry;
use crate::export::digested;
use crate::log::LeafHash;

/// Name of the manifest's file.
pub const MANIFEST_FILE: &str = "manifest.json";

/// Which manifests these are.
const FORMAT: &str = "probity backup 1";

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Which manifests these are.
    pub format: String,
    /// The program that wrote it.
    pub program: String,
    /// Of the log.
    pub origin: String,
    /// Leaf hash of the log's entry 0: which log it is, 64 hexadecimal digits.
    pub genesis: String,
    /// The segments, each after the one before it; none while the first run has not come to its end.
    pub segments: Vec<Segment>,
    /// SHA-256 of this file with this field empty. It shows damage; who wrote the manifest can write it too.
    pub manifest_sha256: String,
}

/// Entries in a row, in a file that is never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Segment {
    /// Index of its first entry.
    pub first: u64,
    /// Index of its last entry.
    pub last: u64,
    /// Leaf hash of the entry before the first, zeros before entry 0.
    pub before: String,
    /// Leaf hash of the last entry.
    pub leaf: String,
    /// Its file; rows are entries.
    pub file: FileEntry,
}

/// Why bytes are no manifest of a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ManifestFault {
    /// Not JSON, or other fields.
    #[error("it is not JSON with exactly the fields of a manifest")]
    Fields,
    /// Of another format.
    #[error("it is of another format than this program's backups")]
    Format,
    /// Written by hand, or damaged.
    #[error("it is not written as a backup writes it, or its own SHA-256 is another")]
    Spelling,
    /// A segment does not follow the one before it.
    #[error("segment {number} does not follow the one before it")]
    Segment {
        /// Its place, from 0.
        number: usize,
    },
}

impl Manifest {
    /// Of a backup that holds nothing yet.
    pub(super) fn new(origin: String, genesis: &LeafHash) -> Self {
        Self {
            format: FORMAT.to_owned(),
            program: concat!("probity ", env!("CARGO_PKG_VERSION")).to_owned(),
            origin,
            genesis: genesis.to_string(),
            segments: Vec::new(),
            manifest_sha256: String::new(),
        }
    }

    /// Sets its own digest, and gives the bytes of the file.
    pub fn encode(&mut self) -> Vec<u8> {
        digested(self, |manifest| &mut manifest.manifest_sha256)
    }

    /// Reads the bytes of the file, in their only spelling.
    ///
    /// # Errors
    ///
    /// They are none that a backup writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, ManifestFault> {
        let manifest: Self = serde_json::from_slice(bytes).map_err(|_| ManifestFault::Fields)?;
        if manifest.format != FORMAT {
            return Err(ManifestFault::Format);
        }
        if manifest.clone().encode() != bytes {
            return Err(ManifestFault::Spelling);
        }
        let (mut next, mut before) = (0, LeafHash::NONE.to_string());
        for (number, segment) in manifest.segments.iter().enumerate() {
            let follows = segment.first == next
                && (segment.first..u64::MAX).contains(&segment.last)
                && segment.before == before
                && LeafHash::parse(&segment.leaf).is_some()
                && segment.file.name == segment_name(segment.first)
                && segment.file.rows.and_then(|rows| rows.checked_add(segment.first)) == segment.last.checked_add(1);
            if !follows {
                return Err(ManifestFault::Segment { number });
            }
            next = segment.last + 1;
            before.clone_from(&segment.leaf);
        }
        Ok(manifest)
    }

    /// Number of entries.
    pub fn size(&self) -> u64 {
        self.segments.last().map_or(0, |segment| segment.last + 1)
    }

    /// Bytes of all segments.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.file.bytes).sum()
    }

    /// Index and leaf hash of the last entry; `None` where there is none.
    pub fn head(&self) -> Option<(u64, LeafHash)> {
        let last = self.segments.last()?;
        Some((last.last, LeafHash::parse(&last.leaf)?))
    }
}

/// Name of the file of the segment whose first entry is `first`.
pub(super) fn segment_name(first: u64) -> String {
    format!("{first:020}.entries")
}

/// Whether a file has the name of a segment.
pub(super) fn is_segment_name(name: &str) -> bool {
    name.strip_suffix(".entries")
        .is_some_and(|digits| digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

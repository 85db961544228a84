//! The manifest: what an export is true of, and the digest of every file. Written last: an export without a whole
//! manifest is none.

use data_encoding::HEXLOWER;
use serde::Deserialize;
use serde::Serialize;
use sha2::Digest;
use sha2::Sha256;
use thiserror::Error;

use crate::domain::dates::Day;
use crate::export::profile::Profile;
use crate::export::profile::is_name;
use crate::export::run::Wanted;
use crate::log::LeafHash;

/// Name of the manifest's file.
pub const MANIFEST_FILE: &str = "manifest.json";

/// Which manifests these are.
const FORMAT: &str = "probity export 2";

/// Which tables these are: another number, and other columns or other rules made them.
pub const TABLES_VERSION: u32 = 2;

/// What an export is true of, and its files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Which manifests these are.
    pub format: String,
    /// The program that wrote it.
    pub program: String,
    /// Which tables these are.
    pub tables_version: u32,
    /// Of the log.
    pub origin: String,
    /// The last entry that counts.
    pub position: u64,
    /// Its leaf hash, 64 hexadecimal digits.
    pub head: String,
    /// When it was recorded, UTC.
    pub recorded_at: String,
    /// The day for which "in force" is meant.
    pub as_of: String,
    /// What exports that follow one another have in common.
    pub name: String,
    /// What was written, for whom.
    pub profile: ProfileRef,
    /// The export that this one goes on from: only what changed after it is here. Null: everything is.
    pub since: Option<Since>,
    /// Erasures are carried out up to this entry: the position, or later where a later one took something away.
    pub erasures_upto: u64,
    /// Whether the entries are there: with them the tables can be made again, up to the head.
    pub entries: Entries,
    /// Every other file, by name.
    pub files: Vec<FileEntry>,
    /// SHA-256 of this file with this field empty. It shows damage; who wrote the manifest can write it too.
    pub manifest_sha256: String,
}

/// A profile, as it was when an export was written: its text is in `profile.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileRef {
    /// Its name.
    pub name: String,
    /// SHA-256 of its text.
    pub sha256: String,
}

/// The export that an incremental one goes on from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Since {
    /// Its last entry.
    pub position: u64,
    /// The leaf hash of that.
    pub head: String,
    /// Its day.
    pub as_of: String,
    /// The digest in its manifest.
    pub manifest_sha256: String,
}

impl Since {
    /// After an export, for one with a name and a profile.
    ///
    /// # Errors
    ///
    /// It has another name, or another profile, so that its rows are others.
    pub fn after(manifest: &Manifest, name: &str, profile: &Profile) -> Result<Self, &'static str> {
        if manifest.name != name {
            return Err("it has another name");
        }
        if manifest.profile.sha256 != profile.sha256() {
            return Err("it was written with another profile");
        }
        Ok(Self {
            position: manifest.position,
            head: manifest.head.clone(),
            as_of: manifest.as_of.clone(),
            manifest_sha256: manifest.manifest_sha256.clone(),
        })
    }
}

/// Whether the entries are in an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entries {
    /// In `entries.prb`: from the first, or after [`Since::position`], up to [`Manifest::erasures_upto`].
    Included,
    /// No: that the tables follow from the log cannot be shown from the export alone.
    NotIncluded,
}

/// A file of an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Its name.
    pub name: String,
    /// Rows, without a header; null of a file that has none, or that says itself how many they are.
    pub rows: Option<u64>,
    /// Its length.
    pub bytes: u64,
    /// Of its content, 64 hexadecimal digits.
    pub sha256: String,
}

/// Why bytes are no manifest. Says nothing of what stands in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ManifestFault {
    /// Not JSON, or other fields.
    #[error("it is not JSON with exactly the fields of a manifest")]
    Fields,
    /// Of another format.
    #[error("it is of another format than this program's")]
    Format,
    /// Written by hand, or damaged.
    #[error("it is not written as an export writes it, or its own SHA-256 is another")]
    Spelling,
    /// A value that no export writes.
    #[error("its field {field} holds nothing that an export writes")]
    Value {
        /// Which.
        field: &'static str,
    },
}

impl Manifest {
    /// A manifest without files.
    pub(super) fn new(wanted: &Wanted, origin: String, head: &LeafHash, recorded_at: String, as_of: Day) -> Self {
        let profile = ProfileRef { name: wanted.profile.name().to_owned(), sha256: wanted.profile.sha256() };
        Self {
            format: FORMAT.to_owned(),
            program: concat!("probity ", env!("CARGO_PKG_VERSION")).to_owned(),
            tables_version: TABLES_VERSION,
            origin,
            position: wanted.position,
            head: head.to_string(),
            recorded_at,
            as_of: as_of.to_string(),
            name: wanted.name.clone(),
            profile,
            since: wanted.since.clone(),
            erasures_upto: wanted.position,
            entries: Entries::NotIncluded,
            files: Vec::new(),
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
    /// They are none that an export writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, ManifestFault> {
        let manifest: Self = serde_json::from_slice(bytes).map_err(|_| ManifestFault::Fields)?;
        if manifest.format != FORMAT {
            return Err(ManifestFault::Format);
        }
        if manifest.clone().encode() != bytes {
            return Err(ManifestFault::Spelling);
        }
        let value = |good: bool, field| if good { Ok(()) } else { Err(ManifestFault::Value { field }) };
        value(manifest.head().is_some(), "head")?;
        value(manifest.as_of().is_some(), "as_of")?;
        value(is_name(&manifest.name), "name")?;
        value(is_name(&manifest.profile.name) && is_digest(&manifest.profile.sha256), "profile")?;
        if let Some(since) = &manifest.since {
            value(since.position <= manifest.position, "since")?;
            value(LeafHash::parse(&since.head).is_some() && Day::parse(&since.as_of).is_some(), "since")?;
            value(is_digest(&since.manifest_sha256), "since")?;
        }
        value(manifest.erasures_upto >= manifest.position, "erasures_upto")?;
        value(manifest.files.is_sorted_by(|one, next| one.name < next.name), "files")?;
        let plain =
            |file: &FileEntry| !file.name.contains(['/', '\\', '\0']) && !matches!(&*file.name, "" | "." | "..");
        value(manifest.files.iter().all(plain), "files")?;
        Ok(manifest)
    }

    /// The leaf hash of the last entry that counts; `None` where no such hash is written.
    pub fn head(&self) -> Option<LeafHash> {
        LeafHash::parse(&self.head)
    }

    /// The day for which "in force" is meant; `None` where no day is written.
    pub fn as_of(&self) -> Option<Day> {
        Day::parse(&self.as_of)
    }

    /// The file of this name.
    pub fn file(&self, name: &str) -> Option<&FileEntry> {
        self.files.iter().find(|file| file.name == name)
    }
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The bytes of a manifest's file, after its field `digest` was set to their SHA-256 with that field empty.
pub fn digested<M: Serialize>(manifest: &mut M, digest: impl Fn(&mut M) -> &mut String) -> Vec<u8> {
    let bytes = |manifest: &M| {
        let mut bytes = serde_json::to_vec_pretty(manifest).expect("texts and numbers become JSON");
        bytes.push(b'\n');
        bytes
    };
    digest(manifest).clear();
    *digest(manifest) = HEXLOWER.encode(&Sha256::digest(bytes(manifest)));
    bytes(manifest)
}

/// Length and digest of a file while it is written or read.
#[derive(Clone, Debug, Default)]
pub struct Digester {
    bytes: u64,
    hasher: Sha256,
}

impl Digester {
    /// The next bytes.
    pub fn take(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.hasher.update(bytes);
    }

    /// What the manifest says of the file.
    pub fn end(self, name: &str, rows: Option<u64>) -> FileEntry {
        let sha256 = HEXLOWER.encode(&self.hasher.finalize());
        FileEntry { name: name.to_owned(), rows, bytes: self.bytes, sha256 }
    }
}

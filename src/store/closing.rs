//! Closing a volume that is full, or that holds what was erased: its entries are written again into full frames, in a new database, which is
//! compared entry by entry, synced, sealed with a file `closed`, and put in the place of the old one.
//!
//! Under little load every commit is a value of its own and every key costs memory for ever; a closed volume has as
//! few keys as can be. Nothing is ever written to it again, so its file can be hashed.

use std::fs;
use std::fs::File;
use std::io;
use std::io::Read;
use std::path::Path;

use data_encoding::HEXLOWER;
use data_encoding::HEXLOWER_PERMISSIVE;
use sha2::Digest;
use sha2::Sha256;

use crate::log::LeafHash;
use crate::store::EntryBytes;
use crate::store::StoreError;
use crate::store::Strip;
use crate::store::chain;
use crate::store::chain::Chain;
use crate::store::folder::Folder;
use crate::store::staging;
use crate::store::staging::Replaced;
use crate::store::volume::Purpose;
use crate::store::volume::Volume;

const CLOSED: &str = "closed";
const FIRST_LINE: &str = "probity closed volume 1";

/// What the file `closed` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Closed {
    pub(super) last: u64,
    pub(super) leaf: LeafHash,
    pub(super) sha256: [u8; 32],
}

impl Closed {
    fn to_text(&self) -> String {
        format!(
            "{FIRST_LINE}\nlast {}\nleaf {}\nsha256 of db {}\n",
            self.last,
            self.leaf,
            HEXLOWER.encode(&self.sha256)
        )
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        if lines.next() != Some(FIRST_LINE) {
            return None;
        }
        let last = lines.next()?.strip_prefix("last ")?.parse().ok()?;
        let leaf = LeafHash::parse(lines.next()?.strip_prefix("leaf ")?)?;
        let sha256 = lines.next()?.strip_prefix("sha256 of db ")?;
        let sha256 = HEXLOWER_PERMISSIVE.decode(sha256.as_bytes()).ok()?.try_into().ok()?;
        lines.next().is_none().then_some(Self { last, leaf, sha256 })
    }
}

/// Whether the volume in this folder is closed.
pub(super) fn is_closed(path: &Path) -> bool {
    path.join(CLOSED).exists()
}

/// The file `closed` of a volume's folder; `None` where there is none.
pub(super) fn read(path: &Path) -> Result<Option<Closed>, StoreError> {
    let path = path.join(CLOSED);
    match fs::read_to_string(&path) {
        Ok(text) => Closed::parse(&text).map(Some).ok_or_else(|| StoreError::Io {
            path,
            doing: "read it",
            what: "it is not as it was written".to_owned(),
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::io(&path, "read it", &error)),
    }
}

/// SHA-256 of the file `db` in a volume's folder.
pub(super) fn hash_db(path: &Path) -> Result<[u8; 32], StoreError> {
    let path = path.join("db");
    let failed = |error: &io::Error| StoreError::io(&path, "hash it", error);
    let mut file = File::open(&path).map_err(|error| failed(&error))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; chain::READ_BYTES];
    loop {
        match file.read(&mut buffer).map_err(|error| failed(&error))? {
            0 => return Ok(hasher.finalize().into()),
            len => hasher.update(&buffer[..len]),
        }
    }
}

/// Writes a full volume again beside itself, verified, without what `strip` takes out. Its entries end before `end`.
pub(super) fn rewrite(
    folder: &Folder,
    volume: &Volume,
    end: u64,
    cache_bytes: u64,
    strip: Option<&Strip<'_>>,
) -> Result<(), StoreError> {
    let first = volume.first();
    let staged = staging::begin(folder, first)?;
    let new = Volume::create(&staged, first, cache_bytes)?;
    copy(volume, &new, end, strip)?;
    drop(new);
    // Opened twice: the first time sled writes its snapshot, the second time nothing, as ever after.
    drop(Volume::open(&staged, first, cache_bytes, Purpose::Read)?);
    let new = Volume::open(&staged, first, cache_bytes, Purpose::Read)?;
    let leaf = compare(volume, &new, end, strip)?;
    drop(new);
    let closed = Closed { last: end - 1, leaf, sha256: hash_db(&staged)? };
    let path = staged.join(CLOSED);
    fs::write(&path, closed.to_text()).map_err(|error| StoreError::io(&path, "write it", &error))
}

/// Puts the rewritten volume in the place of the other.
pub(super) fn place(folder: &Folder, first: u64) -> Result<(), StoreError> {
    staging::place(folder, first, Replaced::Remove)
}

/// Entries of a volume as they are to be.
fn stripped(
    volume: &Volume,
    from: u64,
    end: u64,
    strip: Option<&Strip<'_>>,
) -> Result<Vec<(u64, EntryBytes)>, StoreError> {
    let read = volume.read(from, end, chain::READ_BYTES)?;
    let Some(strip) = strip else { return Ok(read) };
    read.into_iter().map(|(index, entry)| Ok((index, strip(index, &entry)?.unwrap_or(entry)))).collect()
}

fn copy(from: &Volume, to: &Volume, end: u64, strip: Option<&Strip<'_>>) -> Result<(), StoreError> {
    let mut next = from.first();
    while next < end {
        let entries: Vec<EntryBytes> = stripped(from, next, end, strip)?.into_iter().map(|(_, entry)| entry).collect();
        let written = to.append(next, &entries);
        written.map_err(|refused| StoreError::SyncFailed { what: refused.to_string() })?;
        next += entries.len() as u64;
    }
    Ok(())
}

/// Compares two volumes entry by entry and follows the chain; returns the leaf hash of the last entry.
fn compare(old: &Volume, new: &Volume, end: u64, strip: Option<&Strip<'_>>) -> Result<LeafHash, StoreError> {
    let mut chain = Chain::new(old.first());
    let mut leaf = LeafHash::NONE;
    let mut next = old.first();
    while next < end {
        let expected = stripped(old, next, end, strip)?;
        let mut found = new.read(next, end, chain::READ_BYTES)?;
        // What was taken out makes one of the two read further.
        let both = expected.len().min(found.len());
        found.truncate(both);
        if both == 0 || expected[..both] != found {
            let what = "the rewritten volume has other entries".to_owned();
            return Err(StoreError::Damaged { volume: old.first(), at: Some(next), what });
        }
        for (index, entry) in found {
            leaf = chain.follow(index, &entry)?;
            next = index + 1;
        }
    }
    if new.end()? == end {
        Ok(leaf)
    } else {
        let what = "the rewritten volume ends elsewhere".to_owned();
        Err(StoreError::Damaged { volume: old.first(), at: Some(end), what })
    }
}

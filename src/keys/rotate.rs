//! Another key-encryption key: the data keys are written again under it, and the old one is overwritten. The log is not
//! touched, and copies of the old file of data keys are worth nothing from then on.
//!
//! It lies in a file, or sealed by a custodian; it moves from one to the other by being made anew.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use zeroize::Zeroizing;

use crate::keys::DATA;
use crate::keys::DataKeys;
use crate::keys::KEK;
use crate::keys::KeyEncryptionKey;
use crate::keys::KeysError;
use crate::keys::WRAPPED;
use crate::keys::custodian::Custodian;
use crate::keys::files;
use crate::keys::wrapped::WrappedKey;

/// Names of what takes the place of the key and of the data keys.
const NEXT: &str = ".next";

/// Where a key-encryption key lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KekPlace {
    /// As it is, in `keys/kek`.
    File,
    /// Sealed by a custodian, in `keys/kek.wrapped`.
    Custodian,
}

impl KekPlace {
    const ALL: [Self; 2] = [Self::File, Self::Custodian];

    /// Its file.
    pub(super) const fn file(self) -> &'static str {
        match self {
            Self::File => KEK,
            Self::Custodian => WRAPPED,
        }
    }

    /// Where that of a folder lies; in a file where there is none.
    pub fn of(folder: &Path) -> Self {
        if folder.join(WRAPPED).exists() { Self::Custodian } else { Self::File }
    }

    /// Under what number records name the key in a file of this kind; `None` where the file is not whole.
    fn number(self, path: &Path) -> Result<Option<[u8; 4]>, KeysError> {
        let bytes = Zeroizing::new(fs::read(path).map_err(files::io(path))?);
        Ok(match self {
            Self::File => <[u8; 32]>::try_from(bytes.as_slice())
                .ok()
                .map(|secret| KeyEncryptionKey::new(Zeroizing::new(secret)).number()),
            Self::Custodian => WrappedKey::parse(&bytes).map(|wrapped| wrapped.number()),
        })
    }
}

/// Makes another key-encryption key in the place that is named, writes the data keys again under it, and destroys the old
/// one; for a log of this origin that nobody serves. Durable when it returns; a crash in between is finished or taken back
/// when the keys are opened.
///
/// # Errors
///
/// A key is missing or damaged, a file cannot be written, or the custodian cannot be asked: the old key goes on.
pub fn rotate(folder: &Path, origin: &str, custodian: Option<&dyn Custodian>, to: KekPlace) -> Result<(), KeysError> {
    finish(folder)?;
    let kek = KeyEncryptionKey::open(folder, origin, custodian, false)?;
    let old = DataKeys::open(&folder.join(DATA), false, kek)?;
    let mut secret = Zeroizing::new([0; 32]);
    files::random(&mut *secret);
    let bytes = match to {
        KekPlace::File => Zeroizing::new(secret.to_vec()),
        KekPlace::Custodian => {
            let custodian = custodian.ok_or(KeysError::CustodianNotNamed)?;
            Zeroizing::new(WrappedKey::seal(&secret, origin, custodian)?.write())
        }
    };
    let data = next(folder, DATA);
    files::write(&next(folder, to.file()), &bytes)?;
    // A crash here leaves a key that nothing is sealed under.
    old.rewrap(&data, &KeyEncryptionKey::new(secret))?;
    // And here a file beside, which is not used.
    rename(&data, &folder.join(DATA))?;
    files::sync_folder(folder)?;
    // From here on the data keys are sealed under the new one, which `finish` puts in its place.
    finish(folder)
}

/// Brings a change of the key-encryption key that was cut to its end, or takes it back. Nobody need be asked for it: both
/// files say which key they hold.
pub(super) fn finish(folder: &Path) -> Result<(), KeysError> {
    for place in KekPlace::ALL {
        let key = next(folder, place.file());
        if key.exists() {
            finish_in(folder, place, &key)?;
        }
    }
    Ok(())
}

fn finish_in(folder: &Path, place: KekPlace, key: &Path) -> Result<(), KeysError> {
    let number = place.number(key)?;
    let sealed_under = match number {
        Some(number) => DataKeys::names(&folder.join(DATA))?.map(|named| named == number),
        None => Some(false),
    };
    // Where there is no key at all yet, either will do.
    if sealed_under.unwrap_or_else(|| number.is_some()) {
        // The old ones go first: a crash in between does this again.
        for old in KekPlace::ALL {
            destroy(&folder.join(old.file()))?;
        }
        rename(key, &folder.join(place.file()))?;
    } else {
        for file in [key, &next(folder, DATA)] {
            if file.exists() {
                fs::remove_file(file).map_err(files::io(file))?;
            }
        }
    }
    files::sync_folder(folder)
}

/// Overwrites a key and removes it, where it is there.
pub(super) fn destroy(file: &Path) -> Result<(), KeysError> {
    if !file.exists() {
        return Ok(());
    }
    let len = fs::metadata(file).map_err(files::io(file))?.len();
    files::overwrite(file, len)?;
    fs::remove_file(file).map_err(files::io(file))
}

/// Under what name something is written that takes the place of a file.
pub(super) fn next(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}{NEXT}"))
}

fn rename(from: &Path, to: &Path) -> Result<(), KeysError> {
    fs::rename(from, to).map_err(files::io(from))
}

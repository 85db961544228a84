//! Another key-encryption key: the data keys are written again under it, and the old one is overwritten. The log is not
//! touched, and copies of the old file of data keys are worth nothing from then on.

use std::fs;
use std::path::Path;

use zeroize::Zeroizing;

use crate::keys::DATA;
use crate::keys::DataKeys;
use crate::keys::KEK;
use crate::keys::KeyEncryptionKey;
use crate::keys::KeysError;
use crate::keys::files;

/// Names of what takes the place of the key and of the data keys.
const NEXT: &str = ".next";

/// Makes another key-encryption key, writes the data keys again under it, and destroys the old one; for a log that nobody
/// serves. Durable when it returns; a crash in between is finished or taken back when the keys are opened.
///
/// # Errors
///
/// A key is missing or damaged, or a file cannot be written: the old key goes on.
pub fn rotate(folder: &Path) -> Result<(), KeysError> {
    finish(folder)?;
    let old = DataKeys::open(&folder.join(DATA), false, KeyEncryptionKey::open(&folder.join(KEK), false)?)?;
    let mut secret = Zeroizing::new([0; 32]);
    files::random(&mut *secret);
    let (kek, data) = (next(folder, KEK), next(folder, DATA));
    files::write_secret(&kek, &secret)?;
    // A crash here leaves a key that nothing is sealed under.
    old.rewrap(&data, &KeyEncryptionKey::new(secret))?;
    // And here a file beside, which is not used.
    rename(&data, &folder.join(DATA))?;
    files::sync_folder(folder)?;
    // From here on the data keys are sealed under the new one, which `finish` puts in its place.
    finish(folder)
}

/// Brings a change of the key-encryption key that was cut to its end, or takes it back.
pub(super) fn finish(folder: &Path) -> Result<(), KeysError> {
    let (kek, data) = (next(folder, KEK), next(folder, DATA));
    if !kek.exists() {
        return Ok(());
    }
    let is_whole = fs::metadata(&kek).map_err(files::io(&kek))?.len() == 32;
    let sealed_under = if is_whole {
        let new = KeyEncryptionKey::open(&kek, false)?;
        DataKeys::names(&folder.join(DATA))?.map(|number| number == new.number())
    } else {
        Some(false)
    };
    // Where there is no key at all yet, either will do.
    if sealed_under.unwrap_or(is_whole) {
        let old = folder.join(KEK);
        if old.exists() {
            files::write_secret(&old, &[0; 32])?;
        }
        rename(&kek, &old)?;
    } else {
        for file in [&kek, &data] {
            if file.exists() {
                fs::remove_file(file).map_err(files::io(file))?;
            }
        }
    }
    files::sync_folder(folder)
}

fn next(folder: &Path, name: &str) -> std::path::PathBuf {
    folder.join(format!("{name}{NEXT}"))
}

fn rename(from: &Path, to: &Path) -> Result<(), KeysError> {
    fs::rename(from, to).map_err(files::io(from))
}

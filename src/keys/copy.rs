//! Copies of the keys: for a backup of them, and back.

use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Read as _;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::path::PathBuf;

use zeroize::Zeroizing;

use crate::keys::DATA;
use crate::keys::DataKeys;
use crate::keys::KekPlace;
use crate::keys::KeyEncryptionKey;
use crate::keys::KeysError;
use crate::keys::LOOKUP;
use crate::keys::SIGNING;
use crate::keys::added_keys;
use crate::keys::files;
use crate::keys::rotate;
use crate::keys::wrapped::WrappedKey;

/// Name of what is being written, after the name that it will have.
const PARTIAL: &str = ".partial";

/// Copies the keys of a log into a folder, which is made, mode 0700, where there is none. What was copied there of the
/// same log before is replaced: a data key that was destroyed is destroyed in the copy, too.
///
/// # Errors
///
/// A key is missing or damaged, others may read it, keys of another log are there, or the disk refused. A copy that
/// was there is as it was; where the disk refused at the very end, each of its files is the old or the new one, whole.
pub fn copy(from: &Path, to: &Path) -> Result<(), KeysError> {
    let mut keys = Vec::new();
    let added = added_keys(from)?;
    let added: Vec<&str> = added.iter().filter_map(|file| file.file_name()?.to_str()).collect();
    // The first signing key may have been retired, and taken away.
    let first = Some(SIGNING).filter(|name| added.is_empty() || from.join(name).exists());
    let place = KekPlace::of(from);
    for name in first.into_iter().chain(added).chain([LOOKUP, place.file(), DATA]) {
        let bytes = read(&from.join(name))?;
        if name != DATA && name != place.file() {
            check_secret(&from.join(name), &to.join(name), &bytes)?;
        }
        keys.push((to.join(name), to.join(format!("{name}{PARTIAL}")), bytes));
    }
    files::make_folder(to, true)?;
    let placed = put(&keys, to, place);
    if placed.is_err() {
        for (_, partial, _) in &keys {
            _ = fs::remove_file(partial);
        }
    }
    placed
}

/// The copies, each with the name that it has until all are whole.
fn put(keys: &[(PathBuf, PathBuf, Zeroizing<Vec<u8>>)], to: &Path, place: KekPlace) -> Result<(), KeysError> {
    for (_, partial, bytes) in keys {
        write(partial, bytes)?;
    }
    // Reads every record: one that is damaged must not take the place of a good one.
    let (kek, data) = (to.join(format!("{}{PARTIAL}", place.file())), to.join(format!("{DATA}{PARTIAL}")));
    match place {
        KekPlace::File => drop(DataKeys::open(&data, false, KeyEncryptionKey::read(&kek, false)?)?),
        // Whoever copies keys need not be able to use them: nobody is asked to open this one.
        KekPlace::Custodian => DataKeys::check(&data, WrappedKey::read(&kek)?.number())?,
    }
    for (path, partial, _) in keys {
        fs::rename(partial, path).map_err(files::io(partial))?;
    }
    // The key-encryption key may have moved since the last copy; the old one seals nothing that is here.
    for other in [KekPlace::File, KekPlace::Custodian] {
        if other != place && to.join(other.file()).exists() {
            rotate::destroy(&to.join(other.file()))?;
        }
    }
    files::sync_folder(to)
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeysError> {
    let file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => KeysError::Missing { file: path.display().to_string() },
        _ => files::io(path)(error),
    })?;
    files::check_mode(&file, path)?;
    // At its full length at once: a vector that grows leaves copies of the keys behind.
    let len = file.metadata().map_err(files::io(path))?.len();
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(len).unwrap_or(usize::MAX)));
    file.take(len).read_to_end(&mut bytes).map_err(files::io(path))?;
    Ok(bytes)
}

/// A secret has 32 bytes, and never changes.
fn check_secret(from: &Path, to: &Path, secret: &[u8]) -> Result<(), KeysError> {
    if secret.len() != 32 {
        let found = secret.len() as u64;
        return Err(KeysError::Length { file: from.display().to_string(), found, expected: "32" });
    }
    if to.exists() && **read(to)? != *secret {
        return Err(KeysError::OfAnother { file: to.display().to_string() });
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), KeysError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(files::io(path)(error)),
        _ => {}
    }
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(files::io(path))
}

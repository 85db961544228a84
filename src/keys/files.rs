//! Key files: made for the owner alone, made durable before they are used.

use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::io::Read;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rand::TryRng;
use rand::rngs::SysRng;
use zeroize::Zeroizing;

use crate::keys::KeysError;

pub(super) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> KeysError {
    let file = path.display().to_string();
    move |error| KeysError::Io { file, error }
}

/// Makes the folder, mode 0700, where it is missing and may be made.
pub(super) fn make_folder(folder: &Path, create: bool) -> Result<(), KeysError> {
    if folder.is_dir() {
        return Ok(());
    }
    if !create {
        return Err(KeysError::Missing { file: folder.display().to_string() });
    }
    fs::DirBuilder::new().mode(0o700).create(folder).map_err(io(folder))?;
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
    sync_folder(parent.unwrap_or_else(|| Path::new(".")))
}

/// Writes a secret of 32 bytes, for the owner alone, durable when this returns.
pub(super) fn write_secret(path: &Path, secret: &[u8; 32]) -> Result<(), KeysError> {
    write(path, secret)
}

/// Overwrites the bytes of a file where they lie, durable when this returns.
pub(super) fn overwrite(path: &Path, len: u64) -> Result<(), KeysError> {
    let mut file = open(path, false)?;
    std::io::copy(&mut std::io::repeat(0).take(len), &mut file).and_then(|_| file.sync_all()).map_err(io(path))
}

/// Writes a file anew, for the owner alone, durable when this returns.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), KeysError> {
    let mut file = open(path, true)?;
    file.set_len(0).and_then(|()| file.write_all(bytes)).and_then(|()| file.sync_all()).map_err(io(path))?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    sync_folder(parent.unwrap_or_else(|| Path::new(".")))
}

/// Writes a file that is there whole or not at all, for the owner alone, durable when this returns. A crash leaves at most
/// the file under the name of what comes next.
pub(super) fn place(path: &Path, next: &Path, bytes: &[u8]) -> Result<(), KeysError> {
    write(next, bytes)?;
    fs::rename(next, path).map_err(io(next))?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    sync_folder(parent.unwrap_or_else(|| Path::new(".")))
}

/// Reads a secret of 32 bytes, or makes one.
pub(super) fn secret(path: &Path, create: bool) -> Result<Zeroizing<[u8; 32]>, KeysError> {
    if !path.exists() {
        if !create {
            return Err(KeysError::Missing { file: path.display().to_string() });
        }
        let mut fresh = Zeroizing::new([0; 32]);
        random(&mut *fresh);
        write_secret(path, &fresh)?;
        return Ok(fresh);
    }
    let mut file = open(path, false)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(32));
    file.read_to_end(&mut bytes).map_err(io(path))?;
    let found = bytes.len() as u64;
    let secret = bytes.as_slice().try_into().map_err(|_| KeysError::Length {
        file: path.display().to_string(),
        found,
        expected: "32",
    })?;
    Ok(Zeroizing::new(secret))
}

/// Opens a key file for reading and writing; refuses one that others may use.
pub(super) fn open(path: &Path, create: bool) -> Result<File, KeysError> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(create)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(io(path))?;
    check_mode(&file, path)?;
    Ok(file)
}

/// Refuses a key file that others may use.
pub(super) fn check_mode(file: &File, path: &Path) -> Result<(), KeysError> {
    let mode = file.metadata().map_err(io(path))?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeysError::Mode { file: path.display().to_string(), mode });
    }
    Ok(())
}

pub(super) fn sync_folder(folder: &Path) -> Result<(), KeysError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io(folder))
}

/// Fills bytes from the system's generator.
pub(super) fn random(bytes: &mut [u8]) {
    SysRng.try_fill_bytes(bytes).expect("the system's random numbers are there once it has started");
}

//! The key of a witness, in a file of its own.

use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;

use ed25519_dalek::SigningKey;
use rand::TryRng;
use rand::rngs::SysRng;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::log::KeyTextError;
use crate::log::SignerKey;

/// Why there is no key.
#[derive(Debug, Error)]
pub enum KeyFileError {
    /// It cannot be read, or not be made.
    #[error("{}: {error}", file.display())]
    Io {
        /// Which file.
        file: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// It is none, or its name is none.
    #[error("{}: {error}", file.display())]
    Text {
        /// Which file.
        file: PathBuf,
        /// What is wrong.
        error: KeyTextError,
    },
    /// Others may read it.
    #[error("{} has mode {mode:o}; a key is for its owner alone, make it 600", file.display())]
    Mode {
        /// Which file.
        file: PathBuf,
        /// Its mode.
        mode: u32,
    },
}

/// Makes a key under a name, in a file that was not there, for its owner alone.
///
/// # Errors
///
/// The name is none, the file is there, or it cannot be written.
pub fn make_key(file: &Path, name: &str) -> Result<SignerKey, KeyFileError> {
    let io = |error| KeyFileError::Io { file: file.to_owned(), error };
    let mut seed = Zeroizing::new([0; 32]);
    SysRng.try_fill_bytes(&mut *seed).map_err(|error| io(io::Error::other(error)))?;
    let key = SignerKey::new(name, SigningKey::from_bytes(&seed))
        .map_err(|error| KeyFileError::Text { file: file.to_owned(), error })?;
    let mut made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).map_err(io)?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let written = made
        .write_all(key.reveal().as_bytes())
        .and_then(|()| made.write_all(b"\n"))
        .and_then(|()| made.sync_all())
        .and_then(|()| File::open(folder)?.sync_all());
    written.map_err(io)?;
    Ok(key)
}

/// Reads a key.
///
/// # Errors
///
/// It is not there, is none, or others may read it.
pub fn read_key(file: &Path) -> Result<SignerKey, KeyFileError> {
    let io = |error| KeyFileError::Io { file: file.to_owned(), error };
    let mode = fs::metadata(file).map_err(io)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Mode { file: file.to_owned(), mode });
    }
    let text = Zeroizing::new(fs::read_to_string(file).map_err(io)?);
    SignerKey::parse(text.trim_end()).map_err(|error| KeyFileError::Text { file: file.to_owned(), error })
}

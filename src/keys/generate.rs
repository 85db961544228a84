//! A signing key that is made before its log: so its public half can be published first.

use std::fs::OpenOptions;
use std::io;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;

use ed25519_dalek::SigningKey;
use zeroize::Zeroizing;

use crate::keys::KeysError;
use crate::keys::SIGNING;
use crate::keys::files;

/// Makes a signing key in a folder of keys, mode 0600, durable when it returns. Gives its file and the public key.
///
/// # Errors
///
/// There is one already, which is never overwritten: a log whose last key is lost has ended. Or the folder cannot be made
/// or written.
pub fn generate(folder: &Path) -> Result<(PathBuf, [u8; 32]), KeysError> {
    if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        std::fs::create_dir_all(parent).map_err(files::io(parent))?;
    }
    files::make_folder(folder, true)?;
    let path = folder.join(SIGNING);
    let mut seed = Zeroizing::new([0; 32]);
    files::random(&mut *seed);
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    let mut file = file.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => KeysError::Exists { file: path.display().to_string() },
        _ => files::io(&path)(error),
    })?;
    file.write_all(&*seed).and_then(|()| file.sync_all()).map_err(files::io(&path))?;
    files::sync_folder(folder)?;
    let public_key = SigningKey::from_bytes(&seed).verifying_key().to_bytes();
    Ok((path, public_key))
}

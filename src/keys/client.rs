//! A key of a client, with which it seals parts by itself.

use std::path::Path;

use zeroize::Zeroizing;

use crate::keys::KeysError;
use crate::keys::files;

/// Reads the key of a client, 32 secret bytes that their owner alone may read; makes one where `create` says so and there
/// is none.
///
/// # Errors
///
/// It is missing and may not be made, has another length, or others may read it.
pub fn read_client_key(file: &Path, create: bool) -> Result<Zeroizing<[u8; 32]>, KeysError> {
    files::secret(file, create)
}

//! A data folder that no service uses now, opened by a subcommand that only reads.

use std::path::Path;

use crate::store;
use crate::store::OpenOptions;
use crate::store::SledStore;
use crate::store::StoreError;

/// Opens the store of a data folder, reads, and closes it in order, whatever was found: without that, the next start
/// would copy the newest volume first, as after a crash.
///
/// # Errors
///
/// The store does not open.
pub(super) fn read<T>(data: &Path, read: impl FnOnce(&SledStore) -> T) -> Result<T, StoreError> {
    let store = store::open(data, &OpenOptions { reserve_bytes: 0, ..OpenOptions::default() })?;
    let found = read(&store);
    if let Err(error) = store.close() {
        tracing::warn!(%error, "the data folder was not closed in order; the next start is longer, and that is all");
    }
    Ok(found)
}

//! From a backup into an empty store.

use bytes::Bytes;

use crate::backup::BackupError;
use crate::backup::Segments;
use crate::backup::pass::Sink;
use crate::backup::pass::pass;
use crate::log::LeafHash;
use crate::store::LogStore as _;
use crate::store::SledStore;
use crate::store::failpoint;
use crate::verify::HeldHead;
use crate::verify::Report;
use crate::verify::Wanted;

/// Appends every entry of a backup to an empty store, verified as it passes, and tells the guard of the last one.
/// `progress` is told how many entries are good, and the goal.
///
/// # Errors
///
/// The first entry at fault, a head or checkpoint that is not reached, or what could not be read or written. The store then holds
/// something that nobody may use.
pub fn restore(
    segments: &Segments,
    store: &SledStore,
    head: Option<(u64, LeafHash)>,
    held: &[HeldHead],
    progress: impl FnMut(u64, u64),
) -> Result<Report, BackupError> {
    let report = pass(segments, &Wanted { head, held, ..Wanted::default() }, &mut Appending(store), progress)?;
    if let Some((index, leaf)) = report.head {
        store.guard().update(|state| (state.size, state.leaf) = (index + 1, leaf))?;
    }
    Ok(report)
}

struct Appending<'a>(&'a SledStore);

impl Sink for Appending<'_> {
    fn take(&mut self, entries: &[(u64, Bytes)]) -> Result<(), BackupError> {
        let bytes: Vec<Bytes> = entries.iter().map(|(_, bytes)| bytes.clone()).collect();
        self.0.append(&bytes)?;
        failpoint::hit("restore-appended");
        Ok(())
    }
}

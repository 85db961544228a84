//! Entries on their way from one place to another, verified as they pass: the verifier reads, and what it reads in
//! order is handed on.

use std::sync::Mutex;
use std::sync::PoisonError;

use bytes::Bytes;

use crate::backup::BackupError;
use crate::verify::Entries;
use crate::verify::Report;
use crate::verify::Unreadable;
use crate::verify::Wanted;
use crate::verify::verify;

/// Where entries go.
pub(super) trait Sink: Send {
    /// Takes the next entries. They were not verified yet: nothing of it counts before [`pass`] returns.
    fn take(&mut self, entries: &[(u64, Bytes)]) -> Result<(), BackupError>;
}

/// Hands on every entry from `wanted.from` on, and verifies them.
///
/// # Errors
///
/// The first fault, or why not everything could be read or taken. Some of it was taken all the same.
pub(super) fn pass(
    entries: &dyn Entries,
    wanted: &Wanted<'_>,
    sink: &mut dyn Sink,
    progress: impl FnMut(u64, u64),
) -> Result<Report, BackupError> {
    let passing = Passing { entries, to: Mutex::new(To { next: wanted.from, sink, failed: None }) };
    let report = verify(&passing, wanted, progress);
    let failed = passing.to.into_inner().unwrap_or_else(PoisonError::into_inner).failed;
    match (&report.fault, failed, &report.unreadable) {
        (Some(fault), _, _) => Err(fault.clone().into()),
        (None, Some(failed), _) => Err(failed),
        (None, None, Some(what)) => Err(Unreadable { damaged: false, what: what.clone() }.into()),
        (None, None, None) => Ok(report),
    }
}

struct Passing<'a> {
    entries: &'a dyn Entries,
    /// Guards the order in which entries are handed on.
    to: Mutex<To<'a>>,
}

struct To<'a> {
    next: u64,
    sink: &'a mut dyn Sink,
    failed: Option<BackupError>,
}

impl Entries for Passing<'_> {
    fn size(&self) -> u64 {
        self.entries.size()
    }

    fn read(&self, from: u64, bytes_max: usize) -> Result<Vec<(u64, Bytes)>, Unreadable> {
        let mut read = self.entries.read(from, bytes_max)?;
        if bytes_max <= 1 {
            // The verifier looks at one entry out of order: what an erasure names, or the one before the first.
            return Ok(read);
        }
        // A log that grows meanwhile gives more than there was when its end was asked for.
        read.retain(|(index, _)| *index < self.entries.size());
        let mut to = self.to.lock().unwrap_or_else(PoisonError::into_inner);
        if from == to.next
            && let Some((last, _)) = read.last()
        {
            to.next = last + 1;
            if let Err(failed) = to.sink.take(&read) {
                let what = failed.to_string();
                to.failed = Some(failed);
                return Err(Unreadable { damaged: false, what });
            }
        }
        Ok(read)
    }
}

//! Cosigned checkpoints of long ago, each in a file of its own: they say when the log had what, and cannot be had again.
//!
//! ```text
//! checkpoints/cosigned/<day>/<Unix time in seconds>-<size>
//! ```

use std::fs::File;
use std::io;
use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::log::Note;
use crate::publish::keep_note;

/// Keeps a checkpoint over `size` entries that was cosigned at a time, durably; a crash before that leaves nothing of it.
pub(super) fn keep(data: &Path, note: &Note, size: u64, unix_s: u64) -> io::Result<()> {
    let at = i64::try_from(unix_s).ok().and_then(|unix_s| Timestamp::from_second(unix_s).ok());
    let at = at.ok_or_else(|| io::Error::other("the time is out of range"))?;
    let all = data.join("checkpoints").join("cosigned");
    let day = all.join(at.to_zoned(TimeZone::UTC).date().to_string());
    keep_note(&day.join(format!("{unix_s}-{size}")), note)?;
    // The folders above may be new: a crash before this can lose the whole day, and leaves the days before.
    [all, data.join("checkpoints")].iter().try_for_each(|folder| File::open(folder)?.sync_all())
}

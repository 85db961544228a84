//! Cosigned checkpoints of long ago, each in a file of its own: they say when the log had what, and cannot be had again.
//!
//! ```text
//! checkpoints/cosigned/<day>/<Unix time in seconds>-<size>
//! ```

use std::fs;
use std::fs::File;
use std::io;
use std::io::Write;
use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::log::Note;

/// Keeps a checkpoint over `size` entries that was cosigned at a time, durably; a crash before that leaves nothing of it.
pub(super) fn keep(data: &Path, note: &Note, size: u64, unix_s: u64) -> io::Result<()> {
    let at = i64::try_from(unix_s).ok().and_then(|unix_s| Timestamp::from_second(unix_s).ok());
    let at = at.ok_or_else(|| io::Error::other("the time is out of range"))?;
    let all = data.join("checkpoints").join("cosigned");
    let day = all.join(at.to_zoned(TimeZone::UTC).date().to_string());
    fs::create_dir_all(&day)?;
    let new = day.join("new");
    let mut file = File::create(&new)?;
    file.write_all(note.to_string().as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, day.join(format!("{unix_s}-{size}")))?;
    for folder in [&day, &all, &data.join("checkpoints")] {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

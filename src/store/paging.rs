//! Reads that keep sled's cache within its size.
//!
//! sled looks whether its cache is too large only when it has seen 64 reads in one of 256 parts of it, and a page of
//! ours has up to 64 KiB: left alone, reads at random places fill a gigabyte in each database before the first page
//! goes, however small the cache is. So whoever had to wait for a page from the disk reads it some times again: 31
//! reads from memory cost about 25 µs, less than the page did.

use std::time::Duration;
use std::time::Instant;

/// A read that takes longer had to wait for the disk, or for the system's cache of it; one from memory takes 1 µs.
const FROM_DISK: Duration = Duration::from_micros(10);

/// Reads after one from the disk at a random place: at every second page, a part of the cache looks at its size.
pub(super) const RANDOM: usize = 31;

/// Reads after one from the disk where many entries of a page are read in order.
pub(super) const IN_ORDER: usize = 7;

/// Makes a read, and reads `again` so many times what came from the disk. `key` gives a key of the page that was read.
pub(super) fn read<T>(
    tree: &sled::Tree,
    again: usize,
    read: impl FnOnce() -> sled::Result<Option<T>>,
    key: impl FnOnce(&T) -> sled::IVec,
) -> sled::Result<Option<T>> {
    let began = Instant::now();
    let found = read()?;
    if began.elapsed() >= FROM_DISK
        && let Some(found) = &found
    {
        let key = key(found);
        for _ in 0..again {
            tree.get(&key)?;
        }
    }
    Ok(found)
}

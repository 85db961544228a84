//! Bundles of entries: `u16 length ‖ entry`, again and again (C2SP `tlog-tiles`).

use thiserror::Error;

use crate::log::cursor::Cursor;
use crate::log::cursor::Malformed;

/// The longest entry that a bundle can hold.
pub const ENTRY_BYTES_MAX: usize = u16::MAX as usize;

/// An entry that no bundle can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("an entry of {len_bytes} bytes, where a bundle holds at most {ENTRY_BYTES_MAX}")]
pub struct EntryTooLong {
    /// Its length.
    pub len_bytes: usize,
}

/// Appends an entry to a bundle.
///
/// # Errors
///
/// It is too long; the bundle is as it was.
pub fn append_to_bundle(bundle: &mut Vec<u8>, entry: &[u8]) -> Result<(), EntryTooLong> {
    let len = u16::try_from(entry.len()).map_err(|_| EntryTooLong { len_bytes: entry.len() })?;
    bundle.extend_from_slice(&len.to_be_bytes());
    bundle.extend_from_slice(entry);
    Ok(())
}

/// The entries of a bundle that has to have exactly so many, one after the other; nothing is copied. The first thing that
/// is wrong is given as the last item: a length beyond the end, too few entries, or bytes after the last.
pub struct BundleEntries<'a> {
    cursor: Cursor<'a>,
    left: Option<u16>,
}

impl<'a> BundleEntries<'a> {
    /// Reads a bundle of `width` entries, 1 to 256.
    pub const fn new(bundle: &'a [u8], width: u16) -> Self {
        Self { cursor: Cursor::new(bundle), left: Some(width) }
    }

    fn read(&mut self) -> Result<&'a [u8], Malformed> {
        let len = self.cursor.u16("the length of an entry")?;
        self.cursor.take(usize::from(len), "an entry")
    }
}

impl std::fmt::Debug for BundleEntries<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BundleEntries").field("offset", &self.cursor.offset()).field("left", &self.left).finish()
    }
}

impl<'a> Iterator for BundleEntries<'a> {
    type Item = Result<&'a [u8], Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = match self.left? {
            0 => {
                self.left = None;
                return self.cursor.end().err().map(Err);
            }
            left => {
                self.left = Some(left - 1);
                self.read()
            }
        };
        if item.is_err() {
            self.left = None;
        }
        Some(item)
    }
}

//! Counting the rows of a file while it is read, in pieces of any length.

use thiserror::Error;

/// Counts the rows of one file.
#[derive(Clone, Debug)]
pub enum Rows {
    /// Lines, each ended.
    Lines {
        /// Ended so far.
        count: u64,
        /// Whether the last one is ended.
        ended: bool,
    },
    /// Records of CSV, the header among them.
    Records {
        /// Ended so far.
        count: u64,
        /// Whether the last one is ended.
        ended: bool,
        /// Whether the place is between quotes.
        quoted: bool,
    },
    /// Entries, each after its length.
    Entries {
        /// Begun so far.
        count: u64,
        /// Bytes of a length that was begun: how many, and their value.
        length: (u8, u32),
        /// Bytes of the entry that are still to come.
        left: u64,
    },
    /// A file that has no rows.
    None,
}

/// Why a file has no whole number of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RowsFault {
    /// The last row is cut.
    #[error("its last row is cut")]
    Cut,
    /// There is no header.
    #[error("it has no header")]
    NoHeader,
}

impl Rows {
    /// For a file of this name.
    pub fn of(file: &str) -> Self {
        match file.rsplit_once('.').map(|(_, end)| end) {
            Some("jsonl") => Self::Lines { count: 0, ended: true },
            Some("csv") => Self::Records { count: 0, ended: true, quoted: false },
            Some("prb") => Self::Entries { count: 0, length: (0, 0), left: 0 },
            _ => Self::None,
        }
    }

    /// The next bytes of the file.
    pub fn take(&mut self, bytes: &[u8]) {
        match self {
            Self::None => {}
            Self::Lines { count, ended } => {
                *count += bytes.iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
                *ended = bytes.last().map_or(*ended, |last| *last == b'\n');
            }
            Self::Records { count, ended, quoted } => {
                for byte in bytes {
                    *quoted ^= *byte == b'"';
                    *ended = *byte == b'\n' && !*quoted;
                    *count += u64::from(*ended);
                }
            }
            Self::Entries { count, length, left } => take_entries(bytes, count, length, left),
        }
    }

    /// How many rows there were, without a header; `None` of a file that has none.
    ///
    /// # Errors
    ///
    /// It does not end with a row, or a header is missing.
    pub fn end(self) -> Result<Option<u64>, RowsFault> {
        match self {
            Self::None => Ok(None),
            Self::Records { count, ended: true, .. } => count.checked_sub(1).map(Some).ok_or(RowsFault::NoHeader),
            Self::Lines { count, ended: true } | Self::Entries { count, length: (0, _), left: 0 } => Ok(Some(count)),
            Self::Lines { .. } | Self::Records { .. } | Self::Entries { .. } => Err(RowsFault::Cut),
        }
    }
}

fn take_entries(mut bytes: &[u8], count: &mut u64, length: &mut (u8, u32), left: &mut u64) {
    while let Some((first, rest)) = bytes.split_first() {
        if *left > 0 {
            let here = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
            *left -= here as u64;
            bytes = &bytes[here..];
            continue;
        }
        *length = (length.0 + 1, (length.1 << 8) | u32::from(*first));
        bytes = rest;
        if length.0 == 4 {
            *count += 1;
            *left = length.1.into();
            *length = (0, 0);
        }
    }
}

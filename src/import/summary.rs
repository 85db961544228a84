//! What came of an import.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::import::send::Unit;

/// Counts of units of one kind: `imported + skipped + rejected = read`, always.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// How many there were.
    pub read: u64,
    /// Recorded now.
    pub imported: u64,
    /// Not sent, or recorded already.
    pub skipped: u64,
    /// Refused: they stand in the rejects file.
    pub rejected: u64,
    /// The skipped by reason.
    pub skipped_by_reason: BTreeMap<String, u64>,
    /// The rejected by reason.
    pub rejected_by_reason: BTreeMap<String, u64>,
}

impl Tally {
    /// What the three add up to.
    pub const fn settled(&self) -> u64 {
        self.imported + self.skipped + self.rejected
    }

    pub(crate) fn skip(&mut self, reason: &str, count: u64) {
        self.skipped += count;
        *self.skipped_by_reason.entry(reason.to_owned()).or_default() += count;
    }

    pub(crate) fn reject(&mut self, reason: &str, count: u64) {
        self.rejected += count;
        *self.rejected_by_reason.entry(reason.to_owned()).or_default() += count;
    }
}

/// What came of an import. Holds no personal data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Rows of the inputs.
    pub rows: Tally,
    /// Keys that a snapshot no longer had. They are no rows of any input.
    pub gone: Tally,
    /// Editions, or files that are one each, of which it is not known what is gone, since some of their rows could not be read.
    pub gone_unknown: Vec<String>,
    /// Files read.
    pub files: u64,
    /// Requests recorded now.
    pub requests: u64,
    /// Events recorded now.
    pub events: u64,
    /// Requests that had been recorded before and were sent again.
    pub replayed: u64,
    /// Times that the connection was made anew.
    pub reconnects: u64,
    /// Milliseconds from the first byte read to the last answer.
    pub elapsed_ms: u64,
    /// Whether the inputs were read to their end and every answer was received.
    pub complete: bool,
}

impl Summary {
    /// The counts that a unit belongs to, and how much it counts there: its rows, or one key that is gone.
    pub(crate) const fn tally(&mut self, unit: &Unit) -> (&mut Tally, u64) {
        if unit.rows.is_empty() { (&mut self.gone, 1) } else { (&mut self.rows, unit.rows.len() as u64) }
    }

    /// Events recorded a second; 0 where it took no time.
    pub const fn events_per_second(&self) -> u64 {
        match (self.events * 1000).checked_div(self.elapsed_ms) {
            Some(rate) => rate,
            None => 0,
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = if self.complete { "" } else { "  (stopped before the end)" };
        writeln!(f, "{:>10}  rows read from {} files{whole}", self.rows.read, self.files)?;
        tally(f, &self.rows, "")?;
        if self.gone.read > 0 {
            writeln!(f, "{:>10}  records gone from their register", self.gone.read)?;
            tally(f, &self.gone, "")?;
        }
        for file in &self.gone_unknown {
            writeln!(f, "{:>10}  {file}: some rows are unreadable, so nothing is taken as gone", "")?;
        }
        let seconds = (self.elapsed_ms / 1000, self.elapsed_ms % 1000 / 100);
        writeln!(f, "{:>10}  events recorded in {} requests", self.events, self.requests)?;
        write!(f, "{:>10}  events a second, {}.{} s", self.events_per_second(), seconds.0, seconds.1)
    }
}

/// Writes the counts; `would` stands before what was or would be done.
pub(crate) fn tally(f: &mut fmt::Formatter<'_>, tally: &Tally, would: &str) -> fmt::Result {
    writeln!(f, "{:>10}  {would}imported", tally.imported)?;
    writeln!(f, "{:>10}  {would}skipped", tally.skipped)?;
    for (reason, count) in &tally.skipped_by_reason {
        writeln!(f, "{count:>20}  {reason}")?;
    }
    writeln!(f, "{:>10}  {would}rejected", tally.rejected)?;
    for (reason, count) in &tally.rejected_by_reason {
        writeln!(f, "{count:>20}  {reason}")?;
    }
    Ok(())
}

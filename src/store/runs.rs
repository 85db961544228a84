//! Sorted runs: rows of derived indexes, packed into values of at most 4 KiB.
//!
//! sled costs the same for a value of 4 KiB as for one of 40 bytes, and three times as much at a random place. So
//! rows are gathered in memory, sorted, and written one after another as blocks of a *run*; runs are merged as they
//! become many; a filter of sixteen bits a key says which runs need not be asked. Everything here can be thrown
//! away and folded again from the log.
//!
//! A row is a key and a value; a newer run's row takes the place of an older one's with the same key.
//!
//! ```text
//! tree "runs":  table (1) ‖ run (8) ‖ section (1) ‖ block (4)  →  at most 4,096 bytes
//!               section 0 rows, 1 values too long for a block, 2 first keys of the blocks, 3 filter
//!               table (1) alone                                →  the manifest: position and runs
//! ```

mod block;
mod filter;
mod merge;
mod run;
mod table;

pub use merge::Rows;
pub use table::Position;
pub use table::Put;
pub use table::RunsError;
pub use table::Table;

/// Calls sled, which panics on some damage: here that is an error like another, and nothing of it is printed.
///
/// # Errors
///
/// sled stopped while it read or wrote.
pub fn shielded<T>(work: impl FnOnce() -> T) -> Result<T, RunsError> {
    crate::store::shield::call(|| Ok(work())).map_err(|_| RunsError::Damaged { what: "sled stopped while it worked" })
}

#[cfg(test)]
mod tests;

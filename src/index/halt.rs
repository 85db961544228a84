//! An entry that cannot be folded: the fold stops before it, and says where. What was folded answers as before, and the
//! log itself can be read to its end.

use std::sync::PoisonError;

use crate::index::Index;
use crate::index::IndexError;
use crate::index::row;
use crate::ledger::ReplayError;
use crate::log::Body;
use crate::log::Entry;
use crate::store::LogStore;
use crate::store::runs::Position;

/// Bytes of entries looked through at once.
const CHUNK_BYTES: usize = 4 << 20;

/// Where a fold stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Halted {
    /// Index of the entry that cannot be folded.
    pub at: u64,
    /// Why, without anything of its content.
    pub why: String,
    /// The end of the log.
    pub log: Position,
}

impl IndexError {
    /// The entry that this program cannot fold, though it is what was recorded: a newer program wrote it.
    pub fn unfoldable(&self) -> Option<u64> {
        match self {
            Self::Replay(error) => match **error {
                ReplayError::UnknownEvent { index, .. } | ReplayError::Undecodable { index, .. } => Some(index),
                ReplayError::Rows(_) => None,
            },
            Self::Runs(_) | Self::Store(_) | Self::Entry { .. } => None,
        }
    }
}

impl Index {
    /// The fold does not go on; erasures behind the entry still count, so that nothing that was erased is shown.
    ///
    /// # Errors
    ///
    /// The log cannot be read.
    pub fn halt(&self, halted: Halted, store: &dyn LogStore) -> Result<(), IndexError> {
        let mut from = self.position().size;
        while from < halted.log.size {
            let chunk = store.read(from, CHUNK_BYTES)?;
            let Some((last, _)) = chunk.last() else { break };
            from = last + 1;
            for (index, bytes) in chunk {
                let entry = Entry::check(&bytes).map_err(|fault| IndexError::Entry { index, fault })?;
                if let Body::Erasure(_, target) = entry.leaf.body {
                    let mut memory = self.recent.write().unwrap_or_else(PoisonError::into_inner);
                    memory.active.put_other(row::erasure(target.index, index), target.parts.to_be_bytes().to_vec());
                }
            }
        }
        *self.halted.lock().unwrap_or_else(PoisonError::into_inner) = Some(halted);
        Ok(())
    }

    /// The fold has gone on to the end of the log.
    pub fn resumed(&self) {
        *self.halted.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Where the fold stopped, if it did.
    pub fn halted(&self) -> Option<Halted> {
        self.halted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

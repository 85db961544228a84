//! Tree and map, made again from the leaves: steps 3 and 5, and what cosignatures say of times.

use std::collections::BTreeMap;

use crate::log::Frontier;
use crate::log::KeysOfLog;
use crate::log::LiveMap;
use crate::log::TreeHead;
use crate::verify::Entries;
use crate::verify::Fault;
use crate::verify::HeldHead;
use crate::verify::What;
use crate::verify::entry::Looked;
use crate::verify::entry::Says;
use crate::verify::entry::look_at_leaf;
use crate::verify::order::Of;
use crate::verify::order::Order;

/// How far a witness's clock may be off.
const CLOCK_OFF_S: u64 = 60;

/// Tree and map over the entries so far.
#[derive(Debug)]
pub(super) struct Replay {
    frontier: Frontier,
    map: LiveMap,
    /// What is known of checkpoints, by size: the heads, and when they were cosigned.
    held: BTreeMap<u64, Vec<HeldHead>>,
    longest_delay_s: u32,
    /// The latest cosignature of a checkpoint that the entries from here on are not under, and so are no older than it
    /// allows.
    cosigned_s: Option<u64>,
    /// Checkpoints whose root was met.
    pub(super) roots_met: u64,
}

impl Replay {
    pub(super) fn new(held: &[HeldHead]) -> Self {
        let mut by_size: BTreeMap<u64, Vec<HeldHead>> = BTreeMap::new();
        for head in held {
            by_size.entry(head.head.size).or_default().push(head.clone());
        }
        Self {
            frontier: Frontier::new(),
            map: LiveMap::for_keys(0),
            held: by_size,
            longest_delay_s: 0,
            cosigned_s: None,
            roots_met: 0,
        }
    }

    /// Takes the next entry.
    pub(super) fn take(&mut self, looked: &Looked) -> Result<(), What> {
        self.not_back_dated(looked)?;
        match &looked.says {
            Says::Genesis(genesis) => self.longest_delay_s = genesis.longest_delay_s,
            Says::Seal(seal) => {
                let (expected, expected_keys) = self.map.fold();
                if (expected, expected_keys) != (seal.map_root, seal.map_keys) {
                    let (found, found_keys) = (seal.map_root, seal.map_keys);
                    return Err(What::Map { expected, expected_keys, found, found_keys });
                }
            }
            Says::Event | Says::Erasure(_) | Says::Key(_) | Says::Close => {}
        }
        for place in looked.stream.iter().chain(&looked.subjects) {
            self.map.push(&place.key, looked.index, looked.leaf_hash);
        }
        self.frontier.push(looked.leaf_hash);
        self.meets(looked)
    }

    /// The entry stands behind every checkpoint met so far.
    fn not_back_dated(&self, looked: &Looked) -> Result<(), What> {
        let Some(cosigned_s) = self.cosigned_s else { return Ok(()) };
        let earliest_s = cosigned_s.saturating_sub(u64::from(self.longest_delay_s) + CLOCK_OFF_S);
        if looked.recorded_at_ms >= earliest_s.saturating_mul(1000) {
            return Ok(());
        }
        let (longest_delay_s, found) = (self.longest_delay_s, looked.recorded_at_ms);
        Err(What::BackDated { cosigned_s, longest_delay_s, found })
    }

    /// The entry is the last one under checkpoints that are held.
    fn meets(&mut self, looked: &Looked) -> Result<(), What> {
        let size = looked.index + 1;
        let Some(held) = self.held.remove(&size) else { return Ok(()) };
        let found = self.frontier.root();
        for HeldHead { head, cosigned_s } in held {
            if head.root != found {
                return Err(What::Root { size, expected: head.root, found });
            }
            if !matches!(looked.says, Says::Seal(_)) {
                return Err(What::NoSeal);
            }
            self.roots_met += 1;
            for cosigned_s in cosigned_s {
                let latest_ms = cosigned_s.saturating_add(CLOCK_OFF_S).saturating_mul(1000);
                if looked.recorded_at_ms > latest_ms {
                    return Err(What::AfterCosignature { cosigned_s, found: looked.recorded_at_ms });
                }
                self.cosigned_s = self.cosigned_s.max(Some(cosigned_s));
            }
        }
        Ok(())
    }

    /// What the tree is now.
    pub(super) fn head(&self) -> TreeHead {
        TreeHead { size: self.frontier.size(), root: self.frontier.root() }
    }

    /// The largest checkpoint that was not met.
    pub(super) fn beyond(&self) -> Option<u64> {
        self.held.keys().next_back().copied()
    }
}

/// Verifies leaves as they come: steps 2 to 5, as a replaying witness does before it cosigns. Begins at entry 0.
#[derive(Debug)]
pub struct LeafReplay {
    order: Order,
    replay: Replay,
}

impl Default for LeafReplay {
    fn default() -> Self {
        Self { order: Order::new(Of::Leaves), replay: Replay::new(&[]) }
    }
}

impl LeafReplay {
    /// Takes the next leaf, as it is hashed. `leaves` gives those before it as entries, for the targets of erasures.
    ///
    /// # Errors
    ///
    /// Something is wrong with it, or with what it says of those before it; nothing may be taken after that.
    pub fn take(&mut self, leaf: &[u8], leaves: &dyn Entries) -> Result<(), Fault> {
        let index = self.replay.frontier.size();
        let looked = look_at_leaf(index, leaf).map_err(|what| Fault { index, what })?;
        self.order.take(&looked, leaves)?;
        self.replay.take(&looked).map_err(|what| Fault { index, what })
    }

    /// The tree over all that was taken.
    pub fn head(&self) -> TreeHead {
        self.replay.head()
    }

    /// The log's origin; empty before the first leaf.
    pub fn origin(&self) -> &str {
        &self.order.report.origin
    }

    /// Its keys.
    pub const fn keys(&self) -> &KeysOfLog {
        &self.order.report.keys
    }
}

#[cfg(test)]
mod tests;

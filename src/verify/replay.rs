//! Tree and map, made again from the leaves: steps 3 and 5, and what cosignatures say of times.

use std::collections::BTreeMap;

use crate::log::Frontier;
use crate::log::KeysOfLog;
use crate::log::LiveMap;
use crate::log::TreeHead;
use crate::verify::Entries;
use crate::verify::Fault;
use crate::verify::HeldHead;
use crate::verify::Pieces;
use crate::verify::Report;
use crate::verify::Wanted;
use crate::verify::What;
use crate::verify::entry::Looked;
use crate::verify::entry::Says;
use crate::verify::order::Order;
use crate::verify::run::HeadSought;
use crate::verify::run::Stop;
use crate::verify::run::advance;
use crate::verify::run::finish;

/// How far a witness's clock may be off.
const CLOCK_OFF_S: u64 = 60;

/// Tree and map over the entries so far.
#[derive(Debug)]
pub(super) struct Replay {
    pub(super) frontier: Frontier,
    pub(super) map: LiveMap,
    /// What is known of checkpoints, by size: the heads, and when they were cosigned.
    held: BTreeMap<u64, Vec<HeldHead>>,
    pub(super) longest_delay_s: u32,
    /// The latest cosignature of a checkpoint that the entries from here on are not under, and so are no older than it
    /// allows.
    pub(super) cosigned_s: Option<u64>,
    /// Checkpoints whose root was met.
    pub(super) roots_met: u64,
    pub(super) last: Last,
}

/// What a checkpoint asks of the last entry under it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Last {
    Leaf {
        recorded_at_ms: u64,
        is_seal: bool,
    },
    /// There are hashes alone, or nothing yet.
    Hidden,
}

impl Replay {
    pub(super) fn new(held: &[HeldHead]) -> Self {
        let mut replay = Self {
            frontier: Frontier::new(),
            map: LiveMap::for_keys(0),
            held: BTreeMap::new(),
            longest_delay_s: 0,
            cosigned_s: None,
            roots_met: 0,
            last: Last::Hidden,
        };
        replay.hold(held);
        replay
    }

    fn hold(&mut self, held: &[HeldHead]) {
        for head in held {
            self.held.entry(head.head.size).or_default().push(head.clone());
        }
    }

    /// Takes the next entry.
    pub(super) fn take(&mut self, looked: &Looked) -> Result<(), What> {
        if !matches!(looked.says, Says::Hidden) {
            self.not_back_dated(looked)?;
            let is_seal = matches!(looked.says, Says::Seal(_));
            self.last = Last::Leaf { recorded_at_ms: looked.recorded_at_ms, is_seal };
        }
        match &looked.says {
            Says::Genesis(genesis) => self.longest_delay_s = genesis.longest_delay_s,
            Says::Seal(seal) => {
                let (expected, expected_keys) = self.map.fold();
                if (expected, expected_keys) != (seal.map_root, seal.map_keys) {
                    let (found, found_keys) = (seal.map_root, seal.map_keys);
                    return Err(What::Map { expected, expected_keys, found, found_keys });
                }
            }
            Says::Event | Says::Erasure(_) | Says::Key(_) | Says::Close | Says::Hidden => {}
        }
        for place in looked.stream.iter().chain(&looked.subjects) {
            self.map.push(&place.key, looked.index, looked.leaf_hash);
        }
        self.frontier.push(looked.leaf_hash);
        self.meets()
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

    /// The last entry is the last one under checkpoints that are held.
    fn meets(&mut self) -> Result<(), What> {
        let size = self.frontier.size();
        let Some(held) = self.held.remove(&size) else { return Ok(()) };
        let found = self.frontier.root();
        for HeldHead { head, cosigned_s } in held {
            if head.root != found {
                return Err(What::Root { size, expected: head.root, found });
            }
            self.roots_met += 1;
            let Last::Leaf { recorded_at_ms, is_seal } = self.last else { continue };
            if !is_seal {
                return Err(What::NoSeal);
            }
            for cosigned_s in cosigned_s {
                let latest_ms = cosigned_s.saturating_add(CLOCK_OFF_S).saturating_mul(1000);
                if recorded_at_ms > latest_ms {
                    return Err(What::AfterCosignature { cosigned_s, found: recorded_at_ms });
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

/// A verification of leaves, or of their hashes, that goes on where it was: steps 2 to 5 of leaves, as a replaying
/// witness does before it cosigns; step 3 of hashes. Begins at entry 0; [`LeafReplay::encode`] carries it over an end of
/// the program. After a fault it says nothing more: it is dropped.
#[derive(Debug)]
pub struct LeafReplay {
    pub(super) order: Order,
    pub(super) replay: Replay,
    /// Checkpoints that are held and behind the last entry, or at it.
    pub(super) met: Vec<HeldHead>,
    /// Those that are held and were not met yet.
    to_come: Vec<HeldHead>,
}

impl Default for LeafReplay {
    fn default() -> Self {
        Self::new(Pieces::Leaves)
    }
}

impl LeafReplay {
    /// Before entry 0, of a log of which there are leaves or hashes.
    pub fn new(pieces: Pieces) -> Self {
        Self::from_parts(Order::new(pieces), Replay::new(&[]), Vec::new())
    }

    pub(super) const fn from_parts(order: Order, replay: Replay, met: Vec<HeldHead>) -> Self {
        Self { order, replay, met, to_come: Vec::new() }
    }

    /// Holds these checkpoints against the log, and no others: those that end with the last entry taken at once, those
    /// beyond it when it comes there. Says whether that is possible: a checkpoint that lies below what was taken, and was
    /// not held then with the same cosignatures, needs a replay from entry 0.
    ///
    /// # Errors
    ///
    /// One that ends here says something else.
    pub fn hold(&mut self, held: &[HeldHead]) -> Result<bool, Fault> {
        let size = self.head().size;
        let known = |held: &&HeldHead| {
            let is = |met: &HeldHead| {
                met.head == held.head && held.cosigned_s.iter().all(|time_s| met.cosigned_s.contains(time_s))
            };
            held.head.size < size && self.met.iter().any(is)
        };
        let (met, new): (Vec<&HeldHead>, Vec<&HeldHead>) = held.iter().partition(known);
        if new.iter().any(|held| held.head.size < size) {
            return Ok(false);
        }
        self.replay.held.clear();
        self.replay.roots_met = met.len() as u64;
        self.met = met.into_iter().cloned().collect();
        self.to_come = new.into_iter().cloned().collect();
        self.replay.hold(&self.to_come);
        if size > 0 {
            self.replay.meets().map_err(|what| Fault { index: size - 1, what })?;
        }
        self.sort_met();
        Ok(true)
    }

    /// Takes the entries up to one, on all cores. `progress` is told how many entries were taken. Where it was
    /// interrupted, it is where it came.
    ///
    /// # Errors
    ///
    /// Something is wrong, or cannot be read. After what cannot be read it may go on.
    pub fn advance(
        &mut self,
        entries: &dyn Entries,
        to: u64,
        wanted: &Wanted<'_>,
        progress: impl FnMut(u64),
    ) -> Result<(), Stop> {
        let mut head = HeadSought::new(wanted.head);
        let advanced = advance(&mut self.order, Some(&mut self.replay), entries, to, wanted, &mut head, progress);
        self.sort_met();
        advanced
    }

    fn sort_met(&mut self) {
        let size = self.head().size;
        let (met, to_come) = std::mem::take(&mut self.to_come).into_iter().partition(|held| held.head.size <= size);
        self.met.extend::<Vec<_>>(met);
        self.to_come = to_come;
    }

    /// The tree over all that was taken.
    pub fn head(&self) -> TreeHead {
        self.replay.head()
    }

    /// What of each entry there is.
    pub const fn pieces(&self) -> Pieces {
        self.order.report.pieces
    }

    /// The log's origin; empty before the first leaf.
    pub fn origin(&self) -> &str {
        &self.order.report.origin
    }

    /// Its keys.
    pub const fn keys(&self) -> &KeysOfLog {
        &self.order.report.keys
    }

    /// The latest cosignature that the entries to come are held against, Unix time in seconds.
    pub const fn cosigned_s(&self) -> Option<u64> {
        self.replay.cosigned_s
    }

    /// The longest delay of the log, seconds; 0 before GENESIS.
    pub const fn longest_delay_s(&self) -> u32 {
        self.replay.longest_delay_s
    }

    /// What was found, where all that was wanted was taken, or `stop` came before.
    pub fn report(self, stop: Option<Stop>) -> Report {
        finish(self.order, Some(&self.replay), stop, &HeadSought::new(None))
    }
}

#[cfg(test)]
mod tests;

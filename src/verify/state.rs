//! A verification that goes on after the program ended: everything that the next entry is held against, as bytes.
//!
//! Whoever keeps them is believed: they are the verifier's own memory, as a monitor's last checkpoint is. A digest shows
//! damage. The tree and all histories are in them, so what comes after is verified as if it had never stopped, and a
//! log that changed below does not go on from them.
//!
//! ```text
//! 4          magic "PVS1"
//! 1          what of each entry there is: 1 leaves, 2 hashes
//! 8          entries; then 32 for each bit set in it: the tree
//! 8 + 32     recorded_at and leaf hash of the last entry
//! 8 ‖ 1      index + 1 of the last seal, 0 if none ‖ 0 open, 1 closed, 2 closed and sealed
//! 1          0 hashes alone, 1 the last entry is a SEAL, 2 it is another
//! 4 ‖ 8      longest delay ‖ latest cosignature + 1, 0 if none, both in seconds
//! 1 + len    origin
//! 4 + n × 48 keys: key ‖ index + 1 at which it came ‖ index + 1 at which it went, 0 if not
//! 3 × 8      bytes, erasures, seals so far
//! 4 + …      checkpoints met: size (8) ‖ root (32) ‖ n (4) ‖ n × time of a cosignature (8)
//! 8 + …      histories, ascending: key (32) ‖ count (8) ‖ 32 for each bit set in it
//! 32         SHA-256 of all before
//! ```

use std::iter;

use sha2::Digest;
use sha2::Sha256;
use thiserror::Error;

use crate::log::Frontier;
use crate::log::Key;
use crate::log::KeyHistory;
use crate::log::KeysOfLog;
use crate::log::LeafHash;
use crate::log::NodeHash;
use crate::log::Root;
use crate::log::TreeHead;
use crate::verify::HeldHead;
use crate::verify::LeafReplay;
use crate::verify::Pieces;
use crate::verify::order::End;
use crate::verify::order::LastSeal;
use crate::verify::order::Order;
use crate::verify::replay::Last;
use crate::verify::replay::Replay;

const MAGIC: &[u8; 4] = b"PVS1";

/// Bytes are no state of a verification, or not as they were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("it is damaged, or of another program")]
pub struct StateFault;

impl LeafReplay {
    /// Everything that is needed to go on later.
    pub fn encode(&mut self) -> Vec<u8> {
        let Self { order, replay, met, .. } = self;
        let mut out = MAGIC.to_vec();
        out.push(if order.report.pieces == Pieces::Hashes { 2 } else { 1 });
        put_frontier(&replay.frontier, &mut out);
        out.extend(order.recorded_at_ms.to_be_bytes());
        out.extend(order.leaf_hash.as_bytes());
        out.extend(one_more(match order.seal {
            LastSeal::Known(seal) => seal,
            LastSeal::Before => None,
        }));
        out.push(match order.end {
            End::Open => 0,
            End::Closed => 1,
            End::Sealed => 2,
        });
        out.push(match replay.last {
            Last::Hidden => 0,
            Last::Leaf { is_seal: true, .. } => 1,
            Last::Leaf { is_seal: false, .. } => 2,
        });
        out.extend(replay.longest_delay_s.to_be_bytes());
        out.extend(one_more(replay.cosigned_s));
        let report = &order.report;
        out.push(u8::try_from(report.origin.len()).expect("an origin has at most 255 bytes"));
        out.extend(report.origin.as_bytes());
        put_len(report.keys.terms().count(), &mut out);
        for (key, added, retired) in report.keys.terms() {
            out.extend(key);
            out.extend(one_more(added));
            out.extend(one_more(retired));
        }
        for number in [report.bytes, report.erasures, report.seals] {
            out.extend(number.to_be_bytes());
        }
        put_len(met.len(), &mut out);
        for HeldHead { head, cosigned_s } in met {
            out.extend(head.size.to_be_bytes());
            out.extend(head.root.as_bytes());
            put_len(cosigned_s.len(), &mut out);
            out.extend(cosigned_s.iter().flat_map(|time_s| time_s.to_be_bytes()));
        }
        let at = out.len();
        out.extend([0; 8]);
        let mut histories: u64 = 0;
        for (key, history) in replay.map.histories() {
            histories += 1;
            out.extend(key.as_bytes());
            put_frontier(history.frontier(), &mut out);
        }
        out[at..at + 8].copy_from_slice(&histories.to_be_bytes());
        let digest = Sha256::digest(&out);
        out.extend(digest);
        out
    }

    /// Goes on from what [`LeafReplay::encode`] gave. Which checkpoints are held is to be said anew.
    ///
    /// # Errors
    ///
    /// The bytes are not those.
    pub fn decode(bytes: &[u8]) -> Result<Self, StateFault> {
        let (bytes, digest) = bytes.split_last_chunk::<32>().ok_or(StateFault)?;
        if Sha256::digest(bytes)[..] != digest[..] {
            return Err(StateFault);
        }
        let mut rest = Rest(bytes);
        let replay = rest.replay().ok_or(StateFault)?;
        if rest.0.is_empty() { Ok(replay) } else { Err(StateFault) }
    }
}

fn put_frontier(frontier: &Frontier, out: &mut Vec<u8>) {
    out.extend(frontier.size().to_be_bytes());
    out.extend(frontier.hashes().iter().flat_map(NodeHash::as_bytes));
}

fn put_len(len: usize, out: &mut Vec<u8>) {
    out.extend(u32::try_from(len).expect("a few thousand at most").to_be_bytes());
}

fn one_more(number: Option<u64>) -> [u8; 8] {
    number.map_or(0, |number| number + 1).to_be_bytes()
}

struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    fn text(&mut self) -> Option<String> {
        let (text, rest) = {
            let len = self.u8()?;
            self.0.split_at_checked(len.into())?
        };
        self.0 = rest;
        String::from_utf8(text.to_vec()).ok()
    }

    fn frontier(&mut self) -> Option<Frontier> {
        let size = self.u64()?;
        let hashes: Option<Vec<NodeHash>> = (0..size.count_ones()).map(|_| self.array().map(NodeHash)).collect();
        Frontier::from_parts(size, hashes?)
    }

    fn keys(&mut self) -> Option<KeysOfLog> {
        let count = self.u32()?;
        let term = |_| Some((self.array()?, self.u64()?.checked_sub(1), self.u64()?.checked_sub(1)));
        let terms: Option<Vec<_>> = (0..count).map(term).collect();
        Some(KeysOfLog::from_terms(terms?))
    }

    fn met(&mut self) -> Option<HeldHead> {
        let head = TreeHead { size: self.u64()?, root: Root(self.array()?) };
        let count = self.u32()?;
        let cosigned_s: Option<Vec<u64>> = (0..count).map(|_| self.u64()).collect();
        Some(HeldHead { head, cosigned_s: cosigned_s? })
    }

    fn replay(&mut self) -> Option<LeafReplay> {
        if self.array()? != *MAGIC {
            return None;
        }
        let pieces = match self.u8()? {
            1 => Pieces::Leaves,
            2 => Pieces::Hashes,
            _ => return None,
        };
        let (mut order, mut replay) = (Order::new(pieces), Replay::new(&[]));
        replay.frontier = self.frontier()?;
        order.index = replay.frontier.size();
        order.recorded_at_ms = self.u64()?;
        order.leaf_hash = LeafHash(self.array()?);
        order.seal = LastSeal::Known(self.u64()?.checked_sub(1));
        order.end = match self.u8()? {
            0 => End::Open,
            1 => End::Closed,
            2 => End::Sealed,
            _ => return None,
        };
        replay.last = match self.u8()? {
            0 => Last::Hidden,
            of @ (1 | 2) => Last::Leaf { recorded_at_ms: order.recorded_at_ms, is_seal: of == 1 },
            _ => return None,
        };
        replay.longest_delay_s = self.u32()?;
        replay.cosigned_s = self.u64()?.checked_sub(1);
        order.report.origin = self.text()?;
        order.report.keys = self.keys()?;
        order.report.entries = order.index;
        order.report.head = order.index.checked_sub(1).map(|index| (index, order.leaf_hash));
        order.report.bytes = self.u64()?;
        order.report.erasures = self.u64()?;
        order.report.seals = self.u64()?;
        let count = self.u32()?;
        let met: Option<Vec<HeldHead>> = (0..count).map(|_| self.met()).collect();
        let count = self.u64()?;
        let mut taken = 0;
        let histories = iter::from_fn(|| {
            let key = (taken < count).then(|| self.array().map(Key)).flatten()?;
            let history = KeyHistory::from_frontier(self.frontier()?);
            taken += 1;
            order.take_up(&key, history.count());
            Some((key, history))
        });
        replay.map.update(histories);
        let met = met?;
        (taken == count).then(|| LeafReplay::from_parts(order, replay, met))
    }
}

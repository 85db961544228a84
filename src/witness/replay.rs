//! A replaying witness: it reads every entry of a log and cosigns only when all of them are what they must be, steps 2 to 5
//! of what a verifier checks.
//!
//! What was replayed is kept in memory, so that only new entries are read; after a start it begins at entry 0 again.

use std::collections::BTreeMap;
use std::sync::Mutex;

use bytes::Bytes;

use crate::fetch::Client;
use crate::fetch::TiledLog;
use crate::log::Body;
use crate::log::Checkpoint;
use crate::log::Entry;
use crate::log::Frontier;
use crate::log::Leaf;
use crate::log::LeafHash;
use crate::log::PolicyKey;
use crate::log::Root;
use crate::log::VerifierKey;
use crate::verify::Entries;
use crate::verify::LeafReplay;
use crate::verify::Unreadable;
use crate::witness::Replay;
use crate::witness::Seen;
use crate::witness::Unreplayed;

/// How far the clocks of log and witness may be apart.
const CLOCK_OFF_S: u64 = 60;

/// Entries of a full bundle.
const BUNDLE: u64 = 256;

/// Replays logs, which it reads over HTTP where the policy says that they are.
#[derive(Debug)]
pub struct Replaying {
    client: Client,
    /// Of an auditor, for the entries.
    token: Option<String>,
    /// By origin. Held while entries are read, as the log's own lock is.
    logs: Mutex<BTreeMap<String, Replayed>>,
}

/// What is known of a log after its first entries.
#[derive(Debug, Default)]
struct Replayed {
    replay: LeafReplay,
    size: u64,
    longest_delay_s: u64,
    last_is_seal: bool,
    /// Roots over the full bundles, so that what is read again is known to be the same.
    bundles: Vec<Root>,
    /// Leaves behind them.
    tail: Vec<Vec<u8>>,
}

impl Replaying {
    /// With the token of an auditor, where the logs ask for one.
    pub const fn new(client: Client, token: Option<String>) -> Self {
        Self { client, token, logs: Mutex::new(BTreeMap::new()) }
    }
}

impl Replay for Replaying {
    fn replay(
        &self,
        log: &PolicyKey,
        keys: &[VerifierKey],
        checkpoint: &Checkpoint,
        seen: Option<&Seen>,
        now_s: u64,
    ) -> Result<(), Unreplayed> {
        let url = log.url.as_deref().ok_or("the policy has no address of this log, so its entries cannot be read");
        let url = url.map_err(|why| Unreplayed::Unread(why.to_owned()))?;
        let tiled = TiledLog::new(self.client.clone(), url, self.token.clone());
        // Taken out, so that logs do not wait for one another; the witness asks about one log at a time.
        let mut replayed = self.lock()?.remove(&checkpoint.origin).unwrap_or_default();
        if replayed.size > checkpoint.size {
            // What was read beyond is not cosigned, and may not be the log's.
            replayed = Replayed::default();
        }
        replayed.advance(&tiled, checkpoint.size, seen, now_s)?;
        let found = replayed.replay.head();
        // What does not lead to the signed root is dropped, and read again the next time.
        if found.root != checkpoint.root {
            return wrong(format!("its entries have root {}, and it signed {}", found.root, checkpoint.root));
        }
        if !replayed.last_is_seal {
            return wrong(format!("entry {} is no SEAL", checkpoint.size.saturating_sub(1)));
        }
        if replayed.replay.origin() != checkpoint.origin {
            return wrong(format!("its GENESIS says that it is {}", replayed.replay.origin()));
        }
        let in_force =
            |key: &VerifierKey| replayed.replay.keys().is_in_force(key.public_key().as_bytes(), checkpoint.size);
        if !keys.iter().any(in_force) {
            return wrong("no key of the policy is in force at that size".to_owned());
        }
        self.lock()?.insert(checkpoint.origin.clone(), replayed);
        Ok(())
    }
}

impl Replaying {
    fn lock(&self) -> Result<std::sync::MutexGuard<'_, BTreeMap<String, Replayed>>, Unreplayed> {
        self.logs.lock().map_err(|_| Unreplayed::Unread("an earlier replay failed".to_owned()))
    }
}

impl Replayed {
    /// Reads and verifies entries up to a size.
    fn advance(&mut self, tiled: &TiledLog, size: u64, seen: Option<&Seen>, now_s: u64) -> Result<(), Unreplayed> {
        while self.size < size {
            let (first, leaves) =
                tiled.bundle(self.size, size).map_err(|error| Unreplayed::Unread(error.to_string()))?;
            let skip = usize::try_from(self.size - first).unwrap_or(usize::MAX);
            let wanted = usize::try_from((size - first).min(BUNDLE)).unwrap_or(usize::MAX);
            if leaves.len() < wanted {
                return wrong(format!("the bundle from entry {first} on has {} entries", leaves.len()));
            }
            for leaf in leaves.into_iter().take(wanted).skip(skip) {
                self.take(tiled, leaf, seen, now_s).map_err(Unreplayed::Wrong)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, tiled: &TiledLog, leaf: Vec<u8>, seen: Option<&Seen>, now_s: u64) -> Result<(), String> {
        let index = self.size;
        // Taken out, since it asks for what was there before.
        let mut replay = std::mem::take(&mut self.replay);
        let taken = replay.take(&leaf, &Before { log: tiled, known: self });
        self.replay = replay;
        taken.map_err(|fault| fault.to_string())?;
        let decoded = Leaf::decode(&leaf).map_err(|fault| format!("entry {index}: {fault}"))?;
        if let Body::Genesis(genesis) = &decoded.body {
            self.longest_delay_s = genesis.longest_delay_s.into();
        }
        self.last_is_seal = matches!(decoded.body, Body::Seal(_));
        self.check_time(index, decoded.recorded_at_ms, seen, now_s)?;
        self.size += 1;
        self.tail.push(leaf);
        if self.tail.len() as u64 == BUNDLE {
            self.bundles.push(root(&self.tail));
            self.tail.clear();
        }
        Ok(())
    }

    /// The two rules of time, against our own last cosignature and the one that is to come.
    fn check_time(&self, index: u64, recorded_at_ms: u64, seen: Option<&Seen>, now_s: u64) -> Result<(), String> {
        if recorded_at_ms > (now_s + CLOCK_OFF_S) * 1000 {
            return Err(format!(
                "entry {index} says that it was recorded at {recorded_at_ms} ms, which is still to come"
            ));
        }
        let Some(seen) = seen.filter(|seen| index >= seen.head.size) else { return Ok(()) };
        let earliest_ms = seen.time_s.saturating_sub(self.longest_delay_s + CLOCK_OFF_S) * 1000;
        if recorded_at_ms < earliest_ms {
            return Err(format!(
                "entry {index} is back-dated: it says {recorded_at_ms} ms, and was not there at {} s, {} s being the longest delay",
                seen.time_s, self.longest_delay_s
            ));
        }
        Ok(())
    }
}

/// The entries that were replayed, read again where an erasure names one of them, and compared with what was.
struct Before<'r> {
    log: &'r TiledLog,
    known: &'r Replayed,
}

impl Entries for Before<'_> {
    fn size(&self) -> u64 {
        self.known.size
    }

    fn read(&self, from: u64, _bytes_max: usize) -> Result<Vec<(u64, Bytes)>, Unreadable> {
        let number = usize::try_from(from / BUNDLE).unwrap_or(usize::MAX);
        let first = from / BUNDLE * BUNDLE;
        let leaves = match self.known.bundles.get(number) {
            None => self.known.tail.clone(),
            Some(expected) => {
                let unreadable = |what: String| Unreadable { damaged: false, what };
                let full = first + BUNDLE;
                let (_, leaves) = self.log.bundle(from, full).map_err(|error| unreadable(error.to_string()))?;
                if root(&leaves) != *expected {
                    return Err(unreadable(format!("the bundle of entry {from} is another one than before")));
                }
                leaves
            }
        };
        let entry = |leaf: Vec<u8>| {
            Entry { leaf: leaf.into(), manifest: Bytes::new(), open: None, parts: Vec::new() }.encode().into()
        };
        Ok((first..)
            .zip(leaves)
            .filter(|(index, _)| *index >= from)
            .map(|(index, leaf)| (index, entry(leaf)))
            .collect())
    }
}

fn wrong(why: String) -> Result<(), Unreplayed> {
    Err(Unreplayed::Wrong(why))
}

fn root(leaves: &[Vec<u8>]) -> Root {
    leaves.iter().map(|leaf| LeafHash::of(leaf)).collect::<Frontier>().root()
}

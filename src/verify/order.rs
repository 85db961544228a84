//! Entries in their order: chain, times, sequences, requests, erasures, seals, keys, the end.

use std::collections::BTreeMap;
use std::collections::HashSet;
use std::hash::BuildHasherDefault;

use crate::ledger::ByDigest;
use crate::ledger::FirstBytes;
use crate::log::Key;
use crate::log::KeyChange;
use crate::log::KeysOfLog;
use crate::log::LeafHash;
use crate::log::OPEN_PAYLOAD_BIT;
use crate::log::Place;
use crate::log::Seal;
use crate::log::Target;
use crate::verify::Entries;
use crate::verify::Fault;
use crate::verify::Pieces;
use crate::verify::Report;
use crate::verify::What;
use crate::verify::entry::InRequest;
use crate::verify::entry::Looked;
use crate::verify::entry::Says;
use crate::verify::entry::Tokens;
use crate::verify::entry::look_at_pieces;

/// What is known of the entries so far.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) report: Report,
    /// Index of the next entry.
    pub(super) index: u64,
    pub(super) recorded_at_ms: u64,
    pub(super) leaf_hash: LeafHash,
    next: ByDigest<[u8; 16], u64>,
    requests: HashSet<[u8; 16], BuildHasherDefault<FirstBytes>>,
    /// The number of the next event of the request that is under way, and how many it has.
    under_way: Option<(u16, u16, [u8; 16])>,
    /// Absent, and not yet named by an ERASURE.
    absent: BTreeMap<u64, u32>,
    /// The last seal's index, `None` where there is none yet.
    pub(super) seal: LastSeal,
    pub(super) end: End,
    /// Whether the log was begun somewhere else than at entry 0, so that what needs its beginning is not asked.
    partial: bool,
}

/// The seal that the next one must name.
#[derive(Clone, Copy, Debug)]
pub(super) enum LastSeal {
    Known(Option<u64>),
    /// It stands before where the verification began.
    Before,
}

/// Whether the log was closed. That the SEAL after CLOSE is missing is no fault: a crash leaves it so, and no checkpoint
/// is over the CLOSE before it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Open,
    Closed,
    Sealed,
}

impl Order {
    pub(super) fn new(pieces: Pieces) -> Self {
        Self {
            report: Report { pieces, ..Report::default() },
            index: 0,
            recorded_at_ms: 0,
            leaf_hash: LeafHash::NONE,
            next: ByDigest::default(),
            requests: HashSet::default(),
            under_way: None,
            absent: BTreeMap::new(),
            seal: LastSeal::Known(None),
            end: End::Open,
            partial: false,
        }
    }

    /// Begins after an entry that is taken as it is. `closed` tells whether the one before that is a CLOSE.
    pub(super) fn after(last: &Looked, closed: bool) -> Self {
        let mut order = Self::new(Pieces::Whole);
        order.index = last.index + 1;
        order.seal = match last.says {
            Says::Genesis(_) => LastSeal::Known(None),
            Says::Seal(_) => LastSeal::Known(Some(last.index)),
            Says::Event | Says::Erasure(_) | Says::Key(_) | Says::Close | Says::Hidden => LastSeal::Before,
        };
        order.end = match last.says {
            Says::Close => End::Closed,
            _ if closed => End::Sealed,
            _ => End::Open,
        };
        order.partial = true;
        order.recorded_at_ms = last.recorded_at_ms;
        order.leaf_hash = last.leaf_hash;
        order.under_way = last
            .request
            .as_ref()
            .filter(|request| request.number + 1 < request.count)
            .map(|request| (request.number + 1, request.count, request.token));
        order
    }

    /// Takes the next entry; targets of erasures are read from `entries`.
    pub(super) fn take(&mut self, looked: &Looked, entries: &dyn Entries) -> Result<(), Fault> {
        let index = looked.index;
        self.check(looked, entries).map_err(|what| Fault { index, what })
    }

    fn check(&mut self, looked: &Looked, entries: &dyn Entries) -> Result<(), What> {
        if matches!(looked.says, Says::Hidden) {
            self.count(looked);
            return Ok(());
        }
        if matches!(looked.says, Says::Genesis(_)) != (looked.index == 0) {
            return Err(What::Genesis);
        }
        if looked.previous != self.leaf_hash {
            return Err(What::Chain { expected: self.leaf_hash, found: looked.previous });
        }
        if looked.recorded_at_ms < self.recorded_at_ms {
            return Err(What::Time { before: self.recorded_at_ms, found: looked.recorded_at_ms });
        }
        self.ended(&looked.says)?;
        if let Some(stream) = looked.stream {
            self.sequence(&stream, || "its stream".to_owned())?;
        }
        for (number, subject) in looked.subjects.iter().enumerate() {
            self.sequence(subject, || format!("subject {number}"))?;
        }
        self.request(looked.request.as_ref())?;
        match &looked.says {
            Says::Genesis(genesis) => {
                self.report.origin.clone_from(&genesis.origin);
                self.report.keys = KeysOfLog::begin(genesis.public_key);
            }
            Says::Event | Says::Close | Says::Hidden => {}
            Says::Erasure(target) => self.erasure(looked, *target, entries)?,
            Says::Seal(seal) => self.seal(looked.index, seal)?,
            Says::Key(change) => self.key(looked.index, change)?,
        }
        if looked.absent != 0 {
            self.absent.insert(looked.index, looked.absent);
        }
        self.count(looked);
        Ok(())
    }

    fn count(&mut self, looked: &Looked) {
        self.index = looked.index + 1;
        self.recorded_at_ms = looked.recorded_at_ms;
        self.leaf_hash = looked.leaf_hash;
        let report = &mut self.report;
        report.entries += 1;
        report.bytes += looked.bytes;
        report.parts += looked.parts;
        report.parts_opened += looked.parts_opened;
        report.head = Some((looked.index, looked.leaf_hash));
    }

    /// Takes up a history of which this many entries were verified before.
    pub(super) fn take_up(&mut self, key: &Key, count: u64) {
        self.next.insert(half(key), count);
    }

    fn ended(&mut self, says: &Says) -> Result<(), What> {
        self.end = match (self.end, says) {
            (End::Open, Says::Close) => End::Closed,
            (End::Open, _) => End::Open,
            (End::Closed, Says::Seal(_)) => End::Sealed,
            (End::Closed | End::Sealed, _) => return Err(What::AfterClose),
        };
        Ok(())
    }

    fn seal(&mut self, index: u64, seal: &Seal) -> Result<(), What> {
        match self.seal {
            LastSeal::Known(expected) if expected != seal.previous => {
                return Err(What::Seal { expected, found: seal.previous });
            }
            LastSeal::Known(_) | LastSeal::Before => {}
        }
        self.seal = LastSeal::Known(Some(index));
        self.report.seals += 1;
        Ok(())
    }

    /// Which keys are in force, only the beginning of the log shows.
    fn key(&mut self, index: u64, change: &KeyChange) -> Result<(), What> {
        if self.partial {
            return Ok(());
        }
        let report = &mut self.report;
        report.keys.take(&report.origin, index, change).map_err(What::Key)
    }

    fn sequence(&mut self, place: &Place, history: impl FnOnce() -> String) -> Result<(), What> {
        let next = self.next.entry(half(&place.key)).or_insert(if self.partial { place.sequence } else { 0 });
        if *next != place.sequence {
            return Err(What::Sequence { history: history(), expected: *next, found: place.sequence });
        }
        *next += 1;
        Ok(())
    }

    fn request(&mut self, request: Option<&InRequest>) -> Result<(), What> {
        let Some(request) = request else {
            return match self.under_way {
                None => Ok(()),
                Some((next, count, _)) => Err(What::InsideRequest { number: next - 1, count }),
            };
        };
        let broken = |expected: String| What::Request { expected, found: request.number, count: request.count };
        match self.under_way {
            None if request.number != 0 => return Err(broken("0 of another request".to_owned())),
            None => {
                if !self.requests.insert(request.token) {
                    return Err(What::RequestTwice);
                }
                self.report.requests += 1;
            }
            Some((number, count, token)) => {
                if (request.number, request.count, request.token) != (number, count, token) {
                    return Err(broken(format!("{number} of {count} of the request before")));
                }
            }
        }
        let next = request.number + 1;
        self.under_way = (next < request.count).then_some((next, request.count, request.token));
        Ok(())
    }

    fn erasure(&mut self, looked: &Looked, target: Target, entries: &dyn Entries) -> Result<(), What> {
        let wrong = |what| What::Erasure { target: target.index, what };
        let (_, bytes) = entries
            .read(target.index, 1)
            .ok()
            .and_then(|read| read.into_iter().next())
            .ok_or_else(|| wrong("the target cannot be read"))?;
        let erased = look_at_pieces(entries.pieces(), target.index, &bytes, None, &mut Tokens::default());
        let erased = erased.map_err(|_| wrong("the target is damaged"))?;
        if !matches!(erased.says, Says::Event) {
            return Err(wrong("the target is not an EVENT"));
        }
        let keys = |looked: &Looked| -> Vec<Key> {
            looked.stream.iter().chain(&looked.subjects).map(|place| place.key).collect()
        };
        if keys(&erased) != keys(looked) {
            return Err(wrong("filed under other keys than the target"));
        }
        if target.parts & !erased.named != 0 {
            return Err(wrong("names a part that the target does not have"));
        }
        // A leaf does not say what of its entry is kept.
        if entries.pieces() == Pieces::Whole && target.parts & !erased.absent != 0 {
            self.report.erasures_pending.push(target.index);
        }
        if let Some(absent) = self.absent.get_mut(&target.index) {
            *absent &= !target.parts;
            if *absent == 0 {
                self.absent.remove(&target.index);
            }
        }
        self.report.erasures += 1;
        Ok(())
    }

    /// Whether something is absent that nothing up to here names.
    pub(super) fn lacks(&self) -> bool {
        !self.absent.is_empty()
    }

    /// What can only be said at the end.
    pub(super) fn end(mut self) -> Report {
        self.report.histories = self.next.len() as u64;
        if self.report.fault.is_none() && self.report.unreadable.is_none() {
            if let Some((number, count, _)) = self.under_way {
                let index = self.report.head.map_or(0, |(index, _)| index);
                let what = What::RequestCut { number: number - 1, count };
                self.report.fault = Some(Fault { index, what });
            }
            if let Some((index, bits)) = self.absent.first_key_value() {
                let what = if bits & OPEN_PAYLOAD_BIT != 0 {
                    "its open payload".to_owned()
                } else {
                    format!("part {}", bits.trailing_zeros())
                };
                self.report.fault = Some(Fault { index: *index, what: What::Absent(what) });
            }
        }
        self.report
    }
}

fn half(key: &Key) -> [u8; 16] {
    *key.as_bytes().first_chunk().expect("32 bytes have a first 16")
}

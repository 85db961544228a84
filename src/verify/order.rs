//! Entries in their order: chain, times, sequences, requests, erasures.

use std::collections::BTreeMap;
use std::collections::HashSet;
use std::hash::BuildHasherDefault;

use crate::ledger::ByDigest;
use crate::ledger::FirstBytes;
use crate::log::Key;
use crate::log::LeafHash;
use crate::log::OPEN_PAYLOAD_BIT;
use crate::log::Place;
use crate::log::Target;
use crate::verify::Entries;
use crate::verify::Fault;
use crate::verify::Report;
use crate::verify::What;
use crate::verify::entry::InRequest;
use crate::verify::entry::Looked;
use crate::verify::entry::Tokens;
use crate::verify::entry::look;

/// What is known of the entries so far.
pub(super) struct Order<'a> {
    entries: &'a dyn Entries,
    pub(super) report: Report,
    recorded_at_ms: u64,
    leaf_hash: LeafHash,
    next: ByDigest<[u8; 16], u64>,
    requests: HashSet<[u8; 16], BuildHasherDefault<FirstBytes>>,
    /// The number of the next event of the request that is under way, and how many it has.
    under_way: Option<(u16, u16, [u8; 16])>,
    /// Absent, and not yet named by an ERASURE.
    absent: BTreeMap<u64, u32>,
    /// Whether the log was begun somewhere else than at entry 0, so that what needs its beginning is not asked.
    partial: bool,
}

impl<'a> Order<'a> {
    pub(super) fn new(entries: &'a dyn Entries) -> Self {
        Self {
            entries,
            report: Report::default(),
            recorded_at_ms: 0,
            leaf_hash: LeafHash::NONE,
            next: ByDigest::default(),
            requests: HashSet::default(),
            under_way: None,
            absent: BTreeMap::new(),
            partial: false,
        }
    }

    /// Begins after an entry that is taken as it is.
    pub(super) fn after(entries: &'a dyn Entries, last: &Looked) -> Self {
        let mut order = Self::new(entries);
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

    /// Takes the next entry.
    pub(super) fn take(&mut self, looked: Looked) -> Result<(), Fault> {
        let index = looked.index;
        self.check(looked).map_err(|what| Fault { index, what })
    }

    fn check(&mut self, looked: Looked) -> Result<(), What> {
        if looked.genesis.is_some() != (looked.index == 0) {
            return Err(What::Genesis);
        }
        if looked.previous != self.leaf_hash {
            return Err(What::Chain { expected: self.leaf_hash, found: looked.previous });
        }
        if looked.recorded_at_ms < self.recorded_at_ms {
            return Err(What::Time { before: self.recorded_at_ms, found: looked.recorded_at_ms });
        }
        if let Some(stream) = looked.stream {
            self.sequence(&stream, || "its stream".to_owned())?;
        }
        for (number, subject) in looked.subjects.iter().enumerate() {
            self.sequence(subject, || format!("subject {number}"))?;
        }
        self.request(looked.request.as_ref())?;
        if let Some(target) = looked.target {
            self.erasure(&looked, target)?;
        }
        if looked.absent != 0 {
            self.absent.insert(looked.index, looked.absent);
        }
        self.recorded_at_ms = looked.recorded_at_ms;
        self.leaf_hash = looked.leaf_hash;
        let report = &mut self.report;
        report.entries += 1;
        report.bytes += looked.bytes;
        report.parts += looked.parts;
        report.parts_opened += looked.parts_opened;
        report.head = Some((looked.index, looked.leaf_hash));
        if let Some(genesis) = looked.genesis {
            report.origin = genesis.origin;
        }
        Ok(())
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
        let Some(request) = request else { return Ok(()) };
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

    fn erasure(&mut self, looked: &Looked, target: Target) -> Result<(), What> {
        let wrong = |what| What::Erasure { target: target.index, what };
        let (_, bytes) = self
            .entries
            .read(target.index, 1)
            .ok()
            .and_then(|read| read.into_iter().next())
            .ok_or_else(|| wrong("the target cannot be read"))?;
        let erased =
            look(target.index, &bytes, None, &mut Tokens::default()).map_err(|_| wrong("the target is damaged"))?;
        if erased.stream.is_none() || erased.target.is_some() {
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
        if target.parts & !erased.absent != 0 {
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

//! The newest rows, in memory.

use std::collections::BTreeMap;
use std::collections::hash_map::Entry;

use crate::index::row;
use crate::index::row::Key;
use crate::ledger::ByDigest;
use crate::ledger::Change;
use crate::ledger::ObjectRow;
use crate::store::runs::Put;
use crate::store::runs::RunsError;

/// Rows of entries that no run holds yet.
#[derive(Debug, Default)]
pub(super) struct Recent {
    pub(super) entries: u64,
    objects: ByDigest<[u8; 16], Object>,
    links: ByDigest<[u8; 16], Newest>,
    /// Places in histories and links, as they came; those of one history are chained from the newest.
    places: Vec<Place>,
    requests: ByDigest<[u8; 16], u64>,
    /// Streams by their kind: index of the first entry, ascending, and id.
    registers: BTreeMap<[u8; 16], Vec<(u64, u128)>>,
    /// Streams by the body that keeps them and their kind, likewise.
    bodies: ByDigest<[u8; 16], Vec<(u64, u128)>>,
    /// Lookup tokens, duties and erasures, as rows.
    others: BTreeMap<Key, Vec<u8>>,
}

#[derive(Debug)]
struct Object {
    row: ObjectRow,
    newest: Newest,
}

/// Number of a place, from 1; 0 is none.
type Newest = u32;

#[derive(Clone, Copy, Debug)]
struct Place {
    index: u64,
    earlier: Newest,
    event_type: u8,
}

impl Recent {
    pub(super) fn apply(&mut self, change: Change) {
        self.entries += 1;
        let event_type = row::event_type_byte(change.event_type);
        let index = change.index;
        let mut place = |earlier| {
            self.places.push(Place { index, earlier, event_type });
            Newest::try_from(self.places.len()).expect("a run is written long before there are 2^32 places")
        };
        for (key, row) in change.objects {
            let earlier = self.objects.get(&row::half(&key)).map_or(0, |object| object.newest);
            self.objects.insert(row::half(&key), Object { row, newest: place(earlier) });
        }
        for (key, row) in change.touched {
            match self.objects.entry(row::half(&key)) {
                Entry::Occupied(mut object) => object.get_mut().row = row,
                Entry::Vacant(place) => drop(place.insert(Object { row, newest: 0 })),
            }
        }
        for duty in &change.duties {
            let key = row::duty(duty.body, duty.due, &row::half(&duty.stream));
            self.others.insert(key, row::duty_value(duty));
        }
        for key in &change.links {
            let newest = self.links.entry(row::half(key)).or_default();
            *newest = place(*newest);
        }
        if let Some(token) = change.request {
            self.requests.insert(token, index);
        }
        if let Some(opened) = change.opened {
            self.registers.entry(row::kind(opened.kind)).or_default().push((index, opened.id));
            if opened.body != 0 {
                let token = row::register(opened.body, opened.kind);
                self.bodies.entry(token).or_default().push((index, opened.id));
            }
            for token in &change.identities {
                self.others.insert(row::with_index(b'i', token, index), opened.id.to_be_bytes().to_vec());
            }
        }
        if let Some(erased) = change.erased {
            self.others.insert(row::erasure(erased.target, index), erased.parts.to_be_bytes().to_vec());
        }
    }

    /// Adds a row that is no place in a history.
    pub(super) fn put_other(&mut self, key: Key, value: Vec<u8>) {
        self.others.insert(key, value);
    }

    /// Is as new, with its room.
    pub(super) fn clear(&mut self) {
        self.entries = 0;
        self.objects.clear();
        self.links.clear();
        self.places.clear();
        self.requests.clear();
        self.registers.clear();
        self.bodies.clear();
        self.others.clear();
    }

    /// How many rows a run of it would have, about.
    pub(super) fn rows(&self) -> usize {
        self.objects.len() + self.places.len() + self.requests.len() + self.others.len()
    }

    pub(super) fn object(&self, token: &[u8; 16]) -> Option<&ObjectRow> {
        self.objects.get(token).map(|object| &object.row)
    }

    /// All rows of streams and subjects, in no order.
    pub(super) fn objects(&self) -> impl Iterator<Item = (&[u8; 16], &ObjectRow)> {
        self.objects.iter().map(|(token, object)| (token, &object.row))
    }

    pub(super) fn request(&self, token: &[u8; 16]) -> Option<u64> {
        self.requests.get(token).copied()
    }

    /// Rows from a key on that share its prefix, ascending by index.
    pub(super) fn rows_from(&self, from: &[u8], prefix: usize) -> Vec<(u64, Vec<u8>)> {
        let first = row::index_of(from);
        let token = || from[1..row::PREFIX_BYTES].try_into().expect("a prefix holds a token");
        let newest: Option<Newest> = match from.first() {
            Some(b'h') => self.objects.get::<[u8; 16]>(&token()).map(|object| object.newest),
            Some(b'l') => self.links.get::<[u8; 16]>(&token()).copied(),
            Some(tag @ (b'k' | b'b')) => {
                let all =
                    if *tag == b'k' { self.registers.get(&token()) } else { self.bodies.get::<[u8; 16]>(&token()) };
                let all = all.map_or(&[][..], Vec::as_slice);
                let start = all.partition_point(|(index, _)| *index < first);
                return all[start..].iter().map(|(index, id)| (*index, id.to_be_bytes().to_vec())).collect();
            }
            _ => {
                let others = self.others.range(Key::of(from)..).take_while(|(key, _)| key[..prefix] == from[..prefix]);
                return others.map(|(key, value)| (row::index_of(key), value.clone())).collect();
            }
        };
        let backward = self.chain(newest.unwrap_or_default()).take_while(|place| place.index >= first);
        let mut rows: Vec<_> = backward.map(|place| (place.index, vec![place.event_type])).collect();
        rows.reverse();
        rows
    }

    /// Duties of the same body from a key on.
    pub(super) fn duties_from(&self, from: &[u8]) -> impl Iterator<Item = (Key, &[u8])> {
        let body = Key::of(&from[..row::PREFIX_BYTES]);
        let others = self.others.range(Key::of(from)..);
        others.take_while(move |(key, _)| key.starts_with(&body)).map(|(key, value)| (*key, value.as_slice()))
    }

    /// Places from one on, the newest first.
    fn chain(&self, newest: Newest) -> impl Iterator<Item = Place> {
        let at = |newest: Newest| newest.checked_sub(1).map(|before| self.places[before as usize]);
        std::iter::successors(at(newest), move |place| at(place.earlier))
    }

    /// How many different prefixes its rows have, about.
    pub(super) fn prefixes(&self) -> usize {
        2 * self.objects.len()
            + self.links.len()
            + self.requests.len()
            + self.registers.len()
            + self.bodies.len()
            + self.others.len()
    }

    /// Puts all rows, ascending by key.
    pub(super) fn put_rows(&self, put: &mut Put<'_>) -> Result<(), RunsError> {
        let (objects, links) = (sorted(&self.objects), sorted(&self.links));
        for (token, streams) in sorted(&self.bodies) {
            for (index, id) in streams {
                put(&row::with_index(b'b', token, *index), &id.to_be_bytes())?;
            }
        }
        self.put_others(b'd', put)?;
        self.put_places(b'h', objects.iter().map(|(token, object)| (*token, object.newest)), put)?;
        self.put_others(b'i', put)?;
        for (kind, streams) in &self.registers {
            for (index, id) in streams {
                put(&row::with_index(b'k', kind, *index), &id.to_be_bytes())?;
            }
        }
        self.put_places(b'l', links.iter().map(|(token, newest)| (*token, **newest)), put)?;
        let mut value = Vec::new();
        for (token, object) in objects {
            value.clear();
            value = postcard::to_extend(&object.row, value).expect("an object's row can be written");
            put(&row::prefixed(b'o', token), &value)?;
        }
        for (token, first) in sorted(&self.requests) {
            put(&row::prefixed(b'r', token), &first.to_be_bytes())?;
        }
        self.put_others(b'x', put)
    }

    fn put_places<'t>(
        &self,
        tag: u8,
        histories: impl Iterator<Item = (&'t [u8; 16], Newest)>,
        put: &mut Put<'_>,
    ) -> Result<(), RunsError> {
        let mut places = Vec::new();
        for (token, newest) in histories {
            places.clear();
            places.extend(self.chain(newest));
            for place in places.iter().rev() {
                put(&row::with_index(tag, token, place.index), &[place.event_type])?;
            }
        }
        Ok(())
    }

    fn put_others(&self, tag: u8, put: &mut Put<'_>) -> Result<(), RunsError> {
        let others = self.others.range(Key::of(&[tag])..).take_while(|(key, _)| key[0] == tag);
        for (key, value) in others {
            put(key, value)?;
        }
        Ok(())
    }
}

fn sorted<V>(map: &ByDigest<[u8; 16], V>) -> Vec<(&[u8; 16], &V)> {
    let mut rows: Vec<_> = map.iter().collect();
    rows.sort_unstable_by_key(|(token, _)| **token);
    rows
}

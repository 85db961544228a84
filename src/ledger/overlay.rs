//! Rows as they will be when what is planned is durable: later requests of a batch see earlier ones.

use crate::ledger::change::Change;
use crate::ledger::change::ObjectRow;
use crate::ledger::digests::ByDigest;
use crate::log::Key;

/// What the writer asks of its index.
pub trait Rows {
    /// Why a row could not be read: the index is damaged and must be folded again.
    type Error;

    /// The row of a stream or subject.
    ///
    /// # Errors
    ///
    /// The index cannot be read.
    fn object(&self, key: &Key) -> Result<Option<ObjectRow>, Self::Error>;

    /// Index of the first entry of a request.
    ///
    /// # Errors
    ///
    /// The index cannot be read.
    fn request(&self, token: &[u8; 16]) -> Result<Option<u64>, Self::Error>;

    /// The entity registered under a lookup token.
    ///
    /// # Errors
    ///
    /// The index cannot be read.
    fn identity(&self, token: &[u8; 16]) -> Result<Option<u128>, Self::Error>;

    /// Indexes and event types (as in the manifest) of the entries of a history after a position, ascending.
    ///
    /// # Errors
    ///
    /// The index or the log cannot be read.
    fn history(&self, key: &Key, after: Option<u64>) -> Result<Vec<(u64, &'static str)>, Self::Error>;
}

/// Rows that were changed by what is planned, above those of the index.
#[derive(Debug, Default)]
pub struct Overlay {
    objects: ByDigest<Key, ObjectRow>,
    requests: ByDigest<[u8; 16], u64>,
    identities: ByDigest<[u8; 16], u128>,
    /// Histories, index and event type of what is planned, in order. Looked through from end to end, since few
    /// requests ask.
    placed: Vec<(Key, u64, &'static str)>,
    /// How to take back what was added since [`Overlay::begin`], and how much was placed before.
    journal: Vec<Undo>,
    placed_before: usize,
}

#[derive(Debug)]
enum Undo {
    Object(Key, Option<ObjectRow>),
    Request([u8; 16]),
    Identity([u8; 16], Option<u128>),
}

impl Overlay {
    /// Adds what one entry changes.
    pub fn apply(&mut self, change: &Change) {
        let event_type = change.event_type.map_or("", |event_type| event_type.name());
        for (key, row) in &change.objects {
            let before = self.objects.insert(*key, row.clone());
            self.journal.push(Undo::Object(*key, before));
            self.placed.push((*key, change.index, event_type));
        }
        for (key, row) in &change.touched {
            let before = self.objects.insert(*key, row.clone());
            self.journal.push(Undo::Object(*key, before));
        }
        if let Some(token) = change.request {
            self.requests.insert(token, change.index);
            self.journal.push(Undo::Request(token));
        }
        if let Some(opened) = change.opened {
            for token in &change.identities {
                let before = self.identities.insert(*token, opened.id);
                self.journal.push(Undo::Identity(*token, before));
            }
        }
    }

    /// From here on [`Overlay::undo`] takes back.
    pub(super) fn begin(&mut self) {
        self.journal.clear();
        self.placed_before = self.placed.len();
    }

    /// Is as it was at [`Overlay::begin`].
    pub(super) fn undo(&mut self) {
        while let Some(last) = self.journal.pop() {
            match last {
                Undo::Object(key, Some(before)) => drop(self.objects.insert(key, before)),
                Undo::Object(key, None) => drop(self.objects.remove(&key)),
                Undo::Request(token) => drop(self.requests.remove(&token)),
                Undo::Identity(token, Some(before)) => drop(self.identities.insert(token, before)),
                Undo::Identity(token, None) => drop(self.identities.remove(&token)),
            }
        }
        self.placed.truncate(self.placed_before);
    }

    /// Forgets everything: it is in the index now.
    pub fn clear(&mut self) {
        self.objects.clear();
        self.requests.clear();
        self.identities.clear();
        self.placed.clear();
        self.begin();
    }
}

/// An overlay with the rows below it.
#[derive(Debug)]
pub struct Layered<'a, R> {
    /// What is planned.
    pub overlay: &'a Overlay,
    /// What is recorded.
    pub below: &'a R,
}

impl<R: Rows> Rows for Layered<'_, R> {
    type Error = R::Error;

    fn object(&self, key: &Key) -> Result<Option<ObjectRow>, R::Error> {
        match self.overlay.objects.get(key) {
            Some(row) => Ok(Some(row.clone())),
            None => self.below.object(key),
        }
    }

    fn request(&self, token: &[u8; 16]) -> Result<Option<u64>, R::Error> {
        match self.overlay.requests.get(token) {
            Some(first) => Ok(Some(*first)),
            None => self.below.request(token),
        }
    }

    fn identity(&self, token: &[u8; 16]) -> Result<Option<u128>, R::Error> {
        match self.overlay.identities.get(token) {
            Some(id) => Ok(Some(*id)),
            None => self.below.identity(token),
        }
    }

    fn history(&self, key: &Key, after: Option<u64>) -> Result<Vec<(u64, &'static str)>, R::Error> {
        let mut all = self.below.history(key, after)?;
        let newer = self.overlay.placed.iter().filter(|(of, index, _)| of == key && after.is_none_or(|a| *index > a));
        all.extend(newer.map(|(_, index, event_type)| (*index, *event_type)));
        Ok(all)
    }
}

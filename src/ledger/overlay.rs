//! Rows as they will be when what is planned is durable: later requests of a batch see earlier ones.

use std::collections::HashMap;

use crate::ledger::change::Change;
use crate::ledger::change::ObjectRow;
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
    fn history(&self, key: &Key, after: Option<u64>) -> Result<Vec<(u64, String)>, Self::Error>;
}

/// Rows that were changed by what is planned, above those of the index.
#[derive(Debug, Default)]
pub struct Overlay {
    objects: HashMap<Key, ObjectRow>,
    requests: HashMap<[u8; 16], u64>,
    identities: HashMap<[u8; 16], u128>,
    histories: HashMap<Key, Vec<(u64, String)>>,
}

impl Overlay {
    /// Adds what one entry changes.
    pub fn apply(&mut self, change: &Change) {
        for (key, row) in &change.objects {
            self.objects.insert(*key, row.clone());
            let event_type = change.event_type.map(|event_type| event_type.name().to_owned()).unwrap_or_default();
            self.histories.entry(*key).or_default().push((change.index, event_type));
        }
        if let Some(token) = change.request {
            self.requests.insert(token, change.index);
        }
        if let Some(opened) = change.opened {
            self.identities.extend(change.identities.iter().map(|token| (*token, opened.id)));
        }
    }

    /// Forgets everything: it is in the index now.
    pub fn clear(&mut self) {
        self.objects.clear();
        self.requests.clear();
        self.identities.clear();
        self.histories.clear();
    }

    /// The row of a stream or subject, where one was planned.
    pub fn object(&self, key: &Key) -> Option<&ObjectRow> {
        self.objects.get(key)
    }
}

/// An overlay with the rows below it.
#[derive(Debug)]
pub(super) struct Layered<'a, R> {
    pub(super) overlay: &'a Overlay,
    pub(super) below: &'a R,
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

    fn history(&self, key: &Key, after: Option<u64>) -> Result<Vec<(u64, String)>, R::Error> {
        let mut all = self.below.history(key, after)?;
        let newer = self.overlay.histories.get(key).into_iter().flatten();
        all.extend(newer.filter(|(index, _)| after.is_none_or(|after| *index > after)).cloned());
        Ok(all)
    }
}

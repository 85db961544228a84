//! What an erasure would take away: every entry is looked at, since a data key is destroyed only when nothing that it
//! sealed is left.

use std::collections::BTreeSet;

use crate::domain::State;
use crate::events::EventType;
use crate::events::shape;
use crate::index::IndexError;
use crate::keys::KeysError;
use crate::ledger::Losing;
use crate::log::Checked;
use crate::log::Id;
use crate::log::Key;
use crate::log::Manifest;
use crate::log::OPEN_PAYLOAD_BIT;
use crate::log::SealedBy;
use crate::log::Target;
use crate::service::Reader;

/// Bytes of entries that are looked at at once.
const READ_BYTES: usize = 4 << 20;

/// What one data key sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Key of the subject whose data it is.
    pub owner: Key,
    /// Class of personal data, 2 to 5.
    pub class: u8,
    /// Of declared property the year, else 0.
    pub year: u16,
}

/// What is to be forgotten.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forgetting {
    /// What is sealed.
    pub scopes: Vec<Scope>,
    /// Entries whose open payload is to go.
    pub open_positions: Vec<u64>,
}

/// An entry that loses something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// What it loses that no ERASURE named before, and where it stands; no parts where all of it is gone already.
    pub losing: Losing,
    /// All that the erasure is about, named before or not: bits, as in the leaf.
    pub parts: u32,
    /// Those of them that a client sealed: their key is not here and cannot be destroyed.
    pub sealed_by_clients: u32,
    /// The type of its event.
    pub event_type: String,
}

/// A hold, and what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Id of the hold.
    pub hold: Id,
    /// The name of what it holds.
    pub target: String,
}

/// What an erasure would take away, as of now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// The entries, ascending.
    pub losses: Vec<Loss>,
    /// Holds that forbid it.
    pub holds: Vec<Held>,
}

/// Looks through the log. `keys` are the ids of the data keys in question.
///
/// # Errors
///
/// The log or the index cannot be read; nothing was done.
pub fn survey(reader: &Reader, keys: &BTreeSet<[u8; 16]>, wanted: &Forgetting) -> Result<Survey, IndexError> {
    let holds = holds(reader)?;
    let mut survey = Survey::default();
    let mut held: BTreeSet<usize> = BTreeSet::new();
    for (place, (stream, subject, _)) in holds.iter().enumerate() {
        if wanted.scopes.iter().any(|scope| scope.owner == *subject || scope.owner == *stream) {
            held.insert(place);
        }
    }
    let (mut next, end) = (0, reader.size());
    while next < end {
        let read = reader.entries(next, end, READ_BYTES)?;
        for entry in &read {
            let entry = &entry.checked;
            next = entry.leaf.index + 1;
            let parts = parts_of(entry, keys, wanted);
            let Some(event) = entry.leaf.event().filter(|_| parts != 0) else { continue };
            let named = reader.index().erasures(entry.leaf.index)?.iter().fold(0, |all, (_, parts)| all | parts);
            let subjects: Vec<Key> = event.subjects.iter().map(|subject| subject.key).collect();
            for (place, (stream, subject, _)) in holds.iter().enumerate() {
                if event.stream.key == *stream || subjects.contains(subject) {
                    held.insert(place);
                }
            }
            survey.losses.push(Loss {
                losing: Losing {
                    target: Target { index: entry.leaf.index, parts: parts & !named },
                    stream: event.stream.key,
                    subjects,
                },
                parts,
                sealed_by_clients: parts & sealed_by_clients(entry),
                event_type: entry.manifest.as_ref().map(|manifest| manifest.event_type.clone()).unwrap_or_default(),
            });
        }
    }
    survey.holds =
        holds.into_iter().enumerate().filter(|(place, _)| held.contains(place)).map(|(_, (.., hold))| hold).collect();
    Ok(survey)
}

/// Ids of the data keys of the scopes that are not destroyed.
///
/// # Errors
///
/// The keys cannot be read.
pub fn keys_of(reader: &Reader, wanted: &Forgetting) -> Result<BTreeSet<[u8; 16]>, KeysError> {
    let data = &reader.vault().keys().data;
    let mut ids = BTreeSet::new();
    for scope in &wanted.scopes {
        ids.extend(data.ids_of(&scope.owner, scope.class, scope.year)?);
    }
    Ok(ids)
}

/// Bits of the parts that a client sealed.
fn sealed_by_clients(entry: &Checked) -> u32 {
    let parts = entry.manifest.iter().flat_map(|manifest| &manifest.parts).enumerate();
    let by_clients = parts.filter(|(_, part)| part.sealed_by == SealedBy::Client);
    by_clients.fold(0, |parts, (place, _)| parts | 1 << place)
}

/// Bits of what one entry would lose.
fn parts_of(entry: &Checked, keys: &BTreeSet<[u8; 16]>, wanted: &Forgetting) -> u32 {
    let Some(manifest) = &entry.manifest else { return 0 };
    if !matches!(entry.leaf.body, crate::log::Body::Event(_)) {
        return 0;
    }
    let sealed = manifest.parts.iter().enumerate().filter(|(_, part)| match part.sealed_by {
        SealedBy::Service => keys.contains(&part.key_id),
        SealedBy::Client => is_wanted(entry, manifest, part.class, wanted),
    });
    let mut parts = sealed.fold(0, |parts, (place, _)| parts | 1 << place);
    if wanted.open_positions.binary_search(&entry.leaf.index).is_ok() {
        parts |= OPEN_PAYLOAD_BIT;
    }
    parts
}

/// Whether a part that a client sealed is of what is to be forgotten. No data key says so: its entry does.
fn is_wanted(entry: &Checked, manifest: &Manifest, class: u8, wanted: &Forgetting) -> bool {
    let event_type = EventType::parse(&manifest.event_type, manifest.version);
    let (Some(event_type), Some(open)) = (event_type, &entry.entry.open) else { return false };
    let stream = shape::read_open(event_type, &open.payload).ok().and_then(|names| names.stream);
    let owners = shape::owners(event_type, &open.payload, class).unwrap_or_default();
    owners.iter().any(|(kind, id, year)| {
        let (kind, id) = if id.is_empty() { stream.unwrap_or_default() } else { (*kind, id.as_str()) };
        let Ok(owner) = Key::of_subject_id(kind, id) else { return false };
        wanted.scopes.contains(&Scope { owner, class, year: *year })
    })
}

/// Holds in force, with the stream's and the subject's key of what they hold.
fn holds(reader: &Reader) -> Result<Vec<(Key, Key, Held)>, IndexError> {
    let mut found = Vec::new();
    for (_, id) in reader.index().register("hold", 0, u64::MAX, usize::MAX)? {
        let id = Id(id);
        let Ok(key) = Key::of_stream_id("hold", &id.to_string()) else { continue };
        let row = reader.index().object(&key)?;
        let Some(State::Hold(hold)) = row.as_ref().and_then(|row| row.state.as_deref()) else { continue };
        let keys = hold
            .target
            .split_once('/')
            .and_then(|(kind, id)| Some((Key::of_stream_id(kind, id).ok()?, Key::of_subject_id(kind, id).ok()?)));
        if let Some((stream, subject)) = keys.filter(|_| !hold.released) {
            found.push((stream, subject, Held { hold: id, target: hold.target.clone() }));
        }
    }
    Ok(found)
}

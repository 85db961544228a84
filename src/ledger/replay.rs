//! What indexes learn of an entry that is read from the log: the same as when it was planned.

use std::sync::Arc;

use thiserror::Error;

use crate::domain;
use crate::domain::State;
use crate::events::Event;
use crate::events::EventType;
use crate::ledger::change::Change;
use crate::ledger::change::ErasedParts;
use crate::ledger::change::ObjectRow;
use crate::ledger::change::Opened;
use crate::ledger::change::request_token;
use crate::ledger::effects::Effects;
use crate::ledger::effects::duties;
use crate::ledger::effects::effects;
use crate::ledger::overlay::Rows;
use crate::ledger::plan::Recalled;
use crate::ledger::prepare::links;
use crate::log::Body;
use crate::log::Checked;
use crate::log::EventBody;
use crate::log::Id;
use crate::log::KEY_LEN;
use crate::log::Key;
use crate::log::OpenError;
use crate::log::SealContext;
use crate::log::open_part;

/// Why an entry cannot be folded. Nothing is skipped: the fold stops here and says so.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ReplayError<E> {
    /// An event of a type or version that this program does not know: a newer one wrote it.
    #[error("entry {index}: event {event_type}/{version} is unknown to this program")]
    UnknownEvent {
        /// Which entry.
        index: u64,
        /// As in the manifest.
        event_type: String,
        /// As in the manifest.
        version: u16,
    },
    /// The open payload is not a message of its type, though it is what was committed.
    #[error("entry {index}: the open payload is not a {event_type}")]
    Undecodable {
        /// Which entry.
        index: u64,
        /// As in the manifest.
        event_type: String,
    },
    /// The index cannot be read.
    #[error("{0}")]
    Rows(E),
}

/// What indexes learn of an entry: nothing of one that is no event. `identities` are the lookup tokens of what it registers, as far as its identity
/// can be opened.
///
/// # Errors
///
/// The entry cannot be folded; the index stays as it is.
pub fn replay<R: Rows>(
    entry: &Checked,
    rows: &R,
    identities: Vec<[u8; 16]>,
) -> Result<Option<Change>, ReplayError<R::Error>> {
    let (Some(body), Some(manifest)) = (entry.leaf.event(), entry.manifest.as_ref()) else { return Ok(None) };
    let index = entry.leaf.index;
    let event_type = EventType::parse(&manifest.event_type, manifest.version);
    let unknown =
        || ReplayError::UnknownEvent { index, event_type: manifest.event_type.clone(), version: manifest.version };
    let event_type = event_type.ok_or_else(unknown)?;
    let event = match &entry.entry.open {
        None => None,
        Some(open) => Some(
            Event::decode(event_type, &open.payload)
                .map_err(|_| ReplayError::Undecodable { index, event_type: manifest.event_type.clone() })?,
        ),
    };
    let stream = event.as_ref().and_then(|event| stream_of(event, entry));
    let (objects, effects) = objects(index, body, event.as_ref().zip(stream), rows).map_err(ReplayError::Rows)?;
    let erased = match entry.leaf.body {
        Body::Erasure(_, target) => Some(ErasedParts { target: target.index, parts: target.parts }),
        Body::Event(_) | Body::Genesis(_) | Body::Seal(_) | Body::Key(_) | Body::Close(_) => None,
    };
    Ok(Some(Change {
        index,
        event_type: Some(event_type),
        links: event.as_ref().map(links).unwrap_or_default(),
        opened: stream.filter(|_| body.stream.sequence == 0),
        objects,
        touched: effects.touched,
        duties: effects.duties,
        request: (manifest.number == 0).then(|| request_token(&manifest.principal, &manifest.request_id)),
        identities,
        erased,
    }))
}

/// Rows of the histories in which an entry stands: the stream's first.
type Objects = Vec<(Key, ObjectRow)>;

/// The rows of the stream and the subjects, and what else changes. An entry without its open payload leaves the state
/// as it was.
fn objects<R: Rows>(
    index: u64,
    body: &EventBody,
    event: Option<(&Event, Opened)>,
    rows: &R,
) -> Result<(Objects, Effects), R::Error> {
    let (before, voided) = rows.object(&body.stream.key)?.map_or((None, None), |row| (row.state, row.voided));
    let duty = before.as_deref().and_then(State::duty);
    let (state, effects) = match event {
        Some((event, stream)) => {
            let state = Arc::new(domain::evolve(before.map(Arc::unwrap_or_clone), event, index));
            let mut effects = effects(event, index, rows)?;
            effects.duties.extend(duties(body.stream.key, stream.kind, stream.id, duty, &state));
            (state, effects)
        }
        None => (before.unwrap_or_else(|| Arc::new(State::Empty)), Effects::default()),
    };
    let row = |sequence: u64, state, voided| ObjectRow { count: sequence + 1, last: index, state, voided };
    let stream = (body.stream.key, row(body.stream.sequence, Some(state), voided));
    let subjects = body.subjects.iter().map(|subject| (subject.key, row(subject.sequence, None, None)));
    Ok((std::iter::once(stream).chain(subjects).collect(), effects))
}

/// The name of a stream stands in the open payload alone. An erasure stands in a stream that it does not name.
fn stream_of(event: &Event, entry: &Checked) -> Option<Opened> {
    let (kind, id) = event.stream()?;
    let begins = entry.leaf.event().is_some_and(|body| body.stream.sequence == 0);
    let body = if begins { domain::kept_by(event).bits() } else { 0 };
    Some(Opened { kind, id: Id::parse(id).ok()?.0, body })
}

/// What admission asks of an entry that a correction or void is about; none of what is no event.
///
/// # Errors
///
/// The open payload is not a message of its type.
pub fn recalled(entry: &Checked) -> Result<Option<Recalled>, prost::DecodeError> {
    let (Some(body), Some(manifest)) = (entry.leaf.event(), entry.manifest.as_ref()) else { return Ok(None) };
    let Some(event_type) = EventType::parse(&manifest.event_type, manifest.version) else { return Ok(None) };
    let open = entry.entry.open.as_ref();
    let event = open.map(|open| Event::decode(event_type, &open.payload)).transpose()?;
    Ok(Some(Recalled { stream: body.stream.key, event }))
}

/// Opens a sealed part of an entry: the event message with that field alone.
///
/// # Errors
///
/// The key does not open it, or what was sealed is not what was committed.
pub fn content_of(origin: &str, entry: &Checked, part: usize, key: &[u8; KEY_LEN]) -> Result<Vec<u8>, OpenError> {
    let manifest = entry.manifest.as_ref().ok_or(OpenError::NotAuthentic)?;
    let named = manifest.parts.get(part).ok_or(OpenError::NotAuthentic)?;
    let ciphertext = entry.entry.parts.get(part).and_then(Option::as_ref).ok_or(OpenError::NotAuthentic)?;
    let context = SealContext {
        origin,
        request_id: manifest.request_id,
        number: manifest.number,
        part: u8::try_from(part).expect("at most 31 parts"),
        class: named.class,
        key_id: named.key_id,
    };
    open_part(&context, key, ciphertext, &named.content)
}

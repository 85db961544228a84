//! One entry by itself: everything that needs no other entry.

use bytes::Bytes;

use crate::events::EventType;
use crate::events::shape;
use crate::ledger::request_token;
use crate::log::Body;
use crate::log::Checked;
use crate::log::Entry;
use crate::log::EntryFault;
use crate::log::EventBody;
use crate::log::Genesis;
use crate::log::Key;
use crate::log::KeyChange;
use crate::log::Leaf;
use crate::log::LeafHash;
use crate::log::Manifest;
use crate::log::Place;
use crate::log::Seal;
use crate::log::Target;
use crate::verify::Opener;
use crate::verify::Pieces;
use crate::verify::What;

/// What the order of entries is verified with: all that is kept of an entry after it was looked at.
pub(super) struct Looked {
    pub(super) index: u64,
    pub(super) bytes: u64,
    pub(super) recorded_at_ms: u64,
    pub(super) previous: LeafHash,
    pub(super) leaf_hash: LeafHash,
    pub(super) stream: Option<Place>,
    pub(super) subjects: Vec<Place>,
    pub(super) request: Option<InRequest>,
    pub(super) says: Says,
    /// Bits of what the manifest names, and of what of it is absent.
    pub(super) named: u32,
    pub(super) absent: u32,
    pub(super) parts: u64,
    pub(super) parts_opened: u64,
}

/// What of a leaf's body is asked of its place in the log.
pub(super) enum Says {
    Genesis(Box<Genesis>),
    Event,
    Erasure(Target),
    Seal(Seal),
    Key(Box<KeyChange>),
    Close,
    /// Its leaf is not there, so nobody knows.
    Hidden,
}

/// An event's place in its request.
pub(super) struct InRequest {
    pub(super) token: [u8; 16],
    pub(super) number: u16,
    pub(super) count: u16,
}

/// The token of the last request, since its events follow one another.
#[derive(Default)]
pub(super) struct Tokens {
    last: Option<(String, [u8; 16], [u8; 16])>,
}

impl Tokens {
    fn of(&mut self, manifest: &Manifest) -> [u8; 16] {
        match &self.last {
            Some((principal, id, token)) if *id == manifest.request_id && *principal == manifest.principal => *token,
            _ => {
                let token = request_token(&manifest.principal, &manifest.request_id);
                self.last = Some((manifest.principal.clone(), manifest.request_id, token));
                token
            }
        }
    }
}

/// Looks at what there is of an entry.
pub(super) fn look_at_pieces(
    pieces: Pieces,
    index: u64,
    bytes: &Bytes,
    opener: Option<&dyn Opener>,
    tokens: &mut Tokens,
) -> Result<Looked, What> {
    match pieces {
        Pieces::Whole => look(index, bytes, opener, tokens),
        Pieces::Leaves => look_at_leaf(index, bytes),
        Pieces::Hashes => look_at_hash(index, bytes),
    }
}

pub(super) fn look(
    index: u64,
    bytes: &Bytes,
    opener: Option<&dyn Opener>,
    tokens: &mut Tokens,
) -> Result<Looked, What> {
    look_at(index, bytes, opener, tokens, Unknown::IsAFault)
}

/// What becomes of an event of a type that this program does not know.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Unknown {
    IsAFault,
    /// All but what it names is verified: that cannot be read.
    IsTaken,
}

pub(super) fn look_at(
    index: u64,
    bytes: &Bytes,
    opener: Option<&dyn Opener>,
    tokens: &mut Tokens,
    unknown: Unknown,
) -> Result<Looked, What> {
    let checked = Entry::check(bytes).map_err(What::Entry)?;
    if checked.leaf.index != index {
        return Err(What::Index { found: checked.leaf.index });
    }
    match checked.manifest.as_ref().map_or(Ok(()), |manifest| names(&checked, manifest)) {
        Err(What::UnknownEvent { .. }) if unknown == Unknown::IsTaken => {}
        named => named?,
    }
    let parts_opened = opener.map_or(Ok(0), |opener| open(&checked, opener))?;
    let (named, absent) = (checked.named(), checked.absent());
    let request = checked.manifest.as_ref().map(|manifest| InRequest {
        token: tokens.of(manifest),
        number: manifest.number,
        count: manifest.count,
    });
    let parts = checked.entry.parts.iter().flatten().count() as u64;
    let (event, says) = says(checked.leaf.body);
    Ok(Looked {
        index,
        bytes: bytes.len() as u64,
        recorded_at_ms: checked.leaf.recorded_at_ms,
        previous: checked.leaf.previous,
        leaf_hash: checked.leaf_hash,
        stream: event.as_ref().map(|event| event.stream),
        subjects: event.map(|event| event.subjects).unwrap_or_default(),
        request,
        says,
        named,
        absent,
        parts,
        parts_opened,
    })
}

fn says(body: Body) -> (Option<EventBody>, Says) {
    match body {
        Body::Genesis(genesis) => (None, Says::Genesis(Box::new(genesis))),
        Body::Event(event) => (Some(event), Says::Event),
        Body::Erasure(event, target) => (Some(event), Says::Erasure(target)),
        Body::Seal(seal) => (None, Says::Seal(seal)),
        Body::Key(change) => (None, Says::Key(change)),
        Body::Close(_) => (None, Says::Close),
    }
}

/// What steps 2 to 5 ask of an entry: its leaf alone. What its manifest names is not known.
pub(super) fn look_at_leaf(index: u64, bytes: &[u8]) -> Result<Looked, What> {
    let leaf = Leaf::decode(bytes).map_err(|malformed| What::Entry(EntryFault::Leaf(malformed)))?;
    if leaf.index != index {
        return Err(What::Index { found: leaf.index });
    }
    let (event, says) = says(leaf.body);
    Ok(Looked {
        index,
        bytes: bytes.len() as u64,
        recorded_at_ms: leaf.recorded_at_ms,
        previous: leaf.previous,
        leaf_hash: LeafHash::of(bytes),
        stream: event.as_ref().map(|event| event.stream),
        subjects: event.map(|event| event.subjects).unwrap_or_default(),
        request: None,
        says,
        named: u32::MAX,
        absent: 0,
        parts: 0,
        parts_opened: 0,
    })
}

/// A leaf hash alone, which can be put into the tree.
fn look_at_hash(index: u64, bytes: &[u8]) -> Result<Looked, What> {
    let hash = bytes.try_into().map_err(|_| What::Unreadable("no leaf hash".to_owned()))?;
    Ok(Looked {
        index,
        bytes: 0,
        recorded_at_ms: 0,
        previous: LeafHash::NONE,
        leaf_hash: LeafHash(hash),
        stream: None,
        subjects: Vec::new(),
        request: None,
        says: Says::Hidden,
        named: 0,
        absent: 0,
        parts: 0,
        parts_opened: 0,
    })
}

/// The leaf is filed under exactly what the open payload names. An ERASURE has its target's keys, and its payload
/// names none.
fn names(checked: &Checked, manifest: &Manifest) -> Result<(), What> {
    let unknown = || What::UnknownEvent { event_type: manifest.event_type.clone(), version: manifest.version };
    let event_type = EventType::parse(&manifest.event_type, manifest.version).ok_or_else(unknown)?;
    let Some(open) = &checked.entry.open else { return Ok(()) };
    let named = shape::read_open(event_type, &open.payload).map_err(What::Payload)?;
    let Body::Event(event) = &checked.leaf.body else {
        return if named.stream.is_none() { Ok(()) } else { Err(What::Names("streams")) };
    };
    let stream = named.stream.and_then(|(kind, id)| Key::of_stream_id(kind, id).ok());
    if stream != Some(event.stream.key) {
        return Err(What::Names("streams"));
    }
    let key = |(kind, id): &(&'static str, &str)| Key::of_subject_id(kind, id).ok();
    let mut subjects: Vec<Option<Key>> = named.subjects.iter().map(key).collect();
    subjects.sort_unstable();
    subjects.dedup();
    if !subjects.into_iter().eq(event.subjects.iter().map(|place| Some(place.key))) {
        return Err(What::Names("subjects"));
    }
    Ok(())
}

fn open(checked: &Checked, opener: &dyn Opener) -> Result<u64, What> {
    let mut opened = 0;
    for (part, kept) in checked.entry.parts.iter().enumerate() {
        if kept.is_none() {
            continue;
        }
        match opener.opens(checked, part) {
            None => {}
            Some(Ok(())) => opened += 1,
            Some(Err(what)) => return Err(What::Part { part, what }),
        }
    }
    Ok(opened)
}

//! A request as a client made it becomes one that the writer can place: checked, sealed, its manifests written.
//! Everything that needs no place is done here, beside the writer and not in it.

use bytes::Bytes;
use sha2::Digest as _;
use sha2::Sha256;
use thiserror::Error;

use crate::domain;
use crate::events::EntryErased;
use crate::events::Event;
use crate::events::EventType;
use crate::events::shape;
use crate::ledger::change::Opened;
use crate::ledger::client;
use crate::ledger::client::ClientPart;
use crate::ledger::client::Either;
use crate::ledger::client::SealedFault;
use crate::ledger::client::Unchecked;
use crate::ledger::precondition::Condition;
use crate::ledger::refusal::Refusal;
use crate::log::Commitment;
use crate::log::EVENTS_PER_REQUEST_MAX;
use crate::log::Id;
use crate::log::KEY_LEN;
use crate::log::Key;
use crate::log::Manifest;
use crate::log::NONCE_LEN;
use crate::log::Open;
use crate::log::PARTS_MAX;
use crate::log::PartManifest;
use crate::log::Salt;
use crate::log::SealContext;
use crate::log::SealedBy;
use crate::log::Target;
use crate::log::open_commitment;
use crate::log::payload_commitment;
use crate::log::seal_part;
use crate::log::sealed_hash;

/// The longest event, personal fields included.
pub const EVENT_BYTES_MAX: usize = 256 * 1024;

/// The longest request: all its events together.
pub const REQUEST_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The most subjects of one event.
const SUBJECTS_MAX: usize = 64;

/// Events that a client wants recorded, all or none.
#[derive(Clone, Debug)]
pub struct Request {
    /// Id of the caller in the policy file.
    pub principal: String,
    /// Made by the client.
    pub request_id: [u8; 16],
    /// In the order in which they are to stand.
    pub events: Vec<Proposed>,
    /// What must hold beforehand.
    pub conditions: Vec<Condition>,
}

/// One event of a request.
#[derive(Clone, Debug)]
pub struct Proposed {
    /// Its type.
    pub event_type: EventType,
    /// The message's bytes, as the client encoded them.
    pub bytes: Bytes,
    /// Personal field groups that the client sealed; the message does not have them.
    pub sealed: Vec<ClientPart>,
}

impl Proposed {
    /// An event that comes in plain.
    pub const fn plain(event_type: EventType, bytes: Bytes) -> Self {
        Self { event_type, bytes, sealed: Vec::new() }
    }

    /// With all that it carries.
    fn len_bytes(&self) -> usize {
        self.bytes.len() + self.sealed.iter().map(|part| part.ciphertext.len()).sum::<usize>()
    }
}

/// What is known of the content of a part, to compare a repeated request with the recorded one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartContent {
    /// All of it.
    Plain(Bytes),
    /// What the client that sealed it committed to.
    Sealed(Commitment),
}

/// A request that is well-formed and sealed. Nothing of it is in the log.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// Id of the caller.
    pub principal: String,
    /// Made by the client.
    pub request_id: [u8; 16],
    /// In order; 1 to 1,000.
    pub events: Vec<PreparedEvent>,
    /// What must hold beforehand.
    pub conditions: Vec<Condition>,
    /// About how many bytes it holds in memory.
    pub len_bytes: usize,
    /// Ids of the data keys of the service that sealed its parts, each once.
    pub sealed_with: Vec<[u8; 16]>,
    /// What could not be checked, since the client sealed it.
    pub unchecked: Vec<Unchecked>,
}

/// An event that has everything but a place.
#[derive(Clone, Debug)]
pub struct PreparedEvent {
    /// The event without its personal fields.
    pub event: Event,
    /// Its stream.
    pub stream: Opened,
    /// Key of its stream.
    pub stream_key: Key,
    /// Keys of its subjects, ascending, each once.
    pub subject_keys: Vec<Key>,
    /// Stream keys of what it points to in other streams.
    pub links: Vec<Key>,
    /// As it is stored.
    pub manifest: Bytes,
    /// As it stands in the leaf.
    pub payload: Commitment,
    /// As it is stored.
    pub open: Open,
    /// Ciphertexts, as they are stored.
    pub parts: Vec<Bytes>,
    /// Class and content of each part.
    pub contents: Vec<(u8, PartContent)>,
    /// Lookup tokens of the entity that it registers; where a client sealed its identity, that of [`SEALED_IDENTITY`] alone,
    /// which many have.
    ///
    /// [`SEALED_IDENTITY`]: crate::ledger::SEALED_IDENTITY
    pub identities: Vec<[u8; 16]>,
    /// What it takes away: of an erasure alone, which has the stream and the subjects of its target.
    pub erases: Option<Target>,
}

/// A data key, as far as sealing needs it.
#[derive(Clone, Debug)]
pub struct SealingKey {
    /// As it stands in the manifest.
    pub id: [u8; 16],
    /// The secret.
    pub key: [u8; KEY_LEN],
}

/// Where keys and random bytes come from.
pub trait Vault {
    /// 32 random bytes.
    fn salt(&self) -> Salt;

    /// 24 random bytes.
    fn nonce(&self) -> [u8; NONCE_LEN];

    /// The data key of an owner, class and year.
    ///
    /// # Errors
    ///
    /// The keys cannot be read.
    fn sealing_key(&self, owner: &Key, class: u8, year: u16) -> Result<SealingKey, VaultError>;

    /// Whether a key of this id is or was the service's own.
    ///
    /// # Errors
    ///
    /// The keys cannot be read.
    fn is_own_key(&self, id: &[u8; 16]) -> Result<bool, VaultError>;

    /// Under what a native id stands in the lookup index.
    fn lookup_token(&self, scheme: &str, value: &str) -> [u8; 16];

    /// The origin of the log.
    fn origin(&self) -> &str;
}

/// The keys cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("keys: {what}")]
pub struct VaultError {
    /// In words, without the key.
    pub what: String,
}

/// Checks and seals a request.
///
/// # Errors
///
/// What is wrong with it; nothing was written.
pub fn prepare(request: Request, vault: &impl Vault) -> Result<Prepared, Refusal> {
    let found = request.events.len();
    let count = u16::try_from(found).ok().filter(|count| (1..=EVENTS_PER_REQUEST_MAX).contains(count));
    let Some(count) = count else { return Err(Refusal::EventCount { found }) };
    let proposed: usize = request.events.iter().map(Proposed::len_bytes).sum();
    if proposed > REQUEST_BYTES_MAX {
        return Err(Refusal::RequestTooLarge { found: proposed });
    }
    let place = RequestPlace { principal: &request.principal, request_id: request.request_id, count };
    let events = (0..count)
        .zip(&request.events)
        .map(|(number, event)| prepare_event(&place, number, event, vault))
        .collect::<Result<Vec<_>, _>>()?;
    let len_bytes = events.iter().map(|(event, _)| event.len_bytes()).sum();
    let unchecked = (0..count).zip(&request.events).flat_map(|(number, event)| unchecked(number, event)).collect();
    let mut sealed_with: Vec<[u8; 16]> = events.iter().flat_map(|(_, keys)| keys.iter().copied()).collect();
    sealed_with.sort_unstable();
    sealed_with.dedup();
    Ok(Prepared {
        principal: request.principal,
        request_id: request.request_id,
        events: events.into_iter().map(|(event, _)| event).collect(),
        conditions: request.conditions,
        len_bytes,
        sealed_with,
        unchecked,
    })
}

fn unchecked(number: u16, event: &Proposed) -> impl Iterator<Item = Unchecked> {
    event.sealed.iter().filter_map(move |part| {
        let field = shape::personal_field(event.event_type, part.field)?.name;
        Some(Unchecked { number, field, rules: client::rules_on(event.event_type, field) })
    })
}

/// An entry that loses something, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Losing {
    /// The entry, and what it loses.
    pub target: Target,
    /// Key of its stream.
    pub stream: Key,
    /// Keys of its subjects, ascending.
    pub subjects: Vec<Key>,
}

/// Makes the ERASUREs of entries, one for each, with one payload. Admission is not asked: it was when they were approved.
///
/// # Errors
///
/// The payload is not well-formed, or there are no targets or too many.
pub fn prepare_erasures(
    request_id: [u8; 16],
    payload: &EntryErased,
    losing: &[Losing],
    vault: &impl Vault,
) -> Result<Prepared, Refusal> {
    let event = Event::from(payload.clone());
    let event_type = event.event_type();
    let found = losing.len();
    let count = u16::try_from(found).ok().filter(|count| (1..=EVENTS_PER_REQUEST_MAX).contains(count));
    let Some(count) = count else { return Err(Refusal::EventCount { found }) };
    let at = |fault| Refusal::Field { number: 0, event_type, fault };
    let open: Bytes = event.encode().into();
    shape::check_proposed(event_type, &open).map_err(at)?;
    domain::check(&event).map_err(|rejection| Refusal::Rule { number: 0, event_type, rejection })?;
    let place = RequestPlace { principal: domain::erasure::SYSTEM, request_id, count };
    let erasure = |(number, losing): (u16, &Losing)| {
        let salt = vault.salt();
        let manifest = manifest(&place, number, event_type, &salt, &open, Vec::new());
        PreparedEvent {
            event: event.clone(),
            stream: Opened { kind: "", id: 0, body: 0 },
            stream_key: losing.stream,
            subject_keys: losing.subjects.clone(),
            links: Vec::new(),
            payload: payload_commitment(&manifest),
            manifest,
            open: Open { salt, payload: open.clone() },
            parts: Vec::new(),
            contents: Vec::new(),
            identities: Vec::new(),
            erases: Some(losing.target),
        }
    };
    let events: Vec<PreparedEvent> = (0..count).zip(losing).map(erasure).collect();
    let len_bytes = events.iter().map(PreparedEvent::len_bytes).sum();
    let principal = place.principal.to_owned();
    Ok(Prepared {
        principal,
        request_id,
        events,
        conditions: Vec::new(),
        len_bytes,
        sealed_with: Vec::new(),
        unchecked: Vec::new(),
    })
}

fn manifest(
    place: &RequestPlace<'_>,
    number: u16,
    event_type: EventType,
    salt: &Salt,
    open: &Bytes,
    parts: Vec<PartManifest>,
) -> Bytes {
    let manifest = Manifest {
        principal: place.principal.to_owned(),
        request_id: place.request_id,
        number,
        count: place.count,
        event_type: event_type.name().to_owned(),
        version: event_type.version(),
        open_len: u32::try_from(open.len()).expect("an open payload is shorter than its event"),
        open: open_commitment(salt, open),
        parts,
    };
    manifest.encode().into()
}

impl PreparedEvent {
    /// Whether a client sealed something of it.
    pub(super) fn is_partly_unread(&self) -> bool {
        self.contents.iter().any(|(_, content)| matches!(content, PartContent::Sealed(_)))
    }

    fn len_bytes(&self) -> usize {
        let parts: usize = self.parts.iter().map(Bytes::len).sum();
        // Contents and the decoded event are about as long again as what is stored.
        512 + 2 * (self.manifest.len() + self.open.payload.len() + parts)
    }
}

struct RequestPlace<'a> {
    principal: &'a str,
    request_id: [u8; 16],
    count: u16,
}

fn prepare_event(
    place: &RequestPlace<'_>,
    number: u16,
    proposed: &Proposed,
    vault: &impl Vault,
) -> Result<(PreparedEvent, Vec<[u8; 16]>), Refusal> {
    let event_type = proposed.event_type;
    if proposed.len_bytes() > EVENT_BYTES_MAX {
        return Err(Refusal::EventTooLarge { number, found: proposed.len_bytes() });
    }
    let at = |fault| Refusal::Field { number, event_type, fault };
    let sealed_at = |(part, fault)| Refusal::Sealed { number, event_type, part, fault };
    client::check(event_type, &proposed.sealed).map_err(sealed_at)?;
    let sealed: Vec<u32> = proposed.sealed.iter().map(|part| part.field).collect();
    let proposal = shape::check_partly_sealed(event_type, &proposed.bytes, &sealed).map_err(at)?;
    let whole = Event::decode(event_type, &proposed.bytes).expect("the walk refused what cannot be decoded");
    let checked = if sealed.is_empty() { domain::check(&whole) } else { domain::check_partly_sealed(&whole) };
    checked.map_err(|rejection| Refusal::Rule { number, event_type, rejection })?;
    let mut identities: Vec<_> = native_ids(&whole).map(|(scheme, value)| vault.lookup_token(scheme, value)).collect();
    if event_type == EventType::PersonRegistered && !proposed.sealed.is_empty() {
        identities.push(vault.lookup_token(client::SEALED_IDENTITY.0, client::SEALED_IDENTITY.1));
    }
    let encoded = if proposal.respelled { Bytes::from(whole.encode()) } else { proposed.bytes.clone() };
    debug_assert_eq!(encoded, whole.encode());
    let groups = if proposal.personal { shape::personal_groups(event_type, &encoded).map_err(at)? } else { Vec::new() };
    let in_order = client::in_order(&groups, &proposed.sealed).map_err(sealed_at)?;
    if in_order.len() > PARTS_MAX {
        return Err(Refusal::EventTooLarge { number, found: encoded.len() });
    }
    let (open, event) = if groups.is_empty() { (encoded.clone(), whole) } else { cut(event_type, &encoded, &groups) };
    let names = Names::of(&proposal.names).map_err(at)?;
    debug_assert_eq!(shape::read_open(event_type, &open).and_then(|open| Names::of(&open)).as_ref(), Ok(&names));
    debug_assert!(names.subjects.len() <= SUBJECTS_MAX, "the fields of every event are bounded so");
    let Sealed { named, parts, contents } = seal(place, number, event_type, (&encoded, &names), &in_order, vault)?;
    let salt = vault.salt();
    let own = named.iter().filter(|part| part.sealed_by == SealedBy::Service);
    let sealed_with = own.map(|part| part.key_id).collect();
    let manifest = manifest(place, number, event_type, &salt, &open, named);
    let prepared = PreparedEvent {
        links: links(&event),
        stream: Opened { kind: names.kind, id: names.id.0, body: domain::kept_by(&event).bits() },
        stream_key: names.stream,
        subject_keys: names.subjects,
        payload: payload_commitment(&manifest),
        manifest,
        open: Open { salt, payload: open },
        parts,
        contents,
        identities,
        erases: None,
        event,
    };
    Ok((prepared, sealed_with))
}

/// The parts of an event: as its manifest names them, as they are stored, and what is known of their content.
#[derive(Default)]
struct Sealed {
    named: Vec<PartManifest>,
    parts: Vec<Bytes>,
    contents: Vec<(u8, PartContent)>,
}

/// Seals what came in plain, and takes what the client sealed as it is.
fn seal(
    place: &RequestPlace<'_>,
    number: u16,
    event_type: EventType,
    (encoded, names): (&Bytes, &Names),
    in_order: &[Either<'_>],
    vault: &impl Vault,
) -> Result<Sealed, Refusal> {
    let mut sealed = Sealed::default();
    for (part, either) in (0_u8..).zip(in_order) {
        let (named, ciphertext, content) = match either {
            Either::Plain(group) => {
                let at = |fault| Refusal::Field { number, event_type, fault };
                let content = encoded.slice(group.range.clone());
                let owner = names.owner(group).map_err(at)?;
                let key = vault.sealing_key(&owner, group.class, group.year).map_err(Refusal::Keys)?;
                let context = SealContext {
                    origin: vault.origin(),
                    request_id: place.request_id,
                    number,
                    part,
                    class: group.class,
                    key_id: key.id,
                };
                let (ciphertext, committed) = seal_part(&context, &key.key, &vault.nonce(), &vault.salt(), &content);
                let named = PartManifest {
                    class: group.class,
                    sealed_by: SealedBy::Service,
                    key_id: key.id,
                    len_bytes: u32::try_from(ciphertext.len()).expect("a part is shorter than its event"),
                    ciphertext: sealed_hash(&ciphertext),
                    content: committed,
                };
                (named, ciphertext, PartContent::Plain(content))
            }
            Either::Sealed(at, given) => {
                if vault.is_own_key(&given.key_id).map_err(Refusal::Keys)? {
                    return Err(Refusal::Sealed { number, event_type, part: *at, fault: SealedFault::ServiceKey });
                }
                (given.named(), given.ciphertext.clone(), PartContent::Sealed(given.content))
            }
        };
        sealed.contents.push((named.class, content));
        sealed.named.push(named);
        sealed.parts.push(ciphertext);
    }
    Ok(sealed)
}

/// Takes the personal groups out of an event.
fn cut(event_type: EventType, encoded: &Bytes, groups: &[shape::Group]) -> (Bytes, Event) {
    let open = client::without(encoded, groups.iter().map(|group| group.range.clone()));
    let event = Event::decode(event_type, &open).expect("a message without some of its fields is still one");
    (open.into(), event)
}

/// Stream and subjects of an open payload.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Names {
    kind: &'static str,
    id: Id,
    stream: Key,
    /// Ascending, each once.
    subjects: Vec<Key>,
}

impl Names {
    fn of(names: &shape::Names<'_>) -> Result<Self, shape::FieldFault> {
        let unnamed = |_| undecodable("the event names no stream");
        let (kind, id) = names.stream.ok_or_else(|| undecodable("the event names no stream"))?;
        let stream = Key::of_stream_id(kind, id).map_err(unnamed)?;
        let id = Id::parse(id).map_err(unnamed)?;
        let mut subjects = names
            .subjects
            .iter()
            .map(|(kind, id)| Key::of_subject_id(kind, id).map_err(unnamed))
            .collect::<Result<Vec<_>, _>>()?;
        subjects.sort_unstable();
        subjects.dedup();
        Ok(Self { kind, id, stream, subjects })
    }

    /// Whose data key seals a group: a subject of the stream's name where it says nobody.
    fn owner(&self, group: &shape::Group) -> Result<Key, shape::FieldFault> {
        let (kind, id) = &group.owner;
        let owner = match id.as_str() {
            "" => Key::of_subject_id(self.kind, &self.id.to_string()),
            id => Key::of_subject_id(kind, id),
        };
        owner.map_err(|_| undecodable("the owner of a data key has no name"))
    }
}

const fn undecodable(what: &'static str) -> shape::FieldFault {
    shape::FieldFault { path: String::new(), rule: shape::FieldRule::Undecodable { what } }
}

/// Stream keys of what an event points to in other streams, for queries.
pub(super) fn links(event: &Event) -> Vec<Key> {
    let one = |kind: &str, id: &str| Key::of_stream_id(kind, id).ok();
    match event {
        Event::SanctionProposed(event) => one("case", &event.case_id).into_iter().collect(),
        Event::DecisionIssued(event) => one("case", &event.case_id).into_iter().collect(),
        Event::AppealLodged(event) => one("decision", &event.decision_id).into_iter().collect(),
        Event::CaseOpened(event) => {
            let petition = one("petition", &event.petition_id);
            petition.into_iter().chain(one("verification", &event.verification_id)).collect()
        }
        Event::DeclarationSubmitted(event) => one("obligation", &event.obligation_id).into_iter().collect(),
        Event::VerificationOrdered(event) => {
            event.declaration_ids.iter().filter_map(|id| one("declaration", id)).collect()
        }
        Event::RecordCorrected(event) => {
            event.target.split_once('/').and_then(|(kind, id)| one(kind, id)).into_iter().collect()
        }
        Event::RecordVoided(event) => {
            event.target.split_once('/').and_then(|(kind, id)| one(kind, id)).into_iter().collect()
        }
        Event::RecordDisputed(event) => {
            let target = event.target.split_once('/').and_then(|(kind, id)| one(kind, id));
            target.into_iter().chain(one("rights", &event.rights_id)).collect()
        }
        Event::StatementAttached(event) => {
            event.target.split_once('/').and_then(|(kind, id)| one(kind, id)).into_iter().collect()
        }
        Event::DisputeResolved(event) => {
            event.target.split_once('/').and_then(|(kind, id)| one(kind, id)).into_iter().collect()
        }
        Event::RecordDisclosed(event) => event
            .targets
            .iter()
            .filter_map(|target| target.split_once('/'))
            .filter_map(|(kind, id)| one(kind, id))
            .collect(),
        Event::AccessRecorded(event) => {
            let asked = event.asked.iter().filter_map(|name| name.split_once('/').and_then(|(kind, id)| one(kind, id)));
            asked.chain([accesses_of(&event.principal)]).collect()
        }
        _ => Vec::new(),
    }
}

/// Under what the accesses of a principal are linked: a principal is no stream, and so its key is made of another word.
pub fn accesses_of(principal: &str) -> Key {
    let digest = Sha256::new().chain_update(b"probity/principal/v1\0").chain_update(principal).finalize();
    Key(digest.into())
}

/// Ids under which other systems know the entity that an event registers.
pub fn native_ids(event: &Event) -> impl Iterator<Item = (&str, &str)> {
    let person = match event {
        Event::PersonRegistered(event) => event.identity.as_ref(),
        _ => None,
    };
    let body = match event {
        Event::OrganisationRegistered(event) => Some(event),
        _ => None,
    };
    let of_person = person.into_iter().flat_map(|identity| &identity.native_ids);
    let of_body = body.into_iter().flat_map(|event| &event.organisation_ids);
    of_person
        .map(|id| (id.scheme.as_str(), id.value.as_str()))
        .chain(of_body.map(|id| (id.scheme.as_str(), id.value.as_str())))
}

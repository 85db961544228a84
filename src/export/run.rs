//! From the entries of a log to the files of an export, in one pass: a stream gives its rows where it begins.
//!
//! Streams are found in the log itself, by the sequence numbers of their entries, so that one whose first payload
//! was erased is found like another, whoever exports and whenever.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use thiserror::Error;

use crate::domain::dates::Day;
use crate::events::Event;
use crate::events::EventType;
use crate::export::cell;
use crate::export::files::Files;
use crate::export::format::Format;
use crate::export::manifest::Entries;
use crate::export::manifest::Manifest;
use crate::export::manifest::Since;
use crate::export::profile::Profile;
use crate::export::tables;
use crate::log::Body;
use crate::log::Checked;
use crate::log::Key;
use crate::log::LeafHash;
use crate::log::OPEN_PAYLOAD_BIT;
use crate::log::SealedBy;
use crate::views::Kind;
use crate::views::Part;
use crate::views::Payload;
use crate::views::Recorded;
use crate::views::View;

/// What is to be exported.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The last entry that counts.
    pub position: u64,
    /// The day for which "in force" is meant; the day, in UTC, of that entry where none is given.
    pub as_of: Option<Day>,
    /// How the tables are written.
    pub formats: BTreeSet<Format>,
    /// Whether the entries are to be there.
    pub entries: bool,
    /// What exports that follow one another have in common; [`is_name`](crate::export::is_name) holds.
    pub name: String,
    /// What is written, for whom.
    pub profile: Profile,
    /// The export that this one goes on from; `None` for a full one.
    pub since: Option<Since>,
}

/// An entry, with what was taken out of it.
#[derive(Clone, Debug)]
pub struct EntryRead {
    /// The entry, checked. What was erased is not in it, whether or not its bytes are still stored.
    pub checked: Checked,
    /// What erased it: index of the ERASURE and the bits of the parts, ascending.
    pub erasures: Vec<(u64, u32)>,
}

/// Where entries come from.
pub trait Source {
    /// Why they cannot be had.
    type Error;

    /// Entries from one on up to another, in order, of any number; at least one where there is one.
    ///
    /// # Errors
    ///
    /// They cannot be had, or are not what was recorded.
    fn entries(&self, from: u64, upto: u64) -> Result<Vec<EntryRead>, Self::Error>;

    /// One entry; `None` where there is none.
    ///
    /// # Errors
    ///
    /// As [`Source::entries`].
    fn entry(&self, index: u64) -> Result<Option<EntryRead>, Self::Error>;

    /// The entries of a stream up to one, ascending.
    ///
    /// # Errors
    ///
    /// As [`Source::entries`].
    fn places(&self, stream: &Key, upto: u64) -> Result<Vec<u64>, Self::Error>;

    /// Corrections, voids and disputes recorded up to an entry, by the entry that each is about.
    ///
    /// # Errors
    ///
    /// As [`Source::entries`].
    fn amendments(&self, upto: u64) -> Result<Amendments, Self::Error> {
        let (mut amendments, mut next) = (Amendments::new(), 0);
        while next <= upto {
            let read = self.entries(next, upto)?;
            let Some(last) = read.last() else { break };
            next = last.checked.leaf.index + 1;
            for (target, by) in read.iter().filter_map(|read| amended(&read.checked)) {
                amendments.entry(target).or_default().push(by);
            }
        }
        Ok(amendments)
    }
}

/// Entries that were corrected, declared void or disputed, each with the entries that did so, in their order.
pub type Amendments = BTreeMap<u64, Vec<u64>>;

/// The entry that an entry corrects, declares void or disputes, and its own index; `None` of every other entry.
pub fn amended(entry: &Checked) -> Option<(u64, u64)> {
    let manifest = entry.manifest.as_ref()?;
    let event_type = EventType::parse(&manifest.event_type, manifest.version)?;
    if !matches!(Kind::of(event_type), Kind::Amendment | Kind::Dispute) {
        return None;
    }
    match Event::decode(event_type, &entry.entry.open.as_ref()?.payload) {
        Ok(Event::RecordVoided(event)) => Some((event.target_position, entry.leaf.index)),
        Ok(Event::RecordCorrected(event)) => Some((event.target_position, entry.leaf.index)),
        Ok(Event::RecordDisputed(event)) => Some((event.target_position, entry.leaf.index)),
        Ok(Event::StatementAttached(event)) => Some((event.target_position, entry.leaf.index)),
        Ok(Event::DisputeResolved(event)) => Some((event.target_position, entry.leaf.index)),
        _ => None,
    }
}

/// Where the files go, by their place in [`crate::export::file_names`].
pub trait Sink {
    /// Why they cannot be written.
    type Error;

    /// The next bytes of a file.
    ///
    /// # Errors
    ///
    /// They could not be written.
    fn write(&mut self, file: usize, bytes: &[u8]) -> Result<(), Self::Error>;

    /// A row was written, whatever the number of formats.
    fn row(&mut self) {}
}

/// Why there is no export.
#[derive(Debug, Error)]
pub enum ExportError<E> {
    /// Entries cannot be had, or files cannot be written.
    #[error(transparent)]
    Failed(#[from] E),
    /// There is no such entry.
    #[error("there is no entry {index}")]
    Missing {
        /// Which.
        index: u64,
    },
    /// Requests are all or none: between two events of one there is no state to export.
    #[error("entry {position} is inside a request that ends with entry {end}: export at {end}, or before the request")]
    InsideRequest {
        /// The position asked for.
        position: u64,
        /// The last entry of its request.
        end: u64,
    },
    /// What the profile forbids.
    #[error("profile {profile}: {what}")]
    Profile {
        /// Its name.
        profile: String,
        /// What it forbids.
        what: &'static str,
    },
    /// The export to go on from is none of this log, or a later one.
    #[error("it cannot go on from the export at entry {position}: {what}")]
    Since {
        /// The last entry of that export.
        position: u64,
        /// Why.
        what: &'static str,
    },
    /// An entry cannot be folded. Nothing is skipped.
    #[error("entry {index} {what}")]
    Entry {
        /// Which.
        index: u64,
        /// Why.
        what: &'static str,
    },
}

/// Writes every file but the manifest, and gives the manifest: to be written last. `progress` is told the entries
/// read, and how many there are.
///
/// # Errors
///
/// The position is none, an entry cannot be folded, or source or sink failed. What was written is no export.
pub fn write<S: Source, K: Sink<Error = S::Error>>(
    source: &S,
    wanted: &Wanted,
    sink: &mut K,
    mut progress: impl FnMut(u64, u64),
) -> Result<Manifest, ExportError<S::Error>> {
    let position = wanted.position;
    let mut manifest = begin(source, wanted)?;
    let as_of = manifest.as_of().expect("it was written from a day");
    let views = Views { now: View { as_of, known_at: position }, since: since(source, wanted)? };
    let amendments = source.amendments(position)?;
    let after = wanted.since.as_ref().map(|since| since.position);
    let mut files = Files::begin(wanted, sink)?;
    let (mut next, mut upto) = (0, position);
    while next <= upto {
        let read = source.entries(next, upto)?;
        if read.is_empty() {
            return Err(ExportError::Missing { index: next });
        }
        for entry in read {
            let index = entry.checked.leaf.index;
            if after.is_none_or(|after| index > after) {
                files.entry(&entry)?;
            }
            if index <= position && begins_a_stream(&entry.checked) {
                let stream = stream(source, &entry, position)?;
                let amended = about(source, &stream, &amendments)?;
                let changed = views.changed(&stream, &amended);
                for row in tables::rows(&stream, &amended, views.now) {
                    files.row(&row, changed)?;
                }
            }
            // What was erased later is not exported; the entries then go on until they say so.
            if let Some((by, _)) = entry.erasures.last().filter(|(by, _)| *by > upto) {
                upto = end_of_request(&one(source, *by)?.checked);
            }
            next = index + 1;
            progress(next, upto + 1);
        }
    }
    manifest.erasures_upto = upto;
    manifest.entries = if wanted.entries { Entries::Included } else { Entries::NotIncluded };
    manifest.files = files.end()?;
    Ok(manifest)
}

/// Of when rows are true, and of when those of the export before were.
struct Views {
    now: View,
    since: Option<View>,
}

impl Views {
    /// Whether anything was recorded or erased of a stream since the export before, or a day has passed that makes its
    /// rows others. `amended` are the corrections and voids about it.
    fn changed(&self, stream: &[Recorded], amended: &[Recorded]) -> bool {
        let Some(since) = self.since else { return true };
        let touched = |entry: &Recorded| {
            let parts = entry.parts.iter().filter_map(|part| part.erased_by);
            let gone = entry.erased_by().into_iter().chain(parts);
            entry.index > since.known_at || gone.max().is_some_and(|by| by > since.known_at)
        };
        stream.iter().chain(amended).any(touched)
            || since.as_of != self.now.as_of
                && tables::rows(stream, amended, View { known_at: self.now.known_at, ..since })
                    != tables::rows(stream, amended, self.now)
    }
}

/// The corrections and voids about entries of a stream, ascending.
fn about<S: Source>(
    source: &S,
    stream: &[Recorded],
    amendments: &Amendments,
) -> Result<Vec<Recorded>, ExportError<S::Error>> {
    let by = stream.iter().filter_map(|entry| amendments.get(&entry.index)).flatten();
    let mut found = by.map(|by| recorded(&one(source, *by)?)).collect::<Result<Vec<_>, _>>()?;
    found.sort_by_key(|entry| entry.index);
    Ok(found)
}

/// Of when the export before was true, where that can be gone on from.
fn since<S: Source>(source: &S, wanted: &Wanted) -> Result<Option<View>, ExportError<S::Error>> {
    let refused = |what| ExportError::Profile { profile: wanted.profile.name().to_owned(), what };
    if wanted.entries && !wanted.profile.entries() {
        return Err(refused("the entries hold more than it lets through"));
    }
    let Some(since) = &wanted.since else { return Ok(None) };
    if wanted.profile.chooses_rows() {
        return Err(refused("it chooses rows by their state, so that only a full export shows which are gone"));
    }
    let broken = |what| ExportError::Since { position: since.position, what };
    if since.position > wanted.position {
        return Err(broken("it is a later one"));
    }
    let there = source.entry(since.position)?.ok_or_else(|| broken("the log is shorter"))?;
    if LeafHash::parse(&since.head) != Some(there.checked.leaf_hash) {
        return Err(broken("it has another entry there, so it is of another log"));
    }
    let as_of = Day::parse(&since.as_of).ok_or_else(|| broken("its day is none"))?;
    Ok(Some(View { as_of, known_at: since.position }))
}

/// The manifest so far: what the export is true of.
fn begin<S: Source>(source: &S, wanted: &Wanted) -> Result<Manifest, ExportError<S::Error>> {
    let position = wanted.position;
    let last = one(source, position)?.checked;
    let end = end_of_request(&last);
    if end != position {
        return Err(ExportError::InsideRequest { position, end });
    }
    let Body::Genesis(genesis) = one(source, 0)?.checked.leaf.body else {
        return Err(ExportError::Entry { index: 0, what: "is not GENESIS" });
    };
    let recorded_at_ms = last.leaf.recorded_at_ms;
    let as_of = wanted.as_of.unwrap_or_else(|| Day::from_unix_ms(recorded_at_ms));
    Ok(Manifest::new(wanted, genesis.origin, &last.leaf_hash, cell::written(recorded_at_ms), as_of))
}

/// Index of the last entry of the request in which an entry stands.
pub fn end_of_request(entry: &Checked) -> u64 {
    let after = entry.manifest.as_ref().map_or(0, |manifest| manifest.count.saturating_sub(manifest.number + 1));
    entry.leaf.index + u64::from(after)
}

fn one<S: Source>(source: &S, index: u64) -> Result<EntryRead, ExportError<S::Error>> {
    source.entry(index)?.ok_or(ExportError::Missing { index })
}

fn begins_a_stream(entry: &Checked) -> bool {
    entry.leaf.event().is_some_and(|event| event.stream.sequence == 0)
}

/// The entries of the stream that an entry begins.
fn stream<S: Source>(source: &S, first: &EntryRead, upto: u64) -> Result<Vec<Recorded>, ExportError<S::Error>> {
    let Some(event) = first.checked.leaf.event() else { return Ok(Vec::new()) };
    let places = source.places(&event.stream.key, upto)?;
    let begin = first.checked.leaf.index;
    if places.first() != Some(&begin) {
        return Err(ExportError::Entry {
            index: begin,
            what: "is not where the index has the beginning of its stream",
        });
    }
    let mut entries = vec![recorded(first)?];
    for (sequence, place) in (1..).zip(&places[1..]) {
        let read = one(source, *place)?;
        let found = read.checked.leaf.event().map(|event| event.stream);
        if found.is_none_or(|found| found.key != event.stream.key || found.sequence != sequence) {
            return Err(ExportError::Entry { index: *place, what: "is not where the index has it in its stream" });
        }
        entries.push(recorded(&read)?);
    }
    Ok(entries)
}

/// An entry as the folds take it.
fn recorded<E>(read: &EntryRead) -> Result<Recorded, ExportError<E>> {
    let checked = &read.checked;
    let index = checked.leaf.index;
    let broken = |what| ExportError::Entry { index, what };
    let (Some(event), Some(manifest)) = (checked.leaf.event(), checked.manifest.as_ref()) else {
        return Err(broken("is no event"));
    };
    let event_type = EventType::parse(&manifest.event_type, manifest.version)
        .ok_or_else(|| broken("is of a type that this program does not know: a newer one wrote it"))?;
    let erased_by = |bit: u32| read.erasures.iter().find(|(_, parts)| parts & bit != 0).map(|(by, _)| *by);
    let payload = match (&checked.entry.open, erased_by(OPEN_PAYLOAD_BIT)) {
        (Some(open), None) => Event::decode(event_type, &open.payload)
            .map(|event| Payload::Open(Box::new(event)))
            .map_err(|_| broken("holds a payload that is not of its type"))?,
        (_, Some(by)) => Payload::Erased { by },
        (None, None) => return Err(broken("lacks its payload, and no entry says that it was erased")),
    };
    let part = |(number, part): (u32, &crate::log::PartManifest)| Part {
        position: index,
        number,
        class: part.class,
        sealed_by_client: part.sealed_by == SealedBy::Client,
        erased_by: erased_by(1 << number),
    };
    Ok(Recorded {
        index,
        recorded_at_ms: checked.leaf.recorded_at_ms,
        event_type,
        stream: event.stream.key,
        payload,
        parts: (0..).zip(&manifest.parts).map(part).collect(),
    })
}

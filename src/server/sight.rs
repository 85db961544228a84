//! What of the log a caller sees. Every read of entries passes here, so that the matter of another body is for its caller
//! as if nothing had been recorded: the same answer, by the same way.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::access::Caller;
use crate::access::Level;
use crate::access::Matter;
use crate::events::Event;
use crate::log::Key;
use crate::log::Name;
use crate::views::Histories;
use crate::views::History;
use crate::views::ReadError;
use crate::views::Recorded;
use crate::views::work;

/// The entries of a stream that are looked at for the bodies that act in it.
const ENTRIES_OF_STREAM: usize = 64;

/// The entries about a person that are looked at for a matter of the caller.
const ENTRIES_OF_PERSON: usize = 1000;

/// The appeals that are looked at for the bodies they were brought to.
const LINKS: usize = 256;

/// How far belonging is followed: an appeal to its decision, that to its case.
const DEPTH_MAX: u8 = 4;

/// What a caller sees, up to an entry. Remembers what it found out.
#[derive(Debug)]
pub(super) struct Sight {
    caller: Caller,
    upto: u64,
    streams: BTreeMap<Key, bool>,
    persons: BTreeMap<Name, bool>,
}

impl Sight {
    /// Of a caller, up to and including an entry.
    pub(super) const fn new(caller: Caller, upto: u64) -> Self {
        Self { caller, upto, streams: BTreeMap::new(), persons: BTreeMap::new() }
    }

    pub(super) const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Whether the caller may ask about a name. It is noted, whatever the answer.
    pub(super) fn admits<H: Histories>(&mut self, log: &H, name: &Name) -> Result<bool, ReadError> {
        self.caller.note(name.as_str());
        if self.caller.sees_everything() {
            return Ok(true);
        }
        if name.kind() == "entity" {
            return self.sees_entity(log, name);
        }
        if self.caller.level() == Some(Level::L3) {
            return self.is_about_caller(log, History::Stream(name));
        }
        self.sees_stream(log, &Key::of_stream(name))
    }

    /// Whether the caller sees an entry of a stream.
    pub(super) fn sees<H: Histories>(&mut self, log: &H, stream: &Key, index: u64) -> Result<bool, ReadError> {
        match self.caller.level() {
            None | Some(Level::A1) => Ok(true),
            Some(Level::L3) => {
                let Some(entity) = self.caller.entity() else { return Ok(false) };
                let before = index.checked_sub(1);
                Ok(!log.places(History::Subject(entity), before, index.min(self.upto), 1)?.is_empty())
            }
            // It sees the whole of the persons that it may ask about, and is asked for nothing else.
            Some(Level::L2) => Ok(self.persons.values().any(|seen| *seen)),
            Some(_) => self.sees_stream(log, stream),
        }
    }

    /// The same of many.
    pub(super) fn retain<H: Histories>(&mut self, log: &H, entries: &mut Vec<Recorded>) -> Result<(), ReadError> {
        if self.caller.sees_everything() {
            return Ok(());
        }
        let mut seen = Vec::with_capacity(entries.len());
        for entry in entries.drain(..) {
            if self.sees(log, &entry.stream, entry.index)? {
                seen.push(entry);
            }
        }
        *entries = seen;
        Ok(())
    }

    fn sees_stream<H: Histories>(&mut self, log: &H, stream: &Key) -> Result<bool, ReadError> {
        if let Some(known) = self.streams.get(stream) {
            return Ok(*known);
        }
        // Against a chain of matters that leads back to itself.
        self.streams.insert(*stream, false);
        let sees = if let Some(event) = first(log, stream, self.upto)? {
            self.sees_begun_by(log, stream, &event)?
        } else {
            self.waste(log)?;
            false
        };
        self.streams.insert(*stream, sees);
        Ok(sees)
    }

    fn sees_begun_by<H: Histories>(&mut self, log: &H, stream: &Key, event: &Event) -> Result<bool, ReadError> {
        match event {
            // A public body is no secret.
            Event::OrganisationRegistered(_) => Ok(true),
            Event::PersonRegistered(event) => match entity(&event.entity_id) {
                Some(name) => self.sees_entity(log, &name),
                None => Ok(false),
            },
            Event::RecordCorrected(event) => self.sees_target(log, &event.target),
            Event::RecordVoided(event) => self.sees_target(log, &event.target),
            Event::RecordDisputed(event) => self.sees_target(log, &event.target),
            _ => {
                let brought = self.caller.level() == Some(Level::L6);
                let matter = Finder { log, upto: self.upto }.matter(stream, brought)?;
                Ok(self.caller.may(&matter))
            }
        }
    }

    fn sees_target<H: Histories>(&mut self, log: &H, target: &str) -> Result<bool, ReadError> {
        match Name::parse(target) {
            Ok(name) => self.sees_stream(log, &Key::of_stream(&name)),
            Err(_) => Ok(false),
        }
    }

    /// Whether a person is in the caller's competence: it is the caller, holds or held a post at its body, or is in one
    /// of its matters. Of a public body everybody may ask.
    fn sees_entity<H: Histories>(&mut self, log: &H, name: &Name) -> Result<bool, ReadError> {
        if self.caller.level() == Some(Level::L3) {
            return Ok(self.caller.entity() == Some(name));
        }
        if let Some(known) = self.persons.get(name) {
            return Ok(*known);
        }
        self.persons.insert(name.clone(), false);
        let seen = match first(log, &Key::of_stream(name), self.upto)? {
            // Of another body, what counts for an appointment is none of its business.
            Some(Event::OrganisationRegistered(_)) => {
                self.caller.level() != Some(Level::L2) || self.caller.body() == Some(name)
            }
            // Where nothing else helps: of everybody who is there.
            Some(_) if self.caller.emergency().is_some() => true,
            Some(_) => self.is_in_competence(log, name)?,
            None => {
                self.waste(log)?;
                false
            }
        };
        self.persons.insert(name.clone(), seen);
        Ok(seen)
    }

    fn is_in_competence<H: Histories>(&mut self, log: &H, name: &Name) -> Result<bool, ReadError> {
        let Some(body) = self.caller.body().cloned() else { return Ok(false) };
        let person = Key::of_stream(name);
        for place in log.places(History::Subject(name), None, self.upto, ENTRIES_OF_PERSON)? {
            let entry = log.recorded(place)?;
            let at_body = matches!(entry.event(), Some(Event::PositionAssigned(event)) if event.body_id == body.id());
            if at_body || (entry.stream != person && self.sees_stream(log, &entry.stream)?) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_about_caller<H: Histories>(&self, log: &H, history: History<'_>) -> Result<bool, ReadError> {
        let Some(entity) = self.caller.entity() else { return Ok(false) };
        let mine: BTreeSet<u64> =
            log.places(History::Subject(entity), None, self.upto, usize::MAX)?.into_iter().collect();
        let places = log.places(history, None, self.upto, ENTRIES_OF_STREAM)?;
        Ok(places.iter().any(|place| mine.contains(place)))
    }

    /// Does for a name that is not there what is done for one that is: the time must not tell them apart.
    fn waste<H: Histories>(&self, log: &H) -> Result<(), ReadError> {
        log.recorded_from(1, self.upto, 1).map(drop)
    }
}

/// Finds out whose a matter is.
struct Finder<'a, H> {
    log: &'a H,
    upto: u64,
}

impl<H: Histories> Finder<'_, H> {
    fn matter(&self, stream: &Key, brought: bool) -> Result<Matter, ReadError> {
        let mut matter = Matter::default();
        self.gather(stream, &mut matter, DEPTH_MAX)?;
        if brought {
            self.brought(stream, &mut matter.brought_to, DEPTH_MAX)?;
        }
        Ok(matter)
    }

    /// The bodies that act in a stream, and those of what it belongs to.
    fn gather(&self, stream: &Key, matter: &mut Matter, depth: u8) -> Result<(), ReadError> {
        let Some(depth) = depth.checked_sub(1) else { return Ok(()) };
        for place in self.log.places(History::Key(stream), None, self.upto, ENTRIES_OF_STREAM)? {
            let entry = self.log.recorded(place)?;
            let Some(event) = entry.event() else { continue };
            matter.bodies.extend(work::kept_by(event).and_then(|body| Name::parse(&body).ok()));
            matter.declared |= matches!(
                event,
                Event::ObligationCreated(_) | Event::DeclarationSubmitted(_) | Event::VerificationOrdered(_)
            );
            if let Some(parent) = belongs_to(event) {
                self.gather(&Key::of_stream(&parent), matter, depth)?;
            }
        }
        Ok(())
    }

    /// The bodies with which appeals were lodged against it, or against what belongs to it.
    fn brought(&self, stream: &Key, bodies: &mut BTreeSet<Name>, depth: u8) -> Result<(), ReadError> {
        let Some(depth) = depth.checked_sub(1) else { return Ok(()) };
        let Some(name) = first(self.log, stream, self.upto)?.and_then(|event| name_of(&event)) else { return Ok(()) };
        for place in self.log.places(History::Linked(&name), None, self.upto, LINKS)? {
            let entry = self.log.recorded(place)?;
            let Some(event) = entry.event().filter(|event| belongs_to(event).as_ref() == Some(&name)) else { continue };
            if let Event::AppealLodged(_) = event {
                bodies.extend(work::kept_by(event).and_then(|body| Name::parse(&body).ok()));
            }
            self.brought(&entry.stream, bodies, depth)?;
        }
        // An appeal shows its own body what it is against.
        Ok(())
    }
}

/// The first event of a stream; `None` where there is none, or where it was erased.
fn first<H: Histories>(log: &H, stream: &Key, upto: u64) -> Result<Option<Event>, ReadError> {
    let places = log.places(History::Key(stream), None, upto, 1)?;
    let Some(place) = places.first() else { return Ok(None) };
    Ok(log.recorded(*place)?.event().cloned())
}

/// The matter that an event's own matter is a part of.
fn belongs_to(event: &Event) -> Option<Name> {
    let (kind, id) = match event {
        Event::SanctionProposed(event) => ("case", &event.case_id),
        Event::DecisionIssued(event) => ("case", &event.case_id),
        Event::AppealLodged(event) => ("decision", &event.decision_id),
        Event::DeclarationSubmitted(event) => ("obligation", &event.obligation_id),
        _ => return None,
    };
    Name::of(kind, id).ok()
}

fn entity(id: &str) -> Option<Name> {
    Name::of("entity", id).ok()
}

/// The name of an event's stream.
pub(super) fn name_of(event: &Event) -> Option<Name> {
    let (kind, id) = event.stream()?;
    Name::of(kind, id).ok()
}

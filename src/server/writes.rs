//! What a caller may append: events of the types that its role names, to its own matters. What another body's is, and what
//! is not there at all, is refused alike, in the preconditions too.

use std::collections::BTreeSet;

use tonic::Status;

use crate::access::Caller;
use crate::events::Event;
use crate::ledger::Condition;
use crate::ledger::NoMatchingEvents;
use crate::ledger::Request;
use crate::log::Key;
use crate::log::Name;
use crate::server::gate::denied;
use crate::server::record_service::of_read;
use crate::server::sight::Sight;
use crate::server::sight::name_of;
use crate::service::Reader;
use crate::views::Histories as _;
use crate::views::History;
use crate::views::work;

/// The most streams that are remembered as begun over one connection, while their entries are not recorded yet.
const BEGUN_MAX: usize = 4096;

/// The appends of one call: streams that it began are its own, also before they are recorded.
#[derive(Debug)]
pub(super) struct Writes {
    caller: Caller,
    begun: BTreeSet<Key>,
}

impl Writes {
    /// Of a caller; none yet.
    pub(super) const fn of(caller: Caller) -> Self {
        Self { caller, begun: BTreeSet::new() }
    }

    /// Whose appends they are, as it stands in manifests.
    pub(super) fn principal(&self) -> &str {
        self.caller.principal()
    }

    /// Whether a request may be made.
    ///
    /// # Errors
    ///
    /// PERMISSION_DENIED, of the request as a whole and without saying of which event.
    pub(super) fn check(&mut self, request: &Request, reader: &Reader) -> Result<(), Status> {
        if self.caller.level().is_none() {
            return Ok(());
        }
        let upto = reader.size().saturating_sub(1);
        let mut sight = Sight::new(self.caller.clone(), upto);
        let mut begins = BTreeSet::new();
        for event in &request.events {
            // What cannot be read is refused by admission, which says where.
            let Ok(read) = Event::decode(event.event_type, &event.bytes) else { continue };
            if !self.caller.may_append(event.event_type.name()) || !self.may(&read, &begins, &mut sight, reader)? {
                return Err(denied());
            }
            begins.extend(name_of(&read).map(|name| Key::of_stream(&name)));
        }
        for condition in &request.conditions {
            let (Condition::Revision { history, .. } | Condition::NoMatchingEvents(NoMatchingEvents { history, .. })) =
                condition;
            let name = Name::parse(&history.name).map_err(|_| denied())?;
            let begun = self.begun.contains(&history.key) || begins.contains(&history.key);
            let begun = begun && is_new(reader, &history.key, upto)?;
            if !begun && !sight.admits(reader, &name).map_err(of_read)? {
                return Err(denied());
            }
        }
        if self.begun.len() + begins.len() <= BEGUN_MAX {
            self.begun.append(&mut begins);
        }
        Ok(())
    }

    /// Whether an event is one of the caller's own body about its own matters. A stream that it began, over this connection
    /// or in this request, is its own for as long as nothing of it is in the log: then the log says whose it is. What only
    /// pretends to begin a stream that is there is refused by admission, and gives nothing.
    fn may(&self, event: &Event, begins: &BTreeSet<Key>, sight: &mut Sight, reader: &Reader) -> Result<bool, Status> {
        let Some(name) = name_of(event) else { return Ok(false) };
        let upto = reader.size().saturating_sub(1);
        let mut sees = |name: &Name| -> Result<bool, Status> {
            let stream = Key::of_stream(name);
            let begun = self.begun.contains(&stream) || begins.contains(&stream);
            Ok((begun && is_new(reader, &stream, upto)?) || sight.admits(reader, name).map_err(of_read)?)
        };
        let own = |id: &str| self.caller.body().is_some_and(|body| body.id() == id);
        Ok(match event {
            // The last one only keeps what is there.
            Event::PersonRegistered(_)
            | Event::OrganisationRegistered(_)
            | Event::LegacyRecordImported(_)
            | Event::ErasureWithdrawn(_) => true,
            Event::PositionAssigned(event) => own(&event.body_id),
            Event::RecordCorrected(event) => target(&event.target, &mut sees)?,
            Event::RecordVoided(event) => target(&event.target, &mut sees)?,
            Event::RecordDisputed(event) => target(&event.target, &mut sees)?,
            // What is held must not go, and who is shown what is told of changes: each only of what is one's own, or else
            // they would tell whether there is such a thing.
            Event::HoldPlaced(event) => own(&event.placed_by_id) && target(&event.target, &mut sees)?,
            Event::HoldReleased(event) => own(&event.released_by_id) && sees(&name)?,
            Event::RecordDisclosed(event) => {
                let mut may = own(&event.disclosed_by_id);
                for shown in &event.targets {
                    may = may && target(shown, &mut sees)?;
                }
                // Whoever it is about is in a matter of the caller's from then on: so he has to be in one before.
                for person in &event.subject_ids {
                    may = may && Name::of("entity", person).map_or(Ok(false), |name| sees(&name))?;
                }
                may
            }
            event => match work::kept_by(event).and_then(|body| Name::parse(&body).ok()) {
                Some(body) => own(body.id()),
                None => sees(&name)?,
            },
        })
    }
}

/// Whether nothing of a stream is in the log.
fn is_new(reader: &Reader, stream: &Key, upto: u64) -> Result<bool, Status> {
    Ok(reader.places(History::Key(stream), None, upto, 1).map_err(of_read)?.is_empty())
}

fn target(text: &str, sees: &mut impl FnMut(&Name) -> Result<bool, Status>) -> Result<bool, Status> {
    Name::parse(text).map_or(Ok(false), |name| sees(&name))
}

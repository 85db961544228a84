//! Who read what: questions to the access log, and reviews of emergency accesses.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tonic::Status;

use crate::access::Caller;
use crate::domain::dates::Day;
use crate::events;
use crate::events::AccessRecorded;
use crate::events::EmergencyReviewed;
use crate::events::Event;
use crate::events::EventType;
use crate::index::DutyPlace;
use crate::ledger::HistoryKey;
use crate::ledger::Vault as _;
use crate::ledger::accesses_of;
use crate::log::HistoryName;
use crate::log::Id;
use crate::log::Key;
use crate::log::Name;
use crate::proto::v1;
use crate::proto::v1::access::Event as Shown;
use crate::proto::v1::list_accesses_request::Of;
use crate::publish::ProveError;
use crate::sequencer::AppendError;
use crate::server::accesses::AccessLog;
use crate::server::accesses::EVERYBODY;
use crate::server::convert;
use crate::server::errors::Reason;
use crate::server::errors::field_invalid;
use crate::server::errors::of_append;
use crate::server::errors::of_index;
use crate::server::proof_service::of_prove;
use crate::server::record_service::Page;
use crate::server::record_service::PageKey;
use crate::server::record_service::page_size;
use crate::service::Reader;
use crate::views::View;

/// The most bytes of the proofs in one answer.
const PROOFS_BYTES_MAX: usize = 3 << 20;

/// How long a checkpoint may take.
const SEALED_WITHIN: Duration = Duration::from_secs(10);

/// Emergency accesses of one answer.
pub(super) const UNREVIEWED_MAX: usize = 1000;

/// A question to the access log, up to an entry of it.
pub(super) struct Question<'a> {
    log: &'a AccessLog,
    upto: u64,
}

/// A page of accesses and the last place that was looked at, where there is more.
type Found = (Vec<v1::Access>, Option<u64>);

impl<'a> Question<'a> {
    pub(super) fn of(log: &'a AccessLog) -> Self {
        Self { log, upto: log.service().reader().size().saturating_sub(1) }
    }

    fn reader(&self) -> &Reader {
        self.log.service().reader()
    }

    /// Reads a page, or the next one.
    fn paged(
        &mut self,
        page: &Page,
        token: &str,
        find: impl FnOnce(&Self, Option<u64>) -> Result<Found, Status>,
    ) -> Result<(Vec<v1::Access>, String), Status> {
        let after = if token.is_empty() {
            None
        } else {
            let (upto, after) = page.places(token)?;
            // Of this log, as a MAC over it says.
            self.upto = upto;
            Some(after)
        };
        let (accesses, last) = find(self, after)?;
        let view = View { as_of: Day::from_unix_ms(0), known_at: self.upto };
        Ok((accesses, last.map(|last| page.token(view, &last)).unwrap_or_default()))
    }

    /// A page of what is filed under any of some keys, in the order of recording.
    fn filed(&self, keys: &[HistoryKey], after: Option<u64>, upto: u64, size: usize) -> Result<Found, Status> {
        let mut places = Vec::new();
        for key in keys {
            let found = self.reader().history(key, after, upto, size + 1).map_err(|error| of_index(&error))?;
            places.extend(found.into_iter().map(|placed| placed.index));
        }
        places.sort_unstable();
        places.dedup();
        let more = places.len() > size;
        places.truncate(size);
        let accesses = places.iter().map(|place| self.access(*place)).collect::<Result<_, _>>()?;
        Ok((accesses, places.last().copied().filter(|_| more)))
    }

    /// A page of all accesses from an entry on.
    fn all(&self, from: u64, upto: u64, size: usize) -> Result<Found, Status> {
        let found = self.reader().index().register("access", from, upto, size + 1).map_err(|error| of_index(&error))?;
        let more = found.len() > size;
        let places: Vec<u64> = found.into_iter().take(size).map(|(place, _)| place).collect();
        let accesses = places.iter().map(|place| self.access(*place)).collect::<Result<_, _>>()?;
        Ok((accesses, places.last().copied().filter(|_| more)))
    }

    fn access(&self, position: u64) -> Result<v1::Access, Status> {
        let read = self.reader().entry(position).map_err(|error| of_index(&error))?;
        let read = read.ok_or_else(|| crate::server::errors::damaged(position))?;
        let manifest = read.checked.manifest.as_ref();
        let event_type = manifest.and_then(|manifest| EventType::parse(&manifest.event_type, manifest.version));
        let open = event_type.zip(read.checked.entry.open.as_ref());
        let event = open.and_then(|(event_type, open)| Event::decode(event_type, &open.payload).ok());
        let event = match event {
            Some(Event::AccessRecorded(event)) => Shown::Access(event),
            Some(Event::EmergencyReviewed(event)) => Shown::Review(event),
            _ => return Err(crate::server::errors::damaged(position)),
        };
        let recorded_at = Some(convert::timestamp(read.checked.leaf.recorded_at_ms));
        Ok(v1::Access { position, recorded_at, event: Some(event) })
    }

    /// Who read the record of a person.
    pub(super) fn of_me(
        &mut self,
        request: &v1::WhoAccessedMeRequest,
        caller: &Caller,
        page_key: &PageKey,
    ) -> Result<v1::WhoAccessedMeResponse, Status> {
        let me = caller.entity().ok_or_else(crate::server::gate::denied)?;
        caller.note(me.as_str());
        let size = page_size(request.page_size)?;
        let asked = v1::WhoAccessedMeRequest { page_token: String::new(), ..request.clone() };
        let page = Page::new(page_key, caller.principal(), "WhoAccessedMe", &asked);
        let everybody = everybody();
        let keys = [Key::of_subject(me), Key::of_subject(&everybody)].map(HistoryKey::Leaf);
        let (mut accesses, next_page_token) = self
            .paged(&page, &request.page_token, |question, after| question.filed(&keys, after, question.upto, size))?;
        for access in &mut accesses {
            hide_others(access, me);
        }
        let (subject_proof, everybody_proof) = if request.prove {
            (self.proof(me.clone())?, self.proof(everybody)?)
        } else {
            (Bytes::new(), Bytes::new())
        };
        if subject_proof.len() + everybody_proof.len() > PROOFS_BYTES_MAX {
            let found = subject_proof.len() + everybody_proof.len();
            let metadata = [("found", found.to_string()), ("max", PROOFS_BYTES_MAX.to_string())];
            return Err(Reason::ResponseTooLarge.status("the proofs fit into no message", &metadata));
        }
        let origin = self.log.service().vault().origin().to_owned();
        Ok(v1::WhoAccessedMeResponse { accesses, next_page_token, subject_proof, everybody_proof, origin })
    }

    fn proof(&self, of: Name) -> Result<Bytes, Status> {
        let proofs = self.log.service().proofs().ok_or_else(crate::server::acknowledged::publishing_off)?;
        let found = proofs.of_history(HistoryName::Subject(of), true).map_err(|error| of_prove(&error))?;
        Ok(found.proof.to_string().into())
    }

    /// Accesses by what an auditor asks.
    pub(super) fn list(
        &mut self,
        request: &v1::ListAccessesRequest,
        caller: &Caller,
        page_key: &PageKey,
    ) -> Result<v1::ListAccessesResponse, Status> {
        let size = page_size(request.page_size)?;
        let asked = v1::ListAccessesRequest { page_token: String::new(), ..request.clone() };
        let page = Page::new(page_key, caller.principal(), "ListAccesses", &asked);
        let keys = request.of.as_ref().map(|of| keys_of(of, caller)).transpose()?;
        let before = |time: Option<&prost_types::Timestamp>, field| -> Result<Option<Option<u64>>, Status> {
            let Some(time) = time else { return Ok(None) };
            let Some(last) = convert::unix_ms(time, field)?.checked_sub(1) else { return Ok(Some(None)) };
            Ok(Some(self.reader().position_at(last).map_err(|error| of_index(&error))?))
        };
        // The last entry before the period, and the last one in it.
        let from = before(request.from.as_ref(), "from")?.flatten();
        let to = before(request.to.as_ref(), "to")?;
        let (accesses, next_page_token) = self.paged(&page, &request.page_token, |question, after| {
            let after = after.max(from);
            let upto = match to {
                None => question.upto,
                Some(Some(last)) => last.min(question.upto),
                Some(None) => return Ok((Vec::new(), None)),
            };
            match &keys {
                Some(keys) => question.filed(keys, after, upto, size),
                None => question.all(after.map_or(0, |after| after + 1), upto, size),
            }
        })?;
        Ok(v1::ListAccessesResponse { accesses, next_page_token })
    }

    /// Emergency accesses that nobody reviewed, so many at most.
    pub(super) fn unreviewed(&self, limit: usize) -> Result<v1::ListUnreviewedResponse, Status> {
        let open = self.log.unreviewed(limit).map_err(|error| of_index(&error))?;
        let shown = |place: DutyPlace| -> Result<v1::UnreviewedAccess, Status> {
            let name = Name::of("access", &Id(place.id).to_string()).map_err(|_| crate::server::gate::denied())?;
            let access = self.records(&name, 1)?.into_iter().next();
            let due = events::PartialDate { year: place.due.year(), month: place.due.month(), day: place.due.day() };
            Ok(v1::UnreviewedAccess { name: name.to_string(), due: Some(due), access })
        };
        Ok(v1::ListUnreviewedResponse { accesses: open.into_iter().map(shown).collect::<Result<_, _>>()? })
    }

    /// The first entries of an access.
    fn records(&self, name: &Name, limit: usize) -> Result<Vec<v1::Access>, Status> {
        Ok(self.filed(&[HistoryKey::Leaf(Key::of_stream(name))], None, self.upto, limit)?.0)
    }

    /// The persons of an access, the first 64.
    fn persons(&self, name: &Name) -> Result<Vec<String>, Status> {
        let first = self.records(name, 1)?.into_iter().next().and_then(|access| access.event);
        Ok(match first {
            Some(Shown::Access(AccessRecorded { person_ids, .. })) => person_ids,
            Some(Shown::Review(_)) | None => Vec::new(),
        })
    }
}

/// Waits until all that is recorded now is under a checkpoint.
pub(super) async fn sealed(log: &AccessLog) -> Result<(), Status> {
    let proofs = log.service().proofs().ok_or_else(crate::server::acknowledged::publishing_off)?;
    let wanted = log.service().reader().size();
    match tokio::time::timeout(SEALED_WITHIN, proofs.wait_for(wanted)).await {
        Ok(published) => published.map(drop).map_err(|error| of_prove(&error)),
        Err(_) => Err(of_prove(&ProveError::NotPublished)),
    }
}

/// Records a review.
pub(super) async fn review(
    log: Arc<AccessLog>,
    request: v1::ReviewEmergencyRequest,
    caller: &Caller,
) -> Result<v1::ReviewEmergencyResponse, Status> {
    let v1::ReviewEmergencyRequest { name, finding, ground } = request;
    let parsed = Name::parse(&name).ok().filter(|name| name.kind() == "access");
    let name =
        parsed.ok_or_else(|| field_invalid("name", "NOT_A_NAME", "access, a slash, and an id of 26 characters"))?;
    caller.note(name.as_str());
    let (reading, of) = (Arc::clone(&log), name.clone());
    let persons = tokio::task::spawn_blocking(move || Question::of(&reading).persons(&of)).await;
    let person_ids = persons.map_err(|_| of_append(&AppendError::Ending))??;
    let reviewed = EmergencyReviewed {
        context: None,
        access_id: name.id().to_owned(),
        reviewer: caller.principal().to_owned(),
        finding,
        ground,
        person_ids,
    };
    let recorded = log.review(reviewed).await?;
    Ok(v1::ReviewEmergencyResponse { position: recorded.receipt.first_index })
}

fn everybody() -> Name {
    Name::of("entity", EVERYBODY).expect("26 zeros are an id")
}

/// Under what the accesses are filed that are asked for.
fn keys_of(of: &Of, caller: &Caller) -> Result<Vec<HistoryKey>, Status> {
    let name = |field: &str, text: &str| {
        Name::parse(text).map_err(|error| field_invalid(field, "NOT_A_NAME", error.to_string()))
    };
    Ok(match of {
        Of::Reference(text) => {
            let name = name("reference", text)?;
            caller.note(name.as_str());
            vec![HistoryKey::Link(Key::of_stream(&name)), HistoryKey::Leaf(Key::of_stream(&name))]
        }
        Of::Person(text) => {
            let name = name("person", text)?;
            caller.note(name.as_str());
            vec![HistoryKey::Leaf(Key::of_subject(&name))]
        }
        Of::Principal(id) => vec![HistoryKey::Link(accesses_of(id))],
    })
}

/// Takes out of an access what is about others.
fn hide_others(access: &mut v1::Access, me: &Name) {
    let mine = |id: &String| id == me.id() || id == EVERYBODY;
    match &mut access.event {
        Some(Shown::Access(event)) => {
            event.person_ids.retain(mine);
            event.asked.retain(|name| name == me.as_str() || !name.starts_with("entity/"));
        }
        Some(Shown::Review(event)) => event.person_ids.retain(mine),
        None => {}
    }
}

/// Notes whom accesses are about: their ids stand there, and not their names.
pub(super) fn note_persons(accesses: &[v1::Access], caller: &Caller) {
    for access in accesses {
        let persons = match &access.event {
            Some(Shown::Access(event)) => &event.person_ids,
            Some(Shown::Review(event)) => &event.person_ids,
            None => continue,
        };
        for id in persons {
            caller.note_shown(id);
        }
    }
}

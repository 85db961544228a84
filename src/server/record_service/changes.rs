//! What was recorded after a position.

use std::collections::BTreeMap;

use tonic::Request;
use tonic::Response;
use tonic::Status;

use crate::events::Event;
use crate::log::Key;
use crate::log::Name;
use crate::proto::v1::Change;
use crate::proto::v1::ChangeKind;
use crate::proto::v1::ListChangesRequest;
use crate::proto::v1::ListChangesResponse;
use crate::proto::v1::list_changes_request::Of;
use crate::server::record_service::Records;
use crate::server::record_service::TIMELINE_KINDS;
use crate::server::record_service::asker::Asker;
use crate::server::record_service::at;
use crate::server::record_service::errors::Refusal;
use crate::server::record_service::filter;
use crate::server::record_service::page;
use crate::server::record_service::parse_name;
use crate::server::record_service::read::CANDIDATES_MAX;
use crate::server::record_service::read::Reader;
use crate::views::Histories;
use crate::views::History;
use crate::views::Recorded;
use crate::views::changes;
use crate::views::work;

/// How many entries are read at once, beside those of a page.
const ENTRIES_AT_ONCE: usize = 256;

/// Of what changes are told.
enum Scope {
    Everything,
    /// Of one person, body or stream.
    Name(Name),
    /// Of the matters in the registers of a body.
    Body(Name),
}

impl<H: Histories> Records<H> {
    pub(super) async fn changes(
        &self,
        request: Request<ListChangesRequest>,
    ) -> Result<Response<ListChangesResponse>, Status> {
        let asker = Asker::of(&request)?;
        let request = request.into_inner();
        let scope = match &request.of {
            None => Scope::Everything,
            Some(Of::Name(name)) => Scope::Name(parse_name(name, TIMELINE_KINDS)?),
            Some(Of::Body(body)) => {
                let body = filter::body(body)?;
                Scope::Body(body.ok_or(filter::refused("body", "NOT_A_NAME", filter::BODY))?)
            }
        };
        for kind in &request.kinds {
            filter::value::<ChangeKind>("kinds", *kind)?;
            if *kind == 0 {
                return Err(filter::refused("kinds", "NOT_A_VALUE", "a kind of change").into());
            }
        }
        let size = page::size(request.page_size)?;
        let times = at::parse(request.at.as_ref())?;
        self.answer(times, asker, move |reader, stamp| {
            if request.after_position > stamp.head_position {
                return Err(filter::refused("after_position", "BEHIND_THE_LAST", "at most the last position"));
            }
            match &scope {
                Scope::Everything => {}
                Scope::Name(name) => reader.admit(name)?,
                Scope::Body(body) => reader.knows(Some(body))?,
            }
            let kinds: Vec<ChangeKind> = request.kinds().collect();
            let (changes, scanned_position) = reader.changes(&scope, request.after_position, &kinds, size)?;
            Ok(ListChangesResponse { changes, scanned_position, stamp: Some(stamp) })
        })
        .await
    }
}

impl<H: Histories> Reader<'_, H> {
    /// Changes behind a place, and the place up to which everything was looked at.
    fn changes(
        &mut self,
        scope: &Scope,
        after: u64,
        kinds: &[ChangeKind],
        size: usize,
    ) -> Result<(Vec<Change>, u64), Refusal> {
        let upto = self.view().known_at;
        let mut changes = Vec::new();
        let mut kept = BTreeMap::new();
        let (mut scanned, mut looked) = (after, 0);
        while scanned < upto {
            let (entries, last) = match scope {
                Scope::Name(name) => {
                    let (entries, last, more) = self.page(name, &[], Some(scanned), ENTRIES_AT_ONCE)?;
                    (entries, if more { last.unwrap_or(upto) } else { upto })
                }
                Scope::Everything | Scope::Body(_) => self.recorded_from(scanned + 1, ENTRIES_AT_ONCE)?,
            };
            for entry in &entries {
                if changes.len() == size || looked == CANDIDATES_MAX || self.is_tired() {
                    return Ok((changes, scanned));
                }
                looked += 1;
                scanned = entry.index;
                let wanted = kinds.is_empty() || kinds.contains(&changes::kind(entry.event_type));
                let in_scope = match scope {
                    Scope::Body(body) if wanted => self.is_kept_by(entry, body, &mut kept)?,
                    Scope::Everything | Scope::Name(_) | Scope::Body(_) => true,
                };
                if wanted && in_scope {
                    changes.push(changes::change(entry));
                }
            }
            scanned = last;
        }
        Ok((changes, scanned.max(after)))
    }

    /// Whether an entry belongs to a matter in the registers of a body.
    fn is_kept_by(&mut self, entry: &Recorded, body: &Name, kept: &mut BTreeMap<Key, bool>) -> Result<bool, Refusal> {
        let target = match entry.event() {
            Some(Event::RecordCorrected(event)) => Some(&event.target),
            Some(Event::RecordVoided(event)) => Some(&event.target),
            Some(Event::RecordDisputed(event)) => Some(&event.target),
            Some(Event::StatementAttached(event)) => Some(&event.target),
            Some(Event::DisputeResolved(event)) => Some(&event.target),
            Some(_) | None => None,
        };
        let target = target.and_then(|target| Name::parse(target).ok()).map(|name| Key::of_stream(&name));
        let stream = target.unwrap_or(entry.stream);
        if let Some(known) = kept.get(&stream) {
            return Ok(*known);
        }
        let first = self.histories.places(History::Key(&stream), None, self.view().known_at, 1)?;
        let first = self.entries(&first)?;
        let keeper = first.first().and_then(Recorded::event).and_then(work::kept_by);
        let known = keeper.as_deref() == Some(body.as_str());
        kept.insert(stream, known);
        Ok(known)
    }
}

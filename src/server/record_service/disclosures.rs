//! To whom records were shown, and who of them is still to be told of a change.

use prost::Message;
use tonic::Request;
use tonic::Response;
use tonic::Status;

use crate::events::EventType;
use crate::log::Name;
use crate::proto::v1;
use crate::server::record_service::Records;
use crate::server::record_service::TIMELINE_KINDS;
use crate::server::record_service::asker::Asker;
use crate::server::record_service::errors::Refusal;
use crate::server::record_service::filter;
use crate::server::record_service::filter::Days;
use crate::server::record_service::page;
use crate::server::record_service::page::Page;
use crate::server::record_service::parse_name;
use crate::server::record_service::parse_name_in;
use crate::server::record_service::read::Reader;
use crate::server::record_service::read::Weigh;
use crate::server::record_service::registers::Asked;
use crate::views::Histories;
use crate::views::History;
use crate::views::Recorded;
use crate::views::disclosure;
use crate::views::policy::DisclosurePolicy;

/// What one recipient is to be told of one disclosure.
#[derive(Default)]
pub(super) struct Due {
    pub notices: Vec<v1::NoticeDue>,
    /// Whose records were shown.
    pub subjects: Vec<String>,
}

impl Weigh for Due {
    fn weight(&self) -> usize {
        self.notices.iter().map(Message::encoded_len).sum()
    }
}

impl<H: Histories> Records<H> {
    pub(super) async fn disclosures(
        &self,
        request: Request<v1::ListDisclosuresRequest>,
    ) -> Result<Response<v1::ListDisclosuresResponse>, Status> {
        let asker = Asker::of(&request)?;
        let mut request = request.into_inner();
        let token = std::mem::take(&mut request.page_token);
        if !request.recipient.is_empty() {
            parse_name_in("recipient", &request.recipient, &["entity"])?;
        }
        let disclosed = Days::parse("disclosed", request.disclosed.as_ref())?;
        let asked = Asked {
            body: &request.body,
            recorded_from: request.recorded_from.as_ref(),
            recorded_to: request.recorded_to.as_ref(),
            at: request.at.as_ref(),
            page_size: request.page_size,
            token: &token,
        };
        let recipient = request.recipient.clone();
        let row = move |reader: &mut Reader<'_, H>, name: &Name| {
            let entries = reader.own(name)?;
            let wanted = |one: &v1::Disclosure| {
                (recipient.is_empty() || one.recipient == recipient)
                    && filter::passes(disclosed, one.disclosed_on.as_ref())
            };
            Ok(disclosure::disclosure(name, &entries, reader.view()).filter(wanted))
        };
        if request.name.is_empty() {
            let list = self.list_of(("ListDisclosures", "disclosure"), &request, &asked, asker)?;
            let answer = |disclosures, next_page_token, stamp| v1::ListDisclosuresResponse {
                disclosures,
                next_page_token,
                stamp: Some(stamp),
            };
            return self.list(list, row, answer).await;
        }
        let name = parse_name(&request.name, TIMELINE_KINDS)?;
        let alone = request.body.is_empty() && request.recorded_from.is_none() && request.recorded_to.is_none();
        if !alone {
            return Err(filter::refused("name", "EXCLUDES", "not with a body or times of recording").into());
        }
        let size = page::size(request.page_size)?;
        let page = Page::new(&self.page_key, asker.principal(), "ListDisclosures", &request);
        let (times, after) = page.times(&token, request.at.as_ref())?;
        self.answer(times, asker, move |reader, stamp| {
            reader.admit_recorded(&name)?;
            let history = if name.kind() == "entity" { History::Subject(&name) } else { History::Linked(&name) };
            let (disclosures, last) = reader.begun(history, EventType::RecordDisclosed, (after, size), row)?;
            let next_page_token = last.map(|last| page.token(reader.view(), &last)).unwrap_or_default();
            Ok(v1::ListDisclosuresResponse { disclosures, next_page_token, stamp: Some(stamp) })
        })
        .await
    }

    pub(super) async fn notices_due(
        &self,
        request: Request<v1::ListNoticesDueRequest>,
    ) -> Result<Response<v1::ListNoticesDueResponse>, Status> {
        let asker = Asker::of(&request)?;
        let mut request = request.into_inner();
        let token = std::mem::take(&mut request.page_token);
        let asked = Asked {
            body: &request.body,
            recorded_from: None,
            recorded_to: None,
            at: request.at.as_ref(),
            page_size: request.page_size,
            token: &token,
        };
        let list = self.list_of(("ListNoticesDue", "disclosure"), &request, &asked, asker)?;
        let policy = self.policy.clone();
        let overdue_only = request.overdue_only;
        let row = move |reader: &mut Reader<'_, H>, name: &Name| {
            let mut due = reader.due(name, &policy)?;
            due.notices.retain(|notice| !overdue_only || notice.overdue);
            Ok((!due.notices.is_empty()).then_some(due))
        };
        let answer = |found: Vec<Due>, next_page_token, stamp| v1::ListNoticesDueResponse {
            notices: found.into_iter().flat_map(|due| due.notices).collect(),
            next_page_token,
            stamp: Some(stamp),
        };
        self.list(list, row, answer).await
    }
}

impl<H: Histories> Reader<'_, H> {
    /// What the recipient of a disclosure is still to be told.
    pub(super) fn due(&mut self, name: &Name, policy: &DisclosurePolicy) -> Result<Due, Refusal> {
        let entries = self.own(name)?;
        let Some(shown) = disclosure::disclosure(name, &entries, self.view()) else { return Ok(Due::default()) };
        let mut since: Vec<Recorded> = Vec::new();
        for target in shown.targets.iter().filter_map(|target| Name::parse(target).ok()) {
            let after = Some(shown.known_at);
            if target.kind() == "entity" {
                since.extend(self.whole_after(History::Subject(&target), after)?);
            } else {
                since.extend(self.whole_after(History::Stream(&target), after)?);
                since.extend(self.whole_after(History::Linked(&target), after)?);
            }
        }
        since.sort_by_key(|entry| entry.index);
        since.dedup_by_key(|entry| entry.index);
        let notices = disclosure::notices_due(&shown, &since, self.view(), policy);
        Ok(Due { notices, subjects: shown.subjects })
    }
}

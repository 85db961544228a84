//! Requests of persons about their own records, and what may be known about a person before he is appointed.

use prost::Message;
use sha2::Digest;
use sha2::Sha256;
use tonic::Request;
use tonic::Response;
use tonic::Status;

use crate::events::EventType;
use crate::events::RightsKind;
use crate::log::Name;
use crate::proto::v1;
use crate::proto::v1::RightsState;
use crate::server::record_service::Records;
use crate::server::record_service::asker::Asker;
use crate::server::record_service::at;
use crate::server::record_service::at::Times;
use crate::server::record_service::errors::Refusal;
use crate::server::record_service::filter;
use crate::server::record_service::filter::Days;
use crate::server::record_service::page;
use crate::server::record_service::page::Page;
use crate::server::record_service::parse_name;
use crate::server::record_service::parse_name_in;
use crate::server::record_service::read::Reader;
use crate::server::record_service::registers::Asked;
use crate::views::Histories;
use crate::views::History;
use crate::views::clearance;
use crate::views::policy::DisclosurePolicy;
use crate::views::record;
use crate::views::rights;

impl<H: Histories> Records<H> {
    pub(super) async fn clearance(
        &self,
        request: Request<v1::GetClearanceRequest>,
    ) -> Result<Response<v1::GetClearanceResponse>, Status> {
        let asker = Asker::of(&request)?;
        let request = request.into_inner();
        let name = parse_name(&request.name, &["entity"])?;
        if request.purpose.is_none() {
            return Err(filter::refused("purpose", "REQUIRED", "what it is for").into());
        }
        filter::code("purpose", request.purpose.as_ref())?;
        let times = at::parse(request.at.as_ref())?;
        if let Some(to) = &request.disclose_to {
            let showing = self.showing(&asker, &request, to, times).await?;
            let answer = self.cleared(name, request, showing.times, showing.recipient.clone(), asker).await?;
            return self.disclose(showing, answer).await;
        }
        self.cleared(name, request, times, None, asker).await
    }

    async fn cleared(
        &self,
        name: Name,
        request: v1::GetClearanceRequest,
        times: Times,
        recipient: Option<Name>,
        asker: Asker,
    ) -> Result<Response<v1::GetClearanceResponse>, Status> {
        let policy = self.policy.clone();
        self.answer(times, asker, move |reader, stamp| {
            reader.admit(&name)?;
            if let Some(recipient) = &recipient {
                reader.admit_recipient(recipient)?;
            }
            let about = reader.subject(&name)?;
            let record = record::record(&name, &about, &[], reader.view()).ok_or_else(|| reader.not_found())?;
            let mut clearance = clearance::clearance(&record, request.purpose, &policy, reader.view());
            for decision in &mut clearance.decisions {
                reader.open_disputes(&mut decision.disputes)?;
            }
            let extract_sha256 = Sha256::digest(clearance.encode_to_vec()).to_vec().into();
            Ok(v1::GetClearanceResponse {
                clearance: Some(clearance),
                extract_sha256,
                stamp: Some(stamp),
                ..v1::GetClearanceResponse::default()
            })
        })
        .await
    }

    pub(super) async fn one_rights(
        &self,
        request: Request<v1::GetRightsRequest>,
    ) -> Result<Response<v1::GetRightsResponse>, Status> {
        let asker = Asker::of(&request)?;
        let request = request.into_inner();
        let name = parse_name(&request.name, &["rights"])?;
        let times = at::parse(request.at.as_ref())?;
        let policy = self.policy.clone();
        self.answer(times, asker, move |reader, stamp| {
            reader.admit(&name)?;
            let rights = reader.rights(&name, &policy)?.ok_or_else(|| reader.not_found())?;
            Ok(v1::GetRightsResponse { rights: Some(rights), stamp: Some(stamp) })
        })
        .await
    }

    pub(super) async fn each_rights(
        &self,
        request: Request<v1::ListRightsRequest>,
    ) -> Result<Response<v1::ListRightsResponse>, Status> {
        let asker = Asker::of(&request)?;
        let mut request = request.into_inner();
        let token = std::mem::take(&mut request.page_token);
        filter::value::<RightsState>("state", request.state)?;
        filter::value::<RightsKind>("kind", request.kind)?;
        let open = [RightsState::Open.into()];
        filter::fits("overdue", request.overdue, request.state, &open, "only what is open can be overdue")?;
        let received = Days::parse("received", request.received.as_ref())?;
        let due = Days::parse("due", request.due.as_ref())?;
        let asked = Asked {
            body: &request.body,
            recorded_from: request.recorded_from.as_ref(),
            recorded_to: request.recorded_to.as_ref(),
            at: request.at.as_ref(),
            page_size: request.page_size,
            token: &token,
        };
        let wanted = {
            let (state, kind, overdue) = (request.state, request.kind, request.overdue);
            move |one: &v1::Rights| {
                filter::valued(state, one.state)
                    && filter::valued(kind, one.kind)
                    && filter::passes(received, one.received_on.as_ref())
                    && filter::passes(due, one.due_on.as_ref())
                    && (!overdue || one.overdue)
            }
        };
        let policy = self.policy.clone();
        let row = move |reader: &mut Reader<'_, H>, name: &Name| Ok(reader.rights(name, &policy)?.filter(&wanted));
        if request.person.is_empty() {
            let list = self.list_of(("ListRights", "rights"), &request, &asked, asker)?;
            let answer =
                |rights, next_page_token, stamp| v1::ListRightsResponse { rights, next_page_token, stamp: Some(stamp) };
            return self.list(list, row, answer).await;
        }
        let person = parse_name_in("person", &request.person, &["entity"])?;
        let alone = request.body.is_empty() && request.recorded_from.is_none() && request.recorded_to.is_none();
        if !alone {
            return Err(filter::refused("person", "EXCLUDES", "not with a body or times of recording").into());
        }
        let size = page::size(request.page_size)?;
        let page = Page::new(&self.page_key, asker.principal(), "ListRights", &request);
        let (times, after) = page.times(&token, request.at.as_ref())?;
        self.answer(times, asker, move |reader, stamp| {
            reader.admit_recorded(&person)?;
            let history = History::Subject(&person);
            let (rights, last) = reader.begun(history, EventType::RightsReceived, (after, size), row)?;
            let next_page_token = last.map(|last| page.token(reader.view(), &last)).unwrap_or_default();
            Ok(v1::ListRightsResponse { rights, next_page_token, stamp: Some(stamp) })
        })
        .await
    }
}

impl<H: Histories> Reader<'_, H> {
    fn rights(&mut self, name: &Name, policy: &DisclosurePolicy) -> Result<Option<v1::Rights>, Refusal> {
        let entries = self.own(name)?;
        Ok(rights::rights(name, &entries, self.view(), policy))
    }
}

//! `RecordService`: the records of persons and bodies, in two times. Decides nothing about them: it finds the
//! entries of a history, and the folds of [`crate::views`] make the answer.

mod asker;
mod at;
mod changes;
mod clearance;
mod disclosing;
mod disclosures;
mod errors;
mod filter;
mod matters;
mod open;
mod page;
mod read;
mod registers;
mod rights;
mod work;

use std::fmt;
use std::sync::Arc;

use prost::Message;
use tokio::sync::watch;
use tokio::task;
use tonic::Request;
use tonic::Response;
use tonic::Status;

use crate::clock::Clock;
use crate::log::Name;
use crate::proto::v1;
use crate::proto::v1::FindRequest;
use crate::proto::v1::FindResponse;
use crate::proto::v1::GetCaseRequest;
use crate::proto::v1::GetCaseResponse;
use crate::proto::v1::GetDecisionRequest;
use crate::proto::v1::GetDecisionResponse;
use crate::proto::v1::GetDeclarationRequest;
use crate::proto::v1::GetDeclarationResponse;
use crate::proto::v1::GetRecordRequest;
use crate::proto::v1::GetRecordResponse;
use crate::proto::v1::ListDeclarationsRequest;
use crate::proto::v1::ListDeclarationsResponse;
use crate::proto::v1::ListTimelineRequest;
use crate::proto::v1::ListTimelineResponse;
use crate::proto::v1::Stamp;
use crate::server::accesses::AccessLog;
use crate::server::record_service::asker::Asker;
use crate::server::record_service::at::Times;
use crate::server::record_service::errors::Refusal;
use crate::server::record_service::read::Reader;
use crate::server::services::record_service_server::RecordService;
use crate::server::sight::Sight;
use crate::service::Service;
use crate::views;
use crate::views::Histories;
use crate::views::case;
use crate::views::decision;
use crate::views::declaration;
use crate::views::policy::DisclosurePolicy;
use crate::views::record;
use crate::views::timeline;

pub(super) use page::Page;
pub use page::PageKey;
pub(super) use page::page_size;

/// The status of a failed read of a history.
pub(super) fn of_read(error: views::ReadError) -> Status {
    Refusal::from(error).into()
}

/// The service.
pub struct Records<H> {
    histories: Arc<H>,
    applied: watch::Receiver<u64>,
    clock: Clock,
    page_key: PageKey,
    policy: DisclosurePolicy,
    /// Where it is recorded to whom something is shown; `None`: nowhere, and so nothing is shown to others.
    disclosing: Option<Arc<Service>>,
    /// Where emergency accesses stand; `None`: nothing is recorded there.
    accesses: Option<Arc<AccessLog>>,
}

impl<H> fmt::Debug for Records<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records").finish_non_exhaustive()
    }
}

impl<H: Histories> Records<H> {
    /// A service that reads from `histories`. `applied` says whenever the views have moved on; what it carries is
    /// [`crate::views::Coverage::applied`]. `page_key` protects page tokens: those made under another are refused.
    pub fn new(histories: Arc<H>, applied: watch::Receiver<u64>, clock: Clock, page_key: PageKey) -> Self {
        let policy = DisclosurePolicy::default();
        Self { histories, applied, clock, page_key, policy, disclosing: None, accesses: None }
    }

    /// The same, which records in a log what it shows to others.
    #[must_use]
    pub fn disclosing(self, service: Arc<Service>) -> Self {
        Self { disclosing: Some(service), ..self }
    }

    /// The same, whose work lists tell of emergency accesses.
    #[must_use]
    pub(super) fn reviewing(self, accesses: Option<Arc<AccessLog>>) -> Self {
        Self { accesses, ..self }
    }

    /// The same, under what the operator says of showing records.
    #[must_use]
    pub fn under(self, policy: DisclosurePolicy) -> Self {
        Self { policy, ..self }
    }

    /// Waits until the answer can be given, then reads and folds it away from the threads that serve requests.
    async fn answer<A, F>(&self, times: Times, asker: Asker, read: F) -> Result<Response<A>, Status>
    where
        A: Message + 'static,
        F: FnOnce(&mut Reader<'_, H>, Stamp) -> Result<A, Refusal> + Send + 'static,
    {
        let floor = asker.floor();
        let (view, stamp) = self.resolve(times, asker.patience).await?;
        let histories = Arc::clone(&self.histories);
        let work = task::spawn_blocking(move || {
            let recorded_at = Some(views::timestamp(histories.recorded_at(view.known_at)?));
            let sight = Sight::new(asker.caller, view.known_at);
            read(&mut Reader::new(&*histories, view, sight), Stamp { recorded_at, ..stamp })
        });
        let answer = work.await.map_err(|_| Refusal::Unreadable)?;
        if let Err(Refusal::RecordNotFound { .. }) = &answer {
            floor.await;
        }
        let answer = answer?;
        match answer.encoded_len() {
            len if len <= read::ANSWER_BYTES_MAX => Ok(Response::new(answer)),
            len => Err(Refusal::AnswerTooLarge { found: len, max: read::ANSWER_BYTES_MAX }.into()),
        }
    }
}

#[tonic::async_trait]
impl<H: Histories> RecordService for Records<H> {
    async fn find(&self, request: Request<FindRequest>) -> Result<Response<FindResponse>, Status> {
        let asker = Asker::of(&request)?;
        let FindRequest { scheme, value, at } = request.into_inner();
        read::check_native_id(&scheme, &value)?;
        let times = at::parse(at.as_ref())?;
        let floor = asker.floor();
        let found = self.answer(times, asker, move |reader, stamp| {
            let found = reader.find(&scheme, &value)?;
            let sealed_identities = found.is_none() && reader.has_sealed_identities()?;
            let name = found.map(|name| name.to_string()).unwrap_or_default();
            Ok(FindResponse { name, stamp: Some(stamp), sealed_identities })
        });
        let found = found.await?;
        if found.get_ref().name.is_empty() {
            floor.await;
        }
        Ok(found)
    }

    async fn get_record(&self, request: Request<GetRecordRequest>) -> Result<Response<GetRecordResponse>, Status> {
        let asker = Asker::of(&request)?;
        let request = request.into_inner();
        let name = parse_name(&request.name, &["entity"])?;
        let times = at::parse(request.at.as_ref())?;
        self.answer(times, asker, move |reader, stamp| {
            reader.admit(&name)?;
            let about = reader.subject(&name)?;
            let of_cases = reader.each_own(&record::cases_to_read(&about, reader.view()))?;
            let record = record::record(&name, &about, &of_cases, reader.view());
            let mut record = record.ok_or_else(|| reader.not_found())?;
            reader.clear(&mut record)?;
            if request.open_identity {
                reader.open_identity(&mut record)?;
            }
            Ok(GetRecordResponse { record: Some(record), stamp: Some(stamp) })
        })
        .await
    }

    async fn get_case(&self, request: Request<GetCaseRequest>) -> Result<Response<GetCaseResponse>, Status> {
        let asker = Asker::of(&request)?;
        let request = request.into_inner();
        let name = parse_name(&request.name, &["case"])?;
        let times = at::parse(request.at.as_ref())?;
        self.answer(times, asker, move |reader, stamp| {
            reader.admit(&name)?;
            let entries = reader.matter(&name)?;
            let case = case::case(&name, &entries, reader.view());
            let mut case = case.ok_or_else(|| reader.not_found())?;
            if request.open_narratives {
                reader.open_case(&mut case)?;
            }
            Ok(GetCaseResponse { case: Some(case), stamp: Some(stamp) })
        })
        .await
    }

    async fn get_decision(
        &self,
        request: Request<GetDecisionRequest>,
    ) -> Result<Response<GetDecisionResponse>, Status> {
        let asker = Asker::of(&request)?;
        let request = request.into_inner();
        let name = parse_name(&request.name, &["decision"])?;
        let times = at::parse(request.at.as_ref())?;
        self.answer(times, asker, move |reader, stamp| {
            reader.admit(&name)?;
            let entries = reader.matter(&name)?;
            let decision = decision::decision(&name, &entries, reader.view());
            let mut decision = decision.ok_or_else(|| reader.not_found())?;
            if request.open_narratives {
                reader.open_decision(&mut decision)?;
            }
            Ok(GetDecisionResponse { decision: Some(decision), stamp: Some(stamp) })
        })
        .await
    }

    async fn get_declaration(
        &self,
        request: Request<GetDeclarationRequest>,
    ) -> Result<Response<GetDeclarationResponse>, Status> {
        let asker = Asker::of(&request)?;
        let request = request.into_inner();
        let name = parse_name(&request.name, &["declaration"])?;
        let times = at::parse(request.at.as_ref())?;
        self.answer(times, asker, move |reader, stamp| {
            reader.admit(&name)?;
            let entries = reader.matter(&name)?;
            let declaration = declaration::declaration(&name, &entries, reader.view());
            let mut declaration = declaration.ok_or_else(|| reader.not_found())?;
            if request.open_content {
                reader.open_declaration(&mut declaration)?;
            }
            Ok(GetDeclarationResponse { declaration: Some(declaration), stamp: Some(stamp) })
        })
        .await
    }

    async fn list_timeline(
        &self,
        request: Request<ListTimelineRequest>,
    ) -> Result<Response<ListTimelineResponse>, Status> {
        let asker = Asker::of(&request)?;
        let mut request = request.into_inner();
        let token = std::mem::take(&mut request.page_token);
        let name = parse_name(&request.name, TIMELINE_KINDS)?;
        let size = page::size(request.page_size)?;
        let page = Page::new(&self.page_key, asker.principal(), "ListTimeline", &request);
        let (times, after) = page.times(&token, request.at.as_ref())?;
        self.answer(times, asker, move |reader, stamp| {
            reader.admit(&name)?;
            let names = reader.related(&name)?;
            let (entries, last, more) = reader.page(&name, &names, after, size)?;
            if entries.is_empty() && !more && after.is_none() {
                return Err(reader.not_found());
            }
            let last = last.filter(|_| more);
            let entries = timeline::timeline(&[&[name][..], &names[..]].concat(), &entries, reader.view());
            let next_page_token = last.map(|last| page.token(reader.view(), &last)).unwrap_or_default();
            Ok(ListTimelineResponse { entries, next_page_token, stamp: Some(stamp) })
        })
        .await
    }

    async fn list_declarations(
        &self,
        request: Request<ListDeclarationsRequest>,
    ) -> Result<Response<ListDeclarationsResponse>, Status> {
        let asker = Asker::of(&request)?;
        let mut request = request.into_inner();
        let token = std::mem::take(&mut request.page_token);
        let name = parse_name(&request.name, &["entity"])?;
        let size = page::size(request.page_size)?;
        let page = Page::new(&self.page_key, asker.principal(), "ListDeclarations", &request);
        let (times, after) = page.times(&token, request.at.as_ref())?;
        self.answer(times, asker, move |reader, stamp| {
            reader.admit(&name)?;
            let about = reader.subject(&name)?;
            if about.is_empty() {
                return Err(reader.not_found());
            }
            let place = |one: &v1::DeclarationSummary| one.source.as_ref().map(|source| source.position);
            let mut declarations = declaration::summaries(&about, reader.view());
            declarations.retain(|one| after.is_none() || place(one) > after);
            let more = declarations.len() > size;
            declarations.truncate(size);
            let last = declarations.last().and_then(place).filter(|_| more);
            let next_page_token = last.map(|last| page.token(reader.view(), &last)).unwrap_or_default();
            Ok(ListDeclarationsResponse { declarations, next_page_token, stamp: Some(stamp) })
        })
        .await
    }

    async fn get_petition(
        &self,
        request: Request<v1::GetPetitionRequest>,
    ) -> Result<Response<v1::GetPetitionResponse>, Status> {
        self.petition(request).await
    }

    async fn get_obligation(
        &self,
        request: Request<v1::GetObligationRequest>,
    ) -> Result<Response<v1::GetObligationResponse>, Status> {
        self.obligation(request).await
    }

    async fn get_verification(
        &self,
        request: Request<v1::GetVerificationRequest>,
    ) -> Result<Response<v1::GetVerificationResponse>, Status> {
        self.verification(request).await
    }

    async fn get_appeal(
        &self,
        request: Request<v1::GetAppealRequest>,
    ) -> Result<Response<v1::GetAppealResponse>, Status> {
        self.appeal(request).await
    }

    async fn get_checklist(
        &self,
        request: Request<v1::GetChecklistRequest>,
    ) -> Result<Response<v1::GetChecklistResponse>, Status> {
        self.checklist(request).await
    }

    async fn list_petitions(
        &self,
        request: Request<v1::ListPetitionsRequest>,
    ) -> Result<Response<v1::ListPetitionsResponse>, Status> {
        self.petitions(request).await
    }

    async fn list_cases(
        &self,
        request: Request<v1::ListCasesRequest>,
    ) -> Result<Response<v1::ListCasesResponse>, Status> {
        self.cases(request).await
    }

    async fn list_decisions(
        &self,
        request: Request<v1::ListDecisionsRequest>,
    ) -> Result<Response<v1::ListDecisionsResponse>, Status> {
        self.decisions(request).await
    }

    async fn list_appeals(
        &self,
        request: Request<v1::ListAppealsRequest>,
    ) -> Result<Response<v1::ListAppealsResponse>, Status> {
        self.appeals(request).await
    }

    async fn list_obligations(
        &self,
        request: Request<v1::ListObligationsRequest>,
    ) -> Result<Response<v1::ListObligationsResponse>, Status> {
        self.obligations(request).await
    }

    async fn list_verifications(
        &self,
        request: Request<v1::ListVerificationsRequest>,
    ) -> Result<Response<v1::ListVerificationsResponse>, Status> {
        self.verifications(request).await
    }

    async fn list_work(&self, request: Request<v1::ListWorkRequest>) -> Result<Response<v1::ListWorkResponse>, Status> {
        self.work(request).await
    }

    async fn list_expiring(
        &self,
        request: Request<v1::ListExpiringRequest>,
    ) -> Result<Response<v1::ListExpiringResponse>, Status> {
        self.expiring(request).await
    }

    async fn list_changes(
        &self,
        request: Request<v1::ListChangesRequest>,
    ) -> Result<Response<v1::ListChangesResponse>, Status> {
        self.changes(request).await
    }

    async fn diff_declarations(
        &self,
        request: Request<v1::DiffDeclarationsRequest>,
    ) -> Result<Response<v1::DiffDeclarationsResponse>, Status> {
        self.difference(request).await
    }

    async fn get_clearance(
        &self,
        request: Request<v1::GetClearanceRequest>,
    ) -> Result<Response<v1::GetClearanceResponse>, Status> {
        self.clearance(request).await
    }

    async fn get_rights(
        &self,
        request: Request<v1::GetRightsRequest>,
    ) -> Result<Response<v1::GetRightsResponse>, Status> {
        self.one_rights(request).await
    }

    async fn list_rights(
        &self,
        request: Request<v1::ListRightsRequest>,
    ) -> Result<Response<v1::ListRightsResponse>, Status> {
        self.each_rights(request).await
    }

    async fn list_disclosures(
        &self,
        request: Request<v1::ListDisclosuresRequest>,
    ) -> Result<Response<v1::ListDisclosuresResponse>, Status> {
        self.disclosures(request).await
    }

    async fn list_notices_due(
        &self,
        request: Request<v1::ListNoticesDueRequest>,
    ) -> Result<Response<v1::ListNoticesDueResponse>, Status> {
        self.notices_due(request).await
    }
}

/// Kinds of streams that a timeline can be asked of.
const TIMELINE_KINDS: &[&str] = &[
    "entity",
    "case",
    "decision",
    "appeal",
    "declaration",
    "obligation",
    "petition",
    "verification",
    "record",
    "erasure",
    "hold",
    "rights",
    "dispute",
    "disclosure",
];

fn parse_name(text: &str, kinds: &'static [&'static str]) -> Result<Name, Refusal> {
    parse_name_in("name", text, kinds)
}

fn parse_name_in(field: &'static str, text: &str, kinds: &'static [&'static str]) -> Result<Name, Refusal> {
    Name::parse(text).ok().filter(|name| kinds.contains(&name.kind())).ok_or(Refusal::FieldInvalid {
        field,
        rule: "NOT_A_NAME",
        words: "a kind that this method takes, a slash, and an id, 26 characters of Crockford base 32 in upper case",
    })
}

#[cfg(test)]
mod tests;

//! `RecordService`: the records of persons and bodies, in two times. Decides nothing about them: it finds the
//! entries of a history, and the folds of [`crate::views`] make the answer.

mod at;
mod errors;
mod open;
mod page;
mod read;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use prost::Message;
use tokio::sync::watch;
use tokio::task;
use tonic::Request;
use tonic::Response;
use tonic::Status;

use crate::clock::Clock;
use crate::log::Name;
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
use crate::server::record_service::at::Times;
use crate::server::record_service::errors::Refusal;
use crate::server::record_service::read::Reader;
use crate::server::services::record_service_server::RecordService;
use crate::views::Histories;
use crate::views::case;
use crate::views::decision;
use crate::views::declaration;
use crate::views::record;
use crate::views::timeline;

pub(super) use page::Page;
pub use page::PageKey;
pub(super) use page::page_size;

/// The service.
pub struct Records<H> {
    histories: Arc<H>,
    applied: watch::Receiver<u64>,
    clock: Clock,
    page_key: PageKey,
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
        Self { histories, applied, clock, page_key }
    }

    /// Waits until the answer can be given, then reads and folds it away from the threads that serve requests.
    async fn answer<A, F>(&self, times: Times, patience: Duration, read: F) -> Result<Response<A>, Status>
    where
        A: Message + 'static,
        F: FnOnce(&mut Reader<'_, H>, Stamp) -> Result<A, Refusal> + Send + 'static,
    {
        let (view, stamp) = self.resolve(times, patience).await?;
        let histories = Arc::clone(&self.histories);
        let work = task::spawn_blocking(move || read(&mut Reader::new(&*histories, view), stamp));
        let answer = work.await.map_err(|_| Refusal::Unreadable)??;
        match answer.encoded_len() {
            len if len <= read::ANSWER_BYTES_MAX => Ok(Response::new(answer)),
            len => Err(Refusal::AnswerTooLarge { found: len, max: read::ANSWER_BYTES_MAX }.into()),
        }
    }
}

#[tonic::async_trait]
impl<H: Histories> RecordService for Records<H> {
    async fn find(&self, request: Request<FindRequest>) -> Result<Response<FindResponse>, Status> {
        let patience = at::patience(request.metadata());
        let FindRequest { scheme, value, at } = request.into_inner();
        read::check_native_id(&scheme, &value)?;
        let times = at::parse(at.as_ref())?;
        self.answer(times, patience, move |reader, stamp| {
            let name = reader.find(&scheme, &value)?.map(|name| name.to_string()).unwrap_or_default();
            Ok(FindResponse { name, stamp: Some(stamp) })
        })
        .await
    }

    async fn get_record(&self, request: Request<GetRecordRequest>) -> Result<Response<GetRecordResponse>, Status> {
        let patience = at::patience(request.metadata());
        let request = request.into_inner();
        let name = parse_name(&request.name, &["entity"])?;
        let times = at::parse(request.at.as_ref())?;
        self.answer(times, patience, move |reader, stamp| {
            let about = reader.subject(&name)?;
            let of_cases = reader.streams(&record::cases_to_read(&about, reader.view()))?;
            let record = record::record(&name, &about, &of_cases, reader.view());
            let mut record = record.ok_or_else(|| reader.not_found())?;
            if request.open_identity {
                reader.open_identity(&mut record)?;
            }
            Ok(GetRecordResponse { record: Some(record), stamp: Some(stamp) })
        })
        .await
    }

    async fn get_case(&self, request: Request<GetCaseRequest>) -> Result<Response<GetCaseResponse>, Status> {
        let patience = at::patience(request.metadata());
        let request = request.into_inner();
        let name = parse_name(&request.name, &["case"])?;
        let times = at::parse(request.at.as_ref())?;
        self.answer(times, patience, move |reader, stamp| {
            let entries = reader.with_related(&name)?;
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
        let patience = at::patience(request.metadata());
        let request = request.into_inner();
        let name = parse_name(&request.name, &["decision"])?;
        let times = at::parse(request.at.as_ref())?;
        self.answer(times, patience, move |reader, stamp| {
            let entries = reader.with_related(&name)?;
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
        let patience = at::patience(request.metadata());
        let request = request.into_inner();
        let name = parse_name(&request.name, &["declaration"])?;
        let times = at::parse(request.at.as_ref())?;
        self.answer(times, patience, move |reader, stamp| {
            let entries = reader.stream(&name)?;
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
        let patience = at::patience(request.metadata());
        let mut request = request.into_inner();
        let token = std::mem::take(&mut request.page_token);
        let name = parse_name(&request.name, &["entity", "case", "decision", "appeal", "declaration", "record"])?;
        let size = page::size(request.page_size)?;
        let page = Page::new(&self.page_key, "ListTimeline", &request);
        let (times, after) = page.times(&token, request.at.as_ref())?;
        self.answer(times, patience, move |reader, stamp| {
            let names = reader.related(&name)?;
            let (entries, more) = reader.page(&name, &names, after, size)?;
            if entries.is_empty() && after.is_none() {
                return Err(reader.not_found());
            }
            let last = entries.last().map(|entry| entry.index).filter(|_| more);
            let entries = timeline::timeline(&[&[name][..], &names[..]].concat(), &entries, reader.view());
            let next_page_token = last.map(|last| page.token(reader.view(), last)).unwrap_or_default();
            Ok(ListTimelineResponse { entries, next_page_token, stamp: Some(stamp) })
        })
        .await
    }

    async fn list_declarations(
        &self,
        request: Request<ListDeclarationsRequest>,
    ) -> Result<Response<ListDeclarationsResponse>, Status> {
        let patience = at::patience(request.metadata());
        let mut request = request.into_inner();
        let token = std::mem::take(&mut request.page_token);
        let name = parse_name(&request.name, &["entity"])?;
        let size = page::size(request.page_size)?;
        let page = Page::new(&self.page_key, "ListDeclarations", &request);
        let (times, after) = page.times(&token, request.at.as_ref())?;
        self.answer(times, patience, move |reader, stamp| {
            let about = reader.subject(&name)?;
            if about.is_empty() {
                return Err(reader.not_found());
            }
            let place = |one: &crate::proto::v1::DeclarationSummary| one.source.as_ref().map(|source| source.position);
            let mut declarations = declaration::summaries(&about, reader.view());
            declarations.retain(|one| after.is_none() || place(one) > after);
            let more = declarations.len() > size;
            declarations.truncate(size);
            let last = declarations.last().and_then(place).filter(|_| more);
            let next_page_token = last.map(|last| page.token(reader.view(), last)).unwrap_or_default();
            Ok(ListDeclarationsResponse { declarations, next_page_token, stamp: Some(stamp) })
        })
        .await
    }
}

fn parse_name(text: &str, kinds: &'static [&'static str]) -> Result<Name, Refusal> {
    Name::parse(text).ok().filter(|name| kinds.contains(&name.kind())).ok_or(Refusal::FieldInvalid {
        field: "name",
        rule: "NOT_A_NAME",
        words: "a kind that this method takes, a slash, and an id",
    })
}
#[cfg(test)]
mod tests;

//! `AccessService`: who read what, and what nobody opens alone.

mod reads;

use std::sync::Arc;

use prost_types::Any;
use tokio::sync::watch;
use tonic::Request;
use tonic::Response;
use tonic::Status;

use crate::access::Caller;
use crate::access::Class;
use crate::access::Custody;
use crate::access::Guard;
use crate::access::Level;
use crate::access::OFFER_S;
use crate::access::ProtectedPart;
use crate::events::EventType;
use crate::log::SealedBy;
use crate::proto::v1;
use crate::server::access_service::reads::Question;
use crate::server::accesses::AccessLog;
use crate::server::convert;
use crate::server::errors::Reason;
use crate::server::errors::of_index;
use crate::server::gate::caller;
use crate::server::gate::denied;
use crate::server::record_service::PageKey;
use crate::server::record_service::Records;
use crate::server::record_service::of_read;
use crate::server::services::access_service_server::AccessService;
use crate::server::services::record_service_server::RecordService as _;
use crate::service::Reader;
use crate::service::Service;
use crate::views::Histories as _;
use crate::views::Opened;

/// The service over one log.
#[derive(Clone, Debug)]
pub struct Protected {
    service: Arc<Service>,
    guard: watch::Receiver<Arc<Guard>>,
    custody: Arc<Custody>,
    /// Of the person that asks.
    records: Arc<Records<Reader>>,
    /// `None`: nothing is recorded.
    log: Option<Arc<AccessLog>>,
    page_key: PageKey,
}

impl Protected {
    /// Over a log and its access log, for the custodians of a policy.
    pub(super) fn new(
        service: Arc<Service>,
        guard: watch::Receiver<Arc<Guard>>,
        custody: Custody,
        records: Arc<Records<Reader>>,
        log: Option<Arc<AccessLog>>,
    ) -> Self {
        let page_key = PageKey(service.keys().page_token_key());
        Self { service, guard, custody: Arc::new(custody), records, log, page_key }
    }

    fn log(&self) -> Result<Arc<AccessLog>, Status> {
        self.log.clone().ok_or_else(|| Reason::AccessLogOff.status("this service keeps no access log", &[]))
    }

    /// Asks the access log on a thread that may wait for the disk.
    async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut Question<'_>, &PageKey) -> Result<T, Status> + Send + 'static,
    ) -> Result<Response<T>, Status> {
        let (log, page_key) = (self.log()?, self.page_key);
        let asked = tokio::task::spawn_blocking(move || ask(&mut Question::of(&log), &page_key)).await;
        asked.map_err(|_| denied())?.map(Response::new)
    }

    fn now_s(&self) -> u64 {
        self.service.clock().unix_ms() / 1000
    }

    /// Whether a principal may take part, as the policy says now.
    fn is_custodian(&self, principal: &str) -> bool {
        let guard = Arc::clone(&self.guard.borrow());
        let principal = guard.policy().and_then(|policy| policy.principal(principal));
        principal.is_some_and(|one| one.role.level == Level::L7 && one.role.classes.has(Class::P5))
    }

    /// A part of class P5.
    fn open(&self, part: ProtectedPart) -> Result<Found, Status> {
        let reader = self.service.reader();
        let Some(read) = reader.entry(part.position).map_err(|error| of_index(&error))? else {
            return Ok(Found::None);
        };
        let Some(manifest) = &read.checked.manifest else { return Ok(Found::None) };
        let number = usize::try_from(part.part).unwrap_or(usize::MAX);
        let is_protected = manifest.parts.get(number).is_some_and(|named| named.class == Class::P5 as u8);
        let event_type = EventType::parse(&manifest.event_type, manifest.version);
        let Some(event_type) = event_type.filter(|_| is_protected) else { return Ok(Found::None) };
        let sealed_by_client = manifest.parts.get(number).is_some_and(|named| named.sealed_by == SealedBy::Client);
        match reader.open_part(part.position, part.part).map_err(of_read)? {
            Opened::Content(value) => {
                let type_url = format!("type.googleapis.com/{}", event_type.message());
                Ok(Found::Content(Any { type_url, value: value.to_vec() }))
            }
            Opened::KeyNotHeld if sealed_by_client => Ok(Found::SealedByClient),
            Opened::Erased { .. } | Opened::KeyNotHeld => Ok(Found::None),
        }
    }
}

/// What there is of a part of class P5.
enum Found {
    Content(Any),
    /// Nobody here can open it.
    SealedByClient,
    /// No such part that can be opened.
    None,
}

/// Emergency accesses that nobody reviewed, by the day on which that is due.
pub(super) fn unreviewed(log: &AccessLog, limit: usize) -> Result<Vec<v1::UnreviewedAccess>, Status> {
    Ok(Question::of(log).unreviewed(limit)?.accesses)
}

fn custodian<T>(request: &Request<T>) -> Result<Caller, Status> {
    let caller = caller(request.extensions())?;
    if caller.is_custodian() { Ok(caller) } else { Err(denied()) }
}

#[tonic::async_trait]
impl AccessService for Protected {
    async fn who_accessed_me(
        &self,
        request: Request<v1::WhoAccessedMeRequest>,
    ) -> Result<Response<v1::WhoAccessedMeResponse>, Status> {
        let caller = caller(request.extensions())?;
        let request = request.into_inner();
        if request.prove {
            reads::sealed(&*self.log()?).await?;
        }
        self.ask(move |question, page_key| question.of_me(&request, &caller, page_key)).await
    }

    async fn my_record(
        &self,
        mut request: Request<v1::MyRecordRequest>,
    ) -> Result<Response<v1::MyRecordResponse>, Status> {
        let caller = caller(request.extensions())?;
        let name = caller.entity().ok_or_else(denied)?.to_string();
        let v1::MyRecordRequest { open_identity, at } = std::mem::take(request.get_mut());
        let (metadata, extensions, _) = request.into_parts();
        let wanted = v1::GetRecordRequest { name, open_identity, at };
        let answer = self.records.get_record(Request::from_parts(metadata, extensions, wanted)).await?.into_inner();
        Ok(Response::new(v1::MyRecordResponse { record: answer.record, stamp: answer.stamp }))
    }

    async fn list_accesses(
        &self,
        request: Request<v1::ListAccessesRequest>,
    ) -> Result<Response<v1::ListAccessesResponse>, Status> {
        let caller = caller(request.extensions())?;
        let request = request.into_inner();
        let answer = self.ask(move |question, page_key| {
            let answer = question.list(&request, &caller, page_key)?;
            reads::note_persons(&answer.accesses, &caller);
            Ok(answer)
        });
        answer.await
    }

    async fn list_unreviewed(
        &self,
        request: Request<v1::ListUnreviewedRequest>,
    ) -> Result<Response<v1::ListUnreviewedResponse>, Status> {
        let caller = caller(request.extensions())?;
        let answer = self.ask(move |question, _| {
            let answer = question.unreviewed(reads::UNREVIEWED_MAX)?;
            for one in &answer.accesses {
                reads::note_persons(one.access.as_slice(), &caller);
            }
            Ok(answer)
        });
        answer.await
    }

    async fn review_emergency(
        &self,
        request: Request<v1::ReviewEmergencyRequest>,
    ) -> Result<Response<v1::ReviewEmergencyResponse>, Status> {
        let caller = caller(request.extensions())?;
        reads::review(self.log()?, request.into_inner(), &caller).await.map(Response::new)
    }

    async fn offer_custody(
        &self,
        request: Request<v1::OfferCustodyRequest>,
    ) -> Result<Response<v1::OfferCustodyResponse>, Status> {
        let caller = custodian(&request)?;
        let v1::OfferCustodyRequest { position, part, to_principal } = request.into_inner();
        caller.note(&format!("position/{position}"));
        if to_principal == caller.principal() || !self.is_custodian(&to_principal) {
            return Err(denied());
        }
        let until_s = self.now_s() + OFFER_S;
        let offer = self.custody.offer(caller.principal(), &to_principal, ProtectedPart { position, part }, until_s);
        let expires_at = Some(convert::timestamp(until_s * 1000));
        Ok(Response::new(v1::OfferCustodyResponse { offer: offer.into(), expires_at }))
    }

    async fn open_protected(
        &self,
        request: Request<v1::OpenProtectedRequest>,
    ) -> Result<Response<v1::OpenProtectedResponse>, Status> {
        let caller = custodian(&request)?;
        let v1::OpenProtectedRequest { position, part, offer } = request.into_inner();
        caller.note(&format!("position/{position}"));
        let part = ProtectedPart { position, part };
        let offered_by = self.custody.offered_by(&offer, caller.principal(), part, self.now_s());
        // Whoever offered may have lost his office since.
        let offered_by = offered_by.filter(|by| self.is_custodian(by)).ok_or_else(denied)?.to_owned();
        let this = self.clone();
        let opened = tokio::task::spawn_blocking(move || this.open(part)).await;
        let (content, sealed_by_client) = match opened.map_err(|_| denied())?? {
            Found::Content(content) => (Some(content), false),
            Found::SealedByClient => (None, true),
            Found::None => return Err(denied()),
        };
        Ok(Response::new(v1::OpenProtectedResponse { content, offered_by, sealed_by_client }))
    }
}

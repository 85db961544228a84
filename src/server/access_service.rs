//! `AccessService`: what nobody opens alone.

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
use crate::proto::v1;
use crate::server::convert;
use crate::server::errors::of_index;
use crate::server::gate::caller;
use crate::server::gate::denied;
use crate::server::record_service::of_read;
use crate::server::services::access_service_server::AccessService;
use crate::service::Service;
use crate::views::Histories as _;
use crate::views::Opened;

/// The service over one log.
#[derive(Clone, Debug)]
pub struct Protected {
    service: Arc<Service>,
    guard: watch::Receiver<Arc<Guard>>,
    custody: Arc<Custody>,
}

impl Protected {
    /// Over a log, for the custodians of a policy.
    pub(super) fn new(service: Arc<Service>, guard: watch::Receiver<Arc<Guard>>, custody: Custody) -> Self {
        Self { service, guard, custody: Arc::new(custody) }
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

    /// The content of a part of class P5; `None` where there is no such part that can be opened.
    fn open(&self, part: ProtectedPart) -> Result<Option<Any>, Status> {
        let reader = self.service.reader();
        let Some(read) = reader.entry(part.position).map_err(|error| of_index(&error))? else { return Ok(None) };
        let Some(manifest) = &read.checked.manifest else { return Ok(None) };
        let number = usize::try_from(part.part).unwrap_or(usize::MAX);
        let is_protected = manifest.parts.get(number).is_some_and(|named| named.class == Class::P5 as u8);
        let event_type = EventType::parse(&manifest.event_type, manifest.version);
        let Some(event_type) = event_type.filter(|_| is_protected) else { return Ok(None) };
        match reader.open_part(part.position, part.part).map_err(of_read)? {
            Opened::Content(value) => {
                let type_url = format!("type.googleapis.com/{}", event_type.message());
                Ok(Some(Any { type_url, value: value.to_vec() }))
            }
            Opened::Erased { .. } | Opened::KeyNotHeld => Ok(None),
        }
    }
}

fn custodian<T>(request: &Request<T>) -> Result<Caller, Status> {
    let caller = caller(request.extensions())?;
    if caller.is_custodian() { Ok(caller) } else { Err(denied()) }
}

#[tonic::async_trait]
impl AccessService for Protected {
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
        let content = opened.map_err(|_| denied())??.ok_or_else(denied)?;
        Ok(Response::new(v1::OpenProtectedResponse { content: Some(content), offered_by }))
    }
}

//! `AdminService`: what an operator asks of the running service.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::Stream;
use tokio::sync::mpsc;
use tokio::sync::watch;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Request;
use tonic::Response;
use tonic::Status;

use crate::access::Guard;
use crate::events::EventType;
use crate::index::Beside;
use crate::index::IndexError;
use crate::ledger::EVENT_BYTES_MAX;
use crate::ledger::REQUEST_BYTES_MAX;
use crate::ledger::Vault;
use crate::log::EVENTS_PER_REQUEST_MAX;
use crate::proto::v1;
use crate::sequencer::Limits;
use crate::server::convert;
use crate::server::erasures;
use crate::server::errors::Reason;
use crate::server::errors::field_invalid;
use crate::server::errors::of_index;
use crate::server::gate;
use crate::server::read::MESSAGE_BYTES_MAX;
use crate::server::services::admin_service_server::AdminService;
use crate::service::Service;

/// Said at every start and to everybody who asks, where there is no policy.
pub const NO_ACCESS_CONTROL: &str =
    "no access control without a policy: not for real people's data on a shared machine";

/// The name of the one view there is.
const PLACES: &str = "places";

/// The service over one log.
#[derive(Clone, Debug)]
pub struct Admin {
    service: Arc<Service>,
    limits: Limits,
    guard: watch::Receiver<Arc<Guard>>,
    started_at_ms: u64,
}

impl Admin {
    /// Over a log.
    pub fn new(service: Arc<Service>, limits: Limits, guard: watch::Receiver<Arc<Guard>>) -> Self {
        let started_at_ms = service.clock().unix_ms();
        Self { service, limits, guard, started_at_ms }
    }
}

fn small(number: usize) -> u32 {
    u32::try_from(number).expect("limits are far below 4 GiB")
}

#[tonic::async_trait]
impl AdminService for Admin {
    async fn get_server_info(
        &self,
        _: Request<v1::GetServerInfoRequest>,
    ) -> Result<Response<v1::GetServerInfoResponse>, Status> {
        let appendable = EventType::ALL.into_iter().filter(|event_type| convert::is_appendable(*event_type));
        Ok(Response::new(v1::GetServerInfoResponse {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            origin: self.service.vault().origin().to_owned(),
            format_version: 1,
            limits: Some(v1::Limits {
                event_bytes_max: small(EVENT_BYTES_MAX),
                append_events_max: u32::from(EVENTS_PER_REQUEST_MAX),
                append_bytes_max: small(REQUEST_BYTES_MAX),
                response_bytes_max: small(MESSAGE_BYTES_MAX),
                page_size_max: 1000,
                queue_requests_max: self.limits.requests_max,
                queue_bytes_max: self.limits.bytes_max,
            }),
            event_types: appendable
                .map(|event_type| format!("{}/{}", event_type.name(), event_type.version()))
                .collect(),
            warnings: if self.guard.borrow().is_on() { Vec::new() } else { vec![NO_ACCESS_CONTROL.to_owned()] },
            started_at: Some(convert::timestamp(self.started_at_ms)),
        }))
    }

    async fn list_views(&self, _: Request<v1::ListViewsRequest>) -> Result<Response<v1::ListViewsResponse>, Status> {
        let index = self.service.index();
        let halted = index.halted();
        let beside = index.beside().map_err(|error| of_index(&error))?;
        let state = if halted.is_some() { v1::ViewState::Halted } else { v1::ViewState::Live };
        let view = v1::View {
            name: PLACES.to_owned(),
            generation: index.generation(),
            state: state.into(),
            position: index.position().size.checked_sub(1),
            halted_at: halted.as_ref().map(|halted| halted.at),
            reason: halted.map(|halted| halted.why).unwrap_or_default(),
            beside: match beside {
                Beside::Nothing => v1::Beside::Unspecified,
                Beside::Candidate => v1::Beside::Candidate,
                Beside::Previous => v1::Beside::Previous,
            }
            .into(),
        };
        Ok(Response::new(v1::ListViewsResponse { views: vec![view] }))
    }

    async fn request_erasure(
        &self,
        request: Request<v1::RequestErasureRequest>,
    ) -> Result<Response<v1::RequestErasureResponse>, Status> {
        let caller = gate::caller(request.extensions())?;
        let service = Arc::clone(&self.service);
        erasures::request(service, &caller, request.into_inner()).await.map(Response::new)
    }

    async fn approve_erasure(
        &self,
        request: Request<v1::ApproveErasureRequest>,
    ) -> Result<Response<v1::ApproveErasureResponse>, Status> {
        let caller = gate::caller(request.extensions())?;
        let service = Arc::clone(&self.service);
        erasures::approve(service, caller.principal(), request.into_inner()).await.map(Response::new)
    }

    async fn list_erasures(
        &self,
        request: Request<v1::ListErasuresRequest>,
    ) -> Result<Response<v1::ListErasuresResponse>, Status> {
        let erasures = erasures::list(&self.service, request.into_inner().open_only)?;
        Ok(Response::new(v1::ListErasuresResponse { erasures }))
    }

    type RebuildViewsStream = Steps<v1::RebuildViewsResponse>;

    async fn rebuild_views(
        &self,
        request: Request<v1::RebuildViewsRequest>,
    ) -> Result<Response<Self::RebuildViewsStream>, Status> {
        let (service, hold) = (Arc::clone(&self.service), request.into_inner().hold);
        not_halted(&service)?;
        Ok(Response::new(steps(move |sender| {
            let step = |done: u64, goal: u64| v1::RebuildViewsResponse {
                position: done.saturating_sub(1),
                head_position: goal.saturating_sub(1),
                ..v1::RebuildViewsResponse::default()
            };
            let rebuilt = service.index().rebuild(service.store(), service.vault(), |done, goal| {
                sender.tell(step(done, goal));
            })?;
            let mut last = v1::RebuildViewsResponse {
                done: true,
                equal: rebuilt.equal,
                generation: rebuilt.generation,
                ..step(rebuilt.position.size, service.head().borrow().size)
            };
            if !hold {
                let keep = !rebuilt.equal;
                let promoted = service.index().promote(service.store(), service.vault(), keep, |done, goal| {
                    sender.tell(step(done, goal));
                })?;
                if let Some(promoted) = promoted {
                    last.generation = promoted.generation;
                    last.position = promoted.position.size.saturating_sub(1);
                }
            }
            Ok(last)
        })))
    }

    type PromoteViewsStream = Steps<v1::PromoteViewsResponse>;

    async fn promote_views(
        &self,
        request: Request<v1::PromoteViewsRequest>,
    ) -> Result<Response<Self::PromoteViewsStream>, Status> {
        let wanted = match request.into_inner().beside() {
            v1::Beside::Candidate => Beside::Candidate,
            v1::Beside::Previous => Beside::Previous,
            v1::Beside::Unspecified => return Err(field_invalid("beside", "REQUIRED", "it says what is to answer")),
        };
        let service = Arc::clone(&self.service);
        not_halted(&service)?;
        let nothing = || Reason::NothingToPromote.status("there is no such view beside the live one", &[]);
        if service.index().beside().map_err(|error| of_index(&error))? != wanted {
            return Err(nothing());
        }
        Ok(Response::new(steps(move |sender| {
            let step = |done: u64, goal: u64| v1::PromoteViewsResponse {
                position: done.saturating_sub(1),
                head_position: goal.saturating_sub(1),
                ..v1::PromoteViewsResponse::default()
            };
            let promoted = service.index().promote(service.store(), service.vault(), true, |done, goal| {
                sender.tell(step(done, goal));
            })?;
            let promoted = promoted.ok_or_else(nothing)?;
            let head = service.head().borrow().size;
            let last = step(promoted.position.size, head);
            Ok(v1::PromoteViewsResponse { done: true, generation: promoted.generation, ..last })
        })))
    }

    type ResumeViewsStream = Steps<v1::ResumeViewsResponse>;

    async fn resume_views(
        &self,
        _: Request<v1::ResumeViewsRequest>,
    ) -> Result<Response<Self::ResumeViewsStream>, Status> {
        let service = Arc::clone(&self.service);
        Ok(Response::new(steps(move |sender| {
            let head_position = service.head().borrow().size - 1;
            let step = |done: u64| v1::ResumeViewsResponse {
                position: done.saturating_sub(1),
                head_position,
                ..v1::ResumeViewsResponse::default()
            };
            let folded = service.resume_views(|done| sender.tell(step(done)))?;
            Ok(v1::ResumeViewsResponse { done: true, ..step(folded) })
        })))
    }
}

/// What is built while the views have halted would end where they do, and forget what was erased behind.
fn not_halted(service: &Service) -> Result<(), Status> {
    match service.index().halted() {
        Some(halted) => Err(Reason::ViewHalted.status(halted.why, &[("position", halted.at.to_string())])),
        None => Ok(()),
    }
}

/// Progress, then the last message.
type Steps<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Where long work tells how far it is.
struct Told<T>(mpsc::Sender<Result<T, Status>>);

impl<T> Told<T> {
    /// Whoever does not look misses a step of the progress, and nothing else.
    fn tell(&self, step: T) {
        drop(self.0.try_send(Ok(step)));
    }
}

/// Why long work failed.
struct Failed(Status);

impl From<IndexError> for Failed {
    fn from(error: IndexError) -> Self {
        Self(of_index(&error))
    }
}

impl From<Status> for Failed {
    fn from(status: Status) -> Self {
        Self(status)
    }
}

/// Does long work beside the calls, and gives its steps and its last message.
fn steps<T: Send + 'static>(work: impl FnOnce(&Told<T>) -> Result<T, Failed> + Send + 'static) -> Steps<T> {
    let (sender, receiver) = mpsc::channel(16);
    tokio::task::spawn_blocking(move || {
        let told = Told(sender);
        let last = work(&told).map_err(|Failed(status)| status);
        drop(told.0.blocking_send(last));
    });
    Box::pin(ReceiverStream::new(receiver))
}

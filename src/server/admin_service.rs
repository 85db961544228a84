//! `AdminService`: what an operator asks of the running service.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::Stream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Request;
use tonic::Response;
use tonic::Status;

use crate::events::EventType;
use crate::ledger::EVENT_BYTES_MAX;
use crate::ledger::REQUEST_BYTES_MAX;
use crate::ledger::Vault;
use crate::log::EVENTS_PER_REQUEST_MAX;
use crate::proto::v1;
use crate::sequencer::Limits;
use crate::server::convert;
use crate::server::errors::of_index;
use crate::server::read::MESSAGE_BYTES_MAX;
use crate::server::services::admin_service_server::AdminService;
use crate::service::Service;

/// Said at every start and to everybody who asks, until there is access control.
pub const NO_ACCESS_CONTROL: &str = "no access control yet: not for real people's data on a shared machine";

/// The name of the one view there is.
const PLACES: &str = "places";

/// The service over one log.
#[derive(Clone, Debug)]
pub struct Admin {
    service: Arc<Service>,
    limits: Limits,
    started_at_ms: u64,
}

impl Admin {
    /// Over a log.
    pub fn new(service: Arc<Service>, limits: Limits) -> Self {
        let started_at_ms = service.clock().unix_ms();
        Self { service, limits, started_at_ms }
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
        let appendable = EventType::ALL.into_iter().filter(|event_type| *event_type != EventType::EntryErased);
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
            warnings: vec![NO_ACCESS_CONTROL.to_owned()],
            started_at: Some(convert::timestamp(self.started_at_ms)),
        }))
    }

    async fn list_views(&self, _: Request<v1::ListViewsRequest>) -> Result<Response<v1::ListViewsResponse>, Status> {
        let index = self.service.index();
        let view = v1::View {
            name: PLACES.to_owned(),
            generation: index.generation(),
            state: v1::ViewState::Live.into(),
            position: index.position().size.checked_sub(1),
            reason: String::new(),
        };
        Ok(Response::new(v1::ListViewsResponse { views: vec![view] }))
    }

    type RebuildViewsStream = Pin<Box<dyn Stream<Item = Result<v1::RebuildViewsResponse, Status>> + Send>>;

    async fn rebuild_views(
        &self,
        _: Request<v1::RebuildViewsRequest>,
    ) -> Result<Response<Self::RebuildViewsStream>, Status> {
        let service = Arc::clone(&self.service);
        let (sender, receiver) = mpsc::channel(16);
        tokio::task::spawn_blocking(move || {
            let progress = |done: u64, goal: u64| {
                let message = v1::RebuildViewsResponse {
                    position: done.saturating_sub(1),
                    head_position: goal.saturating_sub(1),
                    ..v1::RebuildViewsResponse::default()
                };
                // Whoever does not look misses a step of the progress, and nothing else.
                drop(sender.try_send(Ok(message)));
            };
            let rebuilt = service.index().rebuild(service.store(), service.vault(), progress);
            let last = rebuilt.map_err(|error| of_index(&error)).map(|rebuilt| v1::RebuildViewsResponse {
                position: rebuilt.position.size.saturating_sub(1),
                head_position: service.head().borrow().size - 1,
                done: true,
                equal: rebuilt.equal,
                generation: rebuilt.generation,
            });
            drop(sender.blocking_send(last));
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}

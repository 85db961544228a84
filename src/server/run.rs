//! Serving: a listener, the services, and an orderly end with a hard deadline.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use rand::Rng as _;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic_health::server::HealthReporter;
use tower::util::MapRequestLayer;
use tower::util::MapResponseLayer;
use zeroize::Zeroizing;

use crate::access::Custody;
use crate::delivery;
use crate::delivery::Jobs;
use crate::delivery::Keeper;
use crate::delivery::Maker;
use crate::delivery::Planned;
use crate::delivery::Profiles;
use crate::events::DESCRIPTORS;
use crate::http;
use crate::http::Access;
use crate::http::Door;
use crate::http::Requests;
use crate::ledger::Head;
use crate::reload::Current;
use crate::sequencer::Health;
use crate::sequencer::Limits;
use crate::server::access_service::Protected;
use crate::server::accesses::AccessLog;
use crate::server::admin_service::Admin;
use crate::server::appends::Appends;
use crate::server::arriving::Arriving;
use crate::server::calls::Calls;
use crate::server::calls::Counted;
use crate::server::export_service::Exports;
use crate::server::figures;
use crate::server::gate::Guarded;
use crate::server::ledger_service::Ledger;
use crate::server::proof_service::Prover;
use crate::server::record_service::PageKey;
use crate::server::record_service::Records;
use crate::server::services::access_service_server::AccessServiceServer;
use crate::server::services::admin_service_server::AdminServiceServer;
use crate::server::services::export_service_server::ExportServiceServer;
use crate::server::services::ledger_service_server::LedgerServiceServer;
use crate::server::services::proof_service_server::ProofServiceServer;
use crate::server::services::record_service_server::RecordServiceServer;
use crate::server::unread;
use crate::server::unread::MESSAGE_READ_BYTES_MAX;
use crate::service;
use crate::service::OpenError;
use crate::service::Options;
use crate::service::Service;
use crate::store::SledStore;
use crate::tls;
use crate::witness;

/// Streams that one connection may have open.
const STREAMS_PER_CONNECTION: u32 = 256;

/// How long a connection is kept, so that a certificate that is over does not live on in it.
const CONNECTION_AGE: Duration = Duration::from_hours(1);

/// How long what is open on it may then go on: without an end, whoever never reads an answer would keep it for ever.
const CONNECTION_GRACE: Duration = Duration::from_hours(1);

/// Bytes of the headers of a call: a token has 8 KiB at most.
const HEADERS_BYTES_MAX: u32 = 16 << 10;

/// Streams that a client opened and gave up again before anybody looked; with more of them its connection ends (CVE-2023-44487).
const RESETS_PENDING_MAX: usize = 20;

/// Streams that were ended for the errors of their client; with more of them its connection ends (CVE-2025-8671).
const RESETS_LOCAL_MAX: usize = 256;

/// How the service is served.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Where; port 0 picks one.
    pub listen: SocketAddr,
    /// Of the queue, to tell clients.
    pub limits: Limits,
    /// How long calls may take to end when the service stops; then they are cut.
    pub stop_within: Duration,
}

/// Why it could not be served.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The address cannot be had.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// As configured.
        address: SocketAddr,
        /// What the system said.
        error: String,
    },
    /// The access log cannot be opened, and without it nobody could be let in.
    #[error("the access log: {0}")]
    AccessLog(#[source] OpenError),
    /// What was exported cannot be read.
    #[error("the folder exports of the data folder cannot be read: {0}")]
    Exports(std::io::Error),
    /// The connection layer failed.
    #[error("the server stopped: {0}")]
    Transport(#[from] tonic::transport::Error),
    /// The log could not be closed in order; nothing acknowledged is lost.
    #[error(transparent)]
    Close(#[from] OpenError),
}

/// A service that takes calls.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    service: Arc<Service>,
    /// The access log.
    accesses: Option<Arc<Service>>,
    log: Option<Arc<AccessLog>>,
    current: Current,
    metrics: Arc<Registry>,
    /// Counts requests over HTTP.
    requests: Arc<Requests>,
    stop: CancellationToken,
    served: JoinHandle<Result<(), tonic::transport::Error>>,
    /// Schedules of exports.
    kept: Vec<JoinHandle<()>>,
    stop_within: Duration,
}

/// Serves a log, with the profiles of every program and no schedule of exports.
///
/// # Errors
///
/// The address cannot be had; the log is closed again.
pub async fn serve(service: Service, settings: Settings) -> Result<Running, ServeError> {
    serve_with_exports(service, settings, Vec::new(), Profiles::shipped()).await
}

/// Serves a log to whoever reaches it, and keeps the schedules of exports.
///
/// # Errors
///
/// As [`serve_behind`].
pub async fn serve_with_exports(
    service: Service,
    settings: Settings,
    planned: Vec<Planned>,
    profiles: Profiles,
) -> Result<Running, ServeError> {
    serve_behind(Current::open(), service, settings, planned, profiles).await
}

/// Serves a log to those whom a guard lets in, and keeps the schedules of exports. Where there is access control, reads are
/// recorded in the access log beside it, which is made where there is none.
///
/// # Errors
///
/// As [`serve_recording`]; or the access log cannot be opened.
pub async fn serve_behind(
    current: Current,
    service: Service,
    settings: Settings,
    planned: Vec<Planned>,
    profiles: Profiles,
) -> Result<Running, ServeError> {
    let options = current.guard.borrow().is_on().then(|| Options::of_accesses(&service)).flatten();
    let Some(options) = options else {
        return serve_recording(current, service, None, settings, planned, profiles).await;
    };
    let clock = Arc::clone(service.clock());
    let opened = tokio::task::spawn_blocking(move || service::open(&options, clock, |_| ())).await;
    match opened.unwrap_or_else(|error| Err(std::io::Error::other(error).into())) {
        Ok(accesses) => serve_recording(current, service, Some(accesses), settings, planned, profiles).await,
        Err(error) => {
            service.stop()?;
            Err(ServeError::AccessLog(error))
        }
    }
}

/// Serves a log, and records in another who reads it. Without that other one, nobody reads where there is access control.
///
/// # Errors
///
/// The address cannot be had, or the folder of exports not be read; both logs are closed again.
pub async fn serve_recording(
    current: Current,
    service: Service,
    accesses: Option<Service>,
    settings: Settings,
    planned: Vec<Planned>,
    profiles: Profiles,
) -> Result<Running, ServeError> {
    let listening = |error: String| ServeError::Listen { address: settings.listen, error };
    let close_both = |service: Service, accesses: Option<Service>| -> Result<(), OpenError> {
        let closed = service.stop();
        accesses.map_or(Ok(()), Service::stop).and(closed)
    };
    let listener = match TcpListener::bind(settings.listen).await {
        Ok(listener) => listener,
        Err(error) => {
            close_both(service, accesses)?;
            return Err(listening(error.to_string()));
        }
    };
    let address = listener.local_addr().map_err(|error| listening(error.to_string()))?;
    let stop = CancellationToken::new();
    let (jobs, maker) = match exports(&service, planned.len(), profiles, &stop) {
        Ok(exports) => exports,
        Err(error) => {
            close_both(service, accesses)?;
            return Err(ServeError::Exports(error));
        }
    };
    let service = Arc::new(service);
    let accesses = accesses.map(Arc::new);
    let reader = service.reader().clone();
    let log = accesses.clone().map(|accesses| AccessLog::new(accesses, reader).map(Arc::new)).transpose();
    let log = match log {
        Ok(log) => log,
        Err(error) => {
            let closed = close(service);
            accesses.map_or(Ok(()), close).and(closed)?;
            return Err(ServeError::AccessLog(error.into()));
        }
    };
    let (health_reporter, health) = tonic_health::server::health_reporter();
    if let Some(witnesses) = service.witnesses() {
        tokio::spawn(report_witnesses(health_reporter.clone(), witnesses.clone(), stop.clone()));
    }
    if let Some(accesses) = &accesses {
        tokio::spawn(report_accesses(health_reporter.clone(), accesses.health(), stop.clone()));
    }
    tokio::spawn(report_health(health_reporter, service.health(), stop.clone()));
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .expect("the descriptors were made by the build")
        .max_decoding_message_size(MESSAGE_READ_BYTES_MAX);
    let health = health.max_decoding_message_size(MESSAGE_READ_BYTES_MAX);
    let mut registry = Registry::default();
    figures::register(&service, &maker.figures, log.as_ref(), &mut registry);
    let counted = registry.sub_registry_with_prefix("probity");
    let appends = Arc::new(Appends::new(counted));
    let calls = Arc::new(Calls::new(counted, Arc::clone(&appends)));
    let requests = Arc::new(Requests::new(counted));
    let ledger = LedgerServiceServer::new(Ledger::new(Arc::clone(&service), appends, stop.clone()))
        .max_decoding_message_size(MESSAGE_READ_BYTES_MAX);
    let admin = AdminServiceServer::new(Admin::new(Arc::clone(&service), settings.limits, current.guard.clone()))
        .max_decoding_message_size(MESSAGE_READ_BYTES_MAX);
    let all_records = Records::new(
        Arc::new(service.reader().clone()),
        applied(service.head(), stop.clone()),
        Arc::clone(service.clock()),
        PageKey(service.keys().page_token_key()),
    );
    let all_records = all_records.under(service.disclosure().clone());
    let all_records = Arc::new(all_records.disclosing(Arc::clone(&service)).reviewing(log.clone()));
    let records =
        RecordServiceServer::from_arc(Arc::clone(&all_records)).max_decoding_message_size(MESSAGE_READ_BYTES_MAX);
    let prover = ProofServiceServer::new(Prover::new(Arc::clone(&service), stop.clone()))
        .max_decoding_message_size(MESSAGE_READ_BYTES_MAX);
    jobs.resume();
    let page_key = PageKey(service.keys().page_token_key());
    let exports = ExportServiceServer::new(Exports::new(jobs, page_key, stop.clone()))
        .max_decoding_message_size(MESSAGE_READ_BYTES_MAX);
    let mut custody_key = Zeroizing::new([0; 32]);
    rand::rng().fill_bytes(&mut *custody_key);
    let custody = Custody::new(&custody_key);
    let guard = current.guard.clone();
    let protected = Protected::new(Arc::clone(&service), guard, custody, all_records, log.clone());
    let protected = AccessServiceServer::new(protected).max_decoding_message_size(MESSAGE_READ_BYTES_MAX);
    let kept = planned.into_iter().enumerate().map(|(number, planned)| {
        let keeper = Keeper::new(planned, number, maker.clone());
        tokio::spawn(keeper.keep(Arc::clone(service.clock()), stop.clone()))
    });
    let kept = kept.collect();
    let incoming = tls::connections(listener, current.acceptor.clone(), current.bounds, stop.clone());
    let arriving = Arriving::new(current.bounds);
    if let Some(log) = &log {
        tokio::spawn(AccessLog::keep_telling(Arc::downgrade(log), stop.clone()));
    }
    let guarded = Guarded { guard: current.guard.clone(), clock: Arc::clone(service.clock()), log: log.clone() };
    let router = Server::builder()
        .max_connection_age(CONNECTION_AGE)
        .max_connection_age_grace(CONNECTION_GRACE)
        .http2_max_header_list_size(HEADERS_BYTES_MAX)
        .http2_max_pending_accept_reset_streams(Some(RESETS_PENDING_MAX))
        .http2_max_local_error_reset_streams(Some(RESETS_LOCAL_MAX))
        .max_concurrent_streams(STREAMS_PER_CONNECTION)
        .initial_stream_window_size(4 << 20)
        .initial_connection_window_size(8 << 20)
        .http2_keepalive_interval(Some(Duration::from_secs(20)))
        .http2_keepalive_timeout(Some(Duration::from_secs(10)))
        .layer(Counted(calls))
        .layer(guarded)
        .layer(MapRequestLayer::new(move |request| arriving.watch(request)))
        .layer(MapResponseLayer::new(unread::of_answer))
        .add_service(health)
        .add_service(reflection)
        .add_service(ledger)
        .add_service(prover)
        .add_service(records)
        .add_service(admin)
        .add_service(exports)
        .add_service(protected);
    let stopped = stop.clone();
    let served = tokio::spawn(router.serve_with_incoming_shutdown(incoming, async move { stopped.cancelled().await }));
    let metrics = Arc::new(registry);
    Ok(Running {
        address,
        service,
        accesses,
        log,
        current,
        metrics,
        requests,
        stop,
        served,
        kept,
        stop_within: settings.stop_within,
    })
}

/// What was asked for, and who makes it.
fn exports(
    service: &Service,
    schedules: usize,
    profiles: Profiles,
    stop: &CancellationToken,
) -> std::io::Result<(Arc<Jobs>, Maker)> {
    // A log in memory has no folder of its own.
    let folder = service.sled().map_or_else(std::env::temp_dir, |sled| sled.data().to_owned()).join("exports");
    let maker = Maker {
        reader: service.reader().clone(),
        spool: folder.join("spool"),
        reserve_bytes: service.sled().map_or(0, SledStore::reserve_bytes),
        slot: Arc::new(Semaphore::new(1)),
        figures: Arc::new(delivery::Figures::of(schedules)),
    };
    let clock = Arc::clone(service.clock());
    let jobs = Jobs::open(folder.join("asked"), maker.clone(), profiles, clock, stop.clone())?;
    Ok((jobs, maker))
}

impl Running {
    /// The access log, where reads are recorded.
    pub const fn accesses(&self) -> Option<&Arc<Service>> {
        self.accesses.as_ref()
    }

    /// The log that is served.
    pub fn service(&self) -> &Arc<Service> {
        &self.service
    }

    /// Serves the metrics over HTTP, on a listener that [`http::bind`] gave, until the service stops.
    pub fn serve_metrics(&self, listener: TcpListener) {
        self.serve_pages(listener, Access::default(), self.metrics_pages());
    }

    /// Serves checkpoint and tiles over HTTP, in the same way, and with `metrics` those too.
    pub fn serve_log(&self, listener: TcpListener, access: Access, metrics: bool) {
        let pages = http::log_pages(self.service.proofs().cloned(), access.clone());
        self.serve_pages(listener, access, if metrics { pages.merge(self.metrics_pages()) } else { pages });
    }

    fn metrics_pages(&self) -> Router {
        let metrics = Arc::clone(&self.metrics);
        http::metrics_pages(Arc::new(move || {
            let mut page = String::new();
            encode(&mut page, &metrics).map(|()| page)
        }))
    }

    fn serve_pages(&self, listener: TcpListener, access: Access, pages: Router) {
        let Current { guard, acceptor, bounds } = self.current.clone();
        let head_within = bounds.handshake_within();
        let door = Door { guard, acceptor, access, clock: Arc::clone(self.service.clock()), head_within };
        tokio::spawn(http::serve_behind(door, listener, pages, Arc::clone(&self.requests), self.stop.clone()));
    }

    /// Takes no more calls, lets those that are under way end, within the deadline, and closes the log.
    ///
    /// # Errors
    ///
    /// The log could not be closed in order; nothing acknowledged is lost.
    pub async fn stop(self) -> Result<(), ServeError> {
        let Self { service, accesses, log, stop, mut served, kept, stop_within, .. } = self;
        stop.cancel();
        // A graceful end can wait for ever on a connection that does not end; so the deadline is hard.
        if tokio::time::timeout(stop_within, &mut served).await.is_err() {
            tracing::warn!("calls did not end in time and were cut");
            served.abort();
            drop(served.await);
        }
        if let Some(log) = log {
            // Who was turned away since is not forgotten.
            log.tell_turned_away(None).await;
        }
        for kept in kept {
            // They look at nothing else than the end.
            drop(kept.await);
        }
        let closed = tokio::task::spawn_blocking(move || {
            let closed = close(service);
            accesses.map_or(Ok(()), close).and(closed)
        });
        match closed.await {
            Ok(closed) => Ok(closed?),
            Err(_) => Ok(()),
        }
    }
}

/// The index of the last entry that queries answer from: the last durable one, since the index is written before the
/// head is told.
fn applied(mut head: watch::Receiver<Head>, stop: CancellationToken) -> watch::Receiver<u64> {
    let last = |head: &Head| head.size.saturating_sub(1);
    let (sender, receiver) = watch::channel(last(&head.borrow_and_update()));
    tokio::spawn(async move {
        let follow = async {
            while head.changed().await.is_ok() {
                sender.send_replace(last(&head.borrow_and_update()));
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = follow => {}
        }
    });
    receiver
}

/// Closes the log when the last call has let go of it.
fn close(mut service: Arc<Service>) -> Result<(), OpenError> {
    for _ in 0..200 {
        match Arc::try_unwrap(service) {
            Ok(service) => return service.stop(),
            Err(shared) => service = shared,
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    tracing::warn!("a call still holds the log; it is left as after a crash, which loses nothing");
    if service.is_lost() {
        // Whoever let go of it last would wait for a thread that is dead.
        std::mem::forget(service);
    }
    Ok(())
}

/// Health under the name `witnesses`: not serving once one of them contradicts the log, or while nothing is written for
/// the lack of them.
async fn report_witnesses(
    reporter: HealthReporter,
    mut state: watch::Receiver<witness::State>,
    stop: CancellationToken,
) {
    loop {
        let good = state.borrow_and_update().is_good();
        let status = if good { tonic_health::ServingStatus::Serving } else { tonic_health::ServingStatus::NotServing };
        reporter.set_service_status("witnesses", status).await;
        tokio::select! {
            () = stop.cancelled() => return,
            changed = state.changed() => if changed.is_err() { return },
        }
    }
}

/// Health under the name `accesses`: not serving once reads cannot be put on record, and so are not answered.
async fn report_accesses(reporter: HealthReporter, mut health: watch::Receiver<Health>, stop: CancellationToken) {
    loop {
        let writing = *health.borrow_and_update() == Health::Writing;
        let status =
            if writing { tonic_health::ServingStatus::Serving } else { tonic_health::ServingStatus::NotServing };
        reporter.set_service_status("accesses", status).await;
        tokio::select! {
            () = stop.cancelled() => return,
            changed = health.changed() => if changed.is_err() { return },
        }
    }
}

/// Health of the whole service and of each of its parts; appends are not served once the writer has stopped.
async fn report_health(reporter: HealthReporter, mut health: watch::Receiver<Health>, stop: CancellationToken) {
    reporter.set_serving::<AdminServiceServer<Admin>>().await;
    loop {
        let writing = *health.borrow_and_update() == Health::Writing;
        let status =
            if writing { tonic_health::ServingStatus::Serving } else { tonic_health::ServingStatus::NotServing };
        reporter.set_service_status("", status).await;
        reporter.set_service_status("probity.v1.LedgerService", status).await;
        let ended = tokio::select! {
            () = stop.cancelled() => true,
            changed = health.changed() => changed.is_err(),
        };
        if ended {
            reporter.set_service_status("", tonic_health::ServingStatus::NotServing).await;
            reporter.set_service_status("probity.v1.LedgerService", tonic_health::ServingStatus::NotServing).await;
            return;
        }
    }
}

//! Plain HTTP beside gRPC: the published log as files that never change, for anybody's tools, and the metrics. Knows
//! nothing of cases, and gives nothing that is not published.

mod access;
mod door;
mod metrics;
mod requests;
mod tiles;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::Router;
use axum::extract::Request;
use axum::extract::State;
use axum::middleware;
use axum::middleware::Next;
use axum::response::Response;
use hyper::StatusCode;
use hyper::header::CACHE_CONTROL;
use hyper::header::CONTENT_TYPE;
use hyper::header::HeaderValue;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::tls::Acceptor;
use crate::tls::Transport;

pub use access::Access;
pub use door::Door;
pub use metrics::METRICS;
pub use metrics::Page;
pub use metrics::metrics_pages;
pub use requests::Requests;
pub use tiles::log_pages;

/// How long an answer may take to be made.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many may be connected, and how long one waits for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Connections at once; whoever comes then waits. At least 1.
    pub connections_max: usize,
    /// How long a request's head may take to come, and how long a connection may say nothing.
    pub head: Duration,
    /// How long a connection is kept for further requests, so that places go round.
    pub connection: Duration,
    /// How long the last answer of a connection may then take to be read.
    pub last_answer: Duration,
    /// How long an answer that is under way may take when all is to end.
    pub farewell: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connections_max: 256,
            head: Duration::from_secs(10),
            connection: Duration::from_mins(10),
            last_answer: Duration::from_mins(1),
            farewell: Duration::from_secs(2),
        }
    }
}

/// How long to wait after the system gave no connection, as when no file handle is left.
const PAUSE: Duration = Duration::from_millis(100);

/// Text for people.
const PLAIN: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// Nobody may give it again without asking.
const NOT_KEPT: HeaderValue = HeaderValue::from_static("no-cache");

/// Listens; port 0 picks one.
///
/// # Errors
///
/// The address cannot be had.
pub async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Answers with the pages until `stop`. Every request is counted.
pub async fn serve(listener: TcpListener, pages: Router, requests: Arc<Requests>, stop: CancellationToken) {
    take(listener, counted(pages, requests), Patience::default(), None, stop).await;
}

/// The same, behind a door.
pub async fn serve_behind(
    door: Door,
    listener: TcpListener,
    pages: Router,
    requests: Arc<Requests>,
    stop: CancellationToken,
) {
    let acceptor = door.acceptor.clone();
    let patience = Patience { head: door.head_within, ..Patience::default() };
    let pages = pages.layer(middleware::from_fn_with_state(door, door::admit));
    take(listener, counted(pages, requests), patience, acceptor, stop).await;
}

fn counted(pages: Router, requests: Arc<Requests>) -> Router {
    pages.fallback(nothing).layer(middleware::from_fn_with_state(requests, count))
}

/// Answers with the pages until `stop`, and waits for the answers that are under way then.
pub async fn answer(listener: TcpListener, pages: Router, patience: Patience, stop: CancellationToken) {
    take(listener, pages, patience, None, stop).await;
}

async fn take(
    listener: TcpListener,
    pages: Router,
    patience: Patience,
    acceptor: Option<Acceptor>,
    stop: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(patience.connections_max));
    let answering = async {
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            let (pages, acceptor, stop) = (pages.clone(), acceptor.clone(), stop.clone());
            tokio::spawn(async move {
                converse(stream, pages, patience, acceptor, stop).await;
                drop(place);
            });
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = answering => {}
    }
    // Nobody has a place any more when all of them can be had.
    drop(places.acquire_many(u32::try_from(patience.connections_max).unwrap_or(u32::MAX)).await);
}

async fn converse(
    stream: TcpStream,
    pages: Router,
    patience: Patience,
    acceptor: Option<Acceptor>,
    stop: CancellationToken,
) {
    // Answers are small and whole: waiting for more of them to send is waiting for nothing.
    stream.set_nodelay(true).unwrap_or_default();
    let Ok(Ok((stream, peer))) = tokio::time::timeout(patience.head, Transport::pages(stream, acceptor.as_ref())).await
    else {
        return;
    };
    let pages = pages.layer(Extension(Arc::new(peer)));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(patience.head);
    let mut connection =
        std::pin::pin!(builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(pages)));
    // Whoever breaks off, or sends what is no HTTP, gets nothing.
    let left = tokio::select! {
        ended = tokio::time::timeout(patience.connection, connection.as_mut()) => match ended {
            Ok(_) => return,
            Err(_) => patience.last_answer,
        },
        () = stop.cancelled() => patience.farewell,
    };
    connection.as_mut().graceful_shutdown();
    drop(tokio::time::timeout(left, connection).await);
}

async fn count(State(requests): State<Arc<Requests>>, request: Request, next: Next) -> Response {
    let route = requests::route(request.uri().path());
    let answer = next.run(request).await;
    requests.answered(route, answer.status());
    answer
}

async fn nothing() -> Response {
    plain(StatusCode::NOT_FOUND, "nothing is here: /checkpoint, /tile/<level>/<number>, /metrics, as configured\n")
}

/// An answer in words. It is true now, and nobody may keep it.
fn plain(status: StatusCode, words: &'static str) -> Response {
    let mut answer = Response::new(words.into());
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, PLAIN);
    answer.headers_mut().insert(CACHE_CONTROL, NOT_KEPT);
    answer
}

//! Plain HTTP beside gRPC: one page of text, made anew for everybody who asks. Knows nothing of what is on it.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use hyper::Request;
use hyper::Response;
use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::header::ALLOW;
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Where the page is.
pub const METRICS: &str = "/metrics";

/// The text format that Prometheus and its kin read (OpenMetrics 1.0.0).
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Connections at once; whoever comes then waits.
const CONNECTIONS_MAX: usize = 8;

/// How long a request's head may take to come, and a page to be made.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long to wait after the system gave no connection, as when no file handle is left.
const PAUSE: Duration = Duration::from_millis(100);

/// Makes the page. It may wait for a disk.
pub type Page = Arc<dyn Fn() -> Result<String, fmt::Error> + Send + Sync>;

/// Listens; port 0 picks one.
///
/// # Errors
///
/// The address cannot be had.
pub async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Answers `GET /metrics` with the page until `stop`, then cuts whoever is still there.
pub async fn serve(listener: TcpListener, page: Page, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let answering = async {
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            let (page, stop) = (Arc::clone(&page), stop.clone());
            tokio::spawn(async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = converse(stream, page) => {}
                }
                drop(place);
            });
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = answering => {}
    }
}

async fn converse(stream: TcpStream, page: Page) {
    let answer = service_fn(|request| {
        let page = Arc::clone(&page);
        async move { answer(&request, page).await }
    });
    let mut connection = http1::Builder::new();
    connection.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    // Whoever breaks off, or sends what is no HTTP, gets nothing.
    drop(connection.serve_connection(TokioIo::new(stream), answer).await);
}

async fn answer(request: &Request<Incoming>, page: Page) -> Result<Response<String>, hyper::http::Error> {
    if request.uri().path() != METRICS {
        return plain(StatusCode::NOT_FOUND).body(format!("the metrics are at {METRICS}\n"));
    }
    if request.method() != Method::GET {
        return plain(StatusCode::METHOD_NOT_ALLOWED).header(ALLOW, "GET").body("only GET\n".to_owned());
    }
    let made = tokio::time::timeout(PATIENCE, tokio::task::spawn_blocking(move || page())).await;
    match made {
        Ok(Ok(Ok(text))) => Response::builder().header(CONTENT_TYPE, OPEN_METRICS).body(text),
        _ => plain(StatusCode::SERVICE_UNAVAILABLE).body("the figures cannot be had now\n".to_owned()),
    }
}

fn plain(status: StatusCode) -> hyper::http::response::Builder {
    Response::builder().status(status).header(CONTENT_TYPE, "text/plain; charset=utf-8")
}

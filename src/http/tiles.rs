//! The published log as C2SP `tlog-tiles` has it: a checkpoint, hash tiles, bundles of entries (section 4 of the format).
//!
//! Whatever is given was below a published checkpoint when the request was looked at. Partial tiles are cut on request.

use std::io::Write as _;
use std::sync::Arc;
use std::thread;

use axum::Router;
use axum::extract::Request;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::HeaderMap;
use hyper::StatusCode;
use hyper::header::ACCEPT_ENCODING;
use hyper::header::CACHE_CONTROL;
use hyper::header::CONTENT_ENCODING;
use hyper::header::CONTENT_TYPE;
use hyper::header::HeaderValue;
use hyper::header::RETRY_AFTER;
use hyper::header::VARY;
use hyper::header::WWW_AUTHENTICATE;
use tokio::sync::Semaphore;

use crate::http::Access;
use crate::http::NOT_KEPT;
use crate::http::PATIENCE;
use crate::http::PLAIN;
use crate::http::door::Admitted;
use crate::http::plain;
use crate::log::Tile;
use crate::log::TileKind;
use crate::publish::Proofs;
use crate::publish::PublishError;

const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// A tile never changes, and a partial one is the beginning of the full one for ever.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// The same for what is not everybody's.
const FOR_ONE: HeaderValue = HeaderValue::from_static("private, max-age=31536000, immutable");

/// What is asked of whoever wants entries.
const CREDENTIAL: HeaderValue = HeaderValue::from_static("Bearer realm=\"entries of the log\"");

#[derive(Clone, Debug)]
struct StaticLog {
    /// None where the log is not sealed.
    proofs: Option<Proofs>,
    access: Arc<Access>,
    /// As many tiles are cut at once as there are cores: whoever asks for many waits, and nobody else does.
    cutting: Arc<Semaphore>,
}

/// `/checkpoint` and `/tile/…`.
pub fn log_pages(proofs: Option<Proofs>, access: Access) -> Router {
    let cutting = Arc::new(Semaphore::new(thread::available_parallelism().map_or(1, usize::from)));
    let log = StaticLog { proofs, access: Arc::new(access), cutting };
    Router::new().route("/checkpoint", get(checkpoint)).route("/tile/{*path}", get(tile)).with_state(log)
}

async fn checkpoint(State(log): State<StaticLog>) -> Response {
    let Some(Ok(published)) = log.proofs.as_ref().map(Proofs::published) else { return not_published() };
    let mut answer = Response::new(published.note.to_string().into());
    answer.headers_mut().insert(CONTENT_TYPE, PLAIN);
    answer.headers_mut().insert(CACHE_CONTROL, NOT_KEPT);
    answer
}

async fn tile(State(log): State<StaticLog>, request: Request) -> Response {
    // The path as it was sent: an escaped character is another spelling, and there is one.
    let Some(tile) = request.uri().path().strip_prefix('/').and_then(|path| path.parse::<Tile>().ok()) else {
        return plain(
            StatusCode::NOT_FOUND,
            "no such path: tile/<level>/<number>[.p/<width>], as C2SP tlog-tiles has it\n",
        );
    };
    let entries = tile.kind == TileKind::Entries;
    let admitted = request.extensions().get::<Admitted>().is_some() || log.access.admits(request.headers());
    if entries && !admitted {
        let mut answer = plain(StatusCode::UNAUTHORIZED, "entries are for auditors: Authorization: Bearer <token>\n");
        answer.headers_mut().insert(WWW_AUTHENTICATE, CREDENTIAL);
        return answer;
    }
    let Some((proofs, Ok(published))) = log.proofs.map(|proofs| (proofs.clone(), proofs.published())) else {
        return not_published();
    };
    if !tile.is_within(published.checkpoint.size) {
        return plain(StatusCode::NOT_FOUND, "the published checkpoint does not reach so far\n");
    }
    let Ok(Ok(place)) = tokio::time::timeout(PATIENCE, log.cutting.acquire_owned()).await else {
        let mut answer = plain(StatusCode::SERVICE_UNAVAILABLE, "too many tiles are asked for at once\n");
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        return answer;
    };
    let gzip = entries && takes_gzip(request.headers());
    let cut = tokio::task::spawn_blocking(move || {
        let _place = place;
        let bytes = proofs.tree().tile(tile)?;
        Ok::<_, PublishError>(if gzip { compressed(&bytes) } else { bytes })
    });
    let bytes = match cut.await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(error)) => {
            tracing::error!(%tile, %error, "a tile cannot be cut");
            return plain(StatusCode::INTERNAL_SERVER_ERROR, "it cannot be read\n");
        }
        Err(_) => return plain(StatusCode::INTERNAL_SERVER_ERROR, "it cannot be read\n"),
    };
    let mut answer = Response::new(bytes.into());
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, BYTES);
    headers.insert(CACHE_CONTROL, if entries && !log.access.is_open() { FOR_ONE } else { FOR_EVER });
    if entries {
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    }
    if gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    answer
}

fn not_published() -> Response {
    plain(StatusCode::NOT_FOUND, "nothing is published yet\n")
}

/// Whether gzip is among what a client takes (RFC 9110 section 12.5.3); without a word of it, it is not.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let codings = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    codings.flat_map(|value| value.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        // A weight of zero is "not this one".
        let refused = parts.filter_map(|part| part.split_once('=')).any(|(name, weight)| {
            name.trim().eq_ignore_ascii_case("q") && weight.trim().bytes().all(|byte| matches!(byte, b'0' | b'.'))
        });
        named && !refused
    })
}

fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::with_capacity(bytes.len()), Compression::fast());
    gzip.write_all(bytes).and_then(|()| gzip.finish()).expect("memory takes whatever is written")
}

#[cfg(test)]
mod tests;

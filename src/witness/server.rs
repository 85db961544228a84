//! A witness over HTTP: `POST /add-checkpoint`, and what it cosigned last under `GET /<hash of origin>/checkpoint`.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::response::Response;
use axum::routing::get;
use axum::routing::post;
use tokio::sync::Semaphore;

use crate::log::ADD_CHECKPOINT_BYTES_MAX;
use crate::log::TREE_SIZE_TYPE;
use crate::log::conflict;
use crate::witness::Added;
use crate::witness::Unreplayed;
use crate::witness::Witness;

/// Requests looked at at once; who comes then waits.
const AT_ONCE: usize = 64;

/// How long a body may take to come.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Clone)]
struct Shared {
    witness: Arc<Witness>,
    places: Arc<Semaphore>,
}

/// What a witness answers, to be served over plain HTTP.
pub fn pages(witness: Arc<Witness>) -> Router {
    let shared = Shared { witness, places: Arc::new(Semaphore::new(AT_ONCE)) };
    Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .route("/{log}/checkpoint", get(checkpoint))
        .with_state(shared)
}

async fn add_checkpoint(State(shared): State<Shared>, request: axum::extract::Request) -> Response {
    let Ok(_place) = shared.places.acquire().await else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
    let body = tokio::time::timeout(PATIENCE, axum::body::to_bytes(request.into_body(), ADD_CHECKPOINT_BYTES_MAX));
    let body: Bytes = match body.await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return said(StatusCode::BAD_REQUEST, "the body is longer than any request, or broke off"),
        Err(_) => return said(StatusCode::REQUEST_TIMEOUT, "the body did not come"),
    };
    let witness = Arc::clone(&shared.witness);
    match tokio::task::spawn_blocking(move || witness.add_checkpoint(&body)).await {
        Ok(added) => answer(added),
        Err(_) => said(StatusCode::INTERNAL_SERVER_ERROR, "the witness failed"),
    }
}

fn answer(added: Added) -> Response {
    match added {
        Added::Cosigned(signature) => said(StatusCode::OK, &signature.to_string()),
        Added::Malformed(fault) => said(StatusCode::BAD_REQUEST, &fault.to_string()),
        Added::Untrusted(why) | Added::NotReplayed(Unreplayed::Wrong(why)) => said(StatusCode::FORBIDDEN, &why),
        Added::UnknownLog => said(StatusCode::NOT_FOUND, "this witness does not know that log"),
        Added::Conflict(size) => {
            (StatusCode::CONFLICT, [(CONTENT_TYPE, TREE_SIZE_TYPE)], conflict(size)).into_response()
        }
        Added::Inconsistent(why) => said(StatusCode::UNPROCESSABLE_ENTITY, &why),
        Added::NotReplayed(Unreplayed::Unread(why)) => said(StatusCode::SERVICE_UNAVAILABLE, &why),
        Added::NotKept(_) => said(StatusCode::INTERNAL_SERVER_ERROR, "what was cosigned could not be kept"),
    }
}

async fn checkpoint(State(shared): State<Shared>, Path(log): Path<String>) -> Response {
    let found = tokio::task::spawn_blocking(move || shared.witness.checkpoint(&format!("{log}/checkpoint"))).await;
    match found {
        Ok(Some(note)) => (StatusCode::OK, [(CONTENT_TYPE, "text/plain; charset=utf-8")], note).into_response(),
        _ => said(StatusCode::NOT_FOUND, "nothing of that log was cosigned"),
    }
}

fn said(status: StatusCode, words: &str) -> Response {
    (status, [(CONTENT_TYPE, "text/plain; charset=utf-8")], format!("{words}\n")).into_response()
}

//! One page of text, made anew for everybody who asks. Knows nothing of what is on it.

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use hyper::StatusCode;
use hyper::header::CONTENT_TYPE;
use hyper::header::HeaderValue;

use crate::http::PATIENCE;
use crate::http::plain;

/// Where the page is.
pub const METRICS: &str = "/metrics";

/// The text format that Prometheus and its kin read (OpenMetrics 1.0.0).
const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// Makes the page. It may wait for a disk.
pub type Page = Arc<dyn Fn() -> Result<String, fmt::Error> + Send + Sync>;

/// The page at [`METRICS`].
pub fn metrics_pages(page: Page) -> Router {
    Router::new().route(METRICS, get(answer)).with_state(page)
}

async fn answer(State(page): State<Page>) -> Response {
    let made = tokio::time::timeout(PATIENCE, tokio::task::spawn_blocking(move || page())).await;
    let Ok(Ok(Ok(text))) = made else {
        return plain(StatusCode::SERVICE_UNAVAILABLE, "the figures cannot be had now\n");
    };
    let mut answer = Response::new(text.into());
    answer.headers_mut().insert(CONTENT_TYPE, OPEN_METRICS);
    answer
}

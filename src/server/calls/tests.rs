use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;

use bytes::Bytes;
use hyper::body::Body as HttpBody;
use hyper::body::Frame;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::HeaderMap;
use tonic::codegen::http::Request;
use tonic::codegen::http::Response;
use tower::Layer as _;
use tower::ServiceExt as _;

use crate::server::appends::Appends;
use crate::server::calls::Calls;
use crate::server::calls::Counted;

/// A body of these frames, and then the end.
struct Frames(VecDeque<Result<Frame<Bytes>, Status>>);

impl HttpBody for Frames {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Poll::Ready(self.0.pop_front())
    }
}

fn message() -> Frame<Bytes> {
    Frame::data(Bytes::from_static(b"a message"))
}

fn trailers(code: &'static str) -> Frame<Bytes> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", code.parse().unwrap());
    Frame::trailers(trailers)
}

fn streamed(frames: impl IntoIterator<Item = Frame<Bytes>>) -> Response<Body> {
    Response::new(Body::new(Frames(frames.into_iter().map(Ok).collect())))
}

/// A call of `path` with this answer, of which the client takes so many frames, is counted so, and once.
async fn check(path: &str, answer: Response<Body>, frames: usize, expected: &[&str]) {
    let mut registry = Registry::default();
    let appends = Arc::new(Appends::new(&mut registry));
    let calls = Arc::new(Calls::new(&mut registry, appends));
    let mut answer = Some(answer);
    let service = tower::service_fn(move |_: Request<Body>| {
        let answer = answer.take().unwrap();
        async move { Ok::<_, Infallible>(answer) }
    });
    let request = Request::builder().uri(format!("http://a{path}")).body(Body::empty()).unwrap();
    let answer = Counted(calls).layer(service).oneshot(request).await.unwrap();
    let mut body = answer.into_body();
    for _ in 0..frames {
        drop(std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await);
    }
    drop(body);
    let mut page = String::new();
    encode(&mut page, &registry).unwrap();
    let counted = |line: &&str| {
        let figure =
            ["rpcs_total", "appends_total", "rpc_duration_seconds_count"].iter().any(|it| line.starts_with(it));
        figure && !line.ends_with(" 0")
    };
    let mut found: Vec<&str> = page.lines().filter(counted).collect();
    found.sort_unstable();
    assert_eq!(found, expected, "{path}");
}

fn ended(method: &str, code: &str) -> [String; 2] {
    [
        format!("rpc_duration_seconds_count{{method=\"{method}\"}} 1"),
        format!("rpcs_total{{method=\"{method}\",code=\"{code}\"}} 1"),
    ]
}

const GET_HEAD: &str = "probity.v1.LedgerService/GetHead";
const SUBSCRIBE: &str = "probity.v1.LedgerService/Subscribe";

#[tokio::test]
async fn a_call_ends_with_the_code_that_its_client_gets() {
    let [duration, total] = ended(GET_HEAD, "OK");
    check(&format!("/{GET_HEAD}"), streamed([message(), trailers("0")]), 3, &[&duration, &total]).await;
    let [duration, total] = ended(SUBSCRIBE, "DATA_LOSS");
    let answer = streamed([message(), message(), trailers("15")]);
    check(&format!("/{SUBSCRIBE}"), answer, 3, &[&duration, &total]).await;
    let [duration, total] = ended(GET_HEAD, "NOT_FOUND");
    check(&format!("/{GET_HEAD}"), Status::not_found("not there").into_http(), 1, &[&duration, &total]).await;
    let [duration, total] = ended(GET_HEAD, "INTERNAL");
    let cut = Response::new(Body::new(Frames([Err(Status::internal("cut"))].into())));
    check(&format!("/{GET_HEAD}"), cut, 2, &[&duration, &total]).await;
    let [duration, total] = ended(GET_HEAD, "UNKNOWN");
    check(&format!("/{GET_HEAD}"), streamed([trailers("99")]), 1, &[&duration, &total]).await;
}

#[tokio::test]
async fn a_call_that_its_client_leaves_is_cancelled() {
    let [duration, total] = ended(SUBSCRIBE, "CANCELLED");
    for frames in [0, 1] {
        let answer = streamed([message(), trailers("0")]);
        check(&format!("/{SUBSCRIBE}"), answer, frames, &[&duration, &total]).await;
    }
}

#[tokio::test]
async fn what_is_no_method_is_other() {
    let [duration, total] = ended("other", "UNIMPLEMENTED");
    for path in ["/somebody/said", "/", "//", "/probity.v1.LedgerService/append", "/probity.v1.LedgerService/Append/"] {
        check(path, Status::unimplemented("no such method").into_http(), 1, &[&duration, &total]).await;
    }
}

#[tokio::test]
async fn a_refused_append_is_counted_as_it_leaves() {
    let [duration, total] = ended("probity.v1.LedgerService/Append", "OUT_OF_RANGE");
    let refused = "appends_total{outcome=\"refused\",reason=\"OTHER\"} 1";
    let answer = Status::out_of_range("too long").into_http();
    check("/probity.v1.LedgerService/Append", answer, 1, &[refused, &duration, &total]).await;
}

//! Counts calls by method and code, and times them, as they leave; gives each the span that all others are in.
//!
//! A method is one of the protos' or `other`: whatever else a client calls is not repeated.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::OnceLock;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;
use std::time::Instant;

use bytes::Bytes;
use hyper::body::Body as HttpBody;
use hyper::body::Frame;
use hyper::body::SizeHint;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use prometheus_client::registry::Unit;
use tonic::Code;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::HeaderMap;
use tonic::codegen::http::Request;
use tonic::codegen::http::Response;
use tower::Layer;
use tower::Service;
use tracing::Instrument as _;

use crate::events::POOL;
use crate::server::appends::Appends;

/// Names of the codes of gRPC, in their order.
const CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// Services whose protos are not ours.
const FOREIGN: [&str; 3] = [
    "grpc.health.v1.Health/Check",
    "grpc.health.v1.Health/Watch",
    "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
];

const OTHER: &str = "other";

const APPEND: &str = "probity.v1.LedgerService/Append";

const SECONDS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

const GRPC_STATUS: &str = "grpc-status";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    method: String,
    code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Named {
    method: String,
}

/// The calls since the service began.
#[derive(Debug)]
pub(super) struct Calls {
    methods: HashMap<String, Arc<Method>>,
    other: Arc<Method>,
    append: Arc<Method>,
    appends: Arc<Appends>,
}

#[derive(Debug)]
struct Method {
    name: String,
    ended: Family<Ended, Counter>,
    by_code: [OnceLock<Counter>; CODES.len()],
    duration: Histogram,
}

impl Method {
    fn ended(&self, code: Code, began: Instant) {
        let code = code as usize;
        let counter = self.by_code[code]
            .get_or_init(|| self.ended.get_or_create_owned(&Ended { method: self.name.clone(), code: CODES[code] }));
        counter.inc();
        self.duration.observe(began.elapsed().as_secs_f64());
    }
}

impl Calls {
    /// None yet, of every method there is.
    pub(super) fn new(registry: &mut Registry, appends: Arc<Appends>) -> Self {
        let ended = Family::<Ended, Counter>::default();
        let durations: Family<Named, Histogram> = Family::new_with_constructor(|| Histogram::new(SECONDS));
        registry.register("rpcs", "Calls that ended, by method and gRPC code", ended.clone());
        let help = "How long calls took; those that stream, until the stream ended";
        registry.register_with_unit("rpc_duration", help, Unit::Seconds, durations.clone());
        let method = |name: &str| {
            let method = Method {
                name: name.to_owned(),
                ended: ended.clone(),
                by_code: std::array::from_fn(|_| OnceLock::new()),
                duration: durations.get_or_create_owned(&Named { method: name.to_owned() }),
            };
            let none = ended.get_or_create_owned(&Ended { method: name.to_owned(), code: CODES[0] });
            method.by_code[0].get_or_init(|| none);
            Arc::new(method)
        };
        let ours = POOL.services().flat_map(|service| {
            let of = service.full_name().to_owned();
            service.methods().map(|method| format!("{of}/{}", method.name())).collect::<Vec<_>>()
        });
        let methods: HashMap<_, _> =
            ours.chain(FOREIGN.map(str::to_owned)).map(|name| (name.clone(), method(&name))).collect();
        let append = Arc::clone(methods.get(APPEND).expect("the protos have Append"));
        Self { methods, other: method(OTHER), append, appends }
    }

    fn method(&self, path: &str) -> &Arc<Method> {
        self.methods.get(path.strip_prefix('/').unwrap_or(path)).unwrap_or(&self.other)
    }
}

/// Puts the counting around a service.
#[derive(Clone, Debug)]
pub(super) struct Counted(pub(super) Arc<Calls>);

impl<S> Layer<S> for Counted {
    type Service = Counting<S>;

    fn layer(&self, inner: S) -> Counting<S> {
        Counting { calls: Arc::clone(&self.0), inner }
    }
}

/// A service whose calls are counted.
#[derive(Clone, Debug)]
pub(super) struct Counting<S> {
    calls: Arc<Calls>,
    inner: S,
}

impl<S> Service<Request<Body>> for Counting<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Watched>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Watched>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let method = Arc::clone(self.calls.method(request.uri().path()));
        let refusals = Arc::ptr_eq(&method, &self.calls.append).then(|| Arc::clone(&self.calls.appends));
        let span = tracing::debug_span!("rpc", method = method.name);
        let call = Call { method, began: Instant::now(), ended: false };
        let answer = self.inner.call(request);
        let counted = async move {
            let answer = answer.await?;
            if let (Some(appends), Some(status)) = (refusals, answer.extensions().get::<Status>()) {
                appends.refused(status);
            }
            Ok(call.answered(answer))
        };
        Box::pin(counted.instrument(span))
    }
}

/// A call under way. One that is dropped before its end was cancelled.
#[derive(Debug)]
struct Call {
    method: Arc<Method>,
    began: Instant,
    ended: bool,
}

impl Call {
    fn answered(mut self, answer: Response<Body>) -> Response<Watched> {
        self.look(answer.headers());
        answer.map(|body| Watched { body, call: self })
    }

    /// The code stands in the headers of an answer without messages, else in its trailers.
    fn look(&mut self, headers: &HeaderMap) {
        if let Some(code) = headers.get(GRPC_STATUS) {
            self.end(Code::from_bytes(code.as_bytes()));
        }
    }

    fn end(&mut self, code: Code) {
        if !std::mem::replace(&mut self.ended, true) {
            self.method.ended(code, self.began);
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.end(Code::Cancelled);
    }
}

/// An answer on its way out.
#[derive(Debug)]
pub(super) struct Watched {
    body: Body,
    call: Call,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(trailers) = frame.trailers_ref() {
                    self.call.look(trailers);
                }
            }
            Poll::Ready(Some(Err(status))) => self.call.end(status.code()),
            Poll::Ready(None) | Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The caller's deadline: `grpc-timeout`, digits and a unit.
pub(super) fn timeout<T>(request: &tonic::Request<T>) -> Option<Duration> {
    let text = request.metadata().get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let amount: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(amount.saturating_mul(3600)),
        "M" => Duration::from_secs(amount.saturating_mul(60)),
        "S" => Duration::from_secs(amount),
        "m" => Duration::from_millis(amount),
        "u" => Duration::from_micros(amount),
        "n" => Duration::from_nanos(amount),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;

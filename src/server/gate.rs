//! The one door: every call of gRPC is let in here or nowhere. Who calls is found out, the rule of the method is applied, and
//! the [`Caller`] goes along with the request to its handler, which asks it about the matter. On its way out, a read of what
//! is recorded about persons is put on record before the first byte of its answer leaves.

mod recorded;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::LazyLock;
use std::task::Context;
use std::task::Poll;

use tokio::sync::watch;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::Extensions;
use tonic::codegen::http::HeaderMap;
use tonic::codegen::http::Request;
use tonic::codegen::http::Response;
use tonic::codegen::http::header::AUTHORIZATION;
use tower::Layer;
use tower::Service;

use crate::access::Caller;
use crate::access::Denied;
use crate::access::Guard;
use crate::access::Peer;
use crate::access::Refused;
use crate::access::Said;
use crate::access::rule_of;
use crate::clock::Clock;
use crate::server::accesses::AccessLog;
use crate::server::accesses::Call;
use crate::server::accesses::not_recorded;
use crate::server::errors::Reason;
use crate::tls::Met;

/// Puts the door before a service.
#[derive(Clone, Debug)]
pub(super) struct Guarded {
    /// Replaced whole when a file of the policy changes.
    pub(super) guard: watch::Receiver<Arc<Guard>>,
    pub(super) clock: Clock,
    /// Where reads are put on record; `None` only where there is no access control.
    pub(super) log: Option<Arc<AccessLog>>,
}

impl<S> Layer<S> for Guarded {
    type Service = Gate<S>;

    fn layer(&self, inner: S) -> Gate<S> {
        Gate { guarded: self.clone(), inner }
    }
}

/// A service behind the door.
#[derive(Clone, Debug)]
pub(super) struct Gate<S> {
    guarded: Guarded,
    inner: S,
}

impl<S> Service<Request<Body>> for Gate<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        match self.guarded.admit(&request) {
            Ok(caller) => {
                // Whoever calls what anybody may, without a name, is a stranger still.
                if let Some(met) = request.extensions().get::<Met>().filter(|_| !caller.principal().is_empty()) {
                    met.standing.let_in();
                }
                let call = method_of(&request).and_then(rule_of).and_then(|rule| Call::of(rule, &caller));
                let log = self.guarded.log.clone();
                if call.is_some() && log.is_none() && caller.level().is_some() {
                    return answered(not_recorded().into_http());
                }
                // Nothing behind the door has a use for it, and so it is in no log.
                request.headers_mut().remove(AUTHORIZATION);
                request.extensions_mut().insert(caller);
                let answer = self.inner.call(request);
                match log.zip(call) {
                    Some((log, call)) => Box::pin(recorded::answer(log, call, answer)),
                    None => Box::pin(answer),
                }
            }
            Err(refused) => {
                let turned_away = self.guarded.turned_away(&request);
                let answer = status(refused);
                match turned_away {
                    Some((log, call)) => Box::pin(async move { Ok(recorded::refusal(log, call, answer).await) }),
                    None => answered(answer.into_http()),
                }
            }
        }
    }
}

type Answer<E> = Pin<Box<dyn Future<Output = Result<Response<Body>, E>> + Send>>;

fn answered<E: Send + 'static>(answer: Response<Body>) -> Answer<E> {
    Box::pin(async move { Ok(answer) })
}

fn method_of(request: &Request<Body>) -> Option<&str> {
    request.uri().path().strip_prefix('/')
}

impl Guarded {
    fn admit(&self, request: &Request<Body>) -> Result<Caller, Refused> {
        let guard = Arc::clone(&self.guard.borrow());
        let method = method_of(request).unwrap_or_default();
        guard.admit(method, peer(request), said(request.headers()), self.clock.unix_ms() / 1000)
    }

    /// What is recorded of a read that was not let in, of somebody who is known.
    fn turned_away(&self, request: &Request<Body>) -> Option<(Arc<AccessLog>, Call)> {
        let log = self.log.clone()?;
        let guard = Arc::clone(&self.guard.borrow());
        let caller = guard.who(peer(request), said(request.headers()), self.clock.unix_ms() / 1000)?;
        Some((log, Call::of(method_of(request).and_then(rule_of)?, &caller)?))
    }
}

fn peer(request: &Request<Body>) -> &Peer {
    static NOBODY: LazyLock<Peer> = LazyLock::new(Peer::default);
    request.extensions().get::<Met>().map_or(&*NOBODY, |met| &*met.peer)
}

/// What the headers of a call say.
fn said(headers: &HeaderMap) -> Said<'_> {
    let one = |name: &str| {
        let mut given = headers.get_all(name).iter();
        let first = given.next()?;
        // What stands there twice, or is no text, is something else than what was asked for.
        Some(first.to_str().ok().filter(|_| given.next().is_none()).unwrap_or_default())
    };
    Said {
        authorization: one(AUTHORIZATION.as_str()),
        purpose: one("probity-purpose"),
        legal_basis: one("probity-legal-basis"),
        emergency: one("probity-emergency"),
    }
}

/// The refusal, in the words of the catalogue.
fn status(refused: Refused) -> Status {
    match refused {
        Refused::Token(_) | Refused::Denied(Denied::Unauthenticated) => {
            tracing::debug!(%refused, "a call was not let in");
            // Why a token is refused is for whoever reads the log: it would help those who forge them.
            Reason::Unauthenticated
                .status("who calls is not known here: show a certificate, or a token that is valid", &[])
        }
        Refused::Denied(Denied::Method) => denied(),
        Refused::Denied(Denied::Basis(name)) => {
            let message = format!("{name} must say why, as scheme/code, each [a-z0-9][a-z0-9_.-]{{0,95}}");
            Reason::PurposeRequired.status(message, &[("field", name.to_owned())])
        }
    }
}

/// The refusal of what a caller may not do, whatever there is.
pub(super) fn denied() -> Status {
    Reason::PermissionDenied.status("this caller may not do that", &[])
}

/// Who calls, as the door found out.
///
/// # Errors
///
/// The call did not come through it.
pub(super) fn caller(extensions: &Extensions) -> Result<Caller, Status> {
    extensions.get::<Caller>().cloned().ok_or_else(denied)
}

//! Who may have a page: the same rules as for calls, and beside them the tokens of auditors in the configuration.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::extract::State;
use axum::middleware::Next;
use axum::response::Response;
use hyper::HeaderMap;
use hyper::StatusCode;
use hyper::header::AUTHORIZATION;
use hyper::header::HeaderValue;
use hyper::header::WWW_AUTHENTICATE;
use tokio::sync::watch;

use crate::access::Guard;
use crate::access::Peer;
use crate::access::Said;
use crate::clock::Clock;
use crate::http::Access;
use crate::http::METRICS;
use crate::http::plain;
use crate::http::requests::route;
use crate::tls::Acceptor;

/// What is asked of whoever may not have a page.
const CREDENTIAL: HeaderValue = HeaderValue::from_static("Bearer realm=\"probity\"");

/// Who is let in, and over what.
#[derive(Clone, Debug)]
pub struct Door {
    /// Replaced whole when a file of the policy changes.
    pub guard: watch::Receiver<Arc<Guard>>,
    /// TLS; `None`: connections are plain.
    pub acceptor: Option<Acceptor>,
    /// Tokens of auditors in the configuration.
    pub access: Access,
    /// Says when tokens are over.
    pub clock: Clock,
    /// How long a request's head may take to come.
    pub head_within: Duration,
}

/// Marks a request that may have what it asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Admitted;

/// Lets requests in, or not.
pub(super) async fn admit(State(door): State<Door>, mut request: Request, next: Next) -> Response {
    let guard = Arc::clone(&door.guard.borrow());
    if !guard.is_on() {
        return next.run(request).await;
    }
    if !door.admits(&guard, &request) {
        let mut answer = plain(StatusCode::UNAUTHORIZED, "not without a certificate or a token of somebody who may\n");
        answer.headers_mut().insert(WWW_AUTHENTICATE, CREDENTIAL);
        return answer;
    }
    request.extensions_mut().insert(Admitted);
    next.run(request).await
}

impl Door {
    fn admits(&self, guard: &Guard, request: &Request) -> bool {
        let headers = request.headers();
        let method = match route(request.uri().path()) {
            "checkpoint" => "/checkpoint",
            "tile" => "/tile/hashes",
            "entries" if self.access.admits(headers) => return true,
            "entries" => "/tile/entries",
            "metrics" if self.access.knows(headers) => return true,
            "metrics" => METRICS,
            // Nothing is there.
            _ => return true,
        };
        let nobody = Peer::default();
        let peer = request.extensions().get::<Arc<Peer>>().map_or(&nobody, |peer| &**peer);
        let said = Said { authorization: authorization(headers), ..Said::default() };
        guard.admit(method, peer, said, self.clock.unix_ms() / 1000).is_ok()
    }
}

fn authorization(headers: &HeaderMap) -> Option<&str> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let first = given.next()?;
    Some(first.to_str().ok().filter(|_| given.next().is_none()).unwrap_or_default())
}

//! Answers that leave only when they are on record.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;

use bytes::Bytes;
use hyper::body::Body as HttpBody;
use hyper::body::Frame;
use tonic::Code;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::HeaderMap;
use tonic::codegen::http::Response;

use crate::events::AccessOutcome;
use crate::server::accesses::AccessLog;
use crate::server::accesses::Call;
use crate::server::accesses::outcome;

const GRPC_STATUS: &str = "grpc-status";

type Recording = Pin<Box<dyn Future<Output = (Call, Result<(), Status>)> + Send>>;

/// Waits for an answer and for its first piece, puts both on record, and only then lets the answer go: not even that there
/// is one is told before.
pub(super) async fn answer<E>(
    log: Arc<AccessLog>,
    mut call: Call,
    answer: impl Future<Output = Result<Response<Body>, E>>,
) -> Result<Response<Body>, E> {
    let (parts, mut body) = answer.await?.into_parts();
    // Without messages the code stands in the headers.
    let early = code(&parts.headers);
    let first = match early {
        Some(_) => None,
        None => poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await,
    };
    let (ended, piece) = match &first {
        Some(Ok(frame)) => (frame.trailers_ref().and_then(code), frame.data_ref()),
        Some(Err(status)) => (Some(status.code()), None),
        None => (early, None),
    };
    let outcome = ended.map_or(AccessOutcome::Answered, outcome);
    let news = log.news(&mut call, piece.map(|piece| &**piece));
    let (call, recorded) = Arc::clone(&log).record(call, outcome, news).await;
    Ok(match (recorded, first) {
        (Err(status), _) | (Ok(()), Some(Err(status))) => status.into_http(),
        (Ok(()), None) => Response::from_parts(parts, body),
        (Ok(()), Some(Ok(frame))) => {
            let state = State::Passing { call: Box::new(call), held: Some(frame) };
            Response::from_parts(parts, Body::new(Pieces { log, body, state }))
        }
    })
}

/// Puts on record that somebody was turned away at the door, and turns him away.
pub(super) async fn refusal(log: Arc<AccessLog>, call: Call, refused: Status) -> Response<Body> {
    match log.turn_away(call, &refused).await {
        Ok(()) => refused.into_http(),
        Err(status) => status.into_http(),
    }
}

fn code(headers: &HeaderMap) -> Option<Code> {
    headers.get(GRPC_STATUS).map(|code| Code::from_bytes(code.as_bytes()))
}

/// The pieces of an answer. One that shows further persons waits until they are on record; where that fails, the answer
/// ends before it.
struct Pieces {
    log: Arc<AccessLog>,
    body: Body,
    state: State,
}

enum State {
    /// `held`: on record, and not yet gone.
    Passing {
        call: Box<Call>,
        held: Option<Frame<Bytes>>,
    },
    Recording {
        recording: Recording,
        held: Frame<Bytes>,
    },
    Over,
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        loop {
            match std::mem::replace(&mut this.state, State::Over) {
                State::Over => return Poll::Ready(None),
                State::Passing { call, held: Some(held) } => {
                    this.state = State::Passing { call, held: None };
                    return Poll::Ready(Some(Ok(held)));
                }
                State::Passing { mut call, held: None } => {
                    let polled = Pin::new(&mut this.body).poll_frame(context);
                    let Poll::Ready(Some(Ok(frame))) = polled else {
                        this.state = State::Passing { call, held: None };
                        return polled;
                    };
                    let Some(piece) = frame.data_ref() else {
                        this.state = State::Passing { call, held: None };
                        return Poll::Ready(Some(Ok(frame)));
                    };
                    let news = this.log.news(&mut call, Some(piece));
                    if news.is_empty() {
                        this.state = State::Passing { call, held: None };
                        return Poll::Ready(Some(Ok(frame)));
                    }
                    let recording = Arc::clone(&this.log).record(*call, AccessOutcome::Answered, news);
                    this.state = State::Recording { recording: Box::pin(recording), held: frame };
                }
                State::Recording { mut recording, held } => match recording.as_mut().poll(context) {
                    Poll::Pending => {
                        this.state = State::Recording { recording, held };
                        return Poll::Pending;
                    }
                    Poll::Ready((call, Ok(()))) => {
                        this.state = State::Passing { call: Box::new(call), held: Some(held) };
                    }
                    Poll::Ready((_, Err(status))) => {
                        let mut trailers = HeaderMap::new();
                        status.add_header(&mut trailers)?;
                        return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
                    }
                },
            }
        }
    }
}

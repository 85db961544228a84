//! Requests on their way in: each has so much time to come whole, and what has come of messages that are not whole yet
//! takes so much memory and no more. Who was not let in has nothing of his request read at all.
//!
//! Messages are handed on whole: tonic makes room for as many bytes as a message says of itself, and the first byte that comes
//! of it costs a page of 2 MiB where the system has such pages.

use std::collections::HashSet;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use bytes::BytesMut;
use hyper::body::Body as HttpBody;
use hyper::body::Frame;
use tokio::time::Instant;
use tokio::time::Sleep;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::Request;

use crate::events::POOL;
use crate::server::errors::Reason;
use crate::server::unread::MESSAGE_READ_BYTES_MAX;
use crate::tls::Bounds;
use crate::tls::Met;
use crate::tls::Standing;

/// A message that is shorter is always taken: who has filled the memory for long ones does not stop the short ones.
const SMALL_BYTES: u64 = 64 << 10;

/// From here on it counts that we did not look for what a client sends, as while the queue of appends is full.
const OURS: Duration = Duration::from_millis(500);

/// A flag and a length stand before each message of gRPC.
const HEAD_LEN: usize = 5;

/// What all requests share.
#[derive(Clone, Debug)]
pub(super) struct Arriving {
    bounds: Bounds,
    /// Of messages that are not whole yet, of all connections.
    bytes: Arc<AtomicU64>,
    /// Paths of methods that take a stream of requests, which may be silent between two of them.
    streams: Arc<HashSet<String>>,
}

impl Arriving {
    pub(super) fn new(bounds: Bounds) -> Self {
        let ours = POOL.services().flat_map(|service| {
            let streams = service.methods().filter(prost_reflect::MethodDescriptor::is_client_streaming);
            streams
                .map(|method| format!("/{}/{}", method.parent_service().full_name(), method.name()))
                .collect::<Vec<_>>()
        });
        let reflection = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo".to_owned();
        Self { bounds, bytes: Arc::default(), streams: Arc::new(ours.chain([reflection]).collect()) }
    }

    /// The request, which ends by itself where it takes too long or too much.
    pub(super) fn watch(&self, request: Request<Body>) -> Request<Body> {
        let stream = self.streams.contains(request.uri().path());
        let standing = request.extensions().get::<Met>().map(|met| Arc::clone(&met.standing));
        let held = Held { all: Arc::clone(&self.bytes), standing: standing.unwrap_or_default(), bytes: 0 };
        let until = Box::pin(tokio::time::sleep(self.bounds.request_within()));
        let bounds = self.bounds;
        request.map(|body| {
            let (place, begun, unlooked) = (Place::default(), BytesMut::new(), Some(Instant::now()));
            Body::new(Watched { body, stream, until, bounds, place, begun, unlooked, held })
        })
    }
}

/// Where in the messages of a request the bytes that came end.
#[derive(Debug, Default)]
struct Place {
    head: [u8; HEAD_LEN],
    head_len: usize,
    /// Of the message, once its head is whole.
    left: u64,
    /// What came of a message that is not whole.
    partial: u64,
    /// Whether a message will be refused by its head alone.
    is_refused: bool,
}

impl Place {
    /// Goes on by some bytes; how many of them belong to messages that are whole now.
    fn pass(&mut self, bytes: &[u8]) -> usize {
        let (mut rest, mut whole) = (bytes, 0);
        while !rest.is_empty() {
            if self.head_len < HEAD_LEN {
                let (of_head, behind) = rest.split_at(rest.len().min(HEAD_LEN - self.head_len));
                self.head[self.head_len..][..of_head.len()].copy_from_slice(of_head);
                self.head_len += of_head.len();
                self.partial += of_head.len() as u64;
                rest = behind;
                if self.head_len < HEAD_LEN {
                    break;
                }
                let [flag, length @ ..] = self.head;
                self.left = u64::from(u32::from_be_bytes(length));
                self.is_refused |= flag != 0 || self.left > MESSAGE_READ_BYTES_MAX as u64;
            }
            let taken = usize::try_from(self.left).map_or(rest.len(), |left| left.min(rest.len()));
            self.left -= taken as u64;
            self.partial += taken as u64;
            rest = &rest[taken..];
            if self.left == 0 {
                (self.head_len, self.partial) = (0, 0);
                whole = bytes.len() - rest.len();
            }
        }
        whole
    }
}

/// Bytes that are counted as long as they are here.
#[derive(Debug)]
struct Held {
    all: Arc<AtomicU64>,
    standing: Arc<Standing>,
    bytes: u64,
}

impl Held {
    /// Counts so many of this request; those of its connection and of all then.
    fn set(&mut self, bytes: u64) -> (u64, u64) {
        let count = |counter: &AtomicU64| {
            if bytes >= self.bytes {
                counter.fetch_add(bytes - self.bytes, Ordering::Relaxed) + (bytes - self.bytes)
            } else {
                counter.fetch_sub(self.bytes - bytes, Ordering::Relaxed) - (self.bytes - bytes)
            }
        };
        let counted = (count(self.standing.arriving()), count(&self.all));
        self.bytes = bytes;
        counted
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// The body of a request.
#[derive(Debug)]
struct Watched {
    body: Body,
    stream: bool,
    until: Pin<Box<Sleep>>,
    bounds: Bounds,
    place: Place,
    /// What came of a message that is not whole.
    begun: BytesMut,
    /// Since when nobody has looked for more.
    unlooked: Option<Instant>,
    held: Held,
}

impl Watched {
    /// Time in which it was us who did not look is not the client's: whatever it sends waits for us then.
    fn look_again(&mut self) {
        let Some(since) = self.unlooked.take() else { return };
        let ours = since.elapsed();
        if ours > OURS {
            let until = self.until.deadline() + ours;
            self.until.as_mut().reset(until);
        }
    }

    /// Takes bytes that came; what can be handed on.
    fn take(&mut self, mut bytes: Bytes) -> Result<Option<Bytes>, Status> {
        let before = self.place.partial;
        let whole = self.place.pass(&bytes);
        if self.stream && self.place.partial > 0 && (before == 0 || whole > 0) {
            self.until.as_mut().reset(Instant::now() + self.bounds.request_within());
        }
        if self.place.is_refused {
            return Ok(Some(self.with_begun(bytes)));
        }
        let (of_one, of_all) = self.held.set(self.place.partial);
        let much = of_one > self.bounds.arriving_bytes_of_one() || of_all > self.bounds.arriving_bytes;
        if self.place.partial > SMALL_BYTES && much {
            let message = "too many long messages are arriving at once; nothing of this one was looked at";
            return Err(Reason::WriteQueueFull.status(message, &[]));
        }
        let tail = bytes.split_off(whole);
        let handed = (whole > 0).then(|| self.with_begun(bytes));
        self.begun.extend_from_slice(&tail);
        Ok(handed)
    }

    /// What had come before, and these bytes behind it.
    fn with_begun(&mut self, bytes: Bytes) -> Bytes {
        if self.begun.is_empty() {
            return bytes;
        }
        let mut begun = std::mem::take(&mut self.begun);
        begun.extend_from_slice(&bytes);
        begun.freeze()
    }
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        this.look_again();
        loop {
            match Pin::new(&mut this.body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(bytes) => {
                        if let Some(handed) = this.take(bytes).transpose() {
                            this.unlooked = Some(Instant::now());
                            return Poll::Ready(Some(handed.map(Frame::data)));
                        }
                    }
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                // Half a message is told as what it is by whoever reads messages.
                Poll::Ready(None) if !this.begun.is_empty() => {
                    return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut this.begun).freeze()))));
                }
                Poll::Pending if !this.stream || this.place.partial > 0 => {
                    if this.until.as_mut().poll(context).is_pending() {
                        return Poll::Pending;
                    }
                    let message = format!("the request did not come whole within {} s", this.bounds.request_within_s);
                    return Poll::Ready(Some(Err(Reason::DeadlineBeforeCommit.status(message, &[]))));
                }
                ended => return ended,
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.begun.is_empty() && self.body.is_end_stream()
    }
}

#[cfg(test)]
mod tests;

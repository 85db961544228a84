//! Frames of HTTP/2 (RFC 9113) by hand: no library of clients sends what these tests send.

use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const PRIORITY: u8 = 2;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;

/// The error code of a stream that was not looked at.
pub(super) const REFUSED_STREAM: u32 = 7;

/// A peer that never answers to being closed is not waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// A frame as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) stream: u32,
    pub(super) payload: Vec<u8>,
}

impl Frame {
    /// The error code of a frame that ends a stream.
    pub(super) fn error(&self) -> u32 {
        u32::from_be_bytes(self.payload[self.payload.len() - 4..].try_into().unwrap())
    }
}

pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&len[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A number of HPACK with a prefix of 7 bits (RFC 7541 section 5.1).
fn number(mut value: usize) -> Vec<u8> {
    if value < 127 {
        return vec![u8::try_from(value).unwrap()];
    }
    let mut bytes = vec![127];
    value -= 127;
    while value >= 128 {
        bytes.push(u8::try_from(value % 128).unwrap() | 128);
        value /= 128;
    }
    bytes.push(u8::try_from(value).unwrap());
    bytes
}

/// A header that is not indexed (section 6.2.2).
pub(super) fn literal(name: &str, value: &str) -> Vec<u8> {
    [&[0][..], &number(name.len()), name.as_bytes(), &number(value.len()), value.as_bytes()].concat()
}

/// A header that is put into the table (section 6.2.1).
pub(super) fn indexed(name: &str, value: &str) -> Vec<u8> {
    [&[0x40][..], &literal(name, value)[1..]].concat()
}

/// The headers of a call.
pub(super) fn call(path: &str) -> Vec<u8> {
    let headers = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ];
    headers.iter().flat_map(|(name, value)| literal(name, value)).collect()
}

/// Connects, and says the first words.
pub(super) async fn connect(address: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
    stream
}

/// Sends until all is sent or the other end closes; whether all was sent. What comes is read meanwhile, since a full pipe
/// would hold up the attack and not the attacked.
pub(super) async fn send<S: AsyncRead + AsyncWrite + Send + 'static>(
    stream: S,
    pieces: impl Iterator<Item = Vec<u8>>,
) -> (bool, Vec<Frame>) {
    let (mut reading, mut writing) = tokio::io::split(stream);
    let read = tokio::spawn(async move {
        let mut bytes = Vec::new();
        // A connection that is reset was closed too.
        drop(tokio::time::timeout(PATIENCE, reading.read_to_end(&mut bytes)).await);
        bytes
    });
    let mut sent = true;
    for piece in pieces {
        if writing.write_all(&piece).await.is_err() {
            sent = false;
            break;
        }
    }
    drop(writing.flush().await);
    drop(writing.shutdown().await);
    (sent, frames(&read.await.unwrap()))
}

/// What came, frame by frame; half a one at the end is left out.
fn frames(mut bytes: &[u8]) -> Vec<Frame> {
    let mut found = Vec::new();
    while let Some((head, rest)) = bytes.split_at_checked(9) {
        let len = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let Some((payload, rest)) = rest.split_at_checked(len) else { break };
        let stream = u32::from_be_bytes(head[5..9].try_into().unwrap());
        found.push(Frame { kind: head[3], stream, payload: payload.to_vec() });
        bytes = rest;
    }
    found
}

/// Whether the connection was told that it ends.
pub(super) fn is_sent_away(frames: &[Frame]) -> bool {
    frames.iter().any(|frame| frame.kind == GOAWAY)
}

//! Calls that no honest client makes: half a message, no end, a length that lies, something that is compressed.

use std::io::Write as _;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use h2::SendStream;
use h2::client;
use h2::client::ResponseFuture;
use h2::client::SendRequest;
use hyper::HeaderMap;
use hyper::Request;
use probity::proto::v1;
use prost::Message as _;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;
use tonic::Code;

use crate::hostile_peers::Attacked;
use crate::hostile_peers::HELD_UP;
use crate::hostile_peers::MEMORY_KIB;
use crate::hostile_peers::silent::Behind;
use crate::service;
use crate::service::append_all;
use crate::service::story;

const APPEND: &str = "probity.v1.LedgerService/Append";
const STREAM: &str = "probity.v1.LedgerService/AppendStream";

/// A second is the least that can be set.
const SHORT: &str = "request_within_s = 1\nhandshake_within_s = 1";

/// A connection of a client that does with a call what it likes.
struct Line(SendRequest<Bytes>);

impl Line {
    async fn connect(address: &str) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap()).await
    }

    async fn over<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(stream: S) -> Self {
        let (send, connection) = client::Builder::new().initial_window_size(1 << 20).handshake(stream).await.unwrap();
        tokio::spawn(connection);
        Self(send)
    }

    /// Begins a call, and ends nothing.
    async fn call(&mut self, method: &str, headers: &[(&str, &str)]) -> (ResponseFuture, SendStream<Bytes>) {
        let mut request = Request::post(format!("http://localhost/{method}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut ready = self.0.clone().ready().await.unwrap();
        ready.send_request(request.body(()).unwrap(), false).unwrap()
    }
}

/// How a call ended: the code in headers or trailers; `None` where the stream was cut.
async fn code(answer: ResponseFuture) -> Option<Code> {
    let ended = async {
        let of = |headers: &HeaderMap| headers.get("grpc-status").map(|code| Code::from_bytes(code.as_bytes()));
        let answer = answer.await.ok()?;
        if let Some(code) = of(answer.headers()) {
            return Some(code);
        }
        let mut body = answer.into_body();
        while let Some(piece) = body.data().await {
            body.flow_control().release_capacity(piece.ok()?.len()).ok()?;
        }
        of(&body.trailers().await.ok()??)
    };
    tokio::time::timeout(HELD_UP, ended).await.expect("the call goes on for ever")
}

/// A message with its head; `said`: the length that stands there.
fn message(flag: u8, said: usize, bytes: &[u8]) -> Bytes {
    let said = u32::try_from(said).unwrap();
    [&[flag][..], &said.to_be_bytes(), bytes].concat().into()
}

/// A whole message of a method.
fn whole(method: &str, number: u64) -> Bytes {
    let append = story::request(number);
    let bytes = match method {
        APPEND => append.encode_to_vec(),
        _ => v1::AppendStreamRequest { append: Some(append) }.encode_to_vec(),
    };
    message(0, bytes.len(), &bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_does_not_come_whole_in_time_ends() {
    let attacked = Attacked::start(SHORT);
    let slow = async |what: &str| {
        let mut line = Line::connect(attacked.address()).await;
        let method = if what.contains("stream") { STREAM } else { APPEND };
        let (answer, mut sending) = line.call(method, &[]).await;
        let ended = tokio::spawn(code(answer));
        let bytes = whole(method, 1);
        match what {
            "nothing" => {}
            "no end" => drop(sending.send_data(bytes, false)),
            "half a message" | "half a message of a stream" => drop(sending.send_data(bytes.slice(..100), false)),
            _ => {
                // As slowly as it takes: a byte whenever something else had its turn.
                for byte in bytes.chunks(1) {
                    if ended.is_finished() || sending.send_data(Bytes::copy_from_slice(byte), false).is_err() {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
        (what.to_owned(), ended.await.unwrap())
    };
    let all = async {
        futures_util::future::join_all([
            slow("nothing"),
            slow("no end"),
            slow("half a message"),
            slow("half a message of a stream"),
            slow("byte by byte"),
            slow("byte by byte of a stream"),
        ])
        .await
    };
    // Honest, though silent: a stream that waits between two messages is not cut, however long the slow ones take.
    let mut line = Line::connect(attacked.address()).await;
    let (answer, mut sending) = line.call(STREAM, &[]).await;
    drop(sending.send_data(whole(STREAM, 5), false));
    for (what, ended) in attacked.beside(MEMORY_KIB, all).await {
        let cut = ended.is_none_or(|code| code == Code::DeadlineExceeded);
        assert!(cut, "{what}: {ended:?}");
    }
    drop(sending.send_data(whole(STREAM, 9), true));
    assert_eq!(code(answer).await, Some(Code::Ok));
    let again = append_all(&mut attacked.served.ledger().await, vec![story::request(9)]).await.unwrap();
    assert!(again[0].as_ref().unwrap().replayed, "it was recorded");
    attacked.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_refused_by_his_headers_and_nothing_of_his_request_is_waited_for() {
    let behind = Behind::start().await;
    let address = behind.running.address.to_string();
    let mut line = Line::over(behind.nobody(&address, b"h2", b"").await).await;
    let mut ended = Vec::new();
    for method in [APPEND, STREAM, "probity.v1.LedgerService/GetHead", "probity.v1.LedgerService/Subscribe"] {
        let (answer, mut sending) = line.call(method, &[]).await;
        // All but the last byte of the longest message, and no end.
        drop(sending.send_data(message(0, 8 << 20, &[0; 100]), false));
        ended.push((method, code(answer).await, sending));
    }
    for (method, code, _sending) in ended {
        assert_eq!(code, Some(Code::Unauthenticated), "{method}");
    }
    behind.asks().await;
    behind.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_length_that_lies_takes_no_memory_and_records_nothing() {
    let attacked = Attacked::start(SHORT);
    let size = service::head(&mut attacked.served.ledger().await).await.0;
    let lie = async |said: usize, sent: usize, end: bool| {
        let mut line = Line::connect(attacked.address()).await;
        let mut answers = Vec::new();
        for _ in 0..256 {
            let (answer, mut sending) = line.call(APPEND, &[]).await;
            drop(sending.send_data(message(0, said, &vec![0; sent]), end));
            answers.push((answer, sending));
        }
        let mut codes = Vec::new();
        for (answer, _sending) in answers {
            codes.push(code(answer).await);
        }
        codes
    };
    for (what, said, sent, end, expected) in [
        ("too long", (8 << 20) + 1, 10, false, Code::InvalidArgument),
        ("4 GiB", u32::MAX as usize, 10, false, Code::InvalidArgument),
        ("more than comes", 8 << 20, 10, true, Code::Internal),
        ("more than ever comes", 8 << 20, 10, false, Code::DeadlineExceeded),
    ] {
        let codes = attacked.beside(MEMORY_KIB, lie(said, sent, end)).await;
        let other: Vec<_> = codes.iter().filter(|code| code.is_some_and(|code| code != expected)).collect();
        assert!(other.is_empty(), "{what}: {other:?}");
    }
    let honest = service::head(&mut attacked.served.ledger().await).await.0 - size;
    assert!(honest < 1_000_000, "nothing but what the honest client recorded");
    attacked.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn long_messages_that_never_end_take_no_more_memory_than_is_set() {
    let attacked = Attacked::start("request_within_s = 5\narriving_bytes = 67108864");
    let attack = async {
        let mut line = Line::connect(attacked.address()).await;
        let mut ended = Vec::new();
        // 256 streams, all but the last bytes of 8 MiB on each: 2 GiB.
        for _ in 0..256 {
            let (answer, mut sending) = line.call(APPEND, &[]).await;
            let piece = Bytes::from(vec![0; 64 << 10]);
            drop(sending.send_data(message(0, 8 << 20, &[]), false));
            ended.push(tokio::spawn(async move {
                let mut answer = tokio::spawn(code(answer));
                for _ in 0..127 {
                    sending.reserve_capacity(piece.len());
                    let mut had = 0;
                    while had < piece.len() {
                        let more = std::future::poll_fn(|context| sending.poll_capacity(context));
                        tokio::select! {
                            more = more => match more {
                                Some(Ok(capacity)) => had = capacity,
                                _ => return answer.await.unwrap(),
                            },
                            ended = &mut answer => return ended.unwrap(),
                        }
                    }
                    if sending.send_data(piece.clone(), false).is_err() {
                        break;
                    }
                }
                answer.await.unwrap()
            }));
        }
        let mut codes = Vec::new();
        for one in ended {
            codes.push(one.await.unwrap());
        }
        codes
    };
    // Of one connection 8 MiB are taken, and what flow control lets come beside it.
    let codes = attacked.beside(MEMORY_KIB, attack).await;
    let refused = codes.iter().filter(|code| **code == Some(Code::ResourceExhausted)).count();
    assert!(refused >= 200, "{refused} of {}: {:?}", codes.len(), &codes[..8]);
    assert!(codes.iter().all(|code| *code != Some(Code::Ok)));
    attacked.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_compressed_is_unpacked() {
    let attacked = Attacked::start("");
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    let zeros = vec![0; 1 << 20];
    for _ in 0..1024 {
        gzip.write_all(&zeros).unwrap();
    }
    let bomb = gzip.finish().unwrap();
    assert!(bomb.len() < 2 << 20, "a gigabyte in {} bytes", bomb.len());
    let call = async |headers: &[(&str, &str)], flag: u8| {
        let mut line = Line::connect(attacked.address()).await;
        let (answer, mut sending) = line.call(APPEND, headers).await;
        drop(sending.send_data(message(flag, bomb.len(), &bomb), true));
        code(answer).await
    };
    for encoding in ["gzip", "deflate", "zstd", "snappy", "identity", "gzip, gzip"] {
        let ended = attacked.beside(MEMORY_KIB, call(&[("grpc-encoding", encoding)], 1)).await;
        assert!(matches!(ended, Some(Code::Unimplemented | Code::Internal)), "{encoding}: {ended:?}");
    }
    for (what, flag) in [("compressed without a word of how", 1), ("no flag there is", 2), ("nor this one", 0xff)] {
        let ended = attacked.beside(MEMORY_KIB, call(&[], flag)).await;
        assert_eq!(ended, Some(Code::Internal), "{what}");
    }
    // Nor is an answer packed for whoever asks for it: sizes would tell what stands in it.
    let mut line = Line::connect(attacked.address()).await;
    let (answer, mut sending) = line
        .call("probity.v1.LedgerService/GetHead", &[("grpc-accept-encoding", "gzip"), ("accept-encoding", "gzip")])
        .await;
    let request = v1::GetHeadRequest {}.encode_to_vec();
    drop(sending.send_data(message(0, request.len(), &request), true));
    let answer = answer.await.unwrap();
    assert_eq!(answer.headers().get("grpc-encoding"), None);
    attacked.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_nobody_reads_take_no_more_memory_than_the_windows() {
    let attacked = Attacked::start("");
    let mut ledger = attacked.served.ledger().await;
    // A registration, and declarations of a quarter of a mebibyte each.
    let large = ledger.append(story::request(story::LARGE)).await.unwrap().into_inner();
    let position = large.first_position + 1;
    let attack = async {
        let stream = TcpStream::connect(attacked.address()).await.unwrap();
        // Not a byte of an answer is ever taken.
        let (send, connection) = client::Builder::new().initial_window_size(0).handshake(stream).await.unwrap();
        tokio::spawn(connection);
        let (mut line, mut open) = (Line(send), Vec::new());
        for _ in 0..200 {
            let (answer, mut sending) = line.call("probity.v1.LedgerService/GetEntry", &[]).await;
            let request = v1::GetEntryRequest { position, view: v1::EntryView::Full.into() };
            let request = request.encode_to_vec();
            drop(sending.send_data(message(0, request.len(), &request), true));
            open.push((answer, sending));
        }
        for (answer, _) in &mut open {
            drop(tokio::time::timeout(HELD_UP, answer).await.expect("the headers come at once"));
        }
        open.len()
    };
    assert_eq!(attacked.beside(4 * MEMORY_KIB, attack).await, 200);
    attacked.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_path_of_a_call_leads_anywhere_else() {
    let attacked = Attacked::start("");
    for path in [
        "../../etc/passwd",
        "probity.v1.LedgerService/../LedgerService/GetHead",
        "probity.v1.LedgerService/%47etHead",
        "probity.v1.LedgerService//GetHead",
        "probity.v1.LedgerService/GetHead/",
        "probity.v1.LedgerService/gethead",
        "PROBITY.v1.LedgerService/GetHead",
        "%2e%2e/%2e%2e/keys",
        "checkpoint",
        "metrics",
        "tile/0/000",
        "grpc.health.v1.Health/../../probity.v1.LedgerService/GetHead",
        &"x/".repeat(4_000),
    ] {
        let mut line = Line::connect(attacked.address()).await;
        let (answer, mut sending) = line.call(path, &[]).await;
        // It may have been refused by now.
        drop(sending.send_data(message(0, 0, &[]), true));
        let ended = code(answer).await;
        assert!(matches!(ended, Some(Code::Unimplemented)), "{path:.80}: {ended:?}");
    }
    attacked.stop();
}

//! Very many frames, none of which costs much to send.

use crate::hostile_peers::Attacked;
use crate::hostile_peers::MEMORY_KIB;
use crate::hostile_peers::frames::CONTINUATION;
use crate::hostile_peers::frames::DATA;
use crate::hostile_peers::frames::END_HEADERS;
use crate::hostile_peers::frames::END_STREAM;
use crate::hostile_peers::frames::Frame;
use crate::hostile_peers::frames::GOAWAY;
use crate::hostile_peers::frames::HEADERS;
use crate::hostile_peers::frames::PING;
use crate::hostile_peers::frames::PRIORITY;
use crate::hostile_peers::frames::REFUSED_STREAM;
use crate::hostile_peers::frames::RST_STREAM;
use crate::hostile_peers::frames::SETTINGS;
use crate::hostile_peers::frames::WINDOW_UPDATE;
use crate::hostile_peers::frames::call;
use crate::hostile_peers::frames::connect;
use crate::hostile_peers::frames::frame;
use crate::hostile_peers::frames::indexed;
use crate::hostile_peers::frames::is_sent_away;
use crate::hostile_peers::frames::literal;
use crate::hostile_peers::frames::send;
use crate::hostile_peers::silent::Behind;

const HEAD: &str = "/probity.v1.LedgerService/GetHead";
const APPEND: &str = "/probity.v1.LedgerService/Append";

/// Numbers of streams that a client opens.
fn streams(count: u32) -> impl Iterator<Item = u32> {
    (0..count).map(|number| 2 * number + 1)
}

async fn flood(attacked: &Attacked, pieces: impl Iterator<Item = Vec<u8>>) -> (bool, Vec<Frame>) {
    send(connect(attacked.address()).await, pieces).await
}

/// Calls that are given up as soon as they are made; many at once, so that the server finds more than one when it looks.
fn opened_and_reset(count: u32) -> Vec<Vec<u8>> {
    let reset = |stream| {
        let open = frame(HEADERS, END_HEADERS | END_STREAM, stream, &call(HEAD));
        [open, frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())].concat()
    };
    let all: Vec<_> = streams(count).map(reset).collect();
    all.chunks(500).map(<[_]>::concat).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_are_opened_and_given_up_again_end_the_connection() {
    let attacked = Attacked::start("");
    let reset = |stream| {
        let open = frame(HEADERS, END_HEADERS | END_STREAM, stream, &call(HEAD));
        [open, frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())].concat()
    };
    // Many at once, so that the server finds more than one when it looks.
    let pieces =
        |count| streams(count).map(reset).collect::<Vec<_>>().chunks(500).map(<[_]>::concat).collect::<Vec<_>>();
    let all = pieces(20_000);
    attacked
        .beside(MEMORY_KIB, async {
            for _ in 0..20 {
                let (_, came) = flood(&attacked, all.clone().into_iter()).await;
                assert!(is_sent_away(&came), "{} frames", came.len());
                let answered = came.iter().filter(|frame| frame.kind == HEADERS).count();
                assert!(answered < 20_000, "{answered} calls were made and answered");
            }
        })
        .await;
    attacked.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_ten_thousand_streams_no_more_than_allowed_are_looked_at() {
    let attacked = Attacked::start("");
    // None of them ends, so each that is taken stays.
    let open = |stream| frame(HEADERS, END_HEADERS, stream, &call(APPEND));
    let pieces: Vec<_> = streams(10_000).map(open).collect();
    let (_, came) = attacked.beside(MEMORY_KIB, flood(&attacked, pieces.into_iter())).await;
    let refused = came.iter().filter(|frame| frame.kind == RST_STREAM && frame.error() == REFUSED_STREAM).count();
    assert!(refused > 0, "{came:?}");
    let last = came.iter().find(|frame| frame.kind == GOAWAY).map(|frame| frame.payload[..4].to_vec()).unwrap();
    let last = u32::from_be_bytes(last.try_into().unwrap());
    assert!(last < 2 * 10_000, "it went on to stream {last}");
    attacked.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_without_an_end_end_the_connection() {
    let attacked = Attacked::start("");
    let filler = literal("x-filler", &"a".repeat(8000));
    let begin = frame(HEADERS, 0, 1, &call(HEAD));
    let goes_on = frame(CONTINUATION, 0, 1, &filler);
    let empty = frame(CONTINUATION, 0, 1, &[]).repeat(1000);
    for (what, more) in [("full", goes_on), ("empty", empty)] {
        let pieces = std::iter::once(begin.clone()).chain(std::iter::repeat_n(more, 10_000));
        let (sent, came) = attacked.beside(MEMORY_KIB, flood(&attacked, pieces)).await;
        assert!(!sent || is_sent_away(&came), "{what}: {came:?}");
    }
    attacked.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_are_too_many_are_refused_whatever_they_weigh_on_the_wire() {
    let attacked = Attacked::start("");
    let plain = [call(HEAD), literal("x-long", &"a".repeat(15_000)), literal("x-more", &"b".repeat(1_000))].concat();
    // One entry of the table, and then a byte for each time that it stands there again: 16,000 bytes are 48 MB.
    let entry = indexed("x-bomb", &"a".repeat(3_000));
    let bomb = [call(HEAD), entry, vec![0xbe; 12_000]].concat();
    for (what, headers) in [("long", plain), ("a bomb", bomb)] {
        let pieces = streams(100).map(|stream| {
            let (first, rest) = headers.split_at(headers.len().min(16_000));
            match rest {
                [] => frame(HEADERS, END_HEADERS | END_STREAM, stream, first),
                _ => {
                    [frame(HEADERS, END_STREAM, stream, first), frame(CONTINUATION, END_HEADERS, stream, rest)].concat()
                }
            }
        });
        let pieces: Vec<_> = pieces.collect();
        let (_, came) = attacked.beside(MEMORY_KIB, flood(&attacked, pieces.into_iter())).await;
        // No call with them has an answer with a message in it.
        assert!(came.iter().all(|frame| frame.kind != DATA), "{what}");
    }
    attacked.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_want_an_answer_or_mean_nothing_take_no_memory() {
    let attacked = Attacked::start("");
    let open = || frame(HEADERS, END_HEADERS, 1, &call(APPEND));
    let floods: [(&str, Vec<u8>, Vec<u8>); 6] = [
        ("settings", Vec::new(), frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100])),
        ("pings", Vec::new(), frame(PING, 0, 0, b"12345678")),
        ("priorities", Vec::new(), frame(PRIORITY, 0, 1, &[0, 0, 0, 3, 16])),
        ("windows", open(), frame(WINDOW_UPDATE, 0, 1, &1_u32.to_be_bytes())),
        ("empty data", open(), frame(DATA, 0, 1, &[])),
        ("unknown", Vec::new(), frame(0xbb, 0, 0, &[7; 64])),
    ];
    for (what, begin, one) in floods {
        let pieces = std::iter::once(begin).chain(std::iter::repeat_n(one.repeat(1000), 200));
        // Whether it is cut off or put up with: nobody else is held up, and nothing is piled up.
        let (_, came) = attacked.beside(MEMORY_KIB, flood(&attacked, pieces)).await;
        let calls = came.iter().filter(|frame| frame.kind == HEADERS).count();
        assert!(calls <= 1, "{what}");
    }
    attacked.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_the_protocol_ends_the_connection_and_nothing_else() {
    let attacked = Attacked::start("");
    let broken: [(&str, Vec<u8>); 7] = [
        ("a window over its end", frame(WINDOW_UPDATE, 0, 0, &0x7fff_ffff_u32.to_be_bytes()).repeat(2)),
        ("data of no stream", frame(DATA, 0, 0, b"x")),
        ("an even stream", frame(HEADERS, END_HEADERS | END_STREAM, 2, &call(HEAD))),
        ("a frame of 16 MiB", [&[0xff, 0xff, 0xff, DATA, 0][..], &1_u32.to_be_bytes(), &[0; 64]].concat()),
        ("headers that are none", frame(HEADERS, END_HEADERS, 1, &[0xff; 200])),
        ("a setting out of range", frame(SETTINGS, 0, 0, &[0, 5, 0, 0, 0, 1])),
        ("a continuation of nothing", frame(CONTINUATION, END_HEADERS, 1, &call(HEAD))),
    ];
    for (what, bytes) in broken {
        let (_, came) = attacked.beside(MEMORY_KIB, flood(&attacked, std::iter::once(bytes))).await;
        assert!(is_sent_away(&came), "{what}: {came:?}");
    }
    attacked.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_tls_a_stranger_floods_in_vain() {
    let behind = Behind::start().await;
    let address = behind.running.address.to_string();
    let hello = [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(SETTINGS, 0, 0, &[])].concat();
    let never_ending: Vec<_> =
        streams(10_000).map(|stream| frame(HEADERS, END_HEADERS, stream, &call(APPEND))).collect();
    let begin = frame(HEADERS, 0, 1, &call(HEAD));
    let goes_on = frame(CONTINUATION, 0, 1, &literal("x-filler", &"a".repeat(8000)));
    let headers: Vec<_> = std::iter::once(begin).chain(std::iter::repeat_n(goes_on, 5_000)).collect();
    for (what, pieces) in
        [("resets", opened_and_reset(20_000)), ("streams", never_ending), ("headers without end", headers)]
    {
        let stranger = behind.nobody(&address, b"h2", &hello).await;
        let (flooded, ()) = tokio::join!(send(stranger, pieces.into_iter()), behind.asks());
        let (sent, came) = flooded;
        assert!(!sent || is_sent_away(&came), "{what}: {} frames", came.len());
        assert!(came.iter().all(|frame| frame.kind != DATA), "{what}: nobody is answered with a message");
        behind.asks().await;
    }
    behind.running.stop().await.unwrap();
}

//! Plain HTTP: paths that want to lead out of what is published, and requests that are two.

use std::fs;
use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpStream;

use crate::hostile_peers::Attacked;
use crate::hostile_peers::MEMORY_KIB;
use crate::http;

/// Stands in files that nobody may get.
const CANARY: &str = "canary-of-a-file-beside-the-log";

/// Sends bytes, and reads until the other end closes.
fn send(address: &str, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    // Whoever is refused in the middle of a long request finds the pipe closed.
    drop(stream.write_all(bytes));
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    answer
}

fn status(answer: &[u8]) -> u16 {
    let text = String::from_utf8_lossy(answer);
    text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_path_leads_out_of_what_is_published() {
    let attacked = Attacked::start("");
    let mut ledger = attacked.served.ledger().await;
    http::record(&mut ledger, 0..4).await;
    http::sealed(&mut ledger, &attacked.pages).await;
    for file in ["canary", "keys/canary", "checkpoints/canary", "exports/canary"] {
        fs::create_dir_all(attacked.data.join(file).parent().unwrap()).unwrap();
        fs::write(attacked.data.join(file), CANARY).unwrap();
    }
    fs::write(attacked.data.parent().unwrap().join("canary"), CANARY).unwrap();
    let absolute = attacked.data.join("canary").display().to_string();
    let mut paths = vec![
        absolute.clone(),
        format!("/{absolute}"),
        format!("/tile/0/{absolute}"),
        format!("file://{absolute}"),
        "/tile/0/000\0../../canary".to_owned(),
        "/tile/0/000%00../../canary".to_owned(),
        "/tile/0/000;/../../canary".to_owned(),
        "/tile/0/000?/../../../canary".to_owned(),
        "/checkpoint/../canary".to_owned(),
        "/checkpoint%2f..%2fcanary".to_owned(),
        "/checkpoint\\..\\canary".to_owned(),
        "*".to_owned(),
    ];
    let up = [
        "..",
        "%2e%2e",
        "%2E%2E",
        ".%2e",
        "%252e%252e",
        "..%00",
        "%c0%ae%c0%ae",
        "%u002e%u002e",
        "....",
        "..;",
        "%ff%fe",
    ];
    let slash = ["/", "%2f", "%2F", "%252f", "\\", "%5c", "%c0%af", "//"];
    for (up, slash) in up.iter().flat_map(|up| slash.iter().map(move |slash| (up, slash))) {
        for depth in [1, 3, 9] {
            let out = format!("{up}{slash}").repeat(depth);
            for of in ["canary", "data/canary", "keys/canary", "etc/passwd"] {
                paths.push(format!("/{out}{of}"));
                paths.push(format!("/tile/0/{out}{of}"));
                paths.push(format!("/tile/entries/{out}{of}"));
            }
        }
    }
    paths.extend([1_000, 60_000, 1_000_000].map(|times| format!("/{}", "../".repeat(times))));
    paths.extend([60_000, 4_000_000].map(|len| format!("/tile/0/{}", "0".repeat(len))));
    let address = attacked.pages.clone();
    let count = paths.len();
    let attack = tokio::task::spawn_blocking(move || {
        for path in paths {
            let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            let answer = send(&address, request.as_bytes());
            let shown = &path[..path.len().min(80)];
            let found = [CANARY.as_bytes(), b"root:"].iter().any(|of| answer.windows(of.len()).any(|at| at == *of));
            assert!(!found, "{shown}");
            // A query is no part of the path: the tile that stands before it is published.
            let published = path.starts_with("/tile/0/000?") || path.starts_with("/tile/entries/000?");
            let status = status(&answer);
            assert!(matches!(status, 400 | 401 | 404 | 414 | 431) || (published && status == 404), "{shown}: {status}");
        }
    });
    attacked.beside(MEMORY_KIB, attack).await.unwrap();
    assert!(count > 1_000, "{count}");
    attacked.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_one_request_and_has_a_bound() {
    let attacked = Attacked::start("handshake_within_s = 1");
    http::sealed(&mut attacked.served.ledger().await, &attacked.pages).await;
    let address = attacked.pages.clone();
    let attack = tokio::task::spawn_blocking(move || {
        let hidden = "GET /checkpoint HTTP/1.1\r\nHost: a\r\n\r\n";
        let many = |count: usize| (0..count).map(|number| format!("X-{number}: y\r\n")).collect::<Vec<_>>().concat();
        for (what, request) in [
            (
                "two lengths",
                format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\n{hidden}"),
            ),
            (
                "length and chunks",
                format!(
                    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"
                ),
            ),
            (
                "chunks twice",
                format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{hidden}"),
            ),
            (
                "a chunk of all there is",
                format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{hidden}"),
            ),
            ("a negative length", format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n{hidden}")),
            ("a folded header", format!("GET /nothing HTTP/1.1\r\nHost: a\r\nX: y\r\n\tz\r\n\r\n{hidden}")),
            ("headers without end", format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", many(100_000))),
            ("a long header", format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "y".repeat(8 << 20))),
            ("a long method", format!("{} / HTTP/1.1\r\n\r\n", "G".repeat(1 << 20))),
        ] {
            let answer = send(&address, request.as_bytes());
            let text = String::from_utf8_lossy(&answer);
            assert_eq!(text.matches("HTTP/1.1 200").count(), 0, "{what}: {text:.200}");
        }
        // One after the other is in order, and each has its answer.
        let two = send(&address, format!("{hidden}{hidden}").as_bytes());
        assert_eq!(String::from_utf8_lossy(&two).matches("HTTP/1.1 200").count(), 2);
    });
    attacked.beside(MEMORY_KIB, attack).await.unwrap();
    attacked.stop();
}

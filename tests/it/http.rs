//! The published log over HTTP, as auditors and other people's tools read it.

pub(crate) mod ask;
mod export;

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use data_encoding::HEXLOWER;
use flate2::read::GzDecoder;
use probity::log::BundleEntries;
use probity::log::Checkpoint;
use probity::log::Frontier;
use probity::log::LeafHash;
use probity::log::NodeHash;
use probity::log::Nodes;
use probity::log::Tile;
use probity::log::TileKind;
use probity::log::TileSpan;
use probity::log::prove_inclusion;
use probity::log::root_at;
use probity::log::tile_hashes;
use probity::log::tiles_at;
use probity::log::verify_inclusion;
use probity::proto::v1;
use sha2::Digest as _;
use sha2::Sha256;
use tempfile::TempDir;

use crate::http::ask::Answer;
use crate::http::ask::ask;
use crate::http::ask::get;
use crate::http::ask::published;
use crate::metrics::scrape::Scrape;
use crate::service;
use crate::service::Ledger;
use crate::service::Served;
use crate::service::append_all;
use crate::service::run;
use crate::service::serve;
use crate::service::story;

/// The token of the one auditor that there is.
pub(crate) const TOKEN: &str = "a token of tests";

pub(crate) fn folder() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    (folder, data)
}

/// `probity serve` with checkpoint and tiles, that seals soon after something is recorded.
pub(crate) fn command(data: &Path) -> Command {
    let mut command = serve(data);
    let hash = HEXLOWER.encode(&Sha256::digest(TOKEN));
    command.args(["--http-listen", "127.0.0.1:0"]).env("PROBITY_SEAL_EVERY_MS", "20");
    command.env("PROBITY_HTTP_AUDITOR_TOKENS", format!("[\"{hash}\"]"));
    command
}

/// It, and the address of its tiles.
pub(crate) fn start(command: &mut Command, data: &Path) -> (Served, String) {
    let said = service::said(data);
    let served = Served::try_start(command, &said).unwrap_or_else(|ended| panic!("{ended:?}"));
    (served, told(&said, "checkpoint and tiles on http://").trim_end_matches('/').to_owned())
}

/// What the last service that wrote this file said of an address.
fn told(said: &Path, words: &str) -> String {
    let said = fs::read_to_string(said).unwrap();
    let told = said.lines().rev().find_map(|line| line.strip_prefix("probity: ")?.strip_prefix(words));
    told.unwrap_or_else(|| panic!("no {words} in {said}")).to_owned()
}

/// Records so many stories, from a number on.
pub(crate) async fn record(ledger: &mut Ledger, numbers: std::ops::Range<u64>) {
    for answer in append_all(ledger, numbers.map(story::request).collect()).await.unwrap() {
        answer.unwrap();
    }
}

/// The newest checkpoint once it is over everything that is recorded.
pub(crate) async fn sealed(ledger: &mut Ledger, address: &str) -> Checkpoint {
    loop {
        let head = service::head(ledger).await.0;
        match published(address) {
            Some((checkpoint, _)) if checkpoint.size > head => return checkpoint,
            _ => tokio::task::yield_now().await,
        }
    }
}

/// With an auditor's token.
pub(crate) fn bundle(address: &str, tile: Tile) -> Answer {
    ask(address, "GET", &format!("/{tile}"), &[("Authorization", &format!("Bearer {TOKEN}"))])
}

/// The log as its tiles say it.
struct Tiles<'a> {
    address: &'a str,
    size: u64,
}

impl Tiles<'_> {
    fn hashes(&self, tile: Tile) -> Vec<NodeHash> {
        let answer = get(self.address, &format!("/{tile}"));
        assert_eq!(answer.status, 200, "{tile}");
        tile_hashes(&answer.body, tile.width).unwrap().collect()
    }
}

impl Nodes for Tiles<'_> {
    type Error = u16;

    fn node(&self, level: u8, index: u64) -> Result<NodeHash, u16> {
        let span = TileSpan::of_node(level, index).unwrap();
        let tile = Tile::at(TileKind::Hashes(span.level), span.number, self.size).unwrap();
        Ok(span.hash_in(&self.hashes(tile)).unwrap())
    }
}

/// Every tile and bundle of a checkpoint is there, and they hash up to its root. Gives the leaves.
fn check_all(address: &str, checkpoint: &Checkpoint) -> Vec<Vec<u8>> {
    let tiles = Tiles { address, size: checkpoint.size };
    let mut leaves: Vec<Vec<u8>> = Vec::new();
    for tile in tiles_at(checkpoint.size) {
        if tile.kind == TileKind::Entries {
            let answer = bundle(address, tile);
            assert_eq!(answer.status, 200, "{tile}");
            leaves.extend(BundleEntries::new(&answer.body, tile.width).map(|entry| entry.unwrap().to_vec()));
            continue;
        }
        let (level, first) = tile.first_node().unwrap();
        for (index, hash) in (first..).zip(tiles.hashes(tile)) {
            let below = usize::try_from(index << level).unwrap()..usize::try_from((index + 1) << level).unwrap();
            let root = leaves[below].iter().map(|leaf| LeafHash::of(leaf)).collect::<Frontier>().root();
            assert_eq!(root.0, hash.0, "{tile} at {index}");
        }
    }
    let frontier: Frontier = leaves.iter().map(|leaf| LeafHash::of(leaf)).collect();
    assert_eq!((frontier.size(), frontier.root()), (checkpoint.size, checkpoint.root));
    leaves
}

#[tokio::test(flavor = "multi_thread")]
async fn tiles_hash_up_to_the_checkpoint_and_bundles_hold_the_leaves() {
    let (_folder, data) = folder();
    let (served, address) = start(&mut command(&data), &data);
    let mut ledger = served.ledger().await;
    record(&mut ledger, 0..190).await;
    let checkpoint = sealed(&mut ledger, &address).await;
    assert!(checkpoint.size > 512, "more than two full tiles: {}", checkpoint.size);
    let leaves = check_all(&address, &checkpoint);
    let tiles = Tiles { address: &address, size: checkpoint.size };
    assert_eq!(root_at(&tiles, checkpoint.size), Ok(checkpoint.root));
    for index in [0, 255, 256, checkpoint.size - 1] {
        let proof = prove_inclusion(&tiles, index, checkpoint.size).unwrap();
        let leaf = LeafHash::of(&leaves[usize::try_from(index).unwrap()]);
        assert_eq!(verify_inclusion(leaf, index, checkpoint.head(), &proof), Ok(()), "{index}");
    }
    for (position, leaf) in (0..).zip(&leaves) {
        let request = v1::GetEntryRequest { position, view: v1::EntryView::Full.into() };
        assert_eq!(ledger.get_entry(request).await.unwrap().into_inner().entry.unwrap().leaf, *leaf, "{position}");
    }
    // What is published stays as it is over a restart.
    let newest = get(&address, "/checkpoint").body;
    served.stop();
    let (served, address) = start(&mut command(&data), &data);
    assert_eq!(get(&address, "/checkpoint").body, newest);
    check_all(&address, &checkpoint);
    served.stop();
    service::verify(&data);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_says_what_it_is_and_how_long_it_holds() {
    let (_folder, data) = folder();
    let (served, address) = start(&mut command(&data), &data);
    let mut ledger = served.ledger().await;
    record(&mut ledger, 0..120).await;
    let size = sealed(&mut ledger, &address).await.size;
    assert!(size > 256);
    let auditor = format!("Bearer {TOKEN}");
    let entitled = [("Authorization", auditor.as_str())];
    for (path, headers, kind, kept) in [
        ("/checkpoint", &[][..], "text/plain; charset=utf-8", "no-cache"),
        ("/tile/0/000", &[], "application/octet-stream", "public, max-age=31536000, immutable"),
        ("/tile/0/000.p/7", &[], "application/octet-stream", "public, max-age=31536000, immutable"),
        ("/tile/1/000.p/1", &[], "application/octet-stream", "public, max-age=31536000, immutable"),
        ("/tile/entries/000", &entitled, "application/octet-stream", "private, max-age=31536000, immutable"),
        ("/tile/entries/000.p/1", &entitled, "application/octet-stream", "private, max-age=31536000, immutable"),
    ] {
        let whole = ask(&address, "GET", path, headers);
        let found = [whole.header("content-type"), whole.header("cache-control")];
        assert_eq!((whole.status, found), (200, [Some(kind), Some(kept)]), "{path}");
        let head = ask(&address, "HEAD", path, headers);
        assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
        assert_eq!(head.header("content-length"), Some(whole.body.len().to_string().as_str()), "{path}");
        assert_eq!(head.header("content-type"), Some(kind), "{path}");
        for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
            let refused = ask(&address, method, path, headers);
            assert_eq!((refused.status, refused.header("allow")), (405, Some("GET,HEAD")), "{method} {path}");
        }
    }
    served.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partial_tile_is_the_beginning_of_the_full_one() {
    let (_folder, data) = folder();
    let (served, address) = start(&mut command(&data), &data);
    let mut ledger = served.ledger().await;
    record(&mut ledger, 0..120).await;
    let size = sealed(&mut ledger, &address).await.size;
    for kind in [TileKind::Hashes(0), TileKind::Entries] {
        for number in [0, 1] {
            let widest = Tile::at(kind, number, size).unwrap();
            let whole = bundle(&address, widest).body;
            for width in [1, 2, 100, 255].into_iter().filter(|width| *width < widest.width) {
                let part = bundle(&address, Tile { width, ..widest });
                assert_eq!(part.status, 200);
                assert!(whole.starts_with(&part.body) && part.body.len() < whole.len(), "{kind:?} {number} {width}");
            }
            for width in (widest.width + 1..256).take(3) {
                assert_eq!(bundle(&address, Tile { width, ..widest }).status, 404, "{kind:?} {number} {width}");
            }
        }
        assert_eq!(bundle(&address, Tile { kind, number: 1, width: 256 }).status, 404, "{kind:?}: not full yet");
        assert_eq!(bundle(&address, Tile { kind, number: 2, width: 1 }).status, 404, "{kind:?}");
    }
    served.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_are_for_auditors_alone() {
    let (_folder, data) = folder();
    let (served, address) = start(&mut command(&data), &data);
    sealed(&mut served.ledger().await, &address).await;
    let hash = format!("Bearer {}", HEXLOWER.encode(&Sha256::digest(TOKEN)));
    let basic = format!("Basic {TOKEN}");
    let longer = format!("Bearer {TOKEN} ");
    let shorter = format!("Bearer {}", &TOKEN[1..]);
    let refused: [&[(&str, &str)]; 8] = [
        &[],
        &[("Authorization", "")],
        &[("Authorization", "Bearer")],
        &[("Authorization", &basic)],
        &[("Authorization", &hash)],
        &[("Authorization", &shorter)],
        &[("Authorization", &format!("x{longer}"))],
        &[("Cookie", &format!("token={TOKEN}"))],
    ];
    // The token is asked for before anything is said of what there is.
    for path in ["/tile/entries/000.p/1", "/tile/entries/999", "/tile/entries/000.p/255"] {
        for method in ["GET", "HEAD"] {
            for headers in refused {
                let answer = ask(&address, method, path, headers);
                assert_eq!(answer.status, 401, "{method} {path} {headers:?}");
                assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer realm="), "{answer:?}");
                assert_eq!(answer.header("cache-control"), Some("no-cache"));
            }
        }
    }
    assert_eq!(get(&address, &format!("/tile/entries/000.p/1?access_token={}", TOKEN.replace(' ', "+"))).status, 401);
    assert_eq!(bundle(&address, Tile { kind: TileKind::Entries, number: 0, width: 1 }).status, 200);
    let said = fs::read_to_string(service::said(&data)).unwrap();
    assert!(!said.contains(TOKEN) && !said.contains(&hash[7..]), "{said}");
    served.stop();

    // Everybody's, where the operator says so.
    let (served, address) = start(command(&data).env("PROBITY_HTTP_ENTRIES_OPEN", "true"), &data);
    let open = get(&address, "/tile/entries/000.p/1");
    assert_eq!((open.status, open.header("cache-control")), (200, Some("public, max-age=31536000, immutable")));
    served.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn bundles_are_compressed_for_whoever_takes_it() {
    let (_folder, data) = folder();
    let (served, address) = start(&mut command(&data), &data);
    let mut ledger = served.ledger().await;
    record(&mut ledger, 0..120).await;
    sealed(&mut ledger, &address).await;
    let auditor = format!("Bearer {TOKEN}");
    let ask_for = |path: &str, codings: &str| {
        ask(&address, "GET", path, &[("Authorization", &auditor), ("Accept-Encoding", codings)])
    };
    let plain = ask_for("/tile/entries/000", "identity");
    for (codings, compressed) in [("gzip", true), ("br, gzip;q=0.1", true), ("gzip;q=0", false), ("br", false)] {
        let answer = ask_for("/tile/entries/000", codings);
        assert_eq!(answer.header("content-encoding"), compressed.then_some("gzip"), "{codings}");
        assert_eq!(answer.header("vary"), Some("accept-encoding"));
        let mut body = Vec::new();
        if compressed {
            GzDecoder::new(&*answer.body).read_to_end(&mut body).unwrap();
        } else {
            body = answer.body;
        }
        assert_eq!(body, plain.body, "{codings}");
    }
    // Hashes do not get smaller.
    for path in ["/tile/0/000", "/checkpoint"] {
        assert_eq!(ask_for(path, "gzip").header("content-encoding"), None, "{path}");
    }
    served.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_spelling_is_a_path() {
    let (_folder, data) = folder();
    let (served, address) = start(&mut command(&data), &data);
    let mut ledger = served.ledger().await;
    record(&mut ledger, 0..120).await;
    sealed(&mut ledger, &address).await;
    assert_eq!(get(&address, "/tile/0/000").status, 200);
    for path in [
        "/",
        "/tile",
        "/tile/",
        "/tile/0",
        "/tile/0/",
        "/tile/00/000",
        "/tile/0/0",
        "/tile/0/00",
        "/tile/0/0000",
        "/tile/0/000/",
        "/tile/0/000.p",
        "/tile/0/000.p/",
        "/tile/0/000.p/0",
        "/tile/0/000.p/01",
        "/tile/0/000.p/256",
        "/tile/0/000.p/-1",
        "/tile/0/x000/000",
        "/tile/0/-01",
        "/tile/0/+00",
        "/tile/0/%30%30%30",
        "/tile/%30/000",
        "/tile//0/000",
        "//tile/0/000",
        "/tile/./0/000",
        "/tile/1/../0/000",
        "/tile/0/000%2Ep/1",
        "/tile/64/000",
        "/tile/63/000.p/1",
        "/tile/8/0/000",
        "/tile/8/data/000",
        "/tile/Entries/000",
        "/tile/data/000",
        "/tile/entries/",
        "/tile/entries/x001",
        "/tile/0/x018/x446/x744/x073/x709/x551/616",
        "/tile/0/x018/x446/x744/x073/x709/x551/615",
        "/checkpoint/",
        "/Checkpoint",
        "/checkpoints/newest",
        "/metrics",
        "/../keys/log.ed25519",
        "/tile/../../keys/log.ed25519",
        "/tile/0/..%2f..%2fkeys",
    ] {
        let answer = ask(&address, "GET", path, &[("Authorization", &format!("Bearer {TOKEN}"))]);
        assert_eq!((answer.status, answer.header("cache-control")), (404, Some("no-cache")), "{path}");
    }
    served.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_ever_given_beyond_the_checkpoint_while_the_log_grows() {
    let (_folder, data) = folder();
    let (served, address) = start(&mut command(&data), &data);
    let url = served.url.clone();
    let growing = tokio::spawn(async move {
        let mut ledger = service::ledger(&url).await;
        for number in 0..60 {
            record(&mut ledger, number..number + 1).await;
        }
    });
    let mut seen = 0;
    while !growing.is_finished() || seen == 0 {
        // What is given is below the checkpoint that is out afterwards, whatever was recorded in between.
        let before = published(&address).map_or(0, |(checkpoint, _)| checkpoint.size);
        let widths: Vec<(Tile, u16)> = [TileKind::Hashes(0), TileKind::Entries]
            .into_iter()
            .flat_map(|kind| (before..before + 12).map(move |index| (kind, index)))
            .map(|(kind, index)| {
                let width = u16::try_from(index % 256 + 1).unwrap();
                let tile = Tile { kind, number: index / 256, width };
                (tile, bundle(&address, tile).status)
            })
            .collect();
        let after = published(&address).map_or(0, |(checkpoint, _)| checkpoint.size);
        for (tile, status) in widths {
            assert!([200, 404].contains(&status), "{tile}: {status}");
            assert!(status == 404 || tile.is_within(after), "{tile} was given, and {after} are published");
        }
        if let Some(last) = before.checked_sub(1) {
            seen += 1;
            let newest = Tile::at(TileKind::Hashes(0), last / 256, before).unwrap();
            assert_eq!(get(&address, &format!("/{newest}")).status, 200, "{newest}");
        }
    }
    growing.await.unwrap();
    let checkpoint = sealed(&mut served.ledger().await, &address).await;
    check_all(&address, &checkpoint);
    served.stop();
}

/// Changes a bit of a leaf, past everything that the program does; the first leaf of a frame below a position. Which one.
pub(crate) fn change_a_leaf(data: &Path, below: u64) -> u64 {
    let volume = sled::open(data.join("ledger").join(format!("{:020}", 0))).unwrap();
    let tree = volume.open_tree("log").unwrap();
    let (key, frame) = tree.get_lt(below.to_be_bytes()).unwrap().unwrap();
    let position = u64::from_be_bytes(key[..8].try_into().unwrap());
    let mut frame = frame.to_vec();
    let magic = frame.windows(4).position(|window| window == b"PRB1").unwrap();
    frame[magic + 20] ^= 1;
    tree.insert(key, frame).unwrap();
    tree.flush().unwrap();
    position
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leaf_that_was_changed_on_the_disk_is_not_given() {
    let (_folder, data) = folder();
    let (served, address) = start(&mut command(&data), &data);
    let mut ledger = served.ledger().await;
    record(&mut ledger, 0..190).await;
    let checkpoint = sealed(&mut ledger, &address).await;
    assert!(checkpoint.size > 512);
    served.stop();
    let changed = change_a_leaf(&data, 200);
    assert!((1..200).contains(&changed));
    // Past what a start looks at.
    let (served, address) = start(command(&data).env("PROBITY_VERIFY_NEWEST", "1"), &data);
    for kind in [TileKind::Hashes(0), TileKind::Entries] {
        for width in [1, 200, 255, 256] {
            let damaged = bundle(&address, Tile { kind, number: 0, width });
            assert_eq!((damaged.status, damaged.header("cache-control")), (500, Some("no-cache")), "{kind:?} {width}");
            assert!(!damaged.body.windows(4).any(|window| window == b"PRB1"));
            assert_eq!(bundle(&address, Tile { kind, number: 1, width }).status, 200, "{kind:?} {width}");
        }
    }
    // What stands above is what was folded.
    assert_eq!(get(&address, "/tile/1/000.p/2").status, 200);
    served.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_port_serves_the_metrics_too_where_it_is_told_so() {
    let (_folder, data) = folder();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let said = service::said(&data);
    let mut one = command(&data);
    one.args(["--metrics-listen", &free]).env("PROBITY_HTTP_LISTEN", &free);
    // The flag of the usual command says another address; the environment is below it.
    let (served, tiles) = start(&mut one, &data);
    assert_ne!(tiles, free);
    assert_eq!((get(&tiles, "/metrics").status, get(&free, "/checkpoint").status), (404, 404));
    served.stop();
    let mut one = serve(&data);
    one.args(["--metrics-listen", &free, "--http-listen", &free]).env("PROBITY_SEAL_EVERY_MS", "20");
    let (served, tiles) = start(&mut one, &data);
    assert_eq!(tiles, free);
    assert_eq!(told(&said, "metrics on http://"), format!("{free}/metrics"));
    sealed(&mut served.ledger().await, &tiles).await;
    for path in ["/tile/0/000.p/1", "/tile/0/999", "/tile/entries/000.p/1", "/nowhere/else"] {
        get(&free, path);
    }
    let scrape = Scrape::parse(get(&free, "/metrics").text());
    let counted = |route: &str, status: u16| {
        scrape.whole_or_none(&format!("probity_http_requests_total{{route=\"{route}\",status=\"{status}\"}}"))
    };
    assert!(counted("checkpoint", 200) >= Some(1));
    assert_eq!((counted("tile", 200), counted("tile", 404)), (Some(1), Some(1)));
    assert_eq!((counted("entries", 200), counted("entries", 401)), (Some(0), Some(1)));
    assert_eq!((counted("other", 404), counted("metrics", 200)), (Some(1), Some(0)));
    assert!(!scrape.text.contains("nowhere"), "no label holds what was sent");
    served.stop();
}

#[test]
fn what_cannot_be_served_is_named_by_its_key_before_anything_is_opened() {
    let (_folder, data) = folder();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (flags, variables, key) in [
        (&["--http-listen", &*address][..], &[][..], "http_listen"),
        (&["--http-listen", "here"], &[], "http_listen"),
        (&["--http-listen", "127.0.0.1:0"], &[("PROBITY_SEAL_EVERY_MS", "0")], "http_listen"),
        (&[], &[("PROBITY_HTTP_AUDITOR_TOKENS", "[\"a secret\"]")], "http_auditor_tokens"),
        (&[], &[("PROBITY_HTTP_AUDITOR_TOKENS", "[\"\"]")], "http_auditor_tokens"),
        (&[], &[("PROBITY_HTTP_ENTRIES_OPEN", "perhaps")], "http_entries_open"),
    ] {
        let mut command = serve(&data);
        command.env("PROBITY_SEAL_EVERY_MS", "20").args(flags).envs(variables.iter().copied());
        let (status, printed, said) = run(&mut command);
        assert_eq!((status, printed.as_str()), (Some(2), ""), "{flags:?} {variables:?}: {said}");
        assert!(said.to_lowercase().contains(key) && !said.contains("a secret"), "{said}");
    }
    assert!(!data.exists(), "a log was made");
}

#[test]
fn what_is_no_http_does_no_harm() {
    let (_folder, data) = folder();
    let (served, address) = start(&mut command(&data), &data);
    let long = format!("GET /tile/{} HTTP/1.1\r\n\r\n", "x000/".repeat(100_000));
    for (request, status) in [
        ("no such thing\r\n\r\n", "400"),
        ("GET checkpoint HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "4"),
        ("GET /checkpoint HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: x\r\n\r\n", "400"),
        (long.as_str(), "4"),
    ] {
        let answer = crate::metrics::scrape::ask(&address, request);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{request:.60}: {answer:.60}");
    }
    served.stop();
    service::verify(&data);
}

//! A witness answers as C2SP `tlog-witness` says, and never cosigns two trees.

use std::time::Duration;

use probity::http::Patience;
use probity::log::AddCheckpoint;
use probity::log::Checkpoint;
use probity::log::NodeHash;
use probity::log::Note;
use probity::log::NoteSignature;
use probity::log::Policy;
use probity::log::Root;
use probity::log::SignatureType;
use probity::log::parse_cosignatures;
use probity::witness::Witness;
use probity::witness::WitnessError;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::witness::BEGIN_S;
use crate::witness::Log;
use crate::witness::Server;
use crate::witness::clock;
use crate::witness::key;
use crate::witness::log_line;

const ORIGIN: &str = "log.example.org/a";

fn log() -> Log {
    Log::new(ORIGIN, 0, 0)
}

/// What stands after a word of the first line of a body.
fn words(request: &AddCheckpoint) -> String {
    request.to_string()
}

/// After the log grew to 5 at the witness, `body` is answered with `status`, and what was cosigned stays.
async fn check(status: u16, said: &str, body: impl Into<Vec<u8>>) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(9, folder.path(), &log_line(&log().signer), &clock()).await;
    assert_eq!(server.post(words(&log().request(0, 5))).await.status, 200);
    let before = server.get(ORIGIN).await;
    let answer = server.post(body).await;
    assert_eq!((answer.status, answer.first_line().as_str()), (status, said));
    assert_eq!(server.get(ORIGIN).await, before, "what was cosigned changed");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_continues_is_cosigned_and_shown() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let server = Server::start(9, folder.path(), &log_line(&log().signer), &clock).await;
    assert_eq!(server.get(ORIGIN).await.status, 404);
    let vkey = server.signer.verifier(SignatureType::CosignatureV1);
    for (old, new) in [(0, 1), (1, 5), (5, 5), (5, 33), (33, 64)] {
        clock.pass(1000);
        let answer = server.post(words(&log().request(old, new))).await;
        assert_eq!(answer.status, 200, "{old} to {new}: {}", answer.first_line());
        let cosignatures = parse_cosignatures(&answer.body).unwrap();
        let note = Note::new(log().note(new).text().to_owned(), cosignatures).unwrap();
        assert!(note.verify([&vkey]).unwrap()[0].time_s.unwrap() > BEGIN_S);
        let shown = Note::parse(&server.get(ORIGIN).await.body).unwrap();
        assert_eq!(shown.verify([&vkey, &log().signer.verifier(SignatureType::Ed25519)]).unwrap().len(), 2);
        assert_eq!(shown.text(), note.text());
    }
    server.stop().await;
    // What it cosigned outlives it.
    let server = Server::start(9, folder.path(), &log_line(&log().signer), &clock).await;
    let answer = server.post(words(&log().request(33, 64))).await;
    assert_eq!((answer.status, answer.body.as_slice()), (409, b"64\n".as_slice()));
    assert_eq!(server.post(words(&log().request(64, 64))).await.status, 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_is_400() {
    let good = words(&log().request(5, 8));
    check(400, "line 1: expected old and a size", "").await;
    check(
        400,
        "line 1: expected old and a size: decimal, without zeros before it",
        good.replacen("old 5", "old 05", 1),
    )
    .await;
    check(400, "line 1: expected an old size of at most the checkpoint's", good.replacen("old 5", "old 9", 1)).await;
    check(400, "line 2: expected 32 bytes in base 64", good.replacen("old 5\n", "old 5\nAAAA\n", 1)).await;
    check(400, "the body is longer than any request, or broke off", vec![b'a'; 200_000]).await;
    let hash = format!("{}\n", data_encoding::BASE64.encode(&[7; 32]));
    check(
        400,
        "line 65: expected at most 63 hashes",
        good.replacen("old 5\n", &format!("old 5\n{}", hash.repeat(64)), 1),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_log_did_not_sign_is_403() {
    let request = log().request(5, 8);
    let other = log().checkpoint(8).sign(&[key(ORIGIN, 77)]).unwrap();
    let swapped = AddCheckpoint::new(5, request.proof.clone(), other).unwrap();
    check(403, "no known key signed it", words(&swapped)).await;
    let signed = request.note.signatures()[0].clone();
    let mut bytes = signed.bytes().to_vec();
    bytes[40] ^= 1;
    let vkey = log().signer.verifier(SignatureType::Ed25519);
    let damaged = Note::new(request.note.text().to_owned(), vec![NoteSignature::made(&vkey, &bytes)]).unwrap();
    let damaged = AddCheckpoint::new(5, request.proof.clone(), damaged).unwrap();
    check(403, &format!("the signature of {ORIGIN}+{} is not good", vkey.id()), words(&damaged)).await;
    // The signature of another size.
    let of_another = Note::new(request.note.text().to_owned(), log().note(9).signatures().to_vec()).unwrap();
    let of_another = AddCheckpoint::new(5, request.proof, of_another).unwrap();
    check(403, &format!("the signature of {ORIGIN}+{} is not good", vkey.id()), words(&of_another)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_log_is_404() {
    check(404, "this witness does not know that log", words(&Log::new("log.example.org/b", 0, 0).request(0, 8))).await;
    check(404, "this witness does not know that log", words(&Log::new("log.example.org/A", 0, 0).request(5, 8))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_old_size_is_409_with_the_size() {
    check(409, "5", words(&log().request(0, 8))).await;
    check(409, "5", words(&log().request(4, 8))).await;
    check(409, "5", words(&log().request(6, 8))).await;
    check(409, "5", words(&log().request(3, 3))).await;
    // A rollback has no old size that would do.
    check(
        400,
        "line 1: expected an old size of at most the checkpoint's",
        words(&log().request(4, 4)).replacen('4', "5", 1),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_that_proves_nothing_is_422() {
    let request = log().request(5, 8);
    let with = |proof: Vec<NodeHash>| words(&AddCheckpoint::new(5, proof, log().note(8)).unwrap());
    check(422, "0 hashes where 4 are needed", with(Vec::new())).await;
    let mut longer = request.proof.clone();
    longer.push(NodeHash([7; 32]));
    check(422, "5 hashes where only 4 are needed", with(longer)).await;
    for at in 0..request.proof.len() {
        let mut damaged = request.proof.clone();
        damaged[at].0[3] ^= 1;
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(9, folder.path(), &log_line(&log().signer), &clock()).await;
        assert_eq!(server.post(words(&log().request(0, 5))).await.status, 200);
        let answer = server.post(with(damaged)).await;
        assert_eq!(answer.status, 422, "{}", answer.first_line());
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_is_422() {
    let fork = Log::new(ORIGIN, 3, 1);
    let (ours, theirs) = (log().checkpoint(5).root, fork.checkpoint(5).root);
    check(422, &format!("the root is {theirs}, the proof leads to {ours}"), words(&fork.request(5, 5))).await;
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(9, folder.path(), &log_line(&log().signer), &clock()).await;
    assert_eq!(server.post(words(&log().request(0, 5))).await.status, 200);
    assert_eq!(server.post(words(&fork.request(5, 8))).await.status, 422);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_empty_tree_has_one_root_and_no_proof() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(9, folder.path(), &log_line(&log().signer), &clock()).await;
    let proved = AddCheckpoint::new(0, vec![NodeHash([1; 32])], log().note(8)).unwrap();
    assert_eq!(server.post(words(&proved)).await.status, 422);
    let other = Checkpoint { root: Root([1; 32]), ..log().checkpoint(0) };
    let other = AddCheckpoint::new(0, Vec::new(), other.sign(&[log().signer]).unwrap()).unwrap();
    assert_eq!(server.post(words(&other)).await.status, 422);
    assert_eq!(server.post(words(&log().request(0, 0))).await.status, 200);
    assert_eq!(server.post(words(&log().request(0, 8))).await.status, 200);
    server.stop().await;
}

/// Of two requests at one moment, for trees that cannot both be, one is cosigned.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_forks_at_once_one_is_cosigned() {
    for round in 0..8 {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(9, folder.path(), &log_line(&log().signer), &clock()).await;
        assert_eq!(server.post(words(&log().request(0, 2))).await.status, 200);
        let forks: Vec<String> =
            (0..4).map(|salt| words(&Log::new(ORIGIN, 2, salt).request(2, 9 + u64::from(salt)))).collect();
        let (a, b, c, d) = tokio::join!(
            server.post(forks[0].clone()),
            server.post(forks[1].clone()),
            server.post(forks[2].clone()),
            server.post(forks[3].clone())
        );
        let statuses = [a.status, b.status, c.status, d.status];
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "round {round}: {statuses:?}");
        assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 3, "round {round}: {statuses:?}");
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_do_not_disturb_one_another() {
    let folder = tempfile::tempdir().unwrap();
    let other = Log::new("log.example.org/b", 0, 3);
    let logs =
        log_line(&log().signer) + &format!("log {}\n", key("log.example.org/b", 5).verifier(SignatureType::Ed25519));
    let other = Log { signer: key("log.example.org/b", 5), ..other };
    let server = Server::start(9, folder.path(), &logs, &clock()).await;
    assert_eq!(server.post(words(&log().request(0, 5))).await.status, 200);
    assert_eq!(server.post(words(&other.request(0, 3))).await.status, 200);
    assert_eq!(server.post(words(&log().request(5, 6))).await.status, 200);
    assert_eq!(server.post(words(&other.request(5, 6))).await.body, b"3\n");
    server.stop().await;
}

#[test]
fn a_state_that_was_touched_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (signer, policy) =
        (key("w", 9), Policy::parse((log_line(&log().signer) + "quorum none\n").as_bytes()).unwrap());
    let open = || Witness::open(signer.clone(), &policy, folder.path(), clock(), None);
    let witness = open().unwrap();
    assert!(matches!(open(), Err(WitnessError::Locked(_))), "two at once");
    witness.add_checkpoint(log().request(0, 5).to_string().as_bytes());
    drop(witness);
    let kept = folder.path().join(probity::log::monitoring_path(ORIGIN));
    let text = std::fs::read_to_string(&kept).unwrap();
    for touched in ["", &text[1..], &text.replacen("\n5\n", "\n4\n", 1), log().note(5).to_string().as_str()] {
        std::fs::write(&kept, touched).unwrap();
        assert!(matches!(open(), Err(WitnessError::Damaged { .. })), "{touched:?}");
    }
    std::fs::write(&kept, text).unwrap();
    assert!(open().is_ok());
}

/// Its answers come while others hold connections; these are closed when they have said nothing whole for long enough.
#[tokio::test(flavor = "multi_thread")]
async fn who_says_half_a_request_is_not_waited_for_and_others_are_answered() {
    let folder = tempfile::tempdir().unwrap();
    let signer = key("witness.example.org/w9", 9);
    let policy = Policy::parse((log_line(&log().signer) + "quorum none\n").as_bytes()).unwrap();
    let witness = Witness::open(signer.clone(), &policy, folder.path(), clock(), None).unwrap();
    let patience = Patience { connections_max: 4, head: Duration::from_millis(500), ..Patience::default() };
    let server = Server::serve(witness, signer, patience).await;
    let address = server.url.trim_start_matches("http://");
    let mut held = Vec::new();
    for said in ["", "POST /add-ch", "POST /add-checkpoint HTTP/1.1\r\nHost: w\r\n"] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(said.as_bytes()).await.unwrap();
        held.push(stream);
    }
    // There is one place left, and it is enough.
    assert_eq!(server.post(words(&log().request(0, 5))).await.status, 200);
    assert_eq!(server.post(words(&log().request(5, 6))).await.status, 200);
    // Two more take it, and a place beyond: the next is answered when others had to leave.
    for _ in 0..2 {
        held.push(TcpStream::connect(address).await.unwrap());
    }
    assert_eq!(server.post(words(&log().request(6, 7))).await.status, 200);
    for mut stream in held {
        let mut answer = Vec::new();
        let closed = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await;
        assert!(closed.is_ok(), "it is held still");
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    }
    server.stop().await;
}

/// Who stops is not held up by those who are connected.
#[tokio::test(flavor = "multi_thread")]
async fn at_the_end_nobody_is_waited_for_who_says_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(9, folder.path(), &log_line(&log().signer), &clock()).await;
    let address = server.url.trim_start_matches("http://").to_owned();
    let mut half = TcpStream::connect(&address).await.unwrap();
    half.write_all(b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 9\r\n\r\nold").await.unwrap();
    let silent = TcpStream::connect(&address).await.unwrap();
    tokio::time::timeout(Duration::from_secs(8), server.stop()).await.unwrap();
    drop((half, silent));
}

//! Our log has itself cosigned, and is not written when a witness knows more of it than it does itself.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use probity::clock::Settable;
use probity::http;
use probity::http::Patience;
use probity::log::Note;
use probity::log::Policy;
use probity::log::SignatureType;
use probity::log::SignerKey;
use probity::log::VerifierKey;
use probity::publish::PublishOptions;
use probity::publish::Published;
use probity::sequencer::Health;
use probity::service;
use probity::service::OpenError;
use probity::service::Options;
use probity::witness::Contradiction;
use probity::witness::WitnessFail;
use probity::witness::WitnessOptions;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::service::Here;
use crate::service::probity;
use crate::service::run;
use crate::service::story;
use crate::witness::BEGIN_S;
use crate::witness::Server;
use crate::witness::clock;
use crate::witness::key;
use crate::witness::names;
use crate::witness::policy;

const ORIGIN: &str = "log.example.org/ours";

fn options(policy: Policy) -> WitnessOptions {
    WitnessOptions { policy, fail: WitnessFail::Open, again: None, wait: Duration::from_mins(5), start_without: false }
}

fn set(options: &mut Options, witness: Option<WitnessOptions>) {
    options.origin = Some(ORIGIN.to_owned());
    options.publish = Some(PublishOptions { seal_every: Duration::from_millis(1), ..PublishOptions::default() });
    options.witness = witness;
}

async fn open(data: &Path, clock: &Arc<Settable>, witness: WitnessOptions) -> Here {
    Here::open(data, clock, |options| set(options, Some(witness))).await
}

/// The key with which the log in a folder signs, as a line of a policy; the log is made where there is none.
async fn made(data: &Path, clock: &Arc<Settable>) -> String {
    let here = Here::open(data, clock, |options| set(options, None)).await;
    let keys = vkey(&here);
    here.stop().await;
    format!("log {keys}\n")
}

fn vkey(here: &Here) -> VerifierKey {
    SignerKey::new(ORIGIN, here.service().keys().signing_keys()[0].clone()).unwrap().verifier(SignatureType::Ed25519)
}

async fn append(here: &Here, number: u64) {
    here.ledger().await.append(story::request(number)).await.unwrap();
}

/// The newest checkpoint, once it is over everything and holds.
async fn published(here: &Here, holds: impl Fn(&Published) -> bool) -> Arc<Published> {
    let mut seen = here.service().proofs().unwrap().follow();
    let wait = seen.wait_for(|published| published.as_ref().is_some_and(|published| holds(published)));
    tokio::time::timeout(Duration::from_mins(1), wait).await.unwrap().unwrap().clone().unwrap()
}

async fn witnessed(here: &Here) -> Arc<Published> {
    let size = here.service().store().size();
    let waiting = here.service().proofs().unwrap().wait_until_witnessed(size);
    tokio::time::timeout(Duration::from_mins(1), waiting).await.unwrap().unwrap()
}

/// Waits until the service knows this of its witnesses.
async fn state(here: &Here, holds: impl Fn(&probity::witness::State) -> bool) -> probity::witness::State {
    let mut state = here.service().witnesses().unwrap().clone();
    let wait = state.wait_for(|state| holds(state));
    tokio::time::timeout(Duration::from_mins(1), wait).await.unwrap().unwrap().clone()
}

/// The same, while time passes: who failed a moment ago is asked again.
async fn in_time(here: &Here, clock: &Settable, holds: impl Fn(&probity::witness::State) -> bool) {
    let mut state = here.service().witnesses().unwrap().clone();
    for _ in 0..600 {
        if tokio::time::timeout(Duration::from_millis(100), state.wait_for(|state| holds(state))).await.is_ok() {
            return;
        }
        clock.pass(1_000);
    }
    panic!("{:?}", state.borrow());
}

fn refusal(data: &Path, clock: &Arc<Settable>, witness: WitnessOptions) -> Contradiction {
    let mut all = Options::new(data.to_owned());
    all.store.reserve_bytes = 0;
    set(&mut all, Some(witness));
    match service::open(&all, Arc::clone(clock) as _, |_| ()) {
        Err(OpenError::Witness(contradiction)) => *contradiction,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it opened"),
    }
}

fn copy(from: &Path, to: &Path) {
    assert!(std::process::Command::new("cp").arg("-r").arg(from).arg(to).status().unwrap().success());
}

/// A server that says that it knows so many entries, and answers every other request to cosign with one status and body.
async fn fixed(knows: u64, status: u16, body: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = move |request: String| async move {
        if request.starts_with(&format!("old {knows}\n")) && knows != 1 {
            return (StatusCode::from_u16(status).unwrap(), body);
        }
        (StatusCode::CONFLICT, format!("{knows}\n"))
    };
    let router = Router::new().route("/add-checkpoint", post(answer));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

/// An address at which nobody listens.
async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_growing_log_is_cosigned_by_all_and_so_kept() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let data = folder.path().join("data");
    let log = made(&data, &clock).await;
    let one = Server::start(9, &folder.path().join("w9"), &log, &clock).await;
    let two = Server::start(10, &folder.path().join("w10"), &log, &clock).await;
    let policy = policy(&[(&one.signer, &one.url), (&two.signer, &two.url)], "all");
    let here = open(&data, &clock, options(policy.clone())).await;
    for number in 0..5 {
        append(&here, number).await;
        let published = witnessed(&here).await;
        assert!(published.witnessed);
        let log = vkey(&here);
        let found = policy.check_with(&published.note, [&log]).unwrap();
        assert_eq!(found.witnesses.len(), 2);
        let kept = Note::parse(&fs::read(data.join("checkpoints/witnessed")).unwrap()).unwrap();
        assert_eq!(kept, published.note);
    }
    let before = witnessed(&here).await;
    here.stop().await;
    // The next start finds both, and says at once what was witnessed.
    let here = open(&data, &clock, options(policy)).await;
    let again = witnessed(&here).await;
    assert!(again.checkpoint.size >= before.checkpoint.size);
    here.stop().await;
    one.stop().await;
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_quorum_nothing_is_witnessed() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let data = folder.path().join("data");
    let log = made(&data, &clock).await;
    let one = Server::start(9, &folder.path().join("w9"), &log, &clock).await;
    let gone = (key("gone", 7), nobody().await);
    let all = policy(&[(&one.signer, &one.url), (&gone.0, &gone.1)], "all");
    let here = open(&data, &clock, options(all)).await;
    append(&here, 1).await;
    let size = here.service().store().size();
    let cosigned = published(&here, |it| it.checkpoint.size >= size && it.note.signatures().len() == 2).await;
    assert!(!cosigned.witnessed, "one of two");
    assert!(!data.join("checkpoints/witnessed").exists());
    let found = state(&here, |state| state.peers[0].size > 0 && state.peers[1].failures > 0).await;
    assert_eq!((found.quorum_size, found.is_good()), (0, true));
    here.stop().await;
    // The same with one of two.
    let any = policy(&[(&one.signer, &one.url), (&gone.0, &gone.1)], "1");
    let here = open(&data, &clock, options(any)).await;
    assert!(witnessed(&here).await.witnessed);
    here.stop().await;
    one.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_log_is_cosigned_again() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let data = folder.path().join("data");
    let log = made(&data, &clock).await;
    let one = Server::start(9, &folder.path().join("w9"), &log, &clock).await;
    let witness = policy(&[(&one.signer, &one.url)], "all");
    let here = open(&data, &clock, options(witness.clone())).await;
    let first = witnessed(&here).await;
    let at = |published: &Published| {
        policy(&[(&one.signer, &one.url)], "all").check_with(&published.note, [&vkey(&here)]).unwrap().witnesses[0]
            .time_s
    };
    assert_eq!(at(&first), Some(BEGIN_S));
    clock.pass(600_000);
    let again = published(&here, |it| it.witnessed && it.note != first.note).await;
    assert_eq!(again.note.text(), first.note.text(), "nothing was written");
    assert_eq!(at(&again), Some(BEGIN_S + 600));
    assert_eq!(again.note.signatures().len(), 2, "the later takes the place of the earlier");
    // Both are kept for long: together they say more than the later one.
    let (size, kept) = (first.checkpoint.size, data.join("checkpoints/cosigned/2026-09-21"));
    assert_eq!(names(&kept), [format!("{BEGIN_S}-{size}"), format!("{}-{size}", BEGIN_S + 600)]);
    for (file, note) in names(&kept).into_iter().zip([&first.note, &again.note]) {
        assert_eq!(Note::parse(&fs::read(kept.join(file)).unwrap()).unwrap(), *note);
    }
    here.stop().await;
    one.stop().await;
    // Who verifies reads them all, but for what a crash left half written.
    let verify = || run(probity(["verify", "--data"]).arg(&data));
    let half = kept.join(format!("{}-{size}.new", BEGIN_S + 1200));
    fs::write(&half, "half a no").unwrap();
    let (status, printed, said) = verify();
    assert_eq!(status, Some(0), "{printed}{said}");
    fs::rename(&half, half.with_extension("")).unwrap();
    assert_eq!(verify().0, Some(2), "it is no note");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_good_cosignature_is_not_kept() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let data = folder.path().join("data");
    let log = made(&data, &clock).await;
    let one = Server::start(9, &folder.path().join("w9"), &log, &clock).await;
    // Cosigned under the same name by another key, a line that is none, a good signature of another text.
    let other = key(one.signer.name(), 99);
    let text = format!("{ORIGIN}\n2\n{}\n", data_encoding::BASE64.encode(&[1; 32]));
    let of_another_text = probity::log::cosign(&text, BEGIN_S, &one.signer);
    let of_another_key = probity::log::cosign(&text, BEGIN_S, &other);
    for body in [format!("{of_another_text}\n"), format!("{of_another_key}\n"), "— w AAAA\n".to_owned(), String::new()]
    {
        let url = fixed(0, 200, body.clone()).await;
        let here = open(&data, &clock, options(policy(&[(&one.signer, &url)], "all"))).await;
        let state = state(&here, |state| state.peers.first().is_some_and(|peer| peer.failures > 0)).await;
        assert_eq!(state.peers[0].size, 0, "{body}");
        let published = published(&here, |_| true).await;
        assert_eq!((published.note.signatures().len(), published.witnessed), (1, false), "{body}");
        here.stop().await;
        let kept = Note::parse(&fs::read(data.join("checkpoints/newest")).unwrap()).unwrap();
        assert_eq!(kept.signatures().len(), 1, "{body}");
    }
    one.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_old_folder_is_refused() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let (data, old) = (folder.path().join("data"), folder.path().join("old"));
    let log = made(&data, &clock).await;
    copy(&data, &old);
    let one = Server::start(9, &folder.path().join("w9"), &log, &clock).await;
    let witness = policy(&[(&one.signer, &one.url)], "all");
    let here = open(&data, &clock, options(witness.clone())).await;
    append(&here, 1).await;
    let seen = witnessed(&here).await.checkpoint.size;
    here.stop().await;
    // Everything in the old folder agrees with itself: only the witness knows.
    let refused = {
        let (old, clock, witness) = (old.clone(), Arc::clone(&clock), witness.clone());
        tokio::task::spawn_blocking(move || refusal(&old, &clock, options(witness))).await.unwrap()
    };
    let Contradiction::RolledBack { seen: told, size, evidence: Some(evidence), .. } = &refused else {
        panic!("{refused}");
    };
    assert!(*told == seen && *size < seen, "{refused}");
    assert!(refused.to_string().contains("never write to it again; restore a backup that reaches"), "{refused}");
    let text = fs::read_to_string(evidence).unwrap();
    assert!(text.contains(&format!("\n{seen}\n")) && text.contains("===== what the witness has"), "{text}");
    // The whole folder is still good.
    let here = open(&data, &clock, options(witness)).await;
    here.stop().await;
    one.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_is_refused_at_the_start() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let (data, twin) = (folder.path().join("data"), folder.path().join("twin"));
    let log = made(&data, &clock).await;
    copy(&data, &twin);
    let one = Server::start(9, &folder.path().join("w9"), &log, &clock).await;
    let witness = policy(&[(&one.signer, &one.url)], "all");
    let here = open(&data, &clock, options(witness.clone())).await;
    append(&here, 1).await;
    let seen = witnessed(&here).await.checkpoint.clone();
    here.stop().await;
    // The twin grows on its own, further than the witness has seen.
    let here = Here::open(&twin, &clock, |options| set(options, None)).await;
    for number in 10..20 {
        append(&here, number).await;
    }
    here.stop().await;
    let refused = {
        let (twin, clock) = (twin.clone(), Arc::clone(&clock));
        tokio::task::spawn_blocking(move || refusal(&twin, &clock, options(witness))).await.unwrap()
    };
    let Contradiction::Forked { size, theirs, ours, evidence: Some(_), .. } = &refused else { panic!("{refused}") };
    assert!(*size == seen.size && *theirs == Some(seen.root) && *ours != seen.root, "{refused}");
    one.stop().await;
}

/// Two services with one key: the second one meets the tree of the first at a witness, and stops.
#[tokio::test(flavor = "multi_thread")]
async fn a_fork_under_way_stops_the_writer() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let (data, twin) = (folder.path().join("data"), folder.path().join("twin"));
    let log = made(&data, &clock).await;
    copy(&data, &twin);
    let one = Server::start(9, &folder.path().join("w9"), &log, &clock).await;
    let witness = policy(&[(&one.signer, &one.url)], "all");
    let first = open(&data, &clock, options(witness.clone())).await;
    witnessed(&first).await;
    let second = open(&twin, &clock, options(witness)).await;
    witnessed(&second).await;
    append(&first, 1).await;
    witnessed(&first).await;
    append(&second, 2).await;
    let found = state(&second, |state| state.contradiction.is_some() && state.peers[0].alarm).await;
    assert!(!found.is_good(), "{found:?}");
    let mut health = second.service().health();
    let stopped = health.wait_for(|health| matches!(health, Health::Stopped { .. }));
    tokio::time::timeout(Duration::from_mins(1), stopped).await.unwrap().unwrap();
    assert!(second.ledger().await.append(story::request(3)).await.is_err(), "it was written to a fork");
    let evidence = names(&twin.join("checkpoints")).into_iter().filter(|name| name.starts_with("fork-")).count();
    let rollback = names(&twin.join("checkpoints")).into_iter().filter(|name| name.starts_with("rollback-")).count();
    assert_eq!(evidence + rollback, 1);
    first.stop().await;
    second.stop().await;
    one.stop().await;
}

/// A witness that only says that it has another tree, and cannot show one with our signature, does not stop the log, unless
/// its word alone is enough for the policy.
#[tokio::test(flavor = "multi_thread")]
async fn a_fork_that_is_only_claimed_is_told_and_stops_nothing() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let (data, liar) = (folder.path().join("data"), key("liar", 7));
    made(&data, &clock).await;
    // Before the start a claim is enough: nothing is lost by looking first.
    let url = fixed(1_000_000, 409, String::new()).await;
    let refused = {
        let (data, clock, witness) = (data.clone(), Arc::clone(&clock), policy(&[(&liar, &url)], "1"));
        tokio::task::spawn_blocking(move || refusal(&data, &clock, options(witness))).await.unwrap()
    };
    assert!(matches!(refused, Contradiction::RolledBack { seen: 1_000_000, .. }), "{refused}");
    // While it is written, it is not.
    for (status, body) in [(422, "the proof leads elsewhere\n"), (409, "1000000\n")] {
        let url = fixed(2, status, body.to_owned()).await;
        let gone = (key("gone", 8), nobody().await);
        let here = open(&data, &clock, options(policy(&[(&liar, &url), (&gone.0, &gone.1)], "all"))).await;
        append(&here, status.into()).await;
        let found = state(&here, |state| state.contradiction.is_some()).await;
        assert!(!found.is_good());
        assert_eq!(*here.service().health().borrow(), Health::Writing);
        append(&here, 1000 + u64::from(status)).await;
        here.stop().await;
    }
    let url = fixed(2, 422, "the proof leads elsewhere\n".to_owned()).await;
    let here = open(&data, &clock, options(policy(&[(&liar, &url)], "1"))).await;
    let mut health = here.service().health();
    let stopped = health.wait_for(|health| matches!(health, Health::Stopped { .. }));
    tokio::time::timeout(Duration::from_mins(1), stopped).await.unwrap().unwrap();
    here.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_no_alarm() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let data = folder.path().join("data");
    made(&data, &clock).await;
    let one = Server::start(9, &folder.path().join("w9"), &super::log_line(&key(ORIGIN, 55)), &clock).await;
    // It knows another key under the same name: 403.
    let here = open(&data, &clock, options(policy(&[(&one.signer, &one.url)], "all"))).await;
    append(&here, 1).await;
    assert_eq!(*here.service().health().borrow(), Health::Writing);
    let state = here.service().witnesses().unwrap().borrow().clone();
    assert!(state.is_good(), "{state:?}");
    here.stop().await;
    one.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_witness_nothing_is_written_until_one_answers() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let data = folder.path().join("data");
    let log = made(&data, &clock).await;
    let gone = nobody().await;
    let one = key("witness.example.org/w9", 9);
    let here = open(&data, &clock, options(policy(&[(&one, &gone)], "all"))).await;
    let held = state(&here, |state| state.holding.is_some()).await;
    assert!(!held.is_good());
    assert!(here.ledger().await.append(story::request(1)).await.is_err(), "it was written without a witness");
    assert!(here.service().reader().entry(0).unwrap().is_some(), "reads go on");
    // The time alone changes nothing.
    clock.pass(400_000);
    clock.pass(2_000);
    state(&here, |state| state.holding.is_some()).await;
    assert!(here.ledger().await.append(story::request(1)).await.is_err());
    // The witness comes.
    let port = gone.rsplit(':').next().unwrap().parse().unwrap();
    let server = serve_at(port, &folder.path().join("w9"), &log, &clock).await;
    in_time(&here, &clock, |state| state.holding.is_none()).await;
    append(&here, 1).await;
    let size = here.service().store().size();
    in_time(&here, &clock, |state| state.quorum_size >= size).await;
    here.stop().await;
    server.abort();
}

async fn serve_at(port: u16, folder: &Path, log: &str, clock: &Arc<Settable>) -> tokio::task::JoinHandle<()> {
    let policy = Policy::parse(format!("{log}quorum none\n").as_bytes()).unwrap();
    let signer = key("witness.example.org/w9", 9);
    let witness = probity::witness::Witness::open(signer, &policy, folder, Arc::clone(clock) as _, None).unwrap();
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let pages = probity::witness::pages(Arc::new(witness));
    tokio::spawn(http::answer(listener, pages, Patience::default(), CancellationToken::new()))
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_written_without_a_witness_where_that_is_set() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let data = folder.path().join("data");
    made(&data, &clock).await;
    let one = key("witness.example.org/w9", 9);
    let without = WitnessOptions { start_without: true, ..options(policy(&[(&one, &nobody().await)], "all")) };
    let here = open(&data, &clock, without).await;
    state(&here, |state| state.holding.is_some()).await;
    clock.pass(301_000);
    state(&here, |state| state.holding.is_none() && !state.peers.is_empty()).await;
    append(&here, 1).await;
    here.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_refuses_appends_while_the_quorum_is_too_old() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let data = folder.path().join("data");
    let log = made(&data, &clock).await;
    let one = Server::start(9, &folder.path().join("w9"), &log, &clock).await;
    let (url, signer) = (one.url.clone(), one.signer.clone());
    let closed = WitnessOptions { fail: WitnessFail::Closed, ..options(policy(&[(&signer, &url)], "all")) };
    let here = open(&data, &clock, closed).await;
    witnessed(&here).await;
    one.stop().await;
    append(&here, 1).await;
    clock.pass(1_201_000);
    state(&here, |state| state.holding.is_some()).await;
    assert!(here.ledger().await.append(story::request(2)).await.is_err(), "it was written");
    assert!(here.service().proofs().unwrap().published().is_ok(), "what is published is served");
    let port = url.rsplit(':').next().unwrap().parse().unwrap();
    let server = serve_at(port, &folder.path().join("w9"), &log, &clock).await;
    clock.pass(61_000);
    in_time(&here, &clock, |state| state.holding.is_none()).await;
    append(&here, 2).await;
    here.stop().await;
    server.abort();
}

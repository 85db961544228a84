//! Acknowledgement levels: what an append is answered with when a proof is asked for.

use std::time::Duration;

use probity::keys;
use probity::log::PublicKey;
use probity::log::SignatureType;
use probity::log::VerifierKey;
use probity::proto::v1;
use probity::proto::v1::Acknowledgement;
use probity::publish::PublishOptions;
use probity::server::errors::Reason;
use probity::verify::Trust;
use probity::witness::WitnessFail;
use probity::witness::WitnessOptions;
use tonic::Request;

use crate::proofs::ORIGIN;
use crate::proofs::Seals;
use crate::proofs::Stand;
use crate::proofs::WHEN_ASKED;
use crate::proofs::files::judged;
use crate::service::Here;
use crate::service::append_all;
use crate::service::head;
use crate::service::refusal;
use crate::service::story;
use crate::witness;
use crate::witness::Server;

fn asking(level: Acknowledgement, request: v1::AppendRequest) -> v1::AppendRequest {
    v1::AppendRequest { acknowledgement: level.into(), ..request }
}

fn sealed(number: u64) -> v1::AppendRequest {
    asking(Acknowledgement::Sealed, story::request(number))
}

/// The answer proves its last event, without the service.
fn proves(what: &str, answer: &v1::AppendResponse, trust: Trust<'_>) {
    assert_eq!(answer.acknowledgement(), Acknowledgement::Sealed, "{what}");
    carries_a_proof(what, answer, trust);
}

fn carries_a_proof(what: &str, answer: &v1::AppendResponse, trust: Trust<'_>) {
    let proof = answer.proof.as_ref().unwrap_or_else(|| panic!("{what}: no proof"));
    let last = answer.first_position + u64::from(answer.count) - 1;
    let leaf_hash = data_encoding::HEXLOWER.encode(&answer.leaf_hash);
    assert_eq!(judged(&proof.tlog_proof, trust), Ok(format!("{last} {leaf_hash} of {}", proof.size)), "{what}");
    assert!(String::from_utf8_lossy(&proof.tlog_proof).ends_with(&proof.checkpoint), "{what}");
    assert!(proof.size > last, "{what}");
}

fn only_recorded(what: &str, answer: &v1::AppendResponse) {
    assert_eq!((answer.acknowledgement(), &answer.proof), (Acknowledgement::Recorded, &None), "{what}");
}

async fn within(stand: &mut Stand, request: v1::AppendRequest, timeout: Duration) -> v1::AppendResponse {
    let mut request = Request::new(request);
    request.set_timeout(timeout);
    stand.ledger.append(request).await.unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_answer_is_checked_without_the_service() {
    let mut stand = Stand::open().await;
    let keys = [stand.key.clone()];
    let trust = Trust { keys: &keys, policy: None };
    only_recorded("not asked for", &stand.append(story::request(1)).await.unwrap());
    let first = stand.append(sealed(2)).await.unwrap();
    proves("asked for", &first, trust);
    // What was recorded without a proof gets one when it is sent again, and what had one gets it again.
    let again = stand.append(sealed(1)).await.unwrap();
    assert!(again.replayed);
    proves("sent again", &again, trust);
    let again = stand.append(sealed(2)).await.unwrap();
    assert!(again.replayed);
    proves("sent again with a proof", &again, trust);
    assert_eq!((again.first_position, &again.leaf_hash), (first.first_position, &first.leaf_hash));
    only_recorded("sent again without", &stand.append(story::request(2)).await.unwrap());
    stand.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_keeps_its_order_whoever_waits() {
    let mut stand = Stand::open().await;
    let keys = [stand.key.clone()];
    let trust = Trust { keys: &keys, policy: None };
    let bad = v1::AppendRequest { events: Vec::new(), ..sealed(90) };
    let requests = vec![story::request(1), sealed(2), bad, story::request(3), sealed(4), sealed(2), sealed(5)];
    let answers = append_all(&mut stand.ledger, requests).await.unwrap();
    assert_eq!(answers.len(), 7);
    let told = |at: usize| answers[at].as_ref().unwrap();
    for at in [0, 3] {
        only_recorded("not asked for", told(at));
    }
    for at in [1, 4, 5, 6] {
        proves("asked for", told(at), trust);
    }
    refusal::check("no event", answers[2].as_ref().unwrap_err(), Reason::EventCount, "", "");
    assert!(told(5).replayed && told(5).first_position == told(1).first_position);
    let places: Vec<u64> = [0, 1, 3, 4, 6].map(|at| told(at).first_position).to_vec();
    assert!(places.is_sorted(), "{places:?}");
    stand.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_that_passes_before_the_seal_is_no_failure() {
    let mut stand = Stand::told().await;
    let keys = [stand.key.clone()];
    let trust = Trust { keys: &keys, policy: None };
    stand.gate.set(Seals::Held);
    let answer = within(&mut stand, sealed(4), Duration::from_millis(500)).await;
    only_recorded("a deadline before the seal", &answer);
    // It is recorded, and the same request gets its proof when there is one.
    stand.gate.set(Seals::Written);
    let again = stand.append(sealed(4)).await.unwrap();
    assert!(again.replayed);
    assert_eq!((again.first_position, &again.leaf_hash), (answer.first_position, &answer.leaf_hash));
    proves("after the seal", &again, trust);
    stand.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_stops_meanwhile_does_not_hide_what_is_recorded() {
    let mut stand = Stand::told().await;
    stand.gate.set(Seals::Refused);
    let answer = within(&mut stand, sealed(4), Duration::from_mins(1)).await;
    only_recorded("a seal that the disk refused", &answer);
    let entry = v1::GetEntryRequest { position: answer.first_position, view: 0 };
    let entry = stand.ledger.get_entry(entry).await.unwrap().into_inner().entry.unwrap();
    assert_eq!(entry.request_id, story::request_id(4));
    let refused = stand.append(sealed(5)).await.unwrap_err();
    refusal::check("after it", &refused, Reason::WritingStopped, "", "");
    stand.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_answers_what_it_knows() {
    let stand = Stand::told().await;
    stand.gate.set(Seals::Held);
    let mut ledger = stand.ledger.clone();
    let mut heads = stand.running.service().head();
    let before = heads.borrow_and_update().size;
    let waiting = tokio::spawn(async move { ledger.append(sealed(4)).await });
    heads.wait_for(|head| head.size > before).await.unwrap();
    let gate = std::sync::Arc::clone(&stand.gate);
    let stopping = tokio::spawn(stand.stop());
    let answer = waiting.await.unwrap().unwrap().into_inner();
    only_recorded("a server that ends", &answer);
    gate.set(Seals::Written);
    stopping.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_given_is_refused_before_anything_is_written() {
    for (seal_every, level, reason) in [
        (None, Acknowledgement::Sealed, Reason::PublishingOff),
        (None, Acknowledgement::Witnessed, Reason::PublishingOff),
        (Some(WHEN_ASKED), Acknowledgement::Witnessed, Reason::NoWitnessPolicy),
    ] {
        let mut stand = Stand::open_with(seal_every).await;
        if seal_every.is_some() {
            stand.seal().await;
        }
        let before = head(&mut stand.ledger).await;
        let request = asking(level, story::request(1));
        let refused = stand.append(request.clone()).await.unwrap_err();
        refusal::check("a call", &refused, reason, "", "");
        let answers = append_all(&mut stand.ledger, vec![request]).await.unwrap();
        refusal::check("a stream", answers[0].as_ref().unwrap_err(), reason, "", "");
        assert_eq!(head(&mut stand.ledger).await, before);
        only_recorded("asked for less", &stand.append(story::request(1)).await.unwrap());
        stand.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witnessed_answer_has_the_cosignatures_and_says_when_they_did_not_come() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), witness::clock());
    let data = folder.path().join("data");
    let public_key = PublicKey::parse(&keys::generate(&data.join("keys")).unwrap().1).unwrap();
    let log = [VerifierKey::new(ORIGIN, SignatureType::Ed25519, public_key).unwrap()];
    let server = Server::start(9, &folder.path().join("w9"), &format!("log {}\n", log[0]), &clock).await;
    let policy = witness::policy(&[(&server.signer, &server.url)], "all");
    let asked = WitnessOptions {
        policy: policy.clone(),
        fail: WitnessFail::Open,
        again: None,
        wait: Duration::from_mins(5),
        start_without: false,
    };
    let here = Here::open(&data, &clock, |options| {
        options.origin = Some(ORIGIN.to_owned());
        options.publish = Some(PublishOptions { seal_every: WHEN_ASKED, ..PublishOptions::default() });
        options.witness = Some(asked);
    })
    .await;
    let witnessed = Trust { keys: &log, policy: Some(&policy) };
    let mut ledger = here.ledger().await;
    let asking_for_all = |number| asking(Acknowledgement::Witnessed, story::request(number));
    let answer = ledger.append(asking_for_all(1)).await.unwrap().into_inner();
    assert_eq!(answer.acknowledgement(), Acknowledgement::Witnessed);
    carries_a_proof("witnessed", &answer, witnessed);
    let again = ledger.append(asking_for_all(1)).await.unwrap().into_inner();
    assert!(again.replayed);
    carries_a_proof("witnessed, and sent again", &again, witnessed);
    // Without the witness it is sealed all the same, and the answer says no more than that.
    server.stop().await;
    let mut request = Request::new(asking_for_all(2));
    request.set_timeout(Duration::from_millis(800));
    let answer = ledger.append(request).await.unwrap().into_inner();
    proves("sealed", &answer, Trust { policy: None, ..witnessed });
    let found = judged(&answer.proof.unwrap().tlog_proof, witnessed).unwrap_err();
    assert!(found.contains("not witnessed as the policy asks"), "{found}");
    here.stop().await;
}

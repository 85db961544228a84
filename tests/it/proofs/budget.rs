//! The completeness map with nothing of it in memory but what changed since it was last saved: every proof is made from
//! rows that are read again, while others are saved over them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use probity::clock::Settable;
use probity::ledger::Vault as _;
use probity::log::PublicKey;
use probity::log::SignatureType;
use probity::log::VerifierKey;
use probity::proto::v1;
use probity::proto::v1::history::Of;
use probity::proto::v1::proof_service_client::ProofServiceClient;
use probity::publish::PublishOptions;
use probity::server::errors::Reason;
use probity::service::Options;
use probity::store::runs::Position;
use probity::store::runs::Table;
use probity::verify::Trust;
use tempfile::TempDir;
use tonic::Status;
use tonic::transport::Channel;

use crate::proofs::NOW_MS;
use crate::proofs::files::judged;
use crate::proofs::subject;
use crate::service;
use crate::service::Here;
use crate::service::Served;
use crate::service::append_all;
use crate::service::serve;
use crate::service::story;

/// Table, prefix and rules of what is saved of tree and map.
const SAVED: (u8, usize, u32) = (9, 1, 2);

async fn open(data: &Path, map_bytes: u64) -> Here {
    let publish = PublishOptions { seal_every: Duration::from_millis(1), map_bytes };
    let change = |options: &mut Options| (options.publish, options.accept_gap) = (Some(publish), true);
    Here::open(data, &Settable::at(NOW_MS), change).await
}

fn key_of(here: &Here) -> VerifierKey {
    let public_key = PublicKey::parse(&here.service().keys().public_key()).unwrap();
    VerifierKey::new(here.service().vault().origin(), SignatureType::Ed25519, public_key).unwrap()
}

fn person(number: u64) -> v1::AppendRequest {
    story::append(number, [story::person(&story::id(number, 1)).into()])
}

/// Another case about a person who is there.
fn about(number: u64, person: u64) -> v1::AppendRequest {
    story::append(number, [story::case(&story::id(number, 3), &[&story::id(person, 1)]).into()])
}

async fn record(url: &str, requests: impl IntoIterator<Item = v1::AppendRequest>) {
    let mut ledger = service::ledger(url).await;
    for answer in append_all(&mut ledger, requests.into_iter().collect()).await.unwrap() {
        answer.unwrap();
    }
}

async fn sealed(url: &str) -> ProofServiceClient<Channel> {
    let (head, _) = service::head(&mut service::ledger(url).await).await;
    let mut proofs = ProofServiceClient::connect(url.to_owned()).await.unwrap();
    proofs.get_checkpoint(v1::GetCheckpointRequest { wait_for_size: Some(head + 1) }).await.unwrap();
    proofs
}

/// A `.subject-proof`, once the map is folded.
async fn history(proofs: &mut ProofServiceClient<Channel>, of: Of) -> Result<Vec<u8>, Status> {
    loop {
        let request =
            v1::ProveSubjectRequest { history: Some(v1::History { of: Some(of.clone()) }), inclusion_of_each: false };
        let mut messages = match proofs.prove_subject(request).await {
            Ok(messages) => messages.into_inner(),
            Err(status) if Reason::of(&status) == Some(Reason::NotPublished) => continue,
            Err(status) => return Err(status),
        };
        let mut bytes = Vec::new();
        while let Some(message) = messages.message().await? {
            bytes.extend_from_slice(&message.chunk);
        }
        return Ok(bytes);
    }
}

/// Every person has so many entries, and one who is not there has none.
async fn check(here: &Here, persons: u64, entries: impl Fn(u64) -> usize) {
    let mut proofs = sealed(&here.url).await;
    let keys = [key_of(here)];
    for number in 0..persons {
        let bytes = history(&mut proofs, subject(number, 1, "entity")).await.unwrap();
        let good = judged(&bytes, Trust { keys: &keys, policy: None }).unwrap();
        let places = &good[good.find('[').unwrap()..good.find(']').unwrap()];
        assert_eq!(places.split(", ").count(), entries(number), "{number}: {good}");
    }
    let bytes = history(&mut proofs, subject(1 << 40, 1, "entity")).await.unwrap();
    let good = judged(&bytes, Trust { keys: &keys, policy: None }).unwrap();
    assert!(good.contains("[]"), "{good}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_in_memory_is_proved_while_more_is_filed_and_after_a_restart() {
    let folder = TempDir::new().unwrap();
    let here = open(folder.path(), 0).await;
    record(&here.url, (0..20).map(person)).await;
    check(&here, 20, |_| 1).await;
    // Whoever proves meets rows that were saved since the checkpoint that it began with; each answer is whole.
    let (ended, keys) = (Arc::new(AtomicBool::new(false)), [key_of(&here)]);
    let asking = (0..3).map(|_| {
        let (ended, url, keys) = (Arc::clone(&ended), here.url.clone(), keys.clone());
        tokio::spawn(async move {
            let (mut proofs, mut asked) = (sealed(&url).await, 0);
            while !ended.load(Ordering::Relaxed) || asked < 20 {
                let bytes = history(&mut proofs, subject(asked % 20, 1, "entity")).await.unwrap();
                judged(&bytes, Trust { keys: &keys, policy: None }).unwrap();
                asked += 1;
            }
        })
    });
    let asking: Vec<_> = asking.collect();
    for round in 0..12 {
        record(&here.url, (0..20).map(|person| about(1000 + 20 * round + person, person))).await;
        drop(sealed(&here.url).await);
    }
    ended.store(true, Ordering::Relaxed);
    for asking in asking {
        asking.await.unwrap();
    }
    check(&here, 20, |_| 13).await;
    here.stop().await;
    for map_bytes in [0, 3000, 1 << 30, 0] {
        let here = open(folder.path(), map_bytes).await;
        check(&here, 20, |_| 13).await;
        let resident = here.service().proofs().unwrap().map_figures().resident_bytes;
        assert!(resident <= map_bytes && (map_bytes < 3000 || resident > 0), "{resident}");
        here.stop().await;
    }
    service::verify(folder.path());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_loses_nothing_of_a_map_that_is_not_in_memory() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    for run in 0..4_u64 {
        let mut command = serve(&data);
        command.env("PROBITY_SEAL_EVERY_MS", "1").env("PROBITY_MAP_BYTES", "0");
        let served = Served::try_start(&mut command, &service::said(&data)).unwrap();
        if run == 0 {
            record(&served.url, (0..12).map(person)).await;
        } else {
            record(&served.url, (0..12).map(|person| about(100 * run + person, person))).await;
        }
        // Some runs end in the middle of what they save.
        if run % 2 == 0 {
            drop(sealed(&served.url).await);
        }
        served.kill();
    }
    let here = open(&data, 0).await;
    check(&here, 12, |_| 4).await;
    here.stop().await;
    service::verify(&data);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_gone_are_refused_and_folded_again_by_the_next_start() {
    let folder = TempDir::new().unwrap();
    let here = open(folder.path(), 0).await;
    record(&here.url, (0..10).map(person)).await;
    drop(sealed(&here.url).await);
    here.stop().await;
    let here = open(folder.path(), 0).await;
    check(&here, 10, |_| 1).await;
    // Under the feet of the service: the same table, opened a second time, throws all rows away.
    let (table, prefix, rules) = SAVED;
    let beside = here.service().index().table_beside(table, prefix, rules).unwrap();
    beside.clear().unwrap();
    drop(beside);
    let mut proofs = sealed(&here.url).await;
    for number in 0..10 {
        let refused = history(&mut proofs, subject(number, 1, "entity")).await.unwrap_err();
        assert_eq!(Reason::of(&refused), Some(Reason::StoreUnreadable), "{refused:?}");
    }
    assert_eq!(here.service().proofs().unwrap().map_figures().refused, 10);
    // What the map is not asked for is proved all the same.
    proofs.prove_inclusion(v1::ProveInclusionRequest { position: 3, size: None }).await.unwrap();
    // And a seal that would need those rows is not made up: nothing more is written in this run.
    let mut ledger = service::ledger(&here.url).await;
    ledger.append(about(500, 3)).await.unwrap();
    let mut health = here.service().health();
    health.wait_for(|health| *health != probity::sequencer::Health::Writing).await.unwrap();
    let refused = ledger.append(about(501, 3)).await.unwrap_err();
    assert_eq!(Reason::of(&refused), Some(Reason::WritingStopped));
    here.stop().await;
    let here = open(folder.path(), 0).await;
    check(&here, 10, |number| if number == 3 { 2 } else { 1 }).await;
    here.stop().await;
    service::verify(folder.path());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_row_that_was_changed_is_found_by_the_next_start() {
    let folder = TempDir::new().unwrap();
    for change in ["another history", "one more key"] {
        let here = open(folder.path(), 0).await;
        if change == "another history" {
            record(&here.url, (0..10).map(person)).await;
        }
        check(&here, 10, |_| 1).await;
        here.stop().await;
        let views = sled::open(folder.path().join("views")).unwrap();
        let (number, prefix, rules) = SAVED;
        let table = Table::open(&views, number, prefix, rules).unwrap();
        let position = table.position();
        assert_ne!(position, Position::START);
        let mut rows = table.rows_from(b"m").unwrap();
        let (key, value) = rows.next_row().unwrap().unwrap();
        let (mut key, mut value) = (key.to_vec(), value.to_vec());
        drop(rows);
        if change == "one more key" {
            *key.last_mut().unwrap() ^= 1;
        } else {
            *value.last_mut().unwrap() ^= 1;
        }
        table.add(1, position, |put| put(&key, &value)).unwrap();
        drop(table);
        drop(views);
        let here = open(folder.path(), 0).await;
        check(&here, 10, |_| 1).await;
        here.stop().await;
    }
    service::verify(folder.path());
}

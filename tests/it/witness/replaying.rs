//! A replaying witness cosigns only what a verifier would pass.

use data_encoding::HEXLOWER;
use probity::clock::Clock;
use probity::clock::Settable;
use probity::fetch::Client;
use probity::http::Access;
use probity::log::AddCheckpoint;
use probity::log::Body;
use probity::log::Checkpoint;
use probity::log::Leaf;
use probity::log::LeafHash;
use probity::log::MapRoot;
use probity::log::Policy;
use probity::log::SignatureType;
use probity::log::SignerKey;
use probity::publish::PublishOptions;
use probity::witness::Added;
use probity::witness::Replaying;
use probity::witness::Unreplayed;
use probity::witness::Witness;
use sha2::Digest as _;
use sha2::Sha256;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

use crate::service::Here;
use crate::service::story;
use crate::witness::clock;
use crate::witness::files::Files;
use crate::witness::key;

const ORIGIN: &str = "log.example.org/ours";
const TOKEN: &str = "a token of tests";

/// Leaves of a small log, and its key.
async fn log(data: &Path, clock: &Arc<Settable>) -> (Here, SignerKey) {
    let here = Here::open(data, clock, |options| {
        options.origin = Some(ORIGIN.to_owned());
        options.publish = Some(PublishOptions { seal_every: Duration::from_millis(1), ..PublishOptions::default() });
    })
    .await;
    for number in 0..3 {
        here.ledger().await.append(story::request(number)).await.unwrap();
    }
    sealed(&here).await;
    let signer = SignerKey::new(ORIGIN, here.service().keys().signing_keys()[0].clone()).unwrap();
    (here, signer)
}

async fn sealed(here: &Here) {
    let (proofs, size) = (here.service().proofs().unwrap().clone(), here.service().store().size());
    proofs.wait_for(size).await.unwrap();
}

fn leaves(here: &Here) -> Vec<Vec<u8>> {
    let proofs = here.service().proofs().unwrap();
    let size = proofs.published().unwrap().checkpoint.size;
    (0..size).map(|index| proofs.leaf(index).unwrap()).collect()
}

fn witness(state: &Path, signer: &SignerKey, url: &str, token: Option<&str>, clock: &Arc<Settable>) -> Witness {
    let line = format!("log {} {url}\nquorum none\n", signer.verifier(SignatureType::Ed25519));
    let policy = Policy::parse(line.as_bytes()).unwrap();
    let replaying = Replaying::new(Client::new(Duration::from_secs(20)), token.map(str::to_owned));
    let clock: Clock = Arc::clone(clock) as Clock;
    Witness::open(key("replaying.example.org", 9), &policy, state, clock, Some(Box::new(replaying))).unwrap()
}

/// A request over these leaves, signed by the log's own key.
fn request(leaves: &[Vec<u8>], signer: &SignerKey) -> String {
    let root = leaves.iter().map(|leaf| LeafHash::of(leaf)).collect::<probity::log::Frontier>().root();
    let size = leaves.len() as u64;
    let checkpoint = Checkpoint { origin: ORIGIN.to_owned(), size, root, extensions: Vec::new() };
    let note = checkpoint.sign(std::slice::from_ref(signer)).unwrap();
    AddCheckpoint::new(0, Vec::new(), note).unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_verifies_is_cosigned_as_it_grows() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let (here, signer) = log(&folder.path().join("data"), &clock).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    here.serve_log(listener, Access::parse(&[HEXLOWER.encode(&Sha256::digest(TOKEN))], false).unwrap());
    let witness = Arc::new(witness(&folder.path().join("state"), &signer, &url, Some(TOKEN), &clock));
    let mut old = 0;
    for number in 10..14 {
        let proofs = here.service().proofs().unwrap().clone();
        let published = proofs.published().unwrap();
        let size = published.checkpoint.size;
        let proof = if old == 0 { Vec::new() } else { proofs.consistency(old, size).unwrap() };
        let asked = AddCheckpoint::new(old, proof, published.note.clone()).unwrap().to_string();
        let asking = Arc::clone(&witness);
        let added = tokio::task::spawn_blocking(move || asking.add_checkpoint(asked.as_bytes())).await.unwrap();
        assert!(matches!(added, Added::Cosigned(_)), "{added:?}");
        old = size;
        here.ledger().await.append(story::request(number)).await.unwrap();
        sealed(&here).await;
    }
    here.stop().await;
}

/// The leaves are changed and signed all the same; what the witness says, and that a later good one is cosigned.
async fn check(words: &str, change: impl FnOnce(&mut Vec<Vec<u8>>)) {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let (here, signer) = log(&folder.path().join("data"), &clock).await;
    let good = leaves(&here);
    here.stop().await;
    let files = Files::serve().await;
    let witness = Arc::new(witness(&folder.path().join("state"), &signer, &files.url, None, &clock));
    let ask = async |leaves: &[Vec<u8>]| {
        files.bundle(leaves);
        let (asked, witness) = (request(leaves, &signer), Arc::clone(&witness));
        tokio::task::spawn_blocking(move || witness.add_checkpoint(asked.as_bytes())).await.unwrap()
    };
    let mut changed = good.clone();
    change(&mut changed);
    match ask(&changed).await {
        Added::NotReplayed(Unreplayed::Wrong(why)) => assert!(why.contains(words), "{words}: {why}"),
        other => panic!("{words}: {other:?}"),
    }
    let added = ask(&good).await;
    assert!(matches!(added, Added::Cosigned(_)), "{words}: {added:?}");
}

/// Changes one leaf, and what follows so that the chain holds.
fn rechain(leaves: &mut [Vec<u8>], at: usize, change: impl FnOnce(&mut Leaf)) {
    let mut change = Some(change);
    for index in at..leaves.len() {
        let mut leaf = Leaf::decode(&leaves[index]).unwrap();
        if let Some(change) = change.take() {
            change(&mut leaf);
        } else {
            leaf.previous = LeafHash::of(&leaves[index - 1]);
        }
        leaves[index] = leaf.encode();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_signed_but_wrong_is_not_cosigned() {
    check("map", |leaves| {
        let last = leaves.len() - 1;
        rechain(leaves, last, |leaf| {
            if let Body::Seal(seal) = &mut leaf.body {
                seal.map_root = MapRoot([7; 32]);
            }
        });
    })
    .await;
    check("no SEAL", |leaves| drop(leaves.pop())).await;
    check("leaf hash before it", |leaves| {
        let mut leaf = Leaf::decode(&leaves[3]).unwrap();
        leaf.previous = LeafHash([1; 32]);
        leaves[3] = leaf.encode();
    })
    .await;
    check("its leaf says index 3", |leaves| leaves.swap(2, 3)).await;
    check("sequence", |leaves| {
        let at = leaves.iter().position(|leaf| Leaf::decode(leaf).unwrap().event().is_some()).unwrap();
        rechain(leaves, at, |leaf| {
            if let Body::Event(event) = &mut leaf.body {
                event.stream.sequence += 1;
            }
        });
    })
    .await;
    check("still to come", |leaves| {
        let last = leaves.len() - 1;
        rechain(leaves, last, |leaf| leaf.recorded_at_ms += 100_000);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_not_cosigned_and_no_fault() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let (here, signer) = log(&folder.path().join("data"), &clock).await;
    let good = leaves(&here);
    here.stop().await;
    let files = Files::serve().await;
    let witness = witness(&folder.path().join("state"), &signer, &files.url, None, &clock);
    let asked = request(&good, &signer);
    let added = tokio::task::spawn_blocking(move || witness.add_checkpoint(asked.as_bytes())).await.unwrap();
    assert!(matches!(&added, Added::NotReplayed(Unreplayed::Unread(why)) if why.contains("404")), "{added:?}");
}
